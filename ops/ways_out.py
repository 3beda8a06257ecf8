"""What to do about an error of the engine that has a way out which its message does not know."""

from __future__ import annotations

import re
from typing import Final

from ops import secrets_key
from ops.conflicts import WAY_OUT, is_conflict

# What coderd, Coder's Terraform provider and pulumi-kubernetes say, and how to go on after it.
_WAYS: Final = (
    (
        re.compile(r"PULUMI_ACCESS_TOKEN must be set for login"),
        "No backend is chosen: set PULUMI_BACKEND_URL, as in docs/backends.md, which also says "
        "what else the backend needs; or choose one with `pulumi login`.",
    ),
    (
        re.compile(r"template metadata not modified"),
        "coderd has these settings already: an update was cut off or failed after it had changed "
        "them. Run `python -m ops up STACK` again, which reads them back first.",
    ),
    (
        re.compile(r'A template version with name "[^"]*" already exists'),
        "An update that was cut off or failed has used up the version's name. Run "
        "`python -m ops up STACK` again, which gives it another.",
    ),
    (
        re.compile(r'Template with name "[^"]*" already exists'),
        "The state does not know the template. One that this stack was making is taken over by "
        "`python -m ops up STACK`, any other by `python -m ops adopt STACK`.",
    ),
    (
        re.compile(r"MCP server config already exists"),
        "The state does not know the MCP server. One that this stack was making is taken over by "
        "`python -m ops up STACK`, any other by `python -m ops adopt STACK`.",
    ),
    (
        re.compile(r'AI provider "[^"]*" already exists'),
        "The state does not know the AI provider. One that this stack was making is taken over by "
        "`python -m ops up STACK`, any other by `python -m ops adopt STACK`.",
    ),
    (
        # The second where nothing but the version changes.
        re.compile(r"unexpected status code 404: (?:Resource not found|Template does not exist)"),
        "It was deleted in Coder, or the stack's token may not see it. If it is gone, "
        "`python -m ops up STACK` again reads that back and makes it anew.",
    ),
    (
        re.compile(r"unexpected status code 401"),
        "Coder does not take the stack's token any more: it was revoked or has expired. Set "
        "another by `pulumi config set --secret --path 'firewalled-coder:secrets.coderToken' "
        "--stack STACK`, then run the same command again: the new one is used at once.",
    ),
    (
        re.compile(r"Kubernetes cluster is unreachable|due to unreachable cluster"),
        "The cluster does not answer as one: its API server is away, a certificate or a login has "
        "expired, or another server answers. Once `kubectl get namespaces` works with the same "
        "kubeconfig and context, run `python -m ops refresh STACK`. Of a living cluster, do not "
        "set PULUMI_K8S_DELETE_UNREACHABLE: the state would forget all that is there, the "
        "network policy too. It is for one that is gone for good.",
    ),
    (
        re.compile(r"All workspaces must be deleted before a template can be removed"),
        "Have the owners of the workspaces delete them, then run the same command again. "
        "`python -m ops up STACK` and `python -m ops destroy STACK` list them before they begin, "
        "and `destroy` removes the whole stack.",
    ),
    (
        re.compile(r"snapshot integrity"),
        "`pulumi state repair --stack STACK` brings the state in order; run it where the stack's "
        "backend and passphrase are set.",
    ),
    (
        re.compile(r"not specified in -+target list"),
        "The template needs what the stack has no longer, such as its network policy: "
        "`python -m ops rollback STACK`, without --template, goes back with everything.",
    ),
    (
        re.compile(r"The resource already exists in the cluster"),
        "The state does not know the object. If its annotation firewalled-coder/stack names "
        "another stack (`kubectl describe`), leave it there, and give this one a grafana.prefix "
        "or a workspaces.namespace of its own.\n"
        "One that this stack was making when its update was killed is taken over by "
        "`python -m ops refresh STACK` or the next up, any other by `python -m ops adopt STACK`.",
    ),
)

_COMMAND: Final = re.compile(r"\bSTACK\b")


def with_way_out(message: str, said: str = "", stack: str = "STACK") -> str:
    """Return an engine's message, and how to go on where that is known: a line each.

    That a stack's secrets cannot be read is told in a line of its own in place of the message.

    Args:
        message: what the engine said.
        said: all that it said, if that is more than the message.
        stack: whose name stands in the commands.
    """
    text = f"{message}\n{said}"
    if told := secrets_key.told(text, stack):
        return told
    ways = [WAY_OUT] if is_conflict(text) else []
    ways += [_COMMAND.sub(stack, way) for pattern, way in _WAYS if pattern.search(text)]
    return "\n".join([message.rstrip(), *ways]) if ways else message
