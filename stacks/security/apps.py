"""The secrets of the producers' apps: containers only, whose values `carillon apps create` sets out of band."""

from dataclasses import dataclass

import pulumi

from stacks.naming import Naming
from stacks.security.secrets import container


@dataclass(frozen=True)
class AppSecretsArgs:
    """`apps`: the app keys."""

    naming: Naming
    key_arn: pulumi.Output[str]
    apps: tuple[str, ...]
    protect: bool


class AppSecrets(pulumi.ComponentResource):
    """One secret per app."""

    names: dict[str, pulumi.Output[str]]
    """Secret names by app key."""

    def __init__(self, name: str, args: AppSecretsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("carillon:stacks:AppSecrets", name, {}, opts)
        self.names = {
            app: container(
                app,
                f"{args.naming.app_secret_prefix}{app}",
                f"Signing secrets and scopes of the app {app}",
                args.key_arn,
                args.protect,
                self,
            ).name
            for app in args.apps
        }
        self.register_outputs({"names": self.names})
