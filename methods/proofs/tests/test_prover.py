"""The engine `prover`: proofs of theorems in prompts, the same for the same seed, and reasons where there is none."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Request, Sampling
from rollmill.pipelines.verify import verify
from rollmill_proofs.goal import Goal
from rollmill_proofs.goals import Goals, prompt_of
from rollmill_proofs.prover import ProverEngine, theorem_of

LINEAR = Goal("forall n : nat, n + 0 = n", "Require Import Lia.")


@pytest.fixture(scope="module")
def prover() -> Iterator[ProverEngine]:
    engine = ProverEngine(trials=60)
    yield engine
    engine.close()
    engine.close()


def test_the_theorem_is_in_the_last_coq_block() -> None:
    assert theorem_of(prompt_of(LINEAR)) == LINEAR
    defined = Goal("f = 1", "Require Import Lia.\nFrom Coq Require Import List.", "Definition f := 1.\nDefinition g := 2.")
    assert theorem_of(f"{prompt_of(LINEAR)}\n{prompt_of(defined)}") == defined
    for text in ("", "Theorem t : 1 = 1.", "```coq\nLemma u : 1 = 1.\n```", "```python\nTheorem t : 1 = 1.\n```"):
        assert theorem_of(text) is None


def test_a_text_without_a_theorem_has_a_reason_and_needs_no_coq(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    made = ProverEngine().made("How many eggs?", {}, 1)
    assert (made.text, made.meta) == ("", {"failed": "no theorem in a Coq block of the text"})


def test_options_are_in_the_digest_and_checked() -> None:
    given: list[dict[str, Any]] = [{}, {"trials": 3}, {"alpha": 1.0}, {"tactics": ["lia"]}]
    given += [{"lemmas": 9}, {"disprove": True}, {"steps": True}, {"explore": True}]
    assert len({ProverEngine(**options).model_digest for options in given}) == 8
    with pytest.raises(SetupError, match="lemmas is -1"):
        ProverEngine(lemmas=-1)
    with pytest.raises(SetupError, match="tactics is 'lia'"):
        ProverEngine(tactics="lia")
    with pytest.raises(SetupError, match="explore goes on after a proof"):
        ProverEngine(lemmas=9, explore=True)


OWN = """
from rollmill_proofs.coq.coqtop import FailedTactic, ProofState

class Toy:
    version = "2"
    def start(self, goal):
        return ProofState("a", goal.statement, (), False)
    def try_all(self, state, tactics):
        for tactic in tactics:
            yield ProofState("b", "", (*state.path, tactic), True) if tactic == "rfl" else FailedTactic(tactic, "no")
    def close(self):
        pass

class Half:
    def start(self, goal): ...
"""


def test_a_prover_of_the_users_own_is_searched_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    (tmp_path / "mine.py").write_text(OWN)
    engine = ProverEngine(prover="mine.py:Toy", tactics=["simp", "rfl"], recipe_folder=str(tmp_path))
    made = engine.made(prompt_of(LINEAR), {}, 1)
    assert made.text == "rfl."
    engine.close()
    assert engine.model_digest != ProverEngine(tactics=["simp", "rfl"]).model_digest
    for place, reason in {
        "mine.py:Half": "Half has no method try_all, close",
        "mine.py:Lean": "there is no such class",
        "other.py:Lean": "no file",
        "petanque": "it names no class",
    }.items():
        with pytest.raises(SetupError, match=reason):
            ProverEngine(prover=place, recipe_folder=str(tmp_path))


@pytest.mark.sandbox
def test_its_proofs_pass_the_verifier_and_are_the_same_for_the_same_seed(prover: ProverEngine) -> None:
    problems = list(Goals(twins="none").synthesize(5, 3))
    texts = [prover.made(str(problem.prompt), {}, 1).text for problem in problems]
    assert texts == [prover.made(str(problem.prompt), {}, 1).text for problem in problems]
    assert len({prover.made(str(problems[1].prompt), {}, seed).text for seed in range(8)}) > 1
    rows = [
        {"prompt": problem.prompt, "reference": "", "tests": problem.tests, "kind": "proof", "answer": text}
        for problem, text in zip(problems, texts, strict=True)
    ]
    assert [verdict.outcome for verdict in verify(rows, "proof")] == ["correct"] * 5


@pytest.mark.sandbox
def test_what_has_no_proof_gives_a_reason(prover: ProverEngine) -> None:
    assert prover.made(prompt_of(Goal("1 = 2")), {}, 1).meta["failed"] == "no proof found"
    refused = prover.made(prompt_of(Goal("undefined = 2")), {}, 1).meta["failed"]
    assert refused.startswith("Coq refuses the theorem: Error: The reference undefined was not found")


@pytest.mark.sandbox
def test_it_proves_or_disproves_and_stores_the_steps() -> None:
    engine = ProverEngine(trials=60, disprove=True, steps=True)
    problems = list(Goals(twins="either").synthesize(10, 1))
    made = [engine.made(str(problem.prompt), {}, 1) for problem in problems]
    engine.close()
    assert [text.text.startswith("Disproof.") for text in made] == [False, True] * 5
    rows = [
        {"prompt": problem.prompt, "reference": "", "tests": problem.tests, "kind": "proof", "answer": text.text}
        for problem, text in zip(problems, made, strict=True)
    ]
    assert [verdict.outcome for verdict in verify(rows, "proof")] == ["correct"] * 10
    steps = [step for text in made for step in text.meta["steps"]]
    assert all(step["goals"].startswith("[") for step in steps)
    assert any(error.startswith("Error:") for step in steps for _, error in step["rejected"])
    assert [text.meta["trials"] <= 60 for text in made] == [True] * 10


@pytest.mark.sandbox
def test_a_policy_that_was_learned_needs_fewer_trials(tmp_path: Path) -> None:
    problems = [str(problem.prompt) for problem in Goals(levels=[2, 4, 5], twins="none").synthesize(30, 2)]
    first = ProverEngine(steps=True)
    made = [first.made(prompt, {}, seed) for seed, prompt in enumerate(problems)]
    first.close()
    rows = [
        {**step, "rejected": [tactic for tactic, _ in step["rejected"]]}
        for text in made[:15]
        for step in text.meta["steps"]
    ]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    second = ProverEngine(policy="rows.jsonl", recipe_folder=str(tmp_path))
    assert second.model_digest != ProverEngine().model_digest
    learned = [second.made(prompt, {}, seed).meta["trials"] for seed, prompt in enumerate(problems[15:], 15)]
    second.close()
    assert sum(learned) < sum(text.meta["trials"] for text in made[15:]) / 2


@pytest.mark.sandbox
def test_searches_at_the_same_time_give_what_one_at_a_time_gives() -> None:
    problems = list(Goals(twins="none").synthesize(10, 4))
    requests = [
        Request(problem.id, problem.prompt_id, problem.prompt, str(problem.prompt), Sampling(), seed, "curate", 0)
        for seed, problem in enumerate(problems)
    ]
    texts = []
    for workers in (1, 3):
        engine = ProverEngine(trials=60, workers=workers)
        texts.append([said.text for said in engine.generate(requests)])
        engine.close()
    assert texts[0] == texts[1]
    assert all(texts[0])
