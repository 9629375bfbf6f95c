"""The platform on this machine from the command line: up, down, status, demo."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Never

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from local import emulator
from local.demo import DemoError, run_demo
from local.directory import Directory, LocalInfo
from local.errors import PlatformError
from local.paths import CACHE
from local.platform import Platform, Ports, stop_running
from local.sandbox import process as sandbox
from local.warming import warm
from ops.apps import AppError
from ops.client import ApiError

app = typer.Typer(help="The whole platform on this machine.", no_args_is_help=True, pretty_exceptions_enable=False)
console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)

EmulatorPort = Annotated[int | None, typer.Option(envvar=emulator.PORT_VARIABLE, help="A free one unless given.")]
InboxPort = Annotated[int | None, typer.Option(envvar=sandbox.PORT_VARIABLE, help="A free one unless given.")]


@app.callback()
def prepare() -> None:
    """The whole platform on this machine."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that everything is cleaned up


@app.command()
def up(emulator_port: EmulatorPort = None, inbox_port: InboxPort = None) -> None:
    """Start the platform in the background and write .carillon/local.json; nothing to do when it is up."""
    place = Directory(CACHE)
    local = place.local() if place.owner() else None
    if local:
        console.print("The platform is up already.")
    else:
        with _one_clear_error():
            platform = Platform.start(CACHE, ports=Ports(emulator_port, inbox_port))
            warm(platform.local, platform.emulator, list(platform.outputs["queueUrls"]))
            platform.detach()
            local = platform.local
    _show(local)


@app.command()
def down() -> None:
    """Stop the platform of this checkout, in whatever state it is."""
    console.print("The platform is stopped." if stop_running(CACHE) else "The platform was not running.")


@app.command()
def status() -> None:
    """Say what runs. Exit code 1 when nothing does."""
    place = Directory(CACHE)
    supervisor, local = place.owner(), place.local()
    if supervisor and local:
        console.print(f"The platform is up; its supervisor is process {supervisor}.")
        _show(local)
        return
    console.print("The platform is being started." if supervisor else "The platform is not running.")
    if not supervisor and place.supervisor_log.exists() and (why := place.supervisor_log.read_text().strip()):
        console.print(f"It ended by itself:\n{escape(why)}")
    raise typer.Exit(1)


@app.command()
def demo() -> None:
    """Start a platform of its own, send through its API, show each delivery's timeline, stop."""
    with _one_clear_error():
        run_demo(console)


def _show(local: LocalInfo) -> None:
    table = Table.grid(padding=(0, 2))
    table.add_row("inbox page", local.inbox_url)
    table.add_row("API", local.api_url)
    table.add_row("credentials", os.path.relpath(CACHE / "local.json"))
    console.print(table)


@contextmanager
def _one_clear_error() -> Iterator[None]:
    try:
        yield
    except (PlatformError, DemoError, AppError, ApiError) as error:
        _fail(str(error))
    except KeyboardInterrupt:
        _fail("interrupted; nothing is left running", 128 + signal.SIGINT)


def _fail(message: str, code: int = 1) -> Never:
    errors.print(f"[bold red]error:[/] {escape(message)}")
    raise typer.Exit(code)
