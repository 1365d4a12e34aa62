"""The hostile texts by which `math` is certified, through every shape from eight threads: an end, and no 0 for doubt."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import rollmill
from rollmill import RewardItem
from rollmill.pipelines.certify.suite_rows import SuiteRow
from tests.flows.rewards.test_trainers import hostile_rows

UNDECIDED = 0.375
THREADS = 8
HEAVY = 100_000  # characters: megabytes are sent through one shape alone
Shape = Callable[[SuiteRow], float | None]


def shapes(reward: Any) -> dict[str, Shape]:
    """Each shape as a function of one row, called with the trainer's own arguments."""
    compute_score, reward_func = reward.verl(), reward.openrlhf()
    return {
        "trl": lambda row: reward([row.prompt], [row.text], completion_ids=[[]], reference=[row.reference])[0],
        "verl": lambda row: compute_score("math", row.text, row.reference, {})["score"],
        "openrlhf": lambda row: reward_func([f"{row.prompt}{row.text}"], [row.prompt], [row.reference])["rewards"][0],
    }


def from_threads(shape: Shape, asked: Sequence[SuiteRow]) -> list[float | None]:
    with ThreadPoolExecutor(THREADS) as threads:
        return list(threads.map(shape, asked))


@pytest.mark.integration
@pytest.mark.timeout(600)
def test_hostile_texts_end_from_eight_threads_and_doubt_is_never_zero() -> None:
    everything, short = hostile_rows(10**9), hostile_rows(HEAVY)
    assert len(everything) > 700
    with rollmill.reward("math", undecided=UNDECIDED) as reward:
        judged = {}
        for name, shape in shapes(reward).items():
            asked = everything if name == "trl" else short
            values = from_threads(shape, asked)
            judged[name] = dict(zip([(row.reference, row.text) for row in asked], values, strict=True))
            accepted = {row.name for row, value in zip(asked, values, strict=True) if value == 1.0}
            assert accepted <= {row.name for row in asked if row.expected != "wrong"}
        outcomes = reward.judge([RewardItem(row.text, row.reference, prompt=row.prompt) for row in everything])
    wanted = {"correct": 1.0, "incorrect": 0.0, "unparsed": 0.0, "undecided": UNDECIDED}
    expected = {(row.reference, row.text): wanted[one.outcome] for row, one in zip(everything, outcomes, strict=True)}
    assert {one.outcome for one in outcomes} == set(wanted)
    assert judged["trl"] == expected
    # The end of a text is stripped for OpenRLHF, which leaves end tokens there.
    for name in ("verl", "openrlhf"):
        assert {key: value for key, value in judged[name].items() if value != expected[key]} == {}
