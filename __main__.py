"""The Pulumi program: an environment's settings become its platform."""

import pulumi

from stacks import settings
from stacks.platform import Platform, PlatformArgs
from stacks.provider import provider

configured = settings.read()
platform = Platform("carillon", PlatformArgs(configured), pulumi.ResourceOptions(provider=provider(configured)))
for name, value in platform.exports.items():
    pulumi.export(name, value)
