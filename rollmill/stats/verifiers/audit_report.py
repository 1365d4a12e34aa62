"""All rates of one audit, overall and by difficulty band, and their effect on sampling, as JSON values.

Judgements that a person could not make are left out as if at random within their stratum; the report adds the rates with
each of them counted as an error of the verifier.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from rollmill.stats.clusters.intervals import STRATIFIED, Estimate, StratumSample, sampled_share
from rollmill.stats.clusters.resampling import ErrorRates, accuracy_ceiling, best_draws, kept_precision, largest_k
from rollmill.stats.verifiers.verifier_error import (
    ErrorCell,
    corrected_mean,
    corrected_rate,
    false_accept_rate,
    false_reject_rate,
    precision,
    verdict_accuracy,
)

BANDS = (0.05, 0.2, 0.5, 0.8)
BAND_NAMES = ("0-.05", ".05-.2", ".2-.5", ".5-.8", ".8-1")
RARE = BAND_NAMES[:2]  # where a right completion is rare, accepts are mostly the verifier's errors
PROBLEMS = "mean pass rate of the population of problems"
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Stratum:
    """A group of rollouts that are alike to the verifier. `weight`: sum of their weights in the pass rate. `unit`: sum w^2
    / sum w.

    `side`: kept, accepted, incorrect or unparsed. `band`: difficulty band, by the problem's pass rate as the verifier
    measures it.
    """

    name: str
    size: int
    accepted: bool
    band: str
    side: str
    weight: float
    unit: float


@dataclass(frozen=True, slots=True)
class Judgement:
    """An audited rollout; `right` says whether the verdict agrees with the person, None if the person cannot decide.

    `cluster`: the place of its problem's cluster among `VerifierPassRate.sums`; not needed of rollouts that weigh nothing.
    """

    stratum: str
    weight: float
    right: bool | None
    cluster: int | None = None


@dataclass(frozen=True, slots=True)
class VerifierPassRate:
    """The verifier's own mean pass rate over the fixed prefix, and by cluster the sum of its problems' rates, their number.

    `sums` None: drawn before they were kept, so the corrected rate has no interval and is not shown.
    """

    raw: Estimate
    sums: Sequence[tuple[float, int]] | None


@dataclass(frozen=True, slots=True)
class Costs:
    """Value of draws until accepted: a right completion counts 1, a wrong one `wrong`, each draw costs `draw`."""

    wrong: float = -1.0
    draw: float = 0.0
    target: int = 4
    cap: int = 256


def band_of(rate: float) -> str:
    """The difficulty band of a pass rate."""
    return BAND_NAMES[sum(rate >= edge for edge in BANDS)]


def audit_rates(strata: Sequence[Stratum], judged: Sequence[Judgement], measured: VerifierPassRate | None = None) -> Row:
    """All rates overall and by difficulty band, as JSON values; null if a stratum has no judgement yet."""
    known = [judgement for judgement in judged if judgement.right is not None]
    unsure = len(judged) - len(known)
    waiting = sorted({s.name for s in strata if s.size} - {judgement.stratum for judgement in known})
    rows: Row = {
        "n": len(known),
        "rare_accepts_adjudicated": _adjudicated(strata, known),
        "unsure": unsure,
        "unseen_strata": waiting,
        "overall": _rates(strata, known),
        "bands": {name: _rates(mine, known) for name in BAND_NAMES if (mine := [s for s in strata if s.band == name])},
    }
    if measured is not None:
        corrected = None if measured.sums is None else _pass_rate(strata, known, measured.sums)
        rows["pass_rate"] = {"verifier": _json(measured.raw), "corrected": _json(corrected)}
    if unsure:
        worst = [replace(judgement, right=bool(judgement.right)) for judgement in judged]  # None becomes an error
        rows["overall_if_unsure_are_errors"] = _rates(strata, worst)
    return rows


def precision_within(strata: Sequence[Stratum], judged: Sequence[tuple[Judgement, bool]], size: int) -> Row | None:
    """The share right of `size` accepted rollouts that lie anywhere in these strata; the flag says which of the judged do.

    A domain estimate: the sample was drawn without knowing the set, which only has to be known now (Cochran 1977, section
    2.12). So an audit serves every selection from the rollouts that it was drawn from.
    """
    cells = []
    for stratum in strata:
        if stratum.accepted and stratum.size:
            mine = [pair for pair in judged if pair[0].stratum == stratum.name and pair[0].right is not None]
            # Members outside the set stay in the sample as 0: leaving them out would change the inclusion probabilities.
            wrong_inside = [float(inside and not judgement.right) for judgement, inside in mine]
            cells.append(StratumSample(stratum.size, wrong_inside))
    wrong = sampled_share(cells, float(size), estimand="") if size else None
    if wrong is None:
        return None
    n = sum(inside for judgement, inside in judged if judgement.right is not None)
    low, high = 1.0 - wrong.high, 1.0 - wrong.low
    return _json(
        Estimate(1.0 - wrong.value, low, high, n, n, f"{STRATIFIED}, of a domain", "share right of the kept rollouts")
    )


def consequences(rates: Mapping[str, Any], kinds: Sequence[tuple[float, float]], costs: Costs) -> Row | None:
    """Effect of these error rates on drawing until accepted: at the estimates, and at the upper bounds of both rates.

    `kinds` are (share of problems, true pass rate). None while the error rates are not known.
    """
    accept, reject = rates["overall"]["false_accept_rate"], rates["overall"]["false_reject_rate"]
    if accept is None or reject is None or not kinds:
        return None
    return {
        "costs": asdict(costs),
        "at_estimate": _consequences(ErrorRates(accept["value"], reject["value"]), kinds, costs),
        "at_upper_bounds": _consequences(ErrorRates(accept["high"], reject["high"]), kinds, costs),
        # Once people have judged every accept on rarely solved problems, false accepts explain no pass@k.
        "largest_k": None if rates["rare_accepts_adjudicated"] else largest_k(accept["high"]),
    }


def true_rates(shown: Sequence[tuple[float, float]], verifier: ErrorRates) -> list[tuple[float, float]]:
    """(share, shown pass rate) to (share, true pass rate): a = p (1 - fr) + (1 - p) fa solved for p and cut to [0, 1].

    Rogan & Gladen 1978, Am. J. Epidemiol. 107; with no power to distinguish right from wrong the shown rate stays.
    """
    power = 1.0 - verifier.false_reject - verifier.false_accept
    if power <= 0.0:
        return list(shown)
    return [(share, min(1.0, max(0.0, (rate - verifier.false_accept) / power))) for share, rate in shown]


def _adjudicated(strata: Sequence[Stratum], judged: Sequence[Judgement]) -> bool:
    """True if a person has judged every accepted rollout on the problems that are rarely solved."""
    rare = [stratum for stratum in strata if stratum.accepted and stratum.band in RARE]
    return bool(rare) and all(
        stratum.size == sum(judgement.stratum == stratum.name for judgement in judged) for stratum in rare
    )


def _consequences(verifier: ErrorRates, shown: Sequence[tuple[float, float]], costs: Costs) -> Row:
    kinds = true_rates(shown, verifier)
    best, value = best_draws(kinds, verifier, wrong=costs.wrong, draw=costs.draw)
    kept = {
        name: kept_precision(mine, verifier, target=costs.target, cap=costs.cap) for name, mine in _by_band(kinds).items()
    }
    return {
        "false_accept": verifier.false_accept,
        "false_reject": verifier.false_reject,
        "ceiling": accuracy_ceiling(kinds, verifier),
        "best_draws": best,
        "value": value,
        "kept_precision": kept_precision(kinds, verifier, target=costs.target, cap=costs.cap),
        "kept_precision_by_band": {name: value for name, value in kept.items() if value is not None},
    }


def _by_band(kinds: Sequence[tuple[float, float]]) -> dict[str, list[tuple[float, float]]]:
    bands: dict[str, list[tuple[float, float]]] = {name: [] for name in BAND_NAMES}
    for share, rate in kinds:
        bands[band_of(rate)].append((share, rate))
    return bands


def _rates(strata: Sequence[Stratum], judged: Sequence[Judgement]) -> Row:
    cells = {
        stratum.name: ErrorCell(
            stratum.accepted, stratum.size, [bool(j.right) for j in judged if j.stratum == stratum.name]
        )
        for stratum in strata
    }
    kept = [cells[stratum.name] for stratum in strata if stratum.side == "kept"]
    every = list(cells.values())
    return {
        "rollouts": sum(stratum.size for stratum in strata),
        "accepted": sum(stratum.size for stratum in strata if stratum.accepted),
        "audited": sum(len(cell.right) for cell in every),
        "false_accepts_seen": sum(cell.right.count(False) for cell in every if cell.accepted),
        "false_rejects_seen": sum(cell.right.count(False) for cell in every if not cell.accepted),
        "false_accept_rate": _json(false_accept_rate(every)),
        "false_reject_rate": _json(false_reject_rate(every)),
        "precision_accepted": _json(precision(every)),
        "precision_kept": _json(precision(kept, of="kept rollouts")),
        "verdict_accuracy": _json(verdict_accuracy(every)),
        "share_right": _json(corrected_rate(every)),
    }


def _pass_rate(
    strata: Sequence[Stratum], judged: Sequence[Judgement], sums: Sequence[tuple[float, int]]
) -> Estimate | None:
    cells, corrected = [], [total for total, _ in sums]
    problems = sum(size for _, size in sums)
    for stratum in strata:
        mine = [judgement for judgement in judged if judgement.stratum == stratum.name]
        right, weights = [bool(judgement.right) for judgement in mine], [judgement.weight for judgement in mine]
        cells.append(ErrorCell(stratum.accepted, stratum.size, right, weights, stratum.weight, stratum.unit))
        for judgement in mine:
            if not judgement.right and judgement.weight and judgement.cluster is not None:
                # Weights are shares of the mean over problems; an error stands for size / audited members of its stratum.
                change = problems * judgement.weight * stratum.size / len(mine)
                corrected[judgement.cluster] += -change if stratum.accepted else change
    by_cluster = [(total, size) for total, (_, size) in zip(corrected, sums, strict=True)]
    return corrected_mean(cells, by_cluster, estimand=PROBLEMS)


def _json(estimate: Estimate | None) -> Row | None:
    return None if estimate is None else asdict(estimate)
