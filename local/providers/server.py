"""The engine's provider protocol over gRPC, once for all packages.

Protocol: proto/pulumi/provider.proto in github.com/pulumi/pulumi.
"""
# ruff: noqa: D102 (the methods of the service are described in the protocol)

import json
import threading
import traceback
from collections import OrderedDict
from collections.abc import Callable
from concurrent import futures
from contextlib import suppress
from functools import wraps
from pathlib import Path
from typing import Any, Final

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import (
    engine_pb2,
    engine_pb2_grpc,
    plugin_pb2,
    provider_pb2,
    provider_pb2_grpc,
)

from local.providers.base import (
    ENGINE_KEYS,
    Call,
    Checked,
    Difference,
    Provider,
    ProviderError,
)
from local.providers.wire import decode, encode

_MAX_MESSAGE_BYTES: Final = 400 * 1024 * 1024
_MAX_CONNECTIONS: Final = 256
_WORKERS: Final = 32
_LOG_SECONDS: Final = 5.0

_KINDS: Final = {
    ("add", False): provider_pb2.PropertyDiff.ADD,
    ("add", True): provider_pb2.PropertyDiff.ADD_REPLACE,
    ("delete", False): provider_pb2.PropertyDiff.DELETE,
    ("delete", True): provider_pb2.PropertyDiff.DELETE_REPLACE,
    ("update", False): provider_pb2.PropertyDiff.UPDATE,
    ("update", True): provider_pb2.PropertyDiff.UPDATE_REPLACE,
}


class _Connection:
    """A provider and what the engine at the other end accepts."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self.accept_secrets = True
        self._channel: grpc.Channel | None = None

    def attach(self, address: str) -> None:
        """Send the provider's warnings to the engine at the address."""
        if not address or self._channel is not None:
            return
        self._channel = grpc.insecure_channel(address)
        log = engine_pb2_grpc.EngineStub(self._channel).Log

        def warn(urn: str, message: str) -> None:
            with suppress(grpc.RpcError):
                log(
                    engine_pb2.LogRequest(
                        severity=engine_pb2.LogSeverity.WARNING, message=message, urn=urn
                    ),
                    timeout=_LOG_SECONDS,
                )

        self.provider.warn = warn

    def close(self) -> None:
        """Close the provider and the way back to the engine."""
        self.provider.close()
        if self._channel is not None:
            self._channel.close()


def _answer(method: Callable[..., Any]) -> Callable[..., Any]:
    """Turn what a method raises into a status of the protocol: a sentence, never a traceback."""

    @wraps(method)
    def call(self: "Servicer", request: Any, context: grpc.ServicerContext) -> Any:
        connection = self.connection(context)
        try:
            return method(self, connection, request)
        except ProviderError as error:
            context.abort(error.code, str(error))
        except Exception as error:  # noqa: BLE001
            # The text of an unforeseen exception may quote a secret: its place says enough.
            last = traceback.extract_tb(error.__traceback__)[-1]
            context.abort(
                grpc.StatusCode.INTERNAL,
                f"defect in the local {connection.provider.name} provider: "
                f"{type(error).__name__} in {Path(last.filename).name}, line {last.lineno}",
            )

    return call


def _call(request: Any, **more: Any) -> Call:
    return Call(urn=request.urn, type=request.type, name=request.name, **more)


def _difference(found: Difference) -> provider_pb2.DiffResponse:
    tops = [_top(path) for path in found.changes]
    return provider_pb2.DiffResponse(
        changes=(
            provider_pb2.DiffResponse.DIFF_SOME
            if found.changes
            else provider_pb2.DiffResponse.DIFF_NONE
        ),
        replaces=dict.fromkeys(
            _top(path) for path, change in found.changes.items() if change.replace
        ),
        diffs=dict.fromkeys(tops),
        detailedDiff={
            path: provider_pb2.PropertyDiff(
                kind=_KINDS[change.kind, change.replace], inputDiff=found.of_inputs
            )
            for path, change in found.changes.items()
            if found.detailed
        },
        hasDetailedDiff=found.detailed,
    )


def _top(path: str) -> str:
    if path.startswith('["'):
        return path[2:].partition('"]')[0]
    return path.partition(".")[0].partition("[")[0]


def _failures(checked: Checked) -> list[provider_pb2.CheckFailure]:
    return [
        provider_pb2.CheckFailure(property=path, reason=reason) for path, reason in checked.failures
    ]


class Servicer(provider_pb2_grpc.ResourceProviderServicer):
    """The protocol's service for one package.

    Args:
        factory: makes the provider of a new connection.
    """

    def __init__(self, factory: Callable[[], Provider]) -> None:
        self._factory = factory
        self._connections: OrderedDict[str, _Connection] = OrderedDict()
        self._lock = threading.Lock()

    def connection(self, context: grpc.ServicerContext) -> _Connection:
        """What belongs to the engine's connection over which a call came."""
        peer = context.peer()
        with self._lock:
            connection = self._connections.get(peer)
            if connection is None:
                connection = _Connection(self._factory())
                self._connections[peer] = connection
                if len(self._connections) > _MAX_CONNECTIONS:
                    self._connections.popitem(last=False)[1].close()
            self._connections.move_to_end(peer)
            return connection

    def close(self) -> None:
        """Close the providers of all connections."""
        with self._lock:
            for connection in self._connections.values():
                connection.close()
            self._connections.clear()

    @_answer
    def Attach(self, connection: _Connection, request: Any) -> Any:
        connection.attach(request.address)
        return empty_pb2.Empty()

    @_answer
    def Handshake(self, connection: _Connection, request: Any) -> Any:
        connection.attach(request.engine_address)
        bridged = connection.provider.bridged
        return provider_pb2.ProviderHandshakeResponse(
            accept_secrets=not bridged,
            accept_resources=bridged,
            supports_autonaming_configuration=True,
        )

    @_answer
    def GetPluginInfo(self, connection: _Connection, request: Any) -> Any:
        return plugin_pb2.PluginInfo(version=connection.provider.version)

    @_answer
    def Parameterize(self, connection: _Connection, request: Any) -> Any:
        name, version = connection.provider.parameterize(request)
        return provider_pb2.ParameterizeResponse(name=name, version=version)

    @_answer
    def GetSchema(self, connection: _Connection, request: Any) -> Any:
        return provider_pb2.GetSchemaResponse(schema=json.dumps(connection.provider.schema()))

    @_answer
    def GetMapping(self, connection: _Connection, request: Any) -> Any:
        return provider_pb2.GetMappingResponse()

    @_answer
    def GetMappings(self, connection: _Connection, request: Any) -> Any:
        return provider_pb2.GetMappingsResponse()

    @_answer
    def CheckConfig(self, connection: _Connection, request: Any) -> Any:
        checked = connection.provider.check_config(decode(request.olds), decode(request.news))
        return provider_pb2.CheckResponse(
            inputs=encode(checked.inputs), failures=_failures(checked)
        )

    @_answer
    def DiffConfig(self, connection: _Connection, request: Any) -> Any:
        old, state = decode(request.old_inputs), decode(request.olds)
        found = connection.provider.diff_options(old or state, state, decode(request.news))
        return _difference(found) if found else provider_pb2.DiffResponse()

    @_answer
    def Configure(self, connection: _Connection, request: Any) -> Any:
        connection.accept_secrets = request.acceptSecrets
        config = decode(request.args)
        connection.provider.configure(
            {name: value for name, value in config.items() if name not in ENGINE_KEYS}
        )
        bridged = connection.provider.bridged
        return provider_pb2.ConfigureResponse(
            acceptSecrets=not bridged,
            supportsPreview=True,
            acceptResources=bridged,
            supports_autonaming_configuration=True,
        )

    @_answer
    def Check(self, connection: _Connection, request: Any) -> Any:
        checked = connection.provider.check(
            _call(request), decode(request.olds), decode(request.news)
        )
        return provider_pb2.CheckResponse(
            inputs=encode(checked.inputs, secrets=connection.accept_secrets),
            failures=_failures(checked),
        )

    @_answer
    def Diff(self, connection: _Connection, request: Any) -> Any:
        return _difference(
            connection.provider.diff(
                _call(request, id=request.id, ignore_changes=tuple(request.ignoreChanges)),
                decode(request.old_inputs),
                decode(request.olds),
                decode(request.news),
            )
        )

    @_answer
    def Create(self, connection: _Connection, request: Any) -> Any:
        made = connection.provider.create(
            _call(request, preview=request.preview),
            decode(request.properties),
        )
        return provider_pb2.CreateResponse(
            id=made.id, properties=encode(made.state, secrets=connection.accept_secrets)
        )

    @_answer
    def Read(self, connection: _Connection, request: Any) -> Any:
        found = connection.provider.read(
            _call(request, id=request.id),
            decode(request.inputs),
            decode(request.properties),
        )
        if found is None:
            return provider_pb2.ReadResponse()
        return provider_pb2.ReadResponse(
            id=found.id,
            properties=encode(found.state, secrets=connection.accept_secrets),
            inputs=encode(found.inputs or {}, secrets=connection.accept_secrets),
        )

    @_answer
    def Update(self, connection: _Connection, request: Any) -> Any:
        state = connection.provider.update(
            _call(
                request,
                id=request.id,
                preview=request.preview,
                ignore_changes=tuple(request.ignoreChanges),
            ),
            decode(request.old_inputs),
            decode(request.olds),
            decode(request.news),
        )
        return provider_pb2.UpdateResponse(
            properties=encode(state, secrets=connection.accept_secrets)
        )

    @_answer
    def Delete(self, connection: _Connection, request: Any) -> Any:
        connection.provider.delete(
            _call(request, id=request.id),
            decode(request.old_inputs),
            decode(request.properties),
        )
        return empty_pb2.Empty()

    @_answer
    def Invoke(self, connection: _Connection, request: Any) -> Any:
        result = connection.provider.invoke(request.tok, decode(request.args))
        return provider_pb2.InvokeResponse(
            **{"return": encode(result, secrets=connection.accept_secrets)}
        )

    @_answer
    def Construct(self, connection: _Connection, request: Any) -> Any:
        raise _unserved(connection, "components")

    @_answer
    def Call(self, connection: _Connection, request: Any) -> Any:
        raise _unserved(connection, "methods")

    @_answer
    def Cancel(self, connection: _Connection, request: Any) -> Any:
        connection.provider.cancel()
        return empty_pb2.Empty()


def _unserved(connection: _Connection, what: str) -> ProviderError:
    return ProviderError(
        f"the local {connection.provider.name} provider does not serve {what}",
        grpc.StatusCode.UNIMPLEMENTED,
    )


class ProviderServer:
    """A package served on a free port of 127.0.0.1.

    Args:
        factory: makes the provider of a new connection.

    Raises:
        ProviderError: no port can be bound.
    """

    def __init__(self, factory: Callable[[], Provider]) -> None:
        self._servicer = Servicer(factory)
        self._pool = futures.ThreadPoolExecutor(_WORKERS, thread_name_prefix="provider")
        self._server = grpc.server(
            self._pool,
            options=(
                ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
                ("grpc.max_send_message_length", _MAX_MESSAGE_BYTES),
                ("grpc.so_reuseport", 0),
            ),
        )
        provider_pb2_grpc.add_ResourceProviderServicer_to_server(self._servicer, self._server)
        try:
            self.port: int = self._server.add_insecure_port("127.0.0.1:0")
        except RuntimeError:
            raise ProviderError("no port of 127.0.0.1 is free for a provider") from None
        self._server.start()

    def close(self) -> None:
        """End the server and what its providers hold."""
        self._server.stop(grace=None).wait()
        self._servicer.close()
        self._pool.shutdown(wait=False, cancel_futures=True)
