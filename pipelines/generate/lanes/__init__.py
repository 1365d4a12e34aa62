"""Lanes of the engine `embedded` in processes of their own: `crew` is the host's side, `child` the process."""
