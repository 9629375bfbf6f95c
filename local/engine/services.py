"""The two gRPC services that a Pulumi program talks to, as pulumi/resource.proto and pulumi/engine.proto say."""

# ruff: noqa: N802, D102, ARG002 - the protocol names the methods and their arguments, and says what they do

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final, NoReturn

import grpc
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, provider_pb2, resource_pb2, resource_pb2_grpc

from local.engine.diagnostics import Diagnostics
from local.engine.emulator import Emulator
from local.engine.errors import ResourceError
from local.engine.invokes import invoke
from local.engine.registrar import RefusedError, Registrar

_MAX_MESSAGE: Final = 400 * 1024 * 1024  # what the SDK allows itself
_MAX_REASON: Final = 2_000  # an error travels in an HTTP/2 header; the whole of it is among the diagnostics
_FEATURES: Final = {
    "secrets": resource_pb2.RESOURCE_MONITOR_FEATURE_SECRETS,
    "resourceReferences": resource_pb2.RESOURCE_MONITOR_FEATURE_RESOURCE_REFERENCES,
}
"""Of what a monitor may support, what this one does: a program that needs more is told so by the SDK."""
_UNSUPPORTED: Final = "the local engine makes everything new: it reads no resource that the program did not create"


class Monitor(resource_pb2_grpc.ResourceMonitorServicer):
    """The resource monitor: every resource of the program is registered here."""

    def __init__(self, registrar: Registrar, diagnostics: Diagnostics, emulator: Emulator) -> None:
        self._registrar = registrar
        self._diagnostics = diagnostics
        self._emulator = emulator

    def GetDeploymentInfo(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> resource_pb2.DeploymentInfo:
        return resource_pb2.DeploymentInfo(supportedFeatures=_FEATURES.values())

    def SupportsFeature(
        self, request: resource_pb2.SupportsFeatureRequest, context: grpc.ServicerContext
    ) -> resource_pb2.SupportsFeatureResponse:
        return resource_pb2.SupportsFeatureResponse(hasSupport=request.id in _FEATURES)

    def RegisterResource(
        self, request: resource_pb2.RegisterResourceRequest, context: grpc.ServicerContext
    ) -> resource_pb2.RegisterResourceResponse:
        try:
            registered = self._registrar.register(request)
        except RefusedError as refused:
            _abort(context, refused)
        # `unknown` makes an output that no provisioner gives unknown, not None: whatever uses it is then refused.
        return resource_pb2.RegisterResourceResponse(
            urn=registered.urn, id=registered.id, object=registered.properties, unknown=request.custom
        )

    def RegisterResourceOutputs(
        self, request: resource_pb2.RegisterResourceOutputsRequest, context: grpc.ServicerContext
    ) -> empty_pb2.Empty:
        try:
            self._registrar.complete(request.urn, request.outputs)
        except RefusedError as refused:
            _abort(context, refused)
        return empty_pb2.Empty()

    def Invoke(
        self, request: resource_pb2.ResourceInvokeRequest, context: grpc.ServicerContext
    ) -> resource_pb2.ResourceInvokeResponse:
        answer = struct_pb2.Struct()
        try:
            answer.update(invoke(request.tok, self._emulator))
        except ResourceError as error:
            _abort(context, RefusedError(self._diagnostics.fail(str(error))))
        return resource_pb2.ResourceInvokeResponse(
            **{"return": answer}  # type: ignore[arg-type]  # a keyword of Python's
        )

    def ReadResource(
        self, request: resource_pb2.ReadResourceRequest, context: grpc.ServicerContext
    ) -> resource_pb2.ReadResourceResponse:
        _abort(context, RefusedError(self._diagnostics.fail(f"{request.type} {request.name}: {_UNSUPPORTED}")))

    def Call(
        self, request: resource_pb2.ResourceCallRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CallResponse:
        _abort(
            context, RefusedError(self._diagnostics.fail(f"the local engine calls no methods, so not {request.tok}"))
        )

    def SignalAndWaitForShutdown(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> empty_pb2.Empty:
        return empty_pb2.Empty()  # a program waits here for its hooks to be called, and there are none


class Engine(engine_pb2_grpc.EngineServicer):
    """Takes the program's log, and keeps its root resource."""

    def __init__(self, diagnostics: Diagnostics) -> None:
        self._diagnostics = diagnostics
        self._root = ""

    def Log(self, request: engine_pb2.LogRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        match request.severity:
            case engine_pb2.ERROR:
                self._diagnostics.program_error(request.message)
            case engine_pb2.WARNING:
                self._diagnostics.say(f"warning: {request.message}")
            case engine_pb2.INFO:
                self._diagnostics.say(request.message)
        return empty_pb2.Empty()

    def GetRootResource(
        self, request: engine_pb2.GetRootResourceRequest, context: grpc.ServicerContext
    ) -> engine_pb2.GetRootResourceResponse:
        return engine_pb2.GetRootResourceResponse(urn=self._root)

    def SetRootResource(
        self, request: engine_pb2.SetRootResourceRequest, context: grpc.ServicerContext
    ) -> engine_pb2.SetRootResourceResponse:
        self._root = request.urn
        return engine_pb2.SetRootResourceResponse()


@contextmanager
def serving(monitor: Monitor, engine: Engine, parallel: int) -> Iterator[str]:
    """Serve both on one free loopback port, yielding the address; at the end nothing is accepted and all has finished.

    The program sends at most `parallel` registrations at once, so two threads more are always free for its log.
    """
    with ThreadPoolExecutor(parallel + 2, "engine") as threads:
        server = grpc.server(threads, options=[("grpc.max_receive_message_length", _MAX_MESSAGE)])
        resource_pb2_grpc.add_ResourceMonitorServicer_to_server(monitor, server)
        engine_pb2_grpc.add_EngineServicer_to_server(engine, server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            yield f"127.0.0.1:{port}"
        finally:
            server.stop(grace=None).wait()


def _abort(context: grpc.ServicerContext, refused: RefusedError) -> NoReturn:
    context.abort(grpc.StatusCode.UNKNOWN, str(refused)[:_MAX_REASON])
