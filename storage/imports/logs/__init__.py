"""Logs of evaluation tools: the answers in their rows, for imports, and whole logs with their printed numbers."""
