"""Verbs for workspaces, schedules and services."""
