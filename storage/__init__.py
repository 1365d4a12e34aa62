"""The workspace: stored data, and code that commits and reads it. Knows nothing of models, verifiers or Prefect."""
