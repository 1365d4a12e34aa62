"""The engine against a real server on loopback that misbehaves in every known way."""

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Attempt, Completion, Origin, Problem, Request, Sampling, request_for
from rollmill.pipelines.generate.calls import Interruption
from rollmill.pipelines.generate.http.http_settings import HttpSettings, Server
from rollmill.pipelines.generate.openai import OpenAI
from rollmill.pipelines.generate.prices import Prices
from rollmill.pipelines.generate.registry import GENERATORS
from rollmill.pipelines.generate.serving.local_servers import LocalServers
from tests.pipelines.generate.http.serving import Script, Serving, Trick, body, cut, half, hang, reply_to, status, text_for

QUICK: dict[str, Any] = {"backoff_seconds": 0.01, "backoff_most": 0.05, "patience": 5.0, "drain": 5.0}


@contextmanager
def engine(*servers: Serving, server: Any = (), options: Any = (), **settings: Any) -> Iterator[OpenAI]:
    listed = tuple(Server(one.url, **dict(server)) for one in servers)
    engine = OpenAI("toy", http=HttpSettings(listed, **{**QUICK, **settings}), **dict(options))
    try:
        yield engine
    finally:
        engine.close()


def requests(made: OpenAI, problems: int = 10, samples: int = 4, **sampling: Any) -> list[Request]:
    origin = Origin(made.engine, made.model_digest, "curate", 1)
    found = [Problem(f"{number} + {number} = ?", str(2 * number)) for number in range(problems)]
    return [
        request_for(problem, made.render(problem.prompt), Sampling(**sampling), origin, index)
        for problem in found
        for index in range(samples)
    ]


def drawn(made: OpenAI, asked: list[Request]) -> tuple[dict[str, Completion], Counter[str]]:
    """Completions by id and attempts by outcome; every request is answered once, with the server's text for its seed."""
    heard: list[Attempt] = []
    found = [completion for group in made.groups(asked, heard.extend) for completion in group]
    by_id = {completion.id: completion for completion in found}
    assert len(found) == len(by_id) == len(asked)
    for request in asked:
        assert by_id[request.completion_id].text == text_for(str(request.prompt), request.seed & 0x7FFFFFFF)
        assert by_id[request.completion_id].seed == request.seed
    counts: Counter[str] = Counter()
    for attempt in heard:
        counts[attempt.outcome] += attempt.count
    return by_id, counts


def every_fifth(*tricks: Any) -> Script:
    """Each fifth request meets the next of these tricks."""
    return lambda number, _: tricks[number // 5 % len(tricks)] if number % 5 == 4 else None


def test_one_reply_per_request_with_its_own_seed() -> None:
    with Serving() as server, engine(server, prices=Prices(1.0, 2.0, per=1)) as made:
        by_id, counts = drawn(made, requests(made))
        assert counts == {"ok": 40}
        assert len({asked["seed"] for asked in server.bodies}) == 40
        assert all(asked["n"] == 1 for asked in server.bodies)
        one = next(iter(by_id.values()))
        assert (one.engine, one.model, one.finish_reason, one.tokens_in, one.tokens_out) == ("openai", "toy", "stop", 5, 4)
        assert one.cost == 13.0
        assert list(made.generate([])) == []
    assert GENERATORS["openai"] is OpenAI


def test_plain_completions() -> None:
    with Serving() as server, engine(server, options={"api": "completions"}) as made:
        drawn(made, requests(made, 3))
        assert sorted({asked["prompt"] for asked in server.bodies}) == ["0 + 0 = ?", "1 + 1 = ?", "2 + 2 = ?"]


@pytest.mark.parametrize(
    ("trick", "outcome"),
    [
        (status(500), "http_500"),
        (status(503), "http_503"),
        (status(408, "<html>"), "http_408"),
        (half(), "cut_off"),
        (cut(), "cut_off"),
        (body(b'{"choices": [{"te'), "not_json"),
        (body(b"\x00\xff"), "not_json"),
        (body({"choices": []}), "no_choices"),
        (body({"error": {"message": "overloaded"}}), "error_in_reply"),
        (body({"choices": [{"text": "x", "finish_reason": "abort"}]}), "aborted"),
    ],
)
def test_what_may_pass_is_tried_again_and_counted(trick: Any, outcome: str) -> None:
    with Serving(every_fifth(trick)) as server, engine(server) as made:
        _, counts = drawn(made, requests(made))
        assert counts["ok"] == 40
        assert counts[outcome] >= 9
        assert sum(counts.values()) == len(server.bodies)


@pytest.mark.integration
def test_a_hang_ends_with_its_timeout() -> None:
    server = Serving(lambda number, _: hang() if number in (3, 11) else None)
    with server, engine(server, reply_seconds=1.0, connect_seconds=0.5) as made:
        _, counts = drawn(made, requests(made))
        assert counts == {"ok": 40, "timeout": 2}


@pytest.mark.parametrize("usage", [{"prompt_tokens": -5, "completion_tokens": "many"}, [1], {"completion_tokens": 10**30}])
def test_wrong_token_counts_are_no_rows_lost(usage: Any) -> None:
    def wrong(number: int, asked: dict[str, Any]) -> Any:
        return body({**reply_to(asked), "usage": usage})

    with Serving(wrong) as server, engine(server, prices=Prices(1.0, 1.0)) as made:
        by_id, _ = drawn(made, requests(made))
        assert {(one.tokens_in, one.tokens_out, one.cost) for one in by_id.values()} == {(None, None, None)}


def test_a_refused_server_is_left_alone_for_as_long_as_it_asked() -> None:
    arrivals: list[float] = []

    def busy(number: int, _: Any) -> Any:
        arrivals.append(time.monotonic())
        return status(429, Retry_After="0.5") if number == 0 else None

    with Serving(busy) as server, engine(server, server={"concurrency": 1}) as made:
        _, counts = drawn(made, requests(made, 3))
        assert counts == {"ok": 12, "http_429": 1}
    assert arrivals[1] - arrivals[0] >= 0.5


@pytest.mark.integration
def test_refusals_make_it_ask_less_at_once() -> None:
    server = Serving(lambda *_: status(429) if server.under_way > 4 else None, delay=0.02)
    with server, engine(server, attempts=50) as made:
        _, counts = drawn(made, requests(made, 40))
        assert counts["http_429"] < 160


def test_a_wait_beyond_patience_ends_at_once() -> None:
    said = r"asks to wait 7,200 seconds \(Retry-After '7200'\) \(http_429: no\); every reply received is kept\. Next: wait"
    server = Serving(lambda *_: status(429, Retry_After="7200"))
    with server, engine(server) as made, pytest.raises(SetupError, match=said):
        list(made.generate(requests(made)))


@pytest.mark.parametrize(
    ("trick", "words"),
    [
        (
            status(401, '{"error": {"message": "Incorrect API key provided: sk-s3cret."}}'),
            r"refuses the key \(http_401: Incorrect",
        ),
        (status(403), "refuses the key"),
        (status(404, '{"error": {"message": "gone"}}'), r"does not know the model 'toy' or the path \(http_404: gone\)"),
        (status(400, '{"error": {"message": "unknown parameter min_q"}}'), "refuses the request .*unknown parameter min_q"),
        (status(307, "", Location="http://127.0.0.1:1/"), "the server redirects"),
    ],
)
def test_what_will_not_pass_ends_at_once_in_one_line(trick: Any, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_KEY", "sk-s3cret")
    with Serving(lambda *_: trick) as server, engine(server, server={"key_env": "TOY_KEY", "concurrency": 4}) as made:
        with pytest.raises(SetupError, match=words) as caught:
            list(made.generate(requests(made, 100)))
        assert len(server.bodies) <= 4
        assert {head.get("Authorization") for head in server.headers} == {"Bearer sk-s3cret"}
    said = str(caught.value)
    assert "s3cret" not in said
    assert "\n" not in said
    assert f"http://127.0.0.1:{server.port}/v1" in said


def test_a_model_that_is_not_served_is_named_with_those_that_are() -> None:
    with Serving(models=["other", "toys"]) as server, engine(server) as made:
        with pytest.raises(SetupError, match=r"does not serve 'toy'\. Valid: other, toys\. Next: name one of them"):
            list(made.generate(requests(made)))
        assert server.bodies == []
    with Serving(models=["other"]) as server, engine(server, server={"listed": False}) as made:
        drawn(made, requests(made))


def test_retries_end_and_what_came_is_handed_on_first() -> None:
    server = Serving(lambda _, asked: status(500) if asked["messages"][0]["content"] == "3 + 3 = ?" else None)
    said = r"failed 3 times for one request, the last time \(http_500: no\); every"
    with server, engine(server, attempts=3, server={"concurrency": 2}) as made:
        found: list[Completion] = []
        with pytest.raises(SetupError, match=said):
            found.extend(made.generate(requests(made)))
        assert len(found) >= 12
        assert len({one.id for one in found}) == len(found)


def test_a_reply_that_is_larger_than_what_was_asked_for_is_an_attempt_until_the_profile_raises_the_bound() -> None:
    """Of many large ones as few are read at once as `held_bytes` has room for."""

    def long(_: int, asked: dict[str, Any]) -> Trick:
        reply = reply_to(asked)
        reply["choices"][0]["message"]["content"] = "x" * 2_000_000
        return body(reply)

    said = r"answers more than was requested .*of more than 1,\d+,\d+ bytes.*http\.reply_bytes"
    with Serving(long) as server, engine(server, attempts=2) as made, pytest.raises(SetupError, match=said):
        list(made.generate(requests(made, 1, 1, max_tokens=16)))
    raised = {"reply_bytes": 3_000_000, "held_bytes": 4_000_000}
    with Serving(long) as server, engine(server, server={"concurrency": 8}, **raised) as made:
        assert [len(one.text) for one in made.generate(requests(made, 2, 4))] == [2_000_000] * 8


def test_a_prompt_that_is_too_long_or_filtered_is_an_empty_row() -> None:
    long = status(400, '{"message": "This model\'s maximum context length is 32 tokens, however"}')
    filtered = status(400, '{"error": {"message": "blocked", "code": "content_filter"}}')
    server = Serving(lambda number, _: (long, filtered, None)[number % 3])
    with server, engine(server, server={"concurrency": 1}) as made:
        found = list(made.generate(requests(made, 3, 1)))
    rows = [(one.text, one.finish_reason, one.meta.get("finish_reason")) for one in found]
    assert rows[:2] == [("", "length", "too_long"), ("", "length", "content_filter")]
    assert rows[2][1] == "stop"


@pytest.mark.integration
def test_a_dead_replica_is_taken_out_and_comes_back() -> None:
    with Serving(delay=0.02) as one, Serving(delay=0.02) as two, engine(one, two, server={"concurrency": 4}) as made:
        asked = requests(made, 150)
        groups = made.groups(asked)
        found = [completion for _, group in zip(range(10), groups, strict=False) for completion in group]
        two.kill()
        before = len(two.bodies)
        while len(found) < 200:
            found += next(groups)
        two.start()
        found += [completion for group in groups for completion in group]
        assert len({completion.id for completion in found}) == 600
        assert len(two.bodies) > before


def test_all_samples_of_a_prompt_go_to_one_replica_and_work_is_shared() -> None:
    with Serving(delay=0.005) as one, Serving(delay=0.005) as two, engine(one, two) as made:
        drawn(made, requests(made, 60, 8))
        places = defaultdict(set)
        for server in (one, two):
            for asked in server.bodies:
                places[asked["messages"][0]["content"]].add(server.port)
        assert {len(ports) for ports in places.values()} == {1}
        assert min(len(one.bodies), len(two.bodies)) >= 120


def test_a_server_that_comes_late_is_waited_for() -> None:
    server = Serving()
    with server:
        pass  # the port is known now
    with engine(server, patience=30.0) as made:
        timer = threading.Timer(0.5, server.start)
        timer.start()
        drawn(made, requests(made))
        server.kill()
        timer.join()


def test_where_no_server_answers_it_says_so() -> None:
    with Serving() as server:
        pass
    said = "no server has answered for 0 seconds: http"
    with engine(server, patience=0.4) as made, pytest.raises(SetupError, match=said):
        list(made.generate(requests(made)))


@pytest.mark.parametrize("local", [None, LocalServers([])], ids=["a library's", "a command's"])
def test_a_server_that_was_forgotten_is_said_long_before_patience_ends(
    local: LocalServers | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Serving() as server:
        pass
    monkeypatch.setattr("rollmill.pipelines.generate.http.dispatch.FIRST_PATIENCE", 0.3)
    began = time.monotonic()
    with (
        engine(server, patience=60.0, local=local) as made,
        pytest.raises(SetupError, match=rf":{server.port}.*no_connection") as caught,
    ):
        list(made.generate(requests(made)))
    assert time.monotonic() - began < 10.0
    assert caught.value.next_command == "start it, then the same command again, which asks only for what is missing"


def test_no_more_is_under_way_or_untaken_than_the_profile_says() -> None:
    with Serving() as server, engine(server, server={"concurrency": 10}) as made:
        groups = made.groups(requests(made, 50))
        taken = 0
        for group in groups:
            time.sleep(0.05)  # a slow consumer: nothing is sent for which there is no place
            assert len(server.bodies) <= taken + 10
            taken += len(group)
            if taken > 60:
                break
        groups.close()
        assert len(drawn(made, requests(made, 5))[0]) == 20  # those places are free again


def test_two_calls_at_once_and_an_interrupt() -> None:
    with Serving(delay=0.01) as server, engine(server) as made:
        results: list[Any] = []
        threads = [threading.Thread(target=lambda: results.append(drawn(made, requests(made, 20)))) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [len(by_id) for by_id, _ in results] == [80, 80, 80]
        server.delay = 30.0
        threading.Timer(0.2, made.interrupt).start()
        with pytest.raises(Interruption):
            list(made.generate(requests(made)))
        server.delay = 0.0
        drawn(made, requests(made))


def test_closing_twice_and_drawing_again() -> None:
    with Serving() as server, engine(server) as made:
        drawn(made, requests(made, 2))
        made.close()
        made.close()
        drawn(made, requests(made, 2))
    assert not [thread for thread in threading.enumerate() if thread.name == "openai-loop"]


def test_without_a_server_the_profile_is_named() -> None:
    engine = OpenAI("m")
    with pytest.raises(SetupError, match=r"the profile names no server for model 'm'.*--profile"):
        list(engine.generate(requests(engine)))
    assert engine.fingerprint()["revision"] == "not declared"
    assert OpenAI("m", revision="a").model_digest != engine.model_digest
