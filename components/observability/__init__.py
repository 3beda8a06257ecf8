"""What Coder tells of itself, and since which of its releases."""
