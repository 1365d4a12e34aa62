"""Reading a workspace: for notebooks, and the queries behind the dashboard. Writes nothing and holds no lock.

Every function reads what is registered at that moment, so all of them work while a run writes. None imports Prefect.
"""

from storage.queries.datasets import (
    DatasetRow,
    VersionRow,
    compare,
    datasets,
    version_card,
    version_manifest,
    version_report,
    versions_of,
)
from storage.queries.detail import ProblemDetail, RolloutDetail, problem_detail
from storage.queries.funnel import Funnel, funnel
from storage.queries.notebook import WorkspaceView, open_workspace
from storage.queries.rates import GroupRate, overall_rate, pass_rates
from storage.queries.reader import Reader
from storage.queries.runs import RunSummary, StageProgress, run_progress, runs
from storage.queries.scope import Scope, dataset_scope, run_scope, workspace_scope
from storage.queries.search import Filters, ProblemPage, ProblemRow, choices, search_problems
from storage.queries.selection import Band, Share, pass_rate_bands, selection_shares

__all__ = [
    "Band",
    "DatasetRow",
    "Filters",
    "Funnel",
    "GroupRate",
    "ProblemDetail",
    "ProblemPage",
    "ProblemRow",
    "Reader",
    "RolloutDetail",
    "RunSummary",
    "Scope",
    "Share",
    "StageProgress",
    "VersionRow",
    "WorkspaceView",
    "choices",
    "compare",
    "dataset_scope",
    "datasets",
    "funnel",
    "open_workspace",
    "overall_rate",
    "pass_rate_bands",
    "pass_rates",
    "problem_detail",
    "run_progress",
    "run_scope",
    "runs",
    "search_problems",
    "selection_shares",
    "version_card",
    "version_manifest",
    "version_report",
    "versions_of",
    "workspace_scope",
]
