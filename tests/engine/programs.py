"""Small Pulumi programs, written to a directory and run by the engine."""

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import yaml

from local.engine.deployment import Deployment, Operation, Step, deploy, preview
from local.engine.emulator import Emulator
from local.engine.progress import Progress

_IMPORTS = "import pulumi\nimport pulumi_aws as aws\n"


class Recorder(Progress):
    """Keeps everything that an engineer would be shown."""

    def __init__(self) -> None:
        self.created: list[str] = []
        self.finished_steps: list[Step] = []
        self.messages: list[str] = []

    def __enter__(self) -> "Recorder":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        pass

    def started(self, urn: str) -> None:
        self.created.append(urn.rpartition("::")[2])

    def finished(self, step: Step) -> None:
        self.finished_steps.append(step)

    def message(self, text: str) -> None:
        self.messages.append(text)

    @property
    def text(self) -> str:
        return "\n".join(self.messages)


@dataclass
class Program:
    """A project directory with a stack `test`, and the state of what it deployed."""

    directory: Path
    emulator: Emulator
    recorder: Recorder = field(default_factory=Recorder)

    def write(self, source: str, *, config: Mapping[str, Any] | None = None) -> "Program":
        """Make `source`, with the SDKs imported, the project's `__main__.py`."""
        (self.directory / "Pulumi.yaml").write_text("name: small\nruntime: python\n")
        (self.directory / "Pulumi.test.yaml").write_text(yaml.safe_dump({"config": dict(config or {})}))
        (self.directory / "__main__.py").write_text(_IMPORTS + textwrap.dedent(source))
        return self

    @property
    def state_path(self) -> Path:
        return self.directory / "state.json"

    def deploy(self, config: Mapping[str, Any] | None = None, policy_pack: Path | None = None) -> Deployment:
        self.recorder = Recorder()
        return deploy(
            stack="test",
            emulator=self.emulator,
            config=config or {},
            state_path=self.state_path,
            progress=self.recorder,
            policy_pack=policy_pack,
            program=self.directory,
        )

    def preview(self, config: Mapping[str, Any] | None = None, policy_pack: Path | None = None) -> Deployment:
        self.recorder = Recorder()
        return preview(
            stack="test",
            emulator=self.emulator,
            config=config or {},
            state_path=self.state_path,
            progress=self.recorder,
            policy_pack=policy_pack,
            program=self.directory,
        )


def operations(deployment: Deployment) -> dict[str, Operation]:
    """What happens to each resource, by its name, the stack itself left out."""
    return {
        step.urn.rpartition("::")[2]: step.operation for step in deployment.steps if step.type != "pulumi:pulumi:Stack"
    }
