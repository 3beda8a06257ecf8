"""Which wiring of Claude Code a stack gets, and what does not go with it."""

from typing import Any

import pytest

from components.coder.entitlements import Entitlements
from components.programs import Program
from components.releases import Number
from components.settings.confinement import firewall
from components.settings.load import load
from components.settings.model import Settings
from components.settings.problems import SettingsError

JUNE, NOVEMBER = (2, 34, 0), (2, 37, 0)
BOUNDARY = {"url": "https://files.example.gov/boundary", "sha256": "0" * 64}


def settings(more: dict[str, Any] | None = None, **workspaces: Any) -> Settings:
    return load(
        "gov",
        {
            "coder": {"accessUrl": "https://coder.example.com"},
            "externalAuth": {"providers": [{"host": "gitlab.example.com"}]},
            "templates": [{"name": "a", "firewall": {}}],
            "workspaces": workspaces,
            "secrets": {
                "coderToken": "t",
                "externalAuth": {"gitlab": {"clientId": "i", "clientSecret": "s"}},
            },
            **(more or {}),
        },
    )


def problems(found: Settings, version: str) -> list[str]:
    return [str(each) for each in Entitlements(version, frozenset()).problems(found)]


@pytest.mark.parametrize(
    ("coder", "said", "module"),
    [
        (JUNE, {}, "4.7.3"),
        ((2, 36, 9), {}, "4.7.3"),
        (NOVEMBER, {}, "5.4.0"),
        # A build between releases, or nobody asked.
        (None, {}, "5.4.0"),
        (NOVEMBER, {"claudeCode": {"module": 4}}, "4.7.3"),
        (JUNE, {"claudeCode": {"module": 5}}, "5.4.0"),
        (NOVEMBER, {"modules": {"claudeCode": "4.9.2"}}, "4.9.2"),
        (JUNE, {"modules": {"claudeCode": "5.5.0"}}, "5.5.0"),
        (NOVEMBER, {"tasks": True}, "4.7.3"),
        (None, {"tasks": True}, "4.7.3"),
    ],
)
def test_the_stack_decides_and_else_coders_release(
    coder: Number | None, said: dict[str, Any], module: str
) -> None:
    assert settings(**said).workspaces.claude_code_module(coder) == module


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (
            {"claudeCode": {"module": 5}, "modules": {"claudeCode": "4.9.2"}},
            'workspaces.modules.claudeCode = "4.9.2": is no release of module 5',
        ),
        (
            {"claudeCode": {"module": 5}, "tasks": True},
            "workspaces.tasks = true: module 5 has no Tasks",
        ),
        ({"modules": {"claudeCode": "5.4.0"}, "tasks": True}, "module 5 has no Tasks"),
        ({"modules": {"claudeCode": "5.3.0"}}, "4.7.0 or a later 4, or 5.4.0 or a later 5"),
        ({"claudeCode": {"module": 6}}, "workspaces.claudeCode.module"),
        (
            {"claudeCode": {"module": 4}, "boundary": {"path": "/opt/boundary"}},
            'workspaces.boundary = "/opt/boundary of the image": module 4 starts its own',
        ),
        (
            {"claudeCode": {"program": {"path": "/opt/claude-2.1"}}},
            'workspaces.claudeCode.program.path = "/opt/claude-2.1": the path of a Claude Code has',
        ),
        ({"boundary": {}}, "name either path, in the image, or url with its sha256"),
        ({"boundary": {**BOUNDARY, "path": "/a"}}, "name either path"),
        ({"boundary": {"url": BOUNDARY["url"]}}, "url and sha256 go together"),
        ({"boundary": {"path": "/a", "sha256": "0" * 64}}, "url and sha256 go together"),
        ({"boundary": {"path": "opt/boundary"}}, "must be an absolute path"),
        ({"boundary": {"path": "/opt/../boundary"}}, "must be an absolute path"),
        ({"boundary": {"path": "/opt/$(id)"}}, "must be an absolute path"),
        ({"boundary": {**BOUNDARY, "sha256": "A" * 64}}, "must be 64 digits in lower case"),
        ({"boundary": {**BOUNDARY, "url": "ftp://a/b"}}, "must be a URL"),
        ({"boundary": {**BOUNDARY, "url": "https://a/b'c"}}, "must hold letters, digits"),
    ],
)
def test_what_does_not_go_together(said: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        settings(**said)
    assert words in str(caught.value)
    assert len(caught.value.problems) == 1


@pytest.mark.parametrize(
    ("version", "there"),
    [
        *(("v2.34.0", True), ("v2.35.3", True), ("v2.37.2+abc", True)),
        *(("v2.38.0", False), ("v2.38.5+abc", False), ("v3.0.0", False), ("v0.0.0-devel", True)),
    ],
)
def test_tasks_where_coder_has_them(version: str, there: bool) -> None:
    said = problems(settings(tasks=True), version)
    if there:
        assert said == []
    else:
        assert said == [
            "workspaces.tasks = true: Coder has no Tasks from 2.38.0 on, and "
            f"https://coder.example.com runs {version}: remove it"
        ]
    assert problems(settings(), version) == []


def test_an_older_coder_is_told_what_its_module_does_not_take() -> None:
    found = settings(boundary=BOUNDARY)
    assert problems(found, "v2.37.0") == []
    (said,) = problems(found, "v2.34.0")
    assert said.startswith('workspaces.boundary = "https://files.example.gov/boundary (sha256 ')
    assert "claudeCode.program" in said
    own = settings(boundary=BOUNDARY, claudeCode={"program": {"path": "/opt/claude"}})
    assert problems(own, "v2.34.0") == []


def test_a_program_says_what_it_is_pinned_to() -> None:
    assert Program(path="/opt/boundary").title == "/opt/boundary of the image"
    assert Program.model_validate(BOUNDARY).title == (
        f"https://files.example.gov/boundary (sha256 {'0' * 64})"
    )


@pytest.mark.parametrize(
    ("firewall", "boundary", "words"),
    [
        (
            {"useRealDns": True},
            "v0.9.0",
            ["useRealDns = true: the jail landjail has no use for it"],
        ),
        (
            {"jail": "nsjail", "useRealDns": True, "noUserNamespace": True},
            "v0.6.1",
            [
                "useRealDns = true: needs Boundary v0.7.0 or newer; this one is v0.6.1",
                "noUserNamespace = true: needs Boundary v0.8.1 or newer; this one is v0.6.1",
            ],
        ),
        ({"seccompUnconfined": True}, "v0.9.0", ["seccompUnconfined = true: the jail landjail"]),
        (
            {"sessionCorrelation": True},
            "v0.9.0",
            ["sessionCorrelation = true: needs Boundary v0.9.1 or newer; this one is v0.9.0"],
        ),
        ({"sessionCorrelation": True}, "latest", ["needs Boundary v0.9.1 or newer"]),
        ({"sessionCorrelation": True}, "v0.10.0", []),
        (
            {"jail": "nsjail", "useRealDns": True, "noUserNamespace": True},
            "v0.8.1",
            [],
        ),
    ],
)
def test_what_a_jail_or_a_release_of_boundary_has_not(
    firewall: dict[str, Any], boundary: str, words: list[str]
) -> None:
    def load_it() -> Settings:
        return settings(
            {"templates": [{"name": "a", "firewall": firewall}]}, boundaryVersion=boundary
        )

    if not words:
        load_it()
        return
    with pytest.raises(SettingsError) as caught:
        load_it()
    assert len(caught.value.problems) == len(words)
    for each in words:
        assert each in str(caught.value)
    assert "templates[0].firewall." in str(caught.value)


@pytest.mark.parametrize("release", ["v0.1.0", "v0.3.0"])
def test_a_release_of_boundary_that_would_start_nothing_is_refused_once(release: str) -> None:
    walls = [{"name": name, "firewall": {}} for name in "ab"]
    with pytest.raises(SettingsError) as caught:
        settings({"templates": walls}, boundaryVersion=release)
    (problem,) = map(str, caught.value.problems)
    assert problem == (
        f'workspaces.boundaryVersion = "{release}": no agent would start: the key jail_type of its '
        f"file needs Boundary v0.4.0 or newer; this one is {release}"
    )
    # Nobody installs it.
    settings({"templates": [{"name": "a"}]}, boundaryVersion=release)


def test_a_boundary_of_ones_own_is_of_a_release_that_is_named() -> None:
    templates = {"templates": [{"name": "a", "firewall": {}}]}
    own = {"path": "/opt/coder/bin/boundary"}
    with pytest.raises(SettingsError) as caught:
        settings(templates, boundaryVersion="latest", boundary=own)
    (problem,) = map(str, caught.value.problems)
    assert problem.startswith(
        'workspaces.boundaryVersion = "latest": name the release that workspaces.boundary is'
    )
    settings(templates, boundaryVersion="v0.9.0", boundary=own)


def test_a_release_of_boundary_without_an_audit_is_doubted() -> None:
    walls = [{"name": "a", "firewall": {}}]
    told = "Boundary v0.4.0 sends Coder no audit: no request leaves a line"
    for release, doubted in (("v0.4.0", True), ("v0.5.0", False), ("latest", False)):
        found = settings(
            {"templates": walls, "policy": {"highestGrade": "H"}}, boundaryVersion=release
        )
        assert any(told in str(each) for each in found.findings()) is doubted


def test_the_keys_of_a_firewall_arrive() -> None:
    walls = {
        "jail": "nsjail",
        **dict.fromkeys(
            ("useRealDns", "noUserNamespace", "seccompUnconfined", "sessionCorrelation"), True
        ),
    }
    found = settings({"templates": [{"name": "a", "firewall": walls}]}, boundaryVersion="v0.10.0")
    made = firewall(found, found.templates[0])
    assert made is not None
    assert (made.no_user_namespace, made.seccomp_unconfined) == (True, True)
    for line in ("use_real_dns: true", "no_user_namespace: true"):
        assert f"\n{line}\n" in made.config
    target = "domain=coder.example.com path=/api/v2/aibridge/*,/api/v2/ai-gateway/*"
    assert f"session_id_inject_targets:\n- {target}\n" in made.config
    assert any("firewall.useRealDns has names" in str(each) for each in found.findings())
