"""The whole platform of one environment: every component, and what each is given of the others."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import pulumi
import pulumi_aws as aws

from stacks.api.api import Api, ApiArgs, LinksApi
from stacks.api.firewall import Firewall, FirewallArgs
from stacks.compute.function import Function, FunctionArgs, Logging
from stacks.compute.functions import specs
from stacks.compute.packaging import build_all
from stacks.data.audiences import AudienceBucket, AudienceBucketArgs
from stacks.data.tables import SPECS as TABLES
from stacks.data.tables import Tables, TablesArgs
from stacks.data.templates import TemplateBucket, TemplateBucketArgs
from stacks.messaging.alerts import Alerts, AlertsArgs
from stacks.messaging.broadcasts import Broadcasts, BroadcastsArgs
from stacks.messaging.bus import Bus, BusArgs
from stacks.messaging.channel import Channel, ChannelArgs
from stacks.messaging.observer import Observer, ObserverArgs
from stacks.messaging.quarantine import Quarantine, QuarantineArgs
from stacks.messaging.schedules import Schedules, SchedulesArgs
from stacks.messaging.ses import Ses, SesArgs, SesReceipts, SesReceiptsArgs
from stacks.messaging.sweeper import Sweeper, SweeperArgs
from stacks.messaging.webhooks import Webhooks, WebhooksArgs
from stacks.monitoring.estate import Estate
from stacks.monitoring.monitoring import Monitoring, MonitoringArgs
from stacks.naming import Naming
from stacks.security import grants
from stacks.security.apps import AppSecrets, AppSecretsArgs
from stacks.security.encryption import Encryption, EncryptionArgs
from stacks.security.iam import Statement
from stacks.security.provider_secrets import CREDENTIALS, SIGN_RECEIPTS, ProviderSecrets, ProviderSecretsArgs
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
        for warning in {package.warning for package in self._packages.values()} - {""}:
            pulumi.log.warn(warning)

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
        self._bus = Bus("bus", BusArgs(naming, self._keys.messaging, settings.retention.archive.days), self._child)
        tables = Tables(
            "tables",
            TablesArgs(naming, self._keys.data, encryption.replica_data_key_arns, settings.protect),
            self._child,
        )
        templates = TemplateBucket(
            "templates", TemplateBucketArgs(naming, self._keys.data, settings.protect), self._child
        )
        audiences = AudienceBucket(
            "audiences",
            AudienceBucketArgs(naming, self._keys.data, naming.role_arn("fanout"), settings.protect),
            self._child,
        )
        self._broadcasts = Broadcasts("broadcasts", BroadcastsArgs(naming, self._keys.messaging), self._child)
        apps = AppSecrets(
            "apps", AppSecretsArgs(naming, self._keys.secrets, settings.apps, settings.protect), self._child
        )
        ses = Ses("ses", SesArgs(naming, settings.email.identity), self._child)
        credentials = {channel: self._credentials(channel) for channel in settings.channels}
        api, links = self._apis(credentials)
        if settings.waf.enabled:
            Firewall(
                "firewall",
                FirewallArgs(naming, settings.waf, {"api": api.stage_arn, "links": links.stage_arn}, self._logging),
                self._child,
            )
        self._links = {"CARILLON_LINK_KEY": self._keys.links, "CARILLON_PUBLIC_URL": links.url}
        self._quarantine = Quarantine("quarantine", QuarantineArgs(naming, self._keys.messaging), self._child)
        channels = {channel: self._channel(channel, credentials[channel]) for channel in settings.channels}
        self._fan_out(channels)
        worker = self._function(
            "webhooks", grants.webhooks(naming, self._keys), {"CARILLON_LINK_KEY": self._keys.links}
        )
        webhooks = Webhooks("webhooks", WebhooksArgs(naming, self._keys.messaging, worker), self._child)
        observer = self._function(
            "observer",
            grants.observer(naming, self._keys, tables.log_stream_arn),
            {"CARILLON_WEBHOOK_QUEUE_URL": webhooks.queue_url},
        )
        Observer("observer", ObserverArgs(observer, tables.log_stream_arn, self._quarantine.queue_arn), self._child)
        sweeper = self._function("sweeper", grants.sweeper(naming, self._keys))
        Sweeper("sweeper", SweeperArgs(sweeper), self._child)
        Schedules("schedules", SchedulesArgs(naming), self._child)
        estate = Estate(naming, settings, self._specs, TABLES)
        monitoring = Monitoring("monitoring", MonitoringArgs(estate, self._alerts.topic_arn, api), self._child)

        self.exports = {
            "apiUrl": api.url,
            "apiDnsRecords": api.dns_records,
            "linksUrl": links.url,
            "linksDnsRecords": links.dns_records,
            "busName": self._bus.name,
            "tableNames": tables.names,
            "queueUrls": {name: channel.queue_url for name, channel in channels.items()},
            "deadLetterQueueUrls": {name: channel.dead_letter_queue_url for name, channel in channels.items()},
            "quarantineQueueUrl": self._quarantine.queue_url,
            "webhookQueueUrl": webhooks.queue_url,
            "webhookQuarantineUrl": webhooks.quarantine_url,
            "alertTopicArn": self._alerts.topic_arn,
            "dashboard": monitoring.dashboard_name,
            "templateBucket": templates.bucket_name,
            "audienceBucket": audiences.bucket_name,
            "broadcastQueueUrl": self._broadcasts.queue_url,
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
            self._function(
                f"redriver-{channel}",
                grants.redriver(naming, self._keys, channel),
                {"CARILLON_QUARANTINE_URL": self._quarantine.queue_url},
            ),
            self._bus.name,
            self._keys.messaging,
        )
        return Channel(channel, args, self._child)

    def _apis(self, credentials: Mapping[str, ProviderSecrets]) -> tuple[Api, LinksApi]:
        naming, keys = self._naming, self._keys
        signing = [each.arns[name] for each in credentials.values() for name in SIGN_RECEIPTS if name in each.arns]
        statements = {
            "authorizer": grants.authorizer(naming, keys, refuses_replays=self._settings.api.refuse_replays),
            "notifications": grants.notifications(naming, keys),
            "broadcasts": grants.broadcasts(naming, keys),
            "contacts": grants.contacts(naming, keys),
            "templates": grants.templates(naming, keys),
            "tracking": grants.tracking(naming, keys),
            "reports": grants.reports(naming, keys),
            "hooks": grants.hooks(naming, keys, signing),
        }
        made = {
            "tracking": {"CARILLON_LINK_KEY": keys.links},
            "reports": {"CARILLON_LINK_KEY": keys.links},
            "broadcasts": {"CARILLON_BROADCAST_QUEUE_URL": self._broadcasts.queue_url},
        }
        functions = {
            name: Function(name, self._function(name, granted, made.get(name, {})), self._child)
            for name, granted in statements.items()
        }
        SesReceipts("ses-receipts", SesReceiptsArgs(naming, functions["hooks"]), self._child)
        authorizer = functions.pop("authorizer")
        traced = self._settings.tracing
        api = Api("api", ApiArgs(naming, self._settings.api, authorizer, functions, self._logging, traced), self._child)
        # After the other, through which the account may log.
        after = pulumi.ResourceOptions.merge(self._child, pulumi.ResourceOptions(depends_on=[api]))
        links = LinksApi("links", ApiArgs(naming, self._settings.api, None, functions, self._logging, traced), after)
        return api, links

    def _fan_out(self, channels: Mapping[str, Channel]) -> None:
        urls = pulumi.Output.json_dumps({name: channel.queue_url for name, channel in channels.items()})
        made = {"CARILLON_BROADCAST_QUEUE_URL": self._broadcasts.queue_url, "CARILLON_QUEUE_URLS": urls}
        statements = grants.fanout(self._naming, self._keys, channels)
        self._broadcasts.fan_out(self._function("fanout", statements, made))

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
            self._settings.tracing,
        )
