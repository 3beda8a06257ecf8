"""A stack's settings, read from its file without an engine, a cluster or a secret."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from components.boundary import Contract, Policy
from components.boundary.credentials import HIDDEN
from components.coder.variables import GITLAB_ID
from components.settings.load import load
from components.settings.model import Settings
from components.settings.problems import Problem, SettingsError, UnknownStackError, refuse
from components.settings.stored import FOLDER, file_of, passed_over
from ops import project, stack_file

RESERVED: Final = ("example.com", "example.net", "example.org", "example")
"""Domains that are nobody's: they are reserved for documentation (RFC 2606)."""


def names(root: Path = project.ROOT) -> list[str]:
    """Return the names of the stacks that have settings."""
    found = (root / FOLDER).glob("Pulumi.*.yaml")
    return sorted(path.name.removeprefix("Pulumi.").removesuffix(".yaml") for path in found)


def is_example(stack: str, root: Path = project.ROOT) -> bool:
    """Return whether the Coder of `stack` is at an address that is nobody's (`RESERVED`).

    A stack whose settings are wrong is none: it fails where it is previewed.
    """
    try:
        coder = _read(stack, root)[0].get("coder")
        url = coder.get("accessUrl") if isinstance(coder, Mapping) else None
        host = urlsplit(url).hostname if isinstance(url, str) else None
    except (SettingsError, ValueError):
        return False
    return host is not None and f".{host}".endswith(tuple(f".{each}" for each in RESERVED))


def settings(stack: str, root: Path = project.ROOT, *, proven: bool = True) -> Settings:
    """Return the settings of `stack`, every secret a placeholder; raises SettingsError.

    Without `proven`, also those whose policy breaks its contract, to be looked at.
    """
    values, problems = _read(stack, root)
    # Secrets belong to the machine that runs the engine; here they may be absent.
    values["secrets"] = _merged(values.get("secrets"), _all_secrets(values))
    return load(stack, values, proven=proven, stored=problems)


def protected(stack: str, root: Path = project.ROOT) -> bool:
    """Return whether `stack` says that it is protected, also when its settings are wrong.

    Raises SettingsError for a stack that is not there, and where the engine does not read all
    that its file says: that may be this.
    """
    values, problems = _read(stack, root)
    refuse(stack, filter(passed_over, problems))
    return values.get("protected", False) is not False


def has_switch(stack: str, root: Path = project.ROOT) -> bool:
    """Return whether `stack` has the firewall's switch; raises SettingsError."""
    return "firewall" in _read(stack, root)[0]


def policies(stack: str, root: Path = project.ROOT) -> dict[str, Policy]:
    """Return the policy of each template that is confined; raises SettingsError."""
    every = policies_of(settings(stack, root))
    return {name: policy for name, policy in every.items() if policy is not None}


def policies_of(settings: Settings) -> dict[str, Policy | None]:
    """Return the policy of every template, None without a firewall."""
    return {template.name: settings.policy_of(template) for template in settings.templates}


def suspended_of(settings: Settings) -> dict[str, Policy]:
    """Return the policies that the emergency switch has off, by template."""
    every = {each.name: settings.suspended_policy_of(each) for each in settings.templates}
    return {name: policy for name, policy in every.items() if policy is not None}


def contract(stack: str, root: Path = project.ROOT) -> Contract:
    """Return what the stack demands of its policy; raises SettingsError."""
    return settings(stack, root).policy.contract


def _read(stack: str, root: Path) -> tuple[dict[str, Any], list[Problem]]:
    path = file_of(stack, root)
    try:
        return stack_file.checked(path.read_bytes(), path.name)
    except FileNotFoundError:
        raise UnknownStackError(stack, names(root)) from None
    except stack_file.StackFileError as error:
        raise SettingsError(stack, [Problem(path.name, "", str(error))]) from None


def _merged(stored: Any, every: Any) -> Any:
    """Return placeholders for secrets, and what the file has besides: it may be wrong."""
    if isinstance(stored, Mapping) and isinstance(every, Mapping):
        return {
            **every,
            **{key: _merged(value, every.get(key)) for key, value in stored.items()},
        }
    if stored and isinstance(stored, Mapping | list):
        return stored
    return HIDDEN if every is None else every


def _all_secrets(values: Mapping[str, Any]) -> dict[str, Any]:
    login = values.get("externalAuth")
    providers = login.get("providers") if isinstance(login, Mapping) else None
    servers = values.get("mcpServers")
    gateway = values.get("aiGateway")
    models = gateway.get("providers") if isinstance(gateway, Mapping) else None
    every = {"apiKey": HIDDEN, "accessKey": HIDDEN, "accessKeySecret": HIDDEN}
    pair = {"clientId": HIDDEN, "clientSecret": HIDDEN}
    return {
        "coderToken": HIDDEN,
        "externalAuth": {
            str(each.get("id", GITLAB_ID)): pair
            for each in (providers if isinstance(providers, list) else ())
            if isinstance(each, Mapping)
        },
        "mcp": {
            str(each.get("slug")): HIDDEN
            for each in (servers if isinstance(servers, list) else ())
            if isinstance(each, Mapping)
        },
        "aiProviders": {
            str(each.get("name")): every
            for each in (models if isinstance(models, list) else ())
            if isinstance(each, Mapping)
        },
    }
