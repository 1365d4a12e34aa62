"""Kinds of jobs (a module each) and the driver that runs any of them, at once or as tasks of Prefect."""
