"""stacks.security.iam: what a statement refuses to be, and what a document made of statements says."""

import asyncio
import json
from typing import Any

import pulumi
import pytest

from local import recording as program
from policies.values import at, plain, walk
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
PAGE = "https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html"
READ = Statement("Read", ("dynamodb:GetItem",), (TABLE,))


pytestmark = pytest.mark.usefixtures("loop")


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
    conditions = (
        equals("aws:SourceAccount", "123456789012", page=PAGE),
        arn_like("aws:SourceArn", "arn:1", "arn:2", page=PAGE),
    )
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


@pytest.mark.parametrize("page", ["", "https://example.com/what-somebody-said"])
def test_a_service_must_meet_no_condition_without_the_page_of_aws_that_says_that_it_can(page: str) -> None:
    asked = equals("aws:SourceAccount", "123456789012", page=page)
    with pytest.raises(StatementError, match=r"says that events.amazonaws.com sends aws:SourceAccount"):
        Statement("Send", ("sqs:SendMessage",), (TABLE,), (asked,), service("events.amazonaws.com"))
    with pytest.raises(StatementError, match=r"says that events.amazonaws.com sends aws:SourceAccount"):
        trust(service("events.amazonaws.com"), asked)


@pytest.mark.usefixtures("untraced")
def test_every_policy_for_a_service_is_made_where_the_pages_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[Statement] = []
    render = Statement.rendered

    def rendered(statement: Statement) -> dict[str, Any]:
        written.append(statement)
        return render(statement)

    monkeypatch.setattr(Statement, "rendered", rendered)
    documents = [value for each in program.run("prod").resources for _, value in walk(plain(each.inputs))]
    found = [each for each in documents if isinstance(each, dict) and at(each, "Principal", "Service")]
    made = [each for each in written if each.principal and each.principal.kind == "Service"]
    assert {at(each, "Sid") for each in found} == {each.sid for each in made}
    assert all(condition.page for each in made for condition in each.conditions)


def test_conditions_with_one_operator_are_all_kept() -> None:
    both = (equals("kms:ViaService", "s3.eu-central-1.amazonaws.com"), equals("kms:CallerAccount", "123456789012"))
    rendered = Statement("Use", ("kms:Decrypt",), (TABLE,), both).rendered()
    assert set(rendered["Condition"]["StringEquals"]) == {"kms:ViaService", "kms:CallerAccount"}


def test_an_arn_that_is_not_known_yet_is_filled_in() -> None:
    key = pulumi.Output.from_input("arn:aws:kms:eu-central-1:123456789012:key/1")
    (statement,) = parsed(document(Statement("Use", ("kms:Decrypt",), (key,))))["Statement"]
    assert statement["Resource"] == ["arn:aws:kms:eu-central-1:123456789012:key/1"]


def test_a_trust_policy_lets_only_the_service_assume_the_role() -> None:
    named = Condition("Null", "aws:SourceArn", ("false",), PAGE)
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
