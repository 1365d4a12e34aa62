"""Sample of rollouts that a person should judge: stratified, random, with exact inclusion probabilities.

The sample is a pure function of the rollouts, the size and the seed. Within a stratum rollouts are ordered by a hash, and
strata take turns by a rule under which a larger sample holds the smaller one: an audit is extended by asking for more, and
one that is left half done is the audit of the size that was done.
"""

import heapq
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rollmill.ground.ids import digest128
from rollmill.stats import Stratum

SEPARATOR = " | "
FIRST = 2  # every stratum is seen this often before any is weighed: one member shows no spread
_COMMON = 0.1  # share of its side from which a rule is a stratum of its own
_SMALL = 20  # rollouts: smaller strata of a side and band are put together


@dataclass(frozen=True, slots=True)
class SampledRow:
    """A rollout with a yes or no of the verifier. `weight`: its share in the mean pass rate over problems, or 0."""

    completion_id: str
    problem_id: str
    outcome: str
    rule: str
    band: str
    kept: bool = False
    weight: float = 0.0

    @property
    def accepted(self) -> bool:
        """True if the verifier said correct."""
        return self.outcome == "correct"

    @property
    def side(self) -> str:
        """Accepted rollouts by whether they were kept, rejected ones by outcome."""
        return ("kept" if self.kept else "accepted") if self.accepted else self.outcome


@dataclass(frozen=True, slots=True)
class SampledItem:
    """A drawn rollout in the order of review; `probability` is that of being in a sample of this size."""

    ordinal: int
    row: SampledRow
    stratum: str
    probability: float


def strata_of(rows: Sequence[SampledRow]) -> dict[str, list[SampledRow]]:
    """Rows by side, band and rule: rules with a tenth of their side by name, the rest and small strata together."""
    sides = Counter(row.side for row in rows)
    rules = Counter((row.side, _rule(row)) for row in rows)
    fine: dict[tuple[str, str, str], list[SampledRow]] = {}
    for row in rows:
        common = rules[row.side, _rule(row)] >= _COMMON * sides[row.side]
        fine.setdefault((row.side, row.band, _rule(row) if common else "other"), []).append(row)
    strata: dict[str, list[SampledRow]] = {}
    for (side, band, rule), members in sorted(fine.items()):
        name = SEPARATOR.join((side, band, rule if len(members) >= _SMALL else "other"))
        strata.setdefault(name, []).extend(members)
    return strata


def describe(strata: Mapping[str, Sequence[SampledRow]]) -> list[Stratum]:
    """Strata as an estimate needs them."""
    return [
        Stratum(
            name=name,
            size=len(rows),
            accepted=rows[0].accepted,
            band=rows[0].band,
            side=rows[0].side,
            weight=(weight := math.fsum(row.weight for row in rows)),
            unit=math.fsum(row.weight**2 for row in rows) / weight if weight else 0.0,
        )
        for name, rows in strata.items()
    ]


def draw(strata: Mapping[str, Sequence[SampledRow]], n: int, seed: int) -> list[SampledItem]:
    """At most n rollouts in the order in which they should be judged."""
    order = turns({name: len(rows) for name, rows in strata.items()}, n, seed)
    taken = Counter(order)
    ranked = {name: iter(ranking(strata[name], seed)) for name in taken}
    probability = {name: count / len(strata[name]) for name, count in taken.items()}
    return [SampledItem(position, next(ranked[name]), name, probability[name]) for position, name in enumerate(order)]


def draw_simple(strata: Mapping[str, Sequence[SampledRow]], n: int, seed: int) -> list[SampledItem]:
    """At most n rollouts, each with the same chance, in random order: a simple random sample, as certificates need it."""
    names = {(row.completion_id, row.problem_id): name for name, rows in strata.items() for row in rows}
    ranked = ranking([row for rows in strata.values() for row in rows], seed)[:n]
    share = len(ranked) / max(1, len(names))
    return [
        SampledItem(position, row, names[row.completion_id, row.problem_id], share) for position, row in enumerate(ranked)
    ]


def ranking(rows: Sequence[SampledRow], seed: int) -> list[SampledRow]:
    """The rows in the random order of this seed: any first m of them are a simple random sample of m."""
    return sorted(rows, key=lambda row: digest128(["audit", seed, row.completion_id, row.problem_id]))


def turns(sizes: Mapping[str, int], n: int, seed: int) -> list[str]:
    """Strata of the next n rollouts, in order; a smaller n gives the beginning of the same list.

    First FIRST rounds over all strata, in random order, then Sainte-Lague: the next goes where claim / (had + 1/2) is
    largest. A stratum's claim is half its share of the rollouts and half its share of the roots of the sizes, so that rare
    accepts are seen without the common ones being neglected.
    """
    every, roots = sum(sizes.values()), sum(math.sqrt(size) for size in sizes.values())
    shuffled = sorted(sizes, key=lambda name: digest128(["turns", seed, name]))
    order = [name for turn in range(FIRST) for name in shuffled if turn < sizes[name]]
    had = Counter(order)
    claim = {name: size / every + math.sqrt(size) / roots for name, size in sizes.items()}
    # Equal claims go by name, so that the order of the mapping decides nothing.
    heap = [(-claim[name] / (had[name] + 0.5), name) for name in sizes if had[name] < sizes[name]]
    heapq.heapify(heap)
    while heap and len(order) < n:
        name = heapq.heappop(heap)[1]
        order.append(name)
        had[name] += 1
        if had[name] < sizes[name]:
            heapq.heappush(heap, (-claim[name] / (had[name] + 0.5), name))
    return order[:n]


def _rule(row: SampledRow) -> str:
    """Rule by which the answer was compared; where it was found matters less."""
    return row.rule.rsplit(":", 1)[-1] or "other"
