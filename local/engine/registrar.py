"""Registers the program's resources: each is checked, compared with what there is, and created when it is new."""

import threading
import traceback
import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError
from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto.resource_pb2 import RegisterResourceRequest

from local.engine import wire
from local.engine.analyzer import AnalyzedResource, PolicyPackError
from local.engine.aws import Aws
from local.engine.diagnostics import Diagnostics
from local.engine.errors import ResourceError
from local.engine.policies import PolicyCheck
from local.engine.project import Project
from local.engine.provider import PROVIDER, default_tags
from local.engine.provisioning import PropertyPath, create, provisioner_of
from local.engine.redaction import Redactor
from local.engine.state import Resource
from local.engine.steps import Operation, Step

STACK_TYPE: Final = "pulumi:pulumi:Stack"
REBUILD: Final = "the local platform is rebuilt, not changed: run `make down && make up`"
_EXPECTED = (ResourceError, wire.WireError, PolicyPackError, BotoCoreError, ClientError)


class RefusedError(Exception):
    """A registration that the program must not go on from; the reason is already among the diagnostics."""


@dataclass(frozen=True)
class Registered:
    """What the program is told of its resource."""

    urn: str
    id: str
    properties: Struct


class Registrar:
    """Takes registrations from many threads. A dry run creates nothing and leaves what is not known unknown."""

    def __init__(
        self,
        project: Project,
        known: Mapping[str, Resource],
        aws: Aws,
        policies: PolicyCheck,
        diagnostics: Diagnostics,
        redactor: Redactor,
        *,
        dry_run: bool,
    ) -> None:
        self._project = project
        self._known = known
        self._aws = aws
        self._policies = policies
        self._diagnostics = diagnostics
        self._redactor = redactor
        self._dry_run = dry_run
        self._lock = threading.Lock()
        self._claimed: set[str] = set()
        self._default_tags: dict[str, Mapping[str, str]] = {}
        self._analyzed: dict[str, AnalyzedResource] = {}
        self._advised: Counter[str] = Counter()
        self.resources: dict[str, Resource] = {}
        self.steps: list[Step] = []
        self.unused: set[PropertyPath] = set()
        self.outputs: dict[str, Any] = {}

    def register(self, request: RegisterResourceRequest) -> Registered:
        """Make the resource what the program says; `RefusedError` when that cannot be, or something else has failed."""
        if self._diagnostics.failing:
            raise RefusedError("the deployment is stopping because another resource failed")
        urn = self._urn(request)
        try:
            return self._register(urn, request)
        except RefusedError:
            raise
        except _EXPECTED as error:
            raise RefusedError(self._diagnostics.fail(str(error), urn)) from error
        except Exception as error:  # whatever it is, the program must get an answer and the user the reason
            raise RefusedError(self._diagnostics.fail(traceback.format_exc(), urn)) from error

    def complete(self, urn: str, outputs: Struct) -> None:
        """Check the outputs of a component and keep those of the program; `RefusedError` when one is not known."""
        values = wire.decode(outputs, self._project.directory)
        if not self._dry_run and (missing := list(wire.unknowns(values))):
            reason = f"outputs {', '.join(missing)} are not known to the local engine"
            raise RefusedError(self._diagnostics.fail(reason, urn))
        if self.resources[urn].type == STACK_TYPE:
            self._redactor.learn(wire.secrets(values))
            self.outputs = wire.reveal(values)

    def finish(self) -> None:
        """Refuse what the program no longer has, and let the policy pack check the stack as a whole."""
        for urn in self._known.keys() - self.resources.keys():
            self.steps.append(Step(urn, self._known[urn].type, Operation.DELETE))
            if not self._dry_run:
                self._diagnostics.fail(f"it is no longer in the program, and {REBUILD}", urn)
        for violation in self._policies.stack(self._analyzed.values()):
            self._report(violation.policy, violation.message, violation.urn, mandatory=violation.mandatory)
        for policy, count in sorted(self._advised.items()):
            if count > 1:
                self._diagnostics.say(f"policy {policy} (advisory): the same of {count - 1} more")
        if self._policies.undecided:
            rules = sorted({each.policy for each in self._policies.undecided})
            self._diagnostics.say(f"policies that the update decides, when it knows all values: {', '.join(rules)}")

    def _register(self, urn: str, request: RegisterResourceRequest) -> Registered:
        self._claim(urn)
        _refuse_unsupported(request)
        values = wire.decode(request.object, self._project.directory)
        self._redactor.learn(wire.secrets(values))
        if not self._dry_run and (missing := list(wire.unknowns(values))):
            raise ResourceError(f"{', '.join(missing)} depends on an output that the local engine does not give")
        self._check_policies(urn, request)
        plain = wire.reveal(values)
        if request.type == PROVIDER:
            self._default_tags[urn], unused = default_tags(plain, self._aws.emulator)
            self._note_unused(unused)
        step, resource = self._apply(urn, request, plain, wire.canonical(values))
        properties = wire.answer(request.object, resource.outputs, frozenset(request.additionalSecretOutputs))
        with self._lock:
            self.resources[urn] = resource
            self.steps.append(step)
            self._analyzed[urn] = _with_id(_analyzed(urn, request, properties), resource.id)
        self._diagnostics.finished(step)
        return Registered(urn, resource.id, properties)

    def _apply(
        self, urn: str, request: RegisterResourceRequest, plain: Mapping[str, Any], canonical: Mapping[str, Any]
    ) -> tuple[Step, Resource]:
        old = self._known.get(urn)
        dependencies = tuple(sorted(request.dependencies))
        if old is None:
            fresh = Resource(request.type, canonical, "", {}, dependencies)
            return Step(urn, request.type, Operation.CREATE), self._created(urn, request, plain, fresh)
        changed = tuple(name for name in old.changed(canonical) if name not in request.ignoreChanges)
        if not changed:
            return Step(urn, request.type, Operation.SAME), replace(old, dependencies=dependencies)
        if not self._dry_run:
            raise ResourceError(f"{', '.join(changed)} changed, and {REBUILD}")
        return Step(urn, request.type, Operation.UPDATE, changed), replace(old, inputs=canonical)

    def _created(
        self, urn: str, request: RegisterResourceRequest, plain: Mapping[str, Any], fresh: Resource
    ) -> Resource:
        if not request.custom:
            return fresh
        if request.type == PROVIDER:  # not a resource of the account: its identity is known at once
            return replace(fresh, id=str(uuid.uuid5(uuid.NAMESPACE_URL, urn)))
        provisioner_of(request.type)  # a type that cannot be created stops a preview too
        if self._dry_run:
            return fresh
        self._diagnostics.started(urn)
        tags = self._default_tags.get(request.provider.rpartition("::")[0], {})
        created, unused = create(request.type, urn, plain, tags, self._aws)
        self._note_unused(unused)
        return replace(fresh, id=created.id, outputs=created.outputs)

    def _note_unused(self, unused: frozenset[PropertyPath]) -> None:
        with self._lock:
            self.unused |= unused

    def _check_policies(self, urn: str, request: RegisterResourceRequest) -> None:
        violations = self._policies.resource(_analyzed(urn, request, request.object))
        for violation in violations:
            self._report(violation.policy, violation.message, violation.urn, mandatory=violation.mandatory)
        if any(violation.mandatory for violation in violations):
            raise RefusedError("the policy pack does not allow it")

    def _report(self, policy: str, message: str, urn: str, *, mandatory: bool) -> None:
        if mandatory:
            self._diagnostics.fail(f"policy {policy}: {message}", urn)
            return
        with self._lock:
            self._advised[policy] += 1
            first = self._advised[policy] == 1
        if first:
            self._diagnostics.say(f"policy {policy} (advisory): {message} [{urn}]")

    def _claim(self, urn: str) -> None:
        with self._lock:
            if urn in self._claimed:
                raise ResourceError("another resource of this type has the same name and parent type")
            self._claimed.add(urn)

    def _urn(self, request: RegisterResourceRequest) -> str:
        """https://www.pulumi.com/docs/iac/concepts/resources/names/#urns; the stack is nobody's parent type."""
        parent = request.parent.split("::")[2] if request.parent else STACK_TYPE
        qualified = request.type if parent == STACK_TYPE else f"{parent}${request.type}"
        return f"urn:pulumi:{self._project.stack}::{self._project.name}::{qualified}::{request.name}"


def _refuse_unsupported(request: RegisterResourceRequest) -> None:
    if request.importId:
        raise ResourceError("the local engine imports nothing: everything in its account is made by the program")
    if request.remote:
        raise ResourceError("the local engine runs no components of other languages")


def _with_id(analyzed: AnalyzedResource, identity: str) -> AnalyzedResource:
    """Return it with the id among its properties, where the AWS provider has it; a preview has none to show."""
    return replace(analyzed, properties={**analyzed.properties, "id": identity}) if identity else analyzed


def _analyzed(urn: str, request: RegisterResourceRequest, properties: Struct) -> AnalyzedResource:
    return AnalyzedResource(
        type=request.type,
        urn=urn,
        name=request.name,
        properties=MessageToDict(properties),
        parent=request.parent,
        dependencies=tuple(request.dependencies),
        property_dependencies={name: tuple(each.urns) for name, each in request.propertyDependencies.items()},
        protect=request.protect,
    )
