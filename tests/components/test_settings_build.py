"""Whatever `load` accepts, every component can be built of: generated settings of every section.

Settings that hold something everywhere are changed in some places, to values of the right type
that are mostly odd, as the JSON schema tells the types: a new setting is among them by itself.
"""

import asyncio
import contextlib
import copy
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pulumi
import pulumi_coderd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.ai_gateway import PRICE
from components.coder.lookup import Known
from components.dashboards.catalogue import CATALOGUE
from components.datasources import object_name
from components.network.manifests import network_policies
from components.settings.load import load
from components.settings.model import Settings
from components.settings.problems import SettingsError
from components.workspace_template.render import render
from program import declare, plan
from tests.components.full_settings import FULL
from tests.components.recording import Recorder, record

# Where a form begins and ends, and where one program takes what another refuses.
TEXTS = [
    *("", " ", "a", "A", "-a", "a-", "a--b", "a_b", "a.b", "a b", " a", "a\n", "é", "0", "`", "$"),
    *("a" * 32, "a" * 33, "a" * 40, "a" * 41, "a" * 63, "a" * 64, "a" * 127, "a" * 128, "é" * 33),
    *("true", "null", "1e300", "*", "a/b", "a:b", "a=b", "a@b", "{{x}}", "${X}", "x\x00y"),
    *("a:1", "a:65535", "a:65536", "a:0", "A.Example:443", "a..b", "[::1]", "10.0.0.1"),
    *("https://a", "http://a/", "https://a:70000", "https://[::1]:8080", "https://A.b/c?d=e#f"),
    *("http://localhost:3000/mcp", "https://u:p@a", "//a", "ftp://a", "https://a_b", "https://a b"),
    *("foo@bar", "Foo", "a/b:c", "r.io:5000/a/b@sha256:" + "0" * 64, "a:", "a@sha256:0"),
    *("P8E80F9AEF21F6940", "prometheus", "loki", "database", "gitlab", "second", "firewalled"),
    *("Claude-Code", "latest", "v0.9.0", "0.9.0", "4.7.3", "5.0.0", "1.2"),
    *("domain=a.b", "method=GET path=/x", "domain=*", "GITHUB_TOKEN", "PATH", "2030-01-01"),
]
NUMBERS = [0, 1, 2, 16, 17, 720, 721, 65535, 65536, 10**9, 2**63, -1, 0.5, 1e-9, 1e300]
FLOATS = [*NUMBERS, math.inf, math.nan, -0.0]
SCHEMA = Settings.model_json_schema(by_alias=True)
KEYS = {name: str(field.alias) for name, field in Settings.model_fields.items()}
Schema = Mapping[str, Any]
Path_ = tuple[str | int, ...]


def resolved(schema: Schema) -> Schema:
    reference = schema.get("$ref")
    return SCHEMA["$defs"][reference.rpartition("/")[2]] if reference else schema


def values(schema: Schema, depth: int = 0) -> st.SearchStrategy[Any]:
    """Values of the type that a schema names, mostly odd ones."""
    schema = resolved(schema)
    if "anyOf" in schema:
        return st.one_of([values(each, depth) for each in schema["anyOf"]])
    if "enum" in schema or "const" in schema:
        return st.sampled_from(schema.get("enum", [schema.get("const")]))
    match schema.get("type"):
        case "null":
            return st.none()
        case "boolean":
            return st.booleans()
        case "integer":
            return st.sampled_from(NUMBERS) | st.integers(-2, 70000)
        case "number":
            return st.sampled_from(FLOATS) | st.floats()
        case "array":
            return st.lists(values(schema["items"], depth + 1), max_size=3)
        case "object" if "properties" in schema:
            required = set(schema.get("required", ()))
            fields = {
                name: values(each, depth + 1)
                for name, each in schema["properties"].items()
                if name in required or depth < 3
            }
            return st.fixed_dictionaries(
                {name: each for name, each in fields.items() if name in required},
                optional={name: each for name, each in fields.items() if name not in required},
            )
        case "object":
            inner = schema.get("additionalProperties", {"type": "string"})
            keys = st.sampled_from(TEXTS) | st.sampled_from(["app", "pod", "A", "release"])
            return st.dictionaries(keys, values(inner, depth + 1), max_size=3)
        case _:
            return st.sampled_from(TEXTS) | st.text(max_size=5)


def places(schema: Schema, value: Any, path: Path_ = ()) -> Iterator[tuple[Path_, Schema]]:
    """Every place of the settings that can be changed, those that are not set among them."""
    schema = resolved(schema)
    for option in schema.get("anyOf", ()):
        yield from places(option, value, path)
    if "properties" in schema:
        for name, each in schema["properties"].items():
            if path or name != "secrets":
                yield (*path, name), each
            if isinstance(value, Mapping) and name in value:
                yield from places(each, value[name], (*path, name))
    elif schema.get("type") == "array" and isinstance(value, list):
        for index, each in enumerate(value):
            yield from places(schema["items"], each, (*path, index))


PLACES = list(places(SCHEMA, FULL))
# Made anew of what the others name, so that none is missing; the values are text of any form.
NOT_DRAWN = {"secrets"}


def keys(schema: Schema, path: Path_ = ()) -> Iterator[Path_]:
    """Every key that a stack may have; of a list or a map, those of any entry."""
    schema = resolved(schema)
    for option in schema.get("anyOf", ()):
        yield from keys(option, path)
    for name, each in schema.get("properties", {}).items():
        yield (*path, name)
        yield from keys(each, (*path, name))
    for inner in (schema.get("items"), schema.get("additionalProperties")):
        if isinstance(inner, Mapping):
            yield from keys(inner, (*path, 0))


def test_every_key_is_drawn() -> None:
    drawn = {tuple(0 if isinstance(part, int) else part for part in path) for path, _ in PLACES}
    every = set(keys(SCHEMA))
    assert len(every) > 200
    assert sorted(path for path in every - drawn if path[0] not in NOT_DRAWN) == []


@st.composite
def stacks(draw: st.DrawFn) -> dict[str, Any]:
    made = copy.deepcopy(FULL)
    for path, schema in draw(st.lists(st.sampled_from(PLACES), min_size=1, max_size=3)):
        place: Any = made
        with contextlib.suppress(KeyError, IndexError, TypeError):
            for part in path[:-1]:
                place = place[part]
            place[path[-1]] = draw(values(schema))
    made["secrets"] = secrets(made)
    return made


def secrets(made: Mapping[str, Any]) -> dict[str, Any]:
    """Every secret that the settings may want, so that none is missing."""
    with contextlib.suppress(KeyError, TypeError, AttributeError):
        providers = made["externalAuth"]["providers"]
        ids = [each.get("id", "gitlab") for each in providers]
        slugs = [each["slug"] for each in made.get("mcpServers", ())]
        models = [each["name"] for each in made["aiGateway"]["providers"]]
        login = {"clientId": "i", "clientSecret": "s"}
        keys = {"apiKey": "k", "accessKey": "i", "accessKeySecret": "s"}
        return {
            "coderToken": "t",
            "externalAuth": {str(each): login for each in ids},
            "mcp": {str(each): "k" for each in slugs},
            "aiProviders": {str(each): keys for each in models},
        }
    return {"coderToken": "t"}


def known_to(stack: Settings) -> Known:
    """A deployment that has what the settings name."""
    groups = {
        name: f"id-of-{name}"
        for template in stack.templates
        if template.access is not None
        for name in (*template.access.use, *template.access.admin)
    }
    return Known("organization-id", groups, access_lists=True)


class AiModelPrice(pulumi.CustomResource):
    """As a package of a later provider has it; the committed one is refused before."""

    def __init__(self, name: str, opts: pulumi.ResourceOptions, **given: Any) -> None:
        super().__init__("coderd:index/aiModelPrice:AiModelPrice", name, given, opts)


@pytest.fixture(autouse=True, scope="module")
def _later_package() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pulumi_coderd, PRICE, AiModelPrice, raising=False)
        yield


def declared(stack: Settings, root: Path) -> Recorder:
    """Declare all that the program declares; raises what a component raises."""

    async def program() -> dict[str, Any]:
        args = plan.plan("dev", stack, known_to(stack), root)
        options = pulumi.ResourceOptions()
        await declare.declare(args, options, options)
        return {}

    made = {
        "random:index/randomPassword:RandomPassword": {"result": "p"},
        "random:index/randomInteger:RandomInteger": {"result": 7},
        # By its id a dashboard names a version.
        "coderd:index/template:Template": {"versions": [{"id": "version-id"}]},
    }
    return record(program, made)[0]


def objects(recorder: Recorder) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for each in recorder.registered:
        if each.typ.startswith("kubernetes:") and "metadata" in each.inputs:
            yield each.typ, each.inputs


def check_objects(recorder: Recorder) -> None:
    """What the API server would refuse: names, labels, keys of data, two of one name."""
    seen = set()
    for kind, inputs in objects(recorder):
        metadata = inputs["metadata"]
        # A namespace has none, and a name that could be one.
        name, namespace = metadata["name"], metadata.get("namespace", metadata["name"])
        assert re.fullmatch(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?", name), name
        assert re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", namespace), namespace
        assert (kind, namespace, name) not in seen
        seen.add((kind, namespace, name))
        for label in metadata.get("labels", {}).values():
            assert re.fullmatch(r"([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?", label), label
        data = inputs.get("data", {})
        for key in data if "ConfigMap" in kind else ():
            assert re.fullmatch(r"[A-Za-z0-9._-]{1,253}", key), key


def check_blocks(policies: Iterable[Mapping[str, Any]]) -> None:
    """What the API server would refuse of addresses and ports in a NetworkPolicy."""
    for rule in (rule for policy in policies for rule in policy["spec"]["egress"]):
        for block in (peer["ipBlock"] for peer in rule["to"] if "ipBlock" in peer):
            whole = ip_network(block["cidr"])
            for each in map(ip_network, block.get("except", ())):
                assert each != whole
                assert each.subnet_of(whole)
        for port in rule["ports"]:
            assert 1 <= port["port"] <= port.get("endPort", port["port"]) <= 65535


def odd_values(schema: Schema) -> Iterator[Any]:
    """Every odd value of the type that a schema names, for a place that holds one value."""
    schema = resolved(schema)
    for option in schema.get("anyOf", ()):
        yield from odd_values(option)
    match schema.get("type"):
        case "string" if "enum" not in schema:
            yield from TEXTS
        case "integer" | "number":
            yield from FLOATS
        case "array":
            for value in odd_values(schema["items"]):
                yield [value]
                yield [value, value]
        case "object" if schema.get("additionalProperties"):
            for value in odd_values(schema["additionalProperties"]):
                yield {"app": value}
            for key in TEXTS:
                yield {key: "x"}


def changed(path: Path_, value: Any, whole: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings of which one place differs; what holds the same is `whole`'s, as it is."""
    section = str(path[0])
    plain = {**FULL, section: put(FULL.get(section, {}), path[1:], value)}
    return {**whole, section: plain[section], "secrets": secrets(plain)}


def put(old: Any, path: Path_, value: Any) -> Any:
    """Return plain data with another value in one place, the rest of it not copied."""
    if not path:
        return value
    (part, *rest) = path
    if isinstance(part, int):
        return [put(each, (*rest,), value) if i == part else each for i, each in enumerate(old)]
    return {**old, part: put(old.get(part, {}), (*rest,), value)}


# What `load` itself looks into; it takes every other section also as it has read it before.
READ_AS_DATA = ("externalAuth", "aiGateway", "secrets")


def build(stack: Settings, root: Path, full: plan.StackArgs | None = None) -> plan.StackArgs:
    """Make the arguments, and what is written from those that `full` has not.

    Drawing dashboards is what takes the time, and most settings change nothing in them.
    """
    args = plan.plan("dev", stack, known_to(stack), root)
    for name, template in args.templates.items():
        if full is None or differs(template, full.templates.get(name)):
            render(template)
    network = args.network_policy
    if network is not None and (full is None or differs(network, full.network_policy)):
        check_blocks(network_policies(network))
    if full is None or differs(args.data_sources, full.data_sources):
        for uid in args.data_sources.provisioning():
            assert re.fullmatch(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?", object_name(uid))
    if full is None or differs(args.alerts, full.alerts):
        args.alerts.grafana_file()
        args.alerts.prometheus_rules()
    if full is None or differs(args.dashboards, full.dashboards):
        CATALOGUE["agent-firewall"].json(args.dashboards.context)
    return args


def differs(args: object, others: object) -> bool:
    # 0 and -0.0 are equal, and are not written alike.
    return args != others or repr(args) != repr(others)


@pytest.mark.parametrize("section", [name for name in SCHEMA["properties"] if name != "secrets"])
def test_every_odd_value_anywhere_is_refused_or_can_be_built_of(
    section: str, tmp_path: Path
) -> None:
    counts = {"accepted": 0, "refused": 0}

    async def sweep() -> None:
        plain = {**FULL, "secrets": secrets(FULL)}
        full = load("dev", plain)
        read = {key: getattr(full, name) for name, key in KEYS.items() if key not in READ_AS_DATA}
        args = build(full, tmp_path)
        for path, schema in PLACES:
            if path[0] != section:
                continue
            for value in odd_values(schema):
                try:
                    stack = load("dev", changed(path, value, {**plain, **read}))
                except SettingsError:
                    counts["refused"] += 1
                    continue
                counts["accepted"] += 1
                try:
                    build(stack, tmp_path, args)
                except Exception as error:
                    raise AssertionError(f"{path} = {value!r} is accepted: {error}") from error
                # Secrets among the arguments are tasks, which come to an end here.
                await asyncio.sleep(0)

    asyncio.run(sweep())
    # A sweep of which all is refused would show nothing.
    assert counts["accepted"] or section in {"protected", "firewall"}, counts


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(made=stacks())
def test_what_load_accepts_every_component_can_be_declared_of(
    made: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    try:
        stack = load("dev", made)
    except SettingsError:
        return
    check_objects(declared(stack, tmp_path_factory.getbasetemp() / "build"))


def test_settings_that_hold_something_everywhere_are_accepted(tmp_path: Path) -> None:
    stack = load("dev", {**FULL, "secrets": secrets(FULL)})
    recorder = declared(stack, tmp_path)
    check_objects(recorder)
    kinds = {each.typ.rpartition(":")[2] for each in recorder.registered}
    assert kinds >= {"Template", "AgentsMcpServer", "DeploymentPatch", "Job", "PrometheusRule"}
    assert kinds >= {"AiProvider", "AiModelPrice"}
