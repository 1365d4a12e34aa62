"""The price of training time: of seconds, in words, and none."""

from decimal import Decimal

from rollmill.flows.training.training_price import TrainingPrice


def test_seconds_have_a_price_by_the_hour() -> None:
    price = TrainingPrice(Decimal("2.50"), "EUR")
    assert price.of(720) == 0.5
    assert price.of(None) is None
    assert price.words(price.of(720)) == ", 0.5000 EUR"
    assert price.words(None) == ""


def test_without_a_price_nothing_is_said() -> None:
    assert TrainingPrice().of(720) is None
