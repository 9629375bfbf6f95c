"""stacks.security.iam: what a statement refuses to be, and what a document made of statements says."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pulumi
import pytest

from stacks.security.iam import (
    EVERYONE,
    Condition,
    Statement,
    StatementError,
    arn_like,
    document,
    equals,
    service,
    tls_only,
    trust,
)

TABLE = "arn:aws:dynamodb:eu-central-1:123456789012:table/carillon-dev-contacts"
READ = Statement("Read", ("dynamodb:GetItem",), (TABLE,))


@pytest.fixture(autouse=True)
def _loop() -> Iterator[None]:
    """The loop that outputs are resolved on, there before any output is made."""
    made = asyncio.new_event_loop()
    asyncio.set_event_loop(made)
    yield
    asyncio.set_event_loop(None)
    made.close()


def parsed(policy: pulumi.Output[str]) -> dict[str, Any]:
    text = asyncio.get_event_loop().run_until_complete(policy.future())
    body: dict[str, Any] = json.loads(text or "")
    return body


@pytest.mark.parametrize(
    ("actions", "resources", "named"),
    [
        (("dynamodb:*",), (TABLE,), "dynamodb:*"),
        (("dynamodb:Get*",), (TABLE,), "dynamodb:Get*"),
        (("dynamodb:GetItem",), ("*",), "*"),
        (("dynamodb:GetItem",), (TABLE, f"{TABLE}/index/*"), f"{TABLE}/index/*"),
    ],
)
def test_a_wildcard_without_its_reason_is_refused_naming_it(
    actions: tuple[str, ...], resources: tuple[str, ...], named: str
) -> None:
    with pytest.raises(StatementError) as refused:
        Statement("Read", actions, resources)
    assert str(refused.value) == (
        f"Statement Read: {named!r} has a wildcard. Name exactly what is needed, "
        "or give the reason why AWS leaves no narrower choice."
    )


def test_a_wildcard_with_its_reason_is_granted() -> None:
    granted = Statement("Read", ("dynamodb:GetItem",), (f"{TABLE}/index/*",), reason="indexes come and go")
    assert granted.rendered()["Resource"] == [f"{TABLE}/index/*"]


@pytest.mark.parametrize(
    ("sid", "actions", "message"),
    [
        ("Read it", ("dynamodb:GetItem",), "Statement 'Read it': a sid has letters and digits only; rename it."),
        ("Read", (), "Statement Read: name at least one action."),
        ("Read", ("GetItem",), "Statement Read: 'GetItem' is not an action; write service:Action."),
    ],
)
def test_a_statement_that_aws_would_not_understand_is_refused(sid: str, actions: tuple[str, ...], message: str) -> None:
    with pytest.raises(StatementError) as refused:
        Statement(sid, actions, (TABLE,))
    assert str(refused.value) == message


def test_nothing_is_allowed_to_everyone() -> None:
    with pytest.raises(StatementError, match="Statement Open: it would allow everyone; name the principal"):
        Statement("Open", ("sqs:SendMessage",), (TABLE,), principal=EVERYONE)


def test_two_statements_of_one_document_cannot_share_a_sid() -> None:
    with pytest.raises(StatementError, match="Statements share the sid Read: rename all but one"):
        document(READ, READ)


def test_a_document_says_what_its_statements_say() -> None:
    conditions = (equals("aws:SourceAccount", "123456789012"), arn_like("aws:SourceArn", "arn:1", "arn:2"))
    send = Statement("Send", ("sqs:SendMessage",), (TABLE,), conditions, service("events.amazonaws.com"))

    assert parsed(document(READ, send)) == {
        "Version": "2012-10-17",
        "Statement": [
            {"Sid": "Read", "Effect": "Allow", "Action": ["dynamodb:GetItem"], "Resource": [TABLE]},
            {
                "Sid": "Send",
                "Effect": "Allow",
                "Action": ["sqs:SendMessage"],
                "Principal": {"Service": "events.amazonaws.com"},
                "Resource": [TABLE],
                "Condition": {
                    "StringEquals": {"aws:SourceAccount": ["123456789012"]},
                    "ArnLike": {"aws:SourceArn": ["arn:1", "arn:2"]},
                },
            },
        ],
    }


def test_conditions_with_one_operator_are_all_kept() -> None:
    both = (equals("kms:ViaService", "s3.eu-central-1.amazonaws.com"), equals("kms:CallerAccount", "123456789012"))
    rendered = Statement("Use", ("kms:Decrypt",), (TABLE,), both).rendered()
    assert set(rendered["Condition"]["StringEquals"]) == {"kms:ViaService", "kms:CallerAccount"}


def test_an_arn_that_is_not_known_yet_is_filled_in() -> None:
    key = pulumi.Output.from_input("arn:aws:kms:eu-central-1:123456789012:key/1")
    (statement,) = parsed(document(Statement("Use", ("kms:Decrypt",), (key,))))["Statement"]
    assert statement["Resource"] == ["arn:aws:kms:eu-central-1:123456789012:key/1"]


def test_a_trust_policy_lets_only_the_service_assume_the_role() -> None:
    named = Condition("Null", "aws:SourceArn", ("false",))
    (statement,) = parsed(trust(service("lambda.amazonaws.com"), named))["Statement"]
    assert statement["Principal"] == {"Service": "lambda.amazonaws.com"}
    assert statement["Action"] == ["sts:AssumeRole"]
    assert "Resource" not in statement
    assert statement["Condition"] == {"Null": {"aws:SourceArn": ["false"]}}


def test_cleartext_is_refused_to_everyone() -> None:
    assert tls_only("s3:*", "arn:aws:s3:::bucket").rendered() == {
        "Sid": "RefuseCleartext",
        "Effect": "Deny",
        "Action": ["s3:*"],
        "Principal": {"AWS": "*"},
        "Resource": ["arn:aws:s3:::bucket"],
        "Condition": {"Bool": {"aws:SecureTransport": ["false"]}},
    }
