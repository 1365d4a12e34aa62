"""Judging again only what a change can reach gives what judging everything again gives; by random changes of rules."""

import random
from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from typing import Any

import pytest

from flows.rejudging.reverify_renew import Counts, Seat, pair_of, renew
from flows.rejudging.reverify_rules import Change
from flows.rounds.verify import judge
from pipelines.verify.acceptance import PLAIN, POLICIES, Policy
from pipelines.verify.mathematics import MathVerifier
from pipelines.verify.number import NumberVerifier
from storage.ids import digest128
from storage.records import Completion, Problem, Verdict
from tests.flows.rejudging.staged import Staged

ANSWERS = [("hash", "1"), ("boxed", "1"), ("phrase", "1"), ("tail", "1")]
COMPARES = [("same", "1"), ("number", "1"), ("list", "1"), ("library", "1")]
POLICY: list[tuple[Policy, ...]] = [(PLAIN,), (POLICIES["all_of"](),), (PLAIN, POLICIES["majority"]())]


def items(count: int) -> list[tuple[Problem, Completion]]:
    made = []
    for number in range(count):
        problem = Problem(f"prompt {number // 4}", str(number % 7))
        text = f"text {number}"
        made.append((problem, Completion(f"c{number}", problem.prompt_id, "t", "m", "d", "curate", 0, 0, text, "stop")))
    return made


def mutated(rng: random.Random, rules: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """One to three changes: another version, a rule gone, a new one, two in another order."""
    found = list(rules)
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(found)) if found else 0
        kind = rng.choice(["version", "version", "gone", "new", "order"])
        if kind == "version" and found:
            found[at] = (found[at][0], str(int(found[at][1]) + 1))
        elif kind == "gone" and len(found) > 1:
            del found[at]
        elif kind == "new":
            found.insert(at, (f"new{rng.randrange(1000)}", "1"))
        elif kind == "order" and len(found) > 1:
            found.insert(rng.randrange(len(found)), found.pop(at))
    return found


def everything(chain: Sequence[Staged], rows: Sequence[Any], policies: Sequence[Policy]) -> dict[Any, Any]:
    """Every verdict of a full judging, by row and (verifier, version)."""
    found: dict[Any, Any] = {pair_of(row): {} for row in rows}
    for verdict in judge(chain, rows, {}, policies):
        found[verdict.completion_id, verdict.problem_id][verdict.verifier, verdict.version] = verdict
    return found


def seat(old: Staged, new: Staged, stored: dict[Any, dict[Any, Verdict]]) -> Seat:
    seen = [said[old.name, old.version].rule for said in stored.values() if (old.name, old.version) in said]
    before, after = (old.name, old.version), (new.name, new.version)
    change = Change(
        name=new.name,
        old=old.version,
        new=new.version,
        old_rules=old.rules,
        new_rules=new.rules,
        extraction=frozenset(rule.split(":")[0] for rule in seen if ":" in rule),
    )
    return Seat(before, after, None if before == after else change, new)


@pytest.mark.parametrize("policies", POLICY, ids=["chain", "all_of", "both"])
def test_the_result_equals_a_full_rerun(policies: tuple[Policy, ...]) -> None:
    rows, carried, judged = items(120), 0, 0
    for seed in range(60):
        rng = random.Random(f"{seed}{policies}")
        stages = [rng.sample(ANSWERS, rng.randint(0, 4)), rng.sample(COMPARES, rng.randint(1, 4))]
        old = [Staged(*stages, name="first"), Staged(ANSWERS[:2], COMPARES, name="second")]
        new = [replace(part, answers=part.answers, compares=mutated(rng, part.compares)) for part in old]
        new = [replace(part, answers=mutated(rng, part.answers)) if rng.random() < 0.5 else part for part in new]
        stored = everything(old, rows, policies)
        seats = [seat(*pair, stored) for pair in zip(old, new, strict=True)]
        counts = {one.new: Counts() for one in seats}
        made = renew(seats, policies, rows, stored, counts)
        assert made.verdicts == everything(new, rows, policies), seed
        assert len(made.carried) == sum(one.carried for one in counts.values())
        carried, judged = carried + len(made.carried), judged + len(made.judged)
    assert carried > judged / 10
    assert judged > 0


TEXTS = (
    "#### {n}", "The answer is \\boxed{{{n}}}.", "So x = 2.\nThe answer is {n}.", "{n}", "First 3\nit is {n} apples",
    "No idea", "\\boxed{{\\frac{{{n}}}{{1}}}}", "answer: x^2 + {n}", "#### {n} and a half", "\\boxed{{\\sqrt{{9}}+{n}}}",
)  # fmt: skip


def test_the_real_verifiers_with_a_rule_of_another_version() -> None:
    rows = []
    for number in range(60):
        problem = Problem(f"How many? ({number})", str(number % 9))
        text = TEXTS[number % len(TEXTS)].format(n=number % 9 if number % 3 else number % 9 + 1)
        rows.append((problem, Completion(f"c{number}", problem.prompt_id, "t", "m", "d", "curate", 0, 0, text, "stop")))
    with NumberVerifier() as number_verifier, MathVerifier(workers=1) as math_verifier:
        old: list[Any] = [number_verifier, math_verifier]
        stored = everything(old, rows, (PLAIN,))
        for bumped, share in (("unequal", 0.5), ("library-confirmed", 0.7), ("tail", 0.35), ("hash", 0.0)):
            new = [_bumped(part, bumped) for part in old]
            seats = [seat(*pair, stored) for pair in zip(old, new, strict=True)]
            made = renew(seats, (PLAIN,), rows, stored, {one.new: Counts() for one in seats})
            assert _timeless(made.verdicts) == _timeless(everything(new, rows, (PLAIN,))), bumped
            there = len(rows) + len([said for said in stored.values() if len(said) == 2])
            assert len(made.judged) <= (1 - share) * there, (bumped, len(made.judged), there)


def _bumped(part: Any, rule: str) -> Any:
    """The same verifier with the next version of one rule, as its maker would write it."""
    if rule not in dict(part.rules):
        return part
    rules = tuple((name, f"{version}-next" if name == rule else version) for name, version in part.rules)
    before, after = (digest128([list(one) for one in listed])[:8] for listed in (part.rules, rules))
    assert before in part.version
    found = copy(part)
    found.rules, found.version = rules, part.version.replace(before, after)
    return found


def _timeless(verdicts: dict[Any, dict[Any, Verdict]]) -> dict[Any, Any]:
    return {pair: {key: replace(v, seconds=None) for key, v in said.items()} for pair, said in verdicts.items()}


def test_nothing_is_judged_twice_when_some_of_it_is_there() -> None:
    rows = items(40)
    old, new = Staged(ANSWERS, COMPARES), Staged(ANSWERS, [("same", "2"), *COMPARES[1:]])
    stored = everything([old], rows, (PLAIN,))
    seats = [seat(old, new, stored)]
    first = renew(seats, (PLAIN,), rows, stored, {seats[0].new: Counts()})
    there = {pair: dict(said) for pair, said in stored.items()}
    for verdict in first.judged:
        there[verdict.completion_id, verdict.problem_id][verdict.verifier, verdict.version] = verdict
    counts = {seats[0].new: Counts()}
    again = renew(seats, (PLAIN,), rows, there, counts)
    assert again.verdicts == first.verdicts
    assert (again.judged, counts[seats[0].new].stored) == ([], len(first.judged))
    assert len(first.judged) > 0
    assert len(again.carried) == len(first.carried) > 0
