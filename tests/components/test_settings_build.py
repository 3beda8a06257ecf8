"""Whatever `load` accepts, every component can be built of: generated settings of every section.

Settings that hold something everywhere are changed in some places, to values of the right type
that are mostly odd, as the JSON schema tells the types: a new setting is among them by itself.
"""

import asyncio
import contextlib
import copy
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_network
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pulumi
import pulumi_coderd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from components.ai_gateway import PRICE
from components.coder.lookup import Known
from components.dashboards.catalogue import CATALOGUE, DashboardSpec
from components.dashboards.context import DashboardContext
from components.datasources import object_name
from components.network.manifests import network_policies
from components.settings.load import load
from components.settings.model import Settings
from components.settings.problems import SettingsError
from components.workspace_template.render import render
from program import declare, plan
from tests.characters import CHARACTERS
from tests.components.full_settings import FULL
from tests.components.odd_settings import (
    FLOATS,
    NUMBERS,
    PLACES,
    SCHEMA,
    TEXTS,
    Path_,
    Schema,
    changed,
    odd_values,
    parted,
    resolved,
    secrets,
)
from tests.components.recording import Recorder, record

KEYS = {name: str(field.alias) for name, field in Settings.model_fields.items()}


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
            return st.sampled_from(TEXTS) | st.text(CHARACTERS, max_size=5)


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
    drawn: dict[str, str] = {}

    def once(spec: DashboardSpec, context: DashboardContext) -> str:
        key = f"{spec.uid} {context!r}"
        return drawn[key] if key in drawn else drawn.setdefault(key, draw(spec, context))

    draw = DashboardSpec.json
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pulumi_coderd, PRICE, AiModelPrice, raising=False)
        # Most settings change nothing in a dashboard, and drawing them takes longest.
        patch.setattr(DashboardSpec, "json", once)
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


# What `load` itself looks into; it takes every other section also as it has read it before.
READ_AS_DATA = ("externalAuth", "aiGateway", "secrets")


def build(stack: Settings, root: Path, full: plan.StackArgs | None = None) -> plan.StackArgs:
    """Make the arguments, and what is written from those that `full` has not."""
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


# Sections of which few say anything of another: what each of them makes is made for all at once.
LIGHT = (
    *("coder", "kubernetes", "firewall", "workspaceNamespace", "grafana", "alerts", "mcpServers"),
    *("aiGateway", "verify", "protected", "mainBranch"),
)
SECTIONS = [name for name in SCHEMA["properties"] if name not in {*LIGHT, "secrets"}]


class Sweep:
    """Sets odd values, many places at once: what `load` accepts is built, refused is each alone.

    Attributes:
        accepted: how many values were, by section.
        refused: how many were not.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.accepted: Counter[str | int] = Counter()
        self.refused = 0
        plain = {**FULL, "secrets": secrets(FULL)}
        full = load("dev", plain)
        read = {key: getattr(full, name) for name, key in KEYS.items() if key not in READ_AS_DATA}
        self.whole = {**plain, **read}
        self.args = build(full, root)

    async def set(self, changes: Mapping[Path_, Any], *, again: bool = False) -> None:
        """Load settings with all of the changes, without those that are refused, and build them.

        Args:
            changes: value by place.
            again: whether some of them are among settings that were refused.
        """
        made = changed(changes, self.whole)
        # Of what has no form, every tenth: `load` goes on with the rest, to name all that is wrong.
        if again and len(changes) == 1 and self.refused % 10 and not self._has_form(made):
            self.refused += 1
            return
        try:
            stack = load("dev", made)
        except SettingsError as error:
            if len(changes) == 1:
                self.refused += 1
                return
            for part in parted(changes, [problem.key for problem in error.problems]):
                await self.set(part, again=True)
            return
        self.accepted.update(path[0] for path in changes)
        try:
            build(stack, self.root, self.args)
        except Exception as error:
            # To name the one that it is, if it is one.
            for path, value in changes.items() if len(changes) > 1 else ():
                await self.set({path: value})
            raise AssertionError(f"{changes} is accepted: {error}") from error
        # Secrets among the arguments are tasks, which come to an end here.
        await asyncio.sleep(0)

    def _has_form(self, made: Mapping[str, Any]) -> bool:
        # With this `load` begins, and refuses what it does: most of what is refused.
        try:
            Settings.model_validate(made)
        except ValidationError:
            return False
        return True


@pytest.mark.parametrize("sections", [LIGHT, *((each,) for each in SECTIONS)], ids=" ".join)
def test_every_odd_value_anywhere_is_refused_or_can_be_built_of(
    sections: tuple[str, ...], tmp_path: Path
) -> None:
    # In each round another value for every place, and not the same for all of them.
    columns = []
    for path, schema in PLACES:
        if path[0] in sections and (odd := list(odd_values(schema))):
            start = 7 * len(columns) % len(odd)
            columns.append([(path, value) for value in (*odd[start:], *odd[:start])])

    async def swept() -> Sweep:
        sweep = Sweep(tmp_path)
        for each in zip_longest(*columns):
            await sweep.set(dict(filter(None, each)))
        return sweep

    sweep = asyncio.run(swept())
    assert sweep.accepted.total() + sweep.refused == sum(map(len, columns))
    # A sweep of which all is refused would show nothing.
    assert {*sections} - {*sweep.accepted} <= {"protected", "firewall"}


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
