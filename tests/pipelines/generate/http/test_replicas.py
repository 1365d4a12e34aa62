"""Prompts belong to replicas: the same prompt to the same one, evenly, and elsewhere only under load or death."""

from collections import Counter, deque
from typing import Any, cast

from rollmill.pipelines.generate.http.http_settings import Server
from rollmill.pipelines.generate.http.replicas import Replica, ReplicaLimit, choose

PROMPTS = [f"prompt {number}" for number in range(3000)]


def replicas(count: int = 3) -> list[Replica]:
    return [Replica(Server(f"http://host{number}/v1"), state="up") for number in range(count)]


def places(among: list[Replica]) -> list[str]:
    return [cast("Replica", choose(prompt, among)).name for prompt in PROMPTS]


def test_prompts_are_spread_evenly_and_always_the_same_way() -> None:
    order = places(replicas())
    assert order == places(list(reversed(replicas())))
    assert all(900 < count < 1100 for count in Counter(order).values())


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


def served(limit: ReplicaLimit, capacity: int, replies: int, *, seconds: float = 1.0) -> list[int]:
    """A server that works on `capacity` requests at once, `seconds` each, and queues the rest; the limits on the way."""
    now, seen = 0.0, []
    for _ in range(replies):
        at_once = limit.value
        now += seconds / min(at_once, capacity)
        limit.replied(now, busy=True)
        seen.append(limit.value)
    return seen


def test_it_grows_to_the_most_where_the_server_keeps_up() -> None:
    limit = ReplicaLimit(256)
    assert limit.value == 32
    assert served(limit, 1000, 4000)[-1] == 256


def test_it_stays_near_the_capacity_where_more_would_only_queue() -> None:
    seen = served(ReplicaLimit(1024), 100, 60_000)[20_000:]
    assert min(seen) >= 80
    assert max(seen) <= 150
    assert 95 <= sum(seen) / len(seen) <= 130


def test_a_refusal_halves_once_for_all_that_were_under_way() -> None:
    limit = ReplicaLimit(64, start=64)
    for sent, moment in ((9.0, 10.0), (9.5, 10.1), (9.9, 30.0)):
        limit.refused(sent, moment)
    assert limit.value == 32
    limit.refused(10.0, 30.1)
    assert limit.value == 16


def test_after_a_refusal_it_grows_by_one_per_round_and_is_never_below_one() -> None:
    limit = ReplicaLimit(64, start=2)
    for moment in range(0, 50, 10):
        limit.refused(float(moment), float(moment))
    seen = []
    for reply in range(10):
        limit.replied(60.0 + reply / 10, busy=True)
        seen.append(limit.value)
    assert seen == [2, 2, 2, 3, 3, 3, 4, 4, 4, 4]


def test_replies_while_there_was_room_left_say_nothing() -> None:
    limit = ReplicaLimit(64, start=8)
    for moment in range(100):
        limit.replied(moment / 10, busy=False)
    assert limit.value == 8
