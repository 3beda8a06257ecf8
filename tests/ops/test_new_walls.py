"""What a report says of a new template's walls, of its login, programs, variables and terms."""

import json
from typing import Any

import pytest

from ops import report
from ops.assessment import StackPreview
from ops.changes import Step, without_secrets
from ops.template_changes import Registered, access_changes, access_lines
from ops.tokens import TEMPLATE

QUIET = "changes; agents reach nothing new, and nothing is lost"


def template(_variables: dict[str, str] | None = None, **inputs: Any) -> dict[str, Any]:
    pairs = [{"name": name, "value": value} for name, value in (_variables or {}).items()]
    return {"name": "t", "versions": [{"name": "a", "tfVars": pairs}], **inputs}


def step(old: dict[str, Any], new: dict[str, Any]) -> Step:
    urn = f"urn:pulumi:dev::p::{TEMPLATE}::t"
    op = "update" if old else "create"
    return Step(op, urn, TEMPLATE, without_secrets(old), without_secrets(new))


def told(old: dict[str, Any], new: dict[str, Any]) -> tuple[str, str]:
    """Return the headline and the whole report."""
    text = report.to_markdown([StackPreview("dev", steps=(step(old, new),))])
    return text.splitlines()[0], text


def test_a_new_template_is_told_with_what_it_has_beyond_the_strictest() -> None:
    wide = {"seccomp_unconfined": "true", "no_user_namespace": "true", "jail_type": "nsjail"}
    wide["git_credentials"] = "true"
    head, text = told({}, template(wide, maxPortShareLevel="public"))
    for warning, line in (
        ("pods run without seccomp", "newly seccomp switched off `true`"),
        ("pods get the capability SYS_ADMIN", "newly capability SYS_ADMIN `true`"),
        ("pods get the capability NET_ADMIN", "newly jail `nsjail`"),
        ("agents get their owner's GitLab token and ssh key", "newly Git credentials `true`"),
        ("ports are shared more widely", "newly ports shared with `public`"),
    ):
        assert warning in head
        assert f"- ⚠️ `t`: {line}: **{warning}**\n" in text
    strict = {"seccomp_unconfined": "false", "jail_type": "landjail", "git_credentials": "false"}
    for quiet in (template(strict), template(strict, maxPortShareLevel="owner")):
        assert "What holds an agent" not in told({}, quiet)[1]


@pytest.mark.parametrize("old", [{}, {"t": Registered(None, {})}])
def test_names_looked_up_outside_are_told_of_a_firewall_that_is_new(old: Any) -> None:
    new = {"t": Registered.of({"boundary": json.dumps({"use_real_dns": "true"})})}
    found = StackPreview("dev", {"t": None} if old else {}, old_templates=old, new_templates=new)
    text = report.to_markdown([found])
    assert "DNS queries can carry data out" in text.splitlines()[0]
    assert "- ⚠️ `t`: newly Boundary's use_real_dns `true`" in text


def test_another_login_whose_credential_agents_get_is_in_the_headline() -> None:
    old, new = ({"gitlab_external_auth_id": each} for each in ("gitlab-ro", "gitlab"))
    head, text = told(template(old), template(new))
    assert "agents get the credential of another login" in head
    assert "`t`: GitLab's external login `gitlab-ro` → `gitlab`" in text
    none = {**new, "git_credentials": "false"}
    assert "another login" not in told(template({**old, **none, **old}), template(none))[0]
    assert "external login" not in told(template(), template(new))[1]


SWITCH = ("incident, by me, until 2026-11-29", "incident, by nobody, until 2026-12-05")


def test_an_emergency_switch_that_is_set_anew_is_told() -> None:
    old, new = ({"t": Registered.of({"switchedOff": each})} for each in SWITCH)
    found = StackPreview("dev", {"t": None}, {"t": None}, old_templates=old, new_templates=new)
    assert found.verdict == "changes"
    text = report.to_markdown([found])
    assert text.startswith("## Preview: ⚠️ the emergency switch is set anew\n")
    assert f"firewall switched off: `{SWITCH[0]}` → `{SWITCH[1]}`" in text
    unknown = {"t": Registered.of({})}
    for before, after in ((unknown, new), (new, unknown), (new, new)):
        same = StackPreview("dev", old_templates=before, new_templates=after)
        assert same.verdict == "same"


URL = "https://files.example/boundary"
FIREWALL = "the firewall's own program is another one"
IMAGE = "workspaces get an image from another place"
CLAUDE = "Claude Code comes from another place"


@pytest.mark.parametrize(
    ("name", "old", "new", "warning"),
    [
        ("Boundary's program", f"{URL} (sha256 a)", f"{URL} (sha256 b)", FIREWALL),
        ("Boundary's program", None, "/opt/boundary of the image", FIREWALL),
        ("image", "a.example/x:1", "a.example/x:2", ""),
        ("image", "a.example:5000/x:1", "a.example:5000/x@sha256:a", ""),
        ("image", "a.example/x:1", "b.example/x:1", IMAGE),
        ("image", "codercom/x:1", "other/x:1", IMAGE),
        ("Claude Code's program", f"{URL}/1 (sha256 a)", f"{URL}/2 (sha256 b)", ""),
        ("Claude Code's program", f"{URL} (sha256 a)", "https://b.example/ (sha256 a)", CLAUDE),
        ("Claude Code's program", f"{URL} (sha256 a)", None, CLAUDE),
        ("module code-server", "1.0.0", "1.0.1", ""),
    ],
)
def test_a_program_from_elsewhere_is_in_the_headline(
    name: str, old: str | None, new: str | None, warning: str
) -> None:
    sides = [
        {"t": Registered(None, {"x": "1", **({name: each} if each else {})})} for each in (old, new)
    ]
    found = StackPreview(
        "dev",
        steps=(step(template(), template(icon="i")),),
        old_templates=sides[0],
        new_templates=sides[1],
    )
    text = report.to_markdown([found])
    assert text.splitlines()[0] == f"## Preview: {f'⚠️ {warning}' if warning else QUIET}"
    assert f"\n  - {'⚠️ ' * bool(warning)}release of `{name}`: " in text


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("HTTPS_PROXY", "http://evil.example", "agents' traffic goes by a proxy of the settings"),
        ("all_proxy", "http://evil.example", "agents' traffic goes by a proxy of the settings"),
        ("NODE_TLS_REJECT_UNAUTHORIZED", "0", "agents check TLS certificates less"),
        ("GIT_SSL_NO_VERIFY", "1", "agents check TLS certificates less"),
        ("NODE_EXTRA_CA_CERTS", "/tmp/ca", "agents trust other certificate authorities"),
        ("SSL_CERT_FILE", "/tmp/ca", "agents trust other certificate authorities"),
        ("OPENAI_BASE_URL", "https://evil.example", "agents' programs are sent to another server"),
        ("CODER_URL", "https://evil.example", "agents' programs are sent to another server"),
        ("NODE_TLS_REJECT_UNAUTHORIZED", "1", ""),
        ("PIP_INDEX_URL", "https://pypi.example", ""),
    ],
)
def test_a_variable_that_sends_an_agent_elsewhere_is_in_the_headline(
    name: str, value: str, words: str
) -> None:
    variables = {"t": {name: value}}
    for old in ({"t": {}}, {"t": {name: "other"}}, {}):
        found = StackPreview("dev", old_variables=old, new_variables=variables)
        text = report.to_markdown([found])
        assert (words in text.splitlines()[0]) or not words
        assert ("⚠️" in text.partition("\n")[2]) is bool(words)
    gone = StackPreview("dev", old_variables=variables, new_variables={"t": {}})
    assert "⚠️" not in report.to_markdown([gone])
    unknown = StackPreview("dev", old_variables=None, new_variables=variables)
    assert unknown.verdict == "same"


@pytest.mark.parametrize(
    ("old", "new", "line", "warning"),
    [
        (
            {"requireActiveVersion": True},
            {},
            "⚠️ workspaces start on: the active version alone → any version",
            "workspaces may start on old versions of a template, with their walls",
        ),
        (
            {"deprecationMessage": "use x"},
            {},
            "⚠️ deprecated: `use x` → not",
            "a deprecated template takes new workspaces again",
        ),
        (
            {"timeTilDormantAutodeleteMs": 720 * 3_600_000},
            {"timeTilDormantAutodeleteMs": 3_600_000},
            "⚠️ deleted when dormant for: 720 h → 1 h",
            "dormant workspaces are deleted sooner, homes included",
        ),
        (
            {"defaultTtlMs": 8 * 3_600_000},
            {"defaultTtlMs": 8_000 * 3_600_000},
            "stops after: 8 h → 8,000 h",
            "",
        ),
        ({"timeTilDormantMs": 1_800_000}, {}, "dormant when unused for: 0.5 h → not set", ""),
    ],
)
def test_terms_of_a_template_are_told_with_both_values(
    old: dict[str, Any], new: dict[str, Any], line: str, warning: str
) -> None:
    head, text = told(template(**old), template(**new))
    assert f"\n  - {line}\n" in text
    assert head == f"## Preview: {f'⚠️ {warning}' if warning else QUIET}"
    back = told(template(**new), template(**old))[1]
    assert "⚠️" not in back


def people(old: Registered | None, new: Registered) -> str:
    before = {} if old is None else {"t": old}
    found = StackPreview(
        "dev",
        steps=(step(template(), template(icon="i")),),
        old_templates=before,
        new_templates={"t": new},
    )
    return report.to_markdown([found]).splitlines()[0]


def test_a_template_opened_to_everyone_is_in_the_headline() -> None:
    nobody, everyone = Registered({}, {}), Registered({"Everyone": "use"}, {})
    words = "everyone in the organization may use a template"
    assert words in people(nobody, everyone)
    assert words not in people(everyone, nobody)
    assert words not in people(None, everyone)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ({"a": "use"}, {"a": "admin"}, "more people may administer a template"),
        ({"a": "admin"}, {"a": "admin", "b": "admin"}, "more people may administer a template"),
        ({}, {"Everyone": "admin"}, "everyone in the organization may administer a template"),
        (
            {"Everyone": "use"},
            {"a": "admin", "Everyone": "admin"},
            "everyone in the organization may administer a template",
        ),
        # One that is new, and one whose list was not the stack's.
        (None, {"a": "admin"}, "more people may administer a template"),
        ("left", {"a": "admin"}, "more people may administer a template"),
        ({"a": "admin", "b": "admin"}, {"a": "admin", "b": "use"}, ""),
        ({"a": "admin"}, {"a": "admin", "b": "use"}, ""),
    ],
)
def test_who_newly_administers_a_template_is_in_the_headline(
    old: dict[str, str] | str | None, new: dict[str, str], words: str
) -> None:
    before = None if old is None else Registered(old if isinstance(old, dict) else None, {})
    head = people(before, Registered(new, {}))
    assert (f"⚠️ {words}, its firewall included" in head) if words else "administer" not in head
    changes = access_changes({} if before is None else {"t": before}, {"t": Registered(new, {})})
    (line,) = access_lines(changes["t"])
    assert line.startswith("  - ⚠️ access: ") is bool(words)
    assert ("may push versions without a firewall" in line) is bool(words)


def test_claude_codes_settings_that_are_loosened_are_in_the_headline() -> None:
    words = "Claude Code's managed settings are loosened"
    deny, both = ("deny WebFetch",), ("deny WebFetch", "allow Bash")
    with_deny, with_both, none = (Registered(None, {}, None, each) for each in (deny, both, ()))
    assert words in people(with_deny, none)
    assert words in people(with_deny, with_both)
    assert words not in people(with_both, with_deny)
    assert words not in people(none, with_deny)
    assert words not in people(None, with_both)


def test_a_program_that_goes_with_its_firewall_is_no_other_one() -> None:
    own = {"t": Registered(None, {"Boundary": "v0.9.0", "Boundary's program": "/b of the image"})}
    none = {"t": Registered(None, {"image": "a"})}
    assert FIREWALL not in report.headline(
        [StackPreview("dev", old_templates=own, new_templates=none)]
    )
