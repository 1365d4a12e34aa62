"""Forecasts where votes decide once everything is drawn: what is drawn by one verdict, and kept by another."""

from collections.abc import Sequence
from statistics import fmean

import numpy as np
import pytest

from rollmill.ground.records import Outcome
from rollmill.pipelines.budget.dars import DarsUniform
from rollmill.pipelines.budget.fixed import Fixed
from rollmill.pipelines.budget.forecasts.forecast import ForecastProblem, ProblemOutcome, Question, forecast
from rollmill.pipelines.budget.forecasts.later_verdicts import LaterVerdicts, Recount
from rollmill.pipelines.budget.forecasts.posterior_predictive import Observation
from rollmill.pipelines.budget.forecasts.simulate import SimulatedProblem, SimulatedSample, run_budget
from rollmill.roles.protocols import Budget
from rollmill.roles.tallies import Draw

SUBJECTS = [SimulatedProblem(f"p{n:02}", n % 3, f"t{n % 5}") for n in range(40)]
RNG = np.random.default_rng


class MadeUp:
    """Answers with both verdicts; of those the plan counts right votes keep most, of the others some where `rescues`."""

    def __init__(self, seed: int, *, rescues: bool, waits: bool) -> None:
        rng = self._rng = RNG(seed)
        centre = {f"t{n}": rng.uniform(0.2, 0.8) for n in range(5)}
        self._rates = {one.problem_id: rng.beta(5 * (c := centre[one.template or ""]), 5 * (1 - c)) for one in SUBJECTS}
        self._kept = {one.problem_id: rng.beta(6, 2) for one in SUBJECTS}
        self._rescues, self._waits = rescues, waits
        self.drawn: dict[str, list[tuple[SimulatedSample, SimulatedSample]]] = {one.problem_id: [] for one in SUBJECTS}

    def __call__(self, draw: Draw) -> list[SimulatedSample]:
        return [self._one(draw.problem_id) for _ in range(draw.count)]

    def _one(self, key: str) -> SimulatedSample:
        right = self._rng.random() < self._rates[key]
        kept = self._rng.random() < (self._kept[key] if right else 0.3 * self._rescues)
        way, tokens = int(self._rng.integers(6)), 10
        by: Outcome = ("undecided" if self._waits else "correct") if right else "incorrect"
        planned = SimulatedSample(by, way, tokens)
        self.drawn[key].append((planned, SimulatedSample("correct" if kept else "incorrect", way, tokens)))
        return planned

    def right(self) -> int:
        """All that are right in the end."""
        return sum(end.outcome == "correct" for pairs in self.drawn.values() for _, end in pairs)


def forecast_of(run: MadeUp, budget: Budget, *, later: bool) -> dict[str, tuple[float, float, float]]:
    """From a pilot of six draws on half of the problems."""
    some = SUBJECTS[::2]
    for one in some:
        run(Draw(one.problem_id, 0, 6))
    pairs = [(one, run.drawn[one.problem_id]) for one in some]
    planned, ended = ([Observation(one, [pair[at] for pair in seen]) for one, seen in pairs] for at in (0, 1))
    run.drawn = {key: [] for key in run.drawn}
    question = Question(
        budget,
        [ForecastProblem(one, {"": 0}) for one in SUBJECTS],
        lambda correct, _: correct,
        simulations=40,
        later=LaterVerdicts(SUBJECTS, planned, Recount(ended), budget.prefix) if later else None,
    )
    found = forecast(question, planned)
    return {name: (found[name].low95, found[name].median, found[name].high95) for name in ("draws", "kept", "solved")}


@pytest.mark.integration
@pytest.mark.parametrize(
    ("budget", "rescues", "waits"),
    [
        (Fixed(initial=5), False, True),
        (Fixed(initial=5), True, False),
        (DarsUniform(initial=4, target=3, cap=12), True, False),
    ],
    ids=["all wait", "both ways", "drawn until three"],
)
def test_intervals_hold_what_the_votes_keep(budget: Budget, *, rescues: bool, waits: bool) -> None:
    """Counted by the plan's verdicts, none held where all wait: nothing is right until the votes are there."""
    held, plain, medians, came = [], [], [], []
    for seed in range(10):
        run = MadeUp(seed, rescues=rescues, waits=waits)
        found = forecast_of(run, budget, later=True)
        before = forecast_of(MadeUp(seed, rescues=rescues, waits=waits), budget, later=False)
        for _ in run_budget(budget, SUBJECTS, run):
            pass
        assert found["draws"] == before["draws"], "what is drawn goes by the plan's verdicts"
        low, median, high = found["kept"]
        held.append(low <= run.right() <= high)
        plain.append(before["kept"][0] <= run.right() <= before["kept"][2])
        medians.append(median)
        came.append(run.right())
    assert fmean(held) >= 0.8
    assert not (waits and any(plain))
    assert fmean(medians) == pytest.approx(fmean(came), rel=0.06)


def outcomes(correct: int) -> list[ProblemOutcome]:
    return [ProblemOutcome(0, 6, correct, correct, 0, 0, 4, min(4, correct), None, None)]


def one_problem(planned: Sequence[Outcome], ended: Sequence[Outcome], *, stays: bool = False) -> LaterVerdicts:
    subject = SimulatedProblem("p", 0)
    first, last = ([Observation(subject, [SimulatedSample(one, n) for n, one in enumerate(of)])] for of in (planned, ended))
    return LaterVerdicts([subject], first, Recount(last, stays=stays), 4)


def test_what_stays_right_is_right_in_every_simulation() -> None:
    later = one_problem(["correct"] * 8, ["correct"] * 8, stays=True)
    ended = [later(outcomes(6), RNG(seed))[0] for seed in range(50)]
    assert {(one.correct, one.prefix_correct, one.prefix_judged) for one in ended} == {(6, 4, 4)}
    unsure = one_problem(["correct"] * 8, ["correct"] * 8)
    assert min(unsure(outcomes(6), RNG(seed))[0].correct for seed in range(50)) < 6


def test_an_answer_that_ends_undecided_is_in_no_rate() -> None:
    later = one_problem(["undecided"] * 8, ["undecided"] * 8)
    ended = [later(outcomes(0), RNG(seed))[0] for seed in range(50)]
    assert all(one.prefix_judged == one.prefix_correct for one in ended), "what is not right is undecided here"


def test_right_answers_that_were_all_cut_off_show_no_solution() -> None:
    """Votes may call right what was cut off: it is right, and nothing is known of how solutions repeat."""
    seen = [
        Observation(one, [SimulatedSample("correct", None if one.problem_id < "p20" else 1, 10)] * 3) for one in SUBJECTS
    ]
    later = LaterVerdicts(SUBJECTS, seen, Recount(seen, stays=True), 3)
    outcomes = [ProblemOutcome(one.level, 4, 4, 1, 0, 0, 3, 3, None, None) for one in SUBJECTS]
    ended = later(sorted(outcomes, key=lambda one: str(one.level)), RNG(0))
    assert [one.correct for one in ended] == [4] * 40
    assert all(1 <= one.distinct <= 4 for one in ended)
