"""Runs a Pulumi program in this process, as the CLI's pulumi-language-python-exec does; started by `ProgramProcess`.

`python -m local.engine.program <address> <project> <stack> <dry run> <parallel>`, the program's directory being the
working directory and PULUMI_CONFIG, PULUMI_CONFIG_SECRET_KEYS its configuration. Monitor and engine are at one address.
"""

import asyncio
import logging
import runpy
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pulumi
from pulumi import runtime
from pulumi.runtime.proto import engine_pb2
from pulumi.runtime.proto.engine_pb2_grpc import EngineStub


def main(address: str, project: str, stack: str, dry_run: str, parallel: str) -> int:
    """Run `__main__.py` in the working directory; 0 when it and every resource it registered succeeded."""
    runtime.set_all_config(runtime.get_config_env(), runtime.get_config_secret_keys_env())
    runtime.configure(
        runtime.Settings(
            project=project,
            stack=stack,
            organization="organization",  # what the CLI says when the backend has no organisations
            monitor=address,
            engine=_Engine(grpc.insecure_channel(address)),
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
    except Exception as error:
        pulumi.log.error(_as_the_program_sees_it(error, Path.cwd()))
        return 1
    finally:
        loop.close()
    return 0


class _Engine(EngineStub):
    """The engine, spared the SDK's debug messages: one call for each of them took a fifth of the program's time."""

    def __init__(self, channel: grpc.Channel) -> None:
        super().__init__(channel)
        log = self.Log

        def log_unless_debug(request: engine_pb2.LogRequest) -> None:
            if request.severity != engine_pb2.DEBUG:
                log(request)

        self.Log = log_unless_debug  # type: ignore[assignment]  # the SDK waits for the answer and ignores it


def _as_the_program_sees_it(error: Exception, directory: Path) -> str:
    """The traceback from the program's first file on; all of it when that has no part in it, as in an `apply`."""
    start, frames = str(directory / "__main__.py"), error.__traceback__
    while frames and frames.tb_frame.f_code.co_filename != start:
        frames = frames.tb_next
    return "".join(traceback.format_exception(type(error), error, frames or error.__traceback__))


def _run_directory(directory: Path) -> None:
    runpy.run_path(str(directory), run_name="__main__")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
