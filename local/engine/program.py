"""Runs a Pulumi program in this process, as the CLI's pulumi-language-python-exec does; started by `ProgramProcess`.

`python -m local.engine.program <monitor> <engine> <project> <stack> <organization> <dry run> <parallel>`, the program's
directory being the working directory and PULUMI_CONFIG, PULUMI_CONFIG_SECRET_KEYS its configuration.
"""

import asyncio
import logging
import runpy
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pulumi
from pulumi import runtime


def main(monitor: str, engine: str, project: str, stack: str, organization: str, dry_run: str, parallel: str) -> int:
    """Run `__main__.py` in the working directory; 0 when it and every resource it registered succeeded."""
    runtime.set_all_config(runtime.get_config_env(), runtime.get_config_secret_keys_env())
    runtime.configure(
        runtime.Settings(
            project=project,
            stack=stack,
            organization=organization,
            monitor=monitor,
            engine=engine,
            parallel=int(parallel),
            dry_run=dry_run == "true",
            root_directory=str(Path.cwd()),
        )
    )
    # When a resource fails, the outputs that wait for it are never looked at; asyncio would complain about each.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    # The SDK blocks a thread of the default executor per registration; by default there are cores + 4 of them.
    loop.set_default_executor(ThreadPoolExecutor(int(parallel)))
    try:
        loop.run_until_complete(runtime.run_in_stack(lambda: _run_directory(Path.cwd())))
    except pulumi.RunError as error:
        pulumi.log.error(str(error))
        return 1
    except Exception:
        pulumi.log.error(traceback.format_exc())
        return 1
    finally:
        loop.close()
    return 0


def _run_directory(directory: Path) -> None:
    runpy.run_path(str(directory), run_name="__main__")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
