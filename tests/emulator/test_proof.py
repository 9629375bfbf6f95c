"""The proof's two sources on the platform: roles as deployed, and what IAM was asked. `make proof` has all."""

import uuid
from dataclasses import replace

from local import proof
from tests.emulator.operator_actions import Operator
from tests.emulator.producer import Producer
from tests.proof.__main__ import PREFIX


def test_every_function_has_a_role_with_grants_and_its_use_is_recorded(producer: Producer, operator: Operator) -> None:
    request = {"category": "payment", "channels": ["email"], "content": {"subject": "Proof", "body": "Proof"}}
    accepted = producer.send({**request, "to": [{"email": f"{uuid.uuid4().hex}@example.com"}]}).json()
    producer.until_final(accepted["notification_id"])
    granted = proof.granted(operator.aws("iam"), PREFIX)
    functions = operator.aws("lambda").get_paginator("list_functions").paginate()
    roles = {each["Role"].rsplit("/", 1)[-1] for page in functions for each in page["Functions"]}
    assert roles
    assert roles <= {grant.role for grant in granted}

    used = proof.used(operator.platform.directory / "logs" / "emulator.log", PREFIX)
    settled = next(
        grant for grant in granted if grant.role == f"{PREFIX}worker-email" and grant.sid == "SettleDeliveries"
    )
    assert proof.judge([settled], used, []).rows[0].used
    # One more action than the worker needs, and one that it needs and has not: each is seen.
    more = replace(settled, action="dynamodb:DeleteTable")
    assert [row.grant for row in proof.judge([*granted, more], used).unused if row.grant == more] == [more]
    without = proof.judge([grant for grant in granted if grant != settled], used)
    assert (settled.action, settled.resource) in {(use.action, use.resource) for use in without.missing}
