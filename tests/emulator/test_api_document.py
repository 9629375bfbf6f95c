"""Whatever is asked that can be made from the API's document, is answered as the document says."""

from contextlib import ExitStack
from pathlib import Path

from handlers.domain.channels import CHANNELS
from local.platform import Platform
from tests.emulator.operator_actions import Operator
from tests.emulator.producer import Producer
from tests.fuzz.__main__ import LEAST
from tests.fuzz.schemas import fuzz

EXAMPLES = 20
"""Of each operation: `make fuzz` makes 100. Most cases are of the coverage phase, which has as many there."""


def test_thousands_of_requests_made_from_the_document_get_answers_that_it_has(
    platform: Platform, producer: Producer, operator: Operator, tmp_path: Path
) -> None:
    with ExitStack() as paused:  # what was accepted needs not be sent
        for channel in CHANNELS:
            paused.enter_context(operator.paused_worker(channel))
        done = fuzz(platform.local, EXAMPLES, tmp_path)
    producer.call("DELETE", "/v1/webhook")  # or what other tests send would be told to where it happened to lead
    assert done.passed, done.said[-5000:]
    assert done.cases >= LEAST
