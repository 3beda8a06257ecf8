import pytest
from pulumi import automation
from pulumi.automation._cmd import CommandResult

from ops import conflicts, diagnostics, ways_out

LOCAL = "Server-Side Apply field conflict: the field manager firewalled-coder cannot take fields"
PLUGIN = 'apply conflict: Apply failed with 1 conflict: conflict with "kubectl" using v1: .data.a'


@pytest.mark.parametrize("message", [LOCAL, PLUGIN])
def test_a_field_of_somebody_else_comes_with_the_way_out(message: str) -> None:
    said = ways_out.with_way_out(f"{message}\n")
    assert said.startswith(f"{message}\n")
    assert "kubernetes.forceConflicts" in said
    assert "PULUMI_K8S_ENABLE_PATCH_FORCE=true" in said
    failed = CommandResult(stdout=f"    error: {message}", stderr="", code=1)
    assert conflicts.WAY_OUT in diagnostics.said(automation.CommandError(failed))


def test_whose_the_object_is_stands_before_how_to_take_it() -> None:
    for message in (LOCAL, "configmaps x: The resource already exists in the cluster"):
        said = ways_out.with_way_out(message)
        ours = said.index("annotation firewalled-coder/stack")
        (taking,) = (each for each in ("PATCH_FORCE", "ops adopt STACK") if each in said)
        assert ours < said.index("a grafana.prefix or a workspaces.namespace of its own")
        assert ours < said.index(taking)


def test_another_failure_has_no_such_way_out() -> None:
    message = "the API server refused: merge conflict in the text of the rule"
    assert ways_out.with_way_out(message) == message
    failed = CommandResult(stdout=f"    error: {message}", stderr="", code=1)
    assert diagnostics.said(automation.CommandError(failed)) == message
