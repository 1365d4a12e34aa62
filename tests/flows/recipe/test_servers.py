"""What a profile says of servers reaches the engine unchanged, and sets how many batches are drawn side by side."""

from pathlib import Path

import pytest

from flows.recipe import load_profile
from flows.recipe.servers import Http, Prices, Server, http_settings, lanes_for
from pipelines.generate.http import http_settings as settings

ROOT = Path(__file__).resolve().parents[3]


def test_the_shipped_profile_names_a_local_server() -> None:
    profile = load_profile(ROOT / "profiles" / "server.yaml")
    assert http_settings(profile.servers, profile.http, profile.prices) == settings.HttpSettings(
        (settings.Server("http://127.0.0.1:8000/v1"),)
    )


def test_defaults_are_the_engines_and_every_key_arrives() -> None:
    assert http_settings((), Http(), None) == settings.HttpSettings()
    server = Server(url="https://h/v1", key_env="K", concurrency=7, models=("a", "b"), listed=False)
    found = http_settings((server,), Http(attempts=3, patience=9.0), Prices(input=1.0, output=2.0, per=10, currency="EUR"))
    assert found == settings.HttpSettings(
        (settings.Server("https://h/v1", "K", 7, ("a", "b"), listed=False),),
        attempts=3,
        patience=9.0,
        prices=settings.Prices(1.0, 2.0, None, 10),
    )


@pytest.mark.parametrize(
    ("concurrency", "batch_size", "lanes"), [((), 256, 1), ((64,), 256, 2), ((256, 256), 256, 5), ((4096,), 8, 16)]
)
def test_batches_side_by_side_hold_twice_what_may_be_under_way(
    concurrency: tuple[int, ...], batch_size: int, lanes: int
) -> None:
    servers = tuple(Server(url="http://h/v1", concurrency=number) for number in concurrency)
    assert lanes_for(servers, batch_size) == lanes
