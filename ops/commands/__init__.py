"""The commands of `python -m ops`: options in, one call, print."""
