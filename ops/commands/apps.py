"""`carillon apps …`: who may send, and what."""

from collections.abc import Mapping
from typing import Annotated

import typer

from ops.apps import App
from ops.environment import LOCAL, Environment
from ops.terminal import AsJson, InEnvironment, console, group, one_clear_error, show, table

app = group("The apps that may send: their secrets, what they may send, and how often.")

AppKey = Annotated[str, typer.Argument(help="One of `apps` in the environment's configuration.")]
Listed = Annotated[str, typer.Option(help="Separated by commas; * for all.")]
Rate = Annotated[int | None, typer.Option(help="Requests a second; without, as many as the API takes.")]
Burst = Annotated[int | None, typer.Option(help="Requests at once.")]
Suppressions = Annotated[
    bool, typer.Option("--suppressions", help="It may see and change which addresses are not tried.")
]


@app.command()
def create(
    app_key: AppKey,
    categories: Listed,
    channels: Listed,
    rate: Rate = None,
    burst: Burst = None,
    suppressions: Suppressions = False,
    environment: InEnvironment = LOCAL,
) -> None:
    """Give an app its first secret, shown now and never again, and say what it may send."""
    with one_clear_error():
        apps = Environment(environment).apps()
        made = apps.create(app_key, _split(categories), _split(channels), rate, burst, suppressions=suppressions)
        console.print(_table({app_key: made}))
        _show_new_secret(made)


@app.command()
def change(
    app_key: AppKey,
    categories: Listed,
    channels: Listed,
    rate: Rate = None,
    burst: Burst = None,
    suppressions: Suppressions = False,
    environment: InEnvironment = LOCAL,
) -> None:
    """Change what an app may send, and how often. Its secrets stay as they are; in effect within two minutes."""
    with one_clear_error():
        apps = Environment(environment).apps()
        changed = apps.change(app_key, _split(categories), _split(channels), rate, burst, suppressions=suppressions)
        console.print(_table({app_key: changed}))


@app.command()
def rotate(app_key: AppKey, environment: InEnvironment = LOCAL) -> None:
    """Give an app a new secret, shown now and never again. Its last one stays valid until the next rotation."""
    with one_clear_error():
        _show_new_secret(Environment(environment).apps().rotate(app_key))


@app.command()
def revoke(app_key: AppKey, environment: InEnvironment = LOCAL) -> None:
    """Take all its secrets from an app: nothing that it signs is good any more. `rotate` gives it a new one."""
    with one_clear_error():
        Environment(environment).apps().revoke(app_key)
        console.print(
            f"{app_key} has no secret any more. What it has signed is refused once the authorizer has forgotten it: "
            "within a minute, whatever is remembered where (`api.authorizerCacheSeconds`)."
        )


@app.command("show")
def show_app(app_key: AppKey, environment: InEnvironment = LOCAL, as_json: AsJson = False) -> None:
    """Show what an app may send, and how many secrets are valid; never the secrets."""
    with one_clear_error():
        found = {app_key: Environment(environment).apps().get(app_key)}
        show(as_json, _document(found)[0], _table(found))


@app.command("list")
def list_apps(environment: InEnvironment = LOCAL, as_json: AsJson = False) -> None:
    """Show all apps, what they may send, and how many secrets are valid; never the secrets."""
    with one_clear_error():
        found = Environment(environment).apps().all()
        show(as_json, _document(found), _table(found))


def _split(listed: str) -> tuple[str, ...]:
    return tuple(name for item in listed.split(",") if (name := item.strip()))


def _table(apps: Mapping[str, App | None]) -> object:
    return table(
        "app",
        "categories",
        "channels",
        "rate",
        "suppressions",
        "secrets",
        rows=[_row(key, each) for key, each in apps.items()],
    )


def _row(key: str, each: App | None) -> tuple[str | None, ...]:
    if each is None:
        return (key, None, None, None, None, "not created yet")
    scopes = ", ".join(each.categories), ", ".join(each.channels), _rate(each), "yes" if each.suppressions else None
    return (key, *scopes, f"{len(each.secrets)} valid")


def _rate(each: App) -> str:
    return f"{each.rate} a second, {each.burst} at once" if each.rate else "unlimited"


def _document(apps: Mapping[str, App | None]) -> list[dict[str, object]]:
    return [
        {"app_key": key, "secrets": 0}
        if each is None
        else {
            "app_key": key,
            "categories": each.categories,
            "channels": each.channels,
            "rate": each.rate,
            "burst": each.burst,
            "suppressions": each.suppressions,
            "secrets": len(each.secrets),
        }
        for key, each in apps.items()
    ]


def _show_new_secret(made: App) -> None:
    console.print("The app's secret. It is shown this once: hand it over in a safe place.")
    console.print(made.current_secret, markup=False)
