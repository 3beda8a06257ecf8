"""What the cluster lets workspaces reach and take: network policies, Pod Security, quota."""
