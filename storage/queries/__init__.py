"""Reading a workspace: for notebooks and the dashboard. Holds no lock, and writes nothing but people's judgements.

Every function reads what is registered at that moment, so all of them work while a run writes. None imports Prefect.
"""

from typing import TYPE_CHECKING

from pipelines.metrics import Funnel, GroupRate
from storage.queries.audits import KnownRates, known_rates, scope_rates
from storage.queries.budgets import CONTINUED, BudgetRound, BudgetSpend, LevelSpend, StopCount, StopEvidence, budget_spend
from storage.queries.explore import ORDERS, Filters, Listing, Matching, ProblemPage, ProblemRow, search_problems
from storage.queries.explore_index import ExploreIndex, explore_index
from storage.queries.lineage import completion_text, problem_turns
from storage.queries.notebook import open_workspace
from storage.queries.problems import ProblemDetail, RolloutDetail, indexed_rollouts, problem_detail
from storage.queries.rates import (
    GROUPS,
    counts_by,
    funnel,
    indexed_counts,
    models_of,
    pass_rates,
)
from storage.queries.reader import (
    Reader,
    compare,
    datasets,
    run_progress,
    runs,
    version_card,
    version_manifest,
    version_report,
    versions_of,
)
from storage.queries.review import (
    Queue,
    ReviewItem,
    audit_queue,
    audit_queues,
    review_item,
    undecided_queue,
    waiting,
)
from storage.queries.scope import Scope, dataset_scope, named_scope, run_scope
from storage.runs import Progress, Run

if TYPE_CHECKING:  # a notebook that names no version need not load what publishes them
    from storage.versions.diff import VersionDiff as VersionDiff
    from storage.versions.history import Step as Step
    from storage.versions.pairing import Move as Move
    from storage.versions.pairing import Pairing as Pairing
    from storage.versions.resolve import VersionInfo as VersionInfo

__all__ = [
    "CONTINUED",
    "GROUPS",
    "ORDERS",
    "BudgetRound",
    "BudgetSpend",
    "ExploreIndex",
    "Filters",
    "Funnel",
    "GroupRate",
    "KnownRates",
    "LevelSpend",
    "Listing",
    "Matching",
    "ProblemDetail",
    "ProblemPage",
    "ProblemRow",
    "Progress",
    "Queue",
    "Reader",
    "ReviewItem",
    "RolloutDetail",
    "Run",
    "Scope",
    "StopCount",
    "StopEvidence",
    "audit_queue",
    "audit_queues",
    "budget_spend",
    "compare",
    "completion_text",
    "counts_by",
    "dataset_scope",
    "datasets",
    "explore_index",
    "funnel",
    "indexed_counts",
    "indexed_rollouts",
    "known_rates",
    "models_of",
    "named_scope",
    "open_workspace",
    "pass_rates",
    "problem_detail",
    "problem_turns",
    "review_item",
    "run_progress",
    "run_scope",
    "runs",
    "scope_rates",
    "search_problems",
    "undecided_queue",
    "version_card",
    "version_manifest",
    "version_report",
    "versions_of",
    "waiting",
]
