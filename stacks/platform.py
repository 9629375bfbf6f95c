"""The whole platform of one environment: every component, and what each is given of the others."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import pulumi
import pulumi_aws as aws

from stacks.api.api import Api, ApiArgs
from stacks.compute.function import Function, FunctionArgs, Logging
from stacks.compute.functions import specs
from stacks.compute.packaging import build_all
from stacks.data.tables import Tables, TablesArgs
from stacks.data.templates import TemplateBucket, TemplateBucketArgs
from stacks.messaging.alerts import Alerts, AlertsArgs
from stacks.messaging.bus import Bus, BusArgs
from stacks.messaging.channel import Channel, ChannelArgs
from stacks.messaging.schedules import Schedules, SchedulesArgs
from stacks.messaging.ses import Ses, SesArgs
from stacks.messaging.sweeper import Sweeper, SweeperArgs
from stacks.naming import Naming
from stacks.security import grants
from stacks.security.apps import AppSecrets, AppSecretsArgs
from stacks.security.encryption import Encryption, EncryptionArgs
from stacks.security.iam import Statement
from stacks.security.provider_secrets import CREDENTIALS, ProviderSecrets, ProviderSecretsArgs
from stacks.settings import Settings


@dataclass(frozen=True)
class PlatformArgs:
    """The environment's settings."""

    settings: Settings


class Platform(pulumi.ComponentResource):
    """Everything one environment has. The `Architecture` page says what each part is for: docs/architecture.md."""

    exports: dict[str, pulumi.Input[object]]
    """The stack's outputs, by the names that operators and the platform on this machine read."""

    def __init__(self, name: str, args: PlatformArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("carillon:stacks:Platform", name, {}, opts)
        self._settings = settings = args.settings
        account = aws.get_caller_identity(opts=pulumi.InvokeOptions(parent=self)).account_id
        self._naming = naming = Naming(settings.environment, settings.region, account)
        # Both before anything is made: what cannot be packaged or would be refused must not leave half a platform.
        self._specs = specs(settings, naming)
        self._packages = build_all(self._specs, settings.lambda_target)

        encryption = Encryption(
            "encryption", EncryptionArgs(naming, settings.replica_regions, settings.protect), self._child
        )
        self._keys = grants.Keys(
            encryption.data_key_arn,
            encryption.messaging_key_arn,
            encryption.secrets_key_arn,
            encryption.links_key_arn,
        )
        self._logging = Logging(self._keys.messaging, settings.log_retention_days)
        self._alerts = Alerts("alerts", AlertsArgs(naming, self._keys.messaging, settings.alert_emails), self._child)
        self._bus = Bus("bus", BusArgs(naming, self._keys.messaging), self._child)
        tables = Tables(
            "tables",
            TablesArgs(naming, self._keys.data, encryption.replica_data_key_arns, settings.protect),
            self._child,
        )
        templates = TemplateBucket(
            "templates", TemplateBucketArgs(naming, self._keys.data, settings.protect), self._child
        )
        apps = AppSecrets(
            "apps", AppSecretsArgs(naming, self._keys.secrets, settings.apps, settings.protect), self._child
        )
        ses = Ses("ses", SesArgs(naming, settings.email.identity), self._child)
        api = self._api()
        self._links = {"CARILLON_LINK_KEY": self._keys.links, "CARILLON_PUBLIC_URL": api.url}
        credentials = {channel: self._credentials(channel) for channel in settings.channels}
        channels = {channel: self._channel(channel, credentials[channel]) for channel in settings.channels}
        sweeper = self._function("sweeper", grants.sweeper(naming, self._keys))
        Sweeper("sweeper", SweeperArgs(sweeper, self._alerts.topic_arn), self._child)
        Schedules("schedules", SchedulesArgs(naming), self._child)

        self.exports = {
            "apiUrl": api.url,
            "apiDnsRecords": api.dns_records,
            "busName": self._bus.name,
            "tableNames": tables.names,
            "queueUrls": {name: channel.queue_url for name, channel in channels.items()},
            "deadLetterQueueUrls": {name: channel.dead_letter_queue_url for name, channel in channels.items()},
            "alertTopicArn": self._alerts.topic_arn,
            "templateBucket": templates.bucket_name,
            "appSecretNames": apps.names,
            "providerSecretNames": {
                name: secret for each in credentials.values() for name, secret in each.names.items()
            },
            "sesConfigurationSet": ses.configuration_set,
            "emailDnsRecords": ses.dns_records,
        }
        self.register_outputs({"exports": self.exports})

    @property
    def _child(self) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self)

    def _credentials(self, channel: str) -> ProviderSecrets:
        args = ProviderSecretsArgs(self._naming, self._keys.secrets, CREDENTIALS[channel], self._settings.protect)
        return ProviderSecrets(f"{channel}-providers", args, self._child)

    def _channel(self, channel: str, credentials: ProviderSecrets) -> Channel:
        naming, settings = self._naming, self._settings
        statements = (
            *grants.worker(naming, self._keys, channel, credentials.arns.values()),
            *grants.provider(naming, channel, settings.email.identity),
        )
        args = ChannelArgs(
            naming,
            channel,
            settings.channels[channel],
            self._function(f"worker-{channel}", statements, self._links),
            self._bus.name,
            self._keys.messaging,
            self._alerts.topic_arn,
        )
        return Channel(channel, args, self._child)

    def _api(self) -> Api:
        naming, keys = self._naming, self._keys
        statements = {
            "authorizer": grants.authorizer(naming, keys),
            "notifications": grants.notifications(naming, keys),
            "contacts": grants.contacts(naming, keys),
            "templates": grants.templates(naming, keys),
            "tracking": grants.tracking(naming, keys),
        }
        made = {"tracking": {"CARILLON_LINK_KEY": keys.links}}
        functions = {
            name: Function(name, self._function(name, granted, made.get(name, {})), self._child)
            for name, granted in statements.items()
        }
        args = ApiArgs(naming, self._settings.api, functions.pop("authorizer"), functions, self._logging)
        return Api("api", args, self._child)

    def _function(
        self,
        function: str,
        statements: tuple[Statement, ...],
        made: Mapping[str, pulumi.Output[str]] = MappingProxyType({}),
    ) -> FunctionArgs:
        return FunctionArgs(
            self._naming,
            self._specs[function],
            self._packages[function],
            statements,
            self._logging,
            self._settings.snap_start,
            made,
        )
