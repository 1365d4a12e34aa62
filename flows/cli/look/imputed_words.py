"""The completed leaderboard as text: imputed cells marked, ranks, agreement of rankings, and the check on hidden cells."""

from typing import Any

from rollmill.flows.cli.output import columns
from rollmill.ground.formats.rate_texts import with_interval


def imputed_words(board: dict[str, Any]) -> str:
    """The table of `rollmill leaderboard --impute` with its legend."""
    cells = {(row["model"], row["benchmark"]): row for row in board["cells"]}
    rows = []
    for model in board["models"]:
        mean = board["means"][model]
        shown = [_cell(cells[model, benchmark]) for benchmark in board["benchmarks"]]
        ranks = " to ".join(str(rank) for rank in dict.fromkeys(mean["ranks"]))
        rows.append([model, *shown, _marked(with_interval(mean["value"], mean["low"], mean["high"]), mean), ranks])
    sizes = {row["benchmark"]: row["problems"] for row in board["cells"]}
    total = board["imputed"] + board["known"]
    agreement = [
        [f"{row['first']}, {row['second']}", with_interval(row["value"], row["low"], row["high"]), row["models"]]
        for row in board["agreement"]
    ]
    return "\n".join(
        [
            columns(["model", *board["benchmarks"], "mean", "rank [95%]"], rows),
            f"~N: with N imputed problems (two-parameter item response theory); {board['imputed']:,} of {total:,} cells "
            "of models x problems are imputed",
            "An imputed rate is right only if a problem was not left out because of how the model does on it.",
            *_few_anchors(board["few_anchors"]),
            f"Problems: {', '.join(f'{size:,} of {name}' for name, size in sizes.items())}.",
            _check(board["check"]),
            *(["", columns(["rankings", "Kendall's tau [95%]", "models"], agreement)] if agreement else []),
        ]
    )


def _few_anchors(counts: dict[str, int]) -> list[str]:
    if not counts:
        return []
    listed = ", ".join(f"{name} from {count}" for name, count in counts.items())
    return [f"Intervals may be too narrow where fewer than 8 models answered: {listed}."]


def _cell(row: dict[str, Any]) -> str:
    return _marked(with_interval(row["value"], row["low"], row["high"]), row)


def _marked(text: str, row: dict[str, Any]) -> str:
    return f"{text} ~{row['imputed']:,}" if row["imputed"] else text


def _check(check: dict[str, Any] | None) -> str:
    if check is None:
        return "Check: no known cell could be hidden, so it is not known how far off imputed cells are."
    return (
        f"Check: of {check['hidden']} known cells that were hidden and imputed, {check['inside']} lie in their interval "
        f"for these problems; mean absolute error {check['error']:.3f}."
    )
