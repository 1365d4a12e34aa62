"""The ranker of tactics: what it learns, the order that follows, files of its rows."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from rollmill.ground.errors import SetupError
from rollmill_proofs.coq.coqtop import ProofState
from rollmill_proofs.ranker import RankedTactics, form_of, policy_rows, words_of
from rollmill_proofs.tactics import EnumeratedTactics

NUMBERS, BOOLEANS = "[ |- forall n : nat, n + 0 = n]", "[ |- forall b : bool, negb b = b]"
ROWS: list[dict[str, Any]] = [
    {"goals": NUMBERS, "tactic": "lia", "rejected": ["congruence"], "others": ["intros"]},
    {"goals": NUMBERS.replace("n", "m"), "tactic": "induction m", "rejected": [], "others": []},
    {"goals": BOOLEANS, "tactic": "destruct b", "rejected": ["lia", "congruence"], "others": []},
]


def state(goals: str) -> ProofState:
    return ProofState(goals, goals, (), False)


def source(given: ProofState) -> list[tuple[str, float]]:
    del given
    return [("congruence", -1.0), ("intros", -1.0), ("destruct b", -1.0), ("lia", -1.0)]


def test_variables_are_named_by_their_place() -> None:
    assert form_of(NUMBERS, "induction n") == form_of(NUMBERS.replace("n", "m"), "induction m") == "induction variable 0"
    assert form_of(NUMBERS, "lia") == "lia"
    assert words_of("[ |- n + 12 = n]\n[ |- m]") == {"[", "|-", "n", "+", "=", "]", "m", "several"}


def test_what_worked_in_such_a_state_comes_first_and_what_failed_last() -> None:
    ranked = RankedTactics(ROWS, source)
    numbers, booleans = ([tactic for tactic, _ in ranked(state(goals))] for goals in (NUMBERS, BOOLEANS))
    assert (numbers[0], booleans[0]) == ("lia", "destruct b")
    assert numbers[-1] == booleans[-1] == "congruence"
    assert math.isclose(sum(math.exp(logp) for _, logp in ranked(state(NUMBERS))), 1.0)


def test_without_rows_the_order_is_drawn_by_the_seed() -> None:
    orders = {tuple(tactic for tactic, _ in RankedTactics([], source, seed)(state(NUMBERS))) for seed in range(8)}
    assert len(orders) > 1
    again = RankedTactics([], EnumeratedTactics(), 3)
    assert again(state(NUMBERS)) == again(state(NUMBERS))


def test_a_file_is_read_with_its_digest_or_refused(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    rows, digest = policy_rows("rows.jsonl", str(tmp_path))
    assert (rows, len(digest)) == (ROWS, 64)
    (tmp_path / "other.jsonl").write_text('{"goals": "x"}\n')
    (tmp_path / "typed.jsonl").write_text('{"goals": 3, "tactic": "lia", "rejected": null, "others": []}\n')
    for name in ("other.jsonl", "typed.jsonl", "absent.jsonl"):
        with pytest.raises(SetupError, match=rf"policy '{name}'.*Next: rollmill dataset export NAME --format tactics"):
            policy_rows(name, str(tmp_path))
