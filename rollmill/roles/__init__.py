"""Roles: the protocols of methods, the values that they exchange, and the registries that find them by name."""
