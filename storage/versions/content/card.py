"""README.md of a version: the dataset card, a function of the manifest alone.

Its front matter follows the form of dataset hubs. It names the version by hash, not by number, which a rebase may change.
Every rate stands with its n, its interval, its estimand and its method, or the card says that nothing was measured.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from rollmill.ground.formats.rate_texts import interval_text, with_interval
from rollmill.ground.replies.faults import reply_lines
from rollmill.storage.artifacts.layout import kept_file, kept_files

_LEVEL = ("problems", "correct", "incorrect", "unparsed", "undecided", "kept")
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


@dataclass(frozen=True, slots=True)
class Folder:
    """An export as a folder for a hub: its format, its data files by split, its rows, and its left-out rows."""

    format: str
    splits: Mapping[str, str]
    rows: int
    left_out: Mapping[str, int] = field(default_factory=dict)


def card(manifest: Mapping[str, Any], folder: Folder | None = None) -> str:
    """The card as Markdown; `folder`: an export, whose card describes its part of the version."""
    levels, reasons = (manifest["counts"][key].items() for key in ("levels", "dropped_by_reason"))
    # Versions made before audits, or by hand, have no measured rates, and their cards say so.
    verifiers = manifest["verifiers"] if isinstance(manifest["verifiers"], list) else []
    bare = [{"verifier": part["name"], "version": part["version"], "report": None} for part in verifiers]
    rates = manifest.get("verifier_rates", bare)
    parts = [
        _front_matter(manifest, folder),
        f"# {manifest['name']} @ {manifest['hashes']['content'][:8]}",
        _summary(manifest, folder),
        "## Difficulty\n\n"
        + _table(("level", *_LEVEL), [(level, *(row[name] for name in _LEVEL)) for level, row in levels]),
        "## Why rollouts were dropped\n\n"
        + _table(("reason", "rollouts"), sorted(reasons, key=lambda item: (-item[1], item[0]))),
        "## What it took\n\n" + cost_section(manifest),
        *_given_up(manifest.get("funnel", {}).get("given_up")),
        "## How often the verifiers err\n\n" + verifier_section(rates, str(manifest.get("run", ""))),
        *_contamination(manifest.get("contamination")),
        "## Metrics\n\n" + _table(("metric", "value"), sorted(flatten(manifest["metrics"]).items())),
        "## How it was made\n\n" + _fenced(yaml.safe_dump(manifest["recipe"], sort_keys=True, allow_unicode=True)),
        "## Identity\n\n" + _identity(manifest),
        "## Reading it\n\n" + (_READING_A_FOLDER if folder else _READING),
        "## Limits\n\n" + _LIMITS,
    ]
    return "\n\n".join(parts) + "\n"


def flatten(value: Any, prefix: str = "") -> dict[str, Any]:
    """Nested objects as dotted keys; lists and scalars are leaves."""
    if not isinstance(value, Mapping):
        return {prefix: value}
    leaves: dict[str, Any] = {}
    for key, item in value.items():
        leaves.update(flatten(item, f"{prefix}.{key}" if prefix else str(key)))
    return leaves


def _front_matter(manifest: Mapping[str, Any], folder: Folder | None) -> str:
    kept = manifest["counts"]["kept"] if folder is None else folder.rows
    licences = sorted(manifest["counts"]["licences"])
    value = {
        "license": " ".join(licences[0].lower().split()) if len(licences) == 1 else "other",
        "pretty_name": manifest["name"],
        "size_categories": [next((name for limit, name in _SIZES if kept < limit), "n>1M")],
        "tags": ["rollouts", "verified"],
    }
    splits = folder.splits if folder else _kept_splits(manifest)
    if splits:
        files = [{"split": name, "path": path} for name, path in splits.items()]
        value["configs"] = [{"config_name": "default", "data_files": files}]
    return "---\n" + yaml.safe_dump(value, sort_keys=True) + "---"


def _kept_splits(manifest: Mapping[str, Any]) -> Mapping[str, str]:
    """The file of each split of the kept rows; none for versions of older programs."""
    groups = kept_files(manifest["counts"].get("splits", {}))
    return {name: kept_file(name, groups) for name in groups} if "splits" in manifest["counts"] else {}


def _summary(manifest: Mapping[str, Any], folder: Folder | None) -> str:
    counts = manifest["counts"]
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in counts["outcomes"].items()) or "none judged"
    unjudged = counts.get("unjudged", 0)
    beside = f"; {unjudged} completions of steps that nobody judges stand beside them" if unjudged else ""
    made = (
        f"{counts['problems']} problems, {counts['rollouts']} rollouts ({outcomes}); {counts['kept']} kept, "
        f"{counts['dropped']} dropped"
    )
    made += "".join(
        f". {cell(text[:1].upper() + text[1:])}" for text in reply_lines(manifest.get("funnel", {}).get("replies", {}))
    )
    if folder is None:
        inside = (
            "All rollouts of the plan are inside, each with its decision and reason; the view `kept` is the training set"
        )
        return f"{made}. {inside}{beside}."
    left_out = "".join(f"; left out: {count} {what}" for what, count in folder.left_out.items())
    return f"{folder.rows} rows of the format `{folder.format}` are inside{left_out}. The version that they are of: {made}."


def _given_up(rule: Mapping[str, Any] | None) -> list[str]:
    """Evidence on the budget's rule from the given-up problems that continued at random; empty without such problems."""
    if not rule or not rule["continued"]:
        return []
    total, went_on = rule["stopped"] + rule["continued"], rule["continued"]
    text = f"The budget gave {total} problems up as hopeless; {went_on} of them, chosen at random, were drawn on"
    if rule["error"] is not None:
        interval = f"{rule['error']:.3f}, 95% interval {rule['low']:.3f} to {rule['high']:.3f} (Clopper-Pearson)"
        cut = f" ({rule['cut']} ended because the total was spent)" if rule.get("cut") else ""
        text += f", and {rule['met']} of the {rule['ended']} that ended{cut} met their target: {interval}"
    return [f"## Problems given up\n\n{text}."]


def _contamination(compared: Mapping[str, Any] | None) -> list[str]:
    """Result of the comparison with evaluation problems, and its power; empty without a measured power."""
    if not compared:
        return []
    classes = ", ".join(f"{count} {name}" for name, count in compared["classes"].items())
    certificate = compared["certificate"]
    named = [(f"{row['edit']} copies in a {row['place']}", row) for row in certificate["recall"]]
    named += [(f"called leaks: {row['pairs']} in a {row['place']}", row) for row in certificate["false_flags"]]
    rows = [
        (name, f"{row['found']} of {row['n']}", f"{row['low']:.3f} to {row['high']:.3f}") for name, row in named if row["n"]
    ]
    text = (
        f"Compared with {compared['problems']} evaluation problems: {classes}. What the comparison finds of planted copies:"
    )
    return [f"## Contamination\n\n{text}\n\n" + _table(("copies", "found", "95% interval"), rows)]


def _identity(manifest: Mapping[str, Any]) -> str:
    rows = [(f"{kind} hash", f"`{digest}`") for kind, digest in sorted(manifest["hashes"].items())]
    rows += [("recipe hash", f"`{manifest['recipe_hash']}`"), ("parent", f"`{manifest['parent'] or 'none'}`")]
    rows += [("models", ", ".join(f"{model} ({count})" for model, count in manifest["counts"].get("models", {}).items()))]
    rows += [("licences", ", ".join(manifest["counts"]["licences"])), ("sources", ", ".join(manifest["counts"]["sources"]))]
    if attempts := manifest.get("gate_attempts"):
        text = f"{attempts['attempts']}, of which {attempts['passed']} passed"
        rows.append(("gate attempts on this dataset, this one included", text))
    rows += [(f"fingerprint {key}", str(value)) for key, value in sorted(flatten(manifest["fingerprint"]).items()) if key]
    return _table(("what", "value"), rows)


def _fenced(text: str) -> str:
    """YAML in a fence longer than any run of backticks in it, so that nothing in it ends the fence."""
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence}yaml\n{text}{fence}"


def _table(header: tuple[str, ...], rows: Any) -> str:
    lines = ["| " + " | ".join(cell(value) for value in row) + " |" for row in (header, *rows)]
    if len(lines) == 1:
        return "none"
    return "\n".join([lines[0], "|" + "---|" * len(header), *lines[1:]])


def cell(value: Any) -> str:
    """A value as one cell. Names of models, sources and licences are a user's data: links, images and tags are escaped."""
    text = " ".join(str(value).splitlines()).replace("|", "\\|")
    return text.replace("](", "]\\(").replace("<", "&lt;")


_READING = """```python
import datasets, duckdb, polars

kept = datasets.load_dataset("FOLDER")  # of this file
kept = polars.scan_parquet("FOLDER/kept*.parquet")
tables = duckdb.connect("FOLDER/dataset.duckdb", read_only=True)
```

`rollmill dataset path NAME` writes these files again where they are missing. `shards/` has the rows of each table."""

_READING_A_FOLDER = """```python
from datasets import load_dataset
rows = load_dataset("FOLDER_OR_REPOSITORY", split="train")
```"""

_LIMITS = (
    "Rollouts drawn adaptively are data, not measurements: their shares say how hard the kept rows were to get, not how "
    "often the model is right. `undecided` counts in no rate. A verdict is as good as the verifier named in the manifest. "
    "Every look at a gate is a chance to pass it by luck: the attempts are counted above."
)


_NAMES = {
    "draws": "completions",
    "tokens_in": "tokens in",
    "tokens_out": "tokens out",
    "tokens": "tokens",
    "solved": "problems solved",
    "kept": "rollouts kept",
}


def cost_section(manifest: Mapping[str, Any]) -> str:
    """Markdown on costs; the text for versions made before costs were counted, or by hand, says so."""
    cost = manifest.get("cost")
    if not cost:
        return "Not counted when this version was made."
    return "\n\n".join([_tokens(cost), *_forecast(manifest.get("forecast"))])


def _tokens(cost: Mapping[str, Any]) -> str:
    per_kept = cost["tokens_per_kept"]
    each = "no row is kept" if per_kept is None else f"{per_kept:,.1f} tokens per kept row (n = {cost['kept']:,})"
    unknown = f" {cost['uncounted']:,} of them came without token counts and count as 0." if cost["uncounted"] else ""
    return (
        f"{cost['tokens_in']:,} tokens in and {cost['tokens_out']:,} out over {cost['completions']:,} completions, kept or "
        f"not, whoever drew them: {each}.{unknown}"
    )


def _forecast(forecast: Mapping[str, Any] | None) -> list[str]:
    """The forecast made before the run began, beside the actual values."""
    if not forecast:
        return []
    rows = [
        (_NAMES[name], f"{row['median']:,.0f}", f"[{row['low95']:,.0f}, {row['high95']:,.0f}]", f"{row['actual']:,.0f}")
        for name, row in forecast["totals"].items()
        if name in _NAMES
    ]
    text = (
        f"A forecast from {forecast['source']} was made before the run began; {forecast['inside95']} of its "
        f"{forecast['n']} 95% intervals held and {forecast['inside80']} of the 80% ones, levels included."
    )
    return [text, _table(("forecast", "median", "95% interval", "came"), rows)]


_RATES = (
    ("false_accept_rate", "false accepts"),
    ("false_reject_rate", "false rejects"),
    ("precision_kept", "precision of the kept set"),
)
_AUDIT = "`rollmill audit verifier {name}` draws rollouts for people to judge."


def verifier_section(rates: Sequence[Mapping[str, Any]], run: str) -> str:
    """Markdown on every verifier of the version; `run` is the version's run."""
    return "\n\n".join(_measured(rate, run) for rate in rates) or "none"


def _measured(known: Mapping[str, Any], run: str) -> str:
    report = known["report"]
    stress = _stress(known.get("planted"))
    if report is None:
        return "\n".join([_unaudited(known), *stress])
    own = bool(known.get("own", known["source"] == run))
    where = "this run" if known["source"] == run else f"another run, {_code(known['source'])}"
    where += ", which has the same rollouts and outcomes," if own and known["source"] != run else ""
    unsure = f" ({report['unsure']} more could not be told)" if report["unsure"] else ""
    overall = report["overall"]
    named = [("all", overall), *report["bands"].items()]
    bands = [[band, row["rollouts"], row["audited"], *(_rate(row[key]) for key, _ in _RATES)] for band, row in named]
    # Another run kept another set, so its precision does not hold for this version.
    labels = [label if own else label.replace("the kept set", "the set that run kept") for _, label in _RATES]
    lines = [
        f"{known['verifier']} {_code(known['version'])}: {report['n']} rollouts of {where} drawn at random with recorded "
        f"probabilities and judged by people{unsure}, of {overall['rollouts']} it judged "
        f"(audit {_code(known['audit'])}). Bands are of the problem's pass rate as the verifier sees it.",
        "",
        _table(("band", "rollouts", "audited", *labels), bands),
        *_corrected(report),
        *_methods(report),
        *_consequences(report),
        *stress,
    ]
    return "\n".join(lines)


def _unaudited(known: Mapping[str, Any]) -> str:
    """What was measured of a verifier that nobody audited on this dataset."""
    name, version, row = known["verifier"], _code(known["version"]), known.get("measured")
    audit = _AUDIT.format(name=name)
    if not row:
        counted = f"No errors of this version of it are on record; `rollmill certify {name}` counts them on a suite."
        return f"{name} {version}: **not audited** on this dataset. {counted} {audit}"
    wrong, right, read = row["false_accept"], row["false_reject"], row.get("read")
    told = [f"{_share(wrong)} wrong answers accepted"] if wrong else []
    told += [f"{_share(right)} right ones rejected"] if right else []
    text = f"On suite `{row['suite']}` of `rollmill certify`, {', '.join(told)}."
    if read:
        text += f" {_share(read)} accepted pairs that differ in spelling, of {read['of']}, were read and found wrong."
    return f"{name} {version}: **not audited** on this dataset. {text} 95% intervals. {audit}"


def _share(rate: Mapping[str, Any]) -> str:
    return f"{rate['count']} of {rate['n']:,} {interval_text(rate['low'], rate['high'])}"


def _stress(planted: Mapping[str, Any] | None) -> list[str]:
    """The stress test in a sentence, under its label."""
    if planted is None:
        return []
    kinds = []
    for kind, row in planted["kinds"].items():
        interval = interval_text(row["rate"]["low"], row["rate"]["high"]) if row["rate"] is not None else ""
        kinds.append(f"{kind} {row['as_expected']} of {row['n']} {row['expected']} {interval}")
    return ["", f"A {planted['label']} (intervals over problems): {'; '.join(kinds)}."]


def _corrected(report: Mapping[str, Any]) -> list[str]:
    rates = report.get("pass_rate") or {}
    corrected = rates.get("corrected")
    if not corrected:
        return []
    text = (
        f"Pass rate ({corrected['estimand']}): {_rate(rates.get('verifier'))} by the verifier, {_rate(corrected)} corrected"
    )
    return ["", f"{text} ({corrected['n']} audited, {corrected['clusters']} clusters; {corrected['method']})."]


def _methods(report: Mapping[str, Any]) -> list[str]:
    rates = [(label, report["overall"][key]) for key, label in _RATES]
    methods = [f"{label}: {rate['estimand']}, n = {rate['n']}, {rate['method']}" for label, rate in rates if rate]
    return ["", f"95% intervals. {'; '.join(methods)}."] if methods else []


def _consequences(report: Mapping[str, Any]) -> list[str]:
    consequences = report.get("consequences")
    if not consequences:
        return []
    best, worst, costs = (consequences[key] for key in ("at_estimate", "at_upper_bounds", "costs"))
    return [
        "",
        f"Drawing until accepted could be right on at most {best['ceiling']:.3f} of the problems however long it goes on "
        f"({worst['ceiling']:.3f} at both upper bounds). With a wrong completion worth {costs['wrong']:g} and a draw "
        f"costing {costs['draw']:g}, where a right one is worth 1, the best number of draws is {best['best_draws']} "
        f"({worst['best_draws']} at the bounds).",
    ]


def _rate(rate: Mapping[str, Any] | None) -> str:
    return "-" if rate is None else with_interval(rate["value"], rate["low"], rate["high"])


def _code(text: str) -> str:
    """A user's name as code, so that nothing in it is read as Markdown."""
    return "`" + str(text).replace("`", "'").replace("\n", " ").replace("|", "/") + "`"
