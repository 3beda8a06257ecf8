"""Errors that come with the command that goes on."""

import pytest
from pulumi import automation
from pulumi.automation._cmd import CommandResult

from ops import diagnostics, ways_out
from tests import recorded

NOT_MODIFIED, BROKEN = (
    next(
        line["errors"][0]
        for line in recorded.lines("providers/coderd.Template.jsonl")
        if line["run"] == run and line.get("errors")
    )
    for run in ("again", "broken")
)


@pytest.mark.parametrize(
    ("message", "way"),
    [
        (NOT_MODIFIED, "Run `python -m ops up STACK` again, which reads them back first."),
        (
            'POST x: unexpected status code 409: A template version with name "a" already exists '
            "for this template.",
            "gives it another",
        ),
        (
            'unexpected status code 409: Template with name "firewalled" already exists.',
            "any other by `python -m ops adopt STACK`",
        ),
        (
            "POST x: unexpected status code 409: MCP server config already exists.",
            "any other by `python -m ops adopt STACK`",
        ),
        (
            'POST x: unexpected status code 409: AI provider "claude" already exists.',
            "any other by `python -m ops adopt STACK`",
        ),
        (
            "PATCH x: unexpected status code 404: Resource not found or you do not have access to "
            "this resource",
            "`python -m ops up STACK` again reads that back and makes it anew.",
        ),
        (
            "failed to create template version: POST x: unexpected status code 404: Template does "
            "not exist.",
            "`python -m ops up STACK` again reads that back and makes it anew.",
        ),
        (
            "GET x/api/v2/users/me: unexpected status code 401: You are signed out or your session "
            "has expired.",
            "Set another by `pulumi config set --secret --path 'firewalled-coder:secrets."
            "coderToken' --stack STACK`, then run the same command again",
        ),
        (
            "configured Kubernetes cluster is unreachable: the server is currently unable to "
            "handle the request",
            "the state would forget all that is there, the network policy too.",
        ),
        (
            "DELETE x: unexpected status code 400: All workspaces must be deleted before a "
            "template can be removed.",
            "delete them, then run the same command again",
        ),
        (
            "Resource 'urn:a' depends on 'urn:b' which was was not specified in --target list.",
            "`python -m ops rollback STACK`, without --template, goes back with everything.",
        ),
        (
            'configmaps "a" already exists\n\nThe resource already exists in the cluster. This can',
            "taken over by `python -m ops refresh STACK` or the next up, any other by "
            "`python -m ops adopt STACK`.",
        ),
    ],
)
def test_an_error_that_has_a_way_out_names_the_command_in_a_line(message: str, way: str) -> None:
    said = ways_out.with_way_out(f"{message}\n")
    assert said.startswith(message)
    assert way in said.splitlines()[-1]
    failed = CommandResult(stdout="", stderr=f"error: {message}", code=1)
    assert said.splitlines()[-1] in diagnostics.said(automation.CommandError(failed))


def test_an_error_without_one_stays_as_it_is() -> None:
    assert ways_out.with_way_out(BROKEN) == BROKEN
