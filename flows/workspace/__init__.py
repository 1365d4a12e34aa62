"""Looking after a workspace: its health and its garbage."""
