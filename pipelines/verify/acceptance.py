"""Acceptance policies: from the verdicts of several verifiers on one rollout to the one that counts, for runs and gates.

A policy sees the verdicts of one rollout side by side, in the order of the recipe's verifiers, and gives one accepted
verdict. It is versioned and applied to stored verdicts, so another one re-selects without judging anything again.
`docs/how-to/policies.md` has the truth tables. Nothing else knows a policy: live views read the outcomes that a run
has stored (`flows/rounds/outcomes.py`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol

from rollmill.ground.by_name import ByName
from rollmill.ground.errors import SetupError
from rollmill.ground.records import Outcome, Verdict, plan_of
from rollmill.pipelines.returned import check_returned
from rollmill.pipelines.verify.finding import ALL_OF, ANY_OF
from rollmill.roles.protocols import RankedPolicy

Key = tuple[str, str]
"""(verifier, version)."""
PREFIX = "policy:"
"""Prefix of a policy's name in place of a verifier's: no verifier's name begins so."""


class Policy(Protocol):
    """Rule that turns verdicts into an accepted outcome.

    `lazy`: verifiers are asked one after another until one decides; otherwise side by side. `over`: the names of the
    verifiers that count, empty for all of the recipe. Other forms: RankedPolicy.
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
        """The accepted verdict; `verdicts`: at least one, all that the policy needed, in the recipe's order."""


def asks(policy: Policy, verifier: str, before: Sequence[Verdict]) -> bool:
    """True if a policy needs this verifier's verdict, given those of the verifiers before it."""
    if policy.lazy:
        return all(verdict.outcome == "undecided" for verdict in before)
    return not policy.over or verifier in policy.over


def accepted_verdict(policy: Policy, chain: Sequence[Key], verdicts: Mapping[Key, Verdict]) -> Verdict | None:
    """The accepted verdict of one rollout, or None while one that the policy needs is missing."""
    asked_for = used_verdicts(policy, chain, verdicts)
    if asked_for is None:
        return None
    verdict = policy.decide(asked_for)
    check_returned(policy, "decide", [verdict], Verdict)
    return verdict


def planned_verdict(
    policy: Policy, chain: Sequence[Key], verdicts: Mapping[Key, Verdict], votes: Outcome = "undecided"
) -> Verdict | None:
    """The verdict on one rollout that a plan uses; None while one is missing.

    Verifiers that wait for votes are undecided (`votes`), whatever is stored: the plan is made before they judge.
    """
    waiting = {key: Verdict("", "", *key, outcome=votes, rule="waits") for key in chain if plan_of(key[1])}
    return accepted_verdict(policy, chain, {**verdicts, **waiting})


def used_verdicts(policy: Policy, chain: Sequence[Key], verdicts: Mapping[Key, Verdict]) -> list[Verdict] | None:
    """The verdicts that the policy needs, in the order of the chain; None while one of them is missing."""
    asked_for: list[Verdict] = []
    for key in chain:
        if not asks(policy, key[0], asked_for):
            continue
        verdict = verdicts.get(key)
        if verdict is None:
            return None
        asked_for.append(verdict)
    return asked_for or None  # without verifiers nothing is decided


def missing_verdicts(policy: Policy, chain: Sequence[Key], verdicts: Mapping[Key, Verdict]) -> list[Key]:
    """The verifiers whose verdicts the policy still needs; only the next one for a lazy policy."""
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
                break  # whether it needs the next one depends on this verdict
    return missing


def check_names(policy: Policy, verifiers: Sequence[str]) -> None:
    """SetupError if a policy counts on a verifier that the recipe does not name."""
    for name in (*policy.over, *(policy.order if isinstance(policy, RankedPolicy) else ())):
        if name not in verifiers:
            raise SetupError(
                f"policy {policy.name!r} counts on verifier {name!r}, which is not among the recipe's.",
                choices=sorted(set(verifiers)),
                next_command="rollmill recipe show RECIPE",
            )


def ruling(policy: Policy, verdicts: Sequence[Verdict], outcome: Outcome) -> Verdict:
    """The accepted verdict in the policy's own name, with the answer and value of the first verdict that says the same.

    Its rule names the verifiers with that outcome; without any, its cause lists the outcome of each.
    """
    agreeing = [verdict for verdict in verdicts if verdict.outcome == outcome]
    shown = agreeing[0] if agreeing else verdicts[0]  # a tie of `majority` agrees with no verdict
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


def policy_version(version: str, **options: object) -> str:
    """A policy's version with those of its options that are set: the version alone identifies the policy."""
    shown = [f"{name}={','.join(map(str, v)) if isinstance(v, list | tuple) else v}" for name, v in options.items() if v]
    return " ".join([version, *shown])


def named(policy: str, option: str, names: Sequence[str]) -> tuple[str, ...]:
    """An option that lists verifiers, checked for its form."""
    if isinstance(names, str) or not all(isinstance(name, str) for name in names) or len(set(names)) != len(names):
        raise SetupError(f"policy {policy!r}: option {option!r} is {names!r}, and must list verifiers, each once.")
    return tuple(names)


@dataclass(frozen=True, slots=True)
class _OverOption:
    """Shared base of policies whose only option is `over`: its check, and a version that contains it."""

    name: ClassVar[str]
    lazy: ClassVar[bool] = False
    over: tuple[str, ...] = ()
    """Names of the verifiers that the policy reads; empty: all."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "over", named(self.name, "over", self.over))

    @property
    def version(self) -> str:
        """Version and options."""
        return policy_version("1", over=self.over)


@dataclass(frozen=True, slots=True)
class FirstDecided:
    """The plain chain: what one verifier leaves undecided goes to the next.

    The deciding verdict itself counts, under its verifier's name; all undecided: the last one's.
    """

    name = "first_decided"
    version = "1"
    lazy = True
    over: ClassVar[tuple[str, ...]] = ()

    def decide(self, verdicts: Sequence[Verdict]) -> Verdict:
        """The first verdict that is not undecided, else the last."""
        return next((verdict for verdict in verdicts if verdict.outcome != "undecided"), verdicts[-1])


@dataclass(frozen=True, slots=True)
class AllOf(_OverOption):
    """Right only if every verifier says so: for verifiers that each see another kind of mistake.

    `incorrect` if any says incorrect, else `unparsed` if any does, else `undecided` if any is, else `correct`.
    """

    name = "all_of"

    def decide(self, verdicts: Sequence[Verdict]) -> Verdict:
        """Reject if any verifier rejects, whatever the others could not decide."""
        return ruling(self, verdicts, min((verdict.outcome for verdict in verdicts), key=ALL_OF.index))


@dataclass(frozen=True, slots=True)
class AnyOf(_OverOption):
    """Right if one verifier says so: for verifiers that each know other right answers.

    `correct` if any says correct, else `undecided` if any is, else `incorrect` if any says so, else `unparsed`. Its false
    accepts add up over the verifiers: `rollmill audit` before you trust it.
    """

    name = "any_of"

    def decide(self, verdicts: Sequence[Verdict]) -> Verdict:
        """An undecided verifier might have said correct, so without a yes the whole is undecided."""
        return ruling(self, verdicts, min((verdict.outcome for verdict in verdicts), key=ANY_OF.index))


@dataclass(frozen=True, slots=True)
class Majority(_OverOption):
    """`correct` if more than half of all say so; refused if more than half say incorrect or unparsed; else `undecided`.

    Undecided verifiers count among all, so they cannot make a minority win. A refusal is `incorrect` unless every refusing
    verifier found no answer (`unparsed`).
    """

    name = "majority"

    def decide(self, verdicts: Sequence[Verdict]) -> Verdict:
        """A tie decides nothing."""
        outcomes = [verdict.outcome for verdict in verdicts]
        refusing = outcomes.count("incorrect") + outcomes.count("unparsed")
        outcome: Outcome = "undecided"
        if 2 * outcomes.count("correct") > len(outcomes):
            outcome = "correct"
        elif 2 * refusing > len(outcomes):
            outcome = "incorrect" if "incorrect" in outcomes else "unparsed"
        return ruling(self, verdicts, outcome)


@dataclass(frozen=True, slots=True)
class MinValue:
    """Right if every verifier's share of tests passed is `least` or more. A verdict without a share counts as one test.

    `incorrect` if a share is less, else `unparsed` if a verifier found no answer, else `undecided` if one is, else
    `correct`.
    """

    least: float
    """Smallest share of tests passed, above 0 and at most 1."""
    name = "min_value"
    lazy = False
    over: tuple[str, ...] = ()
    """Names of the verifiers that the policy reads; empty: all."""

    def __post_init__(self) -> None:
        if isinstance(self.least, bool) or not isinstance(self.least, int | float) or not 0 < self.least <= 1:
            raise ValueError(f"option 'least' is {self.least!r}, and must be a share in (0, 1]")
        object.__setattr__(self, "over", named(self.name, "over", self.over))

    @property
    def version(self) -> str:
        """Version and options."""
        return policy_version("1", least=self.least, over=self.over)

    def decide(self, verdicts: Sequence[Verdict]) -> Verdict:
        """The smallest share is the value of the whole; undecided and unparsed verdicts have none."""
        judged = [verdict for verdict in verdicts if verdict.outcome in ("correct", "incorrect")]
        outcomes = {verdict.outcome for verdict in verdicts}
        # of a plain yes or no the share of tests passed is 1 or 0
        shares = (float(verdict.outcome == "correct") if verdict.value is None else verdict.value for verdict in judged)
        lowest = min(shares, default=None)
        outcome: Outcome = "correct"
        if lowest is not None and lowest < self.least:
            outcome = "incorrect"
        elif "unparsed" in outcomes:
            outcome = "unparsed"
        elif "undecided" in outcomes:
            outcome = "undecided"
        return replace(ruling(self, verdicts, outcome), value=lowest, rule=f"value>={self.least}")


@dataclass(frozen=True, slots=True)
class Prefer:
    """The first verifier that decides, in an `order` of your own, the most trusted first; others in the recipe's order.

    Unlike the plain chain every verifier judges every row, so that the order may be changed later without judging again.
    """

    order: tuple[str, ...]
    """Names of verifiers, the most trusted first."""
    name = "prefer"
    lazy = False
    over: tuple[str, ...] = ()
    """Names of the verifiers that the policy reads; empty: all."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "order", named(self.name, "order", self.order))
        object.__setattr__(self, "over", named(self.name, "over", self.over))

    @property
    def version(self) -> str:
        """Version and options."""
        return policy_version("1", order=self.order, over=self.over)

    def decide(self, verdicts: Sequence[Verdict]) -> Verdict:
        """The first that is not undecided; undecided if all are."""
        ranks = {name: rank for rank, name in enumerate(self.order)}
        ordered = sorted(verdicts, key=lambda verdict: ranks.get(verdict.verifier, len(ranks)))
        first = next((verdict for verdict in ordered if verdict.outcome != "undecided"), ordered[-1])
        return ruling(self, [first], first.outcome)  # the rule names only the verifier that decided


POLICIES: Mapping[str, Callable[..., Policy]] = ByName(
    {
        "first_decided": FirstDecided,
        "all_of": AllOf,
        "any_of": AnyOf,
        "majority": Majority,
        "min_value": MinValue,
        "prefer": Prefer,
    }
)
PLAIN: Policy = FirstDecided()
"""Policy of a recipe without `accept`."""


def policy_part(recipe: Mapping[str, Any]) -> Mapping[str, Any]:
    """The part of a recorded recipe that names its policy; the plain chain if it names none."""
    part: Mapping[str, Any] = recipe.get("accept") or {"method": PLAIN.name, "options": {}}
    return part
