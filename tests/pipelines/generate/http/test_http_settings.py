"""Addresses are shown without secrets, keys come from the environment, and money is exact."""

import pytest

from rollmill.ground.errors import SetupError
from rollmill.pipelines.generate.http.http_settings import HttpSettings, Secrets, Server, shown_url
from rollmill.pipelines.generate.prices import Prices


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1"),
        ("https://user:pa%40ss@api.example.com/v1/?api-version=2&key=abc", "https://api.example.com/v1"),
        ("http://[::1]:9/v1", "http://[::1]:9/v1"),
    ],
)
def test_shown_addresses(url: str, shown: str) -> None:
    assert shown_url(url) == shown


def test_secrets_are_hidden_wherever_they_turn_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", " sk-12345 ")
    secrets = Secrets()
    assert secrets.learn(Server("http://h/v1", key_env="KEY")) == "sk-12345"
    assert secrets.learn(Server("http://user:pa%40ss@h/v1?token=t0ken")) is None
    said = "bad sk-12345 and pa@ss, pa%40ss, user and token=t0ken"
    assert secrets.hide(said) == "bad [hidden] and [hidden], [hidden], [hidden] and [hidden]"


def test_a_missing_or_broken_key_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KEY", raising=False)
    with pytest.raises(
        SetupError, match=r"variable KEY, which holds the key of http://h/v1, is not set\. Next: export KEY"
    ):
        Secrets().learn(Server("http://h/v1", key_env="KEY"))
    monkeypatch.setenv("KEY", "a\nb")
    with pytest.raises(SetupError, match="the key in KEY has characters"):
        Secrets().learn(Server("http://h/v1", key_env="KEY"))


def test_servers_by_model() -> None:
    any_model, judges = Server("http://a/v1"), Server("http://b/v1", models=("judge",))
    settings = HttpSettings((any_model, judges))
    assert settings.serving("m") == (any_model,)
    assert settings.serving("judge") == (any_model, judges)
    with pytest.raises(SetupError, match="names no server for model 'm'"):
        HttpSettings((judges,)).serving("m")


@pytest.mark.parametrize(
    ("counts", "cost"),
    [((1000, 500, 0), 0.002), ((1000, 500, 400), 0.0016), ((10, 0, 40), 0.0), ((None, 5, 0), None), ((5, None, 0), None)],
)
def test_money(counts: tuple[int | None, int | None, int], cost: float | None) -> None:
    found = Prices(1.0, 2.0, 0.0).cost(*counts)
    assert found == pytest.approx(cost)


def test_cached_tokens_cost_the_same_where_no_price_says_otherwise() -> None:
    assert Prices(1.0, 2.0).cost(1000, 0, 400) == pytest.approx(0.001)
