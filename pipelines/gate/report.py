"""The quality report as one HTML page that needs nothing but itself: no script, no font, no host. Computes nothing.

Every text that comes from data is escaped; the page is the same, byte for byte, for the same result and manifest.
"""

from collections.abc import Mapping
from html import escape
from typing import Any

from pipelines.gate.charts import funnel_bars, level_bars, share_bars
from pipelines.gate.result import Check, GateResult
from pipelines.gate.style import CSS
from pipelines.metrics import rate_words

_NAMED = 20


def render_report(result: GateResult, manifest: Mapping[str, Any]) -> str:
    """The page: verdict, checks with the rows against them, funnel, pass rate by level, how it was made."""
    name = _text(_name(manifest))
    sections = [_banner(result, name), _numbers(result), _checks(result), *_figures(result), _origin(manifest, result)]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>Quality report: {name}</title>\n<style>{CSS}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(sections)
        + "\n</main>\n</body>\n</html>\n"
    )


def _name(manifest: Mapping[str, Any]) -> Any:
    recipe = manifest.get("recipe")
    named = recipe if isinstance(recipe, Mapping) else {}
    return manifest.get("name") or named.get("dataset") or named.get("name") or "dataset"


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
    rows = "".join(_check_row(check) for check in result.checks)
    head = "<tr><th></th><th>check</th><th>expected</th><th>found</th></tr>"
    return f"<section><h2>Checks</h2><table><thead>{head}</thead><tbody>{rows}</tbody></table></section>"


def _check_row(check: Check) -> str:
    state, mark = {True: ("good", "&#10003;"), False: ("bad", "&#10007;"), None: ("none", "&ndash;")}[check.passed]
    cells = f'<td class="{state}">{mark}</td><td class="name">{_text(check.name)}</td>'
    cells += f"<td>{_text(check.expected)}</td><td>{_text(check.observed)}{_failing(check)}</td>"
    return f"<tr>{cells}</tr>"


def _failing(check: Check) -> str:
    if not check.failing:
        return ""
    rows = "".join(f"<li><code>{_text(row)}</code></li>" for row in check.failing[:_NAMED])
    more = check.failing_count - min(_NAMED, len(check.failing))
    rest = f"<li>and {more:,} more</li>" if more > 0 else ""
    opened = " open" if check.passed is False else ""
    return f"<details{opened}><summary>rows</summary><ul>{rows}{rest}</ul></details>"


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
    ]


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
        f"<table><tbody>{rows}</tbody></table></section>"
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
