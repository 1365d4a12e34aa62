"""The managed Prefect: one loopback server per workspace, its home inside the workspace, its schedules kept by us."""
