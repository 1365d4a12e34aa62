"""The quality report as one HTML page that needs nothing but itself: no script, no font, no host. Computes nothing.

Every text that comes from data is escaped; the page is the same, byte for byte, for the same result and manifest. Its text
and its bars are in `report.html.j2`; colours follow the reader's own setting, light or dark.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rollmill.ground.formats.rate_texts import with_interval
from rollmill.metrics import rate_words
from rollmill.pipelines.gate.checks import GateResult
from rollmill.pipelines.pages import template


def render_report(result: GateResult, manifest: Mapping[str, Any]) -> str:
    """The page: verdict, checks with the rows against them, funnel, pass rate by level, how it was made."""
    recipe, made = (
        part if isinstance(part, Mapping) else {} for part in (manifest.get("recipe"), manifest.get("fingerprint"))
    )
    name = manifest.get("name") or recipe.get("dataset") or recipe.get("name") or "dataset"
    origin = [("recipe hash", manifest.get("recipe_hash")), ("run", manifest.get("run"))]
    origin += [("verifiers", ", then ".join(" ".join(pair) for pair in result.facts.get("verifiers", [])))]
    origin += [("checked with", result.engine), *sorted((str(key), value) for key, value in made.items())]
    page = template(Path(__file__).with_name("report.html.j2"))
    return page.render(
        result=result, facts=result.facts, name=name, origin=origin, interval=with_interval, rate_words=rate_words
    )
