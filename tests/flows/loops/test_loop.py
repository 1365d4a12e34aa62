"""A loop of small rounds: datasets and models of every round, the control, a loop that stopped and goes on, alarms."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rollmill.flows.loops.loaded_loop import RoundState, load_loop
from rollmill.flows.loops.loop_recipe import LoopStop
from rollmill.flows.loops.monitor import alarms, measured, stop_reason
from rollmill.flows.training.training import OpenTraining
from rollmill.flows.trials.students import StudentCounts
from rollmill.ground.errors import SetupError
from rollmill.stats.trials.counts import ArmCounts
from tests.flows.conftest import Run, said_as_json
from tests.flows.trials.test_trial import EVALUATION, SUMS, TRAINING

ROOT = Path(__file__).resolve().parents[3]
LOOP: dict[str, Any] = {
    "loop_schema": 1, "name": "improve", "rounds": 2, "curate": {"recipe": "sums.yaml"},
    "data": {"own": "cumulative"}, "train": {"recipe": "student.yaml", "init": "previous"},
    "evaluate": {"recipe": "held.yaml", "samples": 2},
}  # fmt: skip


@pytest.fixture
def files(toy: Path) -> Path:
    for name, value in (("sums", SUMS), ("student", TRAINING), ("held", EVALUATION), ("loop", LOOP)):
        (toy / f"{name}.yaml").write_text(json.dumps(value))
    return toy


def rounds_of(*rates: tuple[float, float], problems: int = 400) -> list[dict[str, Any]]:
    """Rounds whose models solve a share of problems always and one of them half of the time, four samples each."""
    arms = {}
    for number, (always, sometimes) in enumerate(rates):
        correct = np.zeros((1, problems), dtype=np.int64)
        correct[0, : round(always * problems)] = 4
        correct[0, round(always * problems) : round((always + sometimes) * problems)] = 2
        arms[f"r{number}"] = ArmCounts(np.full((1, problems), 4), correct)
    counts = StudentCounts(
        [("b", str(place)) for place in range(problems)], [None] * problems, arms, dict.fromkeys(arms, 1.0)
    )
    return [{"round": number, **measured(counts, number, 0.05)} for number in range(1, len(rates))]


def test_coverage_that_falls_while_accuracy_does_not_is_a_collapse() -> None:
    rounds = rounds_of((0.2, 0.6), (0.4, 0.2), (0.5, 0.0))
    assert [row["pass@1"] for row in rounds] == [0.5, 0.5]
    assert [row["pass@k"] for row in rounds] == [pytest.approx(0.6), pytest.approx(0.5)]
    assert len(alarms(rounds)) == 2
    assert stop_reason(rounds[:1], LoopStop()) is None
    stopped = stop_reason(rounds, LoopStop())
    assert stopped is not None
    assert stopped.startswith(
        "collapse: answers became fewer in 2 rounds in a row while pass@1 did not fall (pass@4 by 0.200"
    )
    assert stop_reason(rounds, LoopStop(collapse=None)) is None


def test_rounds_that_gain_go_on_and_one_that_does_not_stops() -> None:
    better, same = rounds_of((0.3, 0.2), (0.5, 0.2)), rounds_of((0.3, 0.2), (0.3, 0.2))
    assert alarms(better) == []
    assert stop_reason(better, LoopStop(gain=0.01)) is None
    assert stop_reason(same, LoopStop(gain=0.01)) == "gain: pass@1 changed by +0.000, and 0.01 is the least that goes on"
    assert better[0]["pass@1 since base"]["difference"] == pytest.approx(0.2)
    assert "of these trained models only" in better[0]["pass@1 since before"]["estimand"]


@pytest.mark.integration
def test_each_round_names_its_dataset_model_and_data(files: Path) -> None:
    loop = load_loop(files / "loop.yaml")
    state = RoundState(1, "models/improve@v1", ["improve@v1", "improve@v2"])
    assert "generate.redraw=1" in loop.curate_sets(state)
    assert loop.curate_of(state).recipe.generate.model == "models/improve@v1"
    second = loop.training_of(state).recipe
    assert (second.name, second.init, second.seed) == ("improve", "models/improve@v1", 2)
    assert second.data.versions == {"improve@v1": "all", "improve@v2": "all"}
    base = load_loop(files / "loop.yaml", sets=["train.init=base", "data.own=round", "data.real={seeds@v1: 5}"])
    alone = base.training_of(state).recipe
    assert (alone.init, alone.data.versions) == ("models/rollmill-tiny", {"improve@v2": "all", "seeds@v1": 5})
    with pytest.raises(SetupError, match="no file"):
        load_loop(files / "loop.yaml", sets=["train.recipe=none.yaml"])


def test_the_shipped_loop_loads() -> None:
    loop = load_loop(ROOT / "recipes/loops/expert_iteration.yaml", frozen=True)
    assert (loop.name, loop.base_model, loop.samples) == ("improve-frozen", "models/rollmill-tiny", 8)


@pytest.mark.integration
@pytest.mark.train
def test_a_loop_that_stopped_goes_on_and_its_second_run_makes_nothing(
    files: Path, rollmill: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = OpenTraining.train
    done: list[str] = []

    def interrupted(self: OpenTraining, *given: Any) -> dict[str, Any]:
        if done:
            raise KeyboardInterrupt
        done.append(self.training_id)
        return train(self, *given)

    with monkeypatch.context() as stopping:
        stopping.setattr(OpenTraining, "train", interrupted)
        assert rollmill("loop", "loop.yaml").status == 130
    outcome = said_as_json(rollmill, "loop", "loop.yaml")
    assert [(row["version"], row["model"]) for row in outcome["rounds"]] == [
        ("improve@v1", "improve@v1"),
        ("improve@v2", "improve@v2"),
    ]
    assert [row["real_share"] for row in outcome["rounds"]] == [0.0, 0.0]
    shown = said_as_json(rollmill, "model", "show", "improve@v2")
    assert shown["ancestors"] == ["improve@v1", "models/rollmill-tiny"]
    assert said_as_json(rollmill, "loop", "loop.yaml")["rounds"] == outcome["rounds"]
    control = said_as_json(rollmill, "loop", "loop.yaml", "--frozen")
    assert [row["drawn"] for row in control["rounds"]] == [row["drawn"] for row in outcome["rounds"]]
    assert "control" in (files / "reports" / "improve-frozen" / "loop.md").read_text()


def test_numbers_of_a_loop_keep_their_kind_on_the_way_into_a_recipe() -> None:
    """JSON writes 1e-05, which YAML 1.1 reads as a text."""
    from rollmill.flows.recipe.parse import override
    from rollmill.flows.trials.trial_recipe import json_sets

    data: dict[str, Any] = {}
    for text in json_sets({"learner.options.learning_rate": 1e-5, "norms": {"a": 2.5e-7}}):
        override(data, text)
    assert data == {"learner": {"options": {"learning_rate": 1e-5}}, "norms": {"a": 2.5e-7}}
