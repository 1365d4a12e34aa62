"""Runs with several steps: rows by step, reuse across recipes, kills, and that nothing but the recipe changes a row."""

import signal
from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from rollmill.flows.rounds import QueueLimits, plan_round, run_all
from rollmill.flows.rounds.planning.tallies import tallies_of
from rollmill.flows.sampling.steps import Step
from rollmill.ground.errors import SetupError
from rollmill.ground.records import Problem, Sampling
from rollmill.pipelines.budget.fixed import Fixed
from rollmill.pipelines.budget.router import Router
from rollmill.pipelines.generate.http.http_settings import HttpSettings, Server
from rollmill.pipelines.generate.openai import OpenAI
from rollmill.pipelines.generate.prompts import PromptForm
from rollmill.steps.graph import root
from tests.flows.rounds.stepped.steps_child import BATCH, routed, two_models
from tests.flows.rounds.toy import (
    Rows,
    ToyEngine,
    ToyRun,
    calls,
    killed,
    problems,
    rows_of,
    spec,
    whole,
    with_spec,
    workspace,
)
from tests.forked import Forked
from tests.pipelines.generate.http.serving import Serving

pytestmark = pytest.mark.integration


def run_toy(path: Path, run: str = "toy-run", part: ToyRun | None = None, **engine: Any) -> Any:
    return whole(path, part or routed(run, **engine))[1]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Rows:
    path = tmp_path_factory.mktemp("plain")
    run_toy(path)
    return rows_of(path)


def test_easy_problems_stay_on_the_first_step_and_hard_ones_go_on(tmp_path: Path) -> None:
    report = run_toy(tmp_path)
    level = {problem.id: problem.level for problem in problems(24)}
    on_strong = Counter(level[decision.problem_id] for decision in report.decisions if decision.step == "strong")
    assert {decision.step for decision in report.decisions} == {"weak", "strong"}
    assert on_strong[0] < 8 < on_strong[3]  # of level 0 only what happened to be worded alike four times
    assert report.funnel.planned == len(report.decisions)


def test_indices_count_from_zero_on_each_step_and_a_batch_is_of_one_step(tmp_path: Path) -> None:
    run_toy(tmp_path)
    with workspace(tmp_path) as ws:
        plans = ws.runs.plans("toy-run")
    indexes: dict[tuple[str, str], list[int]] = {}
    for plan in plans:
        for number in {row.batch for row in plan}:
            members = [row for row in plan if row.batch == number]
            assert len({row.step for row in members}) == 1
            assert len(members) <= BATCH
        assert [row.ordinal for row in plan] == list(range(len(plan)))
        order = [("weak", "strong").index(row.step) for row in plan]
        assert order == sorted(order)
        for row in plan:
            indexes.setdefault((row.problem_id, row.step), []).append(row.sample_index)
    assert all(indices == list(range(len(indices))) for indices in indexes.values())
    seeds = {(row.problem_id, row.sample_index, row.seed) for plan in plans for row in plan}
    assert len({(problem, index) for problem, index, _ in seeds}) == len(seeds)  # equal indices are a paired draw
    ids = [row.completion_id for plan in plans for row in plan]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("changes", [{"reverse": True}, {"spooled": True}], ids=["reversed", "spooled"])
def test_how_engines_answer_changes_no_row(tmp_path: Path, plain: Rows, changes: dict[str, Any]) -> None:
    run_toy(tmp_path, **changes)
    assert rows_of(tmp_path) == plain


def test_one_step_may_be_spooled_and_the_other_in_process(tmp_path: Path, plain: Rows) -> None:
    weak, strong = two_models()
    spooled = partial(ToyEngine, model_digest="toy-strong", model="strong", lift=60, spooled=True)
    part = routed(steps=[weak, replace(strong, generator=spooled)])
    part = with_spec(part, limits=replace(part.spec.limits, draw_workers=3, uncommitted=4, unjudged=6))
    run_toy(tmp_path, part=part)
    assert rows_of(tmp_path) == plain


@pytest.mark.parametrize(
    "moment",
    [
        "segment.renamed:9",
        *(pytest.param(m, marks=pytest.mark.chaos) for m in ("segment.registered:14", "plan.committed:2")),
    ],
)
def test_a_killed_run_goes_on_to_the_same_rows(tmp_path: Path, plain: Rows, moment: str) -> None:
    log = tmp_path / "log"
    assert Forked(killed, tmp_path / "ws", log, routed, point=moment).end() == (-signal.SIGKILL, "")
    killed(tmp_path / "ws", log, routed)
    assert rows_of(tmp_path / "ws") == plain
    drawn = len(plain["completions"])
    assert drawn <= len(calls(log)) <= drawn + 2 * BATCH


def test_a_step_reuses_what_a_recipe_without_steps_drew_and_the_other_way_round(tmp_path: Path) -> None:
    log = tmp_path / "log"
    weak = two_models(log=log)[0]
    alone: dict[str, Any] = {"problems": problems(24), "budget": Fixed(initial=4), "batch_size": BATCH}
    alone |= {"engine": weak.generator, "sampling": weak.sampling}
    run_toy(tmp_path / "ws", "alone", spec("alone", **alone))
    assert len(calls(log)) == 96
    first = run_toy(tmp_path / "ws", log=log)
    assert first.reused == 96
    assert len(calls(log)) == len(set(calls(log))) == first.completions
    strong = Sampling(max_tokens=64)
    longer = [Problem(prompt=f"Think.\n{problem.prompt}", reference=problem.reference) for problem in problems(24)]
    alone |= {"engine": two_models(log=log)[1].generator, "sampling": strong, "problems": longer}
    again = run_toy(tmp_path / "ws", "asked", spec("asked", **alone))
    assert again.reused == 0  # another prompt of its own, so other seeds: no row is taken for another's


def test_a_higher_cap_draws_only_what_is_missing(tmp_path: Path) -> None:
    log = tmp_path / "log"
    run_toy(tmp_path / "grown", log=log)
    small = len(calls(log))
    part = routed("large", log=log)
    part = with_spec(part, budget=Router(initial=4, target=3, cap=12, pilot=2, explore=0))
    grown = run_toy(tmp_path / "grown", "large", part)
    assert len(calls(log)) == len(set(calls(log)))
    assert grown.reused > 0
    assert grown.completions - grown.reused == len(calls(log)) - small
    fresh = routed("large")
    fresh = with_spec(fresh, budget=part.spec.budget)
    assert run_toy(tmp_path / "fresh", "large", fresh).decisions == grown.decisions


def test_tallies_are_kept_by_step(tmp_path: Path) -> None:
    with workspace(tmp_path) as ws, routed().open(ws) as part:
        run_all(part)
        rows = [row for plan in ws.runs.plans("toy-run") for row in plan]
        tallies = tallies_of(part, rows)
        lengths = dict(ws.segments.connect().execute("SELECT id, tokens_out FROM completions").fetchall())
    drawn = Counter((row.problem_id, row.step) for row in rows)
    for tally in tallies:
        assert [step.name for step in tally.steps] == ["weak", "strong"]
        for step in tally.steps:
            mine = [row for row in rows if (row.problem_id, row.step) == (tally.problem_id, step.name)]
            assert step.drawn == drawn[tally.problem_id, step.name] == step.correct + step.incorrect + step.unparsed
            assert step.tokens == sum(lengths[row.completion_id] for row in mine)
            assert step.agreeing >= step.correct  # the toy has one right answer, so all correct ones agree
        assert tally.tokens == sum(step.tokens for step in tally.steps)
        assert tally.prefix_judged == 4
        first = [row for row in rows if (row.problem_id, row.step) == (tally.problem_id, "weak")]
        assert tally.prefix_correct <= tally.steps[0].correct
        assert len(first) >= 4


def test_agreement_needs_no_reference(tmp_path: Path) -> None:
    part = routed()
    part = with_spec(part, budget=Router(rule="agreement", initial=3))
    right = run_toy(tmp_path / "right", part=part)
    wrong = routed(steps=two_models())
    unknown = [replace(problem, reference="0") for problem in problems(24)]
    wrong = with_spec(wrong, budget=part.spec.budget, problems=unknown)
    other = run_toy(tmp_path / "wrong", part=wrong)
    assert right.stops == other.stops
    assert right.completions == other.completions
    assert right.stops["agreed"] > 0


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (
            Step(root("long"), ToyEngine, Sampling(max_tokens=99)),
            "max_tokens and stop at most: they draw the same texts",
        ),
        (Step(root("short"), ToyEngine, Sampling(temperature=0.5)), "two steps are named 'short'"),
        (Step(root(""), ToyEngine, Sampling(temperature=0.5)), "a step has no name"),
    ],
)
def test_steps_that_repeat_one_another_are_refused(tmp_path: Path, second: Step, message: str) -> None:
    steps = [Step(root("short"), ToyEngine), second]
    with workspace(tmp_path) as ws, pytest.raises(SetupError, match=message), routed(steps=steps).open(ws) as run:
        plan_round(run, 0)


def test_an_engine_is_shared_by_steps_and_closed_once(tmp_path: Path) -> None:
    built: list[ToyEngine] = []

    def engine() -> ToyEngine:
        built.append(ToyEngine())
        return built[-1]

    steps = [Step(root("cold"), engine, Sampling(temperature=0.5)), Step(root("warm"), engine, Sampling(temperature=1.0))]
    run_toy(tmp_path, part=routed(steps=steps))
    assert len(built) == 1
    assert built[0].closed


def test_two_models_on_two_servers_are_each_asked_for_their_own(tmp_path: Path) -> None:
    with Serving(models=["small"]) as one, Serving(models=["large"]) as other, workspace(tmp_path) as ws:
        servers = (Server(one.url, models=("small",)), Server(other.url, models=("large",)))
        http = HttpSettings(servers, backoff_seconds=0.05, patience=20.0)
        steps = [
            Step(root("small"), lambda: OpenAI("small", http=http), Sampling(max_tokens=8), batch_size=BATCH),
            Step(
                root("large"),
                lambda: OpenAI("large", http=http),
                Sampling(max_tokens=64),
                PromptForm("Think.\n{prompt}"),
                BATCH,
            ),
        ]
        limits = QueueLimits(draw_workers=3, uncommitted=4, unjudged=6)
        toy = with_spec(routed(steps=steps), budget=Router(rule="agreement", initial=4), limits=limits)
        with toy.open(ws) as part:
            results = run_all(part)
            rows = [row for plan in ws.runs.plans("toy-run") for row in plan]
            names = ws.segments.column("completions", "model", [row.completion_id for row in rows])
        assert {(row.step, names[row.completion_id]) for row in rows} == {("small", "small"), ("large", "large")}
    assert sum(result.drawn for result in results) == len(one.bodies) + len(other.bodies) == len(rows)
    assert {body["model"] for body in one.bodies} == {"small"}
    assert {body["model"] for body in other.bodies} == {"large"}
    assert all(body["messages"][-1]["content"].startswith("Think.\n") for body in other.bodies)
