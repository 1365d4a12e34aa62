"""An audit as a page for a person: rates with n, interval, estimand and method, and what follows from them. Pure text."""

from collections.abc import Mapping
from typing import Any

from flows.cli.output import columns

RATES = (
    ("false_accept_rate", "false accepts"),
    ("false_reject_rate", "false rejects"),
    ("precision_kept", "precision, kept"),
    ("precision_accepted", "precision, accepted"),
    ("verdict_accuracy", "verdicts right"),
    ("share_right", "rollouts right"),
)
BAND_RATES = RATES[:3]
MOST = 1_024  # how far the best number of draws is looked for


def described(row: Mapping[str, Any]) -> str:
    """The whole page."""
    lines = _planted(row) if row["kind"] == "planted" else _natural(row)
    return "\n".join(lines)


def _natural(row: Mapping[str, Any]) -> list[str]:
    design, report = row["design"], row["report"]
    lines = [
        f"{row['audit']}: {row['verifier']} {row['version']} on {row['source']}",
        f"  {design['n']:,} of {design['population']:,} judged rollouts drawn in {len(design['strata'])} strata (outcome, "
        f"difficulty band, rule), seed {design['seed']}; {design['undecided']:,} undecided are in no rate.",
    ]
    if row["dry_run"]:
        return [*lines, "  Nothing was written."]
    unsure = f", {report['unsure']:,} could not be told" if report["unsure"] else ""
    left = report["drawn"] - report["n"] - report["unsure"]
    lines.append(f"  {report['n']:,} judged by people{unsure}, {left:,} wait.")
    agreement = report["reviewers"]["agreement"]
    if agreement:
        lines.append(f"  reviewers agree on {_rate(agreement)} of {agreement['n']:,} pairs of judgements")
    if report["unseen_strata"]:
        lines.append(f"  {len(report['unseen_strata'])} strata have no judgement yet: rates over them are open.")
    lines += ["", *_overall(report), "", *_bands(report), *_consequences(report)]
    return [*lines, "", f"Next: rollmill review {row['audit']}"] if left else lines


def _overall(report: Mapping[str, Any]) -> list[str]:
    rows = [
        [label, _rate(rate), rate["n"], rate["estimand"]]
        for key, label in RATES
        if (rate := report["overall"][key]) is not None
    ]
    corrected = report.get("pass_rate", {}).get("corrected")
    if corrected:
        raw = report["pass_rate"]["verifier"]
        rows.append(["pass rate, verifier", _rate(raw), raw["n"], raw["estimand"]])
        rows.append(["pass rate, corrected", _rate(corrected), corrected["n"], corrected["estimand"]])
    if not rows:
        return ["No rate yet: nobody has judged a rollout of every stratum."]
    methods = dict.fromkeys(rate["method"] for key, _ in RATES if (rate := report["overall"][key]) is not None)
    return [columns(["rate", "value [95% interval]", "n", "estimand"], rows), f"method: {'; '.join(methods)}"]


def _bands(report: Mapping[str, Any]) -> list[str]:
    rows = [
        [band, row["rollouts"], row["accepted"], row["audited"], *(_rate(row[key]) for key, _ in BAND_RATES)]
        for band, row in report["bands"].items()
    ]
    head = ["pass rate of problem", "rollouts", "accepted", "audited", *(label for _, label in BAND_RATES)]
    return [columns(head, rows)] if rows else []


def _consequences(report: Mapping[str, Any]) -> list[str]:
    found = report["consequences"]
    if found is None:
        return []
    costs, rows = found["costs"], []
    for label, key in (("at the estimates", "at_estimate"), ("at both upper bounds", "at_upper_bounds")):
        one = found[key]
        best = f"{one['best_draws']:,}" if one["best_draws"] < MOST else f"{MOST:,} or more"
        rows.append([label, one["ceiling"], best, one["value"], one["kept_precision"]])
    k = found["largest_k"]
    shown = f"k = {k}" if k is not None else "any k (every accept on rarely solved problems was adjudicated)"
    return [
        "",
        f"Drawing until accepted; right 1, wrong {costs['wrong']:g}, a draw costs {costs['draw']:g}:",
        columns(["", "ceiling", "best draws", "value", f"precision until {costs['target']}, cap {costs['cap']}"], rows),
        f"pass@k may be shown up to {shown}.",
    ]


def _planted(row: Mapping[str, Any]) -> list[str]:
    design, report = row["design"], row["report"]
    rows = [
        [kind, one["expected"], one["as_expected"], one["n"], one["undecided"], _rate(one["rate"])]
        for kind, one in report["kinds"].items()
    ]
    return [
        f"{row['audit']}: {row['verifier']} {row['version']}",
        f"  {report['label']}.",
        f"  {design['variants']:,} variants of {design['rollouts']:,} accepted rollouts of {row['source']}, "
        f"seed {design['seed']}.",
        "",
        columns(["kind", "should be", "were", "n", "undecided", "rate [95% interval over problems]"], rows),
        *(["", "Nothing was written."] if row["dry_run"] else []),
    ]


def _rate(rate: Mapping[str, Any] | None) -> str:
    return "-" if rate is None else f"{rate['value']:.4f} [{rate['low']:.4f}, {rate['high']:.4f}]"
