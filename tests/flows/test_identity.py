"""What may have changed of an unfinished run that goes on by itself, and how the rest is told."""

from typing import Any

from rollmill.flows.identity import differences, imports_alone_changed

BEFORE: dict[str, Any] = {
    "problems": "p1",
    "imported": "i1",
    "verifiers": [["number", "2"], ["votes", "text.1+votes.2+of=grade.score+least=4+plan=aaaaaaaaaaaa"]],
    "budget": ["fixed", "1"],
}


def now(**parts: Any) -> dict[str, Any]:
    return {**BEFORE, **parts}


def votes(version: str, number: str = "2") -> list[list[str]]:
    return [["number", number], ["votes", version]]


PLANNED_ANEW = votes("text.1+votes.2+of=grade.score+least=4+plan=bbbbbbbbbbbb")


def test_more_rollouts_alone_are_no_other_run_to_be_asked_about() -> None:
    assert imports_alone_changed(BEFORE, now(imported="i2"))
    assert imports_alone_changed(BEFORE, now(imported="i2", verifiers=PLANNED_ANEW))
    assert imports_alone_changed(BEFORE, now(imported="i2", problems="p2", verifiers=PLANNED_ANEW))


def test_whatever_else_changed_is_asked_about() -> None:
    assert not imports_alone_changed(BEFORE, now(problems="p2")), "a reference was repaired"
    assert not imports_alone_changed(BEFORE, now(verifiers=PLANNED_ANEW)), "something in the plan changed that is no import"
    assert not imports_alone_changed(BEFORE, now(imported="i2", budget=["fixed", "2"]))
    assert not imports_alone_changed(BEFORE, now(imported="i2", verifiers=votes(BEFORE["verifiers"][1][1], number="3")))
    read_otherwise = "text.1+votes.2+of=grade.score+least=5+plan=bbbbbbbbbbbb"
    assert not imports_alone_changed(BEFORE, now(imported="i2", verifiers=votes(read_otherwise)))
    assert not imports_alone_changed(BEFORE, now(imported="i2", verifiers=[["number", "2"]]))


def test_what_changed_is_told_and_nothing_else() -> None:
    assert differences(BEFORE, now(verifiers=PLANNED_ANEW)) == {
        "verifiers": "verifiers was votes plan=aaaaaaaaaaaa, is votes plan=bbbbbbbbbbbb"
    }
    assert differences(BEFORE, now(budget=["fixed", "2"], verifiers=[["number", "2"]])) == {
        "verifiers": "verifiers was votes text.1+votes.2+of=grade.score+least=4+plan=aaaaaaaaaaaa, is without it",
        "budget": "budget was fixed 1, is fixed 2",
    }
    before = {**BEFORE, "examples": "e1"}
    assert differences(before, now()) == {"examples": "examples was e1, is None"}
    assert not imports_alone_changed(before, now(imported="i2"))
