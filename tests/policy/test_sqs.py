import json
from collections.abc import Sequence

import pytest

from policies.rule import Resource
from policies.rules.sqs import nobody_redrives, without_dead_letters
from policies.values import UNKNOWN, Value
from tests.policy.resources import resource, urn

QUEUE = "aws:sqs/queue:Queue"


def arn(name: str) -> str:
    return f"arn:aws:sqs:eu-central-1:000000000000:{name}"


def redrive(name: str) -> str:
    return json.dumps({"deadLetterTargetArn": arn(name), "maxReceiveCount": 5})


def queue(name: str, *, made: bool = True, depends: Sequence[str] = (), **properties: Value) -> Resource:
    """A queue, with outputs if it is `made`; `depends` names the queues that its redrive policy comes from."""
    outputs: dict[str, Value] = {"arn": arn(name), "url": f"https://sqs/{name}"} if made else {}
    sources = {"redrivePolicy": [urn(QUEUE, source) for source in depends]}
    return resource(QUEUE, properties | outputs, name, sources)


def found(*resources: Resource) -> list[str]:
    return [finding.urn.rpartition("::")[2] for finding in without_dead_letters(resources)]


def test_a_queue_with_a_dead_letter_queue_passes_and_so_does_that_one() -> None:
    assert found(queue("work", redrivePolicy=redrive("dead")), queue("dead")) == []


def test_a_queue_without_a_dead_letter_queue_is_found() -> None:
    assert found(queue("work"), queue("other", redrivePolicy=redrive("dead")), queue("dead")) == ["work"]


def test_a_redrive_policy_without_a_target_is_none() -> None:
    assert found(queue("work", redrivePolicy=json.dumps({"maxReceiveCount": 5}))) == ["work"]


def test_a_queue_that_a_dead_letter_queue_was_attached_to_passes() -> None:
    attached = resource(
        "aws:sqs/redrivePolicy:RedrivePolicy", {"queueUrl": "https://sqs/work", "redrivePolicy": redrive("dead")}
    )
    assert found(queue("work"), attached, queue("dead"), queue("other")) == ["other"]


@pytest.mark.parametrize(
    ("type_", "properties"),
    [
        ("aws:cloudwatch/eventTarget:EventTarget", {"deadLetterConfig": {"arn": arn("dead")}}),
        ("aws:lambda/function:Function", {"deadLetterConfig": {"targetArn": arn("dead")}}),
        ("aws:sns/topicSubscription:TopicSubscription", {"redrivePolicy": redrive("dead")}),
    ],
)
def test_the_dead_letter_queue_of_something_else_needs_none(type_: str, properties: dict[str, Value]) -> None:
    assert found(resource(type_, properties), queue("dead"), queue("work")) == ["work"]


def test_in_a_preview_the_sources_of_a_redrive_policy_tell_which_queue_it_means() -> None:
    work = queue("work", made=False, depends=["dead"], redrivePolicy=UNKNOWN)
    assert found(work, queue("dead", made=False), queue("alone", made=False)) == ["alone"]


def test_in_a_preview_a_queue_that_is_already_there_is_not_taken_for_another_ones_dead_letter_queue() -> None:
    work = queue("work", made=False, depends=["dead"], redrivePolicy=UNKNOWN)
    assert found(work, queue("dead", made=False), queue("old")) == ["old"]


def test_in_a_preview_a_redrive_policy_that_could_mean_any_queue_gives_the_benefit_of_the_doubt() -> None:
    assert found(queue("work", made=False, redrivePolicy=UNKNOWN), queue("dead", made=False)) == []


def test_in_the_update_nobody_has_the_benefit_of_the_doubt() -> None:
    work = queue("work", depends=["dead"], redrivePolicy=redrive("elsewhere"))
    assert found(work, queue("dead")) == ["dead"]


def test_in_a_preview_an_attachment_is_matched_by_where_its_url_comes_from() -> None:
    attached = resource(
        "aws:sqs/redrivePolicy:RedrivePolicy",
        {"queueUrl": UNKNOWN, "redrivePolicy": UNKNOWN},
        depends={"queueUrl": [urn(QUEUE, "work")], "redrivePolicy": [urn(QUEUE, "dead")]},
    )
    queues = [queue(name, made=False) for name in ("work", "dead", "alone")]
    assert found(attached, *queues) == ["alone"]


def test_a_stack_without_queues_passes() -> None:
    assert found(resource("aws:sns/topic:Topic", {})) == []


def test_a_dead_letter_queue_that_nothing_empties_is_found_unless_it_is_a_quarantine() -> None:
    def unemptied(name: str) -> list[str]:
        queues = [
            resource(QUEUE, {"name": each, "arn": arn(each), "redrivePolicy": redrives}, each)
            for each, redrives in (("work", redrive(name)), (name, None))
        ]
        return [finding.urn for finding in nobody_redrives(queues)]

    assert unemptied("work-dlq") == [urn(QUEUE, "work-dlq")]
    assert unemptied("work-quarantine") == []
