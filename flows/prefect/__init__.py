"""The managed Prefect: one loopback server per workspace, its home inside the workspace, its schedules kept by us."""

from rollmill.flows.prefect.untrusted import read_no_settings_of_folders

read_no_settings_of_folders()  # here, because every module of this package that imports Prefect is imported after it
