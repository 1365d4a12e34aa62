"""Which stored verdicts a change of rules leaves standing, and when nothing can be told."""

from typing import Any

import pytest

from flows.rejudging.reverify_rules import Change, residue, tried
from storage.ids import digest128
from storage.records import Verdict

RULES = (("hash", "1"), ("boxed", "1"), ("tail", "1"), ("nothing", "1"), ("same", "1"), ("number", "1"))
STAGE = ("hash", "boxed", "tail")


def change(new_rules: Any, **options: Any) -> Change:
    given = {"extraction": STAGE, "old_rules": RULES, "old": "1", "new": "2", **options}
    return Change(name="v", new_rules=new_rules, **given)


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
    assert tried(rule, RULES, STAGE) is None
    assert not change(bumped("number")).holds(verdict(rule))


def test_a_name_that_stands_twice_cannot_be_placed() -> None:
    assert tried("same", (*RULES, ("same", "2")), STAGE) is None


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
    found = Change(name="v", old="1", **given)
    assert found.whole == why
    assert not found.holds(verdict("hash:same"))


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
