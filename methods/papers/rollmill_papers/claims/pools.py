"""The pools that claims are measured on: cells of an evaluation, drawn through the one door and in the stream `evaluate`.

One evaluation per seed, in which problems and completions both follow from the seed, so seeds replicate the model on such
problems. What is stored is not drawn again. Released outputs are judged once, where they were imported.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from rollmill.methods import (
    Evaluate,
    Ints,
    Job,
    Pool,
    Progress,
    Reader,
    ScopePool,
    ScoreRequest,
    Stage,
    evaluate,
    run_scope,
    scope_pool,
    score,
    solution_key,
)
from rollmill_papers.claims.evidence import Evidence
from rollmill_papers.claims.released.published import PREFIX

DRAWN = Path(__file__).with_name("pools.yaml")
RECORDED = Path(__file__).with_name("recorded_pools.yaml")
DRAWN_CELLS: Mapping[str, tuple[str, str]] = {
    "unseen": ("unseen", "warm"),
    "pair": ("pair", "warm"),
    "pair-cool": ("pair", "cool"),
    "ladder": ("ladder", "warm"),
}
"""Benchmark and model of each pool that is drawn."""
WITH_SOLUTIONS = frozenset({"ladder"})
WITH_REWARDS = frozenset({"math"})
SCORERS: tuple[tuple[str, Mapping[str, Any]], ...] = (("length", {}), ("imported", {"key": "reward"}))


@dataclass(frozen=True, slots=True)
class PoolDrawing:
    """Source of pools: a workspace, the evaluation's file with overrides, a profile, limits of each cell."""

    root: Path
    recipe: Path
    sets: tuple[str, ...] = ()
    profile: str | None = None
    max_tokens: int | None = None
    max_cost: str | None = None
    watcher: Callable[[Stage], None] | None = None
    begin: Callable[[str], None] = print


def drawn_evidence(drawing: PoolDrawing, seed: int, pools: Collection[str]) -> Evidence:
    """The evidence of one seed; missing completions of its pools are drawn and judged first."""
    from rollmill.methods import load_evaluation

    # Claims on a simulation draw nothing, so the evaluation need not even be read.
    if not pools:
        return Evidence(seed)
    name = load_evaluation(drawing.recipe, sets=drawing.sets).recipe.name
    # A run is resumed by its name, so each seed has one of its own.
    sets = (*drawing.sets, f"name={name}-{seed}", f"seed={seed}")
    cells = {DRAWN_CELLS[pool]: pool for pool in sorted(pools)}
    return _evidence(drawing, seed, _runs(drawing, Path(drawing.recipe), sets, cells))


def recorded_runs(drawing: PoolDrawing, pools: Collection[str]) -> dict[str, str]:
    """The run of each of these released outputs that was imported here, judged and scored; stored rows are reused."""
    from rollmill.methods import Workspace

    with Workspace.open(drawing.root) as workspace:
        imported = {record.name for record in workspace.imports.list() if record.kind == "rollouts"}
    # Outputs that are not here are left out, and their claims say what they need.
    cells = {(pool, "all"): pool for pool in sorted(pools) if PREFIX + pool in imported}
    runs = _runs(drawing, RECORDED, (), cells) if cells else {}
    for pool in sorted(WITH_REWARDS & runs.keys()):
        score(ScoreRequest(drawing.root, runs[pool], SCORERS, drawing.profile, watcher=drawing.watcher))
    return runs


def recorded_evidence(drawing: PoolDrawing, runs: Mapping[str, str]) -> Evidence:
    """The evidence of released outputs for claims about mechanisms."""
    return _evidence(drawing, 0, runs)


def _runs(drawing: PoolDrawing, recipe: Path, sets: Sequence[str], cells: Mapping[tuple[str, str], str]) -> dict[str, str]:
    """The run of each pool, drawn and judged to its end; a cell that the recipe does not have is left out."""
    # Absolute, as the job is stored with its runs and may be resumed from another folder.
    profile = None if drawing.profile is None else str(Path(drawing.profile).resolve())
    job = Job(
        str(drawing.root),
        str(recipe.resolve()),
        tuple(sets),
        profile,
        max_tokens=drawing.max_tokens,
        max_cost=drawing.max_cost,
        verb="evaluate",
    )
    kind = Evaluate(job)
    wanted = tuple(
        cell for cell in kind.evaluation.cells if cell.cell is not None and (cell.cell.benchmark, cell.cell.model) in cells
    )
    if not wanted:
        return {}
    with kind.open(Progress(drawing.watcher, begin=drawing.begin)) as session:
        report = evaluate(replace(kind.evaluation, cells=wanted), session)
    return {cells[row["benchmark"], row["model"]]: row["run"] for row in report["cells"]}


def _evidence(drawing: PoolDrawing, seed: int, runs: Mapping[str, str]) -> Evidence:
    pools: dict[str, Pool] = {}
    solutions: dict[str, Ints] = {}
    with Reader.open(drawing.root) as reader:
        for name, run in sorted(runs.items()):
            source = scope_pool(run_scope(reader, run))
            pools[name] = source.pool
            # Reading the texts of a pool takes time, and few claims compare solutions.
            if name in WITH_SOLUTIONS:
                solutions[name] = _solutions(source)
    return Evidence(seed, pools, solutions)


def _solutions(source: ScopePool) -> Ints:
    """A number per rollout, equal for copies of one solution."""
    keys = [solution_key(text) for text in source.texts()]
    return np.asarray(np.unique(keys, return_inverse=True)[1], dtype=np.int64)
