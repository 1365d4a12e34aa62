"""What an acceptance policy is, and how one is asked: which verdicts it needs of a rollout, and what follows from them.

A policy sees the verdicts of one rollout side by side, in the order of the recipe's verifiers, and gives one accepted
verdict. The SQL that live views use is tested against `accepted`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Protocol

from pipelines.protocols import OrderedPolicy
from storage.errors import SetupError
from storage.records import Outcome, Verdict

Key = tuple[str, str]
"""(verifier, version)."""
PREFIX = "policy:"
"""What the name of a policy begins with where a verifier's name stands: no verifier is called so."""


class Policy(Protocol):
    """One way from verdicts to an accepted outcome.

    `lazy`: verifiers are asked one after another until one decides; otherwise side by side. `over`: the names of the
    verifiers that count, empty for all of the recipe. What it may be beside: OrderedPolicy.
    """

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    @property
    def lazy(self) -> bool: ...

    @property
    def over(self) -> Sequence[str]: ...

    def decide(self, verdicts: Sequence[Verdict]) -> Verdict:
        """The accepted verdict; `verdicts`: at least one, all that the policy asked for, in the recipe's order."""
        ...


def asks(policy: Policy, verifier: str, before: Sequence[Verdict]) -> bool:
    """Whether a policy needs this verifier's verdict, given those of the verifiers before it."""
    if policy.lazy:
        return all(verdict.outcome == "undecided" for verdict in before)
    return not policy.over or verifier in policy.over


def accepted(policy: Policy, chain: Sequence[Key], verdicts: Mapping[Key, Verdict]) -> Verdict | None:
    """The verdict that counts of one rollout, or None while one that the policy asks for is missing."""
    verdicts_used = used(policy, chain, verdicts)
    return None if verdicts_used is None else policy.decide(verdicts_used)


def used(policy: Policy, chain: Sequence[Key], verdicts: Mapping[Key, Verdict]) -> list[Verdict] | None:
    """The verdicts that the policy asks for, in the order of the chain; None while one of them is missing."""
    asked_for: list[Verdict] = []
    for key in chain:
        if not asks(policy, key[0], asked_for):
            continue
        verdict = verdicts.get(key)
        if verdict is None:
            return None
        asked_for.append(verdict)
    return asked_for or None


def lacking(policy: Policy, chain: Sequence[Key], verdicts: Mapping[Key, Verdict]) -> list[Key]:
    """The verifiers whose verdicts the policy asks for and lacks; of a lazy one the next."""
    present: list[Verdict] = []
    missing: list[Key] = []
    for key in chain:
        if not asks(policy, key[0], present):
            continue
        if key in verdicts:
            present.append(verdicts[key])
        else:
            missing.append(key)
            if policy.lazy:
                break
    return missing


def ruling(policy: Policy, verdicts: Sequence[Verdict], outcome: Outcome) -> Verdict:
    """The accepted verdict in the policy's own name, with the evidence of the first verdict that says the same.

    Its rule names the verifiers that said so; where none did, its cause counts what each said.
    """
    agreeing = [verdict for verdict in verdicts if verdict.outcome == outcome]
    shown = agreeing[0] if agreeing else verdicts[0]
    all_outcomes = ", ".join(f"{verdict.verifier} {verdict.outcome}" for verdict in verdicts)
    return replace(
        shown,
        verifier=PREFIX + policy.name,
        version=policy.version,
        outcome=outcome,
        rule="+".join(verdict.verifier for verdict in agreeing) or "none",
        cause=None if outcome in ("correct", "incorrect") else (shown.cause if agreeing else all_outcomes),
        seconds=None,
        evidence=None,
    )


def versioned(version: str, **options: object) -> str:
    """A policy's version with those of its options that are set: the version alone says what was asked."""
    shown = [f"{name}={','.join(map(str, v)) if isinstance(v, list | tuple) else v}" for name, v in options.items() if v]
    return " ".join([version, *shown])


def named(policy: str, option: str, names: Sequence[str]) -> tuple[str, ...]:
    """An option that lists verifiers, checked for its form."""
    if isinstance(names, str) or not all(isinstance(name, str) for name in names) or len(set(names)) != len(names):
        raise SetupError(f"policy {policy!r}: option {option!r} is {names!r}, and must list verifiers, each once.")
    return tuple(names)


@dataclass(frozen=True, slots=True)
class Over:
    """What policies share whose only option is `over`: its check, and a version that tells it."""

    name: ClassVar[str]
    lazy: ClassVar[bool] = False
    over: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "over", named(self.name, "over", self.over))

    @property
    def version(self) -> str:
        """Version and options."""
        return versioned("1", over=self.over)


def check_names(policy: Policy, verifiers: Sequence[str]) -> None:
    """SetupError where a policy counts on a verifier that the recipe does not name."""
    order = policy.order if isinstance(policy, OrderedPolicy) else ()
    for name in (*policy.over, *order):
        if name not in verifiers:
            raise SetupError(
                f"policy {policy.name!r} counts on verifier {name!r}, which is not among the recipe's.",
                choices=sorted(set(verifiers)),
                next_command="rollmill recipe show RECIPE",
            )
