"""The runner: draws, verifies and commits one round with bounded queues. Knows steps and storage, never Prefect."""
