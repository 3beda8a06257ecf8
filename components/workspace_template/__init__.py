"""Workspace templates: one HCL source, rendered and declared per stack."""
