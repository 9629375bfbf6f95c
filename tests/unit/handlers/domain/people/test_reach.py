"""A contact's endpoints: all devices, all external channels that are on, one address and one number."""

from handlers.domain.people.reach import Endpoint, Reach


def test_every_channel_has_its_endpoints() -> None:
    reach = Reach.of_contact(
        {
            "user_id": "ada",
            "email": "ada@example.com",
            "phone": "+442079460123",
            "locale": "de-AT",
            "device_tokens": [
                {"deviceToken": "t1", "platform": "apns"},
                {"deviceToken": "t2", "platform": "fcm"},
            ],
            "external_channels": [
                {"platform": "slack", "url": "https://hooks.slack.com/1", "status": True},
                {"platform": "teams", "url": "https://x.webhook.office.com/2", "status": False},
            ],
        }
    )
    assert reach.on("email") == (Endpoint("ada@example.com"),)
    assert reach.on("sms") == (Endpoint("+442079460123"),)
    assert reach.on("push") == (Endpoint("t1", "apns"), Endpoint("t2", "fcm"))
    assert reach.on("chat") == (Endpoint("https://hooks.slack.com/1", "slack"),)
    assert reach.locale == "de-AT"


def test_what_a_contact_lacks_cannot_be_reached() -> None:
    reach = Reach.of_contact({"user_id": "ada", "device_tokens": None})
    assert [reach.on(channel) for channel in ("email", "sms", "push", "chat")] == [(), (), (), ()]
