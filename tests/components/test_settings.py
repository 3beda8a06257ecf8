import copy
import datetime
import json
from typing import Any

import pytest

from components.settings import SettingsError, from_pulumi, json_schema, load

SECRET = "glpat-never-shown"


def valid() -> dict[str, Any]:
    return {
        "coder": {"accessUrl": "https://coder.example.com:8443"},
        "externalAuth": {"providers": [{"id": "gitlab", "host": "gitlab.example.com"}]},
        "templates": [
            {"name": "firewalled", "firewall": {"jail": "landjail"}},
            {"name": "claude-code"},
        ],
        "secrets": {
            "coderToken": SECRET,
            "externalAuth": {"gitlab": {"clientId": SECRET, "clientSecret": SECRET}},
        },
    }


def changed(path: str, value: Any) -> dict[str, Any]:
    values = copy.deepcopy(valid())
    *parents, last = [int(p) if p.isdigit() else p for p in path.split(".")]
    place: Any = values
    for part in parents:
        place = place[part] if isinstance(part, int) else place.setdefault(part, {})
    place[last] = value
    return values


def problems(values: dict[str, Any]) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load("dev", values)
    assert SECRET not in str(caught.value)
    assert str(caught.value).startswith("stack dev: ")
    return [str(problem) for problem in caught.value.problems]


def test_defaults_fill_what_a_stack_does_not_say() -> None:
    settings = load("dev", valid())
    policy = settings.policy_of(settings.templates[0])
    assert policy is not None
    assert policy.decide("GET", "https://coder.example.com:8443/api").allowed
    assert settings.policy_of(settings.templates[1]) is None
    assert settings.coder.api == "https://coder.example.com:8443"
    assert SECRET not in repr(settings)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("coder.acessUrl", "x", 'coder.acessUrl = "x": unknown key; known here: accessUrl'),
        ("nonsense", 1, "nonsense = 1: unknown key; known here: alerts, coder, externalAuth"),
        ("coder.accessUrl", "coder.example.com", "must be a URL such as"),
        ("coder.accessUrl", "https://coder.example.com/path", "no path, query"),
        ("coder.waitForRollout", "perhaps", "must be true or false"),
        ("workspaces.resources.cpu", {"options": ["x"], "default": 2}, "must be a whole number"),
        ("workspaces.resources.cpu", {"options": [2, 4], "default": 3}, "one of the options 2, 4"),
        ("templates.0.name", "fire_walled", "groups joined by single hyphens"),
        ("templates.1.name", "Firewalled", 'templates[1].name = "Firewalled": duplicate'),
        ("templates.0.capabilities", ["NET_ADMIN"], "only the jail nsjail needs NET_ADMIN"),
        ("templates.0.gitlab", "github", "externalAuth.providers has gitlab"),
        ("templates.0.firewall.jail", "chroot", "must be 'landjail' or 'nsjail'"),
        ("templates", [], "at least 1 item"),
        ("templates.0.maxPortShareLevel", "world", "must be 'owner', 'authenticated'"),
        (
            "templates.0.access",
            {"use": ["a", "b"], "admin": ["b"]},
            'templates[0].access.use[1] = "b": also under admin',
        ),
        (
            "templates.0.lifetime",
            {"deleteDormantAfterHours": 720},
            "lifetime.deleteDormantAfterHours = 720: needs dormantAfterHours",
        ),
        ("workspaces.modules", {"claudeCode": "5.0.0"}, "4.7.0 or a later 4"),
        ("workspaces.modules", {"codeServer": "1.3"}, "a release such as 1.3.1"),
        ("workspaces.boundaryVersion", "newest", "such as v0.9.0, or latest"),
        ("workspaces.provisionerTags", {"zone": 1}, "must be text"),
        ("policy.groups", ["npm"], "unknown group; there are coder, gitlab"),
        ("policy.rules", [{"rule": "domain=a.com:443", "why": "x"}], "character 13 (':')"),
        ("policy.rules", [{"rule": "domain=*", "why": "x"}], "opens every host"),
        (
            "policy.mustDeny",
            [{"url": "https://github.com/", "reason": "closed"}],
            "must be denied (closed), but rule 'domain=github.com'",
        ),
        ("policy.highestGrade", "C", "exfiltration grade is E, by rule"),
        ("grafana.dashboards", ["cats"], "unknown dashboard; there are agent-firewall"),
        (
            "grafana.databaseRole",
            {"delivery": "job"},
            "grafana.databaseRole.adminUrlSecret: required with delivery: job",
        ),
        ("alerts.rules", ["AuditSilent"], "unknown alert; there are BoundaryAuditSilent"),
        ("alerts.ruleLabels", {"a b": "x"}, "'a b' is no Kubernetes label such as release"),
        ("alerts.ruleLabels", {"release": "-x"}, "'-x' of release is no label value"),
        ("alerts.evaluator", "loki", "must be 'prometheus' or 'grafana'"),
        ("alerts.labels", {"severity": "page"}, "severity or alertname, which are the alerts' own"),
        ("alerts.thresholds.denyShare", 30, "alerts.thresholds.denyShare = 30: must be less than"),
        ("alerts.thresholds.lossMinutes", 0, "must be greater than or equal to 1"),
        ("workspaces.agentEnv", {"GITHUB_TOKEN": "x"}, "names a credential"),
        (
            "mcpServers",
            [{"slug": "github", "displayName": "G", "url": "https://a/"}],
            "secrets.mcp.github: missing; pulumi config set --secret --path",
        ),
        (
            "secrets.externalAuth.gitlab",
            {"clientId": SECRET},
            "secrets.externalAuth.gitlab.clientSecret: missing",
        ),
        ("secrets.coderTokn", SECRET, "secrets.coderTokn = [secret]: unknown key"),
        ("firewall", {"state": "off"}, "firewall.until: required while the firewall is off"),
        (
            "firewall",
            {"state": "off", "reason": "incident", "until": "2020-01-01"},
            "the emergency switch has expired",
        ),
    ],
)
def test_a_wrong_setting_is_named_with_what_is_right(path: str, value: Any, message: str) -> None:
    found = problems(changed(path, value))
    assert any(message in problem for problem in found), found


def test_all_problems_come_at_once() -> None:
    values = changed("coder.accessUrl", "nonsense")
    values["templates"][0]["capabilities"] = ["NET_ADMIN"]
    values["policy"] = {"groups": ["npm"]}
    del values["secrets"]["externalAuth"]
    values["extra"] = 1
    assert len(problems(values)) == 6


def test_the_emergency_switch_opens_until_its_day() -> None:
    until = datetime.datetime.now(datetime.UTC).date()
    switch = {"state": "off", "reason": "incident 7", "until": str(until)}
    settings = load("dev", changed("firewall", switch))
    assert all(settings.policy_of(template) is None for template in settings.templates)


def test_secrets_in_clear_are_refused() -> None:
    config = {f"firewalled-coder:{key}": json.dumps(value) for key, value in valid().items()}
    assert from_pulumi("dev", config, ["firewalled-coder:secrets"])
    with pytest.raises(SettingsError, match=r"stored in clear") as caught:
        from_pulumi("dev", config, [])
    assert SECRET not in str(caught.value)


def test_the_schema_for_editors_is_the_one_in_the_tree() -> None:
    from pathlib import Path

    file = Path(__file__).parents[2] / "stacks" / "settings.schema.json"
    assert json.loads(file.read_text()) == json_schema(), "run make schema"
