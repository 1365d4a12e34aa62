"""The embedded engine: a small model on the CPU, without a server."""
