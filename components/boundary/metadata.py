"""Where clouds give whoever asks from inside a machine its credentials."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network
from typing import Final

ADDRESSES_4: Final = tuple(
    map(
        IPv4Network,
        (
            # Link-local: EC2, Azure, Google, Oracle, OpenStack (169.254.169.254); ECS
            # (169.254.170.2) and EKS Pod Identity (169.254.170.23) credentials.
            "169.254.0.0/16",
            "168.63.129.16/32",  # Azure's platform, which answers HTTP on port 80
            "100.100.100.200/32",  # Alibaba Cloud
        ),
    )
)
ADDRESSES_6: Final = tuple(
    map(
        IPv6Network,
        (
            "fe80::/10",
            "fd00:ec2::/32",  # EC2 (::254) and EKS Pod Identity (::23)
            "fd20:ce::254/128",  # Google
        ),
    )
)
NAMES: Final = (
    *("metadata", "metadata.google.internal", "metadata.goog", "*.metadata.goog"),
    *("instance-data", "instance-data.ec2.internal"),
)
"""Names that clouds document for them, in domains where nobody registers any."""
PUBLIC_NAMES: Final = (
    *("metadata.tencentyun.com", "api.metadata.cloud.ibm.com"),
    *("metadata.packet.net", "metadata.platformequinix.com"),
)
"""Others."""
