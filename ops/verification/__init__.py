"""Proves on a running deployment that the firewall holds: checks, and the evidence of them."""
