"""The program's main walk on whatever real parts are there; `python -m tests.conformance`."""
