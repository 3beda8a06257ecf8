"""Makes the evidence of a run: what the results alone do not say."""

from __future__ import annotations

import hashlib
import io
import platform
import tarfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Final

from components.coder.api import CoderdError
from components.settings.model import Settings
from components.settings.templates import TemplateSettings
from ops import git
from ops.verification.deployment import (
    BuildInfo,
    CoderDeployment,
    DeployedTemplate,
    TemplateVersion,
    User,
)
from ops.verification.evidence import Evidence
from ops.verification.left_out import LeftOut
from ops.verification.mcp import listed
from ops.verification.model import Failed, NotChecked, stamp
from ops.verification.path import organization_of
from ops.verification.run import Run
from ops.verification.since import Now

POLICY_FILE: Final = "boundary.yaml"

Versions = dict[str, dict[str, str]]


def policy_of(archive: bytes) -> bytes | None:
    """Return the policy's file of a template version's archive, None if it has none."""
    return member_of(archive, POLICY_FILE)


def member_of(archive: bytes, name: str) -> bytes | None:
    """Return a file of a template version's archive, None if it has none of that name."""
    return files_of(archive).get(name)


def files_of(archive: bytes) -> dict[str, bytes]:
    """Return the files of a template version's archive by name; none of what is no archive."""
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            for member in tar:
                # Of two members of one name the later is what is unpacked.
                if not member.isdir():
                    file = tar.extractfile(member) if member.isfile() else None
                    found[member.name.removeprefix("./")] = file.read() if file else b""
    except tarfile.TarError:
        return {}
    return found


def versions(deployment: CoderDeployment, settings: Settings, wanted: Collection[str]) -> Versions:
    """Return the active version of each template: its name, id and the digest of its policy.

    Whether Coder's own agents may use the template is beside it, as far as Coder knows that.

    Raises:
        CoderdError, Failed: coderd cannot be asked.
    """
    organization = organization_of(deployment, settings.coder.organization)
    path = f"/api/v2/organizations/{organization}/templates"
    found: Versions = {}
    for each in deployment.get(tuple[DeployedTemplate, ...], path):
        if each.name not in wanted:
            continue
        version = deployment.get(
            TemplateVersion, f"/api/v2/templateversions/{each.active_version_id}"
        )
        entry = {"version": version.name, "id": version.id}
        if version.job.file_id:
            policy = policy_of(deployment.download(f"/api/v2/files/{version.job.file_id}"))
            if policy is not None:
                entry["policy"] = hashlib.sha256(policy).hexdigest()
        if each.agents_allowed is not None:
            entry["agents_allowed"] = str(each.agents_allowed).lower()
        found[each.name] = entry
    return found


def mcp_servers(
    deployment: CoderDeployment, settings: Settings, wanted: Collection[str]
) -> Versions | None:
    """Return what Coder has of each MCP server; None where it does not say."""
    if not wanted:
        return {}
    try:
        every = listed(deployment, settings.coder.organization)
    except (CoderdError, Failed, NotChecked):
        return None
    clean = deployment.redaction.text
    return {
        each.slug: {name: clean(value) for name, value in each.facts.items()}
        for each in every
        if each.slug in wanted
    }


def evidence(
    run: Run,
    deployment: CoderDeployment,
    stack: str,
    settings: Settings,
    templates: Sequence[TemplateSettings],
    *,
    root: Path,
    times: tuple[str, str],
    stood_in: Mapping[str, str],
    left: LeftOut | None = None,
) -> Evidence:
    """Return the evidence of a run.

    Args:
        run: with its results.
        deployment: the deployment that was verified.
        stack: name of the stack.
        settings: the stack's.
        templates: those that were verified.
        root: the checkout.
        times: when it began and ended.
        stood_in: what stood in for a real part, by check.
        left: what was not asked for.

    Raises:
        CoderdError, Failed: coderd cannot be asked any more.
    """
    facts = git.facts(root)
    build = deployment.get(BuildInfo, "/api/v2/buildinfo")
    user = deployment.get(User, "/api/v2/users/me")
    return Evidence(
        stack=stack,
        began=stamp(run.state.began) if run.state.resumed else times[0],
        ended=times[1],
        who=git.who(root),
        commit=facts.commit or "",
        dirty=facts.dirty,
        interrupted=run.clock.ending.is_set(),
        coder={"URL": deployment.url, "release": build.version, "user": user.username},
        versions=versions(deployment, settings, [each.name for each in templates]),
        tools={"Python": platform.python_version(), "system": platform.platform(terse=True)},
        stood_in=dict(stood_in),
        results=run.results,
        left_out=left or LeftOut(),
        resumed=stamp(run.state.resumed) if run.state.resumed else "",
        mcp_servers=mcp_servers(deployment, settings, [e.slug for e in settings.mcp_servers]),
    )


def now(deployment: CoderDeployment, settings: Settings, before: Evidence, root: Path) -> Now:
    """Return what there is now of what evidence has, and of what came to the stack since.

    Raises:
        CoderdError, Failed: coderd cannot be asked.
    """
    facts = git.facts(root)
    slugs = {each.slug for each in settings.mcp_servers} | {*(before.mcp_servers or {})}
    names = {each.name for each in settings.templates} | {*before.versions}
    return Now(
        commit=facts.commit or "",
        dirty=facts.dirty,
        release=deployment.get(BuildInfo, "/api/v2/buildinfo").version,
        url=deployment.url,
        versions=versions(deployment, settings, names),
        mcp_servers=mcp_servers(deployment, settings, slugs),
    )
