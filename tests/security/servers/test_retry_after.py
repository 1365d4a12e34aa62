"""Servers that ask for absurd waits: the run neither waits for years nor hammers them, and repeats what they said."""

import time
from pathlib import Path

import pytest

from rollmill.pipelines.generate.http.failures import retry_after
from tests.flows.conftest import Run, rollmill, ten_sums  # noqa: F401 (fixtures)
from tests.pipelines.generate.http.serving import Serving, status

pytestmark = pytest.mark.security

RECIPE = """\
recipe_schema: 1
name: remote
problems: {imported: sums}
generate: {engine: openai, model: toy, batch_size: 16}
budget: {method: fixed, options: {initial: 1}}
select: {method: all_correct}
"""
CENTURIES = "9" * 4000


def curated(folder: Path, run: Run, asked: str, **http: float) -> tuple[str, float, list[float]]:
    """What curate said with a server that asks for this wait, how long it took, and when requests came."""
    came: list[float] = []

    def refuse(*_: object):  # type: ignore[no-untyped-def]
        came.append(time.monotonic())
        return status(429, '{"error": {"message": "slow down"}}', Retry_After=asked)

    settings = {"attempts": 4, "backoff_seconds": 0.2, "patience": 5, **http}
    with Serving(refuse) as server:
        (folder / "p.yaml").write_text(f"servers: [{{url: {server.url}, concurrency: 1}}]\nhttp: {settings}\n")
        (folder / "remote.yaml").write_text(RECIPE)
        began = time.monotonic()
        said = run("curate", "remote.yaml", "--direct", "--profile", "p.yaml")
        assert said.status == 2
        return said.err, time.monotonic() - began, came


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("1e9", "asks to wait 1,000,000,000 seconds (Retry-After '1e9')"),
        ("inf", "asks to wait more than a century (Retry-After 'inf')"),
        (CENTURIES, f"asks to wait more than a century (Retry-After '{'9' * 60}')"),
        ("Fri, 31 Dec 2999 23:59:59 GMT", "asks to wait more than a century (Retry-After 'Fri, 31 Dec 2999 23:59:59 GMT')"),
    ],
)
def test_a_wait_of_years_ends_the_command_in_the_server_s_words(
    ten_sums: Path,  # noqa: F811
    rollmill: Run,  # noqa: F811
    asked: str,
    words: str,
) -> None:
    said, seconds, came = curated(ten_sums, rollmill, asked)
    assert words in said
    assert "every reply received is kept" in said
    assert len(came) == 1
    assert seconds < 30


@pytest.mark.parametrize("asked", ["-5", "nan", "0", "Thu, 01 Jan 1970 00:00:00 GMT", "soon", "-inf"])
def test_what_says_no_wait_is_told_and_the_server_is_not_hammered(
    ten_sums: Path,  # noqa: F811
    rollmill: Run,  # noqa: F811
    asked: str,
) -> None:
    said, _, came = curated(ten_sums, rollmill, asked, backoff_seconds=0.5)
    assert f"slow down, Retry-After {asked!r}, which says no time to wait" in said
    assert len(came) <= 40  # ten problems, four attempts each
    # Our own pauses: uniform up to 0.5, 1 and 2 seconds, of several requests; all within a tenth of one is hammering.
    assert came[-1] - came[0] > 0.05


def test_a_wait_of_next_to_nothing_does_not_shorten_our_own_pauses() -> None:
    assert retry_after("1e-300", 0.0) == 1e-300
    assert retry_after("0.25", 0.0) == 0.25
    assert retry_after("Wed, 21 Oct 2015 07:28:00 -0000", 1_445_412_400.0) == 80.0
    assert [retry_after(text, 0.0) for text in ("Fri, 99 Dec 99999 99:99:99 GMT", "\x00", "(((", "1;" * 2000, "")] == [
        None
    ] * 5
