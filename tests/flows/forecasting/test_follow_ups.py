"""Forecasts of recipes whose steps follow one another: from a pilot that drew follow-ups, or a word why not."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flows.forecasting.follow_ups import FollowUpEvidence, FollowUpForecast
from pipelines.budget import Fixed
from pipelines.budget.forecast import ForecastProblem, ProblemOutcome, Question, forecast
from pipelines.budget.posterior_predictive import Observation
from pipelines.budget.simulate import Sample, Subject
from pipelines.steps.census import Census
from pipelines.steps.follow import Link, follow_ups
from pipelines.steps.graph import StepGraph, StepRule
from pipelines.steps.templates import Facts
from pipelines.steps.to_come import TooLittleSeenError
from storage.money import UNITS
from storage.workspace import Workspace
from tests.flows.cli.test_chained import VOTED
from tests.flows.cli.test_votes import RECIPE as BY_VOTES
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
            beside=FollowUpForecast(evidence_of(pilot, rng), [Subject(key) for key in run.links], {}),
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


RECIPE = """\
recipe_schema: 1
name: {name}
problems: {{synthesize: templates, count: 24, options: {{levels: [5, 6]}}}}
generate: {{engine: embedded, model: models/rollmill-tiny, max_tokens: 60}}
steps:
{steps}
verify: [{{method: number}}]
select: {{method: quota, options: {{per_problem: 3{of}}}}}
{more}"""
FROM_IDEAS = """\
  - {name: idea, role: step, count: 2, template: "{prompt}\\nThink first."}
  - {name: solve, template: "{prompt}\\n{idea}", count: 2}"""
ROUTED = """\
  - {name: short}
  - {name: long, template: "{prompt}\\nThink first."}
  - {name: check, role: step, template: "{prompt}\\n{short}\\nSo?", when: {short: incorrect}, max_tokens: 20}"""
ROUTER = "budget: {method: router, options: {initial: 4, entry: 4, target: 2, cap: 8}}\n"


@pytest.mark.integration
def test_of_a_root_that_nobody_judges_its_draws_and_what_follows_are_forecast(folder: Path, rollmill: Run) -> None:
    (folder / "voted.yaml").write_text(RECIPE.format(name="ideas", steps=FROM_IDEAS, of="", more=""))
    found = planned(rollmill)
    assert (found["follow_ups"], found["not_forecast"]) == (True, {})
    assert found["quantities"]["draws"]["median"] == 24 * 2 * 3  # an idea, and two answers to each
    assert {"solved", "kept"}.isdisjoint(name.rsplit(".", 1)[-1] for name in found["quantities"])
    said = rollmill("plan", "voted.yaml", "--simulations", "20")
    assert "Not forecast: problems solved and kept, as nobody judges idea." in said.out


@pytest.mark.integration
def test_what_follows_one_of_several_roots_is_forecast_from_a_pilot_of_its_own(folder: Path, rollmill: Run) -> None:
    (folder / "voted.yaml").write_text(RECIPE.format(name="routed", steps=ROUTED, of="", more=ROUTER))
    found = planned(rollmill)
    assert (found["follow_ups"], found["not_forecast"]) == (True, {})
    *alone, joint = found["evidence"]["runs"]
    assert len(alone) == 2
    with Workspace.open(folder) as ws:
        checked = [row for plan in ws.runs.plans(joint) for row in plan if row.step == "check"]
        paid = [ws.spending.paid(run) for run in found["evidence"]["runs"]]
    assert paid[2].completions == len(checked) == found["evidence"]["follow_ups"] > 0, "the roots were there already"
    assert found["evidence"]["tokens_spent"] == sum(one.tokens_in + one.tokens_out for one in paid)
    assert {"solved", "kept"} <= found["quantities"].keys()
    outcome = curated(rollmill)
    draws = outcome["forecast"]["totals"]["draws"]
    assert draws["actual"] == outcome["spent"]["drawn"]
    assert draws["median"] == pytest.approx(draws["actual"], rel=0.3)


@pytest.mark.integration
def test_rows_kept_are_forecast_where_the_selector_decides_on_the_root_alone(folder: Path, rollmill: Run) -> None:
    steps = (
        "  - {name: solve, count: 3}\n  - {name: again, template: '{solve} Once more.', when: {solve: correct}, most: 1}"
    )
    (folder / "voted.yaml").write_text(RECIPE.format(name="both", steps=steps, of="", more=""))
    said = rollmill("plan", "voted.yaml", "--simulations", "20")
    assert "Not forecast: kept, as selector quota decides on answers that follow others." in said.out
    (folder / "voted.yaml").write_text(
        RECIPE.format(name="first", steps=steps, of=", of: [solve]", more="gate: {max_undecided: 0.1}\n")
    )
    kept = planned(rollmill)["quantities"]["kept"]
    assert kept["low95"] <= curated(rollmill)["forecast"]["totals"]["kept"]["actual"] <= kept["high95"]


@pytest.mark.integration
def test_rows_kept_by_votes_are_forecast_and_scored_by_what_the_votes_say(folder: Path, rollmill: Run) -> None:
    (folder / "voted.yaml").write_text(BY_VOTES.replace("count: 10", "count: 40"))
    found = planned(rollmill)
    outcome = curated(rollmill)
    scored, kept = outcome["forecast"]["totals"], outcome["funnel"]["kept"]
    assert (scored["kept"]["actual"], scored["solved"]["actual"]) == (kept, outcome["funnel"]["problems_solved"])
    assert kept > 0
    for name in ("kept", "solved"):
        assert 0 < found["quantities"][name]["low95"] <= scored[name]["actual"] <= found["quantities"][name]["high95"]
    assert "level.4.pass_rate" in found["quantities"]


def census_of(graph: StepGraph, rows: list[tuple[str, str, tuple[str, ...]]], right: set[str]) -> Census:
    """Of one problem: (id, step, what it follows) of each completion."""
    census, links = Census(graph), [Link(cid, step, after) for cid, step, after in rows]
    facts = {(cid, "p"): Facts("correct" if cid in right else "incorrect") for cid, *_ in rows}
    assert not list(follow_ups(graph, "p", links, facts, census))
    return census


def outcome(drawn: int, correct: int, roots: dict[str, tuple[int, int]]) -> ProblemOutcome:
    return ProblemOutcome(None, drawn, correct, 0, 0, 0, 0, 0, None, None, roots=roots)


def test_each_root_is_followed_by_its_own_draws() -> None:
    graph = StepGraph(
        [StepRule("a"), StepRule("b", "{prompt} b"), StepRule("check", "{a}?", role="step", when={"a": ["correct"]})]
    )
    first = [(f"{root}{n}", root, ()) for root in "ab" for n in range(8)]
    census = census_of(graph, [*first, *((f"c{n}", "check", (f"a{n}",)) for n in range(4))], {"a0", "a1", "a2", "a3"})
    beside = FollowUpForecast(FollowUpEvidence(census, {"check": {"p": [(5, 2)]}}), [Subject("p")], {})
    [ended] = beside([outcome(9, 7, {"a": (6, 5), "b": (3, 2)})], np.random.default_rng(0))
    assert (ended.drawn, ended.tokens_in, ended.tokens_out) == (9 + 5, 5 * 5, 5 * 2)


def test_a_root_that_nobody_judges_is_followed_by_all_of_it() -> None:
    graph = StepGraph([StepRule("idea", role="step"), StepRule("solve", "{idea}", count=2)])
    ideas = [(f"i{n}", "idea", ()) for n in range(8)]
    answers = [(f"s{n}{m}", "solve", (f"i{n}",)) for n in range(8) for m in range(2)]
    census = census_of(graph, [*ideas, *answers], set())
    beside = FollowUpForecast(FollowUpEvidence(census, {"solve": {"p": [(5, 2)]}}), [Subject("p")], {})
    [ended] = beside([outcome(4, 0, {})], np.random.default_rng(0))
    assert (ended.drawn, ended.tokens_out) == (4 + 8, 16)


def test_tokens_of_a_level_are_those_of_its_own_problems() -> None:
    """Harder problems have longer prompts: one mean was 9% too high on an easy level, 11% too low on a hard one."""
    graph = StepGraph([StepRule("idea", role="step"), StepRule("solve", "{idea}")])
    census, sizes = Census(graph), {}
    subjects = [Subject(f"p{level}", level, "t") for level in (1, 2)]
    for one in subjects:
        rows = [(f"i{n}", "idea", ()) for n in range(8)] + [(f"s{n}", "solve", (f"i{n}",)) for n in range(8)]
        census.problems[one.problem_id] = census_of(graph, rows, set()).problems["p"]
        sizes[one.problem_id] = [(100 * (one.level or 0), 1)] * 8
    beside = FollowUpForecast(FollowUpEvidence(census, {"solve": sizes}), subjects, {})
    ended = beside([outcome(3, 0, {}), outcome(3, 0, {})], np.random.default_rng(0))
    assert [one.tokens_in for one in ended] == [300, 600]


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
