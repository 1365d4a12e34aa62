"""Recall and false alarms of a contamination check: edited copies of the benchmark's problems are planted in the training
rows and searched, and pairs that are not copies are shown to it. Each rate has its n and its interval; all follows from the
seed.

Rows are compared with the benchmark one by one, so the result for a copy does not depend on its neighbours.
"""

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rollmill.ground.ids import digest128, digits, seed_of
from rollmill.ground.records import Problem
from rollmill.pipelines.contamination.edits import EDITS, RENUMBERED
from rollmill.pipelines.contamination.index import LEAKS, METHODS, BenchmarkIndex, Hit, ProblemText
from rollmill.pipelines.synthesize.library import TEMPLATES
from rollmill.pipelines.synthesize.template import instance_key
from rollmill.pipelines.synthesize.templates import regenerate
from rollmill.stats import clopper_pearson

COPIES = 200  # of each edit
SEED = 20_261_121
_MOST_HOSTS = 1_000
# What a floor asks for unless it says otherwise: a reworded copy is another matter, and its recall is only shown.
REQUIRED = ("exact", "rewrapped", "respaced", "reordered", "misspelt", "respelled")
PLACES = ("problem", "completion")
_ESTIMAND = "copies of problems of this benchmark, drawn at random"
_HOST = "First recall what is known.\nThe result follows from it.\n#### 0"  # where there are no answers to put copies into


@dataclass(frozen=True, slots=True)
class Rate:
    """A share of rows with its 95% interval (Clopper & Pearson); None of all if nothing could be tried."""

    found: int
    n: int

    def json(self) -> dict[str, Any]:
        """The counts, the share and its interval."""
        share = clopper_pearson(self.found, self.n, estimand=_ESTIMAND)
        bounds = (None, None, None) if share is None else (digits(share.value), digits(share.low), digits(share.high))
        return {"found": self.found, "n": self.n, **dict(zip(("share", "low", "high"), bounds, strict=True))}


@dataclass(frozen=True, slots=True)
class Recall:
    """Recall of the copies of one edit in one place. `expected`: the class they belong to."""

    edit: str
    place: str
    expected: str
    rate: Rate
    by: Mapping[str, int]

    def json(self) -> dict[str, Any]:
        """Plain data; `by`: number of copies that each method found."""
        named = {"edit": self.edit, "place": self.place, "expected": self.expected}
        return {**named, **self.rate.json(), "by": dict(self.by)}


@dataclass(frozen=True, slots=True)
class FalseFlags:
    """Rate of pairs that are not copies and were called leaks. `pairs` names the kind of pairs."""

    pairs: str
    place: str
    rate: Rate

    def json(self) -> dict[str, Any]:
        """Plain data."""
        return {"pairs": self.pairs, "place": self.place, **self.rate.json()}


@dataclass(frozen=True, slots=True)
class ContaminationCertificate:
    """Recall by edit and place, and false flags by kind of pair and place."""

    problems: int
    copies: int
    seed: int
    recall: tuple[Recall, ...]
    false_flags: tuple[FalseFlags, ...]

    def json(self) -> dict[str, Any]:
        """Plain data, equal for equal benchmark, hosts and seed."""
        return {
            "problems": self.problems,
            "copies": self.copies,
            "seed": self.seed,
            "recall": [recall.json() for recall in self.recall],
            "false_flags": [flags.json() for flags in self.false_flags],
        }


@dataclass(frozen=True, slots=True)
class RecallFloor:
    """Requirements on the check for evaluation problems.

    `edits`: kinds of planted copies. `min_recall`: smallest lower limit of the 95% interval of recall, for each kind, in
    problems and in answers. `max_false_flags`: largest share of clean pairs that are called leaks. `copies`: number of
    planted copies of each kind.
    """

    min_recall: float
    edits: tuple[str, ...] = REQUIRED
    max_false_flags: float = 1.0
    copies: int = COPIES

    def holds(self, certificate: ContaminationCertificate) -> bool:
        """True if every measured rate is within its bound."""
        recall = [
            measured.rate.json()["low"]
            for measured in certificate.recall
            if measured.edit in self.edits and measured.rate.n
        ]
        flags = [measured.rate.json()["share"] for measured in certificate.false_flags if measured.rate.n]
        return min(recall, default=0.0) >= self.min_recall and max(flags, default=0.0) <= self.max_false_flags


def certify(
    problems: Sequence[Problem], hosts: Sequence[str] = (), *, copies: int = COPIES, seed: int = SEED
) -> ContaminationCertificate:
    """The certificate of a check against these problems. `hosts`: answers of the training set that copies are put into.

    Those that repeat a problem of the benchmark themselves are left out: in them a copy would be found whatever it is.
    """
    index = BenchmarkIndex(problems)
    hosts = [text for text in hosts[:_MOST_HOSTS] if index.completion("", text) is None]
    chosen = _chosen(problems, copies, seed)
    recall = [_recall(index, name, place, chosen, (hosts, seed)) for name in EDITS for place in PLACES]
    renumbered = list(_copies(RENUMBERED, chosen, seed))
    fresh = list(_fresh(problems, chosen, seed))
    halves = _halves(problems, chosen)
    flags = []
    for place in PLACES:
        show = _lookup_in(place, hosts, seed)
        flags += [
            FalseFlags("renumbered copies", place, _leaks([show(index, problem) for problem in renumbered])),
            FalseFlags("fresh instances of the same templates", place, _leaks([show(index, problem) for problem in fresh])),
            FalseFlags(
                "its other problems", place, _leaks([show(half, problem) for half, rest in halves for problem in rest])
            ),
        ]
    return ContaminationCertificate(len(problems), len(chosen), seed, tuple(recall), tuple(flags))


def _recall(
    index: BenchmarkIndex, name: str, place: str, chosen: Sequence[Problem], drawn: tuple[Sequence[str], int]
) -> Recall:
    """Renumbered copies inside answers belong to no class: they cannot be distinguished from the answer's own problem."""
    hosts, seed = drawn
    expected = "leak" if name != RENUMBERED else "new numbers"
    wanted = LEAKS if name != RENUMBERED else ("new numbers",)
    show = _lookup_in(place, hosts, seed)
    copies = [] if name == RENUMBERED and place == "completion" else list(_copies(name, chosen, seed))
    hits = [hit for hit in (show(index, copy) for copy in copies) if hit is not None and hit.overlap in wanted]
    by = Counter(method for hit in hits for method in hit.by)
    return Recall(name, place, expected, Rate(len(hits), len(copies)), {method: by[method] for method in METHODS})


def _lookup_in(place: str, hosts: Sequence[str], seed: int) -> Any:
    """Function that puts a text before an index: as a problem, or inside an answer."""

    def as_problem(index: BenchmarkIndex, copy: ProblemText) -> Hit | None:
        return index.problem(copy)

    def in_answer(index: BenchmarkIndex, copy: ProblemText) -> Hit | None:
        # All edits of a problem get one host and line, so that their recalls differ by the edit alone.
        rng = random.Random(digest128(["contamination", "host", seed, copy.id]))
        lines = (rng.choice(hosts) if hosts else _HOST).split("\n")
        lines.insert(rng.randrange(len(lines) + 1), copy.text)
        return index.completion(copy.id, "\n".join(lines))

    return as_problem if place == "problem" else in_answer


def _copies(name: str, chosen: Sequence[Problem], seed: int) -> Iterator[ProblemText]:
    """The copies of one edit. An edited copy is a row of another file: its solution graph is not known."""
    for problem in chosen:
        original = ProblemText.of(problem)
        edited = EDITS[name](original.text, random.Random(digest128(["contamination", name, seed, problem.id])))
        if edited is not None:
            # An unchanged text keeps its prompt id, by which the index knows exact copies.
            prompt = problem.prompt_id if edited == original.text else digest128(["prompt", edited])
            graph = original.graph if name in ("exact", RENUMBERED) and problem.meta.get("graph") else None
            yield ProblemText(problem.id, prompt, edited, graph)


def _fresh(problems: Sequence[Problem], chosen: Sequence[Problem], seed: int) -> Iterator[ProblemText]:
    """For each problem of a template of ours one with other numbers that the benchmark does not hold."""
    known = {_instance(problem) for problem in problems}
    for problem in chosen:
        if _instance(problem) is None or problem.level is None:
            continue
        # A template may have few instances at this level.
        for attempt in range(20):
            drawn = seed_of(digest128(["contamination", "fresh", seed, problem.id, attempt]))
            # 53 bits, as the seeds of templates have.
            other = regenerate(replace(problem, meta={**problem.meta, "seed": drawn >> 10}))
            if _instance(other) not in known:
                yield ProblemText.of(other)
                break


def _instance(problem: Problem) -> str | None:
    # `reference` marks a template of a user, whose file may be gone.
    if problem.template not in TEMPLATES or "params" not in problem.meta or "reference" in problem.meta:
        return None
    return instance_key(str(problem.template), problem.meta["params"])


def _halves(problems: Sequence[Problem], chosen: Sequence[Problem]) -> list[tuple[BenchmarkIndex, list[ProblemText]]]:
    """The benchmark in two halves by id, each with the chosen problems of the other; equal problems fall on one side."""
    sides: list[list[Problem]] = [[], []]
    for problem in problems:
        sides[int(problem.prompt_id[:8], 16) % 2].append(problem)
    wanted = {problem.id for problem in chosen}
    others = [[ProblemText.of(problem) for problem in side if problem.id in wanted] for side in sides]
    return [(BenchmarkIndex(sides[0]), others[1]), (BenchmarkIndex(sides[1]), others[0])]


def _chosen(problems: Sequence[Problem], copies: int, seed: int) -> list[Problem]:
    """A simple random sample, in order of ids, so that another order of the benchmark gives the same."""
    ordered = sorted(problems, key=lambda problem: problem.id)
    return random.Random(seed).sample(ordered, min(copies, len(ordered)))


def _leaks(hits: Sequence[Hit | None]) -> Rate:
    return Rate(sum(hit is not None and hit.overlap in LEAKS for hit in hits), len(hits))
