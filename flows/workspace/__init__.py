"""Maintenance of a workspace: checks and clean-up."""
