"""The flows of Prefect, one a module (`curate`, `evaluate`, `mix`, `sweep`), and the tasks that they consist of."""
