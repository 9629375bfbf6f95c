// node compile.mjs <directory of Pyodide> <compile_modules.py> <directory of modules>
// Runs the script by CPython as WebAssembly, which sees the directory as /modules and nothing else of this machine.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [pyodide, script, modules] = process.argv.slice(2);
const { loadPyodide } = await import(pathToFileURL(join(pyodide, "pyodide.mjs")));
const python = await loadPyodide({ env: { HOME: "/home/pyodide", PYTHONHASHSEED: "0" } });
python.mountNodeFS("/modules", modules);
python.runPython(`import sys; sys.argv = ["compile_modules.py", "/modules"]`);
python.runPython(readFileSync(script, "utf8"));
