"""Comparison of an adopted log with our results: its numbers, ours on its labels and our verdicts, and flipped answers.

All numbers are computed from stored rows, so that each can be traced to its rows.
"""

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import numpy as np

from rollmill.flows.adopting.log_import import KEY
from rollmill.ground.errors import SetupError
from rollmill.ground.pool import STATES, Pool
from rollmill.metrics.logged_scores import FIRST, VOTE, counterpart, logged_number, spread_of_runs
from rollmill.metrics.registry import measure
from rollmill.metrics.sample import Options
from rollmill.storage.imports.logs.evaluation_log import LoggedAnswer, PrintedNumber
from rollmill.storage.queries.judge.labelled import LabelledRollout, labelled_rollouts
from rollmill.storage.queries.pools import scope_pool
from rollmill.storage.queries.scope import Scope

EQUAL = 1e-12
"""Largest difference between a number from the rows and the printed one."""
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class AdoptedRollout:
    """A stored rollout with its log entry: the tool's problem id, the sample, and its scores."""

    rollout: LabelledRollout
    problem: str
    sample: int
    scores: Mapping[str, Any]

    def score(self, name: str) -> float:
        """The tool's score as a number; NaN if it gave none."""
        return _number(self.scores.get(name))


def _number(score: Any) -> float:
    return float(score) if isinstance(score, int | float) else math.nan


class AdoptedRun:
    """The rollouts of a run over an adopted log, in the order of the log, and their pool.

    `aside`: the log's answers that are not rollouts but enter the tool's numbers.
    """

    def __init__(self, scope: Scope, aside: Sequence[LoggedAnswer] = ()) -> None:
        self.aside = aside
        rollouts = (_keyed_rollout(rollout) for rollout in labelled_rollouts(scope))
        self.rollouts = sorted(rollouts, key=lambda entry: entry[0])
        self.pool = scope_pool(scope)

    @property
    def by_problem(self) -> list[list[AdoptedRollout]]:
        """The rollouts of each problem of the log, by sample."""
        problems: dict[str, list[AdoptedRollout]] = {}
        for _, rollout in self.rollouts:
            problems.setdefault(rollout.problem, []).append(rollout)
        return [sorted(members, key=lambda rollout: rollout.sample) for members in problems.values()]

    def labelled_pool(self, name: str) -> Pool:
        """The pool with the tool's score of each answer for its outcome; neither 0 nor 1 is `pending`."""
        labels = {rollout.rollout.completion_id: rollout.score(name) for _, rollout in self.rollouts}
        states = {1.0: STATES.index("correct"), 0.0: STATES.index("incorrect")}
        # A graded score such as .5 is neither right nor wrong.
        outcome = [states.get(labels[cid], len(STATES) - 1) for cid in self.pool.completions]
        return replace(self.pool.pool, outcome=np.array(outcome, dtype=np.int64))


def _keyed_rollout(rollout: LabelledRollout) -> tuple[tuple[str, int, int], AdoptedRollout]:
    adopted = json.loads(rollout.meta or "{}")[KEY]
    place = (adopted["file"], adopted["row"], adopted["sample"])
    return place, AdoptedRollout(rollout, adopted["problem"], adopted["sample"], adopted["scores"])


def numbers(run: AdoptedRun, printed: Sequence[PrintedNumber]) -> list[Row]:
    """Each number that the tool printed: recomputed from its scores, and the value of our metric.

    The spread printed with a number (`stderr`, or `runs`) is in the number's row.
    """
    beside = {(number.name, number.average): number for number in printed}
    rows = []
    for number in printed:
        if number.average in _SPREADS:
            continue
        row = {"number": number.name, **_again(run, number, "printed", "from_rows", "equal"), "why": number.why}
        for spread in _SPREADS:
            if (number.name, spread) in beside:
                row |= _again(run, beside[number.name, spread], spread, f"{spread}_from_rows", f"{spread}_equal")
        rows.append(row | _ours(run, number))
    return rows


_SPREADS = ("stderr", "runs")


def _again(run: AdoptedRun, number: PrintedNumber, printed: str, from_rows: str, equal: str) -> Row:
    """A printed number, the same from the rows, and whether they are equal, under these names."""
    own = _own(run, number)
    # A number in percent has a rounding error a hundred times as large.
    same = own is not None and abs(own - number.value) <= EQUAL * max(1.0, number.scale)
    return {printed: number.value, from_rows: own, equal: same}


def _own(run: AdoptedRun, printed: PrintedNumber) -> float | None:
    """The number by the tool's own rules from the scores that are stored."""
    if printed.reduction is None:
        return None
    members = [[answer.scores for answer in answers] for answers in run.by_problem]
    # The tool's averages include the answers that an import cannot hold.
    for _, answers in groupby(sorted(run.aside, key=lambda answer: answer.problem), key=lambda answer: answer.problem):
        members.append([answer.scores for answer in sorted(answers, key=lambda answer: answer.sample)])
    scores = [[_number(given.get(printed.score)) for given in answers] for answers in members]
    if printed.average == "runs":
        return spread_of_runs(scores, printed.reduction.first) * printed.scale
    texts = [[given.get(printed.answers) for given in answers] for answers in members] if printed.answers else ()
    value = logged_number(scores, FIRST if printed.reduced else printed.reduction, printed.average, texts)
    return None if value is None else value * printed.scale


def _ours(run: AdoptedRun, printed: PrintedNumber) -> Row:
    """Our metric of the same meaning: on the tool's labels and on our verdicts."""
    # As many as every problem has: an estimate over more would leave problems out.
    samples = min(len(members) for members in run.by_problem)
    usable = printed.reduction if printed.average == "mean" and printed.graded else None
    ours = None if usable is None else counterpart(usable, samples)
    if ours is None or usable is None:
        return {"metric": None, "on_labels": None, "on_verdicts": None}
    metric, options, first = ours
    shown = f"{metric[:-1]}{options.ks[0]}"  # pass@k, maj@k, pass^k
    if first < samples:
        shown += ", first answer" if first == 1 else f", first {first}"
    voted = usable.name == VOTE  # its answers are the tool's and its labels are too: ours would mix both
    # A value that the tool reduced itself is one of the problem, not a label of each answer.
    labelled = None if printed.reduced or voted else run.labelled_pool(printed.score)
    return {
        "metric": shown,
        "on_labels": None if labelled is None else _measured_row(labelled.measured(first), metric, options),
        "on_verdicts": _measured_row(run.pool.pool.measured(first), metric, options),
    }


def on_all_answers(run: AdoptedRun) -> list[Row]:
    """Our metrics over every answer, whatever the tool took: pass@1, and with several answers pass@n and maj@n."""
    samples = min(len(members) for members in run.by_problem)
    metrics = [("pass@k", 1), *([("pass@k", samples), ("maj@k", samples)] if samples > 1 else [])]
    pool = run.pool.pool.measured(samples)
    return [{**_measured_row(pool, name, Options(ks=(k,))), "metric": f"{name[:-1]}{k}"} for name, k in metrics]


def _measured_row(pool: Pool, metric: str, options: Any) -> Row:
    try:
        return measure(pool, metric, options)[0].row()
    except SetupError as error:
        # A metric that does not fit the pool becomes a row with the reason, not the end of the report.
        return {"metric": metric, "value": None, "low": None, "high": None, "why": error.message}


def verdict_comparison(run: AdoptedRun, score: str) -> Row:
    """The tool's label of each answer against our verdict: counts, and every answer on which they differ.

    Answers with an undecided verdict are listed separately, with the cause.
    """
    counts: Counter[str] = Counter()
    flipped, undecided = [], []
    for _, answer in run.rollouts:
        label, stored = answer.score(score), answer.rollout
        # NaN (no score) and graded scores such as .5 are no label.
        if label not in (0.0, 1.0):
            counts["no label"] += 1
        elif stored.outcome not in ("correct", "incorrect", "unparsed"):
            counts["undecided"] += 1
            undecided.append(_differing(answer, label))
        elif (label == 1.0) == (stored.outcome == "correct"):
            counts["same"] += 1
        else:
            counts["theirs right, ours wrong" if label else "theirs wrong, ours right"] += 1
            flipped.append(_differing(answer, label))
    rules = Counter((row["ours"], row["rule"]) for row in flipped)
    return {
        "label": score,
        # A kind that did not occur is shown as 0.
        "counts": {kind: counts[kind] for kind in KINDS},
        "rules": [{"ours": ours, "rule": rule, "flipped": count} for (ours, rule), count in rules.most_common()],
        "flipped": flipped,
        "undecided": undecided,
    }


KINDS = ("same", "theirs wrong, ours right", "theirs right, ours wrong", "undecided", "no label")
"""Relations between the label and the verdict of one answer."""


def _differing(answer: AdoptedRollout, label: float) -> Row:
    stored = answer.rollout
    return {
        "problem": answer.problem,
        "sample": answer.sample,
        "completion": stored.completion_id,
        "theirs": label,
        "ours": stored.outcome,
        "rule": stored.cause if stored.outcome == "undecided" else stored.rule,
        "cut_off": stored.finish_reason == "length",
        "reference": stored.reference,
        "extracted": stored.extracted,
        "end": stored.text[-60:],
    }


def differences(rows: Sequence[Row], clusters: int, problems: int) -> Iterator[str]:
    """Differences between any tool's numbers and ours, as lines under the table; the log's notes have those of one tool."""
    if clusters < problems and any("stderr" in row for row in rows):
        yield f"the tool's standard error takes problems for independent; our intervals are over {clusters} templates"
    if any(str(row["metric"]).startswith("maj@") for row in rows):
        yield "our votes are over answers that are equal as our verifier reads them, ties by lot"
    if any(row["metric"] is None for row in rows):
        yield "a number without one of ours belongs to no metric in docs/reference/metrics.md"
