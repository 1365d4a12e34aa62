"""What a change of a verifier's rules can reach: which stored verdicts hold under the new version as they are. Pure.

A verifier lists its rules in the order in which it tries them, each with a version, and a verdict names the rule that
decided: `extraction:comparison`, or one rule. A changed rule can take rows from later ones and lose rows to them, so a
verdict holds only if every rule that was tried for it is the same, in the same order, with nothing new between. Of two-part
verdicts the extraction rules after the one that fired were not tried. Whatever cannot be placed is judged again.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from flows.rounds.verify import lacked_resources
from storage.ids import digest128
from storage.records import Verdict

Rules = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Change:
    """One verifier before and after. `extraction`: the names that stand before the colon in its verdicts.

    `options_differ`: the recipe gives it other options now, which no rule's version tells.
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
        """Why everything is judged again, None where the rules tell what need not be."""
        if self.options_differ:
            return "its options in the recipe changed"
        if not self.old_rules or not self.new_rules:
            return f"version {self.new if self.old_rules else self.old} names no rules"
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
        """Whether a stored verdict of the old version is also the new version's."""
        if self.whole is not None or lacked_resources(verdict):
            return False
        if verdict.rule not in self._known:
            self._known[verdict.rule] = self._same_path(verdict.rule)
        return self._known[verdict.rule]

    def row(self) -> dict[str, Any]:
        """As JSON values."""
        return {"verifier": self.name, "old": self.old, "new": self.new, "changed_rules": self.changed, "whole": self.whole}

    def _same_path(self, rule: str) -> bool:
        path = tried(rule, self.old_rules, self.extraction)
        return path is not None and path == tried(rule, self.new_rules, self.extraction)


def tried(rule: str, rules: Rules, extraction: Collection[str]) -> list[tuple[str, str]] | None:
    """The rules that were tried up to the one that decided, in order; None where it cannot be placed."""
    names = [name for name, _ in rules]
    parts = rule.split(":")
    if len(parts) > 2 or any(names.count(part) != 1 for part in parts):
        return None
    first, last = names.index(parts[0]), names.index(parts[-1])
    if first > last:
        return None
    passed = range(first + 1, last) if len(parts) == 2 else ()
    return [rules[at] for at in range(last + 1) if not (at in passed and names[at] in extraction)]


def residue(version: str, rules: Rules) -> str:
    """A version string without what it says of the rules, by their digest or by `name.version`: the rest of what decides.

    A version that does not speak of its rules has nothing to compare and counts as their number.
    """
    digest = digest128([list(rule) for rule in rules])[:8]
    if digest in version:
        return version.replace(digest, "")
    listed, parts = {f"{name}.{of}" for name, of in rules}, version.split("+")
    return "+".join(part for part in parts if part not in listed) if listed <= set(parts) else ""
