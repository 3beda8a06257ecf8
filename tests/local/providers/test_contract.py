"""The stand-ins for provider plugins held against what the real ones answered to the engine.

The calls are those of seven runs of the program, in their order; what had happened to coderd
between two of them is brought about here.
"""

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import json_format
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from local.coderd import LocalCoderd
from local.providers import coderd_schema
from local.providers.coderd import CoderdProvider
from local.providers.random import RandomProvider
from local.providers.server import ProviderServer
from tests import deviations, recorded

LEFT_OUT = {str(each.what) for each in deviations.PROPERTIES}
NOT_HELD = {each.what for each in deviations.CALLS}
VARIABLES = ("firewall", "gitlab_external_auth_id", "namespace", "use_kubeconfig")
HCL = "".join(
    f'variable "{name}" {{\n  default = ""\n}}\n'
    for name in (*VARIABLES, "workspace_image", "jail_type", "boundary_version")
)
BROKEN = 'resource "coder_agent" "broken" { os = var.nosuch }\n'
BY_HAND = ("activity_bump_ms", "allow_user_cancel_workspace_jobs", "default_ttl_ms", "description")
REQUESTS = {
    "Check": provider_pb2.CheckRequest,
    "CheckConfig": provider_pb2.CheckRequest,
    "Diff": provider_pb2.DiffRequest,
    "DiffConfig": provider_pb2.DiffRequest,
    "Configure": provider_pb2.ConfigureRequest,
    "Create": provider_pb2.CreateRequest,
    "Read": provider_pb2.ReadRequest,
    "Update": provider_pb2.UpdateRequest,
    "Delete": provider_pb2.DeleteRequest,
    "Invoke": provider_pb2.InvokeRequest,
}
# What chance decides, and how it looks.
CHANCE = {
    "id": r"none|[0-9a-f]{8}-[a-z]+-[a-z]+|[\w-]{11}",
    "result": r"[A-Za-z0-9]{40}",
    "bcryptHash": r"\$2[ab]\$10\$.{53}",
    "b64Std": r"[\w+/]{11}=",
    "b64Url": r"[\w-]{11}",
    "dec": r"\d+",
    "hex": r"[0-9a-f]{16}",
}
TIMES = ("createdAt", "updatedAt")


class Plugin:
    """A stand-in behind the protocol.

    Args:
        factory: makes the provider.
    """

    def __init__(self, factory: Any) -> None:
        self._server = ProviderServer(factory)
        self._channel = grpc.insecure_channel(f"127.0.0.1:{self._server.port}")
        self._stub = provider_pb2_grpc.ResourceProviderStub(self._channel)

    def call(self, name: str, request: Any) -> tuple[Any, str]:
        """Send a request; return the answer and what was refused."""
        message = json_format.ParseDict(request, REQUESTS[name](), ignore_unknown_fields=True)
        try:
            answer = getattr(self._stub, name)(message)
        except grpc.RpcError as error:
            refused = str(error.details())
            return None, refused if error.code() is grpc.StatusCode.UNKNOWN else str(error)
        return json_format.MessageToDict(answer), ""

    def close(self) -> None:
        self._channel.close()
        self._server.close()


def opened(value: Any) -> Any:
    """A value with the private state that the bridge packs into `__meta` laid open."""
    if isinstance(value, list):
        return [opened(each) for each in value]
    if not isinstance(value, dict):
        return value
    found = {key: opened(each) for key, each in value.items()}
    if "private_state" in str(found.get("__meta", "")):
        private = json.loads(base64.b64decode(json.loads(found["__meta"])["private_state"]))
        found["__meta"] = {key: json.loads(base64.b64decode(each)) for key, each in private.items()}
    return found


def closed(value: Any) -> Any:
    """The other way."""
    if isinstance(value, list):
        return [closed(each) for each in value]
    if not isinstance(value, dict):
        return value
    found = {key: closed(each) for key, each in value.items()}
    if isinstance(found.get("__meta"), dict):
        packed = {key: _packed(each) for key, each in found["__meta"].items()}
        found["__meta"] = json.dumps({"private_state": _packed(packed)})
    return found


def _packed(value: Any) -> str:
    return base64.b64encode(json.dumps(value).encode()).decode()


def held(value: Any) -> Any:
    """What of an answer is held against the recording."""
    if isinstance(value, dict):
        return {key: held(each) for key, each in value.items() if key not in LEFT_OUT}
    if isinstance(value, list):
        return [held(each) for each in value if not (isinstance(each, str) and each in LEFT_OUT)]
    return value


@pytest.fixture(scope="module")
def coderd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCoderd]:
    stand_in = LocalCoderd(tmp_path_factory.mktemp("coderd"), licensed=False)
    stand_in.start()
    try:
        yield stand_in
    finally:
        stand_in.stop()


class Replay:
    """The recorded calls about templates, one after the other."""

    def __init__(self, coderd: LocalCoderd, root: Path) -> None:
        self.root = root
        self.names = recorded.Names()
        self.plugin = Plugin(lambda: CoderdProvider(root))
        self.api = coderd.client()
        self.api.base_url = f"{coderd.url}/api/v2/"
        configured = {"args": {"url": coderd.url, "token": coderd.token}, "acceptSecrets": True}
        assert self.plugin.call("Configure", configured)[1] == ""
        organization = self.api.get("organizations/default").json()["id"]
        self.names.pair("1e69d09d-783a-4102-b8b6-10cef53dbac5", organization)
        self.seen: set[str] = set()

    def answer(self, line: dict[str, Any]) -> tuple[Any, str]:
        """Bring about what a recorded call met, and make it."""
        if line["run"] not in self.seen:
            self.seen.add(line["run"])
            if line["run"] == "refresh":
                self.change_by_hand()
            elif line["run"] == "adopt":
                self.make_again()
        request = line["request"]
        for state in ("olds", "properties"):
            if request.get(state, {}).get("id"):
                # A state of the release that is stood in for has it.
                request = {**request, state: {"agentsAllowed": True, **request[state]}}
        self.write(request.get("news") or request.get("properties") or {}, line["run"] == "broken")
        found, refused = self.plugin.call(line["call"], closed(self.names.ours(opened(request))))
        self.names.learn(opened(line["response"]), opened(found))
        return opened(found), refused

    def write(self, properties: dict[str, Any], broken: bool) -> None:
        """Put a directory there for the content that a version's message names."""
        for version in properties.get("versions", []):
            folder = self.root / version["directory"]
            folder.mkdir(parents=True, exist_ok=True)
            text = f"# {version['message']}\n{HCL}{BROKEN if broken else ''}"
            (folder / "main.tf").write_text(text)

    def change_by_hand(self) -> None:
        line = next(each for each in TEMPLATE if _is(each, "refresh Read firewalled-template"))
        found = line["response"]["properties"]
        keys = {key: re.sub(r"_(\w)", lambda each: each[1].upper(), key) for key in BY_HAND}
        body = {key: found[name] for key, name in keys.items()}
        path = f"templates/{self.names.ours(found['id'])}"
        assert self.api.patch(path, json=body).is_success

    def make_again(self) -> None:
        """Make the templates that an import finds, by other hands."""
        for line in (each for each in TEMPLATE if each["run"] == "adopt"):
            found = line["response"]["properties"]
            version = {**found, "versions": _versions(found["name"])}
            inputs = {key: each for key, each in version.items() if not key.startswith("__")}
            request = {**line["request"], "properties": self.names.ours(inputs)}
            self.write(inputs, broken=False)
            made, refused = self.plugin.call("Create", request)
            assert refused == ""
            self.names.pair(found["id"], made["id"])


def _versions(name: str) -> list[dict[str, Any]]:
    line = next(each for each in TEMPLATE if _is(each, f"up Create {name}-template"))
    return [dict(each, name="by-hand") for each in line["request"]["properties"]["versions"]]


def _is(line: dict[str, Any], what: str) -> bool:
    return bool(f"{line['run']} {line['call']} {line['request']['name']}" == what)


TEMPLATE = recorded.lines("providers/coderd.Template.jsonl")


@pytest.fixture(scope="module")
def replayed(
    coderd: LocalCoderd, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[tuple[Any, Any, str]]]:
    """Return for every recorded call the recorded answer in our ids, our answer, our refusal."""
    replay = Replay(coderd, tmp_path_factory.mktemp("project"))
    answers = []
    for line in TEMPLATE:
        found, refused = replay.answer(line)
        answers.append((replay.names.ours(opened(line["response"])), found, refused))
    yield answers
    replay.api.close()
    replay.plugin.close()


def _label(line: dict[str, Any]) -> str:
    preview = " preview" if line["request"].get("preview") else ""
    return f"{line['run']} {line['call']} {line['request'].get('name', '')}{preview}"


@pytest.mark.parametrize("place", range(len(TEMPLATE)), ids=map(_label, TEMPLATE))
def test_a_template_is_answered_as_by_the_real_provider(
    replayed: list[tuple[Any, Any, str]], place: int
) -> None:
    line = TEMPLATE[place]
    if place in NOT_HELD:
        assert held(replayed[place][0]) != held(replayed[place][1]), "it agrees: take it off"
        return
    told, found, refused = replayed[place]
    errors = [each.partition(" desc = ")[2] for each in line.get("errors", [])]
    # Of a failed import, what its log says depends on Terraform.
    assert refused.splitlines()[:1] == [each.splitlines()[0] for each in errors]
    assert held(found) == held(told)


def ours_by_chance(value: Any, key: str = "") -> Any:
    """A value with what chance decides in it reduced to how it looks."""
    if isinstance(value, dict):
        return {
            inner: ours_by_chance(each, inner if inner != "value" else key)
            for inner, each in value.items()
        }
    pattern = CHANCE.get(key)
    return pattern if pattern and re.fullmatch(pattern, str(value)) else value


@pytest.mark.parametrize("kind", ["RandomId", "RandomPassword", "RandomPet"])
def test_a_random_value_is_answered_as_by_the_real_provider(kind: str, tmp_path: Path) -> None:
    plugin = Plugin(lambda: RandomProvider(tmp_path))
    try:
        assert plugin.call("Configure", {"acceptSecrets": True})[1] == ""
        for line in recorded.lines(f"providers/random.{kind}.jsonl"):
            found, refused = plugin.call(line["call"], line["request"])
            assert refused == ""
            assert ours_by_chance(held(found)) == ours_by_chance(held(line["response"])), _label(
                line
            )
    finally:
        plugin.close()


def test_providers_are_configured_as_the_real_ones(coderd: LocalCoderd, tmp_path: Path) -> None:
    factories = {"coder": CoderdProvider, "default_4_21_4": RandomProvider}
    names = recorded.Names()
    names.pair("http://127.0.0.1:7091", coderd.url)
    names.pair("TOKEN", coderd.token)
    calls = 0
    for line in recorded.lines("providers/configure.jsonl"):
        factory = factories.get(line["request"]["name"])
        if factory is None:
            continue
        plugin = Plugin(lambda factory=factory: factory(tmp_path))
        found, refused = plugin.call(line["call"], names.ours(line["request"]))
        plugin.close()
        assert (found, refused) == (names.ours(line["response"]), ""), _label(line)
        calls += 1
    assert calls > 20


def test_an_organization_is_looked_up_as_by_the_real_provider(
    coderd: LocalCoderd, tmp_path: Path
) -> None:
    plugin = Plugin(lambda: CoderdProvider(tmp_path))
    configured = {"args": {"url": coderd.url, "token": coderd.token}, "acceptSecrets": True}
    assert plugin.call("Configure", configured)[1] == ""
    for line in recorded.lines("providers/invoke.jsonl"):
        if line["call"] in NOT_HELD:
            continue
        found, refused = plugin.call("Invoke", line["request"])
        assert refused == ""
        answer, told = found["return"], line["response"]["return"]
        assert recorded.shape(answer) == recorded.shape(told)
        known = {key: each for key, each in answer.items() if key not in (*TIMES, "id", "members")}
        assert known.items() <= told.items()
    plugin.close()


def _described(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        name: {key: each for key, each in described.items() if key != "description"}
        for name, described in properties.items()
        if name not in deviations.SCHEMA_NAMES
    }


def test_the_schema_of_the_package_is_the_one_that_the_bridge_makes() -> None:
    """Of what the package has; a later release may have more."""
    ours = json.loads(coderd_schema.SCHEMA.read_text())
    theirs = json.loads((recorded.RECORDINGS / "providers/coderd-0.0.13.schema.json").read_text())
    compared = 0
    for kind, side in (
        ("resources", "inputProperties"),
        ("resources", "properties"),
        ("types", "properties"),
    ):
        for name in ours[kind].keys() & theirs[kind].keys():
            there = _described(theirs[kind][name][side])
            assert _described(ours[kind][name][side]).items() >= there.items(), name
            compared += 1
    for name in ours["functions"].keys() & theirs["functions"].keys():
        for side in ("inputs", "outputs"):
            there = _described(theirs["functions"][name][side]["properties"])
            found = _described(ours["functions"][name][side]["properties"])
            assert found.items() >= there.items(), name
            compared += 1
    assert compared >= 12
