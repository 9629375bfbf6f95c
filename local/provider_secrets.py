"""What an operator does once per environment: gives each provider's secret its value, and SNS its platform apps."""

import json
from collections.abc import Mapping

import boto3

from local.engine.emulator import Emulator
from local.sandbox.credentials import Credentials


def fill(emulator: Emulator, credentials: Credentials, secret_names: Mapping[str, str]) -> None:
    """Put the sandbox's credentials into the secrets that the program made, by provider; into no others.

    Amazon SNS gets what it needs to reach Apple and Google in the platform's place.
    """
    session = boto3.Session(emulator.access_key_id, emulator.secret_access_key, region_name=emulator.region)
    values = credentials.secret_strings()
    if "sns-push" in secret_names:
        values["sns-push"] = json.dumps({"application_arns": _platform_applications(session, emulator, credentials)})
    manager = session.client("secretsmanager", endpoint_url=emulator.endpoint_url)
    for provider, name in secret_names.items():
        if provider in values:
            manager.put_secret_value(SecretId=name, SecretString=values[provider])


def _platform_applications(session: boto3.Session, emulator: Emulator, credentials: Credentials) -> dict[str, str]:
    """One for each platform, with the attributes of
    https://docs.aws.amazon.com/sns/latest/api/API_SetPlatformApplicationAttributes.html.
    """
    sns, apple = session.client("sns", endpoint_url=emulator.endpoint_url), credentials.apns
    attributes = {
        "APNS": {
            "PlatformCredential": apple.private_key,
            "PlatformPrincipal": apple.key_id,
            "ApplePlatformTeamID": apple.team_id,
            "ApplePlatformBundleID": apple.topic,
        },
        "GCM": {"PlatformCredential": credentials.fcm.model_dump_json()},
    }
    arns = {}
    for platform, service in {"apns": "APNS", "fcm": "GCM"}.items():
        made = sns.create_platform_application(
            # The worker may publish to devices of applications with the environment's prefix alone.
            Name=f"carillon-local-{platform}",
            Platform=service,
            Attributes=attributes[service],
        )
        arns[platform] = made["PlatformApplicationArn"]
    return arns
