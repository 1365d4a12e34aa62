"""The verifier `choice` before real rollouts: the problems of DeepMind mathematics that list options, with their labels."""

import json
from collections import Counter

import pyarrow.parquet as pq
import pytest

from rollmill.ground.records import Completion, Message, Problem
from rollmill.pipelines.verify.choice import ChoiceVerifier, options_in
from tests.shared_data import shared_data

pytestmark = pytest.mark.data


def test_no_option_is_accepted_that_the_label_refuses_and_one_torn_text_is_lost() -> None:
    """191 rollouts; 31 references are a name (`z`) or a value that no option spells, and undecided."""
    rows = [
        row
        for row in pq.read_table(shared_data("mathcoder_rollouts.parquet")).to_pylist()
        if len(options_in(row["prompt"])) > 1
    ]
    found: Counter[tuple[str, bool]] = Counter()
    for index, row in enumerate(rows):
        turns = tuple(Message("assistant", turn["content"], turn["role"]) for turn in json.loads(row["messages"]))
        said = Completion(str(index), "p", "e", "m", "", "curate", 0, None, "", "imported", messages=turns)
        found[ChoiceVerifier().verify(Problem(row["prompt"], row["reference"]), said).outcome, row["is_correct"]] += 1
    assert found == {
        ("correct", True): 85,
        ("incorrect", False): 36,
        ("unparsed", False): 38,
        ("unparsed", True): 1,
        ("undecided", True): 9,
        ("undecided", False): 22,
    }
