"""The whole program, in each environment: what must hold of every resource and of every component."""

import dataclasses
import importlib
import inspect
import json
import pkgutil
from collections import Counter
from typing import Any

import pulumi
import pytest

import stacks
from local.recording import CHANNELS, STACKS, Program
from stacks.compute.packaging import functions
from stacks.security.provider_secrets import CREDENTIALS
from tests import programs
from tests.infrastructure.otherwise import otherwise

COMPONENT = "carillon:stacks:"
PROVIDER = "pulumi:providers:aws"
PLATFORM = f"{COMPONENT}Platform"

EXPORTS = {
    "apiUrl",
    "apiDnsRecords",
    "linksUrl",
    "linksDnsRecords",
    "busName",
    "dashboard",
    "tableNames",
    "queueUrls",
    "deadLetterQueueUrls",
    "alertTopicArn",
    "quarantineQueueUrl",
    "webhookQueueUrl",
    "webhookQuarantineUrl",
    "templateBucket",
    "audienceBucket",
    "broadcastQueueUrl",
    "appSecretNames",
    "providerSecretNames",
    "sesConfigurationSet",
    "emailDnsRecords",
}

# What AWS takes, by resource type and the input that names it: the pages of each service's quotas.
NAME_LIMITS = {
    ("aws:lambda/function:Function", "name"): 64,
    ("aws:iam/role:Role", "name"): 64,
    ("aws:iam/rolePolicy:RolePolicy", "name"): 128,
    ("aws:sqs/queue:Queue", "name"): 80,
    ("aws:s3/bucket:Bucket", "bucket"): 63,
    ("aws:sns/topic:Topic", "name"): 256,
    ("aws:dynamodb/table:Table", "name"): 255,
    ("aws:cloudwatch/eventBus:EventBus", "name"): 256,
    ("aws:cloudwatch/eventArchive:EventArchive", "name"): 48,
    ("aws:cloudwatch/eventRule:EventRule", "name"): 64,
    ("aws:cloudwatch/eventTarget:EventTarget", "targetId"): 64,
    ("aws:cloudwatch/logGroup:LogGroup", "name"): 512,
    ("aws:cloudwatch/metricAlarm:MetricAlarm", "name"): 255,
    ("aws:kms/alias:Alias", "name"): 256,
    ("aws:scheduler/scheduleGroup:ScheduleGroup", "name"): 64,
    ("aws:secretsmanager/secret:Secret", "name"): 512,
    ("aws:sesv2/configurationSet:ConfigurationSet", "configurationSetName"): 64,
    ("aws:apigateway/restApi:RestApi", "name"): 1024,
    ("aws:apigateway/authorizer:Authorizer", "name"): 128,
}


def component_classes() -> list[type[pulumi.ComponentResource]]:
    modules = [importlib.import_module(found.name) for found in pkgutil.walk_packages(stacks.__path__, "stacks.")]
    return [
        each
        for module in modules
        for _, each in inspect.getmembers(module, inspect.isclass)
        if issubclass(each, pulumi.ComponentResource) and each.__module__ == module.__name__
        if not each.__name__.startswith("_")  # what components have in common
    ]


COMPONENTS = component_classes()


def test_no_two_resources_share_a_urn(deployed: Program) -> None:
    urns = Counter(resource.urn for resource in deployed.resources)
    assert [urn for urn, times in urns.items() if times > 1] == []


def test_every_resource_is_given_the_one_provider_explicitly(deployed: Program) -> None:
    provider = deployed.named(PROVIDER)
    others = [each for each in deployed.resources if each.custom and each.type != PROVIDER]
    assert [each.urn for each in others if each.provider.rpartition("::")[0] != provider.urn] == []


def test_every_resource_has_a_component_of_ours_for_parent(deployed: Program) -> None:
    components = {each.urn for each in deployed.resources if each.type.startswith(COMPONENT)}
    orphans = [each.type for each in deployed.resources if each.parent not in components]
    assert sorted(orphans) == [PLATFORM, PROVIDER]


def test_every_component_registers_the_outputs_it_declares(deployed: Program) -> None:
    declared = {f"{COMPONENT}{each.__name__}": _outputs(each) for each in COMPONENTS}
    for component in (each for each in deployed.resources if each.type.startswith(COMPONENT)):
        assert set(deployed.outputs[component.urn]) == declared[component.type], component.urn


def _outputs(component: type) -> set[str]:
    ours = (each for each in component.__mro__ if each.__module__.startswith("stacks."))
    return {name for each in ours for name in vars(each).get("__annotations__", {}) if not name.startswith("_")}


@pytest.mark.parametrize("component", COMPONENTS, ids=lambda each: each.__name__)
def test_every_component_takes_one_frozen_dataclass(component: type) -> None:
    signature = inspect.signature(component)
    assert list(signature.parameters) == ["name", "args", "opts"]
    args: Any = object.__new__(signature.parameters["args"].annotation)
    with pytest.raises(dataclasses.FrozenInstanceError):  # which only a frozen dataclass raises
        args.anything = None


def test_every_component_is_used() -> None:
    used = {each.type for stack in STACKS for each in programs.of_stack(stack).resources}
    assert {f"{COMPONENT}{each.__name__}" for each in COMPONENTS} <= used


def test_every_name_is_as_long_as_aws_takes(deployed: Program) -> None:
    for (type_, key), limit in NAME_LIMITS.items():
        for resource in deployed.of(type_):
            assert len(resource.inputs[key]) <= limit, resource.urn


def test_every_physical_name_tells_its_environment() -> None:
    local, dev = programs.of_stack("local"), programs.of_stack("dev")
    for type_, key in NAME_LIMITS.keys() - {
        ("aws:iam/rolePolicy:RolePolicy", "name"),
        ("aws:cloudwatch/eventTarget:EventTarget", "targetId"),
        ("aws:apigateway/authorizer:Authorizer", "name"),
    }:
        names = [{each.inputs[key] for each in stack.of(type_)} for stack in (local, dev)]
        assert names[0], type_
        assert not names[0] & names[1], type_


def test_the_program_exports_what_operators_read(deployed: Program) -> None:
    assert set(deployed.exports) == EXPORTS
    assert set(deployed.exports["tableNames"]) == {
        "contacts",
        "devices",
        "settings",
        "suppressions",
        "notifications",
        "templates",
        "limits",
        "broadcasts",
        "tags",
        "stats",
    }
    assert set(deployed.exports["queueUrls"]) == set(deployed.exports["deadLetterQueueUrls"]) == set(CHANNELS)
    assert set(deployed.exports["providerSecretNames"]) == {name for each in CHANNELS for name in CREDENTIALS[each]}


def test_everything_is_tagged_by_the_provider(prod: Program) -> None:
    assert json.loads(prod.named(PROVIDER).inputs["defaultTags"]) == {
        "tags": {
            "project": "carillon",
            "environment": "prod",
            "owner": "notifications",
            "cost-centre": "platform",
            "data-class": "personal",
        }
    }


def test_the_provider_refuses_any_account_that_is_not_allowed() -> None:
    allowed = otherwise("dev")
    assert allowed.named(PROVIDER).inputs["allowedAccountIds"] == '["123456789012"]'
    assert "allowedAccountIds" not in programs.of_stack("dev").named(PROVIDER).inputs


def test_an_emulator_is_asked_for_buckets_by_path(local: Program) -> None:
    elsewhere = otherwise("local")
    assert elsewhere.named(PROVIDER).inputs["s3UsePathStyle"] == "true"
    assert local.named(PROVIDER).inputs["s3UsePathStyle"] == "false"


def test_every_function_that_is_packaged_is_deployed(deployed: Program) -> None:
    handlers = {each.inputs["handler"] for each in deployed.of(FUNCTION)}
    assert handlers == {f"handlers.entrypoints.{name.replace('-', '_')}.handler" for name in functions()}


FUNCTION = "aws:lambda/function:Function"
HOLDING_DATA = (
    "aws:dynamodb/table:Table",
    "aws:s3/bucket:Bucket",
    "aws:kms/key:Key",
    "aws:secretsmanager/secret:Secret",
)


@pytest.mark.parametrize(("stack", "protected"), [("local", False), ("dev", False), ("prod", True)])
def test_what_holds_data_is_protected_where_the_environment_says_so(stack: str, protected: bool) -> None:
    held = [each for type_ in HOLDING_DATA for each in programs.of_stack(stack).of(type_)]
    assert {each.protect for each in held} == {protected}


def test_a_program_of_other_values_has_the_same_resources() -> None:
    local, dev = ({(each.type, each.name) for each in programs.of_stack(stack).resources} for stack in ("local", "dev"))
    assert local == dev
