"""Reasons to stop a loop, each with its figures; the audit, the band and the share of real data in a small loop."""

import json
from pathlib import Path
from typing import Any

import pytest

from rollmill.flows.loops.loaded_loop import load_loop
from rollmill.flows.loops.loop_job import pooled, real_share
from rollmill.flows.loops.loop_recipe import LoopLimit, LoopStop
from rollmill.flows.loops.monitor import stop_reason
from rollmill.flows.loops.seen import audited, draw_figures, seen_round
from rollmill.storage.workspace import Workspace
from tests.flows.conftest import Curated, Run, said_as_json
from tests.flows.loops.test_loop import LOOP
from tests.flows.trials.test_trial import EVALUATION, SUMS, TRAINING

FLAT = {"difference": 0.01, "low": -0.02, "high": 0.04}
ROUND = {
    "round": 1, "k": 4, "pass@1 since before": FLAT, "pass@k since before": FLAT, "distinct since before": None,
    "yield": 0.3, "drawn_tokens": 600, "trained_tokens": 50, "precision": {"value": 0.95, "low": 0.91, "rows": 80},
}  # fmt: skip
LIAR = '''
from rollmill.pipelines.verify.finding import Finding, OneByOne


class Liar(OneByOne):
    """Wrong for half of the problems, by their ids."""

    name, version, rules, words = "liar", "1", (("half", "1"),), {"half": "half"}

    def judge(self, problem, completion):
        return Finding("incorrect" if problem.id < "8" else "correct", "half")
'''


@pytest.mark.parametrize(
    ("stop", "reason"),
    [
        (LoopStop(), None),
        (LoopStop(gain=0.005), None),
        (LoopStop(gain=0.02), "gain: pass@1 changed by +0.010, and 0.02 is the least that goes on"),
        (LoopStop(least_yield=0.3), None),
        (LoopStop(least_yield=0.31), "yield: 0.300 of the drawn tokens are kept, and 0.31 is the least that goes on"),
        (LoopStop(precision=0.91), None),
        (LoopStop(precision=0.92),
         "hacked: 0.950 of 80 kept rows are right by the audit, at least 0.910, and 0.92 is the least that goes on"),
        (LoopStop(limit=LoopLimit(drawn_tokens=1_201)), None),
        (LoopStop(limit=LoopLimit(drawn_tokens=1_200)), "limit: 1,200 drawn tokens are spent, of 1,200"),
        (LoopStop(limit=LoopLimit(trained_tokens=100)), "limit: 100 trained tokens are spent, of 100"),
    ],
)  # fmt: skip
def test_each_stop_says_its_figures(stop: LoopStop, reason: str | None) -> None:
    assert stop_reason([ROUND, ROUND], stop) == reason


def test_a_fall_of_everything_is_no_collapse() -> None:
    """Where pass@1 falls too, the model is worse, and its answers are not fewer."""
    down = {"difference": -0.1, "low": -0.15, "high": -0.05}
    worse = {**ROUND, "pass@1 since before": down, "pass@k since before": down}
    narrow = {**ROUND, "distinct since before": down}
    assert stop_reason([worse, worse], LoopStop()) is None
    assert stop_reason([worse, narrow], LoopStop()) is None
    assert str(stop_reason([narrow, narrow], LoopStop())).startswith("collapse: answers became fewer in 2 rounds in a row")


def test_a_metric_of_all_cells_is_the_mean_over_their_problems() -> None:
    cells = [
        {"metrics": [{"metric": "m", "value": 0.1, "n": 1}, {"metric": "m", "value": 0.5, "n": 3}]},
        {"metrics": [{"metric": "m", "value": 1.0, "n": 1}, {"metric": "other", "value": 0.0, "n": 9}]},
    ]
    assert pooled(cells, "m") == pytest.approx(2.5 / 4)
    assert pooled(cells, "none") is None


@pytest.mark.integration
def test_a_draw_is_counted_and_audited_by_a_verifier_that_no_selection_saw(toy: Path, curated: Curated) -> None:
    (toy / "liar.py").write_text(LIAR)
    for name, value in (("student", TRAINING), ("held", EVALUATION)):
        (toy / f"{name}.yaml").write_text(json.dumps(value))
    outcome = curated("toy.yaml")
    loop = {**LOOP, "curate": {"recipe": "toy.yaml", "set": {"generate.engine": "toys.py:ToyEngine"}}}
    (toy / "loop.yaml").write_text(json.dumps({**loop, "audit": [{"method": "number"}, {"method": "liar.py:Liar"}]}))
    version = f"toy@v{outcome['version']}"
    both = load_loop(toy / "loop.yaml").audit
    with Workspace.open(toy) as ws:
        seen = seen_round(ws, 0, version)
        assert len(seen.problems) == 12
        assert {problem.judged for problem in seen.problems.values()} == {4}  # the prefix, not what prop2diff drew later
        figures = draw_figures(ws, version)
        assert 0 < figures["kept_tokens"] < figures["drawn_tokens"]
        assert figures["reward"] == pytest.approx(sum(problem.correct for problem in seen.problems.values()) / 48)
        sure, mixed = audited(ws, version, both[:1], 0.05), audited(ws, version, both, 0.05)
    assert sure is not None
    assert mixed is not None
    assert (sure["value"], sure["rows"]) == (1.0, outcome["funnel"]["kept"])
    assert sure["low"] == pytest.approx(0.05 ** (1 / sure["rows"]))  # the exact one-sided bound where all are right
    assert mixed["value"] < 1.0


@pytest.mark.integration
@pytest.mark.train
def test_a_loop_mixes_real_data_by_its_share_and_trains_inside_the_band(toy: Path, curated: Curated, rollmill: Run) -> None:
    seeds = {**SUMS, "name": "seeds", "seed": 9, "problems": {**SUMS["problems"], "count": 20}}
    for name, value in (("sums", SUMS), ("seeds", seeds), ("student", TRAINING), ("held", EVALUATION)):
        (toy / f"{name}.yaml").write_text(json.dumps(value))
    curated("seeds.yaml")
    data: dict[str, Any] = {"own": "round", "real": {"seeds@v1": 0.5}}
    (toy / "loop.yaml").write_text(json.dumps({**LOOP, "rounds": 1, "data": data}))
    mixed = said_as_json(rollmill, "loop", "loop.yaml")["rounds"][0]
    assert mixed["real_share"] == pytest.approx(0.5, abs=0.1)
    band = {"own": "round", "band": [0.0, 0.6]}
    (toy / "loop.yaml").write_text(json.dumps({**LOOP, "name": "hard", "rounds": 1, "data": band}))
    said = rollmill("loop", "loop.yaml", "--json")
    if said.status:  # every problem was too easy: the message names what to change
        assert "the loop leaves out all" in said.err
        assert "a wider data.band" in said.err
    else:
        assert json.loads(said.out)["rounds"][0]["left_out"]["rows that the loop leaves out"] > 0


def test_real_data_are_what_no_round_made() -> None:
    data = [{"version": "a@v1", "rows": 3}, {"version": "own@v2", "rows": 1}]
    assert real_share(data, ["own@v1", "own@v2"]) == 0.75
    assert real_share([], []) == 0.0
