"""How a channel's providers are kept: one item for each channel, in the table of limits.

    {"id": "providers#sms", "order": ["twilio", "sns"], "off": {"sns"},
     "circuits": {"twilio": {"failures": 5, "opened_at": "2030-01-31T12:00:00.000Z", "probe_at": "…"}},
     "closed_at": "2030-01-31T11:00:00.000Z",
     "count#held": 3, "last#held": {"at": "2030-01-31T12:00:00.000Z", "why": "no_answer"},
     "alert#held": {"state": "open", "since": "2030-01-31T12:00:00.000Z", …}}

Every attribute but the key may be missing; `limit_items` has more of them. The operator writes `order` and `off`, a set
(`ops.providers`); the workers write `circuits`, and `closed_at` when one of these closes, as does the operator who
switches a provider on: the sweeper lets then be due what waits for the channel, and removes it. A provider that is not
in it has a closed circuit without failures. A circuit that is open also has `why`, its last failure's code, and
`others`, who could take the provider's deliveries. The item has no TTL.

`count#<cause>` and `last#<cause>` are what workers and redrivers count of what a person should hear of, and
`alert#<cause>` how far the alert is, which the sweeper writes (`domain.alerts`): so it knows all of it by the one read
that it makes of the item anyway.

The operator's commands read it too, so it needs nothing that is not on an engineer's machine.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from handlers.domain.alerts import Alert, Cause, State, Tally
from handlers.domain.providers.routing import Circuit, Switches
from handlers.domain.times import rfc3339


def item_id(channel: str) -> str:
    """Return the key of a channel's item."""
    return f"providers#{channel}"


def switches_of(values: Mapping[str, Any]) -> Switches:
    """Return the switches that an item's values hold."""
    return Switches(tuple(values.get("order", ())), frozenset(values.get("off", ())))


def closed_at_of(values: Mapping[str, Any]) -> datetime | None:
    """Return since when what waits for the channel is to be due; None when there is nothing to do."""
    return _time(values.get("closed_at"))


def circuits_of(values: Mapping[str, Any]) -> dict[str, Circuit]:
    """Return the circuits that an item's values hold, by provider."""
    return {name: circuit_of(stored) for name, stored in values.get("circuits", {}).items()}


def circuit_of(stored: Mapping[str, Any]) -> Circuit:
    """Return a circuit as it is stored."""
    others = stored.get("others")
    return Circuit(
        int(stored["failures"]),
        _time(stored.get("opened_at")),
        _time(stored.get("probe_at")),
        stored.get("why"),
        None if others is None else tuple(others),
    )


def stored_circuit(circuit: Circuit) -> dict[str, Any]:
    """Return what is stored of a circuit."""
    times = {"opened_at": circuit.opened_at, "probe_at": circuit.probe_at}
    more = {"why": circuit.why, "others": None if circuit.others is None else list(circuit.others)}
    return {
        "failures": circuit.failures,
        **{name: rfc3339(at) for name, at in times.items() if at is not None},
        **{name: value for name, value in more.items() if value is not None},
    }


def tally_attributes(cause: Cause) -> tuple[str, str]:
    """Return the attributes in which a cause is counted: how many there were ever, and what is known of the last."""
    return f"count#{cause}", f"last#{cause}"


def tally_of(values: Mapping[str, Any], cause: Cause) -> Tally | None:
    """Return what was counted of a cause."""
    total, last = (values.get(name) for name in tally_attributes(cause))
    return None if total is None or last is None else Tally(int(total), datetime.fromisoformat(last["at"]), last["why"])


def alert_attribute(cause: Cause) -> str:
    """Return the attribute that has the alert of a cause."""
    return f"alert#{cause}"


def alerts_of(values: Mapping[str, Any]) -> dict[Cause, Alert]:
    """Return the alerts that an item's values hold."""
    return {cause: _alert(values[name]) for cause in Cause if (name := alert_attribute(cause)) in values}


def stored_alert(alert: Alert) -> dict[str, Any]:
    """Return what is stored of an alert: the same for the same, as it is compared by."""
    times = {
        "since": alert.since,
        "moved_at": alert.moved_at,
        "told_at": alert.told_at,
        "well_since": alert.well_since,
    }
    counts = {"base": alert.base, "total": alert.total, "notices": alert.notices}
    return {
        "state": alert.state.value,
        "why": list(alert.why),
        "untold": alert.untold,
        **counts,
        **{name: rfc3339(at) for name, at in times.items() if at is not None},
    }


def _alert(stored: Mapping[str, Any]) -> Alert:
    return Alert(
        state=State(stored["state"]),
        since=datetime.fromisoformat(stored["since"]),
        why=tuple(stored["why"]),
        moved_at=datetime.fromisoformat(stored["moved_at"]),
        base=int(stored["base"]),
        total=int(stored["total"]),
        notices=int(stored["notices"]),
        told_at=_time(stored.get("told_at")),
        well_since=_time(stored.get("well_since")),
        untold=stored["untold"],
    )


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
