"""Worker processes in which verifiers judge."""
