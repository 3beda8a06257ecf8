"""The operator's commands: a thin layer over Pulumi's Automation API."""
