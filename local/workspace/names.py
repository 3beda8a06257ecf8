"""Variables by which the stand-ins of a workspace know each other."""

from typing import Final

FOLDER: Final = "LOCAL_WORKSPACE"
"""The workspace's folder; every process of the workspace has it."""
ADDRESS: Final = "LOCAL_WORKSPACE_ADDRESS"
"""The address that Boundary's proxy listens on: the stand-in for a pod of its own."""
AUDIT: Final = "LOCAL_WORKSPACE_AUDIT"
"""The file that takes audit lines: what the agent does with them."""
AUDIT_SOCKET: Final = "CODER_AGENT_BOUNDARY_LOG_PROXY_SOCKET_PATH"
"""Coder's own: the agent's socket, without which Boundary sends no audit lines."""
CODERD: Final = "LOCAL_WORKSPACE_CODERD"
"""`HOST:PORT=HOST:PORT`: where the access URL's host is on this machine."""
BOUNDARY: Final = "LOCAL_WORKSPACE_BOUNDARY"
"""A real Boundary to be used in workspaces, for whoever has one."""
