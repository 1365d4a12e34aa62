"""An evaluation's report: a Markdown and a self-contained HTML file, and `results.json` as lm-evaluation-harness has it.

All three are made from the result of `evaluate` and hold no time, path or run id, so an unchanged evaluation changes no
file.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from rollmill.flows.evaluation import alert
from rollmill.flows.evaluation.replay_page import whole_page
from rollmill.pipelines.metrics.registry import row_label
from rollmill.storage.ground.formats.rate_texts import rate_text, with_interval
from rollmill.storage.ground.replies.faults import reply_lines

Row = Mapping[str, Any]
_AXIS, _ROW, _LETTER = 500, 22, 7  # pixels: the axis from 0 to 1, a line, a letter at most


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
    title = f"Evaluation {report['evaluation']}"
    parts = [f"<h1>{escape(title)}</h1>", _plot([(cell, row) for cell, row in numbers(report) if _can_be_plotted(row)])]
    for cell in report["cells"]:
        rows = "".join(
            f'<tr><td>{escape(row_label(row))}</td><td class="text">{escape(words(row))}</td>'
            f"<td>{row.get('n', '')}</td><td>{row.get('clusters', '')}</td></tr>"
            for row in cell["metrics"]
        )
        head = "<tr><th>metric</th><th>value and 95% interval</th><th>n</th><th>clusters</th></tr>"
        parts += [
            f"<h2>{escape(cell['benchmark'])} x {escape(cell['model'])}</h2>",
            f"<p>{escape(about(cell))}</p>",
            f"<table>{head}{rows}</table>",
        ]
    if report.get("alerts"):
        parts += [
            "<h2>Since the evaluation before</h2>",
            *(f"<p>{escape(alert.words(row))}</p>" for row in report["alerts"]),
        ]
    parts += [f"<p>{escape(text.removeprefix('- '))}</p>" for text in estimands(report)]
    return whole_page(title, parts)


def _can_be_plotted(row: Row) -> bool:
    ends = (row["value"], row["low"], row["high"])
    # The axis goes from 0 to 1: tokens, ratings and the like would lie outside.
    return all(end is not None and 0.0 <= end <= 1.0 for end in ends)


def _plot(rows: Sequence[tuple[Row, Row]]) -> str:
    """Values with their intervals, one line each, with an axis from 0 to 1 above and below."""
    texts = [f"{cell['benchmark']} x {cell['model']}: {row_label(row)}" for cell, row in rows]
    left = _LETTER * max(map(len, texts), default=0) + 16
    width, height = left + _AXIS + 20, _ROW * len(rows) + 48

    def x(value: float) -> float:
        return left + value * _AXIS

    grid = "".join(
        f'<path class="grid" d="M{x(v / 10):.1f} 18V{height - 24}"/>'
        + "".join(f'<text x="{x(v / 10):.1f}" y="{y}" text-anchor="middle">{v / 10:.1f}</text>' for y in (12, height - 8))
        for v in range(0, 11, 2)
    )
    marks = []
    for place, (text, (_, row)) in enumerate(zip(texts, rows, strict=True)):
        y = place * _ROW + 32
        marks.append(
            f'<text x="0" y="{y + 4}">{escape(text)}</text>'
            f'<path class="bar" d="M{x(row["low"]):.1f} {y}H{x(row["high"]):.1f}"/>'
            f'<circle class="point" cx="{x(row["value"]):.1f}" cy="{y}" r="4"/>'
        )
    words = "Values with 95% intervals"
    return f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{words}">{grid}{"".join(marks)}</svg>'


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
