"""What the verifiers of final answers (numbers, formulas) owe besides the contract of all verifiers."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from rollmill.ground.records import OUTCOMES, Completion, Problem
from rollmill.pipelines.verify import VERIFIERS
from rollmill.roles.protocols import Verifier

ANSWERS = ("math", "number")
GOLDS = ("7", "-3", "0.5", "1/2", "1,234", "50%", "016", "12.0", "3 1/2", "2e3")
JUNK = ("8", "-7", "700", "0.7", "7.0001", "1/7")
HOSTILE = (
    "", " ", "\x00", "\ud800\udfff", "9" * 1_000_000, "{" * 10_000, "\\boxed{" * 3_000, "\\boxed{(((}", "None",
    "\\boxed{" + "{" * 10_000 + "7" + "}" * 10_001,
    "\\boxed{10**10**10}", "\\boxed{9^{9^{9^9}}}", "\\boxed{__import__('os').system('touch pwned')}", "\n" * 20_000 + "x",
    "answer " * 5_000, "5" + " a" * 20_000, "\\(" * 5_000, "$" * 20_000, "\\boxed{" + "(x+y+z+w)" * 150 + "}",
    "\\boxed{1/0}",
    "\\boxed{" + "!" * 500 + "}", "\\boxed{\\frac{" * 50, "\\boxed{" + "\\sqrt{" * 300 + "2" + "}" * 301,
)  # fmt: skip


@pytest.fixture(scope="module", params=ANSWERS)
def verifier(request: pytest.FixtureRequest) -> Iterator[Verifier]:
    chosen = VERIFIERS[request.param]()
    yield chosen
    chosen.close()


def pair(reference: str, text: str, name: str = "c") -> tuple[Problem, Completion]:
    return Problem("How many?", reference), Completion(name, "p", "e", "m", "", "curate", 0, None, text, "stop")


def test_it_names_itself_and_its_policy(verifier: Verifier) -> None:
    assert VERIFIERS[verifier.name] is type(verifier)
    assert "decimals.exact" in verifier.version
    assert verifier.version == type(verifier)().version


def test_gold_is_accepted_in_every_marking(verifier: Verifier) -> None:
    for gold in GOLDS:
        for text in (
            gold,
            f"\\boxed{{{gold}}}",
            f"so\n#### {gold}",
            f"The answer is {gold}.",
            f"It follows.\nAnswer: {gold}",
        ):
            assert verifier.verify(*pair(gold, text)).outcome == "correct", text


def test_junk_is_rejected(verifier: Verifier) -> None:
    for junk in JUNK:
        assert verifier.verify(*pair("7", f"\\boxed{{{junk}}}")).outcome == "incorrect", junk


def test_no_text_and_no_answer_are_unparsed(verifier: Verifier) -> None:
    for text in ("", "  \n", "I do not know how to do this.\nLet's try again and see what we can find."):
        assert verifier.verify(*pair("7", text)).outcome == "unparsed", text


def test_hostile_text_is_a_verdict_and_never_correct(verifier: Verifier) -> None:
    for text in HOSTILE:
        verdict = verifier.verify(*pair("7", text))
        assert verdict.outcome in OUTCOMES
        assert verdict.outcome != "correct", text[:60]


def test_it_works_off_the_main_thread_and_from_eight_at_once(verifier: Verifier) -> None:
    outcomes: list[str] = []
    thread = threading.Thread(target=lambda: outcomes.append(verifier.verify(*pair("7", "\\boxed{7}")).outcome))
    thread.start()
    thread.join()
    assert outcomes == ["correct"]
    texts = [f"\\boxed{{{i % 9}}}" for i in range(400)]
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda text: verifier.verify(*pair("7", text)).outcome, texts))
    assert found == ["correct" if i % 9 == 7 else "incorrect" for i in range(400)]


def test_the_verdict_carries_its_evidence(verifier: Verifier) -> None:
    verdict = verifier.verify(*pair("1/2", "\\boxed{0.50}"))
    assert (verdict.outcome, verdict.extracted, verdict.normal_form, verdict.reference_form) == (
        "correct",
        "0.50",
        "1/2",
        "1/2",
    )
    assert verdict.rule
    assert verdict.cause is None
    assert verdict.seconds is not None
