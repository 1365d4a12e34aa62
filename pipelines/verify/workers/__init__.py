"""Worker processes with hard limits (`pool`, `worker`) and the question they answer (`judgement`)."""
