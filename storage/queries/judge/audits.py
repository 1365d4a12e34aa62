"""Audits with the rates from people's judgements so far: for commands, manifests and the dashboard.

Truth is the majority of the reviewers who could decide; a tie counts as undecided. Audits of one verifier version on one
run are one sample: their union is, stratum by stratum, a simple random sample of its size.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

from rollmill.ground.records import Outcome
from rollmill.stats import (
    Costs,
    Estimate,
    Judgement,
    Stratum,
    VerifierPassRate,
    audit_rates,
    consequences,
    krippendorff_alpha,
    population_mean,
    precision_within,
)
from rollmill.storage.audits import Audit, AuditItem, Audits, Pair, PersonJudgement
from rollmill.storage.queries.judge.audited import CHAIN, KeptSet, chain_of, chain_version, kept_set_of
from rollmill.storage.queries.scope import Scope

Row = dict[str, Any]
RATES = (
    ("false_accept_rate", "false accepts"),
    ("false_reject_rate", "false rejects"),
    ("precision_kept", "precision, kept"),
    ("precision_accepted", "precision, accepted"),
)
"""The rates of a report by their keys, in the words that people are shown."""


@dataclass(frozen=True, slots=True)
class KnownRates:
    """Rates of one version of a verifier; `audit` and `report` are None without an audit.

    `planted` is the newest stress test: shown under its label, and part of no rate. `own`: the audited rollouts belong to
    the queried run, whichever run they were drawn from.
    """

    verifier: str
    version: str
    audit: str | None = None
    source: str | None = None
    report: Row | None = None
    planted: Row | None = None
    own: bool = False

    @property
    def bound(self) -> float | None:
        """The upper bound of the false-accept rate; None while unknown."""
        rate = (self.report or {}).get("overall", {}).get("false_accept_rate")
        return None if rate is None else float(rate["high"])

    @property
    def adjudicated(self) -> bool:
        """True if a person judged every accept on the rarely solved problems of the queried run."""
        return self.own and bool((self.report or {}).get("rare_accepts_adjudicated"))

    def row(self) -> Row:
        """The rates as JSON values."""
        return asdict(self)


def truth_of(judgements: Iterable[PersonJudgement]) -> bool | None:
    """True for a rollout that is right by the majority of those who could decide; None for a tie or without judgements."""
    votes = Counter(judgement.judgement == "correct" for judgement in judgements if judgement.judgement != "unsure")
    return None if votes[True] == votes[False] else votes[True] > votes[False]


def outcome_of(judgements: Sequence[PersonJudgement]) -> Outcome:
    """The truth as an outcome: `unparsed` if all who refuse it say so, `undecided` without a majority."""
    truth = truth_of(judgements)
    if truth is None:
        return "undecided"
    refusals = {judgement.judgement for judgement in judgements} - {"correct", "unsure"}
    return "correct" if truth else "unparsed" if refusals == {"unparsed"} else "incorrect"


def rates_of_audit(audits: Audits, audit: Audit, costs: Costs | None = None, kept: KeptSet | None = None) -> Row:
    """Every rate of an audit from the current judgements, pooled with other audits of the same run.

    `kept`: another run's kept set of the same rollouts; the precision of the kept set is then that set's.
    """
    pooled, items, judgements = _pooled_audits(audits, audit)
    measured, place = _measured(audit, pooled)
    judged = {pair: _judged(item, judgements[pair], place) for pair, item in items.items() if pair in judgements}
    strata = [Stratum(**row) for row in audit.design["strata"]]
    rates = audit_rates(strata, list(judged.values()), measured)
    if kept is not None:
        # The sample was drawn before this kept set was known, so it is restricted to it afterwards (a domain estimate).
        inside = [(judgement, pair in kept.kept) for pair, judgement in judged.items()]
        rates["overall"]["precision_kept"] = precision_within(strata, inside, kept.size())
        for band, row in rates["bands"].items():
            mine = [stratum for stratum in strata if stratum.band == band]
            row["precision_kept"] = precision_within(mine, inside, kept.size(band))
    kinds = [(float(share), float(rate)) for share, rate in audit.design.get("kinds", [])]
    return {
        "drawn": len(items),
        "audits": sorted(other.id for other in pooled),
        **rates,
        "reviewers": reviewers(judgements),
        "consequences": consequences(rates, kinds, costs or Costs()),
    }


def judged_sample(audits: Audits, audit: Audit) -> tuple[list[Stratum], list[Judgement]]:
    """The strata of an audit, and people's judgements of its sample, those of the pooled audits included."""
    pooled, items, judgements = _pooled_audits(audits, audit)
    place = _measured(audit, pooled)[1]
    judged = [_judged(item, judgements[pair], place) for pair, item in items.items() if pair in judgements]
    return [Stratum(**row) for row in audit.design["strata"]], judged


def _pooled_audits(
    audits: Audits, audit: Audit
) -> tuple[list[Audit], dict[Pair, AuditItem], Mapping[Pair, Sequence[PersonJudgement]]]:
    """The audits of the same rollouts, their samples, and the judgements of these."""
    pooled = [other for other in audits.list(audit.verifier, audit.version, audit.source) if _same_strata(other, audit)]
    # By rollout: one drawn by two audits is one member of the pooled sample.
    items = {item.pair: item for other in pooled for item in audits.items(other.id)}
    return pooled, items, audits.judgements(list(items))


def known_rates(
    audits: Audits,
    verifiers: Sequence[tuple[str, str]],
    run: str | None = None,
    kept: Callable[[], KeptSet] | None = None,
) -> list[KnownRates]:
    """Rates of each verifier version: from this run's audit, else one of the same rollouts, else the largest.

    `kept` reads the kept set of this run, to which an audit of another run on the same rollouts is then applied. It reads
    every decision, so it is called at most once, and only for an audit of another run.
    """
    read = None if kept is None else cache(kept)
    return [_known(audits, name, version, run, read) for name, version in verifiers]


def scope_rates(scope: Scope) -> list[KnownRates]:
    """Current rates of the verifiers of a run or a dataset version, from the ledger."""
    if scope.version is not None:
        from rollmill.storage.versions.read import load_manifest

        manifest = load_manifest(scope.version)
        parts = [(part["name"], part["version"]) for part in manifest["verifiers"]]
        whole, run = chain_version(parts, manifest["recipe"].get("accept")), str(manifest.get("run", ""))
    else:
        assert scope.run is not None
        *parts, (_, whole) = chain_of(scope.run)
        run = scope.run.id
    known = known_rates(scope.reader.audits, [*parts, (CHAIN, whole)], run, lambda: kept_set_of(scope))
    # A chain that nobody audited is left out: its members say what is known.
    return [rates for rates in known if rates.verifier != CHAIN or rates.report is not None]


def bound_of(rates: Sequence[KnownRates]) -> float | None:
    """The upper bound of the false-accept rate of several verifiers together: the largest; None if one is unknown.

    0 if every rare accept was adjudicated: then no false accept among them is undetected.
    """
    if not rates or any(rate.bound is None for rate in rates):  # a verifier without an audit may accept anything
        return None
    open_rates = [rate.bound for rate in rates if rate.bound is not None and not rate.adjudicated]
    return max(open_rates, default=0.0)


def false_accept_bound(known: Sequence[KnownRates]) -> float | None:
    """The upper bound of the false-accept rate of accepted outcomes: the audited chain's, else that of all its
    verifiers."""
    chain = [rates for rates in known if rates.verifier == CHAIN and rates.bound is not None]
    return bound_of(chain or [rates for rates in known if rates.verifier != CHAIN])


def _known(audits: Audits, name: str, version: str, run: str | None, kept: Callable[[], KeptSet] | None) -> KnownRates:
    every = audits.list(name, version)
    planted = next((_stress(audit) for audit in every if audit.kind == "planted"), None)
    candidates = []
    for audit in every:
        if audit.kind == "natural":
            mine = kept() if kept is not None and audit.source != run else None
            shared = mine is not None and _same_rollouts(audits, audit, mine)
            report = rates_of_audit(audits, audit, kept=mine if shared else None)
            # The id comes last, so that ties are broken the same way every time.
            rank = (audit.source == run, shared, report["n"], audit.id)
            candidates.append(
                (rank, KnownRates(name, version, audit.id, audit.source, report, planted, audit.source == run or shared))
            )
    # An audit without a judgement could rank first and would hide what another one measured.
    judged = [(rank, known) for rank, known in candidates if rank[2]]
    return max(judged, key=lambda pair: pair[0])[1] if judged else KnownRates(name, version, planted=planted)


def _same_rollouts(audits: Audits, audit: Audit, kept: KeptSet) -> bool:
    """True for a run with the audit's rollouts and outcomes: equal numbers, and every drawn rollout."""
    # Numbers first: the drawn rollouts need another query of the ledger.
    if audit.design.get("outcomes") != kept.counted():
        return False
    return all(kept.outcomes.get(item.pair) == item.outcome for item in audits.items(audit.id))


def _stress(audit: Audit) -> Row:
    """A stress test without its falsely accepted examples."""
    kinds = {kind: {key: row[key] for key in row if key != "missed"} for kind, row in audit.report["kinds"].items()}
    return {"audit": audit.id, "source": audit.source, "label": audit.report["label"], "kinds": kinds}


def _same_strata(first: Audit, second: Audit) -> bool:
    """True for audits drawn from the same rollouts, whose items are one sample."""
    sizes = [{row["name"]: row["size"] for row in audit.design.get("strata", [])} for audit in (first, second)]
    return first.kind == second.kind == "natural" and sizes[0] == sizes[1]


def _measured(audit: Audit, pooled: Sequence[Audit]) -> tuple[VerifierPassRate | None, Mapping[str, int]]:
    """Pass rate by the verifier of every cluster, and the index of the cluster of each drawn problem."""
    raw = audit.design.get("raw")
    if raw is None:
        return None, {}
    clusters = [other.design.get("clusters") for other in pooled]
    # Older audits have no clusters, and their rollouts would have no index among these.
    if not all(clusters):
        return VerifierPassRate(Estimate(**raw), None), {}
    place = {problem: at for other in clusters if other for problem, at in other["place"].items()}
    return VerifierPassRate(Estimate(**raw), [(total, size) for total, size in audit.design["clusters"]["sums"]]), place


def _judged(item: AuditItem, judgements: Sequence[PersonJudgement], place: Mapping[str, int]) -> Judgement:
    truth = truth_of(judgements)
    right = None if truth is None else truth == (item.outcome == "correct")
    return Judgement(item.stratum, item.weight, right, place.get(item.problem_id))


def reviewers(judgements: Mapping[Pair, Sequence[PersonJudgement]]) -> Row:
    """Number of judgements by reviewer, and the agreement of two reviewers on the same rollout, raw and beyond chance."""
    counted = Counter(vote.judge for votes in judgements.values() for vote in votes)
    pairs = [
        (pair, (first.judgement == "correct") == (second.judgement == "correct"))
        for pair, votes in judgements.items()
        for index, first in enumerate(votes)
        for second in votes[index + 1 :]
        if "unsure" not in (first.judgement, second.judgement)
    ]
    agreement = population_mean(
        [float(same) for _, same in pairs],
        # The rollout is the cluster: three reviewers of one make three pairs that are not independent.
        [pair for pair, _ in pairs],
        estimand="share of pairs of judgements of one rollout that agree",
    )
    outcomes = [[vote.judgement for vote in votes if vote.judgement != "unsure"] for votes in judgements.values()]
    alpha = krippendorff_alpha(outcomes)
    return {
        "judged": dict(sorted(counted.items())),
        "agreement": None if agreement is None else asdict(agreement),
        "alpha": None if alpha is None else asdict(alpha),
    }
