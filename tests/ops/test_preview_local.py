"""The report of a preview on the real engine: what it says of each kind of change."""

import copy
import datetime
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.boundary import DEFAULT
from local.environment import PREFIX, Environment
from ops import drift, engine, history, preview, report, up
from ops.assessment import StackPreview
from ops.project import ROOT
from tests.ops.conftest import Standing, quiet

Assess = Callable[..., StackPreview]
COMMITTED: dict[str, Any] = {
    key.removeprefix(PREFIX): value
    for key, value in yaml.safe_load((ROOT / "stacks" / "Pulumi.local.yaml").read_text())[
        "config"
    ].items()
}


# One that no other preview here changes: who took a field keeps it.
CONTROL_PLANE = "/api/v1/namespaces/monitoring/configmaps/dashboard-coderd"
NAME = "coder-workspaces/firewalled-coder-workspaces"
POLICY = f"/apis/networking.k8s.io/v1/namespaces/{NAME.replace('/', '/networkpolicies/')}"


@pytest.fixture
def environment(committed_stack: Standing) -> Environment:
    """The stack `local` as it is committed, up."""
    return committed_stack.environment


@pytest.fixture
def assess(environment: Environment) -> Assess:
    """Preview the stack `local` with changes to its committed settings, by top-level key."""

    def assess(changes: Mapping[str, Any] | None = None, *, refresh: bool = False) -> StackPreview:
        with engine.session("local", quiet, state=environment.state, changes=changes) as ready:
            return preview.assess(ready, "local", refresh=refresh)

    return assess


def committed(key: str) -> Any:
    return copy.deepcopy(COMMITTED[key])


def goes(found: StackPreview) -> None:
    """Find that the template without a firewall goes."""
    text = report.to_markdown([found])
    assert "- **deleted**: `claude-code-template` (`coderd:index/template:Template`)" in text
    assert "**`claude-code`**\n\n- the template goes; its agents reach nothing" in text
    assert "to **delete**" in text
    assert found.deleted == ()


def test_coders_own_agents_let_in_and_the_network_opened_and_a_template_that_goes(
    environment: Environment,
) -> None:
    """The state and the settings, from which a record is made, against the engine's events."""
    templates, network = committed("templates")[:1], committed("network")
    templates[0]["agentsAllowed"] = True
    network["allow"].append({"to": "10.9.0.0/24", "ports": [5432], "why": "db"})
    changes = {"templates": templates, "network": network}
    with engine.session("local", quiet, state=environment.state, changes=changes) as ready:
        found = preview.assess(ready, "local")
        record = up.recorded("local", ready.stack, ready.work_dir)
    text = report.to_markdown([found])
    assert found.verdict == "opens"
    assert "**`firewalled`**\n\n- ⚠️ **Coder's own agents reach every host from here**" in text
    assert "- `firewalled`: `agentsAllowed`\n" in text
    assert record.policy == history.policy_line(found.reaches)
    assert record.policy == (
        "firewalled: CODER'S OWN AGENTS LET IN, network opens 10.9.0.0/24: TCP 5432; "
        "claude-code: template removed"
    )
    goes(found)


def test_another_namespace_for_workspaces(environment: Environment) -> None:
    """The namespaces as the state has them, and as the engine's events have them."""
    with environment.cluster.client() as client:
        client.post("/api/v1/namespaces", json={"metadata": {"name": "ai-workspaces"}})
    changes = {"workspaces": {**COMMITTED.get("workspaces", {}), "namespace": "ai-workspaces"}}
    with engine.session("local", quiet, state=environment.state, changes=changes) as ready:
        found = preview.assess(ready, "local")
        record = up.recorded("local", ready.stack, ready.work_dir)
    assert found.verdict == "opens"
    stays = "workspaces that are there stay in namespace `coder-workspaces`, which loses network"
    assert stays in report.headline([found])
    assert record.policy == history.policy_line(found.reaches)
    assert record.policy == (
        "claude-code, firewalled: NO NETWORK POLICY IN coder-workspaces FOR WORKSPACES THERE, "
        "namespace coder-workspaces -> ai-workspaces"
    )


def test_rules_of_which_one_holds_the_text_of_a_secret(
    environment: Environment, assess: Assess
) -> None:
    with engine.session("local", quiet, state=environment.state) as ready:
        path = f"{PREFIX}secrets.externalAuth.gitlab.clientId"
        word = ready.stack.get_config(path, path=True).value
    policy = committed("policy")
    policy["rules"] = [
        {"rule": "method=GET domain=new.example.org path=/v1/*", "why": "a test"},
        {"rule": f"domain={word}.example.org", "why": "a test"},
    ]
    found = assess({"policy": policy})
    text = report.to_markdown([found])
    assert found.verdict == "opens"
    (reach,) = [each for each in found.reaches if each.template == "firewalled"]
    hosts = [each.host for each in reach.comparison.opened]
    assert hosts == [f"{word}.example.org", "new.example.org"]
    host = "  - `new.example.org`: GET, `/v1/*`; because: `a test`\n"
    assert "**`firewalled`**\n\n- newly reached (2):\n" in text
    assert host in text
    assert "- `firewalled`: a new version\n" in text
    assert "claude-code" not in text
    assert "Resources: 1 to replace (marks of new versions), 2 to update" in text
    assert "#### Dashboards\n\n- `Agent Firewall`: the names of new versions\n" in text


def test_coders_own_agents_in_a_pod_of_their_own(assess: Assess) -> None:
    templates = committed("templates")
    templates[0]["agentsAllowed"] = "isolated"
    found = assess({"templates": templates})
    text = report.to_markdown([found])
    assert found.verdict == "changes"
    assert "- Coder's own agents use it from a pod of their own, which reaches **what" in text
    assert "- that pod reaches only (2):\n" in text
    assert "every host" not in text
    assert "- `firewalled`: `agentsAllowed`, a new version\n" in text


def test_the_sample_in_the_documentation(assess: Assess) -> None:
    policy = committed("policy")
    policy["groups"] = [group for group in DEFAULT if group != "test-fixtures"]
    policy["rules"] = [
        {
            "rule": "method=GET,HEAD domain=pypi.example.com",
            "why": "our mirror of PyPI",
        },
        {"rule": "method=GET,POST domain=pastebin.com", "why": "logs are shared there"},
    ]
    workspaces = {"agentEnv": {"PIP_INDEX_URL": "https://pypi.example.com/simple"}}
    text = report.to_markdown([assess({"policy": policy, "workspaces": workspaces})])
    documented = (ROOT / "docs" / "reviews.md").read_text(encoding="utf-8")
    above, fold, _ = text.partition("<details>")
    assert fold
    assert above in documented


def test_the_firewall_switched_off_while_a_rule_comes(assess: Assess) -> None:
    policy = committed("policy")
    policy["rules"] = [{"rule": "domain=new.example.org", "why": "a test"}]
    until = (datetime.datetime.now(datetime.UTC).date() + datetime.timedelta(days=1)).isoformat()
    off = {"state": "off", "reason": "an incident", "until": until, "who": "ada"}
    found = assess({"policy": policy, "firewall": off})
    text = report.to_markdown([found])
    assert found.verdict == "opens"
    assert "the rules of a firewall that is off open more" in text.splitlines()[0]
    assert f"**The firewall is switched off**: `an incident, by ada, until {until}`" in text
    assert (
        "- the firewall is **removed**: agents reach **every host**\n"
        "- ⚠️ newly reached once the firewall is on again (1):\n"
        "  - `new.example.org`: all methods, all paths; because: `a test`\n"
    ) in text
    assert "`BOUNDARY_JAIL_TYPE`: `landjail` → **removed**" in text
    assert found.new_templates["firewalled"].switched_off == f"an incident, by ada, until {until}"


def test_what_adds_secrets_and_no_secret_in_any_report(environment: Environment) -> None:
    """A second login, a server by another name, an agent variable and a raised threshold."""
    login = committed("externalAuth")
    login["providers"].append({"id": "second", "host": "git.example.com"})
    changes = {
        "workspaces": {"agentEnv": {"LOG_LEVEL": "debug"}},
        "externalAuth": login,
        "mcpServers": [{**each, "slug": "renamed"} for each in committed("mcpServers")],
        "alerts": {"thresholds": {"denyShare": 0.9}},
    }
    with engine.session("local", quiet, state=environment.state, changes=changes) as ready:
        found = preview.assess(ready, "local")
        held = json.loads(ready.stack.get_all_config()["firewalled-coder:secrets"].value)
    assert found.destroyed
    less, more = "an alert becomes less sensitive", "agents get more MCP tools"
    assert found.warnings == (less, more)
    text = report.to_markdown([found])
    assert "- `claude-code`, `firewalled`\n  - `LOG_LEVEL`: not set → `debug`" in text
    external = text.partition("#### External login")[2].partition("####")[0]
    assert "- `CODER_EXTERNAL_AUTH_1_ID`: not set → `second`" in external
    assert "`CODER_EXTERNAL_AUTH_1_CLIENT_SECRET`" in external
    assert "_0_" not in external
    assert "  - ⚠️ `denyShare`: 0.3 → 0.9, **less sensitive**\n" in text
    values = _leaves(held)
    assert len(values) >= 7
    texts = [text, json.dumps(report.to_json([found])), repr(found)]
    for value in values:
        assert not any(value in each for each in texts)


def put(environment: Environment, manager: str | None, file: str, content: str) -> None:
    """Write the content of the dashboard of coderd as `manager`, or as whoever wrote it last."""
    with environment.cluster.client() as client:
        there = client.get(CONTROL_PLANE).raise_for_status().json()
        owner = there["metadata"]["managedFields"][0]["manager"]
        changed = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                key: there["metadata"][key]
                for key in ("name", "namespace", "labels", "annotations")
            },
            "data": {file: content},
        }
        client.patch(
            CONTROL_PLANE,
            params={"fieldManager": manager or owner, "force": "true"},
            content=json.dumps(changed),
            headers={"Content-Type": "application/apply-patch+yaml"},
        ).raise_for_status()


@pytest.fixture
def by_hand(environment: Environment) -> Iterator[Callable[[str | None], str]]:
    """Change a panel on the cluster as a field manager; returns its title."""
    with environment.cluster.client() as client:
        ((file, content),) = client.get(CONTROL_PLANE).raise_for_status().json()["data"].items()

    def by_hand(manager: str | None) -> str:
        dashboard = json.loads(content)
        dashboard["panels"][1]["description"] = "by hand"
        put(environment, manager, file, json.dumps(dashboard))
        return str(dashboard["panels"][1]["title"])

    yield by_hand
    put(environment, None, file, content)


def test_what_somebody_changed_and_deleted_is_no_change_until_it_is_read_back(
    environment: Environment, by_hand: Callable[[str | None], str]
) -> None:
    """What a preview, one with a refresh, a refresh and an update say of it."""
    with (
        engine.session("local", quiet, state=environment.state) as ready,
        environment.cluster.client() as client,
    ):
        as_made = client.get(CONTROL_PLANE).raise_for_status().json()["data"]
        title = by_hand(None)
        client.delete(POLICY).raise_for_status()
        found = preview.assess(ready, "local")
        record = up.recorded("local", ready.stack, ready.work_dir)
        assert found.verdict == "same"
        assert report.to_markdown([found]) == (
            "## Preview: ✅ no change\n\n### Stack `local`: ✅ no change\n"
        )
        assert record.policy == history.policy_line(found.reaches) == "no change"
        found = preview.assess(ready, "local", refresh=True)
        (panels,) = found.dashboards
        assert panels.changed == ((title, ("description",)),)
        assert (panels.added, panels.removed, panels.settings) == ((), (), ())
        assert found.is_open
        text = report.to_markdown([found])
        assert f"  - description of `{title}`" in text
        assert "⚠️ somebody deleted the network policy: workspaces are open now\n" in text
        assert f"- `NetworkPolicy` `{NAME}`\n" in text
        read = {each.kind: each for each in up.read_back(ready, "local")}
        assert read.keys() == {"NetworkPolicy", "ConfigMap"}
        gone = read["NetworkPolicy"]
        assert (gone.op, gone.place) == ("deleted", NAME)
        assert list(drift.told([gone], "local"))[-1].endswith("python -m ops up local")
        up.apply(ready, "local")
        client.get(POLICY).raise_for_status()
        assert client.get(CONTROL_PLANE).raise_for_status().json()["data"] == as_made
        assert up.read_back(ready, "local") == ()


def test_a_field_that_another_manager_took_is_named(
    assess: Assess, by_hand: Callable[[str | None], str]
) -> None:
    by_hand("kubectl-client")
    found = assess(refresh=True)
    assert found.verdict == "fails"
    assert "dashboards-coderd" in found.failure
    assert "kubectl-client" in found.failure


def test_a_template_that_goes_while_what_is_there_is_read_back(assess: Assess) -> None:
    """A refresh reads back what goes, which is no part of what is wanted."""
    found = assess({"templates": committed("templates")[:1]}, refresh=True)
    assert found.verdict == "destroys"
    goes(found)


def test_a_preview_that_fails_says_why_and_saves_no_plan(
    environment: Environment, tmp_path: Path
) -> None:
    with engine.session("local", quiet, state=environment.state) as ready:
        environment.coderd.stop()
        try:
            found = preview.planned(ready, "local", tmp_path / "plan")
        finally:
            environment.coderd.start(quiet)
    assert found.verdict == "fails"
    assert "cannot be reached" in found.failure
    assert "coder.apiUrl" in found.failure
    assert "Traceback" not in found.failure
    assert report.to_json([found])["verdict"] == "fails"
    assert list(tmp_path.iterdir()) == []


def test_a_stack_that_is_not_there_yet(standing: Standing) -> None:
    first = standing.first
    text = report.to_markdown([first])
    assert first.verdict == "opens"
    assert "new, **without a firewall**: agents reach **every host**" in text
    assert "new, confined by 180 rules" in text
    assert "- `Agent Firewall`: new\n" in text
    assert "- `AI Gateway`: new, " in text
    assert set(first.counted) == {"create"}
    assert len(text.encode()) < report.LIMIT


def _leaves(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [leaf for each in value.values() for leaf in _leaves(each)]
    return [str(value)]


def test_a_template_with_a_policy_of_its_own_leaves_the_contract(assess: Assess) -> None:
    templates = committed("templates")
    rules = [{"rule": "domain=registry.npmjs.org", "why": "z"}]
    templates[0]["policy"] = {"highestGrade": "H", "rules": rules}
    found = assess({"templates": templates})
    change = found.contract.by_template["firewalled"]
    denied = [key for key in change.removed if key.startswith("mustDeny ")]
    assert len(denied) == len(committed("policy")["mustDeny"])
    assert (change.replaces, change.grades) == (True, ("G", "H"))
    assert found.warnings == ("the policy's contract is weakened",)


def test_what_guards_the_stack_and_a_demand_that_its_contract_drops(assess: Assess) -> None:
    policy = committed("policy")
    dropped = policy["mustDeny"].pop(0)
    changes = {"policy": {**policy, "highestGrade": "H"}, "mainBranch": "origin/mine"}
    found = assess(changes)
    # They are in no resource.
    assert (found.steps, found.verdict) == ((), "changes")
    assert list(found.contract.by_template["firewalled"].removed) == [
        f"mustDeny GET {dropped['url']}"
    ]
    assert found.contract.by_template["firewalled"].grades == (policy.get("highestGrade", "G"), "H")
    assert found.warnings == ("the policy's contract is weakened",)
    (change,) = found.guards
    assert (change.setting, change.new) == ("mainBranch", "origin/mine")
