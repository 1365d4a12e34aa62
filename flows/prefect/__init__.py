"""The managed Prefect: one loopback server per workspace, its home inside the workspace, its schedules kept by us."""

import sys

from flows.prefect.untrusted import SourcesFinder

# Here, because every module of this package that imports Prefect is imported after it.
if not any(isinstance(finder, SourcesFinder) for finder in sys.meta_path):
    sys.meta_path.insert(0, SourcesFinder())
