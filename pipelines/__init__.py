"""Steps: pure functions over records, one folder per kind of step. None of them knows the workspace or Prefect."""

if __name__ == "pipelines":  # found because the checkout is on the path
    raise ImportError("import rollmill.pipelines")
