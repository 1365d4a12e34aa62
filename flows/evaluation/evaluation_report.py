"""An evaluation's report: a Markdown and a self-contained HTML file, and `results.json` as lm-evaluation-harness has it.

All three are made from the result of `evaluate` and hold no time, path or run id, so an unchanged evaluation changes no
file.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rollmill.flows.evaluation import alert
from rollmill.ground.formats.rate_texts import rate_text, with_interval
from rollmill.ground.replies.faults import reply_lines
from rollmill.metrics.registry import row_label
from rollmill.pipelines.pages import PageSection, numbers_page

Row = Mapping[str, Any]
_HEAD = ("metric", "value and 95% interval", "n", "clusters")
_LETTER = 7  # pixels of a letter at most


def write_reports(folder: Path, report: Row) -> list[Path]:
    """evaluation.json, metrics.json, report.md, report.html and results.json in a folder."""
    texts = {
        "evaluation.json": _json(deterministic(report)),
        "metrics.json": _json(values(report)),
        "report.md": markdown(report),
        "report.html": html(report),
        "results.json": _json(lm_eval_results(report)),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in texts]


def deterministic(report: Row) -> dict[str, Any]:
    """The report without what a command did here and without run ids."""
    # The same numbers may come from a command that drew nothing, or from a new generation of the run.
    cells = [{key: value for key, value in cell.items() if key not in ("spent", "run")} for cell in report["cells"]]
    alerts = [
        {key: value for key, value in row.items() if key not in ("before", "after")} for row in report.get("alerts", ())
    ]
    return {"evaluation": report["evaluation"], "cells": cells, **({"alerts": alerts} if alerts else {})}


def values(report: Row) -> dict[str, dict[str, dict[str, float]]]:
    """Every value by benchmark, model and metric: numbers only, so that each is a metric to DVC."""
    tables: dict[str, dict[str, dict[str, float]]] = {}
    for cell in report["cells"]:
        rows = {row_label(row): row["value"] for row in cell["metrics"] if row["value"] is not None}
        tables.setdefault(cell["benchmark"], {})[cell["model"]] = rows
    return tables


def numbers(report: Row) -> Iterator[tuple[Row, Row]]:
    """Every number with its cell, in order."""
    return ((cell, row) for cell in report["cells"] for row in cell["metrics"])


def words(row: Row) -> str:
    """A value with its interval, or why there is none; with undecided rollouts also the value if all were wrong and if all
    were right.
    """
    wrong, right = row.get("if_wrong"), row.get("if_right")
    sides = (
        ""
        if wrong is None or right is None
        else f" ({rate_text(wrong)} to {rate_text(right)} by {row['undecided']:,} undecided)"
    )
    if row["value"] is None:
        return f"none: {row.get('why') or 'undefined'}{sides}"
    if row["low"] is None or row["high"] is None:
        return f"{rate_text(row['value'])}{sides}"
    return f"{with_interval(row['value'], row['low'], row['high'])}{sides}"


def markdown(report: Row) -> str:
    """The report as Markdown, one table per benchmark and model."""
    lines = [f"# Evaluation {report['evaluation']}", ""]
    for cell in report["cells"]:
        lines += [
            f"## {cell['benchmark']} x {cell['model']}",
            "",
            _cell(about(cell)),
            "",
            "| metric | value and 95% interval | n | clusters |",
            "| --- | --- | --- | --- |",
        ]
        for row in cell["metrics"]:
            lines.append(
                f"| {_cell(row_label(row))} | {_cell(words(row))} | {row.get('n', '')} | {row.get('clusters', '')} |"
            )
        lines.append("")
    if report.get("alerts"):
        lines += ["## Since the evaluation before", "", *(f"- {_cell(alert.words(row))}" for row in report["alerts"]), ""]
    return "\n".join([*lines, *estimands(report), ""])


def about(cell: Row) -> str:
    """Counts behind the numbers of a cell."""
    undecided = f", {cell['undecided']:,} undecided" if cell["undecided"] else ""
    tokens = "" if cell["tokens_out"] is None else f", {cell['tokens_out']:,} tokens out"
    faults = "".join(f" {text[:1].upper()}{text[1:]}." for text in reply_lines(cell.get("replies", {})))
    return f"{cell['problems']:,} problems, {cell['rollouts']:,} completions{undecided}{tokens}.{faults}"


def estimands(report: Row) -> list[str]:
    """Estimand and method of each metric's intervals, one line per metric."""
    sentences = dict.fromkeys(
        f"{row['metric']}: {row['estimand']}; {row['method']}." for _, row in numbers(report) if row.get("estimand")
    )
    return [f"- {text}" for text in sentences]


def html(report: Row) -> str:
    """The report as a page that loads nothing from anywhere, with a plot of all values and their intervals."""
    plotted = [(_label(cell, row), row) for cell, row in numbers(report) if _can_be_plotted(row)]
    left = _LETTER * max((len(text) for text, _ in plotted), default=0) + 16
    sections = [PageSection(plot={"rows": plotted, "left": left})]
    for cell in report["cells"]:
        rows = [[row_label(row), words(row), row.get("n", ""), row.get("clusters", "")] for row in cell["metrics"]]
        sections.append(PageSection(f"{cell['benchmark']} x {cell['model']}", [about(cell)], head=_HEAD, rows=rows))
    if report.get("alerts"):
        sections.append(PageSection("Since the evaluation before", [alert.words(row) for row in report["alerts"]]))
    sections.append(PageSection(texts=[text.removeprefix("- ") for text in estimands(report)]))
    path = Path(__file__).with_name("evaluation_report.html.j2")
    return numbers_page(f"Evaluation {report['evaluation']}", sections, path)


def _label(cell: Row, row: Row) -> str:
    return f"{cell['benchmark']} x {cell['model']}: {row_label(row)}"


def _can_be_plotted(row: Row) -> bool:
    ends = (row["value"], row["low"], row["high"])
    # The axis goes from 0 to 1: tokens, ratings and the like would lie outside.
    return all(end is not None and 0.0 <= end <= 1.0 for end in ends)


def lm_eval_results(report: Row) -> dict[str, Any]:
    """The numbers in the shape of lm-evaluation-harness's results.json, for tools that read it; a task is benchmark:model.

    `*_stderr` is the width of the 95% interval over 2 x 1.96: what a symmetric interval of that width would have.
    """
    results: dict[str, dict[str, Any]] = {}
    samples: dict[str, dict[str, int]] = {}
    for cell in report["cells"]:
        task = f"{cell['benchmark']}:{cell['model']}"
        entry: dict[str, Any] = {"alias": task}
        for row in cell["metrics"]:
            if row["value"] is None:
                continue
            name = row_label(row)
            # lm-evaluation-harness writes `metric,filter`; `none` is its name for no filter.
            entry[f"{name},none"] = row["value"]
            if row["low"] is not None and row["high"] is not None:
                # The .975 quantile of the normal distribution.
                entry[f"{name}_stderr,none"] = (row["high"] - row["low"]) / (2.0 * 1.959963984540054)
        results[task] = entry
        samples[task] = {"original": cell["problems"], "effective": cell["problems"]}
    return {"results": results, "n-samples": samples, "versions": dict.fromkeys(results, 1)}


def _cell(text: str) -> str:
    # A bar or a line's end in a name would end the cell of the Markdown table.
    return text.replace("|", "\\|").replace("\n", " ")


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
