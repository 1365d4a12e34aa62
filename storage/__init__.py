"""The workspace: stored data, and code that commits and reads it. Knows nothing of models, verifiers or Prefect."""

if __name__ == "storage":  # found because the checkout is on the path
    raise ImportError("import rollmill.storage")
