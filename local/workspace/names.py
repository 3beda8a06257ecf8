"""Variables by which the stand-ins of a workspace know each other."""

from typing import Final

FOLDER: Final = "LOCAL_WORKSPACE"
"""The workspace's folder; every process of the workspace has it."""
ADDRESS: Final = "LOCAL_WORKSPACE_ADDRESS"
"""The address that Boundary's proxy listens on: the stand-in for a pod of its own."""
AUDIT: Final = "LOCAL_WORKSPACE_AUDIT"
"""The file that takes audit lines: the stand-in for the agent's socket."""
CODERD: Final = "LOCAL_WORKSPACE_CODERD"
"""`HOST:PORT=HOST:PORT`: where the access URL's host is on this machine."""
BOUNDARY: Final = "LOCAL_WORKSPACE_BOUNDARY"
"""A real Boundary to be used in workspaces, for whoever has one."""
