"""Every function of an environment: what it is for, how big it is, and what its environment variables say.

All of it follows from the settings alone, so that what Lambda would refuse is refused before anything is made.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from stacks.naming import STAGE, Naming
from stacks.settings import Settings, SettingsError

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
    every = (
        _authorizer(settings, naming),
        _notifications(settings, naming),
        _contacts(settings, naming),
        _templates(settings, naming),
        _tracking(settings, naming),
        _sweeper(settings, naming),
        *(_worker(settings, naming, channel) for channel in settings.channels),
    )
    return {spec.function: spec for spec in every}


def _authorizer(settings: Settings, naming: Naming) -> FunctionSpec:
    return FunctionSpec(
        "authorizer",
        "Says which app signed a token",
        timeout_seconds=5,
        memory_mb=512,
        environment=_environment(settings, "authorizer", CARILLON_APP_SECRET_PREFIX=naming.app_secret_prefix),
    )


def _notifications(settings: Settings, naming: Naming) -> FunctionSpec:
    return FunctionSpec(
        "notifications",
        "Accepts notifications and says what became of them",
        timeout_seconds=20,  # API Gateway gives up after 29
        memory_mb=1024,
        environment=_environment(
            settings,
            "notifications",
            CARILLON_CONTACTS_TABLE=naming.named("contacts"),
            CARILLON_SETTINGS_TABLE=naming.named("settings"),
            CARILLON_NOTIFICATIONS_TABLE=naming.named("notifications"),
            CARILLON_EVENT_BUS=naming.prefix,
            CARILLON_SCHEDULE_GROUP=naming.schedule_group,
            CARILLON_SCHEDULE_TARGET=naming.alias_arn("sweeper"),
            CARILLON_SCHEDULER_ROLE=naming.scheduler_role_arn,
            CARILLON_TEMPLATE_BUCKET=naming.template_bucket,
            CARILLON_CATEGORIES=_categories(settings),
            CARILLON_CHANNELS=json.dumps(list(settings.channels)),
            CARILLON_SAMPLE_URL=_sample_url(settings, naming),
            CARILLON_SMS_MAX_SEGMENTS=str(settings.sms.max_segments),
        ),
    )


def _contacts(settings: Settings, naming: Naming) -> FunctionSpec:
    return FunctionSpec(
        "contacts",
        "Keeps contact information and notification settings",
        timeout_seconds=20,
        memory_mb=1024,
        environment=_environment(
            settings,
            "contacts",
            CARILLON_CONTACTS_TABLE=naming.named("contacts"),
            CARILLON_DEVICES_TABLE=naming.named("devices"),
            CARILLON_SETTINGS_TABLE=naming.named("settings"),
            CARILLON_CATEGORIES=_categories(settings),
            CARILLON_CHANNELS=json.dumps(list(settings.channels)),
        ),
    )


def _templates(settings: Settings, naming: Naming) -> FunctionSpec:
    return FunctionSpec(
        "templates",
        "Keeps and previews templates",
        timeout_seconds=20,
        memory_mb=1024,
        environment=_environment(
            settings,
            "templates",
            CARILLON_TEMPLATE_BUCKET=naming.template_bucket,
            CARILLON_SAMPLE_URL=_sample_url(settings, naming),
            CARILLON_SMS_MAX_SEGMENTS=str(settings.sms.max_segments),
        ),
    )


def _tracking(settings: Settings, naming: Naming) -> FunctionSpec:
    return FunctionSpec(
        "tracking",
        "Hears from recipients by the links in their messages",
        timeout_seconds=20,
        memory_mb=1024,
        environment=_environment(
            settings,
            "tracking",
            CARILLON_CONTACTS_TABLE=naming.named("contacts"),
            CARILLON_NOTIFICATIONS_TABLE=naming.named("notifications"),
            CARILLON_SETTINGS_TABLE=naming.named("settings"),
            CARILLON_CATEGORIES=_categories(settings),
            CARILLON_CHANNELS=json.dumps(list(settings.channels)),
        ),
    )


def _sweeper(settings: Settings, naming: Naming) -> FunctionSpec:
    return FunctionSpec(
        "sweeper",
        "Announces what is due: again what does not move, and what waited for its time",
        timeout_seconds=50,  # the next one starts every minute
        memory_mb=512,
        environment=_environment(
            settings,
            "sweeper",
            CARILLON_NOTIFICATIONS_TABLE=naming.named("notifications"),
            CARILLON_EVENT_BUS=naming.prefix,
        ),
    )


def _worker(settings: Settings, naming: Naming, channel: str) -> FunctionSpec:
    pace = settings.channels[channel]
    return FunctionSpec(
        f"worker-{channel}",
        f"Sends deliveries on the channel {channel}",
        timeout_seconds=pace.timeout_seconds,
        memory_mb=pace.memory_mb,
        environment=_environment(
            settings,
            f"worker-{channel}",
            CARILLON_CHANNEL=channel,
            CARILLON_CONTACTS_TABLE=naming.named("contacts"),
            CARILLON_CRITICAL_CATEGORIES=json.dumps(
                [name for name, each in settings.categories.items() if each.critical]
            ),
            CARILLON_NOTIFICATIONS_TABLE=naming.named("notifications"),
            CARILLON_SETTINGS_TABLE=naming.named("settings"),
            CARILLON_TEMPLATE_BUCKET=naming.template_bucket,
            CARILLON_LIMITS_TABLE=naming.named("limits"),
            CARILLON_PROVIDER_SECRET_PREFIX=naming.provider_secret_prefix,
            CARILLON_SMS_MAX_SEGMENTS=str(settings.sms.max_segments),
            **_provider_hosts(settings),
            **_of_the_channels_providers(settings, naming, channel),
        ),
    )


def _sample_url(settings: Settings, naming: Naming) -> str:
    """Return a url as long as the API's own, whose id, of ten characters, is made after these functions.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/how-to-call-api.html
    """
    if settings.api.custom_domain:
        return f"https://{settings.api.custom_domain.name}"
    return f"https://{'x' * 10}.{naming.via('execute-api')}/{STAGE}"


def _provider_hosts(settings: Settings) -> dict[str, str]:
    hosts = settings.provider_hosts
    return {"CARILLON_PROVIDER_HOSTS": json.dumps(hosts, separators=(",", ":"))} if hosts else {}


def _of_the_channels_providers(settings: Settings, naming: Naming, channel: str) -> dict[str, str]:
    return {
        "email": {
            "CARILLON_EMAIL_FROM": settings.email.sender,
            "CARILLON_SES_CONFIGURATION_SET": naming.prefix,
        },
        "sms": {
            "CARILLON_SMS_MAX_PRICE_USD": str(settings.sms.max_price_usd),
            **({"CARILLON_SMS_SENDER_ID": settings.sms.sender_id} if settings.sms.sender_id else {}),
        },
        "push": {"CARILLON_DEVICES_TABLE": naming.named("devices")},
        "chat": {},
    }[channel]


def _environment(settings: Settings, function: str, **own: str) -> dict[str, str]:
    return {
        "CARILLON_ENVIRONMENT": settings.environment,
        # https://docs.powertools.aws.dev/lambda/python/latest/#environment-variables
        "POWERTOOLS_SERVICE_NAME": function,
        "POWERTOOLS_METRICS_NAMESPACE": "Carillon",
        "POWERTOOLS_LOG_LEVEL": "INFO",
        # https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
        **{f"AWS_ENDPOINT_URL_{service.upper()}": url for service, url in settings.endpoints.items()},
        **own,
    }


def _categories(settings: Settings) -> str:
    plain = {name: category.model_dump(exclude_defaults=True) for name, category in settings.categories.items()}
    return json.dumps(plain, separators=(",", ":"))
