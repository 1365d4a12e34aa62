"""The time left of runs whose steps follow one another: intervals that hold what comes, and nothing said too early."""

import logging
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from rollmill.flows.progress import Event, Progress
from rollmill.flows.rounds import run_all
from rollmill.flows.rounds.planning import whole
from rollmill.flows.rounds.planning.whole import RestOfRun, simulated_remainders
from rollmill.flows.rounds.spec import RunSpec
from rollmill.pipelines.budget.dars import DarsProp2Diff
from rollmill.pipelines.budget.fixed import Fixed
from rollmill.roles.protocols import Budget
from rollmill.roles.tallies import Draw, PrefixTally, RoundPlan, Tally
from rollmill.stats import Prediction, prediction_of
from rollmill.steps.census import Census
from rollmill.steps.follow import Link, follow_ups
from rollmill.steps.graph import StepGraph, StepRule
from rollmill.steps.step_template import Facts
from rollmill.steps.to_come import TooLittleSeenError
from tests.flows.rounds.stepped.chain import GRAPH, chain
from tests.flows.rounds.toy import spec, workspace

CRITIQUED = StepGraph(
    [
        StepRule("solve"),
        StepRule("critic", "{prompt}\n{solve}\nFaults?", role="step", read={"verdict": r"(\w+)"}),
        StepRule("refine", "{prompt}\n{solve}\n{critic}", when={"critic.verdict": ["wrong"]}, repeat=2),
        StepRule("vote", "{prompt}\n{refine}\nGood?", role="vote", count=3),
    ]
)
BUDGETS: Sequence[Budget] = (DarsProp2Diff(initial=4, target=4, cap=12), Fixed(initial=6))


@dataclass
class MadeUpRun:
    """A run of made-up answers: every problem has rates of its own, and the rules are the run's own."""

    graph: StepGraph
    budget: Budget
    rng: np.random.Generator
    links: dict[str, list[Link]] = field(default_factory=dict)
    facts: dict[tuple[str, str], Facts] = field(default_factory=dict)
    rates: dict[str, dict[str, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.links:
            return
        centre = {name: self.rng.uniform(0.2, 0.8) for name in self.graph.nodes}
        for number in range(30):
            shares = {name: self.rng.beta(4 * mean, 4 * (1 - mean)) for name, mean in centre.items()}
            self.links[f"p{number:02}"], self.rates[f"p{number:02}"] = [], shares

    def tallies(self) -> list[PrefixTally]:
        """Of the roots."""
        rows = []
        for key, links in self.links.items():
            right = [self.facts[link.id, key].outcome == "correct" for link in links if link.step == "solve"]
            first = right[: self.budget.prefix]
            rows.append(
                PrefixTally(
                    key,
                    drawn=len(right),
                    correct=sum(right),
                    incorrect=len(right) - sum(right),
                    distinct_correct=sum(right),
                    prefix_judged=len(first),
                    prefix_correct=sum(first),
                )
            )
        return rows

    def rounds(self) -> Iterator[tuple[int, list[PrefixTally], Census]]:
        """Every round, as it is when it has been planned and is not drawn yet."""
        for number in range(100):
            tallies, census, draws = self.tallies(), Census(self.graph), list[Draw]()
            draws = list(self.budget.plan(number, tallies).draws)
            for key, links in self.links.items():
                draws += follow_ups(self.graph, key, links, self.facts, census)
            if not draws:
                return
            yield number, tallies, census
            for draw in draws:
                self._draw(draw)

    def _draw(self, draw: Draw) -> None:
        step = draw.step or "solve"
        for _ in range(draw.count):
            link = Link(f"c{len(self.facts):06}", step, draw.after)
            yes = self.rng.random() < self.rates[draw.problem_id][step]
            outcome = ("correct" if yes else "incorrect") if step in self.graph.answers else None
            fields = {"verdict": "ok" if yes else "wrong", "answer": "7", "best": "1"}
            self.facts[link.id, draw.problem_id] = Facts(outcome, fields=fields)
            self.links[draw.problem_id].append(link)

    def drawn(self) -> Counter[str]:
        """Completions by step."""
        return Counter(link.step for links in self.links.values() for link in links)


def spec_of(graph: StepGraph, budget: Budget) -> RunSpec:
    """What a forecast reads of a run."""
    first = chain().spec.steps[0]
    return replace(chain().spec, budget=budget, steps=[replace(first, node=node) for node in graph.nodes.values()])


def forecast(life: MadeUpRun, number: int, tallies: list[PrefixTally], census: Census) -> list[RestOfRun] | None:
    try:
        return list(simulated_remainders(spec_of(life.graph, life.budget), number, tallies, census, 60.0))
    except TooLittleSeenError:
        return None


@pytest.mark.integration
def test_the_interval_holds_what_follows_until_the_end() -> None:
    """In the rounds of simulated runs, until it is certain; and nothing is said before anything was followed."""
    inside: list[bool] = []
    ratios: list[float] = []
    for seed, (graph, budget) in enumerate(3 * list(product((GRAPH, CRITIQUED), BUDGETS))):
        run, predictions = MadeUpRun(graph, budget, np.random.default_rng(seed)), list[Prediction]()
        for number, tallies, census in run.rounds():
            certain = bool(predictions) and predictions[-1].low95 == predictions[-1].high95
            rests_left = None if certain else forecast(run, number, tallies, census)
            assert number > 0 or rests_left is None
            if rests_left is not None:
                drawn = run.drawn().total()
                predictions.append(prediction_of([float(drawn + rest.rows()) for rest in rests_left]))
        total = run.drawn().total()
        assert predictions[-1].median == total  # the last round is all there is
        open_ones = [interval for interval in predictions if interval.low95 < interval.high95]
        inside += [interval.low95 <= total <= interval.high95 for interval in open_ones]
        ratios += [interval.median / total for interval in open_ones]
        assert open_ones[0].high95 < 2 * total
    assert len(inside) >= 24
    assert np.mean(inside) >= 0.85
    assert 0.98 < np.mean(ratios) < 1.02


def test_what_surely_follows_is_forecast_from_the_first_round_on() -> None:
    """Three votes on each of 180 answers, and one choice among each four."""
    graph = StepGraph(
        [
            StepRule("solve"),
            StepRule("grade", "{prompt}\n{solve}", role="vote", count=3),
            StepRule("pick", "{prompt}\n{solve*}", role="vote", gather=4, most=1),
        ]
    )
    life = MadeUpRun(graph, Fixed(initial=6), np.random.default_rng(0))
    number, tallies, census = next(life.rounds())
    rests_left = forecast(life, number, tallies, census)
    assert rests_left is not None
    assert {tuple(sorted(rest.draws.items())) for rest in rests_left} == {(("grade", 540), ("pick", 30), ("solve", 180))}


@pytest.mark.integration
def test_a_run_tells_what_is_to_come_by_stage_and_how_long_its_rows_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whole, "LEAST_FORECAST", 60.0)
    monkeypatch.setattr(whole, "MOST_FORECAST", 60.0)
    heard: list[Event] = []
    with workspace(tmp_path) as ws, chain(changes={"on_event": heard.append}, count=16).open(ws) as run:
        run_all(run)
        plans = ws.runs.plans("toy-run")
        stored = {part.stage: part.detail["whole"] for part in ws.runs.progress_of("toy-run")}
    rows = sum(map(len, plans))
    answers = sum(row.step in GRAPH.answers for plan in plans for row in plan)
    forecasts = [event.whole for event in heard if event.kind == "planned" and event.whole]
    assert forecasts
    assert {name: ends["median"] for name, ends in forecasts[-1].items()} == {"draw": rows, "verify": answers}
    assert stored == forecasts[-2]  # of the last round that drew something
    assert set(forecasts[0]["draw"]["weight"]) == {"median", "low", "high"}
    assert 0.95 * forecasts[0]["draw"]["low"] <= rows <= 1.05 * forecasts[0]["draw"]["high"]


@dataclass
class Touchy:
    """A budget of somebody's own, which remembers what it was asked."""

    asked: set[int] = field(default_factory=set)
    name = "touchy"
    version = "1"
    prefix = 4
    estimator = "prefix"

    def plan(self, round_index: int, tallies: Sequence[Tally]) -> RoundPlan:
        """Four draws, once; nobody asks twice about a round."""
        if round_index in self.asked:
            raise ValueError(f"round {round_index}\nagain")
        self.asked.add(round_index)
        return Fixed(initial=4).plan(round_index, tallies)


def test_what_a_budget_raises_on_made_up_tallies_is_said_once_and_the_run_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "rollmill")
    with workspace(tmp_path) as ws, spec(budget=Touchy(), on_event=Progress()).open(ws) as run:
        assert sum(result.drawn for result in run_all(run)) == 32
    lines = [line for line in caplog.messages if "forecast" in line]
    (line,) = lines  # of round 0 or 1: how often time left is forecast follows the clock
    assert re.fullmatch("time left is not forecast: budget 'touchy' raised ValueError: round [01] again", line)
