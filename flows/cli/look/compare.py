"""`rollmill compare` and `leaderboard`: paired comparison of models on the problems that they share."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from rollmill.flows.cli import notebook
from rollmill.flows.cli.look.errata_words import board_moves, errata_words
from rollmill.flows.cli.look.imputed_words import imputed_words
from rollmill.flows.cli.output import AsJson, as_json, columns, line
from rollmill.flows.cli.runs_cost import require_runs
from rollmill.ground.errors import SetupError
from rollmill.ground.formats.rate_texts import with_interval

Subject = Annotated[
    str,
    typer.Argument(
        metavar="NAME[:MODEL]", help="A run, a dataset version (NAME@latest), or an evaluation, and one of its models."
    ),
]
WithErrata = Annotated[
    bool, typer.Option("--errata", help="Apply the error ledger (`rollmill errata`), and show the numbers as judged too.")
]
Subjects = Annotated[list[str] | None, typer.Argument(metavar="NAME[:MODEL]...", hidden=True)]


def compare(  # noqa: PLR0913 (a verb's parameters are its options)
    before: Subject,
    after: Subject,
    *,
    k: Annotated[int, typer.Option("--k", min=1, help="Compare pass@k of each problem.")] = 1,
    by: Annotated[
        list[str] | None, typer.Option("--by", metavar="COLUMN", help="Also by level, source, a key of meta.")
    ] = None,
    margin: Annotated[
        float | None, typer.Option("--margin", min=0.0, max=1.0, help="Test whether they are equal up to this.")
    ] = None,
    all_samples: Annotated[
        bool, typer.Option("--all-samples", help="Use all completions of each side, not equally many.")
    ] = False,
    tokens: Annotated[
        int | None,
        typer.Option(
            "--tokens",
            min=1,
            help="Tokens of each problem for the comparison at equal tokens; by default as many as every problem has.",
        ),
    ] = None,
    errata: WithErrata = False,
    json: AsJson = False,
) -> None:
    """Compare two models on the problems that both were asked: paired, with interval, test and flipped problems.

    Both sides get the same number of completions of each problem unless --all-samples, and are also compared at equal
    tokens. A sentence says which is better, or how large a difference this data would have shown: "not significant" is not
    "equal", which --margin tests.

    Example: rollmill compare arithmetic-eval:tiny arithmetic-eval:tiny-cool --by level
    """
    if margin is not None and not 0.0 < margin <= 1.0:
        raise SetupError(f"--margin is {margin:g}, and lies above 0.", next_command="--margin 0.02")
    require_runs(before)
    options: dict[str, Any] = {"margin": margin, "all_samples": all_samples, "tokens": tokens, "errata": errata}
    rows = notebook.compare(before, after, k=k, by=by or (), **options)
    return as_json({"comparisons": rows}) if json else line("\n\n".join(_comparison(row) for row in rows))


def leaderboard(
    names: Subjects = None,
    *,
    by: Annotated[
        str | None,
        typer.Option("--by", metavar="COLUMN", help="Treat each value of this column, or key of meta, as a benchmark."),
    ] = None,
    impute: Annotated[
        bool, typer.Option("--impute", help="Also rate models on problems that they were not asked; such cells are marked.")
    ] = False,
    checkpoints: Annotated[
        bool, typer.Option("--checkpoints", help="Models are checkpoints in this order: how well do rates follow it?")
    ] = False,
    errata: WithErrata = False,
    json: AsJson = False,
) -> None:
    """Show models x benchmarks: pass rates with intervals, and which models the best one is not shown to beat.

    All pairwise differences are tested on the problems that both models have, and corrected together. --impute completes
    a table in which models were asked different problems, and shows the ranks that are possible and how rankings agree.

    Example: rollmill leaderboard arithmetic-eval another-eval
    """
    if names:
        require_runs(names[0])
    board = notebook.leaderboard(*(names or ()), by=by, impute=impute, errata=errata, checkpoints=checkpoints)
    if json:
        return as_json(board)
    text = imputed_words(board) if impute else _board(board)
    if checkpoints:
        text = f"{text}\n\n{_checkpoints(board['checkpoints'])}"
    return line("\n\n".join([text, board_moves(board["errata"])]) if errata else text)


def _checkpoints(rows: Sequence[dict[str, Any]]) -> str:
    shown = [
        [
            row["benchmark"],
            row["checkpoints"],
            row["why"] if row["tau"] is None else with_interval(**row["tau"]),
            row["falls"],
        ]
        for row in rows
    ]
    return columns(["checkpoints of", "number", "Kendall's tau with their order [95%]", "below the one before"], shown)


def _comparison(row: dict[str, Any]) -> str:
    from rollmill.storage.queries.comparisons.undecided import difference_words

    sides = (("before", "value_before", "only_before"), ("after", "value_after", "only_after"))
    left_out = [f"{row[only]:,} only {name}" for name, _, only in sides if row[only]]
    left_out += [f"{row['undecided']:,} undecided"] if row["undecided"] else []
    table = [
        [name, row[name]["model"], row[name]["completions"], _number(row[name]["tokens_per_completion"], ".1f"), row[value]]
        for name, value, _ in sides
    ]
    flipped = row["flipped"]
    lines = [
        f"{row['before']['benchmark']}: {row['metric']} on {row['problems']:,} problems ({row['clusters']:,} clusters)"
        + (f"; left out: {', '.join(left_out)}" if left_out else ""),
        columns(["", "model", "completions", "tokens each", row["metric"]], table),
        f"{row['decision']}.",
        f"difference {with_interval(row['difference'], row['low'], row['high'], '+')} (95%, {row['interval']}), "
        f"p = {row['p']:.3g}, {row['p_corrected']:.3g} for all benchmarks together",
        *filter(None, [difference_words(row)]),
        *([] if row["outlying"] is None else [f"note: {row['outlying']['note']}"]),
        _equal_tokens(row["equal_tokens"]),
        f"better on {flipped['better']:,} problems, worse on {flipped['worse']:,}, the same on {flipped['same']:,}",
    ]
    if "errata" in row:
        lines += errata_words(row["errata"])
    if "conclusion" in row:
        lines.append(f"equal up to {row['margin']:g}: {row['conclusion']}")
    for name, strata in row["strata"].items():
        head = [name, "problems", "before", "after", "difference [95%]", "p, corrected"]
        lines += ["", columns(head, [_stratum(part) for part in strata])]
    return "\n".join(lines)


def _equal_tokens(part: dict[str, Any]) -> str:
    if "why" in part:
        return f"not compared at equal tokens: {part['why']}"
    values = f"{part['value_before']:.3f} and {part['value_after']:.3f}"
    change = with_interval(part["difference"], part["low"], part["high"], "+")
    return f"at {part['tokens']:,} tokens a problem each: {values}, difference {change}, p = {part['p']:.3g}"


def _stratum(part: dict[str, Any]) -> list[Any]:
    change = with_interval(part["difference"], part["low"], part["high"], "+")
    return [
        str(part["group"]),
        part["problems"],
        part["value_before"],
        part["value_after"],
        change,
        f"{part['p_corrected']:.2g}",
    ]


def _number(value: float | None, form: str) -> str:
    return "unknown" if value is None else format(value, form)


def _board(board: dict[str, Any]) -> str:
    cells = {(row["model"], row["benchmark"]): row for row in board["cells"]}
    rows = []
    for model in board["models"]:
        shown = [_board_cell(cells.get((model, benchmark))) for benchmark in board["benchmarks"]]
        mean = board["means"][model]
        words = "-" if mean is None else with_interval(mean["value"], mean["low"], mean["high"])
        rows.append([model, *shown, words])
    significant = sum(row["significant"] for row in board["tests"])
    return "\n".join(
        [
            columns(["model", *board["benchmarks"], "mean"], rows),
            "* no model of the table is shown to be better on this benchmark (5%, all pairs corrected together)",
            f"{len(board['tests'])} pairs tested, {significant} differ; mean: over the benchmarks that all were asked",
            f"Problems: {', '.join(_problem_count(board, benchmark) for benchmark in board['benchmarks'])}.",
            *(f"{row['model']} on {row['benchmark']}: {text}." for row in board["cells"] for text in _notes(row)),
        ]
    )


def _notes(row: dict[str, Any]) -> list[str]:
    """Notes on a cell: its undecided completions and the faults of its replies."""
    from rollmill.storage.queries.comparisons.undecided import undecided_words

    return [*filter(None, [undecided_words(row)]), *row.get("faults", ())]


def _problem_count(board: dict[str, Any], benchmark: str) -> str:
    """Number of problems of a benchmark under the rates, `64 of easy`; `60 to 64 of easy` if models differ."""
    counts = {row["problems"] for row in board["cells"] if row["benchmark"] == benchmark}
    return f"{' to '.join(f'{count:,}' for count in sorted({min(counts), max(counts)}))} of {benchmark}"


def _board_cell(row: dict[str, Any] | None) -> str:
    if row is None:
        return "-"
    if row["value"] is None:
        return str(row["interval"])
    best = "*" if row["unbeaten"] else ""
    return f"{with_interval(row['value'], row['low'], row['high'])}{best}"
