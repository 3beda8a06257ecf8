"""Alerts on the audit, the policy and the AI Gateway: what they watch, and who evaluates them."""
