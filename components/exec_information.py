"""What an exec plugin of a kubeconfig is told of the cluster."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any


def told(cluster: Mapping[str, Any], authority: str) -> dict[str, Any]:
    """Return `spec.cluster` of an ExecCredential.

    Args:
        cluster: as the kubeconfig has it.
        authority: PEM of the authorities that sign its certificate.
    """
    config: Any = next(
        (
            (each.get("extension") or {})
            for each in cluster.get("extensions") or ()
            if each.get("name") == "client.authentication.k8s.io/exec"
        ),
        None,
    )
    told = {
        "server": cluster.get("server"),
        "tls-server-name": cluster.get("tls-server-name"),
        "insecure-skip-tls-verify": cluster.get("insecure-skip-tls-verify"),
        "certificate-authority-data": base64.b64encode(authority.encode()).decode(),
        "proxy-url": cluster.get("proxy-url"),
    }
    return {**{key: value for key, value in told.items() if value}, "config": config}
