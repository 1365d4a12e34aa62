"""Looking after a workspace: its health, its garbage, and which processes work in it."""
