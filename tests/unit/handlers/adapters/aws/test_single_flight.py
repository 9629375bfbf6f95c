"""What a batch's threads all miss at the same moment is read once, by whichever comes first."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest

from handlers.adapters.aws.link_key import link_key
from handlers.adapters.aws.templates import S3TemplateVersions
from handlers.domain.content.rendering import Content

THREADS = 10


class Slow:
    """An AWS client whose calls are counted, and answered when it is let go."""

    def __init__(self, *answers: Any) -> None:
        self._answers = list(answers)
        self._go, self.calls = Event(), 0
        self.generate_mac = self.get_object = self._answer

    def _answer(self, **_: Any) -> Any:
        self.calls += 1
        self._go.wait(240)
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def let_go(self) -> None:
        """Answer at once from now on."""
        self._go.set()

    def asked_by_all(self, ask: Callable[[], object]) -> list[Future[object]]:
        """Ask in ten threads, and let go once all have had their say or wait."""
        with ThreadPoolExecutor(THREADS) as threads:
            asked = [threads.submit(ask) for _ in range(THREADS)]
            self.let_go()
        return asked


def stored(content: Content) -> dict[str, Any]:
    return {"Body": SimpleNamespace(read=lambda: content.model_dump_json().encode())}


def test_a_batch_asks_for_the_key_of_links_once() -> None:
    kms: Any = Slow({"Mac": b"k" * 32})
    secret = link_key("key", kms)
    assert {each.result() for each in kms.asked_by_all(secret)} == {b"k" * 32}
    assert (secret(), kms.calls) == (b"k" * 32, 1)


def test_a_batch_reads_its_template_once() -> None:
    content = Content(subject="Paid", body="Thanks")
    s3: Any = Slow(stored(content))
    versions = S3TemplateVersions("b", s3)
    assert all(each.result() == content for each in s3.asked_by_all(lambda: versions.load("t", "v-1")))
    assert (versions.load("t", "v-1"), s3.calls) == (content, 1)


def test_what_could_not_be_read_is_asked_for_again_by_who_comes_after() -> None:
    kms: Any = Slow(ConnectionError(), {"Mac": b"k" * 32})
    kms.let_go()
    secret = link_key("key", kms)
    with pytest.raises(ConnectionError):
        secret()
    assert (secret(), kms.calls) == (b"k" * 32, 2)
