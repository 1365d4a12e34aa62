"""The accounts of real runs: every grouping has the same totals, which are those of the ledger."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollmill.flows.rounds import decide, run_all
from rollmill.ground.errors import SetupError
from rollmill.ground.ids import digest128
from rollmill.ground.records import Attempt
from rollmill.pipelines.budget.fixed import Fixed
from rollmill.pipelines.generate.prices import Prices
from rollmill.storage.queries import Reader
from rollmill.storage.queries.cost import GROUPS, RunCost, money_text, run_cost
from rollmill.storage.spending import Sums
from rollmill.storage.workspace import Workspace
from tests.flows.rounds.toy import problems, spec, workspace

pytestmark = pytest.mark.integration

PRICES = Prices(0.15, 0.6)


def drawn(path: Path, run: str = "toy-run", **changes: Any) -> None:
    with workspace(path, run) as ws, spec(run, **({"prices": PRICES} | changes)).open(ws) as made:
        run_all(made)
        decide(made)


def cost(path: Path, run: str = "toy-run") -> RunCost:
    with Reader.open(path) as reader:
        return run_cost(reader, run)


def totals(account: RunCost, what: Any) -> tuple[Sums, Sums, int, int]:
    groups = account.by(what)
    represented = sum((group.represented for group in groups), Sums())
    spent = sum((group.spent for group in groups), Sums())
    return represented, spent, sum(group.kept for group in groups), sum(group.failed for group in groups)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("one")
    drawn(path)
    return path


def test_the_ledger_holds_what_the_completions_sum_to(undisturbed: Path) -> None:
    run = cost(undisturbed)
    with Workspace.open(undisturbed) as ws:
        rows = ws.segments.read("completions", columns=("tokens_in", "tokens_out", "cost"))
        assert run.paid == ws.spending.paid("toy-run")
    assert run.whole.spent == run.whole.represented == run.paid
    assert run.again == Sums()
    assert run.paid.completions == rows.num_rows == 52
    assert run.paid.tokens_in == sum(rows["tokens_in"].to_pylist()) == 416
    assert run.paid.tokens_out == sum(rows["tokens_out"].to_pylist())
    assert run.paid.units == 416 * 150_000 + run.paid.tokens_out * 600_000
    assert run.paid.unpriced == run.paid.uncounted == 0


@pytest.mark.parametrize("what", [name for name in GROUPS if name != "command"])
def test_every_grouping_has_the_totals_of_the_run(undisturbed: Path, what: Any) -> None:
    run = cost(undisturbed)
    whole = run.whole
    assert totals(run, what) == (whole.represented, whole.spent, whole.kept, 0)
    assert len(run.by("problem")) == 8
    assert sum(group.spent.units for group in run.by("command")) == whole.spent.units


def test_a_completion_of_two_problems_counts_once(tmp_path: Path) -> None:
    """Both problems have one prompt; the run plans each completion of it for both."""
    few = problems()[:3]
    other = replace(few[0], reference="another")
    drawn(tmp_path, problems=[*few, other], budget=Fixed(initial=4))
    run = cost(tmp_path)
    with Workspace.open(tmp_path) as ws:
        assert len(ws.runs.plans("toy-run")[0]) == 16
    assert run.whole.represented.completions == run.whole.spent.completions == 12
    assert {group.name: group.represented.completions for group in run.by("problem")}.keys() < {
        completion.id for completion in [*few, other]
    }
    assert totals(run, "problem")[0] == run.paid


@pytest.mark.integration
def test_what_another_run_drew_is_represented_and_costs_nothing(undisturbed: Path, tmp_path: Path) -> None:
    drawn(tmp_path, "first", budget=Fixed(initial=4))
    drawn(tmp_path, "second", budget=Fixed(initial=6))
    first, second = cost(tmp_path, "first"), cost(tmp_path, "second")
    assert (first.whole.represented.completions, first.whole.spent.completions) == (32, 32)
    assert (second.whole.represented.completions, second.whole.spent.completions) == (48, 16)
    assert second.whole.calls == 16
    assert second.whole.represented - second.whole.spent == first.paid
    for what in ("problem", "round", "batch"):
        assert totals(second, what)[:2] == (second.whole.represented, second.whole.spent)


@pytest.mark.integration
@given(data=st.data(), batch=st.integers(1, 30), initial=st.integers(1, 5))
@settings(max_examples=3)  # each is two runs in a workspace; other sizes and prices in every run of the tests
def test_random_splits_among_runs_reconcile(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, batch: int, initial: int
) -> None:
    """Runs of random sizes on one workspace: all that they paid is all that is stored, in every unit."""
    path = tmp_path_factory.mktemp("ws")
    price = data.draw(st.floats(0, 50).map(lambda value: round(value, 3)))
    for number in range(2):
        budget = Fixed(initial=initial + number * data.draw(st.integers(0, 4)))
        drawn(path, f"run-{number}", budget=budget, batch_size=batch + number, prices=Prices(price, 2 * price))
    with Workspace.open(path) as ws:
        rows = ws.segments.read("completions", columns=("tokens_in", "tokens_out"))
        stored = Prices(price, 2 * price)
        units = [stored.units(*pair) for pair in zip(*(rows[name].to_pylist() for name in rows.column_names), strict=True)]
    accounts = [cost(path, f"run-{number}") for number in range(2)]
    assert sum(account.paid.units for account in accounts) == sum(units)
    assert sum(account.paid.completions for account in accounts) == rows.num_rows
    for account in accounts:
        assert account.again == Sums()
        assert {totals(account, what)[1] for what in GROUPS if what != "command"} == {account.paid}


def test_failed_calls_are_counted_and_belong_to_their_batch(tmp_path: Path) -> None:
    drawn(tmp_path)
    with Workspace.open(tmp_path) as ws:
        batch = ws.spending.payments("toy-run")[0].charge.batch_id
        ws.attempts.add(
            "toy-run", batch, [Attempt("http://x", "http_429", 3, 1.0, "c"), Attempt("http://x", "ok", 9, 1.0, "c")]
        )
        ws.attempts.add("toy-run", "never-committed", [Attempt("http://x", "timeout", 2, 1.0, "c")])
    run = cost(tmp_path)
    assert (run.whole.failed, run.whole.calls) == (5, 57)
    assert [(group.name, group.failed) for group in run.by("batch") if group.failed] == [("0.0", 3), ("-", 2)]
    assert [(group.name, group.failed) for group in run.by("level") if group.failed] == [("-", 5)]


def test_a_round_that_is_drawn_in_part_is_counted_so_far(tmp_path: Path) -> None:
    from rollmill.storage.spending import Limit

    with workspace(tmp_path) as ws, spec(limit=Limit(tokens=700)).open(ws) as made:
        run_all(made)
    run = cost(tmp_path)
    assert 0 < run.paid.completions < 52
    assert run.whole.spent == run.paid
    assert run.whole.represented == run.whole.spent


def test_lost_and_drawn_again_is_paid_twice_and_represented_once(tmp_path: Path) -> None:
    drawn(tmp_path)
    with Workspace.open(tmp_path) as ws:
        lost = ws.segments.registry.segments("completions")[0]
        Path(ws.segments.path(lost)).unlink()
        ws.recover()
    drawn(tmp_path)
    run = cost(tmp_path)
    assert run.whole.represented.completions == run.whole.spent.completions == 52
    assert run.again.completions == lost.rows
    assert run.again.tokens_in == 8 * lost.rows
    with Workspace.open(tmp_path) as ws:
        assert run.paid == ws.spending.paid("toy-run")


def test_a_notebook_gets_a_frame(undisturbed: Path) -> None:
    from rollmill.storage.queries import open_workspace

    with open_workspace(undisturbed) as view:
        frame = view.cost(by="round")
    assert frame["completions"].sum() == 52
    assert frame["units"].sum() == cost(undisturbed).paid.units
    assert list(frame["group"]) == ["0", "1"]


def test_an_unknown_grouping_is_named(undisturbed: Path) -> None:
    with pytest.raises(SetupError, match=r"unknown grouping 'levels'. Did you mean 'level'"):
        cost(undisturbed).by("levels")  # type: ignore[arg-type]


def test_a_run_without_payments_says_so(tmp_path: Path) -> None:
    with Workspace.init(tmp_path) as ws:
        ws.runs.open("empty", name="empty", recipe={}, recipe_hash=digest128("x"))
    run = cost(tmp_path, "empty")
    assert (run.recorded, run.paid, run.by("level")) == (False, Sums(), [])


def test_money_is_shown_where_some_was_paid() -> None:
    assert money_text(Sums(completions=3, units=0), "USD") == "0.00 USD"
    assert money_text(Sums(completions=3, unpriced=3), "USD") == "-"
    assert (
        money_text(Sums(completions=3, unpriced=2), None) == "-"
    )  # what has a price cost nothing: an engine without a model
    assert money_text(Sums(completions=3, units=2 * 10**12, unpriced=2), "USD") == "2.000 USD+?"
