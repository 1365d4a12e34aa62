"""Verdicts of a run's rows under its verifiers of today: stored ones, carried ones, and new ones where neither will do.

Works on the rows of a few problems at a time and commits nothing. Carried verdicts are copies under the new version; they
become rows only when a person accepts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from flows.rejudging.reverify_rules import Change
from flows.rounds.verify import Item, verdicts_of
from pipelines.protocols import Verifier
from pipelines.verify.acceptance import Policy, asks
from storage.errors import SetupError
from storage.records import Verdict
from storage.rollouts import Key, Pair

Said = Mapping[Key, Verdict]


@dataclass(frozen=True, slots=True)
class Seat:
    """One verifier of the recipe: as it judged the run, as it is to judge now, and the instance where there is one."""

    old: Key
    new: Key
    change: Change | None
    verifier: Verifier | None


@dataclass(slots=True)
class Counts:
    """Verdicts of one verifier: there already under its new version, carried over, judged again."""

    stored: int = 0
    carried: int = 0
    judged: int = 0


@dataclass(slots=True)
class RenewedVerdicts:
    """What became of some rows. `verdicts`: by row and (verifier, new version), those that the policies ask for."""

    verdicts: dict[Pair, dict[Key, Verdict]] = field(default_factory=dict)
    carried: list[Verdict] = field(default_factory=list)
    judged: list[Verdict] = field(default_factory=list)


def renew(
    seats: Sequence[Seat],
    policies: Sequence[Policy],
    items: Sequence[Item],
    stored: Mapping[Pair, Said],
    counts: Mapping[Key, Counts],
) -> RenewedVerdicts:
    """The verdicts of these rows, verifier by verifier, each asked for the rows that the policies need it for."""
    made = RenewedVerdicts(verdicts={pair_of(item): {} for item in items})
    for seat in seats:
        missing = []
        for item in items:
            pair = pair_of(item)
            said = made.verdicts[pair]
            if not any(asks(policy, seat.new[0], list(said.values())) for policy in policies):
                continue
            found = _without_judging(seat, stored.get(pair, {}), counts[seat.new])
            if found is None:
                missing.append(item)
            else:
                said[seat.new] = found
                if seat.new not in stored.get(pair, {}):
                    made.carried.append(found)
        for verdict in _judged(seat, missing):
            counts[seat.new].judged += 1
            made.judged.append(verdict)
            made.verdicts[verdict.completion_id, verdict.problem_id][seat.new] = verdict
    return made


def pair_of(item: Item) -> Pair:
    """(completion id, problem id) of a problem and its completion."""
    return item[1].id, item[0].id


def _without_judging(seat: Seat, said: Said, counts: Counts) -> Verdict | None:
    """The verdict that is there under the new version, or the old one's if the change cannot have reached it."""
    if seat.new in said:
        counts.stored += 1
        return said[seat.new]
    before = said.get(seat.old)
    if before is None or seat.change is None or not seat.change.holds(before):
        return None
    counts.carried += 1
    return replace(before, version=seat.new[1])


def _judged(seat: Seat, items: Sequence[Item]) -> list[Verdict]:
    if not items:
        return []
    if seat.verifier is None:
        raise SetupError(
            f"{len(items)} rows now need verifier {seat.new[0]!r} in version {seat.new[1]}, which is not installed.",
            next_command="the same command without --verifier",
        )
    return list(verdicts_of(seat.verifier, items))
