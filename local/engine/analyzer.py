"""Runs a policy pack as the Pulumi CLI does, and asks it about resources over its real gRPC protocol.

The CLI's side of the protocol: sdk/go/common/resource/plugin/analyzer_plugin.go in pulumi/pulumi. The pack's side:
pulumi_policy/policy.py, which starts a server on a free port, prints that port as its first line, and serves until it
is stopped.
"""

import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryFile
from threading import Timer
from types import TracebackType
from typing import IO, Any, Self

import grpc
from google.protobuf.empty_pb2 import Empty
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime import rpc
from pulumi.runtime.proto import analyzer_pb2 as messages
from pulumi.runtime.proto.analyzer_pb2_grpc import AnalyzerStub

from local.errors import ProcessError
from local.processes import LIFELINE

_START_SECONDS = 120.0
_CALL_SECONDS = 300.0
_STOP_SECONDS = 5.0
# A whole stack travels in one message; the pack's server allows itself the same.
_CHANNEL_OPTIONS = [("grpc.max_send_message_length", 1024 * 1024 * 400)]
_SIGNATURE = rpc._special_sig_key


class PolicyPackError(ProcessError):
    """The policy pack did not start, or failed while it checked; the message ends with what it said."""


class Level(StrEnum):
    """What a violation means for the deployment."""

    ADVISORY = "advisory"
    MANDATORY = "mandatory"
    DISABLED = "disabled"
    REMEDIATE = "remediate"


@dataclass(frozen=True)
class AnalyzedResource:
    """A resource in the form that a policy pack takes.

    `properties` are in the SDK's wire form, which is `MessageToDict` of the Struct in a RegisterResource request: JSON
    values in which unknowns are `pulumi.runtime.rpc.UNKNOWN`, and secrets and outputs are maps with Pulumi's signature
    key. `parent`, `dependencies` and the values of `property_dependencies` are URNs; only `analyze_stack` uses them.
    """

    type: str
    urn: str
    name: str
    properties: Mapping[str, Any]
    parent: str = ""
    dependencies: Sequence[str] = ()
    property_dependencies: Mapping[str, Sequence[str]] = field(default_factory=dict)
    protect: bool = False


@dataclass(frozen=True)
class Violation:
    """One thing that a policy holds against a resource, or against the stack as a whole when `urn` is empty."""

    policy: str
    level: Level
    message: str
    urn: str

    @property
    def mandatory(self) -> bool:
        """Whether the deployment must stop."""
        return self.level is Level.MANDATORY


@dataclass(frozen=True)
class Undecided:
    """A policy that lacked values which only the update will know, and which those are."""

    policy: str
    reason: str


@dataclass(frozen=True)
class Judgement:
    """What a pack answers."""

    violations: list[Violation]
    undecided: list[Undecided]


class PolicyPackProcess:
    """A running policy pack, which many threads may ask at once. It never outlives this process.

    Use it in a `with` block, or call `close`.
    """

    def __init__(self, popen: "subprocess.Popen[bytes]", errors: IO[bytes], port: int) -> None:
        self._popen = popen
        self._errors = errors
        self._channel = grpc.insecure_channel(f"127.0.0.1:{port}", _CHANNEL_OPTIONS)
        self._stub = AnalyzerStub(self._channel)

    @classmethod
    def start(cls, pack: Path, stack: str = "") -> Self:
        """Start the pack in directory `pack` with this interpreter, which takes it about a second.

        The stack's name is handed over as the CLI does it: an environment may have rules more or less strict.
        Raises PolicyPackError, with what the pack said, when it does not come up.
        """
        errors = TemporaryFile()  # noqa: SIM115 open for as long as the pack runs
        # `-u` because the pack does not flush the line with its port. The engine's address is where a pack logs to;
        # this one has nothing to log.
        popen = subprocess.Popen(
            [sys.executable, "-u", "-P", str(LIFELINE), "pulumi.policy", "127.0.0.1:0", "."],
            cwd=pack,
            env={**os.environ, "PULUMI_STACK": stack} if stack else None,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
        )
        try:
            return cls(popen, errors, _announced_port(popen))
        except ValueError:
            said = _text(errors)
            _end(popen, errors)
            raise PolicyPackError(f"The policy pack in {pack} did not start.\n{said}") from None

    def info(self) -> messages.AnalyzerInfo:
        """Return what the pack says of itself: its name, and each policy with its level and description."""
        info: messages.AnalyzerInfo = self._call(self._stub.GetAnalyzerInfo, Empty())
        return info

    def analyze(self, resource: AnalyzedResource) -> list[Violation]:
        """Return what the pack holds against one resource's inputs."""
        return self.judge(resource).violations

    def analyze_stack(self, resources: Iterable[AnalyzedResource]) -> list[Violation]:
        """Return what the pack holds against all resources together."""
        return self.judge_stack(resources).violations

    def judge(self, resource: AnalyzedResource) -> Judgement:
        """Check one resource's inputs, as the engine does before it creates or changes the resource."""
        request = messages.AnalyzeRequest(
            type=resource.type,
            urn=resource.urn,
            name=resource.name,
            properties=_struct(resource.properties),
            options=_options(resource),
        )
        found = _judgement(self._call(self._stub.Analyze, request))
        # The pack leaves the URN of what it was asked about to the caller.
        named = [replace(each, urn=each.urn or resource.urn) for each in found.violations]
        return replace(found, violations=named)

    def judge_stack(self, resources: Iterable[AnalyzedResource]) -> Judgement:
        """Check all resources together, by their outputs, as the engine does after a preview or an update."""
        request = messages.AnalyzeStackRequest(resources=[_stack_resource(resource) for resource in resources])
        return _judgement(self._call(self._stub.AnalyzeStack, request))

    def close(self) -> None:
        """Stop the pack."""
        self._channel.close()
        _end(self._popen, self._errors)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _call(self, method: Any, request: Any) -> Any:
        try:
            return method(request, timeout=_CALL_SECONDS)
        except grpc.RpcError as error:
            said = f"{error.details()}\n{_text(self._errors)}"
            raise PolicyPackError(f"The policy pack failed while it checked: {said}") from error


def _announced_port(popen: "subprocess.Popen[bytes]") -> int:
    """Return the number on the pack's first line. Raises ValueError when it says anything else, or nothing in time."""
    assert popen.stdout is not None  # noqa: S101 it was opened with a pipe
    too_late = Timer(_START_SECONDS, popen.kill)
    too_late.start()
    try:
        return int(popen.stdout.readline())
    finally:
        too_late.cancel()


def _end(popen: "subprocess.Popen[bytes]", errors: IO[bytes]) -> None:
    popen.terminate()
    try:
        popen.communicate(timeout=_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        popen.kill()
        popen.communicate()
    errors.close()


def _text(errors: IO[bytes]) -> str:
    # Not `seek` and `read`: the pack writes at the offset that it shares with this end.
    return os.pread(errors.fileno(), 100_000, 0).decode(errors="replace").strip()


def _options(resource: AnalyzedResource) -> messages.AnalyzerResourceOptions:
    return messages.AnalyzerResourceOptions(protect=resource.protect, parent=resource.parent)


def _stack_resource(resource: AnalyzedResource) -> messages.AnalyzerResource:
    return messages.AnalyzerResource(
        type=resource.type,
        urn=resource.urn,
        name=resource.name,
        properties=_struct(resource.properties),
        options=_options(resource),
        parent=resource.parent,
        dependencies=resource.dependencies,
        propertyDependencies={
            name: messages.AnalyzerPropertyDependencies(urns=urns)
            for name, urns in resource.property_dependencies.items()
        },
    )


def _judgement(response: messages.AnalyzeResponse) -> Judgement:
    undecided = [Undecided(each.policy_name, each.reason) for each in response.not_applicable]
    violations = [
        Violation(
            policy=found.policyName,
            level=Level(messages.EnforcementLevel.Name(found.enforcementLevel).lower()),
            message=found.message,
            urn=found.urn,
        )
        for found in response.diagnostics
    ]
    return Judgement(violations, undecided)


def _struct(properties: Mapping[str, Any]) -> Struct:
    struct = Struct()
    struct.update(_object(properties))
    return struct


def _object(properties: Mapping[str, Any]) -> dict[str, Any]:
    # Keys that begin with two underscores are the engine's own.
    return {key: _analyzable(value) for key, value in properties.items() if not key.startswith("__")}


def _analyzable(value: Any) -> Any:
    """Return a property as the CLI shows it to packs: secrets and unknowns marked, outputs and resources resolved."""
    if isinstance(value, Mapping):
        return _signed(value) if _SIGNATURE in value else _object(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_analyzable(each) for each in value]
    return value


def _signed(value: Mapping[str, Any]) -> Any:
    match value[_SIGNATURE]:
        case rpc._special_output_value_sig:
            known = _analyzable(value["value"]) if "value" in value else rpc.UNKNOWN
            return _secret(known) if value.get("secret") else known
        case rpc._special_secret_sig:
            return _secret(_analyzable(value["value"]))
        case rpc._special_resource_sig:
            return value.get("id") or value["urn"]
        case _:  # an asset or an archive
            return dict(value)


def _secret(value: Any) -> dict[str, Any]:
    return {_SIGNATURE: rpc._special_secret_sig, "value": value}
