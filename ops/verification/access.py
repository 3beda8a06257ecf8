"""How a stack's deployment is reached: addresses, tokens, and what stands in for real parts."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from components import kubeconfig
from components.settings.model import Settings
from ops import engine, project, stacks
from ops.verification import plan, services
from ops.verification.cluster import ClusterReader
from ops.verification.deployment import CoderDeployment
from ops.verification.mcp import Server
from ops.verification.session import Context
from program.plan import dashboards

TOKEN: Final = "CODER_SESSION_TOKEN"  # noqa: S105  the name of a variable

_SERVICES: Final = ("grafana", "loki", "prometheus")


@dataclass(frozen=True)
class Access:
    """A stack's settings with the addresses that hold, and its secrets in clear.

    Attributes:
        settings: with the addresses of the stand-ins, for the stack local.
        token: a session token of Coder.
        secrets: the stack's others, as far as they were read.
        stood_in: by check, what stands in for what it asks.
    """

    settings: Settings
    token: str = field(repr=False)
    secrets: Mapping[str, Any] = field(default_factory=dict, repr=False)
    stood_in: Mapping[str, str] = field(default_factory=dict)

    @property
    def every_secret(self) -> Iterator[str]:
        """Every secret that is known here."""
        yield self.token
        yield from _leaves(self.secrets)
        for name in _SERVICES:
            yield os.environ.get(services.variables(name)[1], "")


def _leaves(secrets: Any) -> Iterator[str]:
    """Yield every text; not by which id a login is known, which coderd shows to everybody."""
    if isinstance(secrets, Mapping):
        for key, each in secrets.items():
            if key != "clientId":
                yield from _leaves(each)
    elif secrets is not None:
        yield str(secrets)


@dataclass(frozen=True)
class VerifyOptions:
    """What an operator wants verified.

    Attributes:
        stack: name of the stack.
        templates: their names; all if empty.
        owner: another user for whom a workspace is made; the settings' if None.
        parameters: rich parameters of the builds.
        minutes: how long each of a build, an agent's start and a deletion may take.
    """

    stack: str
    templates: Sequence[str] = ()
    owner: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    minutes: float = 10.0


@contextmanager
def access(stack: str, progress: Callable[[str], None]) -> Iterator[Access]:
    """Yield how to reach a stack's deployment, for as long as it is needed.

    Raises OperatorError and SettingsError.
    """
    settings = stacks.settings(stack)
    token = os.environ.get(TOKEN, "").strip()
    if token and stack != project.LOCAL:
        yield Access(settings, token)
        return
    with engine.session(stack, progress) as ready:
        # The local stack's settings get the stand-ins' addresses there.
        settings = stacks.settings(stack, ready.work_dir)
        secrets = json.loads(ready.stack.get_config(f"{project.PROJECT}:secrets").value)
        stood_in: Mapping[str, str] = {}
        if stack == project.LOCAL:
            from local.verification import STOOD_IN  # noqa: PLC0415  other stacks need none of it

            stood_in = STOOD_IN
        yield Access(settings, secrets["coderToken"], secrets, stood_in)


def context(asked: VerifyOptions, reached: Access, deployment: CoderDeployment) -> Context:
    """Return what a verification needs, as it was asked for; raises SelectionError."""
    settings = reached.settings
    keys = reached.secrets.get("mcp", {})
    there = services.places(settings, os.environ, reached.secrets.get("verify", {}))
    return Context(
        settings=settings,
        deployment=deployment,
        templates=plan.chosen(settings.templates, asked.templates),
        targets=plan.targets(
            settings,
            asked.templates,
            owner=asked.owner or settings.verify.owner or "",
            parameters=asked.parameters,
            minutes=asked.minutes,
        ),
        servers=[
            Server(each, keys.get(each.slug)) for each in plan.mcp_servers(settings, asked.stack)
        ],
        services=services.connected(there, dashboards(settings).context, deployment.redaction),
        cluster=ClusterReader(partial(kubeconfig.client, settings.kubernetes.context)),
        stack=asked.stack,
    )
