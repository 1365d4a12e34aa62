"""Our expectations in a project of Great Expectations without a gate: by name, on frames of pandas."""

from typing import Any

import pandas as pd
import pytest

from rollmill.pipelines.gate.engine import quiet

pytestmark = pytest.mark.integration

PROMPTS = [f"Ann has {n} apples and buys {n + 7} more at the market before lunch. How many has she now?" for n in range(40)]
HELD_OUT = [{"prompt": PROMPTS[3], "reference": "13"}]


@pytest.fixture(scope="module")
def validate() -> Any:
    with quiet() as gx:  # imports the library and our module, as a project does
        from great_expectations.expectations.registry import get_expectation_impl

        asset = gx.get_context(mode="ephemeral").data_sources.add_pandas("p").add_dataframe_asset("rows")
        whole = asset.add_batch_definition_whole_dataframe("all")

    def run(name: str, rows: pd.DataFrame, **kwargs: Any) -> Any:
        with quiet():
            batch = whole.get_batch(batch_parameters={"dataframe": rows})
            return batch.validate(get_expectation_impl(name)(**kwargs))

    return run


def test_a_prompt_with_two_references(validate: Any) -> None:
    rows = pd.DataFrame({"id": ["a", "b", "c"], "prompt": ["x?", "x?", "y?"], "reference": ["1", "2", "1.0"]})
    result = validate("expect_one_reference_of_each_prompt", rows)
    assert (result.success, result.result["unexpected_count"]) == (False, 2)
    assert result.result["partial_unexpected_index_list"] == [{"id": "a"}, {"id": "b"}]
    assert validate("expect_one_reference_of_each_prompt", rows[1:]).success


def test_held_out_problems_among_prompts_and_in_answers(validate: Any) -> None:
    rows = pd.DataFrame(
        {"id": [str(n) for n in range(6)], "prompt": PROMPTS[:6], "text": [f"As in: {p}" for p in PROMPTS[:6]]}
    )
    exact = validate("expect_no_evaluation_problems", rows, evaluation=HELD_OUT)
    assert exact.result["partial_unexpected_index_list"] == [{"id": "3"}]
    repeated = validate(
        "expect_no_evaluation_problems", rows, evaluation=HELD_OUT, overlap="same problem", texts_column="text"
    )
    assert repeated.result["partial_unexpected_index_list"] == [{"id": "3"}]
    assert validate("expect_no_evaluation_problems", rows[:3], evaluation=HELD_OUT).success


def test_planted_copies(validate: Any) -> None:
    held_out = [{"prompt": prompt, "reference": "1"} for prompt in PROMPTS]
    rows = pd.DataFrame({"text": ["She counts them. So 7."] * 4})
    options = {"evaluation": held_out, "edits": ["exact"], "copies": 30}
    assert validate("expect_planted_copies_to_be_found", rows, min_recall=0.8, **options).success
    assert not validate("expect_planted_copies_to_be_found", rows, min_recall=0.99, **options).success


def _joined(levels: list[int]) -> pd.DataFrame:
    size = len(levels)
    return pd.DataFrame(
        {
            "problem_id": [f"p{n}" for n in range(size)],
            "completion_id": [f"c{n}" for n in range(size)],
            "template": [f"t{n % 40}" for n in range(size)],
            "level": levels,
            "source": ["made"] * size,
            "tokens_out": [10] * size,
            "kept": [True] * size,
            "outcome": ["correct"] * size,
            "prompt": [f"{n}?" for n in range(size)],
            "text": [str(n) for n in range(size)],
        }
    )


def test_drift_from_rows_of_an_earlier_version(validate: Any) -> None:
    before = _joined([1, 2] * 400).to_dict("records")
    same = validate("expect_drift_to_be_at_most", _joined([1, 2] * 400), kind="level", max_value=0.1, before=before)
    moved = validate("expect_drift_to_be_at_most", _joined([1, 2, 2, 2] * 200), kind="level", max_value=0.1, before=before)
    assert (same.success, moved.success) == (True, False)
    assert moved.result["observed_value"].startswith("0.250 [")


def test_shares_rates_draws_and_types(validate: Any) -> None:
    rows = pd.DataFrame({"level": [1.0, 1.0, None, 2.0]})
    shares = validate("expect_column_shares_to_be_between", rows, column="level", shares={"1.0": [0.6, 1]})
    assert (shares.success, shares.result["observed_value"]) == (False, "1.0: 50.0%, 2.0: 25.0%, none: 25.0%")
    rates = pd.DataFrame({"id": ["a", "b", "c"], "judged": [4, 1, 4], "pass_rate": [0.5, 1.0, 0.0], "kept": [2, 1, 0]})
    low = validate("expect_pass_rates_to_be_between", rates, least_judged=2)
    assert (low.success, low.result["observed_value"]) == (False, "1 of 2 problems outside")
    draws = pd.DataFrame({"prompt_id": [str(n // 2) for n in range(16)], "text": ["same"] * 14 + ["one", "other"]})
    assert not validate("expect_draws_of_prompts_to_differ", draws, max_share=0.8).success
    assert validate("expect_draws_of_prompts_to_differ", draws, max_share=0.9).success
    types = validate("expect_columns_to_have_types", rates, types={"id": "str", "judged": "int64", "absent": "int64"})
    assert types.result["partial_unexpected_index_list"][-1] == {"column": "absent (missing)"}
