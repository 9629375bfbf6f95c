"""The providers of the sandbox: one file each, one line each here."""

from local.sandbox.providers.aws import AwsProvider
from local.sandbox.providers.ses import Ses

AWS_PROVIDERS: dict[str, AwsProvider] = {provider.signing_name: provider for provider in (Ses(),)}
"""AWS services whose calls pass through, by the service name in the request's signature."""

NAMES = frozenset(provider.name for provider in AWS_PROVIDERS.values())
"""Every provider that can be told to fail."""
