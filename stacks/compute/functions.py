"""Every function of an environment: what it is for, how big it is, and what its environment variables say.

All of it follows from the settings alone, so that what Lambda would refuse is refused before anything is made.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from email.utils import parseaddr

from handlers.domain.channels import sends_to_devices
from stacks.data.tables import SPECS
from stacks.naming import STAGE, Naming
from stacks.settings import CategorySettings, Settings, SettingsError

# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html: all variables together, names and values
_ENVIRONMENT_BYTES = 4096


@dataclass(frozen=True)
class FunctionSpec:
    """One function. Raises SettingsError, saying what to change, when its variables are more than Lambda takes.

    `environment` holds nothing secret: whoever may see the function can read it. What is known only once other parts
    are made is not in it, but in `FunctionArgs.made`. Processor time grows with memory.
    """

    function: str
    description: str
    timeout_seconds: int
    memory_mb: int
    environment: Mapping[str, str]
    concurrency: int | None = None
    """How many invocations are reserved for it, which is also how many there are at most; None for neither."""

    def __post_init__(self) -> None:
        size = sum(len(f"{name}{value}".encode()) for name, value in self.environment.items())
        if size > _ENVIRONMENT_BYTES:
            largest = max(self.environment, key=lambda name: len(self.environment[name]))
            raise SettingsError(
                f"The environment variables of {self.function} take {size} bytes and Lambda allows "
                f"{_ENVIRONMENT_BYTES}: shorten {largest}, the largest."
            )


def specs(settings: Settings, naming: Naming) -> dict[str, FunctionSpec]:
    """Return every function by its short name: `authorizer`, `worker-email`. Raises SettingsError."""
    alone = [_spec(settings, naming, function, *described) for function, described in _ALONE.items()]
    workers = (_worker(settings, naming, channel) for channel in settings.channels)
    redrivers = (_redriver(settings, naming, channel) for channel in settings.channels)
    every = {spec.function: spec for spec in (*alone, *workers, *redrivers)}
    if settings.api.refuse_replays:
        door = every["authorizer"]
        every["authorizer"] = replace(
            door, environment={**door.environment, "CARILLON_USED_TOKENS_TABLE": naming.named("limits")}
        )
    # Schedules that are due at one second invoke it as often.
    every["sweeper"] = replace(every["sweeper"], concurrency=settings.sweeper_concurrency)
    return every


_OF_BROADCASTS = (
    "AUDIENCE_BUCKET",
    "BROADCASTS_TABLE",
    "CONTACTS_TABLE",
    "SETTINGS_TABLE",
    "SUPPRESSIONS_TABLE",
    "NOTIFICATIONS_TABLE",
    "EVENT_BUS",
    "LIMITS_TABLE",
    "LOG_KEPT_DAYS",
    "TEMPLATE_BUCKET",
    "TEMPLATES_TABLE",
    "CATEGORIES",
    "CHANNELS",
    "SAMPLE_URL",
    "SMS_MAX_SEGMENTS",
)
# What each function that there is one of is for, its timeout in seconds, its memory in MB, and what it is told.
_ALONE: Mapping[str, tuple[str, int, int, tuple[str, ...]]] = {
    # Longer than a secret that is slow to come takes, 12 s (`handlers/adapters/aws/clients.py`): killed before, it
    # would have its producer told 500.
    "authorizer": ("Says which app signed a token", 20, 512, ("APP_SECRET_PREFIX", "APP_MAX_AGE_SECONDS")),
    "notifications": (
        "Accepts notifications and says what became of them",
        20,  # API Gateway gives up after 29
        1024,
        (
            "CONTACTS_TABLE",
            "SETTINGS_TABLE",
            "SUPPRESSIONS_TABLE",
            "NOTIFICATIONS_TABLE",
            "EVENT_BUS",
            "LIMITS_TABLE",
            "LOG_KEPT_DAYS",
            "SCHEDULE_GROUP",
            "SCHEDULE_TARGET",
            "SCHEDULER_ROLE",
            "TEMPLATE_BUCKET",
            "TEMPLATES_TABLE",
            "CATEGORIES",
            "CHANNELS",
            "SAMPLE_URL",
            "SMS_MAX_SEGMENTS",
            "RECIPIENT_LIMITS",
        ),
    ),
    "broadcasts": (
        "Accepts broadcasts and says how far they are",
        20,
        1024,
        (*_OF_BROADCASTS,),
    ),
    "fanout": (
        "Fans broadcasts out, page by page",
        60,
        1024,
        (*_OF_BROADCASTS, "TAGS_TABLE"),
    ),
    "contacts": (
        "Keeps contact information and notification settings",
        20,
        1024,
        (
            "CONTACTS_TABLE",
            "DEVICES_TABLE",
            "LIMITS_TABLE",
            "NOTIFICATIONS_TABLE",
            "SETTINGS_TABLE",
            "SUPPRESSIONS_TABLE",
            "TAGS_TABLE",
            "CATEGORIES",
            "CHANNELS",
        ),
    ),
    "templates": (
        "Keeps and previews templates",
        20,
        1024,
        ("LIMITS_TABLE", "TEMPLATE_BUCKET", "TEMPLATES_TABLE", "SAMPLE_URL", "SMS_MAX_SEGMENTS"),
    ),
    "tracking": (
        "Hears from recipients by the links in their messages",
        20,
        1024,
        ("CONTACTS_TABLE", "NOTIFICATIONS_TABLE", "SETTINGS_TABLE", "CATEGORIES", "CHANNELS", "LOOK"),
    ),
    "reports": (
        "Answers statistics and lists of what was sent",
        20,
        1024,
        ("LIMITS_TABLE", "STATS_TABLE"),
    ),
    "observer": (
        "Follows the log: counts what becomes of deliveries, and keeps the lists of them",
        60,
        512,
        ("LIMITS_TABLE", "STATS_TABLE"),
    ),
    "hooks": (
        "Hears from providers what became of messages",
        20,
        512,
        (
            "CONTACTS_TABLE",
            "CRITICAL_CATEGORIES",
            "NOTIFICATIONS_TABLE",
            "PROVIDER_SECRET_PREFIX",
            "SETTINGS_TABLE",
            "SUPPRESSIONS_TABLE",
        ),
    ),
    "webhooks": (
        "Tells apps what becomes of their deliveries",
        60,  # a batch waits for endpoints, five seconds for a turn and about twelve for an answer, between calls of AWS
        512,
        ("LIMITS_TABLE", "PROVIDER_HOSTS"),
    ),
    "sweeper": (
        "Announces what is due: again what does not move, and what waited for its time",
        50,  # the next one starts every minute
        512,
        ("NOTIFICATIONS_TABLE", "LIMITS_TABLE", "EVENT_BUS", "ALERT_TOPIC", "ALERT_RULES"),
    ),
}

_OF_EVERY_WORKER = (
    "CONTACTS_TABLE",
    "CRITICAL_CATEGORIES",
    "NOTIFICATIONS_TABLE",
    "SETTINGS_TABLE",
    "SUPPRESSIONS_TABLE",
    "TEMPLATE_BUCKET",
    "LIMITS_TABLE",
    "LOG_KEPT_DAYS",
    "PROVIDER_HOSTS",
    "PROVIDER_SECRET_PREFIX",
    "SMS_MAX_SEGMENTS",
    "UNKNOWN_DECIDED_AFTER_SECONDS",
    "UNKNOWN_RETRIES",
)
# What the providers of a channel need besides; most need nothing.
_OF_A_CHANNEL: Mapping[str, tuple[str, ...]] = {
    "email": ("EMAIL_FROM", "SES_CONFIGURATION_SET", "TRACKED_CATEGORIES"),
    "sms": ("SMS_MAX_PRICE_USD", "SMS_SENDER_ID"),
}


def _worker(settings: Settings, naming: Naming, channel: str) -> FunctionSpec:
    pace = settings.channels[channel]
    devices = ("DEVICES_TABLE",) if sends_to_devices(channel) else ()
    told = (*_OF_EVERY_WORKER, *_OF_A_CHANNEL.get(channel, ()), *devices)
    limits = _recipient_limits(settings, [channel])
    rates = json.dumps(pace.provider_rates, separators=(",", ":"))
    return _spec(
        settings,
        naming,
        f"worker-{channel}",
        f"Sends deliveries on the channel {channel}",
        pace.timeout_seconds,
        pace.memory_mb,
        told,
        CARILLON_CHANNEL=channel,
        CARILLON_VISIBILITY_TIMEOUT_SECONDS=str(pace.visibility_timeout_seconds),
        **({"CARILLON_RECIPIENT_LIMITS": limits} if limits else {}),
        **({"CARILLON_PROVIDER_RATES": rates} if pace.provider_rates else {}),
    )


def _redriver(settings: Settings, naming: Naming, channel: str) -> FunctionSpec:
    return _spec(
        settings,
        naming,
        f"redriver-{channel}",
        f"Leads what the dead-letter queue of {channel} holds back into the log",
        60,
        256,
        ("NOTIFICATIONS_TABLE", "LIMITS_TABLE", "REDRIVE_AFTER_SECONDS"),
        CARILLON_CHANNEL=channel,
    )


def _spec(
    settings: Settings,
    naming: Naming,
    function: str,
    description: str,
    timeout_seconds: int,
    memory_mb: int,
    told: Iterable[str],
    **own: str,
) -> FunctionSpec:
    known = _variables(settings, naming)
    shared = {f"CARILLON_{name}": value for name in told if (value := known[name]) is not None}
    environment = {
        "CARILLON_ENVIRONMENT": settings.environment,
        # https://docs.powertools.aws.dev/lambda/python/latest/#environment-variables
        "POWERTOOLS_SERVICE_NAME": function,
        "POWERTOOLS_METRICS_NAMESPACE": naming.metrics,
        "POWERTOOLS_LOG_LEVEL": "INFO",
        # https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
        **{f"AWS_ENDPOINT_URL_{service.upper()}": url for service, url in settings.endpoints.items()},
        **shared,
        **own,
    }
    return FunctionSpec(function, description, timeout_seconds, memory_mb, environment)


def _variables(settings: Settings, naming: Naming) -> dict[str, str | None]:
    """Return what functions are told, by the variable's name without `CARILLON_`; None is not told."""
    own = {"limit", "track", "unknown_retries", "display", "hidden"}  # the workers', and of the page of settings
    categories = {
        name: each.model_dump(mode="json", exclude_defaults=True, exclude=own)
        for name, each in settings.categories.items()
    }
    usual = CategorySettings.model_fields["unknown_retries"].default
    retries = {name: each.unknown_retries for name, each in settings.categories.items()}
    hosts = json.dumps(settings.provider_hosts, separators=(",", ":"))
    return {
        **{f"{table.upper()}_TABLE": naming.named(table) for table in (spec.name for spec in SPECS)},
        "ALERT_RULES": json.dumps(settings.alerts.model_dump(), separators=(",", ":")),
        "ALERT_TOPIC": naming.arn("sns", naming.alert_topic),
        "APP_MAX_AGE_SECONDS": str(settings.api.secret_max_age_seconds),
        "AUDIENCE_BUCKET": naming.audience_bucket,
        "APP_SECRET_PREFIX": naming.app_secret_prefix,
        "CATEGORIES": json.dumps(categories, separators=(",", ":")),
        "CHANNELS": json.dumps(list(settings.channels)),
        "CRITICAL_CATEGORIES": json.dumps([name for name, each in settings.categories.items() if each.critical]),
        "EMAIL_FROM": settings.email.sender,
        "EVENT_BUS": naming.prefix,
        "LOOK": _look(settings),
        "LOG_KEPT_DAYS": str(settings.retention.log.days),
        "PROVIDER_HOSTS": hosts if settings.provider_hosts else None,
        "PROVIDER_SECRET_PREFIX": naming.provider_secret_prefix,
        "RECIPIENT_LIMITS": _recipient_limits(settings, settings.channels),
        "REDRIVE_AFTER_SECONDS": json.dumps(settings.redrive_after_seconds),
        "SAMPLE_URL": _sample_url(settings, naming),
        "SCHEDULE_GROUP": naming.schedule_group,
        "SCHEDULE_TARGET": naming.alias_arn("sweeper"),
        "SCHEDULER_ROLE": naming.scheduler_role_arn,
        "SES_CONFIGURATION_SET": naming.prefix,
        "SMS_MAX_PRICE_USD": str(settings.sms.max_price_usd),
        "SMS_MAX_SEGMENTS": str(settings.sms.max_segments),
        "SMS_SENDER_ID": settings.sms.sender_id,
        "TEMPLATE_BUCKET": naming.template_bucket,
        "TRACKED_CATEGORIES": json.dumps([name for name, each in settings.categories.items() if each.track]),
        "UNKNOWN_DECIDED_AFTER_SECONDS": str(settings.unknown_decided_after_seconds),
        "UNKNOWN_RETRIES": json.dumps({name: each for name, each in retries.items() if each != usual}),
    }


def _recipient_limits(settings: Settings, channels: Iterable[str]) -> str | None:
    """Return the limits of these channels, if any: by channel and then by category, `*` for the channel's own."""
    of_categories = {name: each.limit for name, each in settings.categories.items()}
    limits = {
        channel: {
            name: limit.model_dump(mode="json")
            for name, limit in {"*": settings.channels[channel].limit, **of_categories}.items()
            if limit
        }
        for channel in channels
    }
    limited = {channel: named for channel, named in limits.items() if named}
    return json.dumps(limited, separators=(",", ":")) if limited else None


def _look(settings: Settings) -> str:
    """Return how the page of settings looks, written as briefly as can be: it is most of what its function is told."""
    look = {
        "brand": {"name": settings.brand.name or parseaddr(settings.email.sender)[0], "colour": settings.brand.colour},
        "display": {
            name: {language: [shown.name, shown.description] for language, shown in each.display.items()}
            for name, each in settings.categories.items()
            if each.display
        },
        "hidden": [name for name, each in settings.categories.items() if each.hidden],
    }
    return json.dumps(look, ensure_ascii=False, separators=(",", ":"))


def _sample_url(settings: Settings, naming: Naming) -> str:
    """Return a url as long as that of the links, whose id, of ten characters, is made after these functions.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/how-to-call-api.html
    """
    if settings.api.links_domain:
        return f"https://{settings.api.links_domain.name}"
    return f"https://{'x' * 10}.{naming.via('execute-api')}/{STAGE}"
