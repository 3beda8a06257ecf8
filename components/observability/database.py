"""The protection of Grafana's connection to Coder's database; no Pulumi, as settings ask too."""

from __future__ import annotations

from typing import Literal

from components.syntax import is_host

SslMode = Literal["disable", "require", "verify-ca", "verify-full"]


def is_database_host(text: str) -> bool:
    """Whether `text` is host:port, as Grafana's data source of PostgreSQL takes it."""
    return ":" in text and is_host(text)


def ca_problem(mode: SslMode, ca_file: str | None) -> str | None:
    """Return what is wrong with the path of a CA beside an sslmode, None if nothing is.

    Grafana verifies nothing without one, and with one takes require for verify-ca.
    """
    if mode.startswith("verify") and not ca_file:
        return f"{mode} needs the path of a CA in Grafana's pod"
    if ca_file and not mode.startswith("verify"):
        return f"{mode} uses no CA; verify-ca and verify-full do"
    if ca_file and (not ca_file.startswith("/") or not ca_file.isprintable()):
        return "the path of a CA must be absolute, as /etc/grafana/ca/ca.crt"
    return None
