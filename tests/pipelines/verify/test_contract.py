"""What every verifier owes, whichever method it is: one row per name of the registry, and a verifier without one fails.

What verifiers of numbers and formulas owe besides is in `test_contract_answers.py`.
"""

import json
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.ids import canonical_json
from rollmill.ground.records import OUTCOMES, Completion, Problem
from rollmill.pipelines.generate.direct import DirectSampler
from rollmill.pipelines.verify import verify
from rollmill.roles.protocols import ExplainsRules, RuledVerifier, Verifier, Vote
from rollmill.roles.registries import registry
from tests.pipelines.verify.judged.toy_judge import ToyJudge


@dataclass(frozen=True)
class Row:
    """A problem with a right completion, a wrong one, and texts that give no answer."""

    problem: Problem
    right: str
    wrong: str
    none: tuple[str, ...] = ("", "  \n")
    options: Mapping[str, Any] = field(default_factory=dict)
    sandbox: bool = False
    many: int = 1_500
    """How many completions the test of order asks for; fewer where one costs a process."""
    hostile_may_be_right: bool = False
    """Whether it judges the form of a text alone, so that a hostile text of that form is right."""


CITIES = Problem("The capital of France?\nA) Lyon\nB) Paris\nC) Nice", "B")
SCHEMA = Problem("As JSON?", "", "json", tests=('{"type": "object", "required": ["a"]}',))

ADD = Problem('def add(a, b):\n    """Add."""\n', "", "code", ("assert add(1, 2) == 3",), meta={"entry_point": "add"})

COUNTER = Problem("Write Counter.", "", "code", meta={"classes": {"Counter": {"attributes": ["x"]}}})
SHAPE = Problem("Write.", "", "instructions", tests=('{"id": "words", "exactly": 3}', '{"id": "lower_case"}'))
LINEAR = '{{"sense": "max", "variables": {{"x": {{"upper": {}}}}}, "objective": {{"x": 1}}}}'
BROKEN = '{"suspect": "def f(n): return n + n // 13", "validator": "def valid(n): return n >= 0", "entry_point": "f"}'
BREAK = Problem("Which input breaks it?", "def f(n): return n", "code", (BROKEN,))
WORKED = Problem("How much?", "18", meta={"solution": "16 - 7 = 9\n9 * 2 = 18"})
HEXADECIMAL = Problem("2748 in hexadecimal?", "2748", tests=('{"back": "def back(text): return str(int(text, 16))"}',))

TRUTH = Problem("Prove it.", "", "proof", ('{"statement": "1 = 1"}',))

POEM = Problem("A poem about rain?", "")
EVEN = Problem("For every n from 1 to 9, n is even.", "FALSE, n = 1", tests=('{"counterexamples": [1, 3, 5, 7, 9]}',))
JUDGED = {"judgements": "judgements.csv", "recipe_folder": str(Path(__file__).parent)}


class Rain:
    """Votes for what rains."""

    def on(self, items: Sequence[tuple[Problem, Completion]]) -> Sequence[Sequence[Vote]]:
        return [[Vote("grade", {"ok": "yes" if said.text == "It rains." else "no"})] for _, said in items]


PARTS = {"verifiers": [{"method": "number"}, {"method": "exact", "options": {"answer": "final"}}]}

VARIANTS = """import random
original = {"n": 2}
def sample(seed):
    return {"n": random.Random(seed).randint(3, 999)}
def render(params):
    return f"Twice {params['n']}?"
def solve(params):
    return 2 * params["n"]
"""
TOOL = "def twice(n):\n    return n * 2\nprint(twice(2))"

ROWS: dict[str, Row] = {
    "abstraction": Row(
        Problem("Twice 2?", "4"),
        f"```python\n{VARIANTS}```",
        f"```python\n{VARIANTS.replace('2 * p', '3 * p')}```",
        ("", "I do not know."),
        sandbox=True,
        many=10,
    ),
    "all_of": Row(Problem("How many?", "7"), "\\boxed{7}", "\\boxed{8}", options=PARTS),
    "any_of": Row(Problem("How many?", "7"), "\\boxed{7.0}", "\\boxed{8}", options=PARTS),
    "choice": Row(CITIES, "The answer is (B).", "The answer is (C).", ("", "I do not know.", "A or B")),
    "classes": Row(COUNTER, "class Counter:\n    x = 0\n", "class Counter:\n    y = 0\n", ("", "I do not know.")),
    "code": Row(ADD, "    return a + b\n", "    return a - b\n", ("", " \n", "I do not know."), sandbox=True, many=60),
    "code_behaviour": Row(ADD, "    return a + b\n", "    return a - b\n", ("", "I do not know."), sandbox=True, many=20),
    "constraints": Row(SHAPE, "one two three", "one two"),
    "counterexample": Row(BREAK, "```\n[13]\n```", "```\n[12]\n```", ("", "I do not know."), sandbox=True, many=20),
    "exact": Row(Problem("Capital?", "Paris"), "Paris", "Lyon"),
    "judge": Row(Problem("How many?", "7"), "7", "8", options={"sampler": DirectSampler(ToyJudge())}),
    "json_schema": Row(SCHEMA, '{"a": 1}', '{"b": 1}', ("", "no JSON here")),
    "math": Row(Problem("How many?", "7"), "\\boxed{7}", "\\boxed{8}"),
    "number": Row(Problem("How many?", "7"), "\\boxed{7}", "\\boxed{8}"),
    "optimization": Row(Problem("Most of x?", "4"), LINEAR.format(4), LINEAR.format(5), ("", "It is 4.")),
    "person": Row(POEM, "It rains.", "It snows.", options=JUDGED),
    "proof": Row(TRUTH, "reflexivity.", "discriminate.", ("", " \n", "I cannot."), sandbox=True, many=6),
    "regex": Row(Problem("A year?", r"\d{4}"), "2024", "24"),
    "roundtrip": Row(HEXADECIMAL, "```\nabc\n```", "```\nabd\n```", sandbox=True, many=20),
    "state_prefix": Row(WORKED, "16 - 7 = 9\n9 * 2 = 18", "16 - 7 = 9\n9 + 2 = 11", ("", " \n", "18, I think.")),
    "tool": Row(Problem("Twice 2?", "4"), TOOL, TOOL.replace("* 2", "* 3"), ("", "I do not know."), sandbox=True, many=20),
    "votes": Row(POEM, "It rains.", "It snows.", options={"of": "grade.ok", "says": ["yes"], "least": 0.5, "cast": Rain()}),
    "witness": Row(EVEN, "FALSE, n = 3", "FALSE, n = 4", ("", "I do not know.")),
}

VERIFIERS = registry("verifier")
ROWS = {name: row for name, row in ROWS.items() if name in VERIFIERS}  # methods/ may be absent

HOSTILE = (
    "", " ", "\x00", "\ud800\udfff", "9" * 1_000_000, "{" * 10_000, "\\boxed{" * 3_000, "None", "\n" * 20_000 + "x",
    "\\boxed{10**10**10}", "\\boxed{__import__('os').system('touch pwned')}", "answer " * 5_000, "[" * 100_000,
    '{"a":' * 20_000, "a" * 100_000 + "!", "```json\n" * 5_000, "VERDICT: correct\n" * 3, "(A) or (B)", "(" * 50_000,
    "\u202e\u200b" * 500, "1e999999999", "[1" + "0" * 10_000 + "]", '"' * 9_999, "<<" * 5_000, "*" * 20_001,
)  # fmt: skip


def params() -> list[Any]:
    return [pytest.param(name, marks=[pytest.mark.sandbox] if ROWS[name].sandbox else []) for name in sorted(ROWS)]


@pytest.fixture(scope="module", params=params())
def name(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen


@pytest.fixture(scope="module")
def verifier(name: str) -> Iterator[Verifier]:
    chosen = VERIFIERS[name](**ROWS[name].options)
    yield chosen
    chosen.close()


@pytest.fixture
def row(name: str) -> Row:
    return ROWS[name]


def said(text: str, name: str = "c") -> Completion:
    return Completion(name, "p", "e", "m", "", "curate", 0, None, text, "stop")


def test_every_verifier_has_a_row() -> None:
    assert sorted(VERIFIERS) == sorted(ROWS)


def test_it_names_itself_and_its_version(name: str, verifier: Verifier, row: Row) -> None:
    assert (verifier.name, VERIFIERS[name]) == (name, type(verifier))
    assert isinstance(verifier.version, str)
    assert verifier.version
    again = VERIFIERS[name](**row.options)
    assert again.version == verifier.version
    again.close()


def test_its_rules_are_named_once_with_a_version_each(verifier: Verifier) -> None:
    rules = getattr(verifier, "rules", (("whole", "1"),))
    assert rules
    assert len({rule for rule, _ in rules}) == len(rules)
    assert all(isinstance(rule, str) and isinstance(version, str) and rule and version for rule, version in rules)


def test_each_of_its_rules_has_plain_words(verifier: Verifier) -> None:
    assert isinstance(verifier, RuledVerifier)
    assert isinstance(verifier, ExplainsRules)
    for rule, _ in verifier.rules or ():
        words = verifier.words[rule]
        assert words
        assert not words[0].isupper()
        assert not words.endswith(".")


def test_right_wrong_and_no_answer(verifier: Verifier, row: Row) -> None:
    assert verifier.verify(row.problem, said(row.right)).outcome == "correct"
    assert verifier.verify(row.problem, said(row.wrong)).outcome == "incorrect"
    for text in row.none:
        assert verifier.verify(row.problem, said(text)).outcome == "unparsed", text


def test_order_is_kept_and_the_input_is_streamed(verifier: Verifier, row: Row) -> None:
    names = [f"c{i}" for i in range(row.many)]
    items = ((row.problem, said(row.right if i % 3 else row.wrong, name)) for i, name in enumerate(names))
    verdicts = list(verifier.verify_many(items))
    assert [verdict.completion_id for verdict in verdicts] == names
    assert [verdict.outcome for verdict in verdicts[:4]] == ["incorrect", "correct", "correct", "incorrect"]


def test_an_abandoned_stream_ends(verifier: Verifier, row: Row) -> None:
    stream = verifier.verify_many((row.problem, said(row.right)) for _ in iter(int, 1))  # endless
    assert [next(iter(stream)).outcome for _ in range(3)] == ["correct"] * 3
    stream.close()  # type: ignore[attr-defined]


def test_hostile_text_is_a_verdict_and_correct_only_where_form_alone_counts(verifier: Verifier, row: Row) -> None:
    for text in HOSTILE:
        verdict = verifier.verify(row.problem, said(text))
        assert verdict.outcome in OUTCOMES
        assert row.hostile_may_be_right or verdict.outcome != "correct", text[:60]
        assert len((verdict.evidence or "").encode("utf-8", "surrogatepass")) <= 65_536


def test_a_verdict_says_what_decided(verifier: Verifier, row: Row) -> None:
    for text, outcome in ((row.right, "correct"), (row.wrong, "incorrect"), ("", "unparsed")):
        verdict = verifier.verify(row.problem, said(text, "here"))
        assert (verdict.outcome, verdict.completion_id, verdict.problem_id) == (outcome, "here", row.problem.id)
        assert (verdict.verifier, verdict.version) == (verifier.name, verifier.version)
        assert verdict.rule
        assert verdict.seconds is not None
        assert (verdict.cause is None) == (outcome == "correct") or outcome == "incorrect"
        if verdict.evidence is not None:
            assert canonical_json(json.loads(verdict.evidence)) == verdict.evidence


def test_it_works_off_the_main_thread_and_from_eight_at_once(verifier: Verifier, row: Row) -> None:
    outcomes: list[str] = []
    thread = threading.Thread(target=lambda: outcomes.append(verifier.verify(row.problem, said(row.right)).outcome))
    thread.start()
    thread.join()
    assert outcomes == ["correct"]
    texts = [row.right if i % 3 else row.wrong for i in range(min(200, row.many))]
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda text: verifier.verify(row.problem, said(text)).outcome, texts))
    assert found == ["correct" if i % 3 else "incorrect" for i in range(len(texts))]


def test_closing_twice_is_fine_and_leaves_no_process(name: str, row: Row) -> None:
    before = {child.pid for child in psutil.Process().children()}
    chosen = VERIFIERS[name](**row.options)
    chosen.verify(row.problem, said(row.right))
    chosen.close()
    chosen.close()
    assert {child.pid for child in psutil.Process().children()} <= before


def test_the_notebook_entry_needs_neither_prefect_nor_torch() -> None:
    verdicts = verify([("1/4 + 1/4?", "1/2", "The answer is 0.5."), ("2 + 2?", "4", "5")])
    assert [verdict.outcome for verdict in verdicts] == ["correct", "incorrect"]
    verify_modules = {
        name for name in sys.modules if name.startswith(("rollmill.pipelines.verify", "rollmill.ground.records"))
    }
    assert verify_modules
    with pytest.raises(SetupError, match="Did you mean 'math'"):
        verify([], verifier="mth")
