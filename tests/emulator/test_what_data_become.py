"""What producers' data become on each channel, from the request through the log and the worker to the inbox."""

import re
import uuid

import httpx

from tests.emulator.producer import Producer

BODY = b"""{"category": "payment", "channels": ["email", "chat"], "to": [{"user_id": "%s"}],
"content": {"subject": "%s {{ price }} {{ off }} {{ none }}",
"body": "{{ order.items }} {{ big }} {{ url }} {{ link(url, name) }} {{ name }}"},
"data": {"price": 10.00, "off": false, "none": null, "big": 1e3, "order": {"items": 3},
"url": "https://shop.example/a b",
"name": "[reset](https://evil.example) <!channel>"}}"""


def test_values_arrive_as_they_were_written_and_as_text_on_every_platform(producer: Producer) -> None:
    unique = uuid.uuid4().hex
    channels = [
        {"platform": "slack", "url": f"https://hooks.slack.com/services/T0/B0/{unique}", "status": True},
        {"platform": "discord", "url": f"https://discord.com/api/webhooks/223704706495545344/{unique}", "status": True},
    ]
    user = producer.contact(email=f"{unique}@example.com", external_channels=channels)
    accepted = producer.raw("POST", "/v1/notifications", BODY % (user.encode(), unique.encode()))
    assert accepted.status_code == 202, accepted.text
    producer.until_final(accepted.json()["notification_id"])
    ids = {each["delivery_id"] for each in accepted.json()["deliveries"]}
    got = {each["provider"]: each for each in producer.messages() if each["delivery_id"] in ids}
    assert got["ses"]["subject"] == f"{unique} 10.00 false"
    assert "3 1e3 " in got["ses"]["body"]
    assert (
        '<a href="https://shop.example/a%20b">[reset](https://evil.example) &lt;!channel&gt;</a>' in got["ses"]["body"]
    )
    # The inbox shows a message of Slack as Slack does, so its escapes are not to be seen.
    assert "<https://shop.example/a%20b|" in got["slack"]["body"]
    assert r"[\[reset\]\(https://evil.example\) \<\!channel\>](https://shop.example/a%20b)" in got["discord"]["body"]


def test_a_tracked_url_leads_exactly_to_the_encoded_one(producer: Producer) -> None:
    unique = uuid.uuid4().hex
    content = {"subject": unique, "body": "<p>{{ tracked(url) }} {{ tracked('mailto:a@b.example') }}</p>"}
    data = {"url": "https://münchen.example/straße {1}"}
    body = {"category": "payment", "content": content, "data": data, "to": [{"email": f"{unique}@example.com"}]}
    producer.until_final(producer.send(body | {"channels": ["email"]}).json()["notification_id"])
    [sent] = [each for each in producer.messages() if each.get("subject") == unique]
    [link] = re.findall(r"https?://\S+/t/c/[\w.-]+", sent["body"])
    answer = httpx.get(link, follow_redirects=False)
    assert answer.headers["location"] == "https://xn--mnchen-3ya.example/stra%C3%9Fe%20%7B1%7D"
    assert "mailto:a@b.example" in sent["body"]


def test_what_is_wrong_is_a_400_that_names_the_path(producer: Producer) -> None:
    for source, said in {
        "{{ user.first_name }}": "user.first_name is not in the data",
        "{{ user }}": "prints an object, user",
        "{{ tracked('shop.example') }}": "tracked() is given what is no url: it does not begin with https://",
        "{{ first-name }}": "data.first-name: is read as a subtraction",
    }.items():
        body = {"category": "payment", "content": {"subject": "s", "body": source}, "data": {"user": {}}}
        answer = producer.send(body | {"to": [{"email": "ada@example.com"}], "channels": ["email"]})
        assert answer.status_code == 400
        assert said in answer.text
