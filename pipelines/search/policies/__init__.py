"""Search policies: which begun answer grows next."""
