"""`carillon …`: the operator's command line, the same for the platform on this machine and for those on AWS."""

from ops.commands import (
    apps,
    broadcasts,
    deliveries,
    limits,
    notifications,
    providers,
    quarantine,
    stats,
    suppressions,
    webhooks,
)
from ops.cost.command import cost
from ops.terminal import group

app = group("Operates Carillon.")
for command in (
    notifications.token,
    notifications.send,
    notifications.status,
    broadcasts.broadcast,
    deliveries.find,
    deliveries.redrive,
    deliveries.replay,
    stats.stats,
    cost,
):
    app.command()(command)
app.add_typer(apps.app, name="apps")
app.add_typer(broadcasts.app, name="broadcasts")
app.add_typer(providers.app, name="providers")
app.add_typer(limits.app, name="limits")
app.add_typer(suppressions.app, name="suppressions")
app.add_typer(quarantine.app, name="quarantine")
app.add_typer(webhooks.app, name="webhooks")
