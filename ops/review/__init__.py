"""What reviews of a change are made of."""
