"""Synthesizer `coq_library`: lemmas of Coq's own standard library, with the proofs that the library gives them.

A lemma is stated with the imports and scopes of its file, and the file itself. Its own name is therefore in scope: a proof
by that name is a proof. The problems test a verifier and the choice of premises, not invention. Statements that Coq takes
for no proposition outside of their file are left out, such as `{a = b} + {a <> b}` and those with a notation of a section.
Problems depend on the installed Coq besides options and seed.

Licence of the texts: LGPL-2.1-only. Templates are files, so that splits and intervals go by file.
"""

import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from rollmill.methods import Problem, SetupError
from rollmill_proofs.coq.coq_pool import CoqPool
from rollmill_proofs.coq.coqtop import ProofState
from rollmill_proofs.coq.installation import installation
from rollmill_proofs.goal import Goal, goal_of
from rollmill_proofs.goals import prompt_of

FILES = (
    *("Bool/Bool", "QArith/QArith_base"),
    *(f"ZArith/{name}" for name in ("Zorder", "Zbool", "Zcompare", "Zabs", "Zmin", "Zmax", "Zdiv")),
    *(f"ZArith/{name}" for name in ("Zquot", "Zpow_facts", "Znat", "Zeven", "Zcomplements")),
)
"""Theories most of whose lemmas can be stated outside of their file."""
_COMMENT = re.compile(r"\(\*.*?\*\)", re.S)
_REQUIRE = re.compile(r"^(?:From \w+ )?Require .*\.$", re.M)
_SCOPE = re.compile(r"^(?:Local |Global )?(Open Scope \w+\.)", re.M)
_LEMMA = re.compile(r"^(?:Lemma|Theorem) (\w+)\s*:\s*([^.]*(?:\.(?!\s)[^.]*)*)\.\s+Proof\.\s+(.*?)\s+Qed\.", re.M | re.S)
_OTHER = re.compile(r"\b(?:Defined|Lemma|Theorem|Definition)\b")


class CoqLibrary:
    """Problems of kind `proof`; the reference is the library's own script."""

    name, version = "coq_library", "1"

    def __init__(self, files: Sequence[str] = FILES) -> None:
        """Take the options of a recipe.

        Args:
            files: Files of the library's theories without suffix, such as `ZArith/Zdiv`.
        """
        unknown = [name for name in files if name not in FILES]
        if unknown or not files:
            raise SetupError(f"synthesizer 'coq_library': files is {list(files)!r}.", choices=FILES)
        self.files = tuple(files)

    def synthesize(self, budget: int, seed: int) -> Iterator[Problem]:
        """At most `budget` lemmas, in an order drawn by the seed. SetupError without Coq."""
        coq = installation()
        folder = Path(coq.packages) / "coq/theories"
        pool = CoqPool(size=1)
        try:
            problems = [
                problem
                for name in self.files
                for problem in _lemmas(folder, name, coq.version)
                if _is_proposition(goal_of(problem), pool)
            ]
        finally:
            pool.close()
        random.Random(seed).shuffle(problems)
        yield from problems[:budget]


def _is_proposition(goal: Goal, pool: CoqPool) -> bool:
    """True if Coq reads the statement as a proposition."""
    stated = Goal("True", goal.imports, f"Definition goal : Prop := ({goal.statement}).")
    return isinstance(pool.start(stated), ProofState)


def _lemmas(folder: Path, file: str, version: str) -> Iterator[Problem]:
    """The lemmas of a file in its order; equal statements once."""
    source = _COMMENT.sub("", (folder / f"{file}.v").read_text(encoding="utf-8"))
    own = f"Require Import {file.rpartition('/')[2]}."
    imports = "\n".join([*_REQUIRE.findall(source), own, *_SCOPE.findall(source)])
    seen: set[str] = set()
    for match in _LEMMA.finditer(source):
        name, statement, script = match[1], " ".join(match[2].split()), match[3].strip()
        if "{" in statement or _OTHER.search(script) or statement in seen:
            continue
        seen.add(statement)
        goal = Goal(statement, imports)
        yield Problem(
            prompt_of(goal),
            script,
            kind="proof",
            tests=(goal.test(),),
            source=f"Coq {version} standard library",
            licence="LGPL-2.1-only",
            skill=file.partition("/")[0],
            template=f"coq-{file}",
            meta={"lemma": f"{file}.{name}"},
        )
