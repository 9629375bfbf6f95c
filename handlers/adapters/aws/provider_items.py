"""How a channel's providers are kept: one item for each channel, in the table of limits.

    {"id": "providers#sms", "order": ["twilio", "sns"], "off": {"sns"},
     "circuits": {"twilio": {"failures": 5, "opened_at": "2030-01-31T12:00:00.000Z", "probe_at": "…"}}}

Every attribute but the key may be missing. The operator writes `order` and `off`, a set (`ops.providers`); the workers
write `circuits`. A provider that is not in it has a closed circuit without failures. The item has no TTL.

The operator's commands read it too, so it needs nothing that is not on an engineer's machine.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from handlers.domain.channels import Channel
from handlers.domain.providers.routing import Circuit, Switches
from handlers.domain.times import rfc3339


def item_id(channel: Channel) -> str:
    """Return the key of a channel's item."""
    return f"providers#{channel}"


def switches_of(values: Mapping[str, Any]) -> Switches:
    """Return the switches that an item's values hold."""
    return Switches(tuple(values.get("order", ())), frozenset(values.get("off", ())))


def circuits_of(values: Mapping[str, Any]) -> dict[str, Circuit]:
    """Return the circuits that an item's values hold, by provider."""
    return {name: circuit_of(stored) for name, stored in values.get("circuits", {}).items()}


def circuit_of(stored: Mapping[str, Any]) -> Circuit:
    """Return a circuit as it is stored."""
    return Circuit(int(stored["failures"]), _time(stored.get("opened_at")), _time(stored.get("probe_at")))


def stored_circuit(circuit: Circuit) -> dict[str, Any]:
    """Return what is stored of a circuit."""
    times = {"opened_at": circuit.opened_at, "probe_at": circuit.probe_at}
    return {"failures": circuit.failures, **{name: rfc3339(at) for name, at in times.items() if at is not None}}


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
