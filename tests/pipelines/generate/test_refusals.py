"""Refusals by a real server on loopback: a fault of the settings ends the run, one of a prompt is stored and counted."""

import threading
import time
from contextlib import closing
from typing import Any

import pytest

from rollmill.ground.errors import RollmillError, SetupError
from rollmill.ground.records import Completion
from rollmill.pipelines.generate.http.http_settings import HttpSettings, Server
from rollmill.pipelines.generate.http.refusals import SharedRefusal
from rollmill.pipelines.generate.openai import OpenAI
from tests.pipelines.generate.http.serving import Script, Serving, body, reply_to, status
from tests.pipelines.generate.test_openai import engine, requests

LONG = status(400, '{"error": {"message": "max_tokens 9000 and the prompt are over the maximum context length of 4096."}}')
ONE_AT_ONCE = {"concurrency": 1}


def refusing(*prompts: str, trick: Any = LONG) -> Script:
    """Refuses these prompts, or all without any."""
    return lambda _, asked: trick if not prompts or asked["messages"][-1]["content"] in prompts else None


@pytest.mark.parametrize(("problems", "samples", "told", "sent"), [(30, 2, 8, 17), (6, 2, 6, 12), (2, 1, 2, 2)])
def test_where_the_first_prompts_are_all_refused_nothing_is_a_row(
    problems: int, samples: int, told: int, sent: int
) -> None:
    with Serving(refusing()) as server, engine(server, server=ONE_AT_ONCE) as made:
        rows: list[Completion] = []
        with pytest.raises(SharedRefusal) as caught:
            rows.extend(made.generate(requests(made, problems, samples)))
        assert rows == []
        assert len(server.bodies) <= sent
    said = str(caught.value)
    assert said.startswith(
        f"the first {told} prompts are all refused, and none was answered. The server says of the last, "
    )
    assert "prompt '1 + 1 = ?': max_tokens 9000 and the prompt are over" in said or problems > 2


def test_refusals_of_single_prompts_end_nothing_and_come_in_any_order() -> None:
    refused = ["0 + 0 = ?", "1 + 1 = ?", "2 + 2 = ?"]
    with Serving(refusing(*refused)) as server, engine(server, server=ONE_AT_ONCE) as made:
        rows = list(made.generate(requests(made, 5, 4)))
        assert len({row.id for row in rows}) == 20
        assert sum(row.text == "" for row in rows) == 12
        # The engine has answered before: now they are about their prompts.
        assert len(list(made.generate(requests(made, 3, 1)))) == 3


def test_a_prompt_alone_is_stored_and_so_are_those_of_an_answered_recipe() -> None:
    with Serving(refusing()) as server, engine(server) as made:
        assert [row.meta["finish_reason"] for row in made.generate(requests(made, 1, 3))] == ["too_long"] * 3
        with pytest.raises(SharedRefusal) as caught:
            list(made.generate(requests(made, 3, 1)))
        caught.value.refusals.accepted = True
        assert len(list(made.generate(requests(made, 20, 1)))) == 20


def test_small_calls_of_judges_are_added_up() -> None:
    with Serving(refusing()) as server, engine(server) as made:
        asked = requests(made, 9, 1)
        with pytest.raises(SharedRefusal) as caught:
            list(made.generate(asked[:2]))
        caught.value.refusals.few = False
        assert [len(list(made.generate(asked[at : at + 2]))) for at in (0, 2, 4)] == [2, 2, 2]
        with pytest.raises(SharedRefusal, match="the first 8 prompts"):
            list(made.generate(asked[6:]))


def test_calls_side_by_side_wait_for_each_other() -> None:
    """The refusals of a small call are no fault of the settings where a larger one is answered later."""
    with Serving(refusing("0 + 0 = ?", "1 + 1 = ?"), delay=0.1) as server, engine(server, server=ONE_AT_ONCE) as made:
        rows: list[Completion] = []
        large = threading.Thread(target=lambda: rows.extend(made.generate(requests(made, 4, 1))))
        large.start()
        while not server.bodies:
            time.sleep(0.01)
        rows += made.generate(requests(made, 2, 1))
        large.join()
    assert sorted(row.text == "" for row in rows) == [False] * 2 + [True] * 4


@pytest.mark.parametrize(
    ("code", "text", "kind"),
    [
        (400, '{"error": {"message": "Content Exists Risk", "code": "invalid_request_error"}}', "content_filter"),
        (400, '{"error": {"code": "data_inspection_failed", "message": "Input data may be bad."}}', "content_filter"),
        (400, '{"error": {"code": "content_policy_violation", "message": "no"}}', "content_filter"),
        (403, '{"error": {"code": 403, "message": "The model requires moderation: flagged"}}', "content_filter"),
        (
            400,
            '{"type": "error", "error": {"type": "invalid", "message": "prompt is too long: 9 > 8 maximum"}}',
            "too_long",
        ),
        (400, '{"error": {"message": "The input token count (9) exceeds the maximum number (8)."}}', "too_long"),
        (400, '{"error": {"code": 400, "message": "no", "type": "exceed_context_size"}}', None),
        (500, '{"error": {"code": 500, "message": "maximum context length"}}', None),
        (413, "<h1>413 Request Entity Too Large</h1>", "too_long"),
        (200, '{"error": {"message": "Content Exists Risk"}}', "content_filter"),
    ],
)
def test_one_refused_prompt_is_a_row_with_the_words_of_the_provider(code: int, text: str, kind: str | None) -> None:
    trick = status(code, text)
    with Serving(refusing("3 + 3 = ?", trick=trick)) as server, engine(server, server=ONE_AT_ONCE, attempts=1) as made:
        if kind is None:
            with pytest.raises(SetupError, match=r"prompt '3 \+ 3 = \?'"):
                list(made.generate(requests(made, 5, 1)))
            return
        rows = [row for row in made.generate(requests(made, 5, 1)) if not row.text]
    assert [row.meta["finish_reason"] for row in rows] == [kind]
    assert rows[0].meta["cause"]


@pytest.mark.parametrize(("most", "stored"), [(2, 3), (0.25, 6), (0.0, 1)])
def test_more_than_max_failed_end_the_run_and_name_the_prompt(most: float, stored: int) -> None:
    other = status(400, '{"error": {"message": "no image here"}}')
    with Serving(refusing(trick=other)) as server, engine(server, server=ONE_AT_ONCE, max_failed=most) as made:
        rows: list[Completion] = []
        with pytest.raises(SetupError, match=rf"{stored} of 20 requests were refused.*prompt '\d \+ .*no image here"):
            rows.extend(made.generate(requests(made, 5, 4)))
        assert [row.meta["finish_reason"] for row in rows] == ["refused"] * stored


@pytest.mark.parametrize(("most", "stored"), [(4, 2), (0.25, 5)])
def test_max_failed_counts_the_stored_replies_of_a_run(most: float, stored: int) -> None:
    """Of 40 replies 20 are stored, and 3 or 5 of them are refusals."""
    other = status(400, '{"error": {"message": "no image here"}}')
    before = 3 if most == 4 else 6
    with Serving(refusing(trick=other)) as server, engine(server, server=ONE_AT_ONCE, max_failed=most) as made:
        made.go_on(before, 20)
        rows: list[Completion] = []
        with pytest.raises(SetupError, match=rf"{before + stored} of 40 requests were refused"):
            rows.extend(made.generate(requests(made, 5, 4)))
        assert len(rows) == stored


def test_nothing_is_sent_where_a_server_of_ours_has_ended() -> None:
    """Another process may have its port by now: it gets neither the prompt nor the key."""
    with Serving() as server:
        own = Server(server.url, key="secret", ours=lambda: False)
        made = closing(OpenAI(model="toy", http=HttpSettings((own,), attempts=1, patience=0.2)))
        with made as asked, pytest.raises(RollmillError, match="has ended"):
            list(asked.generate(requests(asked, 1, 1)))
        assert server.bodies == []


def test_a_run_with_too_many_refusals_ends_before_it_asks() -> None:
    with Serving() as server, engine(server, max_failed=2) as made:
        made.go_on(2, 20)
        with pytest.raises(SetupError, match=r"3 of 20 stored replies of this run are refusals, and 2 is allowed"):
            made.go_on(3, 20)


def test_replies_that_a_filter_emptied_are_refusals_too() -> None:
    def emptied(_: int, asked: dict[str, Any]) -> Any:
        reply = reply_to(asked)
        reply["choices"][0] |= {"finish_reason": "SAFETY", "message": {"role": "assistant", "content": None}}
        return body(reply)

    with Serving(emptied) as server, engine(server) as made, pytest.raises(SharedRefusal, match="an empty reply"):
        list(made.generate(requests(made, 4, 1)))
