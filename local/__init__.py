"""Everything the stack named local needs on a bare machine."""
