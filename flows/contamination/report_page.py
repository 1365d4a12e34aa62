"""A contamination check's report for people: Markdown, and one HTML file that loads nothing. Computes nothing."""

from collections.abc import Mapping, Sequence
from typing import Any

from rollmill.ground.formats.rate_texts import interval_text
from rollmill.pipelines.pages import PageSection, numbers_page

Report = Mapping[str, Any]
_LEAKS = 20  # rows that a page names
_WORDS = {
    "exact": "the same text",
    "same problem": "the same problem, edited or by its solution graph and numbers",
    "new numbers": "the same wording or solution graph with new numbers (no leak by itself)",
}


def title(report: Report) -> str:
    """Names of the compared data sets."""
    return f"{report['train']['name']} against {report['benchmark']['name']}"


def summary(report: Report) -> list[str]:
    """The answer in a few sentences."""
    train, benchmark = report["train"], report["benchmark"]
    return [
        f"{train['problems']:,} problems and {train['completions']:,} answers compared with {benchmark['problems']:,} "
        f"problems: {'; '.join(report['failures']) or 'no leak'}.",
        f"Solution graphs are known of {train['graphs']:,} and {benchmark['graphs']:,} of these problems; of the others "
        "there is no graph to compare.",
        "Recall says what the check finds of edited copies of this benchmark's problems, drawn at random and planted as "
        f"problems and inside answers (seed {report['certificate']['seed']}); 95% intervals are Clopper-Pearson's. Copies "
        "translated, or reworded from nothing but the meaning, are not among them.",
    ]


def tables(report: Report) -> list[tuple[str, Sequence[str], list[list[str]]]]:
    """(heading, header, rows) of every table."""
    classes, certificate = report["classes"], report["certificate"]
    overlap = [[_WORDS[name], f"{classes['problem'][name]:,}", f"{classes['completion'][name]:,}"] for name in _WORDS]
    methods = [[name, *(f"{report['methods'][kind][name]:,}" for kind in classes)] for name in report["methods"]["problem"]]
    recall = [
        [row["edit"], row["place"], row["expected"], *_rate(row), ", ".join(f"{k} {v}" for k, v in row["by"].items() if v)]
        for row in certificate["recall"]
        # An edit that could be planted nowhere has no share.
        if row["n"]
    ]
    flags = [[row["pairs"], row["place"], *_rate(row)] for row in certificate["false_flags"] if row["n"]]
    leaks = [
        [row["kind"], row["row"], row["class"], row["benchmark_problem"], ", ".join(row["by"])]
        # The JSON report names up to 1,000 of them.
        for row in report["leaks"][:_LEAKS]
    ]
    return [
        ("Overlap", ("class", "problems", "answers"), overlap),
        ("Found by", ("method", "problems", "answers"), methods),
        ("Recall of planted copies", ("edit", "in a", "expected", "found", "share", "95% interval", "by"), recall),
        ("Pairs that are no copies, called leaks", ("pairs", "in a", "called", "share", "95% interval"), flags),
        *([("Leaks", ("kind", "row", "class", "benchmark's problem", "by"), leaks)] if leaks else []),
    ]


def markdown(report: Report) -> str:
    """The report as Markdown."""
    parts = [f"# Contamination: {title(report)}", *summary(report)]
    for heading, header, rows in tables(report):
        lines = [header, ["---"] * len(header), *rows]
        parts.append(f"## {heading}\n\n" + "\n".join(f"| {' | '.join(map(_cell, row))} |" for row in lines))
    return "\n\n".join(parts) + "\n"


def html(report: Report) -> str:
    """The report as one page."""
    sections = [PageSection(heading, head=header, rows=rows) for heading, header, rows in tables(report)]
    return numbers_page(f"Contamination: {title(report)}", [PageSection(texts=summary(report)), *sections])


def _rate(row: Mapping[str, Any]) -> list[str]:
    return [f"{row['found']:,} of {row['n']:,}", f"{row['share']:.3f}", interval_text(row["low"], row["high"])]


def _cell(text: str) -> str:
    """No table, link or tag comes of a name."""
    return text.replace("|", "\\|").replace("](", "]\\(").replace("<", "&lt;")
