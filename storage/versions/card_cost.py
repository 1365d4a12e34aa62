"""The card's part on what the rollouts took, and what had been forecast. From the manifest alone."""

from collections.abc import Mapping
from typing import Any

_NAMES = {
    "draws": "completions",
    "tokens_in": "tokens in",
    "tokens_out": "tokens out",
    "tokens": "tokens",
    "solved": "problems solved",
    "kept": "rollouts kept",
}


def cost_section(manifest: Mapping[str, Any]) -> str:
    """Markdown; versions made before costs were counted, or by hand, say so."""
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
    """The forecast made before the run began, beside what came."""
    if not forecast:
        return []
    rows = [
        f"| {_NAMES[name]} | {row['median']:,.0f} | [{row['low95']:,.0f}, {row['high95']:,.0f}] | {row['actual']:,.0f} |"
        for name, row in forecast["totals"].items()
        if name in _NAMES
    ]
    head = ["| forecast | median | 95% interval | came |", "|---|---|---|---|"]
    said = (
        f"A forecast from {forecast['source']} was made before the run began; {forecast['inside95']} of its "
        f"{forecast['n']} 95% intervals held and {forecast['inside80']} of the 80% ones, levels included."
    )
    return [said, "\n".join([*head, *rows])]
