import json
import re
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.boundary import Policy, PolicyRule, Rule
from ops import report
from ops.assessment import StackPreview
from ops.changes import UNKNOWN, Step
from ops.template_changes import Registered
from ops.tokens import DEPLOYMENT_PATCH, MCP_SERVER, TEMPLATE
from tests.characters import CHARACTERS

DASHBOARDS = "firewalledcoder:index:Dashboards"
CONFIG_MAP = "kubernetes:core/v1:ConfigMap"
HOSTILE = "`</summary></details>```\n# owned\n| @everyone [x](https://evil.example) <img src=x> ~~~"


def policy(*rules: str) -> Policy:
    return Policy([PolicyRule(Rule.parse(rule), "extra", "test") for rule in rules])


def step(
    op: str, type_: str, old: Any = None, new: Any = None, name: str = "thing", parent: str = ""
) -> Step:
    path = f"{parent}${type_}" if parent else type_
    urn = f"urn:pulumi:dev::firewalled-coder::{path}::{name}"
    return Step(op, urn, type_, old or {}, new or {})


# Written of the same previews with other limits, which keep what they found out.
@cache
def everything(text: str = "x", count: int = 1) -> StackPreview:
    """Return a preview in which every section has something to say, `text` wherever it can."""
    words = [f"{text}{number}" for number in range(count)]

    def dashboard(value: int) -> dict[str, Any]:
        panels = [{"title": word, "type": "stat", "options": value} for word in words]
        panels += [{"title": "one more", text: value}]
        return {"data": {"a.json": json.dumps({"title": text, "panels": panels})}}

    rules = [f"domain=h{number}.example" for number in range(count)]
    return StackPreview(
        text,
        {"t": policy("domain=old.example")},
        {"t": policy(*rules)},
        steps=(
            step("update", TEMPLATE, {"name": text, "icon": "a"}, {"name": text, "icon": text}),
            *(step("replace", "kubernetes:core/v1:Secret", name=word) for word in words),
            step("update", DEPLOYMENT_PATCH, {"spec": {"template": 1}}, {"spec": {"template": 2}}),
            step("update", MCP_SERVER, {"slug": text, "url": "a"}, {"slug": text, "url": text}),
            step("update", CONFIG_MAP, dashboard(1), dashboard(2), parent=DASHBOARDS),
        ),
        old_coderd={"variables": dict.fromkeys(words, "old")},
        new_coderd={"variables": {**dict.fromkeys(words, text), "CODER_EXTERNAL_AUTH_0_ID": text}},
        old_variables={"t": dict.fromkeys(words, "old")},
        new_variables={"t": dict.fromkeys(words, text)},
        switched_off=text,
        doubts=(text,),
    )


def test_every_section_in_order_of_importance() -> None:
    text = report.to_markdown([everything()])
    assert re.findall(r"^#+ .*|<summary>.*</summary>", text, re.MULTILINE) == [
        "## Preview: ⚠️ agents reach more than they do now; an MCP server has another address",
        "### Stack `x`: ⚠️ agents reach more than they do now; an MCP server has another address",
        "#### Deleted or replaced",
        "#### What an agent reaches",
        "#### Doubtful rules",
        "#### Templates",
        "#### Agent variables",
        "#### MCP servers",
        "#### coderd",
        "#### External login",
        "#### coderd's variables",
        "#### Dashboards",
        "<summary>Resources, one by one</summary>",
    ]
    assert "> ⚠️ **The firewall is switched off**: `x`" in text
    assert "Resources: 1 to **replace**, 4 to update" in text
    assert "- **replaced**: `x0` (`kubernetes:core/v1:Secret`)" in text
    assert (
        "- newly reached (1):\n  - `h0.example`: all methods, all paths; because: `test`\n" in text
    )
    assert "- no longer reached (1):\n  - `old.example`: all methods, all paths" in text
    assert "- `x`: `icon`" in text
    assert "  - `x0`: `old` → `x`" in text
    assert "- `x`\n  - ⚠️ **another address**: `a` → `x`;" in text
    assert "- `CODER_EXTERNAL_AUTH_0_ID`: not set → `x`" in text
    assert "- coderd **restarts**" in text
    assert "  - options of `x0`" in text
    assert "Left out" not in text


def test_a_chart_that_has_to_roll_out_is_told_in_words_and_as_data() -> None:
    inputs = {"metadata": {"name": "coder-external-auth"}, "data": "[secret]"}
    urn = "urn:pulumi:dev::p::firewalledcoder:index:GitLabExternalAuth$kubernetes:core/v1:Secret::s"
    key = {"data.gitlab-client-id": "update"}
    secret = Step("update", urn, "kubernetes:core/v1:Secret", inputs, inputs, ("data",), key)
    preview = StackPreview("dev", steps=(secret,))
    text = report.to_markdown([preview])
    assert "coderd reads Secret `coder-external-auth` only when it starts" in text
    assert "**the chart has to roll out**" in text
    named = "- `gitlab-client-id of Secret coder-external-auth`: a secret value changes"
    assert named in text
    data = report.to_json([preview])["stacks"][0]
    assert data["coderdRestarts"] is False
    assert data["chartHasToRollOut"] == ["coder-external-auth"]


def test_no_change_is_short() -> None:
    text = report.to_markdown([StackPreview("dev", {"t": policy()}, {"t": policy()})])
    assert text == "## Preview: ✅ no change\n\n### Stack `dev`: ✅ no change\n"


def test_a_removed_firewall_is_not_to_be_overlooked() -> None:
    text = report.to_markdown([StackPreview("dev", {"t": policy("domain=a.example")}, {"t": None})])
    assert "the firewall is **removed**: agents reach **every host**" in text
    assert text.startswith("## Preview: ⚠️ agents reach more")


def test_the_gravest_stack_comes_first_and_the_table_lists_all() -> None:
    fails = StackPreview("usgov", failure="no rule opens https://a.example/")
    text = report.to_markdown([StackPreview("dev"), everything("b"), fails])
    assert text.startswith("## Preview: ⛔")
    assert re.findall(r"^\| `(\w+)`", text, re.MULTILINE) == ["dev", "b", "usgov"]
    assert re.findall(r"^### Stack `(\w+)`", text, re.MULTILINE) == ["usgov", "b", "dev"]
    assert "```text\nno rule opens https://a.example/\n```" in text


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (
            step("create", MCP_SERVER, None, {"slug": "s", "url": "https://m"}),
            "`s`: created, `https://m`",
        ),
        (step("delete", MCP_SERVER, {"slug": "s"}), "`s`: **deleted**"),
        (step("replace", MCP_SERVER, {"slug": "a"}, {"slug": "s"}), "`s`: **replaced**"),
    ],
)
def test_an_mcp_server_that_comes_or_goes(change: Step, line: str) -> None:
    assert f"#### MCP servers\n\n- {line}\n" in report.to_markdown(
        [StackPreview("dev", steps=(change,))]
    )


def test_a_policy_that_is_the_first_has_a_grade_and_none_before() -> None:
    text = report.to_markdown([StackPreview("dev", {}, {"t": policy("domain=gist.github.com")})])
    assert "- exfiltration grade E (A: no host" in text


def test_templates_of_the_same_change_are_told_once() -> None:
    old, new = policy("domain=a.example"), policy("domain=b.example")
    text = report.to_markdown([StackPreview("dev", {"a": old, "b": old}, {"a": new, "b": new})])
    assert "**`a`, `b`**" in text
    assert text.count("`b.example`") == 1


def test_templates_of_the_same_variables_are_told_once() -> None:
    variables = {"a": {"X": "1"}, "b": {"X": "1"}}
    preview = StackPreview("dev", old_variables={"a": {}, "b": {}}, new_variables=variables)
    assert "- `a`, `b`\n  - `X`: not set → `1`\n" in report.to_markdown([preview])


def test_a_change_of_1000_rules_is_readable_and_fits() -> None:
    rules = [f"method=GET,POST domain=host-{n}.example path=/api/v{n}/*" for n in range(1000)]
    old = [f"domain=was-{n}.example" for n in range(1000)]
    preview = StackPreview(
        "dev",
        {"t": policy(*old)},
        {"t": policy(*rules, "domain=gist.github.com")},
        steps=(step("update", TEMPLATE, {"name": "t"}, {"name": "t"}),),
    )
    text = report.to_markdown([preview])
    assert len(text.encode()) < report.LIMIT
    above, _, folded = text.partition("<details>")
    assert len(above.splitlines()) < 70
    first = above.index(
        "`gist.github.com`: all methods, all paths; because: `test`; ⚠️ grade E: anyone may paste"
    )
    assert first < above.index("`host-0.example`")
    assert "newly reached (1001)" in above
    assert "and 981 more, listed below" in above
    assert "no longer reached (1000)" in above
    listed = re.findall(r"^\+ (\S+) ", folded, re.MULTILINE)
    (left_out,) = re.findall(r"^… (\d+) more lines left out here", folded, re.MULTILINE)
    gone = re.findall(r"^- was", folded, re.MULTILINE)
    assert len(listed) + len(gone) + int(left_out) == 2001
    assert len(listed) > 300
    # Machines get all of it.
    (stack,) = report.to_json([preview])["stacks"]
    assert len(stack["reach"][0]["opened"]) == 1001


def balanced(text: str) -> bool:
    """Whether every fence and fold that is opened is closed, none inside of another."""
    inside, folds = False, 0
    for line in text.splitlines():
        if line.startswith("```"):
            inside = not inside
        elif not inside:
            folds += line.startswith("<details>") - line.startswith("</details>")
    return not inside and folds == 0


@pytest.mark.parametrize("count", [1, 40, 2000])
@pytest.mark.parametrize("limit", [4_000, 20_000, report.LIMIT])
def test_it_fits_and_stays_whole_whatever_the_change(count: int, limit: int) -> None:
    text = report.to_markdown([everything("é" * 50, count)], limit)
    assert len(text.encode()) < limit
    assert balanced(text)
    assert ("left out" in text.lower()) == (count > 1 and (count > 40 or limit < report.LIMIT))


@pytest.mark.parametrize("stacks", [3, 60, 200])
def test_many_stacks_share_the_room(stacks: int) -> None:
    text = report.to_markdown([everything(f"s{n}-", 100) for n in range(stacks)])
    assert len(text.encode()) < report.LIMIT
    assert balanced(text)
    shown = len(re.findall(r"^### Stack", text, re.MULTILINE))
    assert shown == stacks or f"… {stacks - shown} more stacks left out here" in text
    assert shown >= min(stacks, 20)


def test_a_long_failure_is_cut() -> None:
    text = report.to_markdown([StackPreview("dev", failure="why\n" * 50_000)])
    assert len(text.encode()) < report.LIMIT
    assert balanced(text)
    assert re.search(r"… \d+ more lines left out", text)


def outside_code(text: str) -> str:
    """Return the text that is neither in a fence nor in backticks."""
    lines, inside = [], False
    for line in text.splitlines():
        if line.startswith("```"):
            inside = not inside
        elif not inside:
            lines.append(re.sub(r"`[^`]*`", "", line))
    return "\n".join(lines)


@pytest.mark.parametrize(
    "preview",
    [everything(HOSTILE, 3), StackPreview(HOSTILE, failure=HOSTILE)],
    ids=["changes", "failure"],
)
def test_hostile_values_stay_text(preview: StackPreview) -> None:
    text = report.to_markdown([preview, preview])
    assert balanced(text)
    plain = outside_code(text)
    assert "<img" not in plain
    assert "@everyone" not in plain
    assert "](" not in plain
    assert not re.search(r"^# owned", plain, re.MULTILINE)
    assert plain.count("</details>") == plain.count("<details>")
    # Each row of the table has its three cells.
    rows = [row for row in text.splitlines() if row.startswith("| `")]
    assert [len(re.findall(r"(?<!\\)\|", row)) for row in rows] == [4, 4]


def test_characters_that_turn_text_round_are_shown() -> None:
    preview = everything("safe\u202egnp.exe")
    text = report.to_markdown([preview])
    assert "\u202e" not in text
    assert r"\u202e" in text


@settings(max_examples=60, deadline=None)
@given(st.text(CHARACTERS, max_size=60), st.integers(2_500, 12_000))
def test_no_text_breaks_the_report(text: str, limit: int) -> None:
    found = report.to_markdown([everything(text, 3), StackPreview(text, failure=text)], limit)
    assert balanced(found)
    assert len(found.encode()) < limit


def test_json_is_plain_data_with_the_same_verdict() -> None:
    found = json.loads(json.dumps(report.to_json([everything(), StackPreview("b")])))
    assert found["format"] == report.FORMAT
    assert found["verdict"] == "opens"
    first, second = found["stacks"]
    assert second == {**second, "name": "b", "verdict": "same", "steps": [], "reach": []}
    (reach,) = first["reach"]
    everywhere = {"methods": ["*"], "paths": ["*"]}
    judged = {"grade": "A", "receives": "", "reason": "test"}
    assert reach["opened"] == [{"host": "h0.example", **everywhere, **judged}]
    assert reach["closed"] == [{"host": "old.example", **everywhere, "stays": []}]
    assert (reach["before"], reach["after"], reach["opens"]) == ("confined", "confined", True)
    assert first["agentVariables"] == {"t": [{"path": "x0", "old": "old", "new": "x"}]}
    assert first["destroyed"] == [
        {"op": "replace", "type": "kubernetes:core/v1:Secret", "name": "x0"}
    ]
    assert first["dashboards"][0]["changed"] == {"x0": ["options"], "one more": ["x"]}


def test_a_template_says_who_may_use_it_and_which_releases_move() -> None:
    found = StackPreview(
        "dev",
        steps=(step("update", TEMPLATE, {"name": "t", "acl": "a"}, {"name": "t", "acl": "b"}),),
        old_templates={"t": Registered({"engineering": "use"}, {"Boundary": "latest"})},
        new_templates={"t": Registered({"Everyone": "use"}, {"Boundary": "v0.9.0"})},
        floating=("workspaces.image = a floats",),
    )
    text = report.to_markdown([found])
    assert "> ⚠️ **Not pinned**: `workspaces.image = a floats`" in text
    assert (
        "- `t`: `acl`\n"
        "  - ⚠️ access: `engineering` (use) → **everyone in the organization** (use)\n"
        "  - release of `Boundary`: `latest` → `v0.9.0`\n"
    ) in text
    (stack,) = report.to_json([found])["stacks"]
    assert stack["notPinned"] == ["workspaces.image = a floats"]
    assert stack["access"] == {
        "t": {"before": {"engineering": "use"}, "after": {"Everyone": "use"}}
    }
    assert stack["pins"] == {"t": [{"path": "Boundary", "old": "latest", "new": "v0.9.0"}]}


@pytest.mark.parametrize(
    ("before", "after", "opens", "said"),
    [
        (False, True, True, "- ⚠️ **Coder's own agents reach every host from here**: their tools"),
        (None, True, True, "- ⚠️ **Coder's own agents reach every host from here**: their tools"),
        (True, False, False, "- Coder's own agents may no longer use it"),
        (True, True, False, ""),
        (None, False, False, ""),
        (False, False, False, ""),
    ],
)
def test_coders_own_agents_are_reach(
    before: bool | None, after: bool, opens: bool, said: str
) -> None:
    rules = {"t": policy("domain=a.example")}
    found = StackPreview(
        "dev",
        rules,
        rules,
        old_templates={"t": Registered(None, {}, before)},
        new_templates={"t": Registered(None, {}, after)},
    )
    text = report.to_markdown([found])
    assert ("Coder's own agents" in text) is bool(said)
    assert said in text
    assert (found.verdict == "opens") is opens
    (reach,) = report.to_json([found])["stacks"][0]["reach"]
    assert reach["coderAgents"] == {"before": before, "after": after}


def test_coders_own_agents_of_a_template_without_a_firewall_are_nothing_more() -> None:
    allowed = {"t": Registered(None, {}, True)}
    found = StackPreview("dev", {"t": None}, {"t": None}, new_templates=allowed)
    assert found.verdict == "same"


def test_what_changes_of_claude_codes_own_policy() -> None:
    found = StackPreview(
        "dev",
        steps=(
            step("update", TEMPLATE, {"name": "t", "versions": 1}, {"name": "t", "versions": 2}),
        ),
        old_templates={
            "t": Registered(None, {}, None, ("deny Bash(curl *)", "allow Read", "same"))
        },
        new_templates={"t": Registered(None, {}, None, ("allow Bash", "deny WebFetch", "same"))},
    )
    text = report.to_markdown([found])
    assert (
        "- `t`: a new version\n"
        "  - ⚠️ Claude Code's policy: newly `allow Bash`\n"
        "  - Claude Code's policy: newly `deny WebFetch`\n"
        "  - ⚠️ Claude Code's policy: **no longer** `deny Bash(curl *)`\n"
        "  - Claude Code's policy: **no longer** `allow Read`\n"
    ) in text
    (stack,) = report.to_json([found])["stacks"]
    assert stack["claudePolicy"] == {
        "t": {
            "added": ["allow Bash", "deny WebFetch"],
            "removed": ["deny Bash(curl *)", "allow Read"],
        }
    }


def test_a_long_value_that_is_not_known_yet_is_said_so() -> None:
    changed = step("update", CONFIG_MAP, {"data": {"a": "x" * 2000}}, {"data": {"a": UNKNOWN}})
    text = report.to_markdown([StackPreview("dev", steps=(changed,))])
    assert "    data.a: 2000 characters to [known after the update]\n" in text
