"""What the gate is told beside the tables: how the rows were judged and planned, and what must not be inside."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.verify.acceptance import PLAIN, Policy
from storage.records import Problem


@dataclass(frozen=True, slots=True)
class Expected:
    """The maker's side of the checks.

    `verifiers` are the recorded (name, version) in their order, `policy` says which of their verdicts counts. `drawn` is
    the number of rollouts planned, None where nobody planned. `prefix` is the fixed number of completions per problem that
    rates use. `evaluation` are the problems that must not be inside.
    """

    verifiers: tuple[tuple[str, str], ...]
    drawn: int | None = None
    prefix: int | None = None
    arm: str = ""
    evaluation: Sequence[Problem] = ()
    policy: Policy = PLAIN
