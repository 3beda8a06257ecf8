"""One file a command: its options, its help, and one call of what does the work.

What a command needs is imported in its body, so that `--help` loads none of it: the engine's SDK
alone takes longer than all else.
"""
