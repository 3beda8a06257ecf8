"""What a stack is made of."""
