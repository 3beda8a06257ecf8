"""What stands in for a running workspace: its processes, Boundary and its proxy."""
