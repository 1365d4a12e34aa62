"""A finished draw of a round as round policies and the monitor see it: counts, tokens, reward, gradient norms, audit."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from rollmill.flows.loops.loaded_loop import LoadedLoop
from rollmill.flows.recipe.methods import MethodSpec
from rollmill.flows.training.training import InitialModel
from rollmill.flows.training.training_data import training_rows
from rollmill.ground.files import json_text, write_text
from rollmill.ground.ids import digest128
from rollmill.ground.pool import STRATA
from rollmill.pipelines.train.between.roles import SeenProblem, SeenRound
from rollmill.stats import clopper_pearson
from rollmill.storage.queries import Reader, dataset_scope
from rollmill.storage.queries.pools import scope_pool
from rollmill.storage.segments.schema import from_table
from rollmill.storage.versions.read import load_snapshot
from rollmill.storage.versions.resolve import resolve
from rollmill.storage.workspace import Workspace

_TOKENS = """
SELECT coalesce(sum(tokens_out), 0),
  coalesce(sum(tokens_out) FILTER (id IN (SELECT completion_id FROM rollouts WHERE kept)), 0)
FROM completions
"""


def seen_round(ws: Workspace, number: int, version: str) -> SeenRound:
    """The problems of a round's dataset version, with what their fixed prefix shows."""
    pool = scope_pool(dataset_scope(Reader(ws), version), answers=False).pool
    size = len(pool.problems)
    right = np.bincount(pool.problem[pool.has("correct")], minlength=size)
    wrong = np.bincount(pool.problem[pool.has("incorrect") | pool.has("unparsed")], minlength=size)
    problems = {
        key: SeenProblem(
            key,
            int(right[at] + wrong[at]),
            int(right[at]),
            {name: pool.strata[name][at] for name in STRATA if name in pool.strata},
        )
        for at, key in enumerate(pool.problems)
    }
    return SeenRound(number, problems)


def draw_figures(ws: Workspace, version: str) -> dict[str, Any]:
    """Figures of a round's draw: tokens, the kept share of them (`yield`), and the mean reward of the fixed prefix."""
    scope = dataset_scope(Reader(ws), version)
    with scope.connection("rollouts", "completions") as connection:
        row = connection.execute(_TOKENS).fetchone()
    assert row is not None  # an aggregate
    drawn, kept = int(row[0]), int(row[1])
    reward = None
    # `scope_pool` refuses a version none of whose draws were fixed before a verdict.
    if scope.prefix != 0:
        problems = [problem for problem in seen_round(ws, 0, version).problems.values() if problem.judged]
        judged = sum(problem.judged for problem in problems)
        reward = sum(problem.correct for problem in problems) / judged if judged else None
    return {"drawn_tokens": drawn, "kept_tokens": kept, "yield": kept / drawn if drawn else None, "reward": reward}


def with_norms(ws: Workspace, loop: LoadedLoop, seen: SeenRound, version: str, model: str) -> SeenRound:
    """The round with the gradient norms of its kept rollouts under a model; measured once for a version and a model."""
    init = InitialModel.open(ws, model)
    content = digest128(["norms", resolve(ws.datasets, version).content_hash, init.content_hash])
    # The key is the content of version and model, so that another name for them measures nothing again.
    stored = ws.state / "loops" / loop.name / f"norms-{content[:16]}.json"
    if not stored.is_file():
        from rollmill.pipelines.train.gradient_norms import gradient_norms

        rows = training_rows(ws, loop.kept_of(version))
        stored.parent.mkdir(parents=True, exist_ok=True)
        write_text(stored, json_text(gradient_norms(init.folder, rows.path)))
    return replace(seen, norms=json.loads(stored.read_text(encoding="utf-8")))


def audited(ws: Workspace, version: str, verifiers: Sequence[MethodSpec], alpha: float) -> dict[str, Any] | None:
    """The precision of a version's kept rows by verifiers that no selection saw: right where all say so, with a one-sided
    lower bound of confidence 1 - alpha. Undecided rows are left out; None if nothing is decided.
    """
    info = resolve(ws.datasets, version)
    snapshot = load_snapshot(info)
    problems = {problem.id: problem for problem in from_table("problems", snapshot.problems)}
    completions = {completion.id: completion for completion in from_table("completions", snapshot.completions)}
    kept = [decision for decision in from_table("decisions", snapshot.decisions) if decision.kept]
    items = [(problems[decision.problem_id], completions[decision.completion_id]) for decision in kept]
    outcomes: list[list[str]] = []
    for spec in verifiers:
        verifier = spec.build()
        try:
            outcomes.append([verdict.outcome for verdict in verifier.verify_many(items)])
        finally:
            verifier.close()
    # An undecided row is neither right nor wrong, so it must not lower the precision.
    decided = [judged for judged in zip(*outcomes, strict=True) if "undecided" not in judged]
    right = sum(all(outcome == "correct" for outcome in judged) for judged in decided)
    # The lower end of a two-sided interval at 1 - 2 alpha is the one-sided bound at 1 - alpha.
    estimate = clopper_pearson(right, len(decided), confidence=1 - 2 * alpha)
    return None if estimate is None else {"value": estimate.value, "low": estimate.low, "rows": len(decided)}


def state_folder(ws: Workspace, name: str) -> Path:
    """Folder of a loop's own files in the workspace."""
    return ws.state / "loops" / name
