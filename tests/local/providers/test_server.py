"""The protocol itself: connections that do not disturb each other, errors without tracebacks."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from local.providers import debug_providers, engine_environment, serve, stood_in
from local.providers.base import (
    Call,
    Checked,
    Difference,
    PropertyChange,
    Provider,
    ProviderError,
    Resource,
)
from local.providers.server import ProviderServer
from local.providers.wire import Properties, Secret, decode, encode
from toolchain.plugins import Located, Origin, Plugin


class Echo(Provider):
    """Answers with what it was configured with."""

    name = "echo"
    version = "1.2.3"

    def configure(self, config: Properties) -> None:
        self.config = config

    def check(self, call: Call, old: Properties, new: Properties) -> Checked:
        return Checked(new, (("size", "is wrong"),))

    def diff(
        self, call: Call, old_inputs: Properties, state: Properties, new: Properties
    ) -> Difference:
        return Difference(
            {"a.b[0]": PropertyChange("update", replace=True), '["c.d"]': PropertyChange("add")}
        )

    def create(self, call: Call, new: Properties) -> Resource:
        if "refuse" in new:
            raise ProviderError("no, and here is why")
        if "break" in new:
            raise KeyError("hunter2")
        return Resource("id", {**self.config, "secret": Secret("x")})


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ProviderServer]:
    server = ProviderServer(lambda: Echo(tmp_path))
    yield server
    server.close()


def connect(server: ProviderServer) -> Any:
    # Without a pool of its own a second channel would share the first one's connection.
    options = (("grpc.use_local_subchannel_pool", 1),)
    channel = grpc.insecure_channel(f"127.0.0.1:{server.port}", options)
    return provider_pb2_grpc.ResourceProviderStub(channel)


def configure(stub: Any, *, secrets: bool = True, **args: Any) -> Any:
    return stub.Configure(provider_pb2.ConfigureRequest(args=encode(args), acceptSecrets=secrets))


def create(stub: Any, **properties: Any) -> Any:
    return stub.Create(provider_pb2.CreateRequest(urn="u", properties=encode(properties)))


def test_connections_keep_to_themselves(server: ProviderServer) -> None:
    first, second = connect(server), connect(server)
    configure(first, region="east", version="1")
    configure(second, region="west")
    assert decode(create(first).properties)["region"] == "east"
    assert decode(create(second).properties)["region"] == "west"
    assert "version" not in decode(create(first).properties)


def test_secrets_go_only_to_engines_that_take_them(server: ProviderServer) -> None:
    first, second = connect(server), connect(server)
    assert configure(first).acceptSecrets
    configure(second, secrets=False)
    assert decode(create(first).properties)["secret"] == Secret("x")
    assert decode(create(second).properties)["secret"] == "x"


def test_handshake_and_information(server: ProviderServer) -> None:
    stub = connect(server)
    hello = stub.Handshake(provider_pb2.ProviderHandshakeRequest())
    assert hello.accept_secrets
    assert stub.GetPluginInfo(empty_pb2.Empty()).version == "1.2.3"
    assert '"name": "echo"' in stub.GetSchema(provider_pb2.GetSchemaRequest()).schema
    stub.Cancel(empty_pb2.Empty())


def test_check_and_diff(server: ProviderServer) -> None:
    stub = connect(server)
    checked = stub.Check(provider_pb2.CheckRequest(urn="u", news=encode({"size": 1})))
    assert [(f.property, f.reason) for f in checked.failures] == [("size", "is wrong")]
    found = stub.Diff(provider_pb2.DiffRequest(urn="u"))
    assert found.changes == provider_pb2.DiffResponse.DIFF_SOME
    assert list(found.replaces) == ["a"]
    assert set(found.diffs) == {"a", "c.d"}
    assert found.detailedDiff["a.b[0]"].kind == provider_pb2.PropertyDiff.UPDATE_REPLACE


def test_a_refusal_is_its_sentence(server: ProviderServer) -> None:
    with pytest.raises(grpc.RpcError) as failure:
        create(connect(server), refuse=True)
    assert failure.value.details() == "no, and here is why"


def test_a_defect_gives_its_place_and_no_values(
    server: ProviderServer, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(grpc.RpcError) as failure:
        create(connect(server), **{"break": True})
    details = failure.value.details()
    assert details.startswith("defect in the local echo provider: KeyError in test_server.py")
    assert "hunter2" not in details + "".join(capfd.readouterr())


@pytest.mark.parametrize("method", ["Construct", "Call", "Invoke", "Parameterize"])
def test_what_is_not_served_is_said_quietly(
    server: ProviderServer, method: str, capfd: pytest.CaptureFixture[str]
) -> None:
    request = getattr(provider_pb2, f"{method}Request")()
    with pytest.raises(grpc.RpcError) as failure:
        getattr(connect(server), method)(request)
    assert failure.value.code() == grpc.StatusCode.UNIMPLEMENTED
    assert "echo" in failure.value.details()
    assert "Traceback" not in "".join(capfd.readouterr())


def test_serve_and_its_environment(tmp_path: Path) -> None:
    with serve("random", "coderd", root=tmp_path) as ports:
        assert set(ports) == {"random", "terraform-provider"}
        value = f"random:{ports['random']},terraform-provider:{ports['terraform-provider']}"
        assert debug_providers(ports) == value
        assert engine_environment(ports)["PULUMI_DEBUG_PROVIDERS"] == value
    assert "PULUMI_DEBUG_PROVIDERS" not in engine_environment({})
    with pytest.raises(ValueError, match="no local provider 'aws'"), serve("aws", root=tmp_path):
        pass


def test_what_no_plugin_serves_is_stood_in_for() -> None:
    plugin = partial(Plugin, version="1.0.0")
    assert stood_in(
        [
            Located(plugin("kubernetes"), Origin.BUILT, Path("/built")),
            Located(plugin("random"), Origin.STOOD_IN),
            Located(plugin("terraform-provider"), Origin.STOOD_IN),
        ]
    ) == ("random", "coderd")
