"""`carillon …`: the operator's command line.

On AWS it acts with the caller's own credentials and region, found as every AWS tool finds them (`AWS_PROFILE` and the
like). The environment `local` is the platform that `make up` has started in this checkout.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import boto3
import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from handlers.domain.channels import Channel
from handlers.domain.providers.registry import of_channel
from ops.apps import App, AppError, Apps
from ops.client import ApiError, Client, Credentials
from ops.providers import ProviderChangeError, Providers

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

LOCAL = Path(".carillon") / "local.json"
# The running platform's own: it has the root credentials of its account, which no producer is told.
SERVICES = LOCAL.parent / "run" / "services.json"
_NOT_UP = f"there is no {LOCAL} here: `make up` starts the platform and writes it"

app = typer.Typer(help="Operates Carillon.", no_args_is_help=True, pretty_exceptions_enable=False)
apps = typer.Typer(help="The apps that may send.", no_args_is_help=True)
app.add_typer(apps, name="apps")
providers = typer.Typer(help="A channel's providers; a change is in effect within ten seconds.", no_args_is_help=True)
app.add_typer(providers, name="providers")
console = Console(highlight=False, soft_wrap=True)
errors = Console(stderr=True, highlight=False, soft_wrap=True)

AppKey = Annotated[str, typer.Argument(help="One of `apps` in the environment's configuration.")]
OnAws = Annotated[str, typer.Option(help="The Pulumi stack: dev, prod.")]
Listed = Annotated[str, typer.Option(help="Separated by commas; * for all.")]
Anywhere = Annotated[str, typer.Option(help="The Pulumi stack, or local.")]
AsApp = Annotated[str | None, typer.Option("--app", help="The app to act as; on AWS its secret is read.")]
ApiUrl = Annotated[str | None, typer.Option(envvar="CARILLON_API_URL", help="The stack's output apiUrl; on AWS.")]

OfChannel = Annotated[Channel, typer.Argument(help="The channel.")]
Named = Annotated[str, typer.Argument(help="A provider of the channel.")]
InOrder = Annotated[list[str], typer.Argument(help="Those to be asked first; all others come after them.")]


@apps.command()
def put(app_key: AppKey, environment: OnAws, categories: Listed, channels: Listed) -> None:
    """Set what an app may send. An app without a secret gets one, which is shown now and never again."""
    with _one_clear_error():
        store = _apps(environment)
        known = store.find(app_key)
        stored = store.put(app_key, _split(categories), _split(channels))
        _show(app_key, stored)
        if known is None:
            _show_new_secret(stored)


@apps.command()
def rotate(app_key: AppKey, environment: OnAws) -> None:
    """Give an app a new secret, shown now and never again. Its last one stays valid until the next rotation."""
    with _one_clear_error():
        _show_new_secret(_apps(environment).rotate(app_key))


@apps.command()
def show(app_key: AppKey, environment: OnAws) -> None:
    """Show what an app may send, and how many secrets are valid; never the secrets."""
    with _one_clear_error():
        _show(app_key, _apps(environment).get(app_key))


@providers.command("list")
def list_(channel: OfChannel, environment: Anywhere = "local") -> None:
    """Show a channel's providers in the order in which they are asked, and the state of their circuits."""
    with _one_clear_error():
        _show_providers(_providers(channel, environment))


@providers.command()
def on(channel: OfChannel, provider: Named, environment: Anywhere = "local") -> None:
    """Let a provider be asked again."""
    with _one_clear_error():
        store = _providers(channel, environment)
        store.turn_on(provider)
        _show_providers(store)


@providers.command()
def off(channel: OfChannel, provider: Named, environment: Anywhere = "local") -> None:
    """Let a provider not be asked any more. When it is the channel's last, messages wait."""
    with _one_clear_error():
        store = _providers(channel, environment)
        store.turn_off(provider)
        _show_providers(store)


@providers.command()
def order(channel: OfChannel, names: InOrder, environment: Anywhere = "local") -> None:
    """Set in which order providers are asked."""
    with _one_clear_error():
        store = _providers(channel, environment)
        store.reorder(names)
        _show_providers(store)


@app.command()
def token(environment: Anywhere = "local", app_key: AsApp = None) -> None:
    """Print a bearer token, good for two minutes."""
    with _one_clear_error():
        typer.echo(_credentials(environment, app_key).token())


@app.command()
def send(
    notification: Annotated[
        typer.FileText, typer.Argument(help="A JSON file with the body of the request; - for stdin.")
    ],
    environment: Anywhere = "local",
    app_key: AsApp = None,
    api_url: ApiUrl = None,
) -> None:
    """Have a notification accepted and show its deliveries."""
    with _one_clear_error(), _client(environment, app_key, api_url) as client:
        console.print_json(data=client.send(_read(notification)))


@app.command()
def status(
    notification_id: str, environment: Anywhere = "local", app_key: AsApp = None, api_url: ApiUrl = None
) -> None:
    """Show a notification with its deliveries, attempts and timelines."""
    with _one_clear_error(), _client(environment, app_key, api_url) as client:
        console.print_json(data=client.notification(notification_id))


def _apps(environment: str) -> Apps:
    return Apps(boto3.client("secretsmanager"), environment)


def _providers(channel: Channel, environment: str) -> Providers:
    table = f"carillon-{environment}-limits"
    return Providers(_dynamodb(environment), table, [each.name for each in of_channel(channel)], channel)


def _dynamodb(environment: str) -> "DynamoDBClient":
    if environment != "local":
        return boto3.client("dynamodb")
    emulator = _of_running_platform(SERVICES)["emulator"]
    return boto3.client(
        "dynamodb",
        endpoint_url=emulator["endpoint_url"],
        region_name=emulator["region"],
        aws_access_key_id=emulator["access_key_id"],
        aws_secret_access_key=emulator["secret_access_key"],
    )


def _split(listed: str) -> tuple[str, ...]:
    return tuple(name for item in listed.split(",") if (name := item.strip()))


def _read(file: typer.FileText) -> dict[str, Any]:
    try:
        body = json.load(file)
    except ValueError as error:
        raise ApiError(f"{file.name} is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise ApiError(f"{file.name} is not a JSON object")
    return body


def _of_running_platform(path: Path) -> dict[str, Any]:
    """What the platform of this checkout says about itself while it is up. Raises `AppError` when it is not."""
    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise AppError(_NOT_UP) from error
    return found


def _credentials(environment: str, app_key: str | None) -> Credentials:
    if environment == "local":
        local = _of_running_platform(LOCAL)
        return Credentials(local["app_key"], local["app_secret"])
    if app_key is None:
        raise AppError(f"say which app of {environment} to act as: --app")
    return Credentials(app_key, _apps(environment).get(app_key).current_secret)


def _client(environment: str, app_key: str | None, api_url: str | None) -> Client:
    url = _of_running_platform(LOCAL)["api_url"] if environment == "local" else api_url
    if url is None:
        raise AppError(f"say where the API of {environment} is: --api-url, the stack's output apiUrl")
    return Client(url, _credentials(environment, app_key))


def _show(app_key: str, stored: App) -> None:
    console.print(f"app         {escape(app_key)}")
    console.print(f"categories  {escape(', '.join(stored.categories))}")
    console.print(f"channels    {escape(', '.join(stored.channels))}")
    console.print(f"secrets     {len(stored.secrets)} valid")


def _show_providers(store: Providers) -> None:
    now = datetime.now(UTC)
    table = Table("", "provider", "circuit", box=None, pad_edge=False)
    for each in store.statuses():
        table.add_row(str(each.place or "off"), escape(each.name), each.health(now))
    console.print(table)


def _show_new_secret(stored: App) -> None:
    console.print("The app's secret. It is shown this once: hand it over in a safe place.")
    console.print(stored.current_secret, markup=False)


@contextmanager
def _one_clear_error() -> Iterator[None]:
    try:
        yield
    except (AppError, ApiError, ProviderChangeError, BotoCoreError, ClientError) as error:
        errors.print(f"[bold red]error:[/] {escape(str(error))}")
        sys.exit(1)
