"""The quality report as one HTML page that needs nothing but itself: no script, no font, no host. Computes nothing.

Every text that comes from data is escaped; the page is the same, byte for byte, for the same result and manifest. Bars (the
funnel, pass rates with intervals, level shares) are inline SVG; colours follow the reader's own setting, light or dark.
"""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from pipelines.gate.rule_engine import Check, GateResult
from pipelines.metrics import NOTHING, rate_words
from pipelines.stats import with_interval

_WIDTH, _LEFT, _RIGHT, _ROW = 720, 190, 150, 26  # of a figure, its labels, its notes and a row, in pixels
_PLOT = _WIDTH - _LEFT - _RIGHT
_NAMED = 20  # failing rows of a check that the page lists
CSS = """
:root{--bg:#fbfaf8;--card:#fff;--ink:#22252a;--soft:#6b7078;--line:#e4e1db;--rail:#f0ede7;--a:#3b6ea8;--good:#2e8b57;
--bad:#c0392b;--warn:#c98a1b;--none:#9aa0a8}
@media (prefers-color-scheme:dark){:root{--bg:#15171a;--card:#1d2024;--ink:#e8e6e3;--soft:#9aa0a8;--line:#2f343a;
--rail:#282c31;--a:#6f9fd8;--good:#55b581;--bad:#e2685b;--warn:#dba94a;--none:#6b7078}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:860px;margin:0 auto;padding:28px 20px 60px}
section,.banner{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:18px 22px;margin:0 0 16px}
.banner{display:flex;gap:18px;align-items:center;border-left:8px solid var(--good)}
.banner.bad{border-left-color:var(--bad)}
.banner .mark{font-size:34px;line-height:1;color:var(--good)}
.banner.bad .mark{color:var(--bad)}
h1{font-size:22px;margin:0;overflow-wrap:anywhere}
h2{font-size:16px;margin:0 0 10px}
p{margin:0 0 10px;color:var(--soft)}
.banner p{margin:0}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:14px}
.tiles div{display:flex;flex-direction:column}
.tiles b{font-size:24px;font-variant-numeric:tabular-nums}
.tiles small{color:var(--soft)}
table{border-collapse:collapse;width:100%}
th{text-align:left;font-weight:600;color:var(--soft);font-size:13px}
td,th{padding:6px 10px 6px 0;border-bottom:1px solid var(--line);vertical-align:top;overflow-wrap:anywhere}
tr:last-child td{border-bottom:0}
td.name{white-space:nowrap;padding-right:18px}
td.good{color:var(--good)}
td.bad{color:var(--bad)}
td.none{color:var(--soft)}
code{font:13px ui-monospace,SFMono-Regular,Menlo,monospace}
ul{margin:6px 0 0;padding-left:18px}
summary{cursor:pointer;color:var(--soft);font-size:13px}
svg{display:block;width:100%;height:auto}
svg text{fill:var(--ink);font-size:13px}
svg .label{text-anchor:end}
svg .note{fill:var(--soft);font-variant-numeric:tabular-nums}
svg .rail{fill:var(--rail)}
svg .a{fill:var(--a)}
svg .good{fill:var(--good)}
svg .bad{fill:var(--bad)}
svg .warn{fill:var(--warn)}
svg .none{fill:var(--none)}
svg .whisker{stroke:var(--ink);stroke-width:1.5;fill:none}
@media print{body{background:#fff}section,.banner{break-inside:avoid}}
"""


def funnel_bars(funnel: Mapping[str, Any]) -> str:
    """Drawn rollouts by outcome, kept ones, dropped ones by reason, and unjudged completions, on one scale."""
    unjudged = funnel["unjudged"]
    # At least 1, because every bar is a share of it.
    drawn = max(funnel["drawn"], unjudged, 1)
    outcomes = funnel["outcomes"]
    rows = [("drawn", funnel["drawn"], "a")]
    rows += [(name, outcomes[name], kind) for name, kind in zip(outcomes, ("good", "bad", "warn", "none"), strict=True)]
    rows += [("kept", funnel["kept"], "good")]
    rows += [(f"dropped: {reason}", count, "none") for reason, count in funnel["dropped_by_reason"].items()]
    rows += [("not judged", unjudged, "none")] if unjudged else []
    bars = [_bar(index, label, count / drawn, f"{count:,}", kind) for index, (label, count, kind) in enumerate(rows)]
    return _svg("".join(bars), len(rows), "Rollouts from drawn to kept")


def level_bars(levels: Sequence[Mapping[str, Any]]) -> str:
    """Bar chart by level: mean pass rate with its interval as a whisker."""
    bars = []
    for index, entry in enumerate(levels):
        if entry["rate"] is None:
            bars.append(_bar(index, _level(entry), 0.0, NOTHING, "none"))
            continue
        note = f"{entry['rate']:.2f} [{entry['low']:.2f}, {entry['high']:.2f}]"
        bars.append(_bar(index, _level(entry), entry["rate"], note, "a") + _whisker(index, entry["low"], entry["high"]))
    return _svg("".join(bars), len(levels), "Pass rate by level")


def share_bars(levels: Sequence[Mapping[str, Any]]) -> str:
    """Two bars per level: its share of the rollouts before selection, and of the kept ones."""
    total = sum(entry["rollouts"] for entry in levels)
    bars = []
    for index, entry in enumerate(levels):
        before = entry["rollouts"] / total if total else 0.0
        after = entry["kept_share"] or 0.0
        bars.append(_bar(2 * index, f"{_level(entry)}, drawn", before, f"{before:.1%}", "none"))
        bars.append(_bar(2 * index + 1, "kept", after, f"{after:.1%} ({entry['kept']:,})", "good"))
    return _svg("".join(bars), 2 * len(levels), "Share of each level before and after selection")


def _level(entry: Mapping[str, Any]) -> str:
    name = "no level" if entry["level"] is None else f"level {entry['level']}"
    return f"{name} ({entry['problems']:,})"


def _bar(index: int, label: str, share: float, note: str, kind: str) -> str:
    top = index * _ROW
    width = max(0.0, min(1.0, share)) * _PLOT
    shown = escape(label if len(label) <= 30 else label[:29] + "…")
    return (
        f'<text class="label" x="{_LEFT - 10}" y="{top + 17}"><title>{escape(label)}</title>{shown}</text>'
        f'<rect class="rail" x="{_LEFT}" y="{top + 5}" width="{_PLOT}" height="16" rx="3"/>'
        f'<rect class="{kind}" x="{_LEFT}" y="{top + 5}" width="{width:.2f}" height="16" rx="3"/>'
        f'<text class="note" x="{_LEFT + _PLOT + 10}" y="{top + 17}">{escape(note)}</text>'
    )


def _whisker(index: int, low: float, high: float) -> str:
    middle = index * _ROW + 13
    start, end = _LEFT + low * _PLOT, _LEFT + high * _PLOT
    path = f"M{start:.2f} {middle}H{end:.2f}M{start:.2f} {middle - 5}v10M{end:.2f} {middle - 5}v10"
    return f'<path class="whisker" d="{path}"/>'


def _svg(body: str, rows: int, title: str) -> str:
    height = max(rows, 1) * _ROW
    return f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{escape(title)}">{body}</svg>'


def render_report(result: GateResult, manifest: Mapping[str, Any]) -> str:
    """The page: verdict, checks with the rows against them, funnel, pass rate by level, how it was made."""
    recipe = manifest.get("recipe")
    named = recipe if isinstance(recipe, Mapping) else {}
    name = _text(manifest.get("name") or named.get("dataset") or named.get("name") or "dataset")
    sections = [_banner(result, name), _numbers(result), _checks(result), *_figures(result), _origin(manifest, result)]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        # Should an escape ever be missed, the browser still loads and runs nothing.
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>Quality report: {name}</title>\n<style>{CSS}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(sections)
        + "\n</main>\n</body>\n</html>\n"
    )


def _banner(result: GateResult, name: str) -> str:
    bad = len(result.failed)
    words = "passed every check" if result.passed else f"failed {bad} of {len(result.checks)} checks; not published"
    state = "good" if result.passed else "bad"
    mark = "&#10003;" if result.passed else "&#10007;"
    return (
        f'<header class="banner {state}"><span class="mark">{mark}</span><div><h1>{name}</h1><p>{words}</p></div></header>'
    )


def _numbers(result: GateResult) -> str:
    funnel = result.facts.get("funnel")
    if not funnel:
        return ""
    drawn, kept = funnel["drawn"], funnel["kept"]
    share = f"{kept / drawn:.0%} of all drawn" if drawn else "nothing drawn"
    tiles = [
        (f"{funnel['problems']:,}", "problems", f"{funnel['kept_problems']:,} with a kept rollout"),
        (f"{drawn:,}", "rollouts", f"{funnel['outcomes']['correct']:,} correct"),
        (f"{kept:,}", "kept", share),
        (f"{funnel['outcomes']['undecided']:,}", "undecided", "counted in no rate"),
    ]
    cells = "".join(f"<div><b>{value}</b><span>{label}</span><small>{note}</small></div>" for value, label, note in tiles)
    return f'<section class="tiles">{cells}</section>'


def _checks(result: GateResult) -> str:
    rows = ""
    for check in result.checks:
        state, mark = {True: ("good", "&#10003;"), False: ("bad", "&#10007;"), None: ("none", "&ndash;")}[check.passed]
        cells = f'<td class="{state}">{mark}</td><td class="name">{_text(check.name)}</td>'
        cells += f"<td>{_text(check.expected)}</td><td>{_text(check.observed)}{_failing(check)}</td>"
        rows += f"<tr>{cells}</tr>"
    head = "<tr><th></th><th>check</th><th>expected</th><th>found</th></tr>"
    return f"<section><h2>Checks</h2><table><thead>{head}</thead><tbody>{rows}</tbody></table></section>"


def _failing(check: Check) -> str:
    if not check.failing:
        return ""
    rows = "".join(f"<li><code>{_text(row)}</code></li>" for row in check.failing[:_NAMED])
    more = check.failing_count - min(_NAMED, len(check.failing))
    rest = f"<li>and {more:,} more</li>" if more > 0 else ""
    state = " open" if check.passed is False else ""
    return f"<details{state}><summary>rows</summary><ul>{rows}{rest}</ul></details>"


def _figures(result: GateResult) -> list[str]:
    facts = result.facts
    if not facts:
        return []
    models = facts.get("models", [])
    pooled = len(models) > 1 and not facts["prefix"]
    together = f" {len(models)} models together ({', '.join(map(_text, models))})." if pooled else ""
    rates = (
        f"<p>{rate_words(facts['prefix'])}{together} Bars: mean over problems; whiskers: 95% interval for the population "
        "the problems come from, templates as clusters. Undecided rollouts count in no rate.</p>"
    )
    return [
        f"<section><h2>Funnel</h2>{funnel_bars(facts['funnel'])}</section>",
        f"<section><h2>Pass rate by level</h2>{rates}{level_bars(facts['levels'])}</section>",
        f"<section><h2>Levels before and after selection</h2>{share_bars(facts['levels'])}</section>",
        _overlap(facts["evaluation"]),
        *_drift(facts.get("drift")),
    ]


def _drift(drift: Mapping[str, Any] | None) -> list[str]:
    """Drift of the dataset from the version before; empty if there is none."""
    if not drift:
        return []
    rows = "".join(
        f"<tr><td>{_text(kind.replace('_', ' '))}</td>{_moved(row)}</tr>" for kind, row in drift["kinds"].items()
    )
    head = "<tr><th>of</th><th>distance, 95% interval</th><th>chance alone</th><th>rows</th></tr>"
    return [
        f"<section><h2>Drift from the version before ({_text(str(drift['before'])[:8])})</h2><p>The share of the kept rows "
        "that would have to change their group; of pass rates the difference. Chance alone: what two versions of one "
        f"composition exceed in one of twenty.</p><table><thead>{head}</thead><tbody>{rows}</tbody></table></section>"
    ]


def _moved(row: Mapping[str, Any]) -> str:
    if row["value"] is None:
        return f'<td colspan="3">{_text(row["missing"])}</td>'
    return (
        f"<td>{with_interval(row['value'], row['low'], row['high'])}</td><td>{row['chance']:.3f}</td>"
        f"<td>{row['n_before']:,} and {row['n_after']:,}, {row['clusters']:,} clusters</td>"
    )


def _overlap(evaluation: Mapping[str, Any]) -> str:
    if not evaluation["problems"]:
        return "<section><h2>Evaluation problems</h2><p>No evaluation set was given; nothing was compared.</p></section>"
    words = {
        "exact": "the same prompt",
        "same problem": "the same problem edited, or repeated in a kept answer",
        "new numbers": "the same wording or solution graph with new numbers (no leak by itself)",
    }
    rows = "".join(f"<tr><td>{words[name]}</td><td>{count:,}</td></tr>" for name, count in evaluation["classes"].items())
    return (
        f"<section><h2>Evaluation problems</h2><p>Compared with {evaluation['problems']:,} held-out problems.</p>"
        f"<table><tbody>{rows}</tbody></table>{_recall(evaluation.get('certificate'))}</section>"
    )


def _recall(certificate: Mapping[str, Any] | None) -> str:
    """Recall of the comparison on planted copies, where that was measured."""
    if certificate is None:
        return "<p>What the comparison would find was not measured: the recipe's gate has no floor of recall.</p>"
    planted = [(f"{row['edit']} copies in a {row['place']}", row) for row in certificate["recall"] if row["n"]]
    clean = [(f"{row['pairs']} in a {row['place']}", row) for row in certificate["false_flags"] if row["n"]]
    tables = [("planted copies found", planted), ("pairs that are no copies, called leaks", clean)]
    return "".join(
        f"<h3>{name}</h3><table><tbody>"
        + "".join(
            f"<tr><td>{_text(what)}</td><td>{row['found']:,} of {row['n']:,}</td>"
            f"<td>{with_interval(row['share'], row['low'], row['high'])}</td></tr>"
            for what, row in rows
        )
        + "</tbody></table>"
        for name, rows in tables
    )


def _origin(manifest: Mapping[str, Any], result: GateResult) -> str:
    chain = ", then ".join(" ".join(pair) for pair in result.facts.get("verifiers", []))
    rows = [("recipe hash", manifest.get("recipe_hash")), ("run", manifest.get("run")), ("verifiers", chain)]
    rows += [("checked with", result.engine)]
    fingerprint = manifest.get("fingerprint")
    if isinstance(fingerprint, Mapping):
        rows += [(str(name), value) for name, value in sorted(fingerprint.items())]
    cells = "".join(f"<tr><td>{_text(name)}</td><td><code>{_text(value)}</code></td></tr>" for name, value in rows if value)
    return f"<section><h2>How it was made</h2><table><tbody>{cells}</tbody></table></section>"


def _text(value: Any) -> str:
    return escape(str(value), quote=True)
