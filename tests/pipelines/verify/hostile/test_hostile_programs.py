"""Programs made to hurt the verifiers that read or run them: nested deeply, or with values that no JSON holds."""

import json
from collections.abc import Iterator

import pytest

from rollmill.ground.records import Completion, Problem
from rollmill.pipelines.synthesize.derived.written.abstractions import Abstractions
from rollmill.pipelines.synthesize.sources import Source, SourceRollout
from rollmill.pipelines.verify import VERIFIERS
from rollmill.pipelines.verify.code.mutants import mutants
from rollmill.pipelines.verify.code.syntax import syntax_tree, written
from rollmill.pipelines.verify.functional.tool import ToolVerifier
from rollmill.roles.protocols import Verifier

VALUES = (
    "10 ** 5000", "-(10 ** 9000)", "{10 ** 5000: 10 ** 5000}", "[[10 ** 5000, chr(0xD800)]]", "float('nan')", "chr(0xD800)",
    "{1, 2}", "{1: 2, 'a': 3}", "{(1, 2): 3}", "b'x'", "1j", "object()", "'9' * 30_000",
    "__import__('functools').reduce(lambda inner, _: [inner], range(98), [])",
)  # fmt: skip
SOURCES = ("x" + ".y" * 900, "1" + " + 1" * 900, "0x" + "f" * 50_000, "not " * 900 + "1", "x" + "[0]" * 900)
ASKED = {
    "abstraction": Problem("Twice 2?", "4", meta={"solution": "2 * 2 = 4"}),
    "classes": Problem("Write A.", "", "code", meta={"classes": {"A": {"bases": ["B"], "attributes": ["x"]}}}),
    "code": Problem("Write f.", "", "code", ("assert f(3) == 'four'",), meta={"entry_point": "f"}),
    "code_behaviour": Problem("Write f.", "", "code", ("assert f(3) == 'four'",), meta={"entry_point": "f"}),
    "counterexample": Problem(
        "Which input breaks it?",
        "def f(n): return n",
        "code",
        ('{"suspect": "def f(n): return n + n // 13", "validator": "def valid(n): return n == 7", "entry_point": "f"}',),
    ),
    "state_prefix": Problem("How much?", "18", meta={"solution": "x = 16 - 7\nanswer = x * 2"}),
    "tool": Problem("Twice 2?", "4"),
}
FORMS = {
    "abstraction": "original = {'n': 2}\ndef sample(seed):\n    return {'n': VALUE, 's': seed}\n"
    "def render(params):\n    return 'Twice ' + str(params['s'])\ndef solve(params):\n    return params['s']\n",
    "classes": "class A(VALUE):\n    pass\n",
    "code": "def f(x):\n    return VALUE\n",
    "code_behaviour": "def f(x):\n    return VALUE\n",
    "counterexample": "def generate():\n    return VALUE\n",
    "state_prefix": "x = VALUE\nanswer = x\n",
    "tool": "def f(n):\n    return VALUE\nprint(f(2))\n",
}
MORE = {
    "abstraction": (
        FORMS["abstraction"].replace("VALUE", "seed").replace("return params['s']", "return 10 ** 5000 + params['s']"),
        FORMS["abstraction"].replace("VALUE", "seed").replace("'Twice ' +", "chr(0xD800) +"),
        FORMS["abstraction"].replace("VALUE", "seed").replace("str(params['s'])", "'7' * 5_000 + str(params['s'])"),
    ),
    "code": ("raise Exception(chr(0xD800) * 9)\n", "def f(x):\n    raise ValueError(chr(0xD800) * 10_000)\n"),
    "code_behaviour": ("raise SystemExit(chr(0xD800))\n", "def f(x):\n    raise KeyError(10 ** 5000)\n"),
}


def params() -> list[object]:
    return [pytest.param(name, marks=[] if name == "classes" else [pytest.mark.sandbox]) for name in sorted(ASKED)]


@pytest.fixture(scope="module", params=params())
def verifier(request: pytest.FixtureRequest) -> Iterator[Verifier]:
    chosen = VERIFIERS[request.param](**({} if request.param == "classes" else {"workers": 1}))
    yield chosen
    chosen.close()


def said(source: str) -> Completion:
    return Completion("c", "p", "e", "m", "", "curate", 0, None, f"```python\n{source}```", "stop")


def test_hostile_programs_are_verdicts(verifier: Verifier) -> None:
    form = FORMS[verifier.name]
    values = SOURCES if verifier.name == "classes" else (*VALUES, *SOURCES)
    for source in (*(form.replace("VALUE", value) for value in values), *MORE.get(verifier.name, ())):
        verdict = verifier.verify(ASKED[verifier.name], said(source))
        assert verdict.outcome in ("incorrect", "unparsed", "undecided"), source[:80]
        if verdict.evidence is not None:
            json.loads(verdict.evidence.encode("utf-8"))


def test_a_part_that_is_nested_too_deeply_is_not_written_and_not_changed() -> None:
    deep = syntax_tree(f"def f(x):\n    return {SOURCES[1]}\n")
    assert written(deep) is None
    assert written(syntax_tree(f"x = {SOURCES[2]}")) is None
    assert written(syntax_tree("x=1")) == "x = 1"
    with pytest.raises(ValueError, match="nested too deeply"):
        list(mutants(f"def f(x):\n    return x{'.y' * 1_500}\n"))


@pytest.mark.sandbox
@pytest.mark.parametrize("source", [FORMS["abstraction"].replace("VALUE", value) for value in VALUES[4:8]])
def test_no_problem_is_made_of_an_instance_that_no_problem_can_hold(source: str) -> None:
    problem = ASKED["abstraction"]
    rollout = SourceRollout(problem.id, "c", "efa", f"```python\n{source}```", "correct", None, kept=True, measured=True)
    made = Abstractions(source=Source("efa@v1-0", "0" * 64, (problem,), lambda: iter([rollout])))
    assert list(made.synthesize(4, 1)) == []


@pytest.mark.sandbox
def test_a_tool_that_counts_its_calls_is_not_general() -> None:
    counting = "calls = []\ndef f(n):\n    calls.append(n)\n    return 4 if len(calls) == 1 else len(calls)\nprint(f(2))\n"
    with ToolVerifier(workers=1) as verifier:
        verdict = verifier.verify(ASKED["tool"], said(counting))
        assert (verdict.outcome, verdict.rule, verdict.value) == ("incorrect", "general", 0.5)
        right = verifier.verify(ASKED["tool"], said("def f(n):\n    return n * 2\nprint(f(2))\n"))
        assert (right.outcome, right.rule) == ("correct", "general")
