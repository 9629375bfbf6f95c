"""The matrix of what is granted and used: what it finds, and that each finding fails it."""

import io
import json
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from local import proof
from local.proof import OnlyOnAws, Use

TABLE = "arn:aws:dynamodb:eu-central-1:1:table/log"
KEY = "arn:aws:kms:eu-central-1:1:key/1"
DOCUMENT = {
    "Statement": [
        {"Sid": "Read", "Effect": "Allow", "Action": ["dynamodb:GetItem", "dynamodb:Query"], "Resource": TABLE},
        {
            "Sid": "UseKey",
            "Effect": "Allow",
            "Action": "kms:Decrypt",
            "Resource": [KEY],
            "Condition": {"StringEquals": {"kms:ViaService": ["dynamodb.eu-central-1.amazonaws.com"]}},
        },
        {"Sid": "Refuse", "Effect": "Deny", "Action": "sns:Publish", "Resource": "*"},
    ]
}
EXCEPTION = OnlyOnAws("keys", ("kms:Decrypt",), "arn:*:kms:*", "DynamoDB asks.", "https://aws", "kms:ViaService")
GRANTS = list(proof.grants("app-reader", DOCUMENT))
USED = [Use("app-reader", f"dynamodb:{action}", TABLE, True) for action in ("GetItem", "Query")]


def test_what_is_used_or_only_on_aws_holds_and_a_refusal_is_no_grant() -> None:
    found = proof.judge(GRANTS, USED, [EXCEPTION])
    assert found.holds
    assert [(row.grant.action, row.used) for row in found.rows] == [
        ("dynamodb:GetItem", True),
        ("dynamodb:Query", True),
        ("kms:Decrypt", False),
    ]
    assert found.rows[2].grant.condition == "kms:ViaService StringEquals dynamodb.eu-central-1.amazonaws.com"


def test_a_grant_that_nobody_used_fails() -> None:
    found = proof.judge(GRANTS, USED[:1], [EXCEPTION])
    assert not found.holds
    assert [row.grant.action for row in found.unused] == ["dynamodb:Query"]


def test_one_action_of_a_statement_on_one_of_its_resources_fails() -> None:
    other = {"Sid": "Read", "Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": [TABLE, f"{TABLE}2"]}
    found = proof.judge(proof.grants("app-reader", {"Statement": other}), USED[:1], [])
    assert [row.grant.resource for row in found.unused] == [f"{TABLE}2"]


def test_what_another_role_uses_is_not_used() -> None:
    found = proof.judge(GRANTS, [replace(USED[0], role="app-other"), USED[1]], [EXCEPTION])
    assert [row.grant.action for row in found.unused] == ["dynamodb:GetItem"]
    assert [use.role for use in found.missing] == ["app-other"]


def test_a_call_that_was_denied_is_missing_and_fails() -> None:
    denied = Use("app-reader", "dynamodb:PutItem", TABLE, False)
    found = proof.judge(GRANTS, [*USED, denied], [EXCEPTION])
    assert not found.holds
    assert found.missing == [denied]


def test_a_call_that_only_the_resources_own_policy_allows_is_missing() -> None:
    found = proof.judge(GRANTS, [*USED, Use("app-reader", "s3:GetObject", "arn:aws:s3:::b/k", True)], [EXCEPTION])
    assert [use.action for use in found.missing] == ["s3:GetObject"]


def test_an_exception_is_for_the_condition_that_makes_it_one_and_fails_where_nothing_needs_it() -> None:
    bare = [replace(grant, condition="") for grant in GRANTS]
    assert [row.grant.action for row in proof.judge(bare, USED, [EXCEPTION]).unused] == ["kms:Decrypt"]
    used = [*USED, Use("app-reader", "kms:Decrypt", KEY, True)]
    found = proof.judge(GRANTS, used, [EXCEPTION])
    assert not found.holds
    assert found.needless == [EXCEPTION]


def test_nothing_granted_proves_nothing() -> None:
    assert not proof.judge([], [], []).holds


def test_uses_are_read_from_the_emulators_log_of_our_roles_alone(tmp_path: Path) -> None:
    log = tmp_path / "emulator.log"
    uses = [USED[0], replace(USED[0], role="other")]
    log.write_text("".join(f"noise\npermission: {json.dumps(vars(use))}\n" for use in uses))
    assert proof.used(log, "app-") == [USED[0]]


def test_terminal_and_page_show_grants_conditions_and_what_is_wrong() -> None:
    found = proof.judge(GRANTS, [USED[0], Use("app-reader", "s3:<x>", "*", False)], [EXCEPTION])
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(proof.table(found))
    shown = console.export_text()
    assert all(word in shown for word in ("only on AWS", "missing", "kms:ViaService"))
    page = proof.html(found)
    assert "s3:&lt;x&gt;" in page
    assert "1 grants unused, 1 permissions missing" in page
    assert EXCEPTION.reason in page
