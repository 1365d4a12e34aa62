"""`rollmill plan`, limits and `runs cost` from the command line, on the toy recipe."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from rollmill.storage.workspace import Workspace
from tests.flows.conftest import Curated, Prepare, Run

pytestmark = pytest.mark.integration

PRICED = "profile_schema: 1\nprices: {input: 0.15, output: 0.60, currency: EUR}\n"


def document(text: str) -> Any:
    return json.loads(text)


def content_hash(rollmill: Run, *more: str) -> str:
    result = rollmill("curate", "toy.yaml", "--direct", "--json", *more)
    assert result.status == 0, result.err
    return str(document(result.out)["content_hash"])


@pytest.fixture
def planned(toy: Path, prepare: Prepare) -> dict[str, Any]:
    [result] = prepare(["plan", "toy.yaml", "--pilot", "6", "--pilot-draws", "4", "--simulations", "20", "--json"])
    assert result.status == 0, result.err
    found: dict[str, Any] = document(result.out)
    return found


def test_a_plan_says_what_it_rests_on_and_is_kept(planned: dict[str, Any], toy: Path, rollmill: Run) -> None:
    assert planned["evidence"]["source"] == "pilot"
    assert (planned["evidence"]["problems"], planned["evidence"]["samples"]) == (6, 24)
    assert planned["evidence"]["tokens_spent"] == 24 * 10
    draws = planned["quantities"]["draws"]
    assert 48 <= draws["low95"] <= draws["low80"] <= draws["median"] <= draws["high80"] <= draws["high95"] <= 192
    assert set(planned["problems"]) == {"1", "2", "3"}
    assert planned["quantities"]["tokens_in"]["median"] == 4 * draws["median"]
    again = rollmill("plan", "toy.yaml", "--pilot", "6", "--pilot-draws", "4", "--simulations", "20", "--json")
    assert document(again.out)["quantities"]["draws"] == draws
    with Workspace.open(toy) as ws:
        assert [forecast.id for forecast in ws.forecasts.list()] == [planned["id"] + 1, planned["id"]]
        assert [run.id for run in ws.runs.list()] == planned["evidence"]["runs"]
        assert ws.spending.paid(planned["evidence"]["runs"][0]).completions == 24


def test_kept_rows_are_forecast_of_a_selector_that_declares_its_rule_and_of_no_other(toy: Path, rollmill: Run) -> None:
    (toy / "own.py").write_text(
        "from rollmill.pipelines.select.quota import AllCorrect\n\n\n"
        "class Stated(AllCorrect):\n    name = 'stated'\n\n\n"
        "class Unstated:\n    name, version = 'unstated', '1'\n\n"
        "    def select(self, run, rollouts):\n        return AllCorrect().select(run, rollouts)\n"
    )
    plan = ("plan", "toy.yaml", "--pilot", "6", "--pilot-draws", "4", "--simulations", "20", "--json", "--set")
    made = [
        rollmill(*plan, f"select.method=own.py:{name}", "--set", "select.options={}") for name in ("Stated", "Unstated")
    ]
    told = [line for result in made for line in result.err.splitlines()]
    assert told
    assert all(line.startswith("stage=") for line in told)
    stated, unstated = (document(result.out) for result in made)
    assert (stated["silent"], "kept" in stated["quantities"]) == ({}, True)
    why = "selector unstated declares no rule from right and distinct answers to kept rows"
    assert (unstated["silent"], "kept" in unstated["quantities"]) == ({"kept": why}, False)


PACED = """
import time
from toys import ToyEngine

class Paced(ToyEngine):
    def __init__(self, model="toy-1", threads=0, chance=0.5):
        super().__init__(model, threads, chance)
        time.sleep(4)  # it loads its model
        self.delay = 0.05
"""


def test_seconds_go_by_the_pilots_own_pace(toy: Path, rollmill: Run) -> None:
    (toy / "paced.py").write_text(PACED)
    paced = ("toy.yaml", "--set", "generate.engine=paced.py:Paced", "--json")
    plan = document(rollmill("plan", *paced, "--pilot", "6", "--pilot-draws", "4", "--simulations", "20").out)
    assert 60 < plan["rate"] <= 120, plan["rate"]  # six tokens in .05 s
    seconds, tokens = plan["quantities"]["seconds"]["median"], plan["quantities"]["tokens_out"]["median"]
    assert seconds == pytest.approx(tokens / plan["rate"])
    outcome = document(rollmill("curate", *paced, "--direct").out)
    assert 0.5 < outcome["forecast"]["totals"]["seconds"]["actual"] / seconds < 2


def test_the_run_that_follows_is_scored_once(planned: dict[str, Any], toy: Path, rollmill: Run) -> None:
    outcome = document(rollmill("curate", "toy.yaml", "--direct", "--json").out)
    with Workspace.open(toy) as ws:  # the pilot has a stream of its own
        run, pilot = outcome["run"], planned["evidence"]["runs"][0]
        mine = {row.completion_id for plan in ws.runs.plans(run) for row in plan}
        assert mine.isdisjoint(row.completion_id for plan in ws.runs.plans(pilot) for row in plan)
        assert ws.spending.paid(run).completions == len(mine) == outcome["spent"]["drawn"]
    forecast = outcome["forecast"]
    assert forecast["id"] == planned["id"]
    assert forecast["totals"]["draws"]["actual"] == outcome["funnel"]["drawn"]
    assert forecast["totals"]["kept"]["actual"] == outcome["funnel"]["kept"]
    assert forecast["totals"]["tokens_out"]["actual"] == 6 * outcome["funnel"]["drawn"]
    assert 0 <= forecast["inside80"] <= forecast["inside95"] <= forecast["n"]
    again = document(rollmill("curate", "toy.yaml", "--direct", "--json").out)
    assert again["forecast"] == forecast
    shown = rollmill("runs", "show", outcome["run"])
    assert f"forecast {planned['id']}, made before from pilot" in shown.out
    scores = document(rollmill("plan", "--scores", "--json").out)
    assert [forecast["run"] for forecast in scores["forecasts"]] == [outcome["run"]]
    by_name = {row["quantity"]: row for row in scores["quantities"]}
    assert by_name["draws"]["forecasts"] == 1
    assert by_name["pass_rate by level"]["forecasts"] == 3
    text = rollmill("plan", "--scores")
    assert "tokens off by" in text.out


def test_past_runs_on_other_problems_are_evidence_and_late_forecasts_are_not_scored(
    toy: Path, rollmill: Run, curated: Curated
) -> None:
    first = curated()
    other = ("plan", "toy.yaml", "--set", "seed=50", "--simulations", "20", "--json")
    found = document(rollmill(*other).out)
    assert found["evidence"] == {
        "source": "past runs",
        "runs": [first["run"]],
        "problems": 12,
        "samples": 48,  # the prefix of 4, not what was drawn because of it
        "tokens_spent": 0,
    }
    same = document(rollmill("plan", "toy.yaml", "--set", "budget.options.cap=8", "--simulations", "20", "--json").out)
    assert same["evidence"]["source"] == "pilot"  # its own problems would be reused: no forecast
    assert rollmill("plan", "toy.yaml", "--pilot", "6", "--pilot-draws", "2", "--simulations", "20").status == 0
    assert "forecast" not in document(rollmill("curate", "toy.yaml", "--direct", "--json").out)  # made after the run began


def test_a_dry_run_writes_nothing(toy: Path, rollmill: Run) -> None:
    result = rollmill("plan", "toy.yaml", "--dry-run", "--json")
    assert document(result.out) == {"problems": 12, "pilot_problems": 6, "pilot_completions": 48}
    with Workspace.open(toy) as ws:
        assert (ws.runs.list(), ws.forecasts.list()) == ([], [])


def test_without_a_pilot_a_forecast_rests_on_what_is_stored(toy: Path, rollmill: Run) -> None:
    stored = ("plan", "toy.yaml", "--no-pilot", "--simulations", "20")
    nothing = rollmill(*stored)
    assert (nothing.status, nothing.out) == (1, "")
    assert "The stored evidence is too small for a forecast" in nothing.err
    preview = document(rollmill(*stored, "--dry-run", "--json").out)
    assert (preview["forecast"], preview["done"], preview["pilot_completions"]) == (None, None, 48)
    assert "A pilot would draw 48 completions on 6 of 12 problems." in rollmill(*stored, "--dry-run").out
    assert "leave one of them out" in rollmill(*stored, "--pilot", "3").err

    pilot = document(rollmill("plan", "toy.yaml", "--simulations", "20", "--json").out)
    # Another budget of the same problems, model and verifiers: the same pilot tells of it.
    smaller = document(rollmill(*stored, "--set", "budget.options.cap=6", "--dry-run", "--json").out)["forecast"]
    assert smaller["evidence"] == {**pilot["evidence"], "tokens_spent": 0}
    assert smaller["quantities"]["draws"]["median"] < pilot["quantities"]["draws"]["median"]
    assert smaller["quantities"]["draws"]["high95"] <= 72
    assert document(rollmill(*stored, "--set", "generate.max_tokens=8", "--dry-run", "--json").out)["forecast"] is None
    with Workspace.open(toy) as ws:
        assert [forecast.id for forecast in ws.forecasts.list()] == [pilot["id"]]  # of a dry run none is kept
        assert ws.spending.paid(pilot["evidence"]["runs"][0]).completions == 48
    kept = document(rollmill(*stored, "--json").out)
    assert (kept["id"], kept["source"]) == (pilot["id"] + 1, "pilot")

    run = document(rollmill("curate", "toy.yaml", "--direct", "--json").out)["run"]
    done = document(rollmill(*stored, "--dry-run", "--json").out)
    assert (done["done"], done["forecast"]) == (run, None)
    assert rollmill(*stored, "--dry-run").out.startswith(f"Run {run} of this recipe is done: curate would draw nothing.")
    other = document(rollmill(*stored, "--set", "seed=50", "--dry-run", "--json").out)
    assert other["forecast"]["evidence"]["source"] == "past runs"


def test_plan_without_a_recipe_says_what_to_type(toy: Path, rollmill: Run) -> None:
    result = rollmill("plan")
    assert result.status == 2
    assert result.err == "rollmill: plan needs a recipe. Next: rollmill plan recipes/arithmetic.yaml, or --scores\n"
    assert "No forecast yet." in rollmill("plan", "--scores").out


def test_a_token_limit_ends_with_status_1_and_the_next_command(toy: Path, rollmill: Run, tmp_path: Path) -> None:
    result = rollmill("curate", "toy.yaml", "--direct", "--max-tokens", "600")
    assert result.status == 1
    assert "the token limit of 600 tokens leaves no room for another completion" in result.err
    assert "Next: rollmill curate toy.yaml --max-tokens 1200" in result.err
    listed = document(rollmill("runs", "list", "--json").out)
    assert listed[0]["status"] == "stopped: token limit"
    assert listed[0]["next"] == "rollmill curate toy.yaml --max-tokens 1200"
    again = rollmill("runs", "resume", "--max-tokens", "900", "--dry-run")
    assert again.out == "Would run: rollmill curate toy.yaml --max-tokens 900\n"
    paid = document(rollmill("runs", "cost", "--json").out)["paid"]
    assert 0 < paid["tokens_in"] + paid["tokens_out"] <= 600
    limited = content_hash(rollmill)
    other = tmp_path / "other"
    Workspace.init(other).close()
    for name in ("toy.yaml", "toys.py"):
        (other / name).write_text((toy / name).read_text())
    whole = document(rollmill("-C", str(other), "curate", "toy.yaml", "--direct", "--json").out)
    assert whole["content_hash"] == limited


def test_a_money_limit_comes_from_the_profile_or_the_command(toy: Path, rollmill: Run) -> None:
    Path("priced.yaml").write_text(PRICED + "limits: {money: 0.0003}\n")
    result = rollmill("curate", "toy.yaml", "--direct", "--profile", "priced.yaml")
    assert result.status == 1
    assert re.search(
        r"the cost limit of 0\.0003000 EUR leaves no room .* has spent 0\.000\d+ EUR", result.err.replace("\n", " ")
    )
    cost = document(rollmill("runs", "cost", "--json", "--by", "level").out)
    assert 0 < cost["paid"]["units"] <= 300_000_000
    assert cost["currency"] == "EUR"
    assert cost["paid"]["units"] == 150_000 * cost["paid"]["tokens_in"] + 600_000 * cost["paid"]["tokens_out"]
    assert sum(group["spent"]["units"] for group in cost["groups"]) == cost["paid"]["units"]
    assert content_hash(rollmill, "--profile", "priced.yaml", "--max-cost", "5")
    table = rollmill("runs", "cost", "--by", "level").out.splitlines()
    assert "tokens per kept" in table[1]
    assert [line.split()[0] for line in table if line[:1].isdigit()] == ["1", "2", "3"]
    assert rollmill("runs", "cost", "--by", "size").status == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--max-cost", "1"), "a limit of 1 on money, but the profile gives no prices."),
        (("--profile", "priced.yaml", "--max-cost", "much"), "--max-cost 'much' is not an amount of money."),
        (("--profile", "priced.yaml", "--max-cost", "NaN"), "--max-cost 'NaN' is not an amount of money."),
    ],
)
def test_limits_that_make_no_sense_are_named(toy: Path, rollmill: Run, options: tuple[str, ...], message: str) -> None:
    Path("priced.yaml").write_text(PRICED)
    result = rollmill("curate", "toy.yaml", "--direct", *options)
    assert result.status == 2
    assert message in result.err


def test_a_pilot_draws_no_more_than_the_run_and_a_done_run_needs_none(toy: Path, rollmill: Run) -> None:
    """The toy recipe draws 4 of each of 12 problems at the least; a pilot would draw 8 of each."""
    preview = document(rollmill("plan", "toy.yaml", "--dry-run", "--json").out)
    assert preview["pilot_completions"] == 48
    made = document(rollmill("plan", "toy.yaml", "--simulations", "20", "--json").out)
    assert made["evidence"]["samples"] == 48
    result = rollmill("plan", "toy.yaml", "--pilot", "12", "--simulations", "20", "--max-tokens", "40", "--set", "seed=5")
    assert (result.status, "the pilot reached the token limit" in result.err) == (1, True)
    run = document(rollmill("curate", "toy.yaml", "--direct", "--json").out)["run"]
    result = rollmill("plan", "toy.yaml")
    assert result.out == f"Run {run} of this recipe is done: curate would draw nothing. Next: rollmill runs show {run}\n"
