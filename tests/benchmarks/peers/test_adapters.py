"""What adapters share, without any peer: the program in a completion, verdicts from booleans, a missing environment."""

import pytest

from benchmarks.peers.environment import peers_python
from benchmarks.peers.verdicts import program, verdict_of
from rollmill.ground.records import Completion, Problem


def test_the_last_fenced_block_is_the_program() -> None:
    text = "First:\n```python\ndef f():\n    return 1\n```\nBetter:\n```\ndef f():\n    return 2\n```\nDone."
    assert program(text, "f") == ("def f():\n    return 2\n", True)


def test_a_body_continues_its_prompt_and_a_function_stands_alone() -> None:
    assert program("    return f(1)\n", "f") == ("    return f(1)\n", False)
    assert program("def f():\n    return 1\n", "f") == ("def f():\n    return 1\n", True)
    assert program("f = abs", "f")[1]


def test_a_bool_is_correct_or_incorrect() -> None:
    problem = Problem("How many?", "7")
    completion = Completion("c", "p", "e", "m", "", "curate", 0, None, "7", "stop")
    outcomes = [verdict_of(problem, completion, ("peer", "1"), value).outcome for value in (True, False, "undecided")]
    assert outcomes == ["correct", "incorrect", "undecided"]
    assert verdict_of(problem, completion, ("peer", "1"), outcome="unparsed", rule="why").rule == "why"


def test_a_missing_environment_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLMILL_PEERS", "nowhere/bin/python")
    with pytest.raises(SystemExit, match=r"no peers at nowhere/bin/python. Next: make peers"):
        peers_python()
