"""Kinds of jobs (a module each) and the driver that runs any of them, directly or as tasks of Prefect."""
