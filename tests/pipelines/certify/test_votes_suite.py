"""Suite `votes`: what follows from planted votes is counted once more, every vice of a reader is found, ours has none."""

import json
from collections import Counter
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from rollmill.ground.errors import SetupError
from rollmill.pipelines.certify.certificate import Certificate
from rollmill.pipelines.certify.certification import certify
from rollmill.pipelines.certify.suite_rows import Section
from rollmill.pipelines.certify.suites import options_of, select_suite
from rollmill.pipelines.certify.verifier_process import ProcessLimits, VerifierUnderTest
from rollmill.pipelines.certify.votes_suite import votes_suite

TOYS = Path(__file__).with_name("vote_toys.py")
NUMBERS: Mapping[str, Any] = {"of": "grade.score", "least": 4, "readable": 2}
SECTIONS: tuple[Section, ...] = ("equivalence", "non_equivalence", "tampering")


def certified(name: str, options: Mapping[str, Any], *sections: Section) -> Certificate:
    suite = select_suite(name, "votes", None, frozenset(sections or SECTIONS), options)
    return certify(VerifierUnderTest(name, options), lambda _: suite, limits=ProcessLimits(late_seconds=0.1))


def wrong(found: Certificate) -> list[tuple[str, ...]]:
    return [(*result.faults(), result.row.name, result.line()) for result in found.failing()]


def test_the_rows_say_what_follows_from_their_votes() -> None:
    """Counted once more, from the texts themselves."""
    rows = votes_suite(NUMBERS).rows
    for row in rows:
        if row.section == "policy" or "large" in row.name or not row.text.strip() or "<think>" in row.text:
            continue
        mine = [v["text"] for v in map(json.loads, row.tests) if (v["by"], v["on"]) == ("this step", "this answer")]
        words = [text.rpartition("SCORE ")[2] for text in mine if text.startswith("It is well made.\nSCORE ")]
        marks = [Fraction(word) for word in words]
        counted = "undecided" if len(marks) < 2 else "correct" if sum(marks) >= 4 * len(marks) else "incorrect"
        assert row.exact == counted, row.name
    kinds = Counter(row.name.partition(":")[0] for row in rows)
    assert kinds["generated"] > 300
    assert min(kinds[kind] for kind in ("just enough", "one voter turned", "too few can be read", "agreement")) >= 10
    assert Counter(row.exact for row in rows).keys() == {"correct", "incorrect", "undecided", "unparsed", None}


def test_one_voter_less_than_just_enough_turns_the_verdict() -> None:
    rows = [row for row in votes_suite(NUMBERS).rows if row.name.startswith("one voter turned")]
    assert {row.exact for row in rows} == {"incorrect"}
    words = [row for row in votes_suite({"of": "a.b", "says": ["ok"], "least": 0.5}).rows if "turned" in row.name]
    assert {row.exact for row in words} == {"incorrect"}


@pytest.mark.integration
@pytest.mark.parametrize(
    "options",
    [
        NUMBERS,
        {"of": "grade.score", "least": 0.2, "readable": 1},
        {"of": "solve.mark", "least": -2.5, "readable": 3},
        {"of": "other.word", "says": ["ok"], "least": 0.5},
        {"of": "grade.word", "says": ["ok", "good"], "least": 0.7, "readable": 4},
        {"of": "grade.word", "says": ["ok"], "least": 1, "readable": 2},
    ],
    ids=lambda options: " ".join(map(str, options.values())),
)
def test_ours_reads_votes_without_a_fault(options: dict[str, Any]) -> None:
    found = certified("votes", options)
    assert wrong(found) == []
    assert found.asymmetric() == []
    assert found.rates()["misread"]["n"] == sum(result.row.exact is not None for result in found.results) > 300  # type: ignore[index]


@pytest.mark.integration
def test_one_without_a_vice_is_clean() -> None:
    assert wrong(certified(f"{TOYS}:Fair", NUMBERS)) == []


@pytest.mark.integration
def test_no_hostile_text_votes() -> None:
    found = certified("votes", options_of("votes", {}), "denial_of_service", "code_execution", "always_equal")
    assert wrong(found) == []
    assert len(found.results) > 600


@pytest.mark.integration
@pytest.mark.parametrize(
    ("vice", "fault", "kind"),
    [
        ("Generous", "false_accept", "one voter turned"),
        ("Strict", "false_reject", "just enough"),
        ("Impatient", "misread", "too few can be read"),
        ("Shy", "misread", "enough can be read"),
        ("Counting", "false_reject", "just enough beside unread ones"),
        ("Floating", "false_reject", "just enough"),
        ("Hearsay", "false_accept", "votes of another step"),
        ("First", "false_accept", "one voter turned"),
        ("Deaf", "false_accept", "empty answer"),
    ],
)
def test_every_vice_of_a_reader_of_votes_is_found(vice: str, fault: str, kind: str) -> None:
    options = {**NUMBERS, "least": 0.2} if vice == "Floating" else NUMBERS
    found = certified(f"{TOYS}:{vice}", options)
    named = {(name, result.row.name.partition(":")[0]) for result in found.failing() for name in result.faults()}
    assert (fault, kind) in named
    assert bool(found.asymmetric()) == (vice == "First"), "only one of them goes by the order of votes"


def test_the_options_say_what_is_asked() -> None:
    with pytest.raises(SetupError, match="suite 'votes' goes by the verifier's options: of, least") as error:
        select_suite("mine.py:Mine", "votes", None, frozenset(), {"least": 4})
    assert "--options" in str(error.value)
    with pytest.raises(SetupError, match="neither outcome nor truncated"):
        select_suite("votes", None, None, frozenset(), {"of": "grade.outcome", "least": 4})
    assert options_of("votes", {"least": 5}) == {"of": "grade.score", "least": 5, "readable": 2}
    assert options_of("math", {}) == {}
