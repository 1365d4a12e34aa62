"""Selection of the stored verdicts that hold under a changed verifier and are carried over; other rows are judged again.

A verifier lists its rules in the order in which it tries them, each with a version, and a verdict names the rule that
decided: `extraction:comparison`, or one rule. A changed rule can take rows from later ones and lose rows to them, so a
verdict holds only if every rule that was tried for it is the same, in the same order, with nothing new between. Of two-part
verdicts the extraction rules after the one that fired were not tried. A rule that is in no list is judged again.

No verdict is committed here: carried verdicts are copies under the new version, and become rows only when a person accepts.
A sample of them is judged after all, to check that the rules were declared correctly.
"""

import heapq
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from rollmill.ground.errors import SetupError
from rollmill.ground.ids import digest128
from rollmill.ground.records import Verdict
from rollmill.pipelines.verify.acceptance import Policy, asks
from rollmill.pipelines.verify.judging import Item, item_pair, lacked_resources, verdicts_of
from rollmill.roles.protocols import Verifier
from rollmill.storage.rollouts import Key, Pair

Rules = Sequence[tuple[str, str]]
VerdictsByVerifier = Mapping[Key, Verdict]
EXAMPLES = 5  # of carried verdicts that the verifier contradicts


@dataclass(frozen=True)
class VerifierChange:
    """Old and new version of a verifier. `extraction`: the names before the colon in its verdicts.

    `options_differ`: the recipe gives it other options now, which are in no rule's version.
    """

    name: str
    old: str
    new: str
    old_rules: Rules = ()
    new_rules: Rules = ()
    extraction: Collection[str] = ()
    options_differ: bool = False
    _known: dict[str, bool] = field(default_factory=dict, repr=False, compare=False)

    @property
    def whole(self) -> str | None:
        """Reason that all rows are judged again; None if the rules show which verdicts hold."""
        if self.options_differ:
            return "its options in the recipe changed"
        if not self.old_rules or not self.new_rules:
            return f"version {self.new if self.old_rules else self.old} names no rules"
        # The versions differ, and the rules do not show where.
        if list(self.old_rules) == list(self.new_rules):
            return "no rule changed, so something else did"
        if residue(self.old, self.old_rules) != residue(self.new, self.new_rules):
            return "more than its rules changed"
        return None

    @property
    def changed(self) -> list[str]:
        """The rules that are new, gone, or of another version, in order; those that only moved are not listed."""
        old, new = dict(self.old_rules), dict(self.new_rules)
        return [name for name in dict.fromkeys([*old, *new]) if old.get(name) != new.get(name)]

    def holds(self, verdict: Verdict) -> bool:
        """True if a stored verdict of the old version also holds under the new one."""
        # A verdict for want of resources says nothing of the rules and may be another one today.
        if self.whole is not None or lacked_resources(verdict):
            return False
        if verdict.rule not in self._known:  # few rules, millions of verdicts
            self._known[verdict.rule] = self._same_path(verdict.rule)
        return self._known[verdict.rule]

    def row(self) -> dict[str, Any]:
        """The record as JSON values."""
        return {"verifier": self.name, "old": self.old, "new": self.new, "changed_rules": self.changed, "whole": self.whole}

    def _same_path(self, rule: str) -> bool:
        path = rules_tried(rule, self.old_rules, self.extraction)
        return path is not None and path == rules_tried(rule, self.new_rules, self.extraction)


def rules_tried(rule: str, rules: Rules, extraction: Collection[str]) -> list[tuple[str, str]] | None:
    """The rules that were tried up to the one that decided, in order; None if it cannot be placed."""
    names = [name for name, _ in rules]
    parts = rule.split(":")
    # A rule that is listed twice has no single place in the order.
    if len(parts) > 2 or any(names.count(part) != 1 for part in parts):
        return None
    first, last = names.index(parts[0]), names.index(parts[-1])
    if first > last:
        return None
    # Between the extraction rule that fired and the comparison that decided, further extraction rules were passed over.
    passed = range(first + 1, last) if len(parts) == 2 else ()
    return [rules[at] for at in range(last + 1) if not (at in passed and names[at] in extraction)]


def residue(version: str, rules: Rules) -> str:
    """A version string without the parts on rules (a digest, or `name.version`).

    A version that does not speak of its rules has nothing to compare and counts as their number.
    """
    digest = digest128([list(rule) for rule in rules])[:8]
    if digest in version:
        return version.replace(digest, "")
    listed, parts = {f"{name}.{of}" for name, of in rules}, version.split("+")
    return "+".join(part for part in parts if part not in listed) if listed <= set(parts) else ""


@dataclass(frozen=True, slots=True)
class ChainEntry:
    """Verifier of the recipe: its key (name, version) for the run and for today, and its instance if installed.

    `change` is None if its version is the same, or if the command looks at another verifier only.
    """

    old: Key
    new: Key
    change: VerifierChange | None
    verifier: Verifier | None


@dataclass(slots=True)
class VerdictCounts:
    """Verdicts of one verifier: there already under its new version, carried over, judged again."""

    stored: int = 0
    carried: int = 0
    judged: int = 0


@dataclass(slots=True)
class RenewedVerdicts:
    """Renewed verdicts of some rows. `verdicts`: those that the policies need, by row and (verifier, new version)."""

    verdicts: dict[Pair, dict[Key, Verdict]] = field(default_factory=dict)
    carried: list[Verdict] = field(default_factory=list)
    judged: list[Verdict] = field(default_factory=list)


def renew(
    chain: Sequence[ChainEntry],
    policies: Sequence[Policy],
    items: Sequence[Item],
    stored: Mapping[Pair, VerdictsByVerifier],
    counts: Mapping[Key, VerdictCounts],
) -> RenewedVerdicts:
    """The verdicts of these rows, verifier by verifier, for the rows that the policies need."""
    renewed = RenewedVerdicts(verdicts={item_pair(item): {} for item in items})
    for entry in chain:
        missing = []
        for item in items:
            pair = item_pair(item)
            verdicts = renewed.verdicts[pair]
            # By the new verdicts: what an earlier verifier now leaves undecided needs the next one.
            if not any(asks(policy, entry.new[0], list(verdicts.values())) for policy in policies):
                continue
            verdict = _without_judging(entry, stored.get(pair, {}), counts[entry.new])
            if verdict is None:
                missing.append(item)
                continue
            verdicts[entry.new] = verdict
            # A stored verdict under the new version is a row already.
            if entry.new not in stored.get(pair, {}):
                renewed.carried.append(verdict)
        if not missing:
            continue
        if entry.verifier is None:
            name, version = entry.new
            raise SetupError(
                f"{len(missing)} rows now need verifier {name!r} in version {version}, which is not installed.",
                next_command="the same command without --verifier",
            )
        for verdict in verdicts_of(entry.verifier, missing):
            counts[entry.new].judged += 1
            renewed.judged.append(verdict)
            renewed.verdicts[verdict.completion_id, verdict.problem_id][entry.new] = verdict
    return renewed


def _without_judging(entry: ChainEntry, verdicts: VerdictsByVerifier, counts: VerdictCounts) -> Verdict | None:
    """The stored verdict under the new version, or the old verdict if the change cannot affect it."""
    if entry.new in verdicts:
        counts.stored += 1
        return verdicts[entry.new]
    before = verdicts.get(entry.old)
    if before is None or entry.change is None or not entry.change.holds(before):
        return None
    counts.carried += 1
    return replace(before, version=entry.new[1])


@dataclass(slots=True)
class CarriedSample:
    """At most `size` carried verdicts with their rollouts, to be checked by judging.

    The ids of the rows alone determine the sample, so the same run is checked on the same rows everywhere.
    """

    size: int
    _kept: list[tuple[str, Verdict, Item]] = field(default_factory=list)

    def offer(self, carried: Sequence[Verdict], items: Sequence[Item]) -> None:
        """Take those of these that belong into the sample: the smallest digests of all."""
        if not self.size:
            return
        item_of = {item_pair(item): item for item in items}
        offered = [
            # By hash: the sample does not depend on the size of the groups in which rows are offered.
            (digest128([v.completion_id, v.problem_id, v.verifier]), v, item_of[v.completion_id, v.problem_id])
            for v in carried
        ]
        self._kept = heapq.nsmallest(self.size, [*self._kept, *offered], key=lambda entry: entry[0])

    def check(self, chain: Sequence[ChainEntry]) -> dict[str, Any]:
        """Number of carried verdicts that were checked, and those that differ, as JSON values."""
        contradicted = []
        for entry in chain:
            mine = [(old, item) for _, old, item in self._kept if (old.verifier, old.version) == entry.new]
            if mine and entry.verifier is not None:
                judged = verdicts_of(entry.verifier, [item for _, item in mine])
                contradicted += [
                    (old, now)
                    for (old, _), now in zip(mine, judged, strict=True)
                    # Time and evidence are no part of the conclusion: they may differ from machine to machine.
                    if replace(old, seconds=None, evidence=None) != replace(now, seconds=None, evidence=None)
                ]
        return {
            "checked": len(self._kept),
            "untrue": len(contradicted),
            "examples": [
                {
                    "completion": old.completion_id,
                    "verifier": old.verifier,
                    "carried": f"{old.outcome} by {old.rule}",
                    "judged": f"{now.outcome} by {now.rule}",
                }
                for old, now in contradicted[:EXAMPLES]
            ],
        }
