"""The credentials of the providers: empty containers. docs/configuration.md says how to set their values.

A provider whose container is empty is off, so an environment needs accounts only with the providers that it uses.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import pulumi

from handlers.domain.channels import CHANNELS
from handlers.domain.providers.registry import of_channel
from stacks.naming import Naming
from stacks.security.secrets import container

CREDENTIALS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {channel: tuple(each.name for each in of_channel(channel) if each.credentials) for channel in CHANNELS}
)
"""By channel, the providers that have credentials. The others need none: SES and SNS go by the worker's role, and the
url of a Slack, Teams or Discord channel is its own credential."""


SIGN_RECEIPTS = ("sendgrid", "twilio")
"""The providers whose credentials also say what their receipts are verified with (`handlers.entrypoints.hooks`)."""


@dataclass(frozen=True)
class ProviderSecretsArgs:
    """The providers of one channel: their names as in CREDENTIALS."""

    naming: Naming
    key_arn: pulumi.Output[str]
    providers: tuple[str, ...]
    protect: bool


class ProviderSecrets(pulumi.ComponentResource):
    """One secret per provider of a channel."""

    names: dict[str, pulumi.Output[str]]
    """Secret names by provider."""
    arns: dict[str, pulumi.Output[str]]
    """By provider. A role is granted these, for a name alone would need a wildcard: Secrets Manager extends it."""

    def __init__(self, name: str, args: ProviderSecretsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("carillon:stacks:ProviderSecrets", name, {}, opts)
        secrets = {
            provider: container(
                provider,
                f"{args.naming.provider_secret_prefix}{provider}",
                f"Credentials of the provider {provider}",
                args.key_arn,
                args.protect,
                self,
            )
            for provider in args.providers
        }
        self.names = {provider: secret.name for provider, secret in secrets.items()}
        self.arns = {provider: secret.arn for provider, secret in secrets.items()}
        self.register_outputs({"names": self.names, "arns": self.arns})
