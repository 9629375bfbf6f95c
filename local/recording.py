"""Runs the real `__main__.py` under Pulumi's mocks, and keeps all that it asked the engine for.

Packages cost nothing to build here.
"""

import asyncio
import contextvars
import json
import runpy
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import yaml
from pulumi import runtime
from pulumi.runtime import mocks, rpc, settings
from pulumi.runtime.proto import source_pb2
from pulumi.runtime.stack import run_in_stack

from handlers.domain import channels
from stacks import platform
from stacks.compute.packaging import Package, Target

ROOT = Path(__file__).resolve().parents[1]
ACCOUNT = "123456789012"
REGION = "eu-central-1"
STACKS = ("local", "dev", "prod")
# In the order of the stack's file, and then those that it does not name.
_NAMED = yaml.safe_load((ROOT / "Pulumi.local.yaml").read_text())["config"]["carillon:channels"]
CHANNELS = tuple(dict.fromkeys((*_NAMED, *channels.CHANNELS)))


@dataclass(frozen=True)
class Registered:
    """One resource as the program registered it. `inputs` are the provider's, in camel case."""

    urn: str
    type: str
    name: str
    inputs: dict[str, Any]
    parent: str
    provider: str
    protect: bool
    custom: bool
    dependencies: frozenset[str]
    sources: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By input, the URNs of the resources that its value comes from."""

    def statements(self, key: str = "policy") -> list[dict[str, Any]]:
        """Return the statements of an input that is a policy document."""
        parsed: list[dict[str, Any]] = json.loads(self.inputs[key])["Statement"]
        return parsed


@dataclass(frozen=True)
class Program:
    """What a run of the program registered, and the outputs of each component by URN."""

    resources: list[Registered] = field(default_factory=list)
    outputs: dict[str, dict[str, Any]] = field(default_factory=dict)

    def of(self, type_: str) -> list[Registered]:
        """Return the resources of a type, such as `aws:sqs/queue:Queue`."""
        return [resource for resource in self.resources if resource.type == type_]

    def named(self, type_: str, **inputs: object) -> Registered:
        """Return the only resource of a type that has these inputs."""
        found = [each for each in self.of(type_) if all(each.inputs.get(key) == inputs[key] for key in inputs)]
        if len(found) != 1:
            raise AssertionError(f"{len(found)} resources of type {type_} have {inputs}")
        return found[0]

    @property
    def exports(self) -> dict[str, Any]:
        """The stack's outputs."""
        (stack,) = (outputs for urn, outputs in self.outputs.items() if "::pulumi:pulumi:Stack::" in urn)
        return stack


class _Monitor(mocks.MockMonitor):
    """The mock monitor, remembering every request whole: mocks alone see neither parents nor component outputs."""

    def __init__(self, program: Program, *, preview: bool) -> None:
        super().__init__(_Aws(preview=preview))
        self.program = program

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - gRPC's name
        response = super().RegisterResource(request)  # type: ignore[no-untyped-call]
        if request.type != "pulumi:pulumi:Stack":
            self.program.resources.append(
                Registered(
                    urn=response.urn,
                    type=request.type,
                    name=request.name,
                    inputs=rpc.deserialize_properties(request.object),
                    parent=request.parent,
                    provider=request.provider,
                    protect=request.protect,
                    custom=request.custom,
                    dependencies=frozenset(request.dependencies),
                    sources={name: tuple(each.urns) for name, each in request.propertyDependencies.items()},
                )
            )
        return response

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802 - gRPC's name
        self.program.outputs[request.urn] = rpc.deserialize_properties(request.outputs)
        return super().RegisterResourceOutputs(request)  # type: ignore[no-untyped-call]


class _Aws(mocks.Mocks):
    """Answers as AWS would: every name, ARN and URL that the program goes on with. A preview knows none of them."""

    def __init__(self, *, preview: bool = False) -> None:
        self._preview = preview

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        if self._preview:
            return None, dict(args.inputs)
        name = args.inputs.get("name", args.name)
        region = args.inputs.get("region", REGION)
        kind = args.typ.split("/")[0].removeprefix("aws:")
        rest_api = args.name if args.typ.endswith(":RestApi") else str(args.inputs.get("restApi")).removesuffix("-id")
        answered = {
            "arn": f"arn:aws:{kind}:{region}:{ACCOUNT}:{args.name}",
            "name": name,
            "keyId": f"key-{args.name}",
            "version": "1",
            "url": f"https://sqs.{region}.amazonaws.com/{ACCOUNT}/{name}",
            "invokeArn": f"arn:aws:apigateway:{region}:lambda:path/{args.name}",
            "invokeUrl": f"https://{rest_api}.execute-api.{region}.amazonaws.com/live",
            "executionArn": f"arn:aws:execute-api:{region}:{ACCOUNT}:{rest_api}",
            "rootResourceId": "root",
            "regionalDomainName": f"d-1.execute-api.{region}.amazonaws.com",
            "dkimSigningAttributes": {"tokens": ["token1", "token2"]},
        }
        if args.inputs.get("streamEnabled"):
            # A table's stream is named after its creation.
            label = "2030-01-31T12:00:00.000"
            answered["streamArn"] = f"arn:aws:dynamodb:{region}:{ACCOUNT}:table/{name}/stream/{label}"
        if args.typ == "aws:lambda/alias:Alias":
            answered["arn"] = f"arn:aws:lambda:{region}:{ACCOUNT}:function:{args.inputs['functionName']}:{name}"
            answered["invokeArn"] = (
                f"arn:aws:apigateway:{region}:lambda:path/2015-03-31/functions/{answered['arn']}/invocations"
            )
        return f"{args.name}-id", {**answered, **args.inputs}

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        if args.token != "aws:index/getCallerIdentity:getCallerIdentity":  # noqa: S105 - a name
            raise AssertionError(f"the program looks something up that is not foreseen here: {args.token}")
        return {
            "accountId": ACCOUNT,
            "arn": f"arn:aws:iam::{ACCOUNT}:user/tester",
            "userId": "tester",
            "id": ACCOUNT,
        }, []


def configuration(stack: str) -> dict[str, str]:
    """Return what `Pulumi.<stack>.yaml` configures, as the engine hands it to a program: text, or JSON."""
    written = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in written.items()}


def run(stack: str, overrides: Mapping[str, str] | None = None, *, preview: bool = False) -> Program:
    """Run the program for a stack and return what it registered. Raises whatever the program raises.

    In a preview, what only AWS can say is unknown: as before the first `pulumi up` of an environment.
    """
    return contextvars.copy_context().run(_run, stack, {**configuration(stack), **(overrides or {})}, preview)


@cache
def of_stack(stack: str) -> Program:
    """Return the program of a stack as it is configured, run once for all tests."""
    return run(stack)


def _run(stack: str, config: dict[str, str], preview: bool) -> Program:
    program = Program()
    loop = asyncio.new_event_loop()  # before set_mocks, which looks for it
    asyncio.set_event_loop(loop)
    try:
        runtime.set_all_config(config)
        monitor = _Monitor(program, preview=preview)
        mocks.set_mocks(monitor.mocks, project="carillon", stack=stack, preview=preview, monitor=monitor)
        settings.SETTINGS.outputs = set()  # those that another test left on a loop of its own would be waited for
        settings.ROOT.set(None)  # the stack that set_mocks has already finished: run_in_stack makes the real one
        # Where in the program a resource was made takes a fifth of a run to find, and nobody reads it.
        untraced = patch.object(runtime.resource, "_get_stack_trace", source_pb2.StackTrace)
        with untraced, patch.object(platform, "build_all", _packages):
            loop.run_until_complete(run_in_stack(_main))
    finally:
        loop.close()
        asyncio.set_event_loop(None)
    return program


def _packages(functions: Collection[str], target: Target) -> dict[str, Package]:
    return {
        function: Package(
            path=Path(f"/packages/{function}.zip"),
            sha256=f"hash of {function}",
            size=1,
            handler=f"handlers.entrypoints.{function.replace('-', '_')}.handler",
            runtime=target.runtime,
            architecture=target.architecture,
        )
        for function in functions
    }


def _main() -> None:
    runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__")
