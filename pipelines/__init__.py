"""Steps: pure functions over records, one folder per kind of step. None of them knows the workspace or Prefect."""
