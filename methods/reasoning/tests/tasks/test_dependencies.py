"""Functions by external names: rates fall with their number where the context is withheld, and not where it is given."""

import random
import re
from collections import defaultdict

import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Completion, Problem
from rollmill.pipelines.verify.code.code_verifier import CodeVerifier
from rollmill_reasoning.tasks.dependencies import Dependencies

EFFECT = re.compile(r"the (\w+ \w+?)(?: of n)?(?:,| and |\.)")


def reader(problem: Problem, rng: random.Random) -> str:
    """A program of somebody who reads definitions, and guesses a constant for each effect that is not defined."""
    prompt, _, task = str(problem.prompt).rpartition("Write the Python function")
    known = {words: f"{name}(n)" for name, words in re.findall(r'def (\w+)\(n\):\n    """The (\w+ \w+) of n\."""', prompt)}
    known |= {words: name for name, words in re.findall(r"(\w+) = \d+  # the (\w+ \w+)\n", prompt)}
    factor, added = re.findall(r"(\d+) times n(?:,| and) (\d+)", task)[0]
    effects = [known.get(words) or str(rng.choice((0, 1, 2))) for words in EFFECT.findall(task)]
    return f"def total(n):\n    return {' + '.join([f'{factor} * n', added, *effects])}\n"


def said(text: str) -> Completion:
    return Completion("c", "p", "e", "m", "", "curate", 0, None, text, "stop")


def passes(problem: Problem, program: str) -> bool:
    """The tests in this process, with the project set up before them."""
    space: dict[str, object] = {}
    exec(f"{problem.meta['project_code']}\n\n{program}", space)
    try:
        exec("\n".join(problem.tests), space)
    except AssertionError:
        return False
    return True


def test_own_solutions_pass_and_need_every_name() -> None:
    for problem in Dependencies().synthesize(66, 3):
        assert passes(problem, problem.reference)
        for name in re.findall(r"^(?:def )?(\w+)(?:\(n\):| = )", str(problem.meta["project_code"]), re.MULTILINE):
            assert name in problem.reference
            without = re.sub(rf" \+ {name}(\(n\))?", "", problem.reference)
            assert not passes(problem, without)


def test_a_function_is_asked_with_and_without_its_context() -> None:
    rows = list(Dependencies(names=(2,)).synthesize(4, 1))
    assert [row.meta["context"] for row in rows] == ["given", "withheld"] * 2
    given, withheld = rows[:2]
    assert str(given.prompt).endswith(str(withheld.prompt))
    assert (given.tests, given.reference, given.level) == (withheld.tests, withheld.reference, 3)
    assert not any(name in str(withheld.prompt) for name in re.findall(r"(\w+)\(n\)", given.reference) if name != "total")
    alone = list(Dependencies(names=(0,)).synthesize(3, 1))
    assert [(row.meta["context"], row.level) for row in alone] == [("none", 1)] * 3


def test_rates_fall_with_the_level_where_context_is_withheld_and_recover_where_it_is_given() -> None:
    rng, right = random.Random(0), defaultdict(list)
    for problem in Dependencies().synthesize(440, 5):
        right[problem.meta["context"], problem.meta["dependencies"]].append(passes(problem, reader(problem, rng)))
    rates = {key: sum(values) / len(values) for key, values in right.items()}
    assert rates["none", 0] == 1.0
    assert all(rates["given", level] == 1.0 for level in range(1, 6))
    assert rates["withheld", 1] < 0.2
    assert [rates["withheld", level] for level in range(2, 6)] == pytest.approx([0.0] * 4, abs=0.05)


@pytest.mark.sandbox
def test_the_verifier_sets_the_project_up() -> None:
    given, withheld = Dependencies(names=(3,)).synthesize(2, 1)
    wrong = said("```python\ndef total(n):\n    return n\n```")
    with CodeVerifier(sandbox="shared") as verifier:
        for problem in (given, withheld):
            right = said(f"```python\n{problem.reference}```")
            verdicts = list(verifier.verify_many([(problem, right), (problem, wrong)]))
            assert [verdict.outcome for verdict in verdicts] == ["correct", "incorrect"]


@pytest.mark.parametrize("options", [{"names": (6,)}, {"names": ()}, {"context": ("hidden",)}, {"split": "test"}])
def test_options_are_checked(options: dict[str, object]) -> None:
    with pytest.raises(SetupError):
        Dependencies(**options)  # type: ignore[arg-type]
