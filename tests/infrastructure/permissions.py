"""What a role must allow although the emulator would not miss it, derived from all but the role itself.

That is: a function's own log, the queue it is fed from, the keys behind the tables, the bucket, the queue, the topic
and the secrets that its variables and its trigger lead it to, the role that its schedules have, with what that role is
for, and the refusal of topics to whoever may publish anywhere. What the emulator does enforce is taken away, statement
by statement, in tests/emulator/test_least_privilege.py.
"""

from collections.abc import Iterator
from typing import Any

from local.recording import ACCOUNT, REGION, Program, Registered

FUNCTION = "aws:lambda/function:Function"
ROLE = "aws:iam/role:Role"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
_ENCRYPTION = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"

_LOG = {"logs:CreateLogStream", "logs:PutLogEvents"}
_CONSUME = {"sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"}
_FOLLOW = {f"dynamodb:{each}" for each in ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")}

Statement = dict[str, Any]
KeyUse = tuple[str, str]
"""A key's ARN, and the service through which it is used."""


def functions(program: Program) -> dict[str, Registered]:
    """Return the functions by their physical names."""
    return {each.inputs["name"]: each for each in program.of(FUNCTION)}


def statements(program: Program, role: str) -> list[Statement]:
    """Return all that a role allows."""
    policies = [policy for policy in program.of(ROLE_POLICY) if policy.inputs["role"] == role]
    return [statement for policy in policies for statement in policy.statements()]


def gaps(program: Program) -> list[str]:
    """Return what functions need and their roles do not allow, as `<function>: <what>`."""
    return [
        f"{name}: {missing}"
        for name, function in functions(program).items()
        for missing in _gaps(program, function, statements(program, name))
    ]


def _gaps(program: Program, function: Registered, granted: list[Statement]) -> Iterator[str]:
    log = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/{function.inputs['name']}:*"
    if not _allows(granted, _LOG, log):
        yield "its own log"
    for queue in _queues(program, function):
        if not _allows(granted, _CONSUME, f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue.inputs['name']}"):
            yield f"queue {queue.name}"
    yield from _gaps_of_streams(program, function, granted)
    yield from _gaps_of_schedules(program, function, granted)
    if _publishes_anywhere(granted):
        yield "no refusal of topics"
    for key, service in _keys(program, function):
        if not any(_lets_use(each, key, service) for each in granted):
            yield f"key {key} through {service}"


def _queues(program: Program, function: Registered) -> list[Registered]:
    """Return the queues that an event source mapping feeds the function's alias from."""
    mappings = program.of("aws:lambda/eventSourceMapping:EventSourceMapping")
    fed = [each for each in mappings if each.inputs["functionName"].endswith(f"-{function.name}:live")]
    sources = {each.inputs["eventSourceArn"].rpartition(":")[2] for each in fed}
    return [queue for queue in program.of("aws:sqs/queue:Queue") if queue.name in sources]


def _streams(program: Program, function: Registered) -> list[Registered]:
    """Return the mappings that feed the function's alias from a table's stream."""
    mappings = program.of("aws:lambda/eventSourceMapping:EventSourceMapping")
    fed = [each for each in mappings if each.inputs["functionName"].endswith(f"-{function.name}:live")]
    return [each for each in fed if "startingPosition" in each.inputs]


def _keys(program: Program, function: Registered) -> set[KeyUse]:
    """Return the keys behind what the function is led to."""
    variables = function.inputs["environment"]["variables"]
    tables = [each for each in program.of("aws:dynamodb/table:Table") if each.inputs["name"] in variables.values()]
    keys = {(each.inputs["serverSideEncryption"]["kmsKeyArn"], "dynamodb") for each in tables}
    keys |= {(each.inputs["kmsMasterKeyId"], "sqs") for each in _queues(program, function)}
    if "CARILLON_TEMPLATE_BUCKET" in variables:
        for encryption in program.of(_ENCRYPTION):  # of both buckets it is one
            keys.add((encryption.inputs["rules"][0]["applyServerSideEncryptionByDefault"]["kmsMasterKeyId"], "s3"))
    if "CARILLON_BROADCAST_QUEUE_URL" in variables:
        (steps,) = (each for each in program.of("aws:sqs/queue:Queue") if each.name == "broadcasts-queue")
        keys.add((steps.inputs["kmsMasterKeyId"], "sqs"))
    topics = program.of("aws:sns/topic:Topic")
    told = variables.get("CARILLON_ALERT_TOPIC", "").rpartition(":")[2]
    keys |= {(each.inputs["kmsMasterKeyId"], "sns") for each in topics if each.inputs["name"] == told}
    prefixes = [value for name, value in variables.items() if name.endswith("_SECRET_PREFIX")]
    secrets = program.of("aws:secretsmanager/secret:Secret")
    keys |= {
        (each.inputs["kmsKeyId"], "secretsmanager")
        for each in secrets
        if each.inputs["name"].startswith(tuple(prefixes))
    }
    return keys


def _gaps_of_streams(program: Program, function: Registered, granted: list[Statement]) -> Iterator[str]:
    """Find what keeps Lambda from reading a stream for the function, or from telling what it gives up."""
    for mapping in _streams(program, function):
        if not _allows(granted, _FOLLOW, mapping.inputs["eventSourceArn"]):
            yield f"stream of {mapping.name}"
        failed = mapping.inputs["destinationConfig"]["onFailure"]["destinationArn"].rpartition(":")[2]
        for queue in (each for each in program.of("aws:sqs/queue:Queue") if each.name == failed):
            arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue.inputs['name']}"
            if not _allows(granted, {"sqs:SendMessage"}, arn):
                yield f"queue {queue.name}"
            if not any(_lets_use(each, queue.inputs["kmsMasterKeyId"], "sqs") for each in granted):
                yield f"key of {queue.name}"


def _gaps_of_schedules(program: Program, function: Registered, granted: list[Statement]) -> Iterator[str]:
    """Find what keeps the schedules that the function makes from invoking what it is told they do."""
    variables = function.inputs["environment"]["variables"]
    if "CARILLON_SCHEDULER_ROLE" not in variables:
        return
    role, target = variables["CARILLON_SCHEDULER_ROLE"], variables["CARILLON_SCHEDULE_TARGET"]
    if not _allows(granted, {"iam:PassRole"}, role):
        yield f"passing {role}"
    if not _allows(statements(program, role.rpartition("/")[2]), {"lambda:InvokeFunction"}, target):
        yield f"{role} invoking {target}"


def _publishes_anywhere(granted: list[Statement]) -> bool:
    """Whether a statement lets publish on `*`, as phone numbers need, and none refuses all that has an ARN."""
    publishing = [(each["Effect"], each["Resource"]) for each in granted if "sns:Publish" in each["Action"]]
    return ("Allow", ["*"]) in publishing and ("Deny", ["arn:aws:sns:*:*:*"]) not in publishing


def _lets_use(statement: Statement, key: str, service: str) -> bool:
    through = statement.get("Condition", {}).get("StringEquals", {}).get("kms:ViaService", [])
    return (
        key in statement["Resource"]
        and "kms:Decrypt" in statement["Action"]
        and f"{service}.{REGION}.amazonaws.com" in through
    )


def _allows(granted: list[Statement], actions: set[str], resource: str) -> bool:
    return actions <= {action for each in granted if resource in each["Resource"] for action in each["Action"]}
