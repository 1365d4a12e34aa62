"""Runs that put words into answers: what was written stands in the texts, and nothing but the recipe changes a row."""

import signal
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from rollmill_reasoning.search.policies.budget_forcing import BudgetForcing
from tests.flows.rounds.stepped.searching import BATCH, search
from tests.flows.rounds.toy import Rows, calls, killed, rows_of, whole
from tests.forked import Forked

FORCED = BudgetForcing(n=4, least=45, most=50)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Rows:
    path = tmp_path_factory.mktemp("plain")
    whole(path, search(policy=FORCED))
    return rows_of(path)


@pytest.mark.integration
def test_words_stand_between_what_was_written_before_and_what_goes_on(plain: Rows) -> None:
    texts = {row[0]: row[5] for row in plain["completions"]}
    links = [(cid, step, after) for *_, cid, step, after in plain["links"]]
    waits = [(cid, after) for cid, step, after in links if step == "wait"]
    ends = [(cid, after) for cid, step, after in links if step == "end"]
    assert waits
    assert ends
    finished = {after for _, step, after in links if step == "answer"}
    for cid, after in waits:
        assert texts[cid].startswith(texts[after] + ("" if after in finished else "\n") + "\nWait,")
    for cid, after in ends:
        assert texts[cid].startswith(texts[after])
        assert texts[cid].removeprefix(texts[after]).lstrip("\n").startswith("#### ")
        assert cid in finished
    assert not {after for _, _, after in links} & {cid for cid, step, _ in links if step == "answer"}


@pytest.mark.integration
@pytest.mark.parametrize(
    "changes",
    [{"batch": 7}, {"batch": 256, "reverse": True}, {"threads": 2}],
    ids=["small", "large and reversed", "workers"],
)
def test_batches_workers_and_the_order_of_answers_change_no_row(
    tmp_path: Path, plain: Rows, changes: dict[str, Any]
) -> None:
    whole(tmp_path, search(policy=FORCED, **changes))
    assert rows_of(tmp_path) == plain


@pytest.mark.integration
def test_a_killed_search_goes_on_to_the_same_answers(tmp_path: Path, plain: Rows) -> None:
    log, make = tmp_path / "log", partial(search, policy=FORCED)
    assert Forked(killed, tmp_path / "ws", log, make, point="plan.committed:5").end() == (-signal.SIGKILL, "")
    killed(tmp_path / "ws", log, make)
    assert rows_of(tmp_path / "ws") == plain
    assert len(calls(log)) <= len(set(calls(log))) + 2 * BATCH
