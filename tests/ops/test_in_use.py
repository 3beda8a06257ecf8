"""Templates that go although people have workspaces of them."""

from ops import in_use, report
from ops.assessment import StackPreview
from ops.changes import Step
from ops.in_use import Used
from ops.tokens import TEMPLATE

USED = Used("firewalled", ("ada/a", "bob/b"))


def step(op: str, name: str, kind: str = TEMPLATE) -> Step:
    return Step(op, f"urn:pulumi:dev::p::{kind}::{name}-template", kind, {"name": name}, {})


def test_a_template_goes_that_is_removed_or_made_anew() -> None:
    steps = [
        *(step(op, op) for op in ("create", "update", "delete", "replace")),
        step("delete", "other", "kubernetes:core/v1:ConfigMap"),
    ]
    assert in_use.removed(steps) == {"delete", "replace"}


def test_the_report_names_the_workspaces_above_all_else() -> None:
    preview = StackPreview("dev", steps=(step("delete", "firewalled"),), in_use=(USED,))
    text = report.to_markdown([preview])
    first = text.splitlines()[0]
    assert "a template that goes has workspaces: nothing is applied" in first
    told = "`template firewalled has 2 workspaces: ada/a, bob/b`. Nothing is applied until they"
    assert told in text
    (stack,) = report.to_json([preview])["stacks"]
    assert stack["templatesInUse"] == [{"template": "firewalled", "workspaces": ("ada/a", "bob/b")}]
    assert report.to_json([StackPreview("dev")])["stacks"][0]["templatesInUse"] == []


def test_who_is_refused_is_never_sent_to_remove_the_stack() -> None:
    said = in_use.refusal([USED], "python -m ops up dev")
    assert "  template firewalled has 2 workspaces: ada/a, bob/b\n" in said
    assert "then run `python -m ops up dev` again" in said
    assert "destroy" not in said


def test_of_many_workspaces_the_first_are_named() -> None:
    many = Used("a", tuple(f"ada/{number}" for number in range(12)))
    assert str(many).endswith("ada/9 and 2 more")
    assert str(Used("a", ("ada/0",))) == "template a has 1 workspace: ada/0"
