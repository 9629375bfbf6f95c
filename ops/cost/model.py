"""Prices of a million deliveries, by service; what is paid each month anyway; what each choice costs. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ops.cost import quantities
from ops.cost.prices import Prices
from ops.cost.profiles import Profile
from ops.cost.quantities import Quantities, World

MILLION: Final = 1_000_000
_MONTH_SECONDS: Final = 365 * 24 * 3600 / 12
_MONTH_DAYS: Final = 365 / 12

Usd = Mapping[str, float]


@dataclass(frozen=True)
class Cost:
    """Of a million deliveries of one profile, in US dollars by service."""

    profile: Profile
    lines: Usd
    floor: Usd
    statistics: Usd
    """Of counting and listing it, by service: besides the total, which is that of the path from the request on."""
    kept: Usd
    """Storage, for as long as the profile and the stack say."""
    choices: Usd
    """What each choice takes of the price, or would add to it."""
    fees: Usd
    """By provider; apart from all else."""
    write_units: float
    """DynamoDB's, of one delivery."""
    total: float = field(init=False)
    least: float = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "total", sum(self.lines.values()))
        object.__setattr__(self, "least", sum(self.floor.values()))


def cost(world: World, prices: Prices, profile: Profile) -> Cost:
    """Return what a million deliveries of this traffic cost."""
    one = quantities.of(world, profile)
    return Cost(
        profile=profile,
        lines=_lines(world, prices, one),
        floor=_lines(world, prices, quantities.floor(world, profile), bare=True),
        statistics=_lines(world, prices, quantities.statistics(world, profile)),
        kept=_kept(world, prices, one, profile),
        choices=_choices(world, prices, one, profile),
        fees={name: MILLION * fee.each for name, fee in prices.providers.items() if fee.channel == profile.channel},
        write_units=one.write_units,
    )


def _lines(world: World, prices: Prices, one: Quantities, *, bare: bool = False) -> dict[str, float]:
    """Return the price by service; `bare` is without replicas, archive and firewall. All services are always there."""
    resources = world.resources
    logs = one.log_gb + one.access_log_gb + one.platform_log_gb
    replicated = 0 if bare else resources.replicas * (one.table_units + one.index_units)
    archived = one.event_gb if resources.archive_days and not bare else 0
    screened = one.api_requests if resources.web_acls and not bare else 0
    each = {
        "API Gateway": one.api_requests * prices[f"api_{resources.api}"],
        "Lambda": one.invocations * prices["lambda_requests"] + one.gb_seconds * prices["lambda_time"],
        "DynamoDB writes": one.write_units * prices["write_units"],
        "DynamoDB reads": one.read_units * prices["read_units"],
        "DynamoDB replicas": replicated * prices["replicated_write_units"],
        "EventBridge": one.events * prices["bus_events"] * resources.bus
        + one.schedules * prices["schedules"]
        + archived * prices["archive_events"],
        "SQS": one.queue_requests * prices["queue_requests"],
        "S3": one.s3_lists * prices["s3_lists"] + one.s3_gets * prices["s3_gets"],
        "CloudWatch Logs": logs * prices["log_ingestion"],
        "KMS": one.kms_requests * prices["kms_requests"],
        "WAF": screened * prices["web_acl_requests"],
    }
    return {service: MILLION * usd for service, usd in each.items()}


def _kept(world: World, prices: Prices, one: Quantities, profile: Profile) -> dict[str, float]:
    resources, assumed = world.resources, world.assumed
    recovery = prices["table_recovery"] if resources.restorable_tables else 0.0
    tables = (1 + resources.replicas) * one.stored_gb * (prices["table_storage"] + recovery)
    logs = (one.log_gb + one.access_log_gb + one.platform_log_gb) * assumed.log_compression * prices["log_storage"]
    each = {
        "log of notifications": tables * profile.retention_months,
        "logs of functions": logs * resources.log_retention_days / _MONTH_DAYS,
        "archive of the bus": one.event_gb * prices["archive_storage"] * resources.archive_days / _MONTH_DAYS,
    }
    return {what: MILLION * usd for what, usd in each.items()}


def _choices(world: World, prices: Prices, one: Quantities, profile: Profile) -> dict[str, float]:
    resources = world.resources
    by_default = sum(_lines(world, prices, one).values())
    full = sum(_lines(world, prices, quantities.of(world, profile.model_copy(update={"batch": 10}))).values())
    admission = _lines(world, prices, quantities.admission(world, profile))
    dearer = prices["api_rest"] - prices["api_http"]
    each = {
        "REST API instead of HTTP API" if resources.api == "rest" else "a REST API would add": one.api_requests
        * dearer,
        "authorizer, asked for each token": sum(admission.values()) / MILLION,
        "lines of log that functions write": one.log_gb * prices["log_ingestion"],
        "access log of the API": one.access_log_gb * prices["log_ingestion"],
        "transactions instead of single writes": one.transaction_units * prices["write_units"],
        "index of what is due": one.index_units * prices["write_units"],
        "looking at contacts and settings": one.read_units * prices["read_units"],
        "listing templates in S3": one.s3_lists * prices["s3_lists"],
        "bus instead of queues alone": one.events * prices["bus_events"] * resources.bus,
        "archive of the bus": one.event_gb * prices["archive_events"] * bool(resources.archive_days),
        "batches smaller than ten": (by_default - full) / MILLION,
        # Encrypted when it is sent, decrypted when it is received; and once for each call to a table.
        "KMS would add without reuse of data keys": (2 * one.events + one.dynamodb_calls) * prices["kms_requests"],
    }
    return {what: MILLION * usd for what, usd in each.items()}


def fixed(world: World, prices: Prices) -> dict[str, float]:
    """Return what a stack costs each month in which nothing is sent, and what its metrics cost when something is."""
    resources, assumed = world.resources, world.assumed
    polls = resources.polled_queues * assumed.pollers * _MONTH_SECONDS / assumed.poll_seconds
    memory_gb = sum(resources.memory_mb.values()) / 1024
    # Each function and each queue asks for its own data key, the bus for one.
    askers = len(resources.memory_mb) + resources.polled_queues + resources.bus
    return {
        "KMS keys": resources.kms_keys * prices["kms_keys"],
        "KMS requests, data keys reused": askers * _MONTH_SECONDS / assumed.data_key_seconds * prices["kms_requests"],
        "secrets": resources.secrets * prices["secrets"],
        "alarms": resources.alarm_metrics * prices["alarms"],
        "composite alarms": resources.composite_alarms * prices["composite_alarms"],
        "dashboards": resources.dashboards * prices["dashboards"],
        "custom metrics, while there is traffic": len(world.measured.metrics) * prices["custom_metrics"],
        "WAF": resources.web_acls * prices["web_acls"] + resources.web_acl_rules * prices["web_acl_rules"],
        "SnapStart, one version of each function": resources.snap_start
        * memory_gb
        * _MONTH_SECONDS
        * prices["snap_start_cache"],
        "asking empty queues": polls * prices["queue_requests"],
        "sweeper, every minute": _sweeper(world, prices),
    }


def _sweeper(world: World, prices: Prices) -> float:
    assumed = world.assumed
    seconds = assumed.sweeper_ms / 1000 * world.resources.memory_mb["sweeper"] / 1024
    once = (
        prices["lambda_requests"]
        + seconds * prices["lambda_time"]
        + world.measured.sweeper_queries * prices["read_units"]
        + (1 + world.resources.platform_logs) * assumed.platform_log_bytes / 1e9 * prices["log_ingestion"]
    )
    return once * _MONTH_SECONDS / 60
