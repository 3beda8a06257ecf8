"""What Coder's Helm chart calls what it makes, unless its values say otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

NAMESPACE: Final = "coder"
"""Of coderd, as Coder's documentation installs the chart."""
DEPLOYMENT: Final = "coder"
CONTAINER: Final = "coder"
"""Of coderd in its pod."""
POD_LABELS: Final[Mapping[str, str]] = MappingProxyType({"app.kubernetes.io/name": "coder"})
PORTS: Final = (8080, 8443)
"""On which coderd's pods listen, by http and https."""
