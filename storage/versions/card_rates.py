"""The card's part on how often the verifiers err: measured rates by difficulty band, or that nothing was measured.

From the manifest alone. Knows no audit; every number stands with its n, its interval, its estimand and its method.
"""

from collections.abc import Mapping, Sequence
from typing import Any

_RATES = (
    ("false_accept_rate", "false accepts"),
    ("false_reject_rate", "false rejects"),
    ("precision_kept", "precision of the kept set"),
)
_UNKNOWN = (
    "{name} {version}: **not audited**. Nobody has measured how often it accepts a wrong rollout or rejects a right one; "
    "`rollmill audit verifier {name}` draws rollouts for people to judge."
)
Rows = list[list[Any]]


def verifier_section(rates: Sequence[Mapping[str, Any]], run: str) -> str:
    """Markdown on every verifier of the version, `run` being the one it was made by."""
    return "\n\n".join(_one(rate, run) for rate in rates) or "none"


def _one(known: Mapping[str, Any], run: str) -> str:
    report = known["report"]
    stress = _stress(known.get("planted"))
    if report is None:
        return "\n".join([_UNKNOWN.format(name=known["verifier"], version=_code(known["version"])), *stress])
    own = bool(known.get("own", known["source"] == run))
    where = "this run" if known["source"] == run else f"another run, {_code(known['source'])}"
    where += ", which has the same rollouts and outcomes," if own and known["source"] != run else ""
    unsure = f" ({report['unsure']} more could not be told)" if report["unsure"] else ""
    overall = report["overall"]
    lines = [
        f"{known['verifier']} {_code(known['version'])}: {report['n']} rollouts of {where} drawn at random with recorded "
        f"probabilities and judged by people{unsure}, of {overall['rollouts']} it judged "
        f"(audit {_code(known['audit'])}). Bands are of the problem's pass rate as the verifier sees it.",
        "",
        *_table(["band", "rollouts", "audited", *_labels(own=own)], _bands(report)),
        *_corrected(report),
        *_methods(report),
        *_consequences(report),
        *stress,
    ]
    return "\n".join(lines)


def _labels(*, own: bool) -> list[str]:
    """The heads of the rates; another run kept another set."""
    return [label if own else label.replace("the kept set", "the set that run kept") for _, label in _RATES]


def _stress(planted: Mapping[str, Any] | None) -> list[str]:
    """The stress test in a sentence, under its label."""
    if planted is None:
        return []
    kinds = [
        f"{kind} {row['as_expected']} of {row['n']} {row['expected']} {_interval(row['rate'])}"
        for kind, row in planted["kinds"].items()
    ]
    return ["", f"A {planted['label']} (intervals over problems): {'; '.join(kinds)}."]


def _bands(report: Mapping[str, Any]) -> Rows:
    named = [("all", report["overall"]), *report["bands"].items()]
    return [[band, row["rollouts"], row["audited"], *(_rate(row[key]) for key, _ in _RATES)] for band, row in named]


def _corrected(report: Mapping[str, Any]) -> list[str]:
    found = report.get("pass_rate") or {}
    raw, corrected = found.get("verifier"), found.get("corrected")
    if not corrected:
        return []
    said = f"Pass rate ({corrected['estimand']}): {_rate(raw)} by the verifier, {_rate(corrected)} corrected"
    return ["", f"{said} ({corrected['n']} audited, {corrected['clusters']} clusters; {corrected['method']})."]


def _methods(report: Mapping[str, Any]) -> list[str]:
    rates = [(label, report["overall"][key]) for key, label in _RATES]
    said = [f"{label}: {rate['estimand']}, n = {rate['n']}, {rate['method']}" for label, rate in rates if rate]
    return ["", f"95% intervals. {'; '.join(said)}."] if said else []


def _consequences(report: Mapping[str, Any]) -> list[str]:
    found = report.get("consequences")
    if not found:
        return []
    best, worst, costs = found["at_estimate"], found["at_upper_bounds"], found["costs"]
    return [
        "",
        f"Drawing until accepted could be right on at most {best['ceiling']:.3f} of the problems however long it goes on "
        f"({worst['ceiling']:.3f} at both upper bounds). With a wrong completion worth {costs['wrong']:g} and a draw "
        f"costing {costs['draw']:g}, where a right one is worth 1, the best number of draws is {best['best_draws']} "
        f"({worst['best_draws']} at the bounds).",
    ]


def _rate(rate: Mapping[str, Any] | None) -> str:
    return "-" if rate is None else f"{rate['value']:.4f} [{rate['low']:.4f}, {rate['high']:.4f}]"


def _interval(rate: Mapping[str, Any] | None) -> str:
    return "" if rate is None else f"[{rate['low']:.3f}, {rate['high']:.3f}]"


def _table(head: Sequence[str], rows: Rows) -> list[str]:
    lines = ["| " + " | ".join(str(value) for value in row) + " |" for row in (head, *rows)]
    return [lines[0], "|" + "---|" * len(head), *lines[1:]]


def _code(text: str) -> str:
    """A name of somebody's choice as code, so that nothing in it is read as Markdown."""
    return "`" + str(text).replace("`", "'").replace("\n", " ").replace("|", "/") + "`"
