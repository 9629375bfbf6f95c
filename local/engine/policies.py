"""Every resource, and then all of them together, shown to the policy pack before and after they are created."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

from local.engine.analyzer import AnalyzedResource, Judgement, PolicyPackProcess, Undecided, Violation


class PolicyCheck:
    """A policy pack that starts while the program does; without a pack nothing is ever violated."""

    def __init__(self, pack: Path | None, stack: str = "") -> None:
        self._starter = ThreadPoolExecutor(1, "policy pack")
        self._pack = self._starter.submit(PolicyPackProcess.start, pack, stack) if pack else None
        self.violations: list[Violation] = []
        self.undecided: list[Undecided] = []

    def resource(self, resource: AnalyzedResource) -> Sequence[Violation]:
        """What the pack holds against this resource; `PolicyPackError` when it did not start."""
        return self._found(self._pack.result().judge(resource)) if self._pack else ()

    def stack(self, resources: Iterable[AnalyzedResource]) -> Sequence[Violation]:
        """What the pack holds against these resources together, by their outputs."""
        return self._found(self._pack.result().judge_stack(resources)) if self._pack else ()

    def _found(self, judgement: Judgement) -> Sequence[Violation]:
        self.violations.extend(judgement.violations)
        self.undecided.extend(judgement.undecided)
        return judgement.violations

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pack and self._pack.exception() is None:
            self._pack.result().close()
        self._starter.shutdown()
