"""What a report says of the walls beside the rules."""

import json
from typing import Any

import pytest

from components.boundary import Policy, PolicyRule, Rule
from components.boundary.config import render_config, settings_of
from ops import report
from ops.assessment import StackPreview
from ops.changes import Step, without_secrets
from ops.template_changes import Registered
from ops.tokens import NAMESPACE_PATCH, TEMPLATE


def template(**variables: str) -> dict[str, Any]:
    pairs = [{"name": name, "value": value} for name, value in variables.items()]
    return {"name": "firewalled", "versions": [{"name": "a", "tfVars": pairs}]}


def namespace(level: str) -> dict[str, Any]:
    labels = {"pod-security.kubernetes.io/enforce": level}
    return {"metadata": {"name": "coder-workspaces", "labels": labels}}


def said(kind: str, old: dict[str, Any], new: dict[str, Any], op: str = "update") -> str:
    urn = f"urn:pulumi:dev::p::{kind}::one"
    step = Step(op, urn, kind, without_secrets(old), without_secrets(new))
    return report.to_markdown([StackPreview("dev", steps=(step,))])


@pytest.mark.parametrize(
    ("kind", "old", "new", "line", "warning"),
    [
        (
            TEMPLATE,
            template(git_credentials="false"),
            template(git_credentials="true"),
            "Git credentials `false` → `true`",
            "agents get their owner's GitLab token and ssh key",
        ),
        (
            TEMPLATE,
            template(no_user_namespace="false"),
            template(no_user_namespace="true"),
            "capability SYS_ADMIN `false` → `true`",
            "pods get the capability SYS_ADMIN",
        ),
        (
            TEMPLATE,
            template(),
            template(seccomp_unconfined="true"),
            "seccomp switched off `false` → `true`",
            "pods run without seccomp",
        ),
        (
            TEMPLATE,
            template(jail_type="landjail"),
            template(jail_type="nsjail"),
            "jail `landjail` → `nsjail`",
            "pods get the capability NET_ADMIN",
        ),
        (
            TEMPLATE,
            {**template(), "maxPortShareLevel": "owner"},
            {**template(), "maxPortShareLevel": "public"},
            "ports shared with `owner` → `public`",
            "ports are shared more widely",
        ),
        (
            TEMPLATE,
            template(),
            {**template(), "maxPortShareLevel": "authenticated"},
            "ports shared with `unset` → `authenticated`",
            "ports are shared more widely",
        ),
        (
            NAMESPACE_PATCH,
            namespace("baseline"),
            namespace("privileged"),
            "Pod Security `baseline` → `privileged`",
            "the namespace of workspaces is held to less of Pod Security",
        ),
    ],
)
def test_a_wall_that_lets_more_through_is_in_the_headline_and_the_other_way_is_not(
    kind: str, old: dict[str, Any], new: dict[str, Any], line: str, warning: str
) -> None:
    text = said(kind, old, new)
    assert warning in text.splitlines()[0]
    assert line in text
    back = said(kind, new, old)
    assert warning not in back
    assert "#### What holds an agent beside the rules" in back


def test_labels_that_go_leave_no_pod_security() -> None:
    text = said(NAMESPACE_PATCH, namespace("baseline"), {}, "delete")
    assert "held to less of Pod Security" in text.splitlines()[0]
    assert "`coder-workspaces`: Pod Security `baseline` → `no`" in text
    made = said(NAMESPACE_PATCH, {}, namespace("baseline"), "create")
    assert "held to less" not in made


def labelled(version: str = "v1.34", **levels: str) -> dict[str, Any]:
    every = {"enforce": "baseline", "warn": "restricted", "audit": "restricted", **levels}
    labels = {f"pod-security.kubernetes.io/{mode}": level for mode, level in every.items()}
    versions = {f"pod-security.kubernetes.io/{mode}-version": version for mode in every}
    return {"metadata": {"name": "coder-workspaces", "labels": labels | versions}}


@pytest.mark.parametrize(
    ("new", "lines"),
    [
        (
            labelled("v1.0"),
            [
                "- ⚠️ `coder-workspaces`: version of Pod Security `v1.34` → `v1.0`: **the namespace "
                "of workspaces is held to an older Pod Security**"
            ],
        ),
        (labelled("latest"), ["- `coder-workspaces`: version of Pod Security `v1.34` → `latest`"]),
        (
            labelled(warn="privileged", audit="privileged"),
            [
                "- `coder-workspaces`: Pod Security that is warned of `restricted` → `privileged`",
                "- `coder-workspaces`: Pod Security in the API server's audit log `restricted` → "
                "`privileged`",
            ],
        ),
    ],
)
def test_the_version_and_what_is_warned_of_and_logged_are_told(
    new: dict[str, Any], lines: list[str]
) -> None:
    text = said(NAMESPACE_PATCH, labelled(), new)
    section = text.split("#### What holds an agent beside the rules\n\n")[1].split("\n\n")[0]
    assert section.splitlines() == lines
    assert ("an older Pod Security" in text.splitlines()[0]) == ("⚠️" in section)
    # An earlier release set no version, which is the latest.
    unsaid = labelled("latest")
    for mode in ("enforce", "warn", "audit"):
        del unsaid["metadata"]["labels"][f"pod-security.kubernetes.io/{mode}-version"]
    assert "What holds" not in said(NAMESPACE_PATCH, unsaid, labelled("latest"))


def test_the_provisioners_kubeconfig_is_named_and_what_stays_is_not() -> None:
    text = said(TEMPLATE, template(use_kubeconfig="false"), template(use_kubeconfig="true"))
    assert "the provisioner's own kubeconfig `false` → `true`" in text
    same = said(TEMPLATE, template(jail_type="nsjail"), template(jail_type="nsjail", a="b"))
    assert "What holds an agent" not in same


def test_a_firewall_that_goes_or_comes_is_no_other_jail() -> None:
    confined, free = template(firewall="true", jail_type="nsjail"), template(firewall="false")
    for old, new in ((confined, free), (free, confined)):
        text = said(TEMPLATE, old, new)
        assert "What holds an agent" not in text
        assert "NET_ADMIN" not in text


def test_the_provisioners_of_a_template_are_named() -> None:
    def tagged(**tags: str) -> dict[str, Any]:
        pairs = [{"name": name, "value": value} for name, value in tags.items()]
        return {"name": "t", "versions": [{"tfVars": [], "provisionerTags": pairs}]}

    text = said(TEMPLATE, tagged(zone="a", scope="org"), tagged(zone="b", scope="org"))
    assert "`t`: tags of its provisioners `scope=org, zone=a` → `scope=org, zone=b`" in text
    assert "`zone=b` → `no`" in said(TEMPLATE, tagged(zone="b"), tagged())


def registered(config: str) -> dict[str, Registered]:
    return {"t": Registered.of({"boundary": json.dumps(settings_of(config))})}


def test_boundarys_own_settings_are_named_and_names_looked_up_outside_are_a_warning() -> None:
    policy = Policy([PolicyRule(Rule.parse("domain=a.example"), "g", "r")])
    old = render_config(policy, jail_type="landjail", correlate_with="coder.example")
    new = render_config(policy, jail_type="nsjail", use_real_dns=True, proxy_port=9000)
    preview = StackPreview("dev", old_templates=registered(old), new_templates=registered(new))
    text = report.to_markdown([preview])
    assert "the jail looks names up outside: DNS queries can carry data out" in text.split("\n")[0]
    assert "- `t`: Boundary's proxy_port `8087` → `9000`" in text
    assert "- ⚠️ `t`: Boundary's use_real_dns `unset` → `true`: **the jail looks names up" in text
    assert "Boundary's session_correlation_enabled `true` → `unset`" in text
    # The template's variables tell it, and what is allowed is not a setting.
    assert "Boundary's jail_type" not in text
    assert "a.example" not in text
    walls = report.to_json([preview])["stacks"][0]["walls"]
    assert {"of": "t", "what": "Boundary's proxy_port", "old": "8087", "new": "9000"}.items() <= (
        walls[0].items()
    )
    nothing = {"t": Registered.of({})}
    unknown = StackPreview("dev", old_templates=nothing, new_templates=registered(new))
    assert unknown.verdict == "same"
