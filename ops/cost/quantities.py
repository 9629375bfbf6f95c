"""How much of each thing that AWS charges for one delivery takes: of the program, and of the least that would do. Pure.

What was measured of whole invocations is divided by the deliveries that they are for. Between the numbers of recipients
or the sizes of batches that were measured it lies on a straight line.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from math import ceil
from typing import Self

from ops.cost.dynamodb import WRITE_UNIT_BYTES, read_units, write_units
from ops.cost.measured import Case, Measured, Path_
from ops.cost.profiles import Assumed, Profile
from ops.cost.resources import Resources

_GB = 1e9
_OWN_BYTES = 500
"""Of a delivery without its content: ids, address, status, times."""
_S3_LISTS = ("s3:List", "s3:Put", "s3:Copy", "s3:Post")


@dataclass(frozen=True)
class Quantities:
    """Of one delivery, or of one invocation. Write units are apart by what they are for; sizes are GB."""

    api_requests: float = 0.0
    invocations: float = 0.0
    gb_seconds: float = 0.0
    table_units: float = 0.0
    transaction_units: float = 0.0
    """What transactions take besides."""
    index_units: float = 0.0
    read_units: float = 0.0
    events: float = 0.0
    event_gb: float = 0.0
    queue_requests: float = 0.0
    s3_lists: float = 0.0
    s3_gets: float = 0.0
    kms_requests: float = 0.0
    schedules: float = 0.0
    log_gb: float = 0.0
    access_log_gb: float = 0.0
    platform_log_gb: float = 0.0
    stored_gb: float = 0.0
    dynamodb_calls: float = 0.0

    def __add__(self, other: Self) -> "Quantities":
        return Quantities(*(getattr(self, name) + getattr(other, name) for name in _NAMES))

    def __mul__(self, times: float) -> "Quantities":
        return Quantities(*(getattr(self, name) * times for name in _NAMES))

    @property
    def write_units(self) -> float:
        """All of them."""
        return self.table_units + self.transaction_units + self.index_units


_NAMES = tuple(each.name for each in fields(Quantities))


@dataclass(frozen=True)
class World:
    """What is known of a stack and of its functions."""

    measured: Measured
    resources: Resources
    assumed: Assumed


def of(world: World, profile: Profile) -> Quantities:
    """Return what one delivery of this traffic takes, with its share of the request, the batch and the answers."""
    return (
        admission(world, profile)
        + _acceptance(world, profile)
        + _sending(world, profile)
        + _request(world, "open", profile) * profile.open_rate
        + _request(world, "click", profile) * profile.click_rate
    )


def admission(world: World, profile: Profile) -> Quantities:
    """Return a delivery's share of the authorizer."""
    [case] = world.measured.of("admit", "any", "inline")
    return _invocation(world, case, profile, "authorizer") * (1 / profile.requests_a_token / profile.recipients)


def _acceptance(world: World, profile: Profile) -> Quantities:
    own = world.measured.of("accept", profile.channel, profile.content)
    # To accept many recipients costs the same on every channel, and was measured on one.
    cases = own if profile.recipients == 1 else world.measured.of("accept", "email", profile.content)
    at = [(case.recipients, _invocation(world, case, profile, "notifications")) for case in cases]
    return (_between(at, profile.recipients) + _asked(world)) * (1 / profile.recipients)


def _sending(world: World, profile: Profile) -> Quantities:
    cases = world.measured.of("send", profile.channel, profile.content)
    many = max(case.recipients for case in cases)
    alike = [case for case in cases if case.recipients == (1 if profile.recipients == 1 else many)]
    at = [(case.batch, _invocation(world, case, profile, f"worker-{profile.channel}")) for case in alike]
    return _between(at, profile.batch) * (1 / profile.batch) + _queue(profile) + _stored(world, alike[0], profile)


def _request(world: World, path: Path_, profile: Profile) -> Quantities:
    """Return what a recipient's answer takes."""
    [case] = world.measured.of(path, "email", "inline")
    return _invocation(world, case, profile, "tracking") + _asked(world)


def statistics(world: World, profile: Profile) -> Quantities:
    """Return what a delivery takes to be counted and listed once it is sent: the observer's part.

    Measured on e-mail, as it is the same on every channel; the observer sees as many at once as a worker does.
    """
    cases = world.measured.of("observe", "email", "inline")
    at = [(case.batch, _invocation(world, case, profile, "observer")) for case in cases]
    return _between(at, profile.batch) * (1 / profile.batch)


def _asked(world: World) -> Quantities:
    return Quantities(api_requests=1, access_log_gb=world.resources.access_log_bytes / _GB)


def _queue(profile: Profile) -> Quantities:
    """The rule sends each event by itself; Lambda receives a batch in one request, and deletes it in another."""
    return Quantities(queue_requests=1 + 2 / profile.batch)


def _stored(world: World, case: Case, profile: Profile) -> Quantities:
    if case.stored is None:
        return Quantities()
    return Quantities(stored_gb=case.stored.at(*_more(world, profile)) / _GB)


def _more(world: World, profile: Profile) -> tuple[float, float]:
    """Return by how much payload and template differ from those that were measured."""
    measured = world.measured
    return profile.payload_bytes - measured.payload_bytes, profile.template_bytes - measured.template_bytes


def _invocation(world: World, case: Case, profile: Profile, function: str) -> Quantities:
    more = _more(world, profile)
    written = [(each, each.at(*more)) for each in case.writes]
    lists = sum(times for name, times in case.calls.items() if name.startswith(_S3_LISTS))
    return Quantities(
        invocations=1,
        gb_seconds=_gb_seconds(world, function, case.cpu_ms, _waiting_ms(world, case)),
        table_units=sum(each.count * write_units(size) for each, size in written),
        transaction_units=sum(each.count * write_units(size) for each, size in written if each.transaction),
        index_units=sum(each.count * write_units(size) for each, _ in written for size in each.index),
        read_units=sum(each.count * read_units(each.at(*more), consistent=each.consistent) for each in case.reads),
        # Alike, and far smaller than the 64 KB that AWS counts as one: ids alone.
        events=case.events,
        event_gb=case.event_bytes / _GB,
        queue_requests=case.called("sqs"),
        s3_lists=lists,
        s3_gets=case.called("s3") - lists,
        kms_requests=case.called("kms"),
        schedules=case.called("scheduler"),
        log_gb=case.log_bytes / _GB,
        platform_log_gb=_platform_log_gb(world),
        dynamodb_calls=case.called("dynamodb"),
    )


def _platform_log_gb(world: World) -> float:
    """Return what Lambda itself writes of an invocation: nothing, where a stack keeps of that only what warns."""
    return world.assumed.platform_log_bytes / _GB if world.resources.platform_logs else 0.0


def _waiting_ms(world: World, case: Case) -> float:
    """Return how long an invocation waits for answers: those of a batch are waited for side by side."""
    waiting = world.assumed.waiting_ms
    calls = sum(times * waiting.get(name.split(":")[0], 0.0) for name, times in case.calls.items())
    return calls / case.batch + (world.assumed.provider_ms[case.channel] if case.path == "send" else 0.0)


def _gb_seconds(world: World, function: str, cpu_ms: float, waiting_ms: float) -> float:
    """Return what Lambda charges: processor time is longer where memory, and with it the processor, is less."""
    memory = world.resources.memory_mb[function]
    slower = max(1.0, world.assumed.memory_of_one_processor_mb / memory)
    return (cpu_ms * slower + waiting_ms) / 1000 * memory / 1024


def _between(points: Sequence[tuple[int, Quantities]], at: int) -> Quantities:
    """Return what lies at this place on the line through the two points nearest to it; the only point if it is one."""
    if len(points) == 1:
        return points[0][1]
    after = next((place for place in range(1, len(points)) if points[place][0] >= at), len(points) - 1)
    (low, first), (high, second) = points[after - 1], points[after]
    share = (at - low) / (high - low)
    return first * (1 - share) + second * share


def floor(world: World, profile: Profile) -> Quantities:
    """Return the least that AWS would charge for the same path: put an item, announce it, fetch it, update the item.

    By hand, without an authorizer, a look at who wants what, a claim, an index, a transaction or a line of log. What
    does not fit beside a delivery's own attributes is written once for the request; an answer is one write.
    """
    recipients, batch, assumed = profile.recipients, profile.batch, world.assumed
    answers = profile.open_rate + profile.click_rate
    fits = profile.payload_bytes + _OWN_BYTES <= WRITE_UNIT_BYTES
    content = 0 if fits else write_units(profile.payload_bytes)
    puts, announcements = ceil(recipients / 25), ceil(recipients / 10)
    waiting = assumed.waiting_ms
    accepted = _gb_seconds(
        world,
        "notifications",
        (puts + announcements) * assumed.floor_cpu_ms,
        puts * waiting["dynamodb"] + announcements * waiting["events"],
    )
    sent = _gb_seconds(
        world,
        f"worker-{profile.channel}",
        2 * batch * assumed.floor_cpu_ms,  # the provider, and the item
        assumed.provider_ms[profile.channel] + waiting["dynamodb"],
    )
    heard = _gb_seconds(world, "tracking", assumed.floor_cpu_ms, waiting["dynamodb"])
    invocations = 1 / recipients + 1 / batch + answers
    return Quantities(
        api_requests=1 / recipients + answers,
        invocations=invocations,
        gb_seconds=accepted / recipients + sent / batch + heard * answers,
        table_units=2 + content / recipients + answers,
        events=1,
        queue_requests=1 + 2 / batch,
        platform_log_gb=invocations * _platform_log_gb(world),
    )
