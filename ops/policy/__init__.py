"""What is asked of a policy, and what it answers."""
