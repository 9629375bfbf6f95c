import json
from collections.abc import Callable

import pytest

from policies.rules.iam import wildcard_actions
from policies.values import UNKNOWN, Value
from tests.policy.resources import resource

ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"


def document(**statement: Value) -> dict[str, Value]:
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Resource": "*", **statement}]}


def found(type_: str, **properties: Value) -> list[str]:
    return list(wildcard_actions(resource(type_, properties)))


def test_named_actions_pass_as_a_list_and_as_a_single_text() -> None:
    assert found(ROLE_POLICY, policy=document(Action=["dynamodb:PutItem", "dynamodb:GetItem"])) == []
    assert found(ROLE_POLICY, policy=document(Action="dynamodb:PutItem")) == []


@pytest.mark.parametrize("action", ["*", "s3:*", "s3:Get*", "*:*", "s3:Get?bject", "S3:*"])
@pytest.mark.parametrize("form", [dict, json.dumps])
def test_a_wildcard_is_found_in_a_map_and_in_json_text(action: str, form: Callable[[object], Value]) -> None:
    alone_and_among_others: list[Value] = [action, ["s3:GetObject", action]]
    for given in alone_and_among_others:
        assert found(ROLE_POLICY, policy=form(document(Action=given))) == [f"policy, statement 0: allows {action}"]


@pytest.mark.parametrize(
    ("type_", "property_"),
    [
        ("aws:iam/policy:Policy", "policy"),
        ("aws:iam/role:Role", "assumeRolePolicy"),
        ("aws:sqs/queuePolicy:QueuePolicy", "policy"),
        ("aws:sqs/queue:Queue", "policy"),
        ("aws:s3/bucketPolicy:BucketPolicy", "policy"),
        ("aws:kms/key:Key", "policy"),
        ("aws:secretsmanager/secretPolicy:SecretPolicy", "policy"),
        ("aws:sns/topicPolicy:TopicPolicy", "policy"),
        ("aws:cloudwatch/eventBusPolicy:EventBusPolicy", "policy"),
        ("aws:cloudwatch/logResourcePolicy:LogResourcePolicy", "policyDocument"),
        ("aws:apigateway/restApi:RestApi", "policy"),
    ],
)
def test_a_wildcard_is_found_in_every_kind_of_policy(type_: str, property_: str) -> None:
    assert found(type_, **{property_: json.dumps(document(Action="*"))}) == [f"{property_}, statement 0: allows *"]


def test_a_wildcard_is_found_in_an_inline_policy_of_a_role_and_named_by_its_statement() -> None:
    policies: Value = [{"name": "a", "policy": document(Action="a:B")}, {"policy": document(Sid="Wide", Action="a:*")}]
    assert found("aws:iam/role:Role", inlinePolicies=policies) == [
        "inlinePolicies.1.policy, statement Wide: allows a:*"
    ]


def test_a_single_statement_that_is_not_in_a_list_is_read_too() -> None:
    assert found(ROLE_POLICY, policy={"Statement": {"Effect": "Allow", "Action": "*"}}) == [
        "policy, statement 0: allows *"
    ]


def test_every_wrong_action_of_every_statement_is_reported() -> None:
    statements: list[Value] = [{"Effect": "Allow", "Action": ["a:*", "b:*"]}, {"Effect": "Allow", "Action": "c:*"}]
    assert len(found(ROLE_POLICY, policy={"Statement": statements})) == 3


def test_not_action_is_refused_in_an_allow() -> None:
    assert found(ROLE_POLICY, policy=document(NotAction="iam:*")) == [
        "policy, statement 0: NotAction allows every action that it does not name"
    ]


def test_a_deny_may_use_wildcards_and_not_action() -> None:
    assert found("aws:s3/bucketPolicy:BucketPolicy", policy=document(Effect="Deny", Action="s3:*")) == []
    assert found(ROLE_POLICY, policy=document(Effect="Deny", NotAction="s3:GetObject")) == []


@pytest.mark.parametrize("action", ["lambda:*", "*"])
def test_a_permission_to_invoke_a_function_names_its_action(action: str) -> None:
    assert found("aws:lambda/permission:Permission", action=action) == [f"action: allows {action}"]
    assert found("aws:lambda/permission:Permission", action="lambda:InvokeFunction") == []


def test_a_text_that_is_no_policy_is_left_alone() -> None:
    assert found("aws:lambda/function:Function", description="{not json} *", environment={"A": "*"}) == []


@pytest.mark.parametrize(
    "policy",
    [
        UNKNOWN,
        document(Action=UNKNOWN),
        document(Action=["s3:GetObject", UNKNOWN]),
        document(Effect=UNKNOWN, Action="*"),
        {"Statement": UNKNOWN},
        {"Statement": [UNKNOWN]},
    ],
)
def test_what_is_not_known_yet_is_no_violation(policy: Value) -> None:
    assert found(ROLE_POLICY, policy=policy) == []


def test_what_is_known_is_checked_although_other_parts_are_not() -> None:
    assert found(ROLE_POLICY, policy=document(Resource=UNKNOWN, Action=[UNKNOWN, "s3:*"])) == [
        "policy, statement 0: allows s3:*"
    ]
    assert len(found(ROLE_POLICY, policy=document(NotAction=UNKNOWN))) == 1
