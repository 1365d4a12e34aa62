"""An outcome as tables and a text for artifacts of Prefect: the funnel, pass rates by level, links to the dashboard."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from rollmill.flows.driver import RecipeKind
from rollmill.storage.standing import find_standing
from rollmill.storage.workspace import STATE

Row = dict[str, Any]
MOST_MODELS = 10  # that become tags


@dataclass(frozen=True, slots=True)
class About:
    """Subject of a flow run: kind, dataset, recipe, run and models of its job; empty where the job has none."""

    kind: str
    dataset: str
    recipe: str
    run: str
    models: tuple[str, ...]
    workspace: Path

    @classmethod
    def of(cls, kind: RecipeKind[Any], target: Any) -> "About":
        """Subject of a job that is open."""
        recipe, name = kind.recipe(), str(kind.recipe().get("name", ""))
        models = tuple(dict.fromkeys(_models(recipe)))
        dataset = str(recipe.get("dataset") or name)
        return cls(kind.job.verb, dataset, name, kind.run_of(target) or "", models, Path(kind.job.workspace))

    @property
    def title(self) -> str:
        """The name of the flow run: the dataset and the run."""
        return f"{self.dataset} {self.run}".strip()

    @property
    def tags(self) -> list[str]:
        """Tags of the flow run."""
        models = [f"model:{model}" for model in self.models[:MOST_MODELS]]
        return [f"kind:{self.kind}", f"dataset:{self.dataset}", f"recipe:{self.recipe}", *models]

    @property
    def row(self) -> dict[str, str]:
        """The same as the payload of an event."""
        return {"kind": self.kind, "dataset": self.dataset, "recipe": self.recipe, "run": self.run}

    @property
    def slug(self) -> str:
        """The dataset's name as a key of artifacts may begin."""
        return re.sub(r"[^a-z0-9]+", "-", self.dataset.lower()).strip("-") or "run"


def _models(part: object) -> Iterator[str]:
    if isinstance(part, Mapping):
        for key, value in part.items():
            if key == "model" and isinstance(value, str):
                yield value
            else:
                yield from _models(value)
    elif isinstance(part, list):
        for value in part:
            yield from _models(value)


def funnel_rows(outcome: Mapping[str, Any]) -> list[Row]:
    """The funnel of a run, a row for each number; of an evaluation a row for each cell."""
    if "cells" in outcome:
        names = ("benchmark", "model", "problems", "rollouts", "correct", "incorrect", "unparsed", "undecided")
        return [{name: cell.get(name) for name in names} for cell in outcome["cells"]]
    counts = outcome.get("funnel", {})
    rows = [{"what": key.replace("_", " "), "count": value} for key, value in counts.items() if isinstance(value, int)]
    dropped = counts.get("dropped", {})
    return rows + [{"what": f"dropped: {reason}", "count": count} for reason, count in dropped.items()]


def level_rows(outcome: Mapping[str, Any]) -> list[Row]:
    """Pass rates by level with their intervals, the last row for all; of an evaluation the metrics of each cell."""
    if "cells" in outcome:
        return [
            {"benchmark": cell["benchmark"], "model": cell["model"], **_plain(row)}
            for cell in outcome["cells"]
            for row in cell["metrics"]
        ]
    rates = outcome.get("metrics", {})
    if not isinstance(rates, Mapping) or "overall" not in rates:
        return []
    names = ("pass_rate", "low", "high")
    by_level = {**rates.get("levels", {}), "all": rates["overall"]}
    return [{"level": level, **{name: row.get(name) for name in names}} for level, row in by_level.items()]


def _plain(row: Mapping[str, Any]) -> Row:
    return {key: str(value) if isinstance(value, dict | list) else value for key, value in row.items()}


def markdown_of(about: About, outcome: Mapping[str, Any], words: str) -> str:
    """The outcome in a few lines of Markdown, with links to the pages of a dashboard that stands."""
    rows = {key: text for key, text in about.row.items() if text}
    rows |= {"version": f"v{outcome['version']}"} if "version" in outcome else {}
    rows |= {key: str(outcome[key]) for key in ("content_hash", "reports") if key in outcome}
    lines = [f"# {about.title}", "", words, "", *(f"- {key.replace('_', ' ')}: `{text}`" for key, text in rows.items())]
    return "\n".join([*lines, "", *_links(about, outcome)])


def _links(about: About, outcome: Mapping[str, Any]) -> list[str]:
    """Links without the dashboard's token: a browser that opened its address has a cookie."""
    standing = find_standing(about.workspace / STATE)
    shown = urlsplit("" if standing is None else standing.dashboard)
    if not shown.netloc:
        return ["The dashboard shows the rows: `rollmill dashboard`."]
    pages = {"runs": {"run": about.run}} if about.run else {}
    if "version" in outcome:
        pages["datasets"] = {"dataset": about.dataset, "version": f"v{outcome['version']}"}
        pages["explore"] = {"of": f"version {about.dataset}@v{outcome['version']}"}
    pages = pages or {"home": {}}
    return [
        f"- [{page.capitalize()}]({shown.scheme}://{shown.netloc}/{page}{'?' + urlencode(query) if query else ''})"
        for page, query in pages.items()
    ]
