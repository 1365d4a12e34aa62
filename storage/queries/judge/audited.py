"""The rollouts of a run for an audit: outcome and rule of one verifier, kept or not, template. Reads no texts.

Rollouts kept by another run count too: selections change more often than rollouts.
"""

# ruff: noqa: S608 (the SQL is made of our own names)

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rollmill.ground.errors import unknown_name
from rollmill.ground.ids import digest128
from rollmill.metrics import CountsByProblem
from rollmill.storage.audits import Pair
from rollmill.storage.queries.scope import Scope
from rollmill.storage.runs import Run

CHAIN = "chain"
"""The name under which the outcome that counts, after every verifier and the acceptance policy, is audited."""

_JOIN = "JOIN verdicts v ON v.completion_id = r.completion_id AND v.problem_id = r.problem_id"
_COLUMNS = (
    "r.problem_id, r.completion_id, r.sample_index, {outcome} AS outcome, coalesce(v.rule, '') AS rule, r.kept, "
    "p.template, r.step"
)
_ONE = (
    f"SELECT {_COLUMNS.format(outcome='v.outcome')} FROM rollouts r {_JOIN} AND v.verifier = ? AND v.version = ? "
    "JOIN (SELECT id, template FROM problems) p ON p.id = r.problem_id ORDER BY 1, 2"
)
_DECIDING = (
    f"SELECT {_COLUMNS.format(outcome='r.outcome')} FROM rollouts r LEFT {_JOIN} AND v.verifier = r.verifier "
    "AND v.version = r.verifier_version JOIN (SELECT id, template FROM problems) p ON p.id = r.problem_id ORDER BY 1, 2"
)


@dataclass(frozen=True, slots=True)
class AuditedRow:
    """A rollout with the verdict of one verifier. `kept` is None before the run's decisions."""

    problem_id: str
    completion_id: str
    sample_index: int
    outcome: str
    rule: str
    kept: bool | None
    template: str | None
    step: str = ""


def audited_as(run: Run, name: str) -> tuple[str, str]:
    """(verifier, version) of a verifier of this run, or of `chain`, all of them with their policy; else SetupError."""
    if name == CHAIN:
        return CHAIN, chain_version(run.verifiers, run.recipe.get("accept"))
    versions = dict(run.verifiers)
    if name not in versions:
        raise unknown_name(f"verifier of {run.id}", name, [*versions, CHAIN])
    return name, versions[name]


def chain_of(run: Run) -> list[tuple[str, str]]:
    """(verifier, version) of everything auditable in a run: its verifiers in order, then the chain."""
    return [*run.verifiers, audited_as(run, CHAIN)]


def chain_version(verifiers: list[tuple[str, str]], accept: object) -> str:
    """Version of a chain: the digest of its verifiers in order, their versions and the acceptance policy."""
    return digest128(["chain", [list(verifier) for verifier in verifiers], accept])[
        :12
    ]  # digits, as verifier versions are shown in tables


def audited_rows(scope: Scope, verifier: str, version: str) -> list[AuditedRow]:
    """Every rollout of the scope judged by this verifier; for `chain`, every rollout with its accepted outcome."""
    with scope.connection("rollouts", "problems", "verdicts") as connection:
        if verifier == CHAIN:
            rows = connection.execute(_DECIDING).fetchall()
        else:
            rows = connection.execute(_ONE, [verifier, version]).fetchall()
    return [AuditedRow(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class KeptSet:
    """The outcome of every rollout, and the difficulty band of every kept one."""

    outcomes: Mapping[Pair, str]
    kept: Mapping[Pair, str]

    def counted(self) -> dict[str, int]:
        """Rollouts by outcome."""
        return dict(sorted(Counter(self.outcomes.values()).items()))

    def size(self, band: str | None = None) -> int:
        """Number of kept rollouts, in all or in one band."""
        return len(self.kept) if band is None else sum(kept_band == band for kept_band in self.kept.values())


def kept_set(rows: Iterable[tuple[str, str, str, bool | None]]) -> KeptSet:
    """The kept set from (problem id, completion id, outcome, kept) of every rollout of a run."""
    outcomes: dict[Pair, str] = {}
    chosen: list[Pair] = []
    counter = CountsByProblem()
    for problem, completion, outcome, kept in rows:
        outcomes[completion, problem] = outcome
        counter.add(problem, None, outcome)
        # The precision of the kept set is over accepted rollouts: wrong ones that a selector kept are not in it.
        if kept and outcome == "correct":
            chosen.append((completion, problem))
    bands = dict(zip(counter.problems, counter.counts().bands(), strict=True))
    return KeptSet(outcomes, {pair: str(bands[pair[1]]) for pair in chosen})


def kept_set_of(scope: Scope) -> KeptSet:
    """The kept set of a run or a dataset version."""
    with scope.connection("outcomes") as connection:
        rows = connection.execute("SELECT problem_id, completion_id, outcome, kept FROM outcomes").fetchall()
    return kept_set(rows)
