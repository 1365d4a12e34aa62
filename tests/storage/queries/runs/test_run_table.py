"""The table of runs: a line for each run, the cells of an evaluation in one, and every number from where it is recorded."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from rollmill.storage.queries import runs
from rollmill.storage.queries.run_table import run_line, run_lines
from rollmill.storage.runs import Run
from rollmill.storage.spending import Charge, Sums
from tests.storage.queries.conftest import DONE

BEGAN = datetime(2026, 11, 24, 20, 0, tzinfo=UTC)
OVERALL = {"pass_rate": 0.676, "low": 0.593, "high": 0.742}
PASS_AT_1 = {"metric": "pass@k", "k": 1, "group": {}, "value": 0.9, "low": 0.8, "high": 0.95}


def run(name: str = "toy", minutes: int = 0, status: str = "done", **more: Any) -> Run:
    begun = BEGAN + timedelta(minutes=minutes)
    ended = None if status == "running" else begun + timedelta(seconds=30)
    made = Run(f"{name}-{minutes:08}", name, {"name": name}, "a" * 64, status, begun, ended)
    return replace(made, **more)


def cell(benchmark: str, model: str, minutes: int, status: str = "done", **summary: Any) -> Run:
    name = f"bench.{benchmark}.{model}"
    recipe = {"name": name, "cell": {"evaluation": "bench", "benchmark": benchmark, "model": model}}
    return run(name, minutes, status, recipe=recipe, summary={"metrics": [PASS_AT_1], **summary})


def sums(tokens: int, **more: int) -> Sums:
    return Sums(completions=1, tokens_out=tokens, **more)


def test_a_run_that_published_says_what_it_measured_kept_and_cost() -> None:
    summary = {"version": 1, "funnel": {"problems": 12, "kept": 5}, "metrics": {"overall": OVERALL}, "currency": "USD"}
    paid = {"toy-00000000": Sums(completions=3, tokens_in=20, tokens_out=80, units=2 * 10**12)}
    recipe = {"name": "toy", "generate": {"engine": "openai", "model": "big"}}
    line = run_line(run(recipe=recipe, summary=summary), paid)
    assert (line.status, line.recipe, line.seconds, line.problems, line.kept) == ("done", "toy", 30.0, 12, 5)
    assert line.row() == {
        "seconds": 30.0,
        **OVERALL,
        "tokens": 100,
        "money": "2.000 USD",
        "models": ["big"],
        "kept": 5,
    }


def test_a_refused_run_selected_rows_and_kept_none() -> None:
    summary = {"funnel": {"problems": 12, "kept": 73}, "metrics": {"overall": OVERALL}, "spent": {"drawn": 0}}
    line = run_line(run(status="failed", summary=summary), {})
    assert (line.status, line.kept, line.tokens, line.money) == ("gate refused", None, 0, None)


def test_what_is_not_known_is_none() -> None:
    bare = run_line(run(status="running"), {})
    assert (bare.seconds, bare.problems, bare.kept, bare.models, bare.rate, bare.tokens) == (
        None,
        None,
        None,
        (),
        None,
        None,
    )
    unmeasured = {"metrics": {"overall": {"pass_rate": None, "low": None, "high": None}}}
    assert run_line(run(summary=unmeasured), {}).rate is None
    unpriced = run_line(run(), {"toy-00000000": sums(7, unpriced=1)})
    assert (unpriced.tokens, unpriced.money) == (7, None)


def test_the_models_are_those_that_the_recipe_asks() -> None:
    steps = [{"name": name, "engine": "served", "model": model} for name, model in (("a", "small"), ("b", "big"))]
    compose = {"name": "c", "engine": "compose", "model": "compose"}
    assert run_line(run(recipe={"steps": [*steps, compose, steps[0]]}), {}).models == ("small", "big")
    imported = {"generate": {"engine": "imported"}}
    measured: Mapping[str, Any] = {"metrics": {"overall": OVERALL, "models": {"theirs": {}, "ours": {}}}}
    assert run_line(run(recipe=imported, summary=measured), {}).models == ("theirs", "ours")
    assert run_line(run(recipe=imported), {}).models == ()


def test_the_cells_of_an_evaluation_are_one_line_where_the_newest_is(curated: Any) -> None:
    listed = [
        run("toy", 9),
        cell("hard", "big", 8),
        cell("easy", "big", 7),
        run("toy", 6),
        cell("hard", "big", 2, status="failed"),  # measured again since
    ]
    for done, tokens in ((listed[1], 5), (listed[2], 6), (listed[4], 100)):
        charge = Charge(f"batch-{done.id}", 0, 0, "1", sums(tokens))
        with curated.ws.ledger.write() as session:
            curated.ws.spending.pay(session, done.id, charge, redundant=False)
    lines = run_lines(listed, curated.reader.spending.by_run())
    assert [line.id for line in lines] == ["toy-00000009", "bench", "toy-00000006"]
    bench = lines[1]
    assert (bench.status, bench.started, bench.seconds, bench.tokens) == ("done", BEGAN + timedelta(minutes=7), 60.0, 11)
    assert (bench.models, bench.rate, bench.problems, bench.kept) == (("big",), None, None, None)
    assert [(line.id, line.recipe, line.rate) for line in bench.cells] == [
        ("bench.hard.big-00000008", "bench", (0.9, 0.8, 0.95)),
        ("bench.easy.big-00000007", "bench", (0.9, 0.8, 0.95)),
        ("bench.hard.big-00000002", "bench", (0.9, 0.8, 0.95)),
    ]


def test_an_evaluation_is_as_far_as_its_least_finished_cell(curated: Any) -> None:
    states = ("done", "stopped", "killed", "running")
    for end in range(1, 5):
        listed = [cell("easy", f"m{place}", place, status) for place, status in enumerate(states[:end])]
        [line] = run_lines(listed, curated.reader.spending.by_run())
        assert line.status == states[end - 1]
    assert (line.seconds, line.tokens) == (None, None)  # the last one has not ended, and nobody paid yet


def test_the_lines_of_a_workspace_are_in_the_order_of_its_runs(curated: Any) -> None:
    [line] = run_lines(runs(curated.reader), curated.reader.spending.by_run())
    assert (line.id, line.recipe, line.models) == (DONE, "toy", ())
