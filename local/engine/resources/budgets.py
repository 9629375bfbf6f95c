"""AWS Budgets."""

from collections.abc import Mapping
from typing import Any, Final

from local.engine.aws import PARTITION, Aws
from local.engine.inputs import Block, Inputs
from local.engine.resources.provisioner import Created, Provisioner, tag_list


def budget(inputs: Inputs, aws: Aws) -> Created:
    """What the account may cost, and who is told when it does."""
    name = inputs.name()
    limit = {"Amount": inputs.required("limitAmount"), "Unit": inputs.required("limitUnit")}
    kind = {"BudgetType": inputs.required("budgetType"), "TimeUnit": inputs.required("timeUnit")}
    aws.budgets.create_budget(
        AccountId=aws.account_id,
        Budget={"BudgetName": name, "BudgetLimit": limit, **kind},
        NotificationsWithSubscribers=[_notification(each) for each in inputs.blocks("notifications")],
        ResourceTags=tag_list(inputs.tags()),
    )
    arn = f"arn:{PARTITION}:budgets::{aws.account_id}:budget/{name}"
    return Created(f"{aws.account_id}:{name}", {"name": name, "arn": arn})


def _notification(notification: Block) -> Any:
    told = notification.get("subscriberEmailAddresses", [])
    return {
        "Notification": notification.pick(
            comparisonOperator="ComparisonOperator",
            notificationType="NotificationType",
            threshold="Threshold",
            thresholdType="ThresholdType",
        ),
        "Subscribers": [{"SubscriptionType": "EMAIL", "Address": each} for each in told],
    }


PROVISIONERS: Final[Mapping[str, Provisioner]] = {"aws:budgets/budget:Budget": budget}
