"""`rollmill contamination resplit`: a model's rate on problems like those it was trained on, and on others.

After Zhan et al. 2022 (arXiv:2204.11447): a test set that overlaps with the training data measures interpolation. Likeness
is of wording, with all numbers made the same: the share of a problem's word runs that its most alike training problem has.
"""

import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rollmill.ground.errors import SetupError, unknown_name
from rollmill.ground.ids import digits
from rollmill.metrics import Counts, pass_rate
from rollmill.pipelines.contamination.texts import blind, grams, prompt_text, tokens
from rollmill.storage.artifacts.index import artifact_names
from rollmill.storage.queries import Reader, Scope
from rollmill.storage.queries.comparisons.sides import Side, scopes_of, sides_of_model
from rollmill.storage.queries.scope import named_scope

LENGTH = 3  # words of a run
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ResplitRequest:
    """A model's evaluation, `NAME[:MODEL]`, the run or version that it was trained on, and the likeness from which a
    problem counts as interpolation.
    """

    root: Path
    reference: str
    train: str
    alike: float = 0.5


def resplit(request: ResplitRequest) -> Row:
    """Rates by benchmark on both parts, and their difference, as JSON values."""
    if not 0.0 < request.alike <= 1.0:
        raise SetupError(f"--alike {request.alike:g}: a likeness is above 0 and at most 1.")
    with Reader.open(request.root) as reader:
        sides = sides_of_model(reader, request.reference)
        trained = named_scope(reader, request.train)
        if trained is None:
            known = [*artifact_names(reader.datasets), *(run.id for run in reader.runs.list())]
            raise unknown_name("run or dataset version", request.train, known, next_command="rollmill dataset list")
        likeness = Likeness(_prompts(trained).values())
        asked: dict[str, str] = {}
        for scope in scopes_of(reader, request.reference.partition(":")[0]):
            asked |= _prompts(scope)
    rows = [
        _benchmark(side, {p: likeness.of(asked[p]) for p in side.pool.problems}, request.alike) for side in sides.values()
    ]
    model = next(iter(sides.values())).model
    return {
        "reference": request.reference,
        "model": model,
        "train": trained.name,
        "trained_problems": likeness.problems,
        "alike": request.alike,
        "benchmarks": rows,
    }


class Likeness:
    """Likeness of texts to the most alike one of a set, from 0 to 1: the share of a text's runs of three words, all numbers
    made the same, that the other text has.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._places: dict[Any, set[int]] = defaultdict(set)
        self.problems = 0
        for text in texts:
            for gram in _runs(text):
                self._places[gram].add(self.problems)
            self.problems += 1

    def of(self, text: str) -> float:
        """The likeness of one text; 0 without a word run."""
        runs = _runs(text)
        shared = Counter(place for gram in runs for place in self._places.get(gram, ()))
        return max(shared.values(), default=0) / len(runs) if runs else 0.0


def _runs(text: str) -> set[Any]:
    words = blind(tokens(text))
    return set(grams(words, min(LENGTH, len(words)))) if words else set()


def _prompts(scope: Scope) -> dict[str, str]:
    with scope.connection("rollouts", "problems") as connection:
        query = "SELECT id, prompt FROM problems WHERE id IN (SELECT problem_id FROM rollouts)"
        return {problem: prompt_text(json.loads(prompt)) for problem, prompt in connection.execute(query).fetchall()}


def _benchmark(side: Side, likeness: Mapping[str, float], alike: float) -> Row:
    values = np.array([likeness[problem] for problem in side.pool.problems])
    parts = {"interpolation": values >= alike, "extrapolation": values < alike}
    rows = {name: _part(side.counts.where(chosen).judged_only()) for name, chosen in parts.items()}
    inside, outside = rows.values()
    gap: Row | None = None
    if inside["value"] is not None and outside["value"] is not None:
        value = inside["value"] - outside["value"]
        # The parts are independent samples: half widths add in squares, each way by its own.
        down = math.hypot(inside["value"] - inside["low"], outside["high"] - outside["value"])
        up = math.hypot(inside["high"] - inside["value"], outside["value"] - outside["low"])
        gap = {"value": digits(value), "low": digits(max(-1.0, value - down)), "high": digits(min(1.0, value + up))}
    return {
        "benchmark": side.benchmark,
        **rows,
        "gap": gap,
        "likeness": digits(float(values.mean())) if len(values) else None,
    }


def _part(counts: Counts) -> Row:
    estimate = pass_rate(counts).estimate
    if estimate is None:
        return {"problems": 0, "clusters": 0, "value": None, "low": None, "high": None}
    ends = {name: digits(getattr(estimate, name)) for name in ("value", "low", "high")}
    return {"problems": estimate.n, "clusters": estimate.clusters, **ends, "interval": estimate.method}
