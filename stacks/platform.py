"""The whole platform of one environment: every component, and what each is given of the others."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from stacks import grants
from stacks.alerts import Alerts, AlertsArgs
from stacks.api import Api, ApiArgs
from stacks.apps import AppSecrets, AppSecretsArgs
from stacks.bus import Bus, BusArgs
from stacks.channel import Channel, ChannelArgs
from stacks.encryption import Encryption, EncryptionArgs
from stacks.function import Function, FunctionArgs, Logging
from stacks.iam import Statement
from stacks.naming import Naming
from stacks.packaging import build
from stacks.ses import Ses, SesArgs
from stacks.settings import Settings
from stacks.sweeper import Sweeper, SweeperArgs
from stacks.tables import Tables, TablesArgs
from stacks.templates import TemplateBucket, TemplateBucketArgs


@dataclass(frozen=True)
class PlatformArgs:
    """The environment's settings."""

    settings: Settings


@dataclass(frozen=True)
class _Size:
    """How long a function may take, and its memory, with which its share of a processor grows."""

    timeout_seconds: int
    memory_mb: int


# API Gateway gives up after 29 s; a producer should not have to wait for that.
_API_FUNCTION = _Size(timeout_seconds=20, memory_mb=1024)
_AUTHORIZER = _Size(timeout_seconds=5, memory_mb=512)
# It must be done before the next minute's starts.
_SWEEPER = _Size(timeout_seconds=50, memory_mb=512)


class Platform(pulumi.ComponentResource):
    """Everything one environment has."""

    exports: dict[str, pulumi.Input[object]]
    """The stack's outputs, by the names that operators and the platform on this machine read."""

    def __init__(self, name: str, args: PlatformArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("carillon:stacks:Platform", name, {}, opts)
        self._settings = args.settings
        identity = aws.get_caller_identity(opts=pulumi.InvokeOptions(parent=self))
        self._naming = Naming(args.settings.environment, args.settings.region, identity.account_id)
        encryption = self._encryption()
        self._keys = grants.Keys(encryption.data_key_arn, encryption.messaging_key_arn, encryption.secrets_key_arn)
        self._logging = Logging(encryption.messaging_key_arn, args.settings.log_retention_days)
        self._alerts = Alerts(
            "alerts", AlertsArgs(self._naming, self._keys.messaging, args.settings.alert_emails), self._child
        )
        self._bus = Bus("bus", BusArgs(self._naming, self._keys.messaging), self._child)
        tables = self._tables(encryption)
        templates = TemplateBucket(
            "templates", TemplateBucketArgs(self._naming, self._keys.data, args.settings.protect), self._child
        )
        apps = AppSecrets(
            "apps",
            AppSecretsArgs(self._naming, self._keys.secrets, args.settings.apps, args.settings.protect),
            self._child,
        )
        ses = Ses("ses", SesArgs(self._naming, args.settings.email.identity), self._child)
        channels = {channel: self._channel(channel) for channel in args.settings.channels}
        Sweeper("sweeper", SweeperArgs(self._sweeper()), self._child)
        api = self._api()
        self.exports = {
            "apiUrl": api.url,
            "busName": self._bus.name,
            "tableNames": tables.names,
            "queueUrls": {name: channel.queue_url for name, channel in channels.items()},
            "deadLetterQueueUrls": {name: channel.dead_letter_queue_url for name, channel in channels.items()},
            "alertTopicArn": self._alerts.topic_arn,
            "templateBucket": templates.bucket_name,
            "appSecretNames": apps.names,
            "sesConfigurationSet": ses.configuration_set,
        }
        self.register_outputs(self.exports)

    @property
    def _child(self) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self)

    def _encryption(self) -> Encryption:
        settings = self._settings
        return Encryption(
            "encryption", EncryptionArgs(self._naming, settings.replica_regions, settings.protect), self._child
        )

    def _tables(self, encryption: Encryption) -> Tables:
        args = TablesArgs(self._naming, self._keys.data, encryption.replica_data_key_arns, self._settings.protect)
        return Tables("tables", args, self._child)

    def _channel(self, channel: str) -> Channel:
        settings = self._settings.channels[channel]
        worker = self._function(
            f"worker-{channel}",
            f"Sends deliveries on the channel {channel}",
            (*grants.worker(self._naming, self._keys, channel), *self._provider_grants(channel)),
            {
                "CARILLON_CHANNEL": channel,
                **self._tables_at("notifications", "settings"),
                **self._templates_at(),
                **self._provider_environment(channel),
            },
            _Size(settings.timeout_seconds, settings.memory_mb),
        )
        args = ChannelArgs(
            self._naming, channel, settings, worker, self._bus.name, self._keys.messaging, self._alerts.topic_arn
        )
        return Channel(channel, args, self._child)

    def _provider_grants(self, channel: str) -> tuple[Statement, ...]:
        return (grants.send_email(self._naming, self._settings.email.identity),) if channel == "email" else ()

    def _provider_environment(self, channel: str) -> dict[str, str]:
        if channel != "email":
            return {}
        return {
            "CARILLON_EMAIL_FROM": self._settings.email.sender,
            "CARILLON_SES_CONFIGURATION_SET": self._naming.prefix,
        }

    def _sweeper(self) -> FunctionArgs:
        return self._function(
            "sweeper",
            "Announces again what is in the log and does not move",
            grants.sweeper(self._naming, self._keys),
            {**self._tables_at("notifications"), **self._bus_at()},
            _SWEEPER,
        )

    def _api(self) -> Api:
        naming, keys = self._naming, self._keys
        authorizer = self._function(
            "authorizer",
            "Says which app signed a token",
            grants.authorizer(naming, keys),
            {"CARILLON_APP_SECRET_PREFIX": naming.app_secret_prefix},
            _AUTHORIZER,
        )
        behind = (
            self._function(
                "notifications",
                "Accepts notifications and says what became of them",
                grants.notifications(naming, keys),
                {
                    **self._tables_at("contacts", "settings", "notifications", "limits"),
                    **self._bus_at(),
                    **self._templates_at(),
                    "CARILLON_CATEGORIES": self._categories(),
                },
                _API_FUNCTION,
            ),
            self._function(
                "contacts",
                "Keeps contact information",
                grants.contacts(naming, keys),
                self._tables_at("contacts"),
                _API_FUNCTION,
            ),
            self._function(
                "templates",
                "Keeps and previews templates",
                grants.templates(naming, keys),
                self._templates_at(),
                _API_FUNCTION,
            ),
        )
        args = ApiArgs(
            naming,
            self._settings.api,
            Function("authorizer", authorizer, self._child),
            {each.function: Function(each.function, each, self._child) for each in behind},
            self._logging,
        )
        return Api("api", args, self._child)

    def _function(
        self,
        function: str,
        description: str,
        statements: tuple[Statement, ...],
        environment: Mapping[str, str],
        size: _Size,
    ) -> FunctionArgs:
        return FunctionArgs(
            naming=self._naming,
            function=function,
            description=description,
            package=build(function, self._settings.lambda_target),
            statements=statements,
            environment={**self._common_environment(function), **environment},
            logging=self._logging,
            timeout_seconds=size.timeout_seconds,
            memory_mb=size.memory_mb,
            snap_start=self._settings.snap_start,
        )

    def _common_environment(self, function: str) -> dict[str, str]:
        return {
            "CARILLON_ENVIRONMENT": self._settings.environment,
            # https://docs.powertools.aws.dev/lambda/python/latest/#environment-variables
            "POWERTOOLS_SERVICE_NAME": function,
            "POWERTOOLS_METRICS_NAMESPACE": "Carillon",
            "POWERTOOLS_LOG_LEVEL": "INFO",
            **{f"AWS_ENDPOINT_URL_{name.upper()}": url for name, url in self._settings.endpoints.items()},
        }

    def _tables_at(self, *tables: str) -> dict[str, str]:
        return {f"CARILLON_{table.upper()}_TABLE": self._naming.named(table) for table in tables}

    def _bus_at(self) -> dict[str, str]:
        return {"CARILLON_EVENT_BUS": self._naming.prefix}

    def _templates_at(self) -> dict[str, str]:
        return {"CARILLON_TEMPLATE_BUCKET": self._naming.template_bucket}

    def _categories(self) -> str:
        plain = {name: category.model_dump() for name, category in self._settings.categories.items()}
        return json.dumps(plain, separators=(",", ":"))
