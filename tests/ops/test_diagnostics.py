"""What the engine says is wrong, and where."""

from typing import Any

import pytest
from pulumi import automation
from pulumi.automation._cmd import CommandResult
from pulumi.automation.events import DiagnosticEvent, EngineEvent

from ops import diagnostics
from ops.project import ROOT

URN = "urn:pulumi:dev::firewalled-coder::kubernetes:core/v1:ConfigMap::{}"
STACK = "urn:pulumi:dev::firewalled-coder::pulumi:pulumi:Stack::firewalled-coder-dev"


@pytest.mark.parametrize(
    ("errors", "said"),
    [
        ([("", "preview failed\n")], "preview failed"),
        ([(URN.format("a"), "no namespace\n"), ("", "preview failed\n")], "a: no namespace"),
        # One cause that every resource of a cluster meets.
        (
            [(URN.format(name), "Preview failed: unreachable") for name in "abcdefg"],
            "a, b, c, d, e and 2 more: unreachable",
        ),
        # The program's own error, which the Automation API says twice.
        (
            [(STACK, "no rules\n"), (STACK, "an unhandled error occurred: no rules")],
            "no rules",
        ),
        # An error that the program did not foresee: its place, and no traceback.
        (
            [
                (
                    STACK,
                    "python inline source runtime error: coderd does not answer\n"
                    "Traceback (most recent call last):\n"
                    f'  File "{ROOT}/__main__.py", line 48, in declare\n'
                    f'  File "{ROOT}/.venv/lib/site-packages/x.py", line 3, in invoke\n'
                    "Exception: coderd does not answer",
                )
            ],
            "coderd does not answer (at __main__.py:48)",
        ),
        # What Pulumi's bridge of a Terraform provider says of one error.
        (
            [
                (URN.format("a"), "[ERROR] Failed to get template: GET x: 403: no: Client Error\n"),
                (URN.format("a"), "Client Error: Failed to get template: GET x: 403: no\n"),
            ],
            "a: Client Error: Failed to get template: GET x: 403: no",
        ),
        ([], ""),
    ],
)
def test_the_cause_of_a_failure_is_told_once(errors: list[tuple[str, str]], said: str) -> None:
    assert diagnostics.failure(errors) == said


def ended(stdout: str = "", stderr: str = "", code: int = 255) -> automation.CommandError:
    result = CommandResult(stdout=stdout, stderr=stderr, code=code)
    return automation.errors.create_command_error(result)


def test_a_run_that_fails_says_why_at_which_resource_and_keeps_its_listener() -> None:
    heard = []

    def up(on_event: Any, **_: Any) -> None:
        for urn, text in (
            (URN.format("a"), "error: quota exceeded\n"),
            (STACK, "update failed"),
        ):
            told = DiagnosticEvent(message=text, color="never", severity="error", urn=urn)
            on_event(EngineEvent(sequence=1, timestamp=1, diagnostic_event=told))
        raise ended("a long log")

    with pytest.raises(diagnostics.RunError) as failed:
        diagnostics.run(up, on_event=heard.append, message="m")
    assert str(failed.value) == "a: error: quota exceeded"
    assert len(heard) == 2


ADVICE = (
    "failed to read resource state due to unreachable cluster. If the cluster was deleted, you can "
    "remove this resource from Pulumi state by rerunning the operation with the "
    'PULUMI_K8S_DELETE_UNREACHABLE environment variable set to "true"'
)


@pytest.mark.parametrize("warned", [True, False])
def test_of_a_cluster_that_does_not_answer_the_cause_is_told_and_no_advice_to_forget_it(
    warned: bool,
) -> None:
    cause = "configured Kubernetes cluster is unreachable: x509: certificate has expired"

    def refresh(on_event: Any) -> None:
        for name in ("a", "b"):
            for severity, text in (("warning", cause), ("error", ADVICE)):
                told = DiagnosticEvent(
                    message=text, color="never", severity=severity, urn=URN.format(name)
                )
                if warned or severity == "error":
                    on_event(EngineEvent(sequence=1, timestamp=1, diagnostic_event=told))
        raise ended("a long log")

    with pytest.raises(diagnostics.RunError) as failed:
        diagnostics.run(refresh)
    first, *_, last = str(failed.value).splitlines()
    assert first == f"a, b: {cause if warned else ADVICE}"
    assert "Of a living cluster, do not set PULUMI_K8S_DELETE_UNREACHABLE" in last
    assert last.endswith("It is for one that is gone for good.")


def test_a_run_that_never_began_says_what_the_command_line_said() -> None:
    def up(on_event: Any) -> None:
        raise ended(stderr="error: no passphrase\n  set PULUMI_CONFIG_PASSPHRASE")

    with pytest.raises(diagnostics.RunError, match=r"^no passphrase$"):
        diagnostics.run(up)


def test_words_that_are_marked_by_nothing_are_told_too() -> None:
    """Whatever the end, something is said of it: there is nothing above to be seen."""
    said = diagnostics.said(ended("Updating\n\n  panic: out of memory\n"))
    assert said == "the engine failed: stdout: Updating / panic: out of memory"
    assert diagnostics.said(ended()) == "the engine failed and said nothing"
    killed = diagnostics.said(ended("Updating", code=-9))
    assert killed.startswith("the engine was killed by signal 9; what was done stays.")
    assert "`python -m ops cancel STACK`" in killed


def test_the_command_that_goes_on_names_the_stack() -> None:
    class Killed(automation.Stack):
        name = "dev"

        def __init__(self) -> None:
            pass

        def up(self, *_arguments: Any, **_options: Any) -> automation.UpResult:
            raise ended("Updating", code=-9)

        def refresh(self, *_arguments: Any, **_options: Any) -> automation.RefreshResult:
            raise ended(stderr="error: snapshot integrity failure")

    stack = Killed()
    with pytest.raises(diagnostics.RunError, match=r"`python -m ops cancel dev`"):
        diagnostics.run(stack.up)
    with pytest.raises(diagnostics.RunError, match=r"`pulumi state repair --stack dev`"):
        diagnostics.run(stack.refresh)


def test_another_update_is_another_error() -> None:
    def up(on_event: Any) -> None:
        raise ended(stderr="error: the stack is currently locked by 1 lock(s).")

    with pytest.raises(automation.ConcurrentUpdateError):
        diagnostics.run(up)
