"""The secrets of the producers' apps: containers only, whose values `carillon apps put` sets out of band."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from stacks.naming import Naming

_RECOVERY_DAYS = 30


@dataclass(frozen=True)
class AppSecretsArgs:
    """`apps`: the app keys."""

    naming: Naming
    key_arn: pulumi.Output[str]
    apps: tuple[str, ...]
    protect: bool


class AppSecrets(pulumi.ComponentResource):
    """One secret per app, recoverable for a month after deletion where the environment is protected."""

    names: dict[str, pulumi.Output[str]]
    """Secret names by app key."""

    def __init__(self, name: str, args: AppSecretsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("carillon:stacks:AppSecrets", name, {}, opts)
        self.names = {app: self._secret(app, args).name for app in args.apps}
        self.register_outputs({"names": self.names})

    def _secret(self, app: str, args: AppSecretsArgs) -> aws.secretsmanager.Secret:
        return aws.secretsmanager.Secret(
            app,
            name=f"{args.naming.app_secret_prefix}{app}",
            description=f"Signing secrets and scopes of the app {app}",
            kms_key_id=args.key_arn,
            recovery_window_in_days=_RECOVERY_DAYS if args.protect else 0,
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
        )
