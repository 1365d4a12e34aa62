"""Forecasts of recipes whose steps follow one another: from a pilot that drew follow-ups, or a word why not."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flows.forecasting.follow_ups import FollowUpEvidence, FollowUpForecast
from pipelines.budget import Fixed
from pipelines.budget.forecast import ForecastProblem, Question, forecast
from pipelines.budget.posterior_predictive import Observation
from pipelines.budget.simulate import Sample, Subject
from pipelines.steps.census import Census
from pipelines.steps.follow import follow_ups
from pipelines.steps.to_come import TooLittleSeenError
from storage.money import UNITS
from storage.workspace import Workspace
from tests.flows.cli.test_chained import VOTED
from tests.flows.conftest import Run
from tests.flows.rounds.chain import GRAPH
from tests.flows.rounds.test_whole import CRITIQUED, MadeUpRun

PRICED = "profile_schema: 1\nprices: {input: 0.15, output: 0.60, currency: EUR}\n"
Sizes = dict[str, dict[str, list[tuple[int, int]]]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Workspace.init(tmp_path).close()
    Path("voted.yaml").write_text(VOTED.replace("count: 12", "count: 44"))
    Path("priced.yaml").write_text(PRICED)
    return tmp_path


def planned(rollmill: Run, *more: str) -> dict[str, Any]:
    said = rollmill("plan", "voted.yaml", "--simulations", "20", "--profile", "priced.yaml", "--json", *more)
    assert said.status == 0, said.err
    found: dict[str, Any] = json.loads(said.out)
    return found


def curated(rollmill: Run) -> dict[str, Any]:
    said = rollmill("curate", "voted.yaml", "--direct", "--profile", "priced.yaml", "--json")
    assert said.status == 0, said.err
    found: dict[str, Any] = json.loads(said.out)
    return found


@pytest.mark.integration
def test_a_pilot_draws_follow_ups_once_and_the_run_is_scored_over_all_steps(folder: Path, rollmill: Run) -> None:
    first = planned(rollmill)
    [pilot] = first["evidence"]["runs"]
    with Workspace.open(folder) as ws:
        rows = [row for plan in ws.runs.plans(pilot) for row in plan]
        paid = ws.spending.paid(pilot)
    drawn = [row for row in rows if row.step != "solve"]
    assert {row.step for row in drawn} == {"cut", "fix", "note", "grade"}
    assert first["evidence"]["follow_ups"] == len(drawn)
    assert first["evidence"]["samples"] == len(rows) - len(drawn) == 22 * 4  # the run draws four of each problem
    assert paid.completions == len(rows)
    assert first["evidence"]["tokens_spent"] == paid.tokens_in + paid.tokens_out
    again = planned(rollmill)
    assert again["quantities"]["draws"] == first["quantities"]["draws"]
    with Workspace.open(folder) as ws:
        assert ws.spending.paid(pilot).completions == len(rows)

    outcome = curated(rollmill)
    funnel, scored = outcome["funnel"], outcome["forecast"]["totals"]
    assert scored["draws"]["actual"] == funnel["drawn"] + funnel["unjudged"] == outcome["spent"]["drawn"] > len(rows)
    assert scored["tokens_out"]["actual"] == funnel["tokens_out"]
    assert scored["units"]["actual"] == pytest.approx(UNITS * outcome["spent"]["cost"], rel=0.01)
    for name in ("draws", "tokens", "units"):
        assert scored[name]["median"] == pytest.approx(scored[name]["actual"], rel=0.3)
    assert "kept" not in first["quantities"]


@pytest.mark.integration
@pytest.mark.usefixtures("folder")
def test_what_cannot_be_forecast_is_named_with_the_reason(rollmill: Run) -> None:
    said = rollmill("plan", "voted.yaml", "--simulations", "20", "--pilot", "1")
    assert said.status == 0, said.err
    assert (
        "Not in these numbers are the steps that follow others, cut, fix, note, grade: the pilot has fewer than 8 "
        in said.out
    )
    found = planned(rollmill, "--pilot", "1")
    assert (found["follow_ups"], set(found["not_forecast"])) == (False, {"cut", "fix", "note", "grade"})
    outcome = curated(rollmill)  # and what is scored is what was forecast
    assert outcome["forecast"]["totals"]["draws"]["actual"] == 176 < outcome["spent"]["drawn"]


@pytest.mark.parametrize("graph", [GRAPH, CRITIQUED], ids=["checked", "critiqued"])
def test_intervals_hold_what_a_run_draws(graph: Any) -> None:
    """From a pilot on half of the problems, over simulated runs of the same rates."""
    held, said = {"draws": 0, "tokens_out": 0}, 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        run = MadeUpRun(graph, Fixed(initial=6), rng)
        pilot = replace(run, links={key: [] for key in sorted(run.links)[::2]}, facts={})
        pilot.rates = run.rates
        for one in (pilot, run):
            list(one.rounds())
        question = Question(
            Fixed(initial=6),
            [ForecastProblem(Subject(key), {"": 0}) for key in run.links],
            simulations=25,
            beside=FollowUpForecast(evidence_of(pilot, rng), list(run.links), "solve", {}, None),
        )
        try:
            found = forecast(question, [Observation(Subject(key), samples(pilot, key, rng)) for key in pilot.links])
        except TooLittleSeenError:
            continue
        said += 1
        lengths = [length(link.step, rng) for links in run.links.values() for link in links]
        for name, value in {"draws": len(lengths), "tokens_out": sum(lengths)}.items():
            held[name] += found[name].low95 <= value <= found[name].high95
    assert said >= 8
    assert min(held.values()) >= 0.8 * said, (held, said)


def length(step: str, rng: np.random.Generator) -> int:
    """Follow-ups are longer than what they follow."""
    return int(rng.poisson(20 if step == "solve" else 40))


def evidence_of(pilot: MadeUpRun, rng: np.random.Generator) -> FollowUpEvidence:
    """What a pilot that has ended says of what follows."""
    census, sizes = Census(pilot.graph), Sizes()
    for key, links in pilot.links.items():
        assert not list(follow_ups(pilot.graph, key, links, pilot.facts, census))
        for link in links:
            if link.step != "solve":
                sizes.setdefault(link.step, {}).setdefault(key, []).append((0, length(link.step, rng)))
    return FollowUpEvidence(census, sizes)


def samples(run: MadeUpRun, key: str, rng: np.random.Generator) -> list[Sample]:
    """The root's completions of a problem."""
    outcomes = [run.facts[link.id, key].outcome for link in run.links[key] if link.step == "solve"]
    return [Sample(outcome or "incorrect", number, length("solve", rng)) for number, outcome in enumerate(outcomes)]
