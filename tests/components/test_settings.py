import copy
import json
from typing import Any

import pytest

from components.settings.load import from_pulumi, json_schema, load
from components.settings.problems import SettingsError

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
    assert policy.decide("GET", "https://coder.example.com:8443/api/v2/buildinfo").allowed
    assert not policy.decide("GET", "https://coder.example.com:8443/api/v2/users/me").allowed
    assert settings.policy_of(settings.templates[1]) is None
    assert settings.coder.api == "https://coder.example.com:8443"
    assert SECRET not in repr(settings)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("coder.acessUrl", "x", 'coder.acessUrl = "x": unknown key; known here: accessUrl'),
        ("nonsense", 1, "nonsense = 1: unknown key; known here: aiGateway, alerts, coder"),
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
        (
            "policy.groups",
            ["summit-2026"],
            "exfiltration grade is H, by rule 'domain=coder.example.com' of group coder (an agent"
            " makes itself a token, which outlives the workspace); an agent can leave the firewall",
        ),
        (
            "policy.rules",
            [{"rule": "method=GET domain=coder.example.com path=/api/v2/users/*", "why": "x"}],
            "GET https://coder.example.com/api/v2/users/me must be denied (an agent looks people",
        ),
        (
            "policy.rules",
            [{"rule": "method=POST domain=*.example.com", "why": "a wildcard over Coder"}],
            "by rule 'method=POST domain=*.example.com' of group stack (an agent makes itself a",
        ),
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
        # One spelling of a key: what checks see is what is used.
        ("coder.access_url", "https://a.com", "coder.access_url = "),
        ("templates.0.require_active_version", True, "unknown key; known here: access, agentEnv"),
        ("firewall", {"State": "off"}, "firewall.State"),
        # Found by a component or by what it tells before, with some things applied already.
        ("workspaces.image", "foo@bar", 'workspaces.image = "foo@bar": must be a container image'),
        ("grafana.databaseRole", {"image": "Postgres"}, "must be a container image"),
        ("externalAuth.providers.0.id", "git--lab", "single hyphens, up to 32"),
        ("externalAuth.providers.0.host", "gitlab.example.com:70000", "a port up to 65535"),
        ("coder.apiUrl", "https://coder.example.com:70000", "must be a URL such as"),
        ("grafana.lokiUrl", "http://loki:70000", "must be a URL such as"),
        ("grafana.databaseHost", "db:70000", "port up to 65535"),
        ("grafana.databaseHost", "db", "must be host:port"),
        ("grafana.lokiSelector", {"team": "x"}, "unknown stream label; there are app, namespace"),
        ("grafana.lokiSelector", {"app": "a`b"}, "must hold no backtick"),
        ("grafana.lokiTenant", "a b", 'lokiTenant = "a b": must be up to 150 of letters'),
        ("grafana", {"lokiLabels": {"logger": "x"}}, 'lokiLabels.logger = "logger": unknown'),
        (
            "grafana",
            {"lokiLabels": {"pod": "my-pod"}},
            "grafana.lokiLabels = \"pod: my-pod\": pod cannot be called 'my-pod'",
        ),
        ("grafana", {"lokiLabels": {"pod": "app"}}, "app and pod are both called 'app'"),
        ("verify", {"lokiTenant": "a b"}, "must be up to 150 of letters"),
        ("grafana", {"lokiUrl": None, "lokiTenant": "a"}, "and there is none: lokiUrl is null"),
        *(
            ("grafana.folder", folder, "must be the title of one folder")
            for folder in ("AI/Gov", "/etc", "a\\b", "..", ".", "", " AI", "a\n", "é" * 128)
        ),
        ("grafana.lokiUid", "P8E80F9AEF21F6940" * 3, "up to 40 of letters, digits, _ and -"),
        ("grafana.postgresUid", "a b", "up to 40 of letters, digits, _ and -"),
        ("grafana.lokiUid", "prometheus", 'lokiUid = "prometheus": also prometheusUid'),
        ("templates.0.lifetime", {"defaultTtlHours": 1e300}, "less than or equal to 2500000"),
        ("templates.0.lifetime", {"defaultTtlHours": float("inf")}, "must be a finite number"),
        ("templates.0.lifetime", {"failureTtlHours": 1e-9}, "or a minute at least"),
        ("alerts.thresholds.denyGrowth", float("nan"), "must be a finite number"),
        ("templates.0.description", "x" * 128, "at most 127 characters"),
        ("templates.0.displayName", " x", "without white space around them"),
        (
            "mcpServers",
            [{"slug": "a--b", "displayName": "G", "url": "https://a/"}],
            'mcpServers[0].slug = "a--b": must be a-z and 0-9 in groups joined by single hyphens',
        ),
        (
            "mcpServers",
            [{"slug": "a", "displayName": "G", "url": "http://a.example.com/"}],
            'mcpServers[0].url = "http://a.example.com/": would send the key in clear; use https',
        ),
        (
            "mcpServers",
            [{"slug": "a", "displayName": "G", "url": "http://a.b.example/", "inCluster": True}],
            'mcpServers[0].url = "http://a.b.example/": is no Service of a cluster, such as',
        ),
        (
            "mcpServers",
            [{"slug": "a", "displayName": "G", "url": "https://a/", "authType": "user_oidc"}],
            "mcpServers[0].readOnly = true: Coder sends no header of ours with authType",
        ),
        (
            "mcpServers",
            [
                {
                    "slug": "a",
                    "displayName": "G",
                    "url": "https://a/readonly",
                    "authType": "oauth2",
                    "oauth2": {"clientId": "c", "authUrl": "https://l/", "tokenUrl": "http://l/t"},
                }
            ],
            'mcpServers[0].oauth2.tokenUrl = "http://l/t": would send the key in clear; use https',
        ),
        (
            "mcpServers",
            [
                {
                    "slug": "a",
                    "displayName": "G",
                    "url": "https://a/",
                    "oauth2": {"clientId": "c", "authUrl": "https://l/", "tokenUrl": "https://l/t"},
                }
            ],
            "mcpServers[0].oauth2: is for authType oauth2, and this is api_key",
        ),
        (
            "externalAuth.providers",
            [{"host": "gitlab.example.com"}, {"id": "b", "host": "GitLab.example.com:444"}],
            'externalAuth.providers[1].host = "GitLab.example.com:444": duplicate',
        ),
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


PASSWORD = "hunter2hunter2"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("workspaces.agentEnv", {"GITHUB_TOKEN": PASSWORD}),
        ("workspaces.agentEnv", {"GITHUB_PAT": PASSWORD, "NPM_AUTH": PASSWORD}),
        ("workspaces.agentEnv", {"A": f"ghp_{PASSWORD * 3}"}),
        ("templates.0.agentEnv", {f"A B={PASSWORD}": ""}),
        ("templates.0.agentEnv", {"A": [f"glpat-{PASSWORD * 2}"]}),
        ("coder.accessUrl", f"https://user:{PASSWORD}@coder.example.com"),
        ("coder.accessUrl", f"https://user:{PASSWORD}/x@coder.example.com"),
        ("coder.accessUrl", f"https:/user:{PASSWORD}@coder.example.com"),
        ("coder.accessUrl", f"user:{PASSWORD}@coder.example.com"),
        ("coder.apiUrl", f"https://{PASSWORD}@coder.example.com"),
        ("coder.token", PASSWORD),
        ("coder", {"accessUrl": "https://a.com", "apiKey": PASSWORD}),
        ("coderToken", PASSWORD),
        ("grafana.lokiUrl", f"https://user:{PASSWORD}@loki.example.com"),
        ("grafana.prometheusUrl", f"https://{PASSWORD}@prometheus.example.com"),
        ("grafana.lokiUrl", f"https://loki.example.com/?token={PASSWORD}"),
        ("alerts.runbookUrl", f"https://user:{PASSWORD}@wiki.example.com"),
        ("externalAuth.providers.0.host", f"user:{PASSWORD}@gitlab.example.com"),
        ("workspaces.image", f"https://user:{PASSWORD}@registry.example.com/a"),
        ("workspaces.provisionerTags", {"a": f"glpat-{PASSWORD * 2}"}),
        ("templates.0.description", f"use glpat-{PASSWORD * 2}"),
        ("templates.0.access", {"use": [f"glpat-{PASSWORD * 2}"] * 2}),
        ("policy.rules", [{"rule": f"domain=a.com path=/glpat-{PASSWORD * 2}", "why": "x"}]),
        ("alerts.labels", {"team": f"xoxb-{PASSWORD * 2}"}),
        ("externalAuth", f"-----BEGIN RSA PRIVATE KEY-----\n{PASSWORD}" + "A" * 200),
        ("secrets.externalAuth.gitlab", {"clientId": PASSWORD, "clientSekret": PASSWORD}),
        ("secrets.coderToken", [PASSWORD]),
        ("secrets", PASSWORD),
        ("mcpServers", [{"slug": "a", "displayName": "A", "url": f"https://u:{PASSWORD}@a/"}]),
    ],
)
def test_a_refused_value_that_is_a_secret_is_not_shown(path: str, value: Any) -> None:
    found = problems(changed(path, value))
    assert PASSWORD not in str(found)
    assert "hunter2" not in str(found)
    # Where it stands is said all the same.
    top = path.partition(".")[0]
    assert any(problem.startswith(top) for problem in found), found


def test_a_name_of_a_secret_is_shown() -> None:
    values = changed("grafana.databaseRole", {"delivery": "job", "adminUrlSecret": "Bad_Name"})
    assert problems(values) == [
        'grafana.databaseRole.adminUrlSecret = "Bad_Name": must be a Kubernetes name: up to 63 of '
        "a-z, 0-9 and - inside"
    ]


@pytest.mark.parametrize("text", ["", " x", "x\n", "a\x07b"])
def test_a_secret_that_cannot_be_used_is_refused_without_it(text: str) -> None:
    values = valid()
    values["secrets"]["coderToken"] = text
    values["secrets"]["externalAuth"]["gitlab"]["clientSecret"] = text
    found = problems(values)
    assert [problem.partition(": ")[0] for problem in found] == [
        f"secrets.coderToken{' = [secret]' if text else ''}",
        f"secrets.externalAuth.gitlab.clientSecret{' = [secret]' if text else ''}",
    ]


def test_what_floats_is_asked_for_and_told() -> None:
    assert load("dev", valid()).floating() == ()
    floating = changed("workspaces.boundaryVersion", "latest")
    floating["workspaces"]["image"] = "registry.example.com:5000/base"
    floating["grafana"] = {
        "databaseRole": {"delivery": "job", "adminUrlSecret": "s", "image": "postgres:latest"}
    }
    assert [each.partition(" ")[0] for each in load("dev", floating).floating()] == [
        "workspaces.boundaryVersion",
        "workspaces.image",
        "grafana.databaseRole.image",
    ]
    # Without a firewall nobody installs it; a digest floats no more than a tag.
    del floating["templates"][0]["firewall"]
    floating["workspaces"]["image"] = f"base@sha256:{'0' * 64}"
    del floating["grafana"]
    assert load("dev", floating).floating() == ()


def test_one_wrong_entry_hides_no_other() -> None:
    values = valid()
    values["templates"][0]["name"] = "fire_walled"
    values["templates"][1]["capabilities"] = ["NET_ADMIN"]
    values["templates"].append({"name": "Claude-Code", "gitlab": "github"})
    values["externalAuth"]["providers"] += [{"id": "a b", "host": "a"}, {"id": "b", "host": "b"}]
    values["secrets"]["externalAuth"]["gitlab"] = {"clientId": SECRET}
    values["mcpServers"] = [{"slug": "x"}, {"slug": "y", "displayName": "Y", "url": "https://y/"}]
    assert [problem.partition(": ")[0].partition(" = ")[0] for problem in problems(values)] == [
        "externalAuth.providers[1].id",
        "templates[0].name",
        "mcpServers[0].displayName",
        "mcpServers[0].url",
        "secrets.externalAuth.gitlab.clientSecret",
        "templates[2].name",
        "templates[1].capabilities",
        "templates[2].gitlab",
        "secrets.externalAuth.b.clientId",
        "secrets.externalAuth.b.clientSecret",
        "secrets.mcp.y",
    ]


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
