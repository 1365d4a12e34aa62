"""Read queries on a workspace, for notebooks and the dashboard. Holds no lock, and writes nothing but people's judgements.

Every function reads the rows registered at that moment, so all of them work while a run writes. None imports Prefect.
A name is imported on first use, so that each command loads only the modules it needs.
"""

from typing import TYPE_CHECKING

from rollmill.ground.by_name import first_use

if TYPE_CHECKING:
    from rollmill.metrics import Funnel, GroupRate
    from rollmill.storage.queries.browse.explore import (
        ORDERS,
        Filters,
        Listing,
        Matching,
        ProblemPage,
        ProblemRow,
        search_problems,
    )
    from rollmill.storage.queries.browse.explore_index import ExploreIndex
    from rollmill.storage.queries.browse.lineage import completion_text, problem_turns
    from rollmill.storage.queries.browse.problems import ProblemDetail, RolloutDetail, indexed_rollouts, problem_detail
    from rollmill.storage.queries.budgets import (
        CONTINUED,
        BudgetRound,
        BudgetSpend,
        LevelSpend,
        StopCount,
        StopEvidence,
        budget_spend,
    )
    from rollmill.storage.queries.judge.audits import KnownRates, known_rates, scope_rates
    from rollmill.storage.queries.judge.review import (
        Queue,
        ReviewItem,
        audit_queue,
        audit_queues,
        review_item,
        undecided_queue,
        unjudged_positions,
    )
    from rollmill.storage.queries.notebook import open_workspace
    from rollmill.storage.queries.rates import (
        GROUPS,
        counts_by,
        funnel,
        indexed_counts,
        models_of,
        pass_rates,
    )
    from rollmill.storage.queries.reader import (
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
    from rollmill.storage.queries.scope import Scope, dataset_scope, named_scope, run_scope
    from rollmill.storage.run_records import Firing as Firing
    from rollmill.storage.runs import Run, StageProgress
    from rollmill.storage.standing import Service as Service
    from rollmill.storage.versions.diff import VersionDiff as VersionDiff
    from rollmill.storage.versions.history import VersionStep as VersionStep
    from rollmill.storage.versions.pairing import Pairing as Pairing
    from rollmill.storage.versions.pairing import StateChange as StateChange
    from rollmill.storage.versions.resolve import VersionInfo as VersionInfo

_MODULES = {
    "rollmill.metrics": "Funnel GroupRate",
    "rollmill.storage.queries.judge.audits": "KnownRates known_rates scope_rates",
    "rollmill.storage.queries.budgets": "BudgetRound BudgetSpend CONTINUED LevelSpend StopCount StopEvidence budget_spend",
    "rollmill.storage.queries.browse.explore": "Filters Listing Matching ORDERS ProblemPage ProblemRow search_problems",
    "rollmill.storage.queries.browse.explore_index": "ExploreIndex",
    "rollmill.storage.queries.browse.lineage": "completion_text problem_turns",
    "rollmill.storage.queries.notebook": "open_workspace",
    "rollmill.storage.queries.browse.problems": "ProblemDetail RolloutDetail indexed_rollouts problem_detail",
    "rollmill.storage.queries.rates": "GROUPS counts_by funnel indexed_counts models_of pass_rates",
    "rollmill.storage.queries.reader": "Reader compare datasets run_progress runs version_card version_manifest "
    "version_report versions_of",
    "rollmill.storage.queries.judge.review": (
        "Queue ReviewItem audit_queue audit_queues review_item undecided_queue unjudged_positions"
    ),
    "rollmill.storage.queries.scope": "Scope dataset_scope named_scope run_scope",
    "rollmill.storage.run_records": "Firing",
    "rollmill.storage.runs": "Run StageProgress",
    "rollmill.storage.standing": "Service",
    "rollmill.storage.versions.diff": "VersionDiff",
    "rollmill.storage.versions.history": "VersionStep",
    "rollmill.storage.versions.pairing": "StateChange Pairing",
    "rollmill.storage.versions.resolve": "VersionInfo",
}
__getattr__ = first_use(__name__, _MODULES)


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
    "Queue",
    "Reader",
    "ReviewItem",
    "RolloutDetail",
    "Run",
    "Scope",
    "StageProgress",
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
    "unjudged_positions",
    "version_card",
    "version_manifest",
    "version_report",
    "versions_of",
]
