"""What is gravest stays in a report, however much else there is to say."""

from typing import Any

from components.boundary import Policy, PolicyRule, Rule
from components.network.args import Opening
from components.network.args import WorkspaceNetworkPolicyArgs as Args
from components.network.manifests import network_policies
from ops import report
from ops.assessment import StackPreview
from ops.changes import Step
from ops.fitting import fit, marked
from ops.template_changes import Registered
from ops.tokens import NETWORK_POLICY, TEMPLATE

ONE = Policy([PolicyRule(Rule.parse("domain=a.example"), "extra", "test")])
PATHS = ",".join(f"/{letter * 380}" for letter in "abcdefghijkl")
REMOVED = "the firewall is **removed**"


def longest(of: str = "a") -> Policy:
    """Return a policy of as many hosts as are listed, each as long to tell as can be."""
    rules = [Rule.parse(f"domain={of}{number:02}.example path={PATHS}") for number in range(20)]
    return Policy([*ONE, *(PolicyRule(rule, "extra", "mirror " + "z" * 380) for rule in rules)])


def many(count: int = 14) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return policies before and after, each of which opens 20 other hosts, and one firewall."""
    names = [f"t{number:02}" for number in range(count)]
    return (
        {**dict.fromkeys(names, ONE), "zz": ONE},
        {**{name: longest(name) for name in names}, "zz": None},
    )


def told(preview: StackPreview) -> str:
    text = report.to_markdown([preview])
    assert len(text.encode()) < report.LIMIT
    return text.partition("<details>")[0]


def test_a_firewall_that_goes_is_told_beside_templates_that_open_hosts() -> None:
    old, new = many()
    text = told(StackPreview("dev", old, new))
    assert text.index("**`zz`**") < text.index(REMOVED) < text.index("**`t00`**")
    assert text.count("- newly reached (20):") == 14
    second = told(StackPreview("dev", {"a": ONE, "b": ONE}, {"a": longest(), "b": None}))
    assert second.index("**`b`**") < second.index(REMOVED) < second.index("**`a`**")


def test_coders_own_agents_are_told_before_hosts_and_of_every_template() -> None:
    old, new = many()
    let_in = {name: Registered(None, {}, True) for name in old}
    kept = {name: Registered(None, {}, False) for name in old}
    text = told(StackPreview("dev", old, new, old_templates=kept, new_templates=let_in))
    assert text.count("**Coder's own agents reach every host from here**") == 14
    assert REMOVED in text


def test_what_the_network_opens_is_told_before_hosts() -> None:
    old, new = many()
    args = [Args(), Args(allow=[Opening(ports=[5432, 22], why="w", to="10.0.0.0/8")])]
    before, after = (network_policies(each)[0] for each in args)
    step = Step("update", f"urn:pulumi:dev::p::{NETWORK_POLICY}::n", NETWORK_POLICY, before, after)
    text = told(StackPreview("dev", old, new, policies=(step,)))
    assert text.count("  - `10.0.0.0/8`: TCP 5432, TCP 22; because: `w`") == 15
    assert REMOVED in text


def test_marks_of_later_sections_stay_when_the_hosts_are_many() -> None:
    old, new = many()
    names = [f"t{number:02}" for number in range(14)]

    def template(name: str, allowed: str) -> dict[str, Any]:
        pairs = [{"name": "seccomp_unconfined", "value": allowed}]
        return {"name": name, "versions": [{"tfVars": pairs}], "icon": "i" * 300 + allowed}

    steps = tuple(
        Step(
            "update",
            f"urn:pulumi:dev::p::{TEMPLATE}::{name}",
            TEMPLATE,
            template(name, "false"),
            template(name, "true"),
        )
        for name in names
    )
    everyone = {name: Registered({"Everyone": "use"}, {}) for name in names}
    nobody = {name: Registered({}, {}) for name in names}
    rules = tuple("x" * 400 for _ in range(300))
    found = StackPreview(
        "dev",
        old,
        new,
        steps=steps,
        old_templates=nobody,
        new_templates=everyone,
        doubts=rules,
    )
    text = told(found)
    assert REMOVED in text
    assert text.count("pods run without seccomp**") == 14
    assert text.count("  - ⚠️ access: ") == 14
    assert "more lines left out here" in text


def test_a_line_that_stays_has_with_it_what_it_stands_below() -> None:
    lines = ["**`a`**", "", "- one", *["  - plain"] * 9, "", "**`b`**", "", "- two", "  - ⚠️ three"]
    assert fit(lines, 10_000, "lines", marked) == lines
    shown = fit(lines, 90, "lines", marked)
    assert shown[:5] == ["", "**`b`**", "", "- two", "  - ⚠️ three"]
    assert shown[-1] == "… 11 more lines left out here; --json shows all"
    assert fit(["a", "b" * 90, "c"], 80, "lines") == [
        "a",
        "… 2 more lines left out here; --json shows all",
    ]
