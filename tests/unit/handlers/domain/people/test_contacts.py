"""A contact holds only what can be sent to, and a patch changes what it names and nothing else."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from handlers.domain.people.contacts import Changes, Contact, StoredContact, UserId, changes

APNS, FCM = "0123456789abcdef" * 4, "dQw4w9WgXcQ:APA91b" + "x-Y_" * 35
SLACK = {"platform": "slack", "url": "https://hooks.slack.com/services/T000/B000/abcdef", "status": True}
WHOLE: dict[str, Any] = {
    "email": "ada@example.com",
    "phone": "+442079460123",
    "locale": "de-AT",
    "timezone": "Europe/Vienna",
    "device_tokens": [{"deviceToken": APNS, "platform": "apns"}, {"deviceToken": FCM, "platform": "fcm"}],
    "external_channels": [SLACK, {"platform": "webhook", "url": "https://hooks.example.com/in?k=1", "status": False}],
    "tags": ["beta", "vip"],
}


def refused_fields(**fields: Any) -> list[str]:
    with pytest.raises(ValidationError) as refused:
        Contact.model_validate(fields)
    return [".".join(map(str, error["loc"])) for error in refused.value.errors()]


def channel(url: str, platform: str = "webhook") -> dict[str, Any]:
    return {"platform": platform, "url": url, "status": True}


# -- what is accepted --------------------------------------------------------------------------------------------------


def test_a_contact_is_kept_as_it_was_given() -> None:
    assert Contact.model_validate(WHOLE).document() == WHOLE


def test_every_field_may_be_absent_or_null_and_is_then_not_written() -> None:
    assert Contact.model_validate({}).document() == {}
    assert Contact.model_validate(dict.fromkeys(WHOLE)).document() == {}


def test_an_empty_list_is_kept_as_one() -> None:
    assert Contact.model_validate({"device_tokens": []}).document() == {"device_tokens": []}


@pytest.mark.parametrize(
    ("platform", "token"),
    [
        ("apns", "A1" * 32),
        ("apns", "a1" * 80),
        ("apns", "a1" * 100),
        ("fcm", FCM),
        ("fcm", "x" * 119),
        ("fcm", "x" * 4096),
    ],
)
def test_a_device_token_of_its_platform_is_accepted(platform: str, token: str) -> None:
    assert Contact.model_validate({"device_tokens": [{"deviceToken": token, "platform": platform}]})


@pytest.mark.parametrize(
    ("platform", "url"),
    [
        ("slack", "https://hooks.slack.com/services/T000/B000/abc"),
        ("slack", "https://hooks.slack.com/triggers/T000/1/abc"),
        ("slack", "https://hooks.slack-gov.com/services/T000/B000/abc"),
        (
            "teams",
            "https://prod-23.westeurope.logic.azure.com/workflows/1/triggers/manual/paths/invoke?sp=%2Ft&sig=a-_",
        ),
        ("teams", "https://default1.6f.environment.api.powerplatform.com/powerautomate/automations/direct/workflows/1"),
        ("teams", "https://contoso.webhook.office.com/webhookb2/1@2/IncomingWebhook/3/4"),
        ("discord", "https://discord.com/api/webhooks/1/abc"),
        ("discord", "https://discordapp.com/api/webhooks/1/abc"),
        ("discord", "https://ptb.discord.com/api/v10/webhooks/1/abc"),
        ("webhook", "https://hooks.example.com/in?token=%2F"),
        ("webhook", "https://1.1.1.1/in"),
    ],
)
def test_a_url_of_its_platform_is_kept_as_it_is(platform: str, url: str) -> None:
    contact = Contact.model_validate({"external_channels": [channel(url, platform)]})
    assert contact.document()["external_channels"][0]["url"] == url


def test_a_url_is_kept_as_it_will_be_called() -> None:
    contact = Contact.model_validate({"external_channels": [channel("HTTPS://Prod.LOGIC.azure.com:443/w/x", "teams")]})
    assert contact.document()["external_channels"][0]["url"] == "https://prod.logic.azure.com/w/x"


# -- what is refused ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"email": "nobody"}, "email"),
        ({"phone": "+1555"}, "phone"),
        ({"locale": "english"}, "locale"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"timezone": "../../etc/passwd"}, "timezone"),
        ({"timezone": "America"}, "timezone"),
        ({"device_tokens": [{"deviceToken": "xyz", "platform": "apns"}]}, "device_tokens.0.deviceToken"),
        ({"device_tokens": [{"deviceToken": "a" * 63, "platform": "apns"}]}, "device_tokens.0.deviceToken"),
        ({"device_tokens": [{"deviceToken": APNS, "platform": "fcm"}]}, "device_tokens.0.deviceToken"),
        ({"device_tokens": [{"deviceToken": FCM + " ", "platform": "fcm"}]}, "device_tokens.0.deviceToken"),
        ({"device_tokens": [{"deviceToken": APNS, "platform": "windows"}]}, "device_tokens.0.platform"),
        ({"device_tokens": [{"deviceToken": APNS}]}, "device_tokens.0.platform"),
        (
            {"device_tokens": [{"device_token": APNS, "platform": "apns", "deviceToken": APNS}]},
            "device_tokens.0.device_token",
        ),
        ({"device_tokens": [{"deviceToken": APNS, "platform": "apns"}] * 2}, "device_tokens"),
        ({"external_channels": [SLACK, SLACK | {"status": False}]}, "external_channels"),
        ({"external_channels": [SLACK | {"status": "yes"}]}, "external_channels.0.status"),
        ({"external_channels": [SLACK | {"platform": "irc"}]}, "external_channels.0.platform"),
        ({"external_channels": [SLACK | {"secret": "x"}]}, "external_channels.0.secret"),
        ({"external_channels": [channel(f"https://h.example.com/{i}") for i in range(51)]}, "external_channels"),
        ({"device_tokens": [{"deviceToken": f"{i:064x}", "platform": "apns"} for i in range(101)]}, "device_tokens"),
        ({"tags": [str(i) for i in range(51)]}, "tags"),
        ({"tags": ["a", "a"]}, "tags"),
        ({"tags": [""]}, "tags.0"),
        ({"nickname": "ada"}, "nickname"),
        ({"user_id": "ada"}, "user_id"),
    ],
)
def test_a_bad_field_is_named(fields: dict[str, Any], named: str) -> None:
    assert refused_fields(**fields) == [named]


@pytest.mark.parametrize(
    ("platform", "url"),
    [
        ("slack", "http://hooks.slack.com/services/x"),
        ("slack", "https://example.com/services/x"),
        ("slack", "https://hooks.slack.com.example.com/x"),
        ("slack", "https://hooks.slack.com@example.com/x"),
        ("slack", "https://user:password@hooks.slack.com/x"),
        ("slack", "https://example.com\\@hooks.slack.com/x"),
        ("slack", "https://hooks.slack.com%2eexample.com/x"),
        ("slack", "https://evil-hooks.slack.com/x"),
        ("teams", "https://logic.azure.com.example.com/x"),
        ("teams", "https://notlogic.azure.com/x"),
        ("discord", "https://hooks.slack.com/x"),
        ("webhook", "http://hooks.example.com/x"),
        ("webhook", "ftp://hooks.example.com/x"),
        ("webhook", "hooks.example.com/x"),
        ("webhook", "https://"),
        ("webhook", "https://localhost/x"),
        ("webhook", "https://api.localhost/x"),
        ("webhook", "https://ip-10-0-0-1.ec2.internal/x"),
        ("webhook", "https://ec2.internal./x"),
        ("webhook", "https://10.0.0.1/x"),
        ("webhook", "https://127.1/x"),
        ("webhook", "https://2130706433/x"),
        ("webhook", "https://0x7f.0.0.1/x"),
        ("webhook", "https://169.254.169.254/latest/meta-data"),
        ("webhook", "https://[::1]/x"),
        ("webhook", "https://[::ffff:127.0.0.1]/x"),
        ("webhook", "https://[fd00:ec2::254]/x"),
        ("webhook", "https://hooks.example.com/" + "x" * 2048),
        ("slack", "https://hooks.slack.com:8443/services/x"),
        ("slack", "https://hooks.slack.com\\@hooks.slack.com/services/x"),
        ("webhook", "https://hooks.example.com:8443/in"),
        ("webhook", "https://hooks.example.com:/in"),
    ],
)
def test_a_url_that_could_lead_elsewhere_is_refused(platform: str, url: str) -> None:
    assert refused_fields(external_channels=[channel(url, platform)]) == ["external_channels.0.url"]


def test_a_contact_that_was_stored_by_older_rules_can_still_be_read() -> None:
    old = {"external_channels": [channel("https://hooks.example.com:8443/in")]}
    assert StoredContact.model_validate(old).document() == old
    assert refused_fields(**old) == ["external_channels.0.url"]


def test_an_error_repeats_nothing_of_the_contact() -> None:
    with pytest.raises(ValidationError) as refused:
        Contact.model_validate(
            {
                "email": "hunter2",
                "phone": "hunter2",
                "timezone": "hunter2",
                "device_tokens": [{"deviceToken": "hunter2", "platform": "apns"}],
                "external_channels": [channel("hunter2")],
            }
        )
    assert len(refused.value.errors()) == 5
    assert "hunter2" not in str(refused.value)
    assert "hunter2" not in " ".join(error["msg"] for error in refused.value.errors())


@pytest.mark.parametrize(
    "accepted",
    ["ada", "a", "auth0|5f7c8ec7", "https://id.example/u?x=1#2", "a b", "100%", "a%2Fb", '\\"`<>^{}', "a" * 255],
)
def test_a_user_id_is_the_producers_own(accepted: str) -> None:
    assert TypeAdapter(UserId).validate_python(accepted) == accepted


@pytest.mark.parametrize("refused", ["", " ", " a", "a ", "é", "a" * 256, "a\n", "a\tb", "a\x7f"])
def test_a_user_id_is_bounded(refused: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(UserId).validate_python(refused)


# -- patches -----------------------------------------------------------------------------------------------------------

DOCUMENTS = st.fixed_dictionaries({}, optional={name: st.just(value) for name, value in WHOLE.items()})
PATCHES = st.fixed_dictionaries(
    {},
    optional={
        "email": st.sampled_from([None, "new@example.com"]),
        "phone": st.sampled_from([None, "+15551234567"]),
        "locale": st.sampled_from([None, "fr"]),
        "device_tokens": st.sampled_from([None, [], [{"deviceToken": APNS, "platform": "apns"}]]),
        "external_channels": st.sampled_from([None, [SLACK]]),
        "tags": st.sampled_from([None, ["new"]]),
    },
)


def merge_patch(target: Any, patch: Any) -> Any:
    """The algorithm of RFC 7396 2, word for word."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merge_patch(result.get(name), value)
    return result


def applied(document: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    change: Changes = changes(Contact.model_validate(patch))
    assert not change.removed & change.assigned.keys()
    return {name: value for name, value in document.items() if name not in change.removed} | dict(change.assigned)


@given(DOCUMENTS, PATCHES)
def test_a_patch_does_what_the_rfc_says(document: dict[str, Any], patch: dict[str, Any]) -> None:
    assert applied(document, patch) == merge_patch(document, patch)


@given(DOCUMENTS, PATCHES)
def test_a_patch_applied_twice_is_a_patch_applied_once(document: dict[str, Any], patch: dict[str, Any]) -> None:
    assert applied(applied(document, patch), patch) == applied(document, patch)


@given(DOCUMENTS, PATCHES)
def test_a_patched_contact_is_a_contact(document: dict[str, Any], patch: dict[str, Any]) -> None:
    assert Contact.model_validate(applied(document, patch)).document() == applied(document, patch)


def test_an_empty_patch_changes_nothing() -> None:
    assert changes(Contact.model_validate({})) == Changes(assigned={}, removed=frozenset())
