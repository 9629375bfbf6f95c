"""Amazon SES: identities and configuration sets."""

from collections.abc import Mapping
from typing import Any, Final

from local.engine.aws import Aws
from local.engine.inputs import Inputs
from local.engine.resources.provisioner import Created, Provisioner, tag_list


def configuration_set(inputs: Inputs, aws: Aws) -> Created:
    """How mail is sent that names this set."""
    name = inputs.required("configurationSetName")
    settings: dict[str, Any] = {}
    if delivery := inputs.block("deliveryOptions"):
        settings["DeliveryOptions"] = delivery.pick(tlsPolicy="TlsPolicy")
    if reputation := inputs.block("reputationOptions"):
        settings["ReputationOptions"] = reputation.pick(reputationMetricsEnabled="ReputationMetricsEnabled")
    if sending := inputs.block("sendingOptions"):
        settings["SendingOptions"] = sending.pick(sendingEnabled="SendingEnabled")
    if suppression := inputs.block("suppressionOptions"):
        settings["SuppressionOptions"] = suppression.pick(suppressedReasons="SuppressedReasons")
    aws.sesv2.create_configuration_set(ConfigurationSetName=name, Tags=tag_list(inputs.tags()), **settings)
    return Created(name, {"arn": aws.arn("ses", f"configuration-set/{name}")})


def event_destination(inputs: Inputs, aws: Aws) -> Created:
    """Where SES tells what became of mail that names a configuration set."""
    configured, name = inputs.required("configurationSetName"), inputs.required("eventDestinationName")
    destination: Any = {}
    if asked := inputs.block("eventDestination"):
        destination = asked.pick(enabled="Enabled", matchingEventTypes="MatchingEventTypes")
        if bus := asked.block("eventBridgeDestination"):
            destination["EventBridgeDestination"] = bus.pick(eventBusArn="EventBusArn")
    aws.sesv2.create_configuration_set_event_destination(
        ConfigurationSetName=configured, EventDestinationName=name, EventDestination=destination
    )
    return Created(f"{configured}|{name}")


def email_identity(inputs: Inputs, aws: Aws) -> Created:
    """A domain or an address that mail may come from."""
    name = inputs.required("emailIdentity")
    settings = inputs.pick(configurationSetName="ConfigurationSetName")
    created = aws.sesv2.create_email_identity(EmailIdentity=name, Tags=tag_list(inputs.tags()), **settings)
    return Created(
        name,
        {
            "arn": aws.arn("ses", f"identity/{name}"),
            "identityType": created.get("IdentityType"),
            "verifiedForSendingStatus": created.get("VerifiedForSendingStatus"),
            "dkimSigningAttributes": _dkim(created.get("DkimAttributes", {})),
        },
    )


def _dkim(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """SES's DkimAttributes, as the provider names them."""
    names = {
        "Status": "status",
        "Tokens": "tokens",
        "SigningAttributesOrigin": "signingAttributesOrigin",
        "CurrentSigningKeyLength": "currentSigningKeyLength",
        "NextSigningKeyLength": "nextSigningKeyLength",
    }
    return {ours: attributes[theirs] for theirs, ours in names.items() if theirs in attributes}


PROVISIONERS: Final[Mapping[str, Provisioner]] = {
    "aws:sesv2/configurationSet:ConfigurationSet": configuration_set,
    "aws:sesv2/configurationSetEventDestination:ConfigurationSetEventDestination": event_destination,
    "aws:sesv2/emailIdentity:EmailIdentity": email_identity,
}
