"""The engine `prover`: a proof of the theorem in the last Coq block of a text, found by best-first search in Coq.

The text is the script that closed the last goal, empty with the reason where none was found. Nothing of it is trusted: the
verifier `proof` judges it like a model's text. The seed orders the tactics, so that samples differ.
"""

import os
import queue
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from rollmill.methods import Completion, MadeText, ModelFree, Request, SetupError, check_named, checked_count, failed
from rollmill_proofs.coq.coq_pool import CoqPool
from rollmill_proofs.coq.installation import installed_version
from rollmill_proofs.goal import DISPROOF, Goal, negation
from rollmill_proofs.lemmas import Lemma, with_lemmas
from rollmill_proofs.own_prover import own_prover
from rollmill_proofs.proof_search import ProofStep, Prover, SearchResult, TacticSource, best_first
from rollmill_proofs.ranker import RankedTactics, policy_rows
from rollmill_proofs.tactics import TACTICS, EnumeratedTactics, Refutations

_BLOCK = re.compile(r"```coq\n((?:(?!```).*\n)*)```")
_THEOREM = re.compile(r"(?s)(.*?)^Theorem t : (.*)\.\s*\Z", re.M)
_IMPORTS = re.compile(r"(?:\s*(?:Require|From|Import|Export)\b.*\n)*")
_LONGEST = 20_000  # characters of a text with a theorem
_MOST_WORKERS = 4  # unless the profile says more: each has several Coq processes
_SHOWN = 200  # characters of a stored error


class ProverEngine(ModelFree):
    """A Generator; usable from any thread. `workers` searches run at a time, each with its own processes."""

    engine = "prover"
    follows = False

    def __init__(  # noqa: PLR0913 (a recipe's options, all by name)
        self,
        model: str = "prover",
        tactics: Sequence[str] = TACTICS,
        trials: int = 200,
        alpha: float = 0.5,
        *,
        lemmas: int = 0,
        disprove: bool = False,
        policy: str = "",
        steps: bool = False,
        explore: bool = False,
        prover: str = "",
        workers: int | None = None,
        recipe_folder: str | None = None,
    ) -> None:
        """Take the options of a recipe.

        Args:
            model: Always `prover`.
            tactics: Tactics to try in every state, besides induction and case analysis.
            trials: Most tactics to try for one proof.
            alpha: Exponent of the path's length in its score; 0 prefers short proofs.
            lemmas: Most tactics to try on lemmas after that, and on proofs by them; 0: no lemmas.
            disprove: Half of the trials are for the negation; a proof of it begins with `Disproof.`
            policy: File of the export `tactics`, from which the order of the tactics is learned; empty: a random order.
            steps: Store the states of a proof with what was tried in them, for the exports `tactics` and `tactic_pairs`.
            explore: Search on after a proof until the trials are used, so that steps are of many states.
            prover: `file.py:Class` of a prover of your own, such as a driver of petanque or Lean; empty: Coq.
        """
        check_named(self.engine, model)
        self.trials = checked_count("engine", self.engine, "trials", trials)
        if isinstance(lemmas, bool) or not isinstance(lemmas, int) or lemmas < 0:
            raise SetupError(f"engine 'prover': lemmas is {lemmas!r}.", choices=("0", "a number of trials"))
        if lemmas and explore:
            raise SetupError(
                "engine 'prover': explore goes on after a proof, which a search with lemmas does not.",
                choices=("lemmas: 0", "explore: false"),
            )
        if isinstance(tactics, str) or not all(isinstance(tactic, str) and tactic.strip() for tactic in tactics):
            raise SetupError(f"engine 'prover': tactics is {tactics!r:.80}.", choices=("a list of tactics",))
        self.tactics, self.alpha = tuple(tactics), float(alpha)
        self.lemmas, self.disprove, self.steps, self.explore = lemmas, disprove, steps, explore
        self._rows, digest = policy_rows(policy, recipe_folder) if policy else ([], "")
        self.workers = workers or max(1, min(_MOST_WORKERS, os.cpu_count() or 1))
        self._pools: queue.LifoQueue[Prover] = queue.LifoQueue()
        self._made, version = own_prover(prover, recipe_folder) if prover else (CoqPool, installed_version())
        added = [("lemmas", lemmas), ("disprove", disprove), ("policy", digest), ("steps", steps), ("explore", explore)]
        named = [[name, value] for name, value in (*added, ("prover", prover)) if value]
        super().__init__(model, ["1", list(self.tactics), trials, self.alpha, version, *named])

    def made(self, text: str, options: Mapping[str, str], seed: int) -> MadeText:
        """A proof of the theorem in the text."""
        del options
        goal = theorem_of(text)
        if goal is None:
            return failed("no theorem in a Coq block of the text")
        try:
            pool = self._pools.get_nowait()
        except queue.Empty:
            pool = self._made()
        try:
            return self._proved(pool, goal, seed)
        finally:
            self._pools.put(pool)

    def generate(self, requests: Sequence[Request]) -> Iterator[Completion]:
        """Yield a completion for each request, in their order."""
        with ThreadPoolExecutor(self.workers, thread_name_prefix="prover") as threads:
            yield from threads.map(self._completion, requests)

    def close(self) -> None:
        """End the provers; safe to call twice."""
        while not self._pools.empty():
            self._pools.get().close()

    def _proved(self, pool: Prover, goal: Goal, seed: int) -> MadeText:
        """A proof of the goal or, if asked for, of its negation."""
        trials = max(1, self.trials // 2) if self.disprove else self.trials
        source = self._source(seed)
        result, lemmas = self._search(pool, goal, source, trials)
        opening = ""
        if self.disprove and result.script is None and result.refused is None:
            refuting = Refutations(goal, source)
            counter = best_first(pool, negation(goal), refuting, trials=max(1, self.trials - trials), alpha=self.alpha)
            if counter.script is not None:
                opening = f"{DISPROOF}\n"
            result = counter.after(result)
        meta: dict[str, Any] = {"trials": result.trials, "states": result.states, "rejected": len(result.rejected)}
        if lemmas:
            shown = [{"statement": it.statement, "trials": it.trials, "proved": it.script is not None} for it in lemmas]
            meta["lemmas"] = shown
        if self.steps and result.steps:
            meta["steps"] = [_step(step) for step in result.steps]
        if result.script is None:
            reason = f"Coq refuses the theorem: {result.refused[:200]}" if result.refused else "no proof found"
            return MadeText("", {"failed": reason, **meta})
        return MadeText(opening + result.script, meta)

    def _source(self, seed: int) -> TacticSource:
        """Tactics in an order that was learned, or drawn by the seed."""
        enumerated = EnumeratedTactics(self.tactics, seed)
        return RankedTactics(self._rows, enumerated, seed) if self._rows else enumerated

    def _search(
        self, pool: Prover, goal: Goal, source: TacticSource, trials: int
    ) -> tuple[SearchResult, tuple[Lemma, ...]]:
        if self.lemmas:
            return with_lemmas(pool, goal, source, trials=trials, lemma_trials=self.lemmas, alpha=self.alpha)
        return best_first(pool, goal, source, trials=trials, alpha=self.alpha, explore=self.explore), ()


def _step(step: ProofStep) -> dict[str, Any]:
    """A step as stored, with the beginning of long errors."""
    rejected = [[tactic, error[:_SHOWN]] for tactic, error in step.rejected]
    return {"goals": step.goals, "tactic": step.tactic, "rejected": rejected, "others": list(step.others)}


def theorem_of(text: str) -> Goal | None:
    """The goal in the last Coq block of a text: imports, definitions and `Theorem t : STATEMENT.`"""
    bodies = [match[1] for match in _BLOCK.finditer(text[:_LONGEST])]
    match = _THEOREM.match(bodies[-1]) if bodies else None
    if match is None:
        return None
    imports = _IMPORTS.match(match[1])
    assert imports is not None  # it matches the empty text too
    return Goal(match[2].strip(), imports[0].strip(), match[1][imports.end() :].strip())
