"""What a change of rules reaches, and that judging only this again gives what judging everything gives."""

import random
from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from typing import Any

import pytest

from rollmill.flows.rejudging.reverify_verdicts import (
    CarriedSample,
    ChainEntry,
    VerdictCounts,
    VerifierChange,
    renew,
    residue,
    rules_tried,
)
from rollmill.ground.ids import digest128
from rollmill.ground.records import Completion, Problem, Verdict
from rollmill.pipelines.verify.acceptance import PLAIN, POLICIES, Policy
from rollmill.pipelines.verify.judging import item_pair, judge
from rollmill.pipelines.verify.mathematics import MathVerifier
from rollmill.pipelines.verify.number import NumberVerifier
from tests.flows.rejudging.staged import Staged

ANSWERS = [("hash", "1"), ("boxed", "1"), ("phrase", "1"), ("tail", "1")]
COMPARES = [("same", "1"), ("number", "1"), ("list", "1"), ("library", "1")]
POLICY: list[tuple[Policy, ...]] = [(PLAIN,), (POLICIES["all_of"](),), (PLAIN, POLICIES["majority"]())]


def items(count: int) -> list[tuple[Problem, Completion]]:
    rollouts = []
    for number in range(count):
        problem = Problem(f"prompt {number // 4}", str(number % 7))
        text = f"text {number}"
        rollouts.append((problem, Completion(f"c{number}", problem.prompt_id, "t", "m", "d", "curate", 0, 0, text, "stop")))
    return rollouts


def mutated(rng: random.Random, rules: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """One to three changes: another version, a rule gone, a new one, two in another order."""
    changed = list(rules)
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(changed)) if changed else 0
        kind = rng.choice(["version", "version", "gone", "new", "order"])
        if kind == "version" and changed:
            changed[at] = (changed[at][0], str(int(changed[at][1]) + 1))
        elif kind == "gone" and len(changed) > 1:
            del changed[at]
        elif kind == "new":
            changed.insert(at, (f"new{rng.randrange(1000)}", "1"))
        elif kind == "order" and len(changed) > 1:
            changed.insert(rng.randrange(len(changed)), changed.pop(at))
    return changed


def everything(chain: Sequence[Staged], rows: Sequence[Any], policies: Sequence[Policy]) -> dict[Any, Any]:
    """Every verdict of a full judging, by row and (verifier, version)."""
    by_pair: dict[Any, Any] = {item_pair(row): {} for row in rows}
    for verdict in judge(chain, rows, {}, policies):
        by_pair[verdict.completion_id, verdict.problem_id][verdict.verifier, verdict.version] = verdict
    return by_pair


def entry(old: Staged, new: Staged, stored: dict[Any, dict[Any, Verdict]]) -> ChainEntry:
    seen = [said[old.name, old.version].rule for said in stored.values() if (old.name, old.version) in said]
    before, after = (old.name, old.version), (new.name, new.version)
    change = VerifierChange(
        name=new.name,
        old=old.version,
        new=new.version,
        old_rules=old.rules,
        new_rules=new.rules,
        extraction=frozenset(rule.split(":")[0] for rule in seen if ":" in rule),
    )
    return ChainEntry(before, after, None if before == after else change, new)


@pytest.mark.integration
@pytest.mark.parametrize("policies", POLICY, ids=["chain", "all_of", "both"])
def test_the_result_equals_a_full_rerun(policies: tuple[Policy, ...]) -> None:
    rows, carried, judged = items(120), 0, 0
    for seed in range(60):
        rng = random.Random(f"{seed}{policies}")
        answers, compares = rng.sample(ANSWERS, rng.randint(0, 4)), rng.sample(COMPARES, rng.randint(1, 4))
        old = [Staged(answers, compares, name="first"), Staged(ANSWERS[:2], COMPARES, name="second")]
        new = [replace(part, answers=part.answers, compares=mutated(rng, part.compares)) for part in old]
        new = [replace(part, answers=mutated(rng, part.answers)) if rng.random() < 0.5 else part for part in new]
        stored = everything(old, rows, policies)
        chain = [entry(*pair, stored) for pair in zip(old, new, strict=True)]
        counts = {link.new: VerdictCounts() for link in chain}
        renewed = renew(chain, policies, rows, stored, counts)
        assert renewed.verdicts == everything(new, rows, policies), seed
        assert len(renewed.carried) == sum(count.carried for count in counts.values())
        carried, judged = carried + len(renewed.carried), judged + len(renewed.judged)
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
            chain = [entry(*pair, stored) for pair in zip(old, new, strict=True)]
            renewed = renew(chain, (PLAIN,), rows, stored, {link.new: VerdictCounts() for link in chain})
            assert _timeless(renewed.verdicts) == _timeless(everything(new, rows, (PLAIN,))), bumped
            there = len(rows) + len([said for said in stored.values() if len(said) == 2])
            assert len(renewed.judged) <= (1 - share) * there, (bumped, len(renewed.judged), there)


def _bumped(part: Any, rule: str) -> Any:
    """The same verifier with the next version of one rule, as its maker would write it."""
    if rule not in dict(part.rules):
        return part
    rules = tuple((name, f"{version}-next" if name == rule else version) for name, version in part.rules)
    before, after = (digest128([list(rule) for rule in listed])[:8] for listed in (part.rules, rules))
    assert before in part.version
    chain_part = copy(part)
    chain_part.rules, chain_part.version = rules, part.version.replace(before, after)
    return chain_part


def _timeless(verdicts: dict[Any, dict[Any, Verdict]]) -> dict[Any, Any]:
    return {pair: {key: replace(v, seconds=None) for key, v in said.items()} for pair, said in verdicts.items()}


def test_nothing_is_judged_twice_when_some_of_it_is_there() -> None:
    rows = items(40)
    old, new = Staged(ANSWERS, COMPARES), Staged(ANSWERS, [("same", "2"), *COMPARES[1:]])
    stored = everything([old], rows, (PLAIN,))
    chain = [entry(old, new, stored)]
    first = renew(chain, (PLAIN,), rows, stored, {chain[0].new: VerdictCounts()})
    there = {pair: dict(said) for pair, said in stored.items()}
    for verdict in first.judged:
        there[verdict.completion_id, verdict.problem_id][verdict.verifier, verdict.version] = verdict
    counts = {chain[0].new: VerdictCounts()}
    again = renew(chain, (PLAIN,), rows, there, counts)
    assert again.verdicts == first.verdicts
    assert (again.judged, counts[chain[0].new].stored) == ([], len(first.judged))
    assert len(first.judged) > 0
    assert len(again.carried) == len(first.carried) > 0


RULES = (("hash", "1"), ("boxed", "1"), ("tail", "1"), ("nothing", "1"), ("same", "1"), ("number", "1"))
STAGE = ("hash", "boxed", "tail")


def change(new_rules: Any, **options: Any) -> VerifierChange:
    given = {"extraction": STAGE, "old_rules": RULES, "old": "1", "new": "2", **options}
    return VerifierChange(name="v", new_rules=new_rules, **given)


def bumped(name: str) -> tuple[tuple[str, str], ...]:
    return tuple((rule, "2" if rule == name else version) for rule, version in RULES)


def verdict(rule: str, outcome: Any = "correct", cause: str | None = None) -> Verdict:
    return Verdict("c", "p", "v", "1", outcome, rule, cause)


BOTH = [f"{first}:{second}" for first in STAGE for second in ("same", "number")]


@pytest.mark.parametrize(
    ("new", "holds"),
    [
        (bumped("hash"), []),
        (bumped("boxed"), ["hash:same", "hash:number"]),
        (bumped("tail"), ["hash:same", "hash:number", "boxed:same", "boxed:number"]),
        (bumped("nothing"), []),
        (bumped("same"), ["nothing"]),
        (bumped("number"), ["hash:same", "boxed:same", "tail:same", "nothing"]),
        (
            (*RULES, ("last", "1")),
            [*BOTH, "nothing"],
        ),
        ((("first", "1"), *RULES), []),
        (tuple(rule for rule in RULES if rule[0] != "hash"), []),
        ((RULES[1], RULES[0], *RULES[2:]), []),
    ],
)
def test_what_a_change_cannot_reach_holds(new: Any, holds: list[str]) -> None:
    every = [*BOTH, "nothing"]
    assert [rule for rule in every if change(new).holds(verdict(rule))] == sorted(holds, key=every.index)


@pytest.mark.parametrize("rule", ["verifier_raised", "boxed:worker", "a:b:c", "same:boxed", "", ":same"])
def test_a_rule_that_cannot_be_placed_is_judged_again(rule: str) -> None:
    assert rules_tried(rule, RULES, STAGE) is None
    assert not change(bumped("number")).holds(verdict(rule))


def test_a_name_that_stands_twice_cannot_be_placed() -> None:
    assert rules_tried("same", (*RULES, ("same", "2")), STAGE) is None


def test_what_lacked_resources_is_judged_again() -> None:
    new = bumped("number")
    assert change(new).holds(verdict("hash:same", outcome="undecided", cause="no such notation"))
    assert not change(new).holds(verdict("hash:same", outcome="undecided", cause="cpu_limit"))


def test_without_a_known_stage_all_earlier_rules_were_tried() -> None:
    assert not change(bumped("tail"), extraction=()).holds(verdict("boxed:same"))
    assert change(bumped("number"), extraction=()).holds(verdict("boxed:same"))


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"old_rules": ()}, "version 1 names no rules"),
        ({"new": "3", "new_rules": ()}, "version 3 names no rules"),
        ({"new_rules": RULES}, "no rule changed, so something else did"),
        ({"options_differ": True}, "its options in the recipe changed"),
    ],
)
def test_where_rules_cannot_tell_everything_is_judged_again(options: dict[str, Any], why: str) -> None:
    given: dict[str, Any] = {"new": "2", "new_rules": bumped("number"), "old_rules": RULES, "extraction": STAGE, **options}
    change = VerifierChange(name="v", old="1", **given)
    assert change.whole == why
    assert not change.holds(verdict("hash:same"))


def test_a_library_that_changed_beside_the_rules_is_seen_in_the_version() -> None:
    def digest(rules: Any) -> str:
        return digest128([list(rule) for rule in rules])[:8]

    new = bumped("number")
    old_version, new_version = f"2+rules.{digest(RULES)}+sympy-1.13", f"2+rules.{digest(new)}+sympy-1.13"
    assert change(new, old=old_version, new=new_version).whole is None
    assert change(new, old=old_version, new=new_version.replace("1.13", "1.14")).whole == "more than its rules changed"
    listed = "+".join(f"{name}.{version}" for name, version in RULES)
    assert residue(f"{listed}+dialect=2020", RULES) == "dialect=2020"
    assert change(new, old=f"{listed}+mode=a", new="+".join(f"{n}.{v}" for n, v in new) + "+mode=b").whole is not None


def test_the_changed_rules_are_named() -> None:
    assert change((*bumped("same")[:-1], ("last", "1"))).changed == ["same", "number", "last"]


def test_a_carried_verdict_is_checked_by_its_conclusion_and_not_by_its_evidence() -> None:
    verifier = NumberVerifier()
    sample, rows = CarriedSample(8), items(4)
    key = (verifier.name, verifier.version)
    verdicts = [replace(verdict, seconds=9.0, evidence='{"host":"other"}') for verdict in verifier.verify_many(rows)]
    sample.offer([*verdicts[:-1], replace(verdicts[-1], rule="another")], rows)
    report = sample.check([ChainEntry(key, key, None, verifier)])
    assert (report["checked"], report["untrue"]) == (4, 1)
