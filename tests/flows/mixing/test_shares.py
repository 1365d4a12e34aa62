"""`rollmill shares`: pilots from files and from trials, laws with held-out errors, and mistakes by name."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rollmill.flows.mixing.pilot_files import pilots_of_file, pilots_of_trial
from rollmill.flows.mixing.proposal import laws_of, proposed
from rollmill.ground.errors import SetupError
from rollmill.pipelines.mix.pilots.pilot import Pilots
from rollmill.storage.workspace import Workspace
from tests.flows.conftest import Curated, Run, said_as_json

BEST = np.array([0.5, 0.3, 0.2])


def table(path: Path, sizes: tuple[int, ...] = (100, 200)) -> Path:
    """Pilots whose loss halves with the size and is least at BEST."""
    rng, lines = np.random.default_rng(0), ["easy,hard,odd,rows,error"]
    for size in sizes:
        for first in rng.dirichlet([1, 1, 1], 9)[:, :2].round(4):
            shares = np.append(first, 1 - first.sum())
            error = 100 / size * np.exp(((shares - BEST) ** 2).sum())
            lines.append(",".join(f"{value:.6f}" for value in (*shares, size, error)))
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_file_of_pilots_gives_every_law_with_its_error(tmp_path: Path) -> None:
    pilots = pilots_of_file(table(tmp_path / "p.csv"), "error", "rows")
    assert (pilots.sources, len(pilots.losses), set(pilots.sizes.tolist())) == (("easy", "hard", "odd"), 18, {100.0, 200.0})
    row = proposed(pilots, laws_of(tmp_path, pilots, {}, None, 0), 400.0)
    best = row["laws"][0]
    assert (best["law"], best["held_out"] < row["spread"] / 20) == ("quadratic", True)
    assert best["interval"][0] <= best["held_out"] <= best["interval"][1]
    assert best["n"] == 18
    assert list(best["shares"].values()) == pytest.approx(BEST.tolist(), abs=0.06)
    assert best["loss"] == pytest.approx(0.25, abs=0.01)
    assert best["loss"] < best["equal_shares"]


def test_proposed_shares_add_up_to_1_as_a_mixture_wants_them() -> None:
    third = np.full((1, 3), 1 / 3)
    pilots = Pilots(("a", "b", "c"), np.repeat(third, 12, axis=0), np.linspace(1, 2, 12), np.ones(12))
    shares = proposed(pilots, [], None)["best_pilot"]["shares"]
    assert shares == {"a": 0.3334, "b": 0.3333, "c": 0.3333}
    assert abs(sum(shares.values()) - 1) < 1e-9


def test_a_size_far_from_the_pilots_is_refused(tmp_path: Path) -> None:
    pilots = pilots_of_file(table(tmp_path / "p.csv"), "error", "rows")
    assert proposed(pilots, [], 2_000.0)["at"] == 2_000.0
    for size in (2_001.0, 99.0, 1e300):
        with pytest.raises(SetupError, match=r"--at .*: pilots of 100 to 200 support sizes from 100 to 2,000"):
            proposed(pilots, [], size)


def test_one_size_predicts_no_other(tmp_path: Path) -> None:
    pilots = pilots_of_file(table(tmp_path / "p.csv", (100,)), "error", "rows")
    row = proposed(pilots, laws_of(tmp_path, pilots, {}, None, 0), 400.0)
    why = {law["law"]: law["why"] for law in row["laws"]}
    assert why["quadratic"] == "all pilots have size 100; size 400 needs pilots of a second size"
    assert proposed(pilots, laws_of(tmp_path, pilots, {}, None, 0), None)["at"] == 100.0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b,error\n0.5,0.5,1\n", "1 pilots are too few"),
        ("a,b,loss\n0.5,0.5,1\n", "has no column 'error'"),
        ("a,b,error\n0.5,x,1\n0.5,0.5,1\n", "line 2: b is 'x', not a number"),
        ("a,error\n1,1\n1,1\n1,1\n", "two sources or more"),
        ("a,b,a,error\n1,0,0,1\n", "two columns called 'a'"),
        ("a,b,error\n0.5,0.5,inf\n", "line 2: error is 'inf', not a number"),
    ],
)
def test_mistakes_in_a_file_are_named(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "p.csv"
    path.write_text(text)
    with pytest.raises(SetupError, match=words):
        pilots_of_file(path, "error", "rows")


def test_a_size_that_is_no_number_and_a_damaged_trial_are_mistakes(tmp_path: Path) -> None:
    pilots = Pilots(("a", "b"), np.array([[1.0, 0], [0, 1], [0.5, 0.5]]), np.ones(3), np.ones(3))
    for size in (float("nan"), float("inf"), 0.0):
        with pytest.raises(SetupError, match="a size is above 0"):
            proposed(pilots, [], size)
    folder = tmp_path / "reports" / "which"
    folder.mkdir(parents=True)
    for text in ("{}", '{"comparisons": 3, "arms": []}', '{"comparisons": [{"primary": true}], "arms": []}'):
        (folder / "trial.json").write_text(text)
        with pytest.raises(SetupError, match=r"trial\.json is damaged: (KeyError|TypeError)"):
            pilots_of_trial(tmp_path, "which")


@pytest.mark.integration
def test_a_trial_of_mixtures_is_read_by_their_actual_shares(toy: Path, curated: Curated, rollmill: Run) -> None:
    curated()
    arms: list[dict[str, Any]] = []
    for at, (few, many) in enumerate([(2, 6), (4, 4), (6, 2), (3, 5)]):
        name = f"mixed{at}"
        sources = {
            key: {"version": "toy", "count": count, "where": {"level": level}}
            for key, count, level in (("low", few, {"max": 1}), ("high", many, {"min": 2}))
        }
        mixture = {"mix_schema": 1, "name": name, "sources": sources, "gate": {"max_undecided": 1.0}}
        (toy / f"{name}.yaml").write_text(json.dumps(mixture))
        made = rollmill("mix", f"{name}.yaml")
        assert made.status == 0, made.err
        arms.append({"arm": f"arm{at}", "rows": 8, "data": [{"version": f"{name}@v1"}]})
    rates = [0.5, 0.7, 0.6, 0.65]
    rows = [
        {"primary": True, "arm": f"arm{at}", "against": "arm0", "value_before": rates[0], "value_after": rates[at]}
        for at in (1, 2, 3)
    ]
    folder = toy / "reports" / "which"
    folder.mkdir(parents=True)
    (folder / "trial.json").write_text(json.dumps({"arms": arms, "comparisons": rows}))
    pilots = pilots_of_trial(toy, "which")
    assert pilots.sources == ("low", "high")
    assert pilots.shares.tolist() == [[0.25, 0.75], [0.5, 0.5], [0.75, 0.25], [0.375, 0.625]]
    assert pilots.losses == pytest.approx([0.5, 0.3, 0.4, 0.35])
    row = said_as_json(rollmill, "shares", "which", "--source", "low=mixed0", "--source", "high=toy", "--target", "toy")
    assert {law["law"] for law in row["laws"]} == {"quadratic", "source_power", "transport"}
    assert row["best_pilot"] == {"shares": {"low": 0.5, "high": 0.5}, "loss": 0.3}
    assert "The best pilot: low 0.500, high 0.500, loss 0.3." in rollmill("shares", "which").out
    for words, said in (
        (("nosuch",), "there is no file and no trial 'nosuch'. Valid: which."),
        (("which", "--source", "odd=toy", "--target", "toy"), "unknown source of the pilots 'odd'"),
        (("which", "--source", "low=toy"), "the law `transport` has no --target"),
        (("which", "--target", "toy", "--source", "low=toy"), "has no version of high"),
        (("which", "--source", "low"), "--source 'low' is not NAME=VERSION"),
        (
            ("which", "--source", "low=gone", "--source", "high=toy", "--target", "toy"),
            "unknown run or dataset version 'gone'",
        ),
    ):
        refused = rollmill("shares", *words)
        assert (refused.status, said in refused.err) == (2, True), refused.err


def test_transport_needs_every_source_and_a_target(tmp_path: Path) -> None:
    Workspace.init(tmp_path / "ws").close()
    pilots = Pilots(("a", "b"), np.array([[1.0, 0], [0, 1], [0.5, 0.5]]), np.ones(3), np.ones(3))
    with pytest.raises(SetupError, match="no --target, and no version of b"):
        laws_of(tmp_path / "ws", pilots, {"a": "x"}, None, 0)
