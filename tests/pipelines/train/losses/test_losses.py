"""Every loss on a few tokens against its formula in numpy, and where one loss is another."""

import math
from typing import Any

import numpy as np
import pytest

from rollmill.ground.errors import SetupError
from rollmill.pipelines.train.losses import LOSSES
from rollmill.pipelines.train.roles import TokenBatch
from tests.pipelines.train.token_rows import batch_of

pytestmark = pytest.mark.train
THREE = np.log([0.5, 0.25, 0.8])
PAIR = batch_of([2, 1], sides=[1, -1], rows=[0, 0], groups=[0, 0])
"""A row whose chosen text has the first two of the three tokens, and its rejected text the third."""


def value(name: str, batch: TokenBatch, logps: Any, reference: Any = None, **options: Any) -> float:
    import torch

    given = None if reference is None else torch.tensor(reference, dtype=torch.float64)
    return float(LOSSES[name](**options)(batch, torch.tensor(logps, dtype=torch.float64), given))


def gradient(name: str, batch: TokenBatch, logps: Any, **options: Any) -> list[float]:
    import torch

    tensor = torch.tensor(logps, dtype=torch.float64, requires_grad=True)
    LOSSES[name](**options)(batch, tensor, None).backward()
    assert tensor.grad is not None
    return [float(number) for number in tensor.grad]


def test_cross_entropy_over_tokens_and_over_rows() -> None:
    two_and_one = batch_of([2, 1])
    assert value("sft", two_and_one, THREE) == pytest.approx(-math.log(0.5 * 0.25 * 0.8) / 3, rel=1e-12)
    by_row = -(math.log(0.5 * 0.25) / 2 + math.log(0.8)) / 2
    assert value("sft", two_and_one, THREE, normaliser="row") == pytest.approx(by_row, rel=1e-12)
    assert by_row == pytest.approx(0.6314321, abs=1e-7)


@pytest.mark.parametrize("normaliser", ["token", "row"])
def test_weights_of_1_are_the_plain_loss_and_a_negative_weight_turns_the_gradient(normaliser: str) -> None:
    ones = batch_of([2, 1])
    assert value("weighted", ones, THREE, normaliser=normaliser) == value("sft", ones, THREE, normaliser=normaliser)
    turned = batch_of([2, 1], weights=[1.0, -2.0])
    plain, weighted = (
        gradient(name, batch, THREE, normaliser=normaliser) for name, batch in (("sft", ones), ("weighted", turned))
    )
    assert weighted == pytest.approx([plain[0], plain[1], -2 * plain[2]], rel=1e-12)


def test_weights_are_of_the_rows_over_all_tokens() -> None:
    turned = batch_of([2, 1], weights=[0.5, -2.0])
    assert value("weighted", turned, THREE) == pytest.approx(-(0.5 * math.log(0.125) - 2 * math.log(0.8)) / 3, rel=1e-12)


def test_distillation_is_the_divergence_from_the_teachers_likeliest_tokens() -> None:
    """Two places: the teacher is unsure in the first, and sure in the second."""
    taught = batch_of([2], chances=[[0.75, 0.25], [1.0]])
    by_hand = (0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.25) + math.log(1 / 0.8)) / 2
    assert value("kd", taught, THREE) == pytest.approx(by_hand, rel=1e-12)
    assert (taught.tokens, len(taught.places)) == (2, 3)
    assert value("kd", batch_of([1], chances=[[0.5, 0.25, 0.25]]), np.log([0.5, 0.25, 0.25])) == 0.0


def test_a_teacher_sure_of_the_text_is_cross_entropy_to_the_bit() -> None:
    sure = batch_of([2, 1], chances=[[1.0], [1.0], [1.0]])
    assert value("kd", sure, THREE) == value("sft", batch_of([2, 1]), THREE)
    assert gradient("kd", sure, THREE) == gradient("sft", batch_of([2, 1]), THREE)


def test_dpo_at_the_reference_is_log_2_and_elsewhere_the_logistic_of_the_margin() -> None:
    assert value("dpo", PAIR, THREE, THREE) == pytest.approx(math.log(2), rel=1e-12)
    reference = np.log([0.4, 0.5, 0.9])
    margin = math.log(0.5 * 0.25 / (0.4 * 0.5)) - math.log(0.8 / 0.9)
    assert value("dpo", PAIR, THREE, reference, beta=0.3) == pytest.approx(math.log(1 + math.exp(-0.3 * margin)), rel=1e-12)


def test_redi_at_alpha_0_is_cross_entropy_by_rows_to_the_bit() -> None:
    import torch

    logps = torch.randn(9, dtype=torch.float32, generator=torch.Generator().manual_seed(3)) - 2
    both = batch_of([3, 2, 1, 3], sides=[1, -1, 1, -1], rows=[0, 0, 1, 1], groups=[0, 0, 1, 1])
    chosen = batch_of([3, 1])
    redi = LOSSES["redi"](alpha=0.0)(both, logps, None)
    assert torch.equal(redi, LOSSES["sft"](normaliser="row")(chosen, logps[[0, 1, 2, 5]], None))


def test_redi_takes_off_what_the_rejected_text_has() -> None:
    expected = -math.log(0.5 * 0.25) / 2 + 0.5 * math.log(0.8)
    assert value("redi", PAIR, THREE, alpha=0.5) == pytest.approx(expected, rel=1e-12)


def test_unlikelihood_is_log_1_minus_p_and_finite_for_a_sure_token() -> None:
    expected = -math.log(0.5 * 0.25) / 2 - 0.7 * math.log(1 - 0.8)
    assert value("unlikelihood", PAIR, THREE, alpha=0.7) == pytest.approx(expected, rel=1e-12)
    assert all(map(math.isfinite, gradient("unlikelihood", PAIR, [-1.0, -1.0, 0.0])))


def test_kto_values_both_kinds_of_texts_against_the_mean_log_ratio() -> None:
    labelled, reference = batch_of([2, 1], sides=[1, -1]), np.log([0.4, 0.5, 0.7])
    good, bad = math.log(0.5 * 0.25 / (0.4 * 0.5)), math.log(0.8 / 0.7)
    assert (good + bad) / 2 < 0  # so the reference point is 0
    expected = (1 - 1 / (1 + math.exp(-0.5 * good)) + 2 * (1 - 1 / (1 + math.exp(0.5 * bad)))) / 2
    assert value("kto", labelled, THREE, reference, beta=0.5, undesirable=2.0) == pytest.approx(expected, rel=1e-12)
    above = reference - 1.0
    good, bad = good + 2.0, bad + 1.0
    point = (good + bad) / 2
    expected = (2 - 1 / (1 + math.exp(-0.5 * (good - point))) - 1 / (1 + math.exp(-0.5 * (point - bad)))) / 2
    assert value("kto", labelled, THREE, above, beta=0.5) == pytest.approx(expected, rel=1e-12)


def test_mml_of_one_solution_is_its_log_probability_and_of_two_that_of_their_sum() -> None:
    assert value("mml", batch_of([3]), THREE) == pytest.approx(-math.log(0.1), rel=1e-12)
    together = batch_of([2, 1], groups=[0, 0])
    assert value("mml", together, THREE) == pytest.approx(-math.log(0.125 + 0.8), rel=1e-12)
    posterior = [0.125 / 0.925, 0.125 / 0.925, 0.8 / 0.925]
    assert gradient("mml", together, THREE) == pytest.approx([-share for share in posterior], rel=1e-12)


def test_beta_mml_against_brute_force() -> None:
    groups = batch_of([1, 1, 1], groups=[0, 0, 1])
    expected = (-math.log(0.5**0.3 + 0.25**0.3) / 0.3 - math.log(0.8)) / 2
    assert value("mml", groups, THREE, beta=0.3) == pytest.approx(expected, rel=1e-12)
    assert all(map(math.isfinite, gradient("mml", groups, [-2000.0, -2001.0, -1000.0], beta=0.5)))


def test_dco_with_one_draw_is_cross_entropy_of_whole_texts_to_the_bit() -> None:
    import torch

    logps = torch.randn(6, dtype=torch.float32, generator=torch.Generator().manual_seed(5)) - 1
    rows = batch_of([1, 1, 1, 1, 1, 1])
    assert torch.equal(LOSSES["dco"](n=1)(rows, logps, None), -logps.mean())
    assert float(LOSSES["dco"](n=1)(rows, logps, None)) == pytest.approx(
        float(LOSSES["sft"]()(rows, logps, None)), rel=1e-6
    )


@pytest.mark.parametrize("p", [0.9999, 0.5, 0.02, 1e-9])
@pytest.mark.parametrize("n", [2, 16, 256])
def test_dco_scales_the_gradient_by_the_chance_that_draws_miss(n: int, p: float) -> None:
    one = batch_of([1])
    factor = n * p * (1 - p) ** (n - 1) / -math.expm1(n * math.log1p(-p))
    assert value("dco", one, [math.log(p)], n=n) == pytest.approx(-math.log(-math.expm1(n * math.log1p(-p))), rel=1e-9)
    assert gradient("dco", one, [math.log(p)], n=n) == pytest.approx([-factor], rel=1e-7, abs=1e-12)


@pytest.mark.parametrize("logp", [0.0, -1e-15, -1e-9, -300.0, -699.0, -701.0, -5000.0])
def test_dco_is_finite_at_both_ends(logp: float) -> None:
    assert math.isfinite(value("dco", batch_of([1]), [logp]))
    (slope,) = gradient("dco", batch_of([1]), [logp])
    assert slope == pytest.approx(-1.0 if logp < -100 else 0.0, abs=1e-6)


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("sft", {"normaliser": "words"}, "unknown normaliser 'words'. Choices: token, row."),
        ("dpo", {"beta": 0.0}, "beta is 0.0; it must be above 0."),
        ("redi", {"alpha": 1.5}, "alpha is 1.5; it must be between 0 and 1."),
        ("unlikelihood", {"alpha": -1.0}, "alpha is -1.0; it must be 0 or more."),
        ("kto", {"beta": -1.0}, "beta is -1.0; it must be above 0."),
        ("mml", {"beta": 2.0}, "beta is 2.0; it must be above 0 and at most 1."),
        ("dco", {"n": 0}, "n is 0; it must be 1 or more."),
    ],
)
def test_an_option_out_of_range_is_named(name: str, options: dict[str, Any], said: str) -> None:
    with pytest.raises(SetupError) as caught:
        LOSSES[name](**options)
    assert str(caught.value).startswith(said.split(" Choices", maxsplit=1)[0])
