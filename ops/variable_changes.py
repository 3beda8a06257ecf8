"""Agent variables that send an agent's or Boundary's traffic elsewhere, or trust whom they say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from components.releases import CLAUDE_CODE_PIN, wiring_of
from ops.changes import Change, without_secrets
from ops.markdown import code, turned
from ops.template_changes import Registered
from ops.wall_changes import WallChange

_PROXY: Final = "agents' traffic goes by a proxy of the settings"
_CHECKS: Final = "agents check TLS certificates less"
_TRUST: Final = "agents trust other certificate authorities"
_ELSEWHERE: Final = "agents' programs are sent to another server"

# As their programs read them: proxies and npm's settings in any case.
_WARNINGS: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        (
            *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "FTP_PROXY"),
            *("NPM_CONFIG_PROXY", "NPM_CONFIG_HTTPS_PROXY", "PIP_PROXY", "CARGO_HTTP_PROXY"),
        ),
        _PROXY,
    ),
    **dict.fromkeys(
        (
            *("SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS", "CURL_CA_BUNDLE"),
            *("REQUESTS_CA_BUNDLE", "GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "AWS_CA_BUNDLE"),
            *("PIP_CERT", "NPM_CONFIG_CAFILE", "NPM_CONFIG_CA", "CARGO_HTTP_CAINFO", "DENO_CERT"),
        ),
        _TRUST,
    ),
    **dict.fromkeys(
        (
            *("GIT_SSL_NO_VERIFY", "PIP_TRUSTED_HOST", "GOINSECURE", "GONOSUMDB", "GONOSUMCHECK"),
            *("DENO_TLS_CA_STORE", "CURL_INSECURE"),
        ),
        _CHECKS,
    ),
    **dict.fromkeys(("CODER_URL",), _ELSEWHERE),
}
# By a value alone: any other one leaves the checks as they are.
_OFF: Final[Mapping[str, frozenset[str]]] = {
    "NODE_TLS_REJECT_UNAUTHORIZED": frozenset({"0"}),
    "PYTHONHTTPSVERIFY": frozenset({"0"}),
    "NPM_CONFIG_STRICT_SSL": frozenset({"false", "0", ""}),
    "CARGO_HTTP_CHECK_REVOKE": frozenset({"false"}),
}
# OPENAI_BASE_URL, ANTHROPIC_BEDROCK_BASE_URL, OTEL_EXPORTER_OTLP_ENDPOINT and their like.
_ENDPOINTS: Final = ("_BASE_URL", "_OTLP_ENDPOINT", "_TRACES_ENDPOINT", "_LOGS_ENDPOINT")
# What a module of Claude Code sets by itself, so that the template's own variables have it no more;
# components/workspace_template/terraform/claude_code_4.tf and claude_code_5.tf.
_ADDRESS: Final = "Coder's AI Gateway"
_OWNERS: Final = "the owner's session token"
_OF_MODULE: Final[Mapping[int, Mapping[str, str]]] = {
    4: {"ANTHROPIC_BASE_URL": _ADDRESS, "CLAUDE_API_KEY": _OWNERS},
    5: {"ANTHROPIC_BASE_URL": _ADDRESS, "ANTHROPIC_AUTH_TOKEN": _OWNERS},
}


def variable_line(change: Change, before: Registered | None, after: Registered | None) -> str:
    """Return a variable of a template that differs as a line of Markdown.

    One that the template sets no longer, or did not set before, may be the module's own there.
    """
    old, new = _by_module(change.path, before), _by_module(change.path, after)
    if change.new is None and new:
        said = f"{code(change.old or '')} → stays, **set by the module claude-code** to {new}"
    elif change.old is None and old:
        said = f"set by the module claude-code to {old} → {code(change.new or '')}"
    else:
        said = turned(change.old, change.new)
    return f"{variable_mark(change)}{code(change.path)}: {said}"


def _by_module(name: str, of: Registered | None) -> str:
    release = of.pins.get(CLAUDE_CODE_PIN, "") if of else ""
    return _OF_MODULE.get(wiring_of(release), {}).get(name, "") if release else ""


def variable_warning(name: str, value: str | None) -> str:
    """Return what a variable of an agent lets happen, empty if nothing, or if it goes."""
    upper = name.upper()
    if value is None:
        return ""
    if value in _OFF.get(upper, ()):
        return _CHECKS
    return _WARNINGS.get(upper) or (_ELSEWHERE if upper.endswith(_ENDPOINTS) else "")


def variable_mark(change: Change) -> str:
    """Return what stands before a variable that differs."""
    return "⚠️ " if variable_warning(change.path, change.new) else ""


def variable_warnings(changes: Mapping[str, Iterable[Change]]) -> tuple[str, ...]:
    """Return what the headline says of variables that differ, by template, each once."""
    found = (variable_warning(e.path, e.new) for each in changes.values() for e in each)
    return tuple(dict.fromkeys(filter(None, found)))


def of_new(
    old: Mapping[str, Mapping[str, str]] | None, new: Mapping[str, Mapping[str, str]]
) -> Iterator[WallChange]:
    """Yield such variables of templates that are new; nothing if the old ones are not known."""
    for name, variables in new.items():
        if old is None or name in old:
            continue
        for variable, value in without_secrets(variables).items():
            if warning := variable_warning(variable, value):
                yield WallChange(name, f"variable {variable}", "", value, warning)
