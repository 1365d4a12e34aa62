"""The workspace: what is stored, how it is committed, and how it is read. Knows nothing of models, verifiers or Prefect."""
