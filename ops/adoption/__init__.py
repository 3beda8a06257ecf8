"""Taking what is there into a stack's state, where the engine's own import does not do."""
