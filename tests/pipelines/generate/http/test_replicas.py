"""Prompts belong to replicas: the same prompt to the same one, evenly, and elsewhere only under load or death."""

from collections import Counter, deque
from typing import Any, cast

from pipelines.generate.http.http_settings import Server
from pipelines.generate.http.replicas import Replica, choose

PROMPTS = [f"prompt {number}" for number in range(3000)]


def replicas(count: int = 3) -> list[Replica]:
    return [Replica(Server(f"http://host{number}/v1"), state="up") for number in range(count)]


def places(among: list[Replica]) -> list[str]:
    return [cast("Replica", choose(prompt, among)).name for prompt in PROMPTS]


def test_prompts_are_spread_evenly_and_always_the_same_way() -> None:
    found = places(replicas())
    assert found == places(list(reversed(replicas())))
    assert all(900 < count < 1100 for count in Counter(found).values())


def test_only_the_prompts_of_a_dead_replica_move() -> None:
    among = replicas()
    before = places(among)
    among[1].state = "down"
    after = places(among)
    moved = [old for old, new in zip(before, after, strict=True) if old != new]
    assert set(moved) == {"http://host1/v1"}
    assert len(moved) == before.count("http://host1/v1")


def test_a_replica_with_too_much_outstanding_is_passed_over() -> None:
    among = replicas(2)
    owned = [prompt for prompt, place in zip(PROMPTS, places(among), strict=True) if place == "http://host0/v1"]
    among[0].in_flight = 39
    assert choose(owned[0], among) is among[0]
    among[0].queue = cast("Any", deque([None]))
    assert choose(owned[0], among) is among[1]
    among[1].in_flight = 40
    assert choose(owned[0], among) is None
