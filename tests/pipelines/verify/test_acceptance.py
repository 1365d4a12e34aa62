"""Truth tables of the acceptance policies, what each asks for, and what it says of itself."""

from collections.abc import Sequence
from itertools import permutations, product
from typing import Any

import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.records import OUTCOMES, Verdict
from rollmill.pipelines.verify.acceptance import (
    PLAIN,
    POLICIES,
    Policy,
    accepted_verdict,
    asks,
    check_names,
    missing_verdicts,
    used_verdicts,
)

LETTERS = {"c": "correct", "i": "incorrect", "u": "unparsed", "?": "undecided"}
CHAIN = (("number", "1"), ("math", "2"), ("judge", "3"))

# What each policy makes of the verdicts of one, two or three verifiers, a letter each.
TABLES: dict[str, dict[str, str]] = {
    "first_decided": {"c": "c", "?": "?", "i": "i", "u": "u", "?c": "c", "?i": "i", "??u": "u", "???": "?", "?u": "u"},
    "all_of": {
        "c": "c", "ccc": "c", "cci": "i", "ciu": "i", "cu": "u", "c?": "?", "i?": "i", "u?": "u", "???": "?", "c?i": "i",
    },
    "any_of": {
        "c": "c", "iic": "c", "?c": "c", "i?": "?", "u?": "?", "iu": "i", "uu": "u", "iii": "i", "???": "?", "uci": "c",
    },
    "majority": {
        "c": "c", "ccc": "c", "cci": "c", "cii": "i", "ciu": "i", "cuu": "u", "ci": "?", "c?": "?", "c??": "?", "cc?": "c",
        "ci?": "?", "ii?": "i", "uu?": "u", "iu?": "i", "???": "?", "u": "u",
    },
    "min_value": {"c": "c", "cc": "c", "ci": "i", "cu": "u", "c?": "?", "i?": "i", "??": "?", "u?": "u", "iu": "i"},
    "prefer": {"c": "c", "ci": "i", "ic": "c", "c?": "c", "?c": "c", "i?": "i", "?u": "u", "??": "?", "c?i": "c"},
}  # fmt: skip
OPTIONS: dict[str, dict[str, Any]] = {"min_value": {"least": 0.5}, "prefer": {"order": ["math"]}}
NAMES = sorted(POLICIES)


def verdicts(letters: str, values: Sequence[float | None] = ()) -> list[Verdict]:
    shares = [*values, *[None] * len(letters)]
    return [
        Verdict("c1", "p1", *CHAIN[at], LETTERS[letter], "rule", "why" if letter == "?" else None, shares[at])  # type: ignore[arg-type]
        for at, letter in enumerate(letters)
    ]


def policy(name: str, **options: Any) -> Policy:
    return POLICIES[name](**{**OPTIONS.get(name, {}), **options})


@pytest.mark.parametrize("name", NAMES)
def test_the_truth_table(name: str) -> None:
    made = {letters: policy(name).decide(verdicts(letters)).outcome for letters in TABLES[name]}
    assert made == {letters: LETTERS[outcome] for letters, outcome in TABLES[name].items()}


@pytest.mark.parametrize("name", NAMES)
def test_a_policy_of_one_verifier_says_what_it_says(name: str) -> None:
    for letter, outcome in LETTERS.items():
        assert policy(name).decide(verdicts(letter)).outcome == outcome


@pytest.mark.parametrize("name", ["all_of", "any_of", "majority", "min_value"])
def test_the_order_of_verifiers_changes_nothing(name: str) -> None:
    for letters in product("ciu?", repeat=3):
        made = {policy(name).decide(verdicts("".join(order))).outcome for order in permutations(letters)}
        assert len(made) == 1, letters


def test_one_more_doubt_never_turns_a_no_into_a_yes() -> None:
    for name, letters, at in product(["all_of", "any_of", "majority"], product("ciu?", repeat=3), range(3)):
        before = policy(name).decide(verdicts("".join(letters))).outcome
        doubtful = [*letters[:at], "?", *letters[at + 1 :]]
        after = policy(name).decide(verdicts("".join(doubtful))).outcome
        assert (before, after) not in {("incorrect", "correct"), ("unparsed", "correct")}, (name, letters, at)


@pytest.mark.parametrize(
    ("values", "outcome"), [([0.5, 1.0], "correct"), ([0.49, 1.0], "incorrect"), ([None, 0.5], "correct")]
)
def test_min_value_reads_the_share_of_tests_and_not_the_outcome(values: list[float | None], outcome: str) -> None:
    made = policy("min_value").decide(verdicts("ci", values))
    assert made.outcome == outcome
    assert made.value == min(1.0 if value is None else value for value in values)


def test_the_accepted_verdict_says_who_decided() -> None:
    made = policy("all_of").decide(verdicts("cic"))
    assert (made.verifier, made.version, made.rule, made.cause) == ("policy:all_of", "1", "math", None)
    tied = policy("majority").decide(verdicts("ci"))
    assert (tied.verifier, tied.rule, tied.cause) == ("policy:majority", "none", "number correct, math incorrect")
    plain = PLAIN.decide(verdicts("?i"))
    assert (plain.verifier, plain.version) == ("math", "2")


def test_the_version_says_what_was_asked() -> None:
    assert policy("min_value", least=0.75, over=["math", "judge"]).version == "1 least=0.75 over=math,judge"
    assert policy("prefer").version == "1 order=math"
    assert PLAIN.version == "1"


def test_the_plain_chain_asks_the_next_only_where_one_is_undecided() -> None:
    said = dict(zip(CHAIN, verdicts("?ci"), strict=True))
    assert missing_verdicts(PLAIN, CHAIN, {}) == [CHAIN[0]]
    assert missing_verdicts(PLAIN, CHAIN, {CHAIN[0]: said[CHAIN[0]]}) == [CHAIN[1]]
    assert missing_verdicts(PLAIN, CHAIN, {CHAIN[1]: said[CHAIN[1]]}) == [CHAIN[0]]
    assert accepted_verdict(PLAIN, CHAIN, {CHAIN[1]: said[CHAIN[1]]}) is None
    found = accepted_verdict(PLAIN, CHAIN, said)
    assert found is not None
    assert found.outcome == "correct"
    assert used_verdicts(PLAIN, CHAIN, said) == [said[CHAIN[0]], said[CHAIN[1]]]


def test_the_others_ask_all_or_those_they_are_over() -> None:
    said = dict(zip(CHAIN, verdicts("cci"), strict=True))
    assert missing_verdicts(policy("all_of"), CHAIN, {CHAIN[0]: said[CHAIN[0]]}) == [CHAIN[1], CHAIN[2]]
    assert accepted_verdict(policy("all_of"), CHAIN, {CHAIN[0]: said[CHAIN[0]]}) is None
    narrow = policy("all_of", over=["number", "math"])
    assert not asks(narrow, "judge", ())
    found = accepted_verdict(narrow, CHAIN, {key: said[key] for key in CHAIN[:2]})
    assert found is not None
    assert found.outcome == "correct"


def test_a_policy_that_counts_on_a_stranger_is_refused() -> None:
    with pytest.raises(SetupError, match="'any_of' counts on verifier 'jugde', which is not among the recipe's"):
        check_names(policy("any_of", over=["jugde"]), ["number", "judge"])
    with pytest.raises(SetupError, match="'prefer' counts on verifier 'math'"):
        check_names(policy("prefer"), ["number"])
    with pytest.raises(SetupError, match="must list verifiers, each once"):
        policy("all_of", over="math")
    with pytest.raises(ValueError, match=r"'least' is 0, and must be a share in \(0, 1\]"):
        policy("min_value", least=0)


def test_every_policy_is_total() -> None:
    for name, letters in product(NAMES, product("ciu?", repeat=3)):
        made = policy(name).decide(verdicts("".join(letters), (0.2, 0.9, None)))
        assert made.outcome in OUTCOMES
        assert (made.completion_id, made.problem_id) == ("c1", "p1")
        assert made.outcome in ("correct", "incorrect") or made.cause is not None or "u" in letters
