"""Compiles every module under a directory, by the Python that runs this: run by `stacks.compute.bytecode`.

With an unchecked hash (https://peps.python.org/pep-0552/): no start looks whether the source has changed. One process,
in the order of names: which objects bytecode refers back to depends on what was compiled before it.
"""

import py_compile
import sys
from pathlib import Path

# Where Lambda unpacks a zip. Elsewhere a traceback names the file all the same: importing corrects it.
TASK = "/var/task"


def compile_under(root: Path) -> None:
    """Write the compiled form of each module beside it. Raises `py_compile.PyCompileError`."""
    for module in sorted(root.rglob("*.py")):
        py_compile.compile(
            str(module),
            # Beside it, also where PYTHONPYCACHEPREFIX has the interpreter keep its own bytecode elsewhere.
            cfile=str(module.parent / "__pycache__" / f"{module.stem}.{sys.implementation.cache_tag}.pyc"),
            dfile=f"{TASK}/{module.relative_to(root).as_posix()}",
            doraise=True,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )


if __name__ == "__main__":
    compile_under(Path(sys.argv[1]))
