"""Pools of wrong answers: what is in them, best of n by brute force, and what our verifiers accept."""

import json
from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations
from pathlib import Path
from statistics import fmean

import pytest

from benchmarks.verifiers.selected import judged
from rollmill.flows.cli import run
from rollmill.ground.errors import SetupError
from rollmill.pipelines.certify.code_suite import attacks_on, knowing_some, selected_code_rows
from rollmill.pipelines.certify.edits_suite import EditedRollout
from rollmill.pipelines.certify.selected_suite import searched_forms, shipped_wrong_rollouts, wrong_answers
from rollmill.pipelines.certify.selection import NATURAL, POOL, selection
from rollmill.pipelines.certify.suite_rows import SuiteRow
from rollmill.pipelines.certify.suites import selected

WRONG = [EditedRollout("15 + 2?", "17", "15 + 2 = 19\n#### 19"), EditedRollout("15 + 2?", "17", "15 + 2 = 20\n#### 20")]
TOYS = Path(__file__).parent / "toys.py"


def accepted(name: str, rows: Sequence[SuiteRow]) -> list[SuiteRow]:
    return [row for row, outcome in zip(rows, judged(name, rows), strict=True) if outcome == "correct"]


def test_a_pool_has_the_wrong_rollouts_first_and_64_answers() -> None:
    rows = selected("math", WRONG).rows
    assert [(row.name, row.text) for row in rows[:2]] == [(NATURAL, text) for _, _, text in WRONG]
    assert len(rows) == len({row.text for row in rows}) == POOL
    assert {row.name.partition(":")[0] for row in rows} == {NATURAL, "searched", "edited"}
    assert {row.expected for row in rows} == {"wrong"}
    [pool] = wrong_answers(WRONG)
    assert [value.number for value in (pool.right, pool.wrong, pool.other)] == [17, 19, 20]
    assert pool.working == "15 + 2 = 19"


def test_multiple_choice_is_made_of_the_same_rollouts() -> None:
    rows = selected("choice", WRONG).rows
    options = dict(line.split(". ") for line in rows[0].prompt.splitlines()[1:])
    assert options[rows[0].reference] == "17"
    assert {"17", "19", "20"} < set(options.values())
    letters = {value: letter for letter, value in options.items()}
    assert [row.text for row in rows[:2]] == [f"15 + 2 = {n}\nThe answer is {letters[n]}." for n in ("19", "20")]
    assert len(rows) == POOL


def test_a_right_rollout_and_a_problem_without_a_number_are_left_out() -> None:
    with pytest.raises(SetupError, match=r"rollout 3: its answer is its reference '17'"):
        selected("math", [*WRONG, EditedRollout("15 + 2?", "17", "#### 17")])
    assert selected("math", [EditedRollout("Who?", "Ada", "#### Bob"), EditedRollout("1?", "1", "#### 2")]).rows == ()


def test_shipped_rollouts_make_sixteen_pools() -> None:
    pools = list(wrong_answers(shipped_wrong_rollouts()))
    assert len(pools) == 16
    assert all(pool.working and pool.wrong.number not in (None, pool.right.number) for pool in pools)
    assert len({form.name for form in searched_forms()}) >= 90


def test_best_of_n_equals_every_choice_of_n() -> None:
    pools = {"a": [True] * 2 + [False] * 62, "b": [False] * POOL, "c": [True] + [False] * 5}
    found = selection((key, NATURAL if n == 0 else "x", hit) for key, hits in pools.items() for n, hit in enumerate(hits))
    for row in found["best_of"]:
        wanted = []
        for hits in pools.values():
            if len(hits) >= row["n"]:
                misses = sum(not hit for hit in hits)
                none = Fraction(1)
                for drawn in range(row["n"]):
                    none *= Fraction(max(0, misses - drawn), len(hits) - drawn)
                wanted.append(float(1 - none))
        assert row["rate"] == pytest.approx(fmean(wanted))
        assert row["problems"] == len(wanted)
    small = selection((key, "x", hit) for key, hits in (("c", pools["c"]),) for hit in hits)
    by_hand = fmean(any(chosen) for chosen in combinations(pools["c"], 4))
    assert small["best_of"][1]["rate"] == pytest.approx(by_hand)
    assert (found["natural"]["accepted"], found["natural"]["answers"]) == (2, 3)
    assert found["accepted"] == [{"kind": NATURAL, "accepted": 2, "of": 3}, {"kind": "x", "accepted": 1, "of": 131}]


@pytest.mark.parametrize(("name", "kind"), [("number", "math"), ("math", "math"), ("choice", "choice")])
def test_no_form_that_was_mended_on_is_accepted_but_closing_numbers(name: str, kind: str) -> None:
    """A closing sentence about anything ("for 17 years") reads like one about what was asked."""
    held_out = {f"searched: {form.name}" for form in searched_forms() if form.is_held_out}
    kinds = {row.name for row in accepted(name, selected(kind, shipped_wrong_rollouts()).rows)}
    assert NATURAL not in kinds
    assert {kind for kind in kinds - held_out if kind.startswith("searched")} <= {"searched: tail.years"}


def test_programs_are_made_for_the_task() -> None:
    rows = list(selected_code_rows())
    assert all(
        "numbers)" not in row.text or "total" in row.text or "*numbers" in row.text for row in rows if row.name != NATURAL
    )
    assert all(f"def {row.meta['entry_point']}" in row.text for row in rows if row.name.startswith("searched: special"))
    sources = dict(knowing_some("f", [("(1,)", "2"), ("(3,)", "4")]))
    space: dict[str, object] = {}
    exec(sources["special cases: one"], space)
    assert space["f"](1) == 2  # type: ignore[operator]
    assert space["f"](3) != 4  # type: ignore[operator]
    assert dict(attacks_on("mean"))["always_equal: object"].endswith("def mean(*numbers):\n    return A()\n")


@pytest.mark.sandbox
def test_no_attack_on_one_task_is_accepted() -> None:
    rows = [row for row in selected_code_rows() if row.meta["entry_point"] == "factorial"][::4]
    assert set(judged("code", rows)) <= {"incorrect", "unparsed"}


def test_the_command_tells_the_best_of_n(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "wrong.jsonl"
    file.write_text("".join(json.dumps(rollout._asdict()) + "\n" for rollout in WRONG))
    assert run(["certify", f"{TOYS}:Credulous", "--suite", "selected", "--rollouts", str(file), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)["selection"]
    assert told["natural"] == {
        "accepted": 2,
        "answers": 2,
        "problems": 1,
        "rate": 1.0,
        "low": told["natural"]["low"],
        "high": 1.0,
    }
    assert [(row["n"], row["with_any"], row["rate"]) for row in told["best_of"]] == [(n, 1, 1.0) for n in (1, 4, 16, 64)]
    assert run(["certify", f"{TOYS}:Honest", "--suite", "selected"]) == 1
    assert "best of 64" in capsys.readouterr().out
