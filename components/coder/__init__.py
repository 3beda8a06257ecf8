"""What is asked of a Coder deployment and set on it."""
