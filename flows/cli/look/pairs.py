"""`rollmill pairs plan|rank`: answers to compare two by two, and the ranking of models by such comparisons."""

from pathlib import Path
from typing import Annotated, Any

import typer

from rollmill.flows.cli import group
from rollmill.flows.cli.output import AsJson, as_json, check_jsonl, columns, line
from rollmill.flows.job import workspace_root
from rollmill.ground.formats.rate_texts import with_interval

verbs = group("pairs", "Rank models by pairwise comparisons of their answers, each pair in both orders.")


@verbs.command("plan")
def plan(
    names: Annotated[list[str], typer.Argument(metavar="NAME[:MODEL]...", hidden=True)],
    *,
    out: Annotated[Path, typer.Option("--out", help="The JSONL file of comparisons to judge.")],
    count: Annotated[
        int, typer.Option("--count", min=2, help="Number of comparisons, for example a third of all ordered pairs.")
    ] = 100,
    seed: Annotated[int, typer.Option("--seed", help="Seed of pairs and problems.")] = 0,
    json: AsJson = False,
) -> None:
    """Write the answers that a judge is to compare: two models on one problem, then the same in the other order.

    The judge writes "first", "second" or "tie" for `preferred` in each line, and `rollmill pairs rank` reads the file.
    Every model is in equally many comparisons.

    Example: rollmill pairs plan arithmetic-eval --count 60 --out pairs.jsonl
    """
    from rollmill.flows.evaluation.pairs import plan_pairs

    check_jsonl(out)
    report = plan_pairs(workspace_root(), names, count, seed, out)
    if json:
        return as_json(report)
    written = f"{report['file']} has {report['comparisons']:,} comparisons of {report['models']} models"
    shares = f"{report['ordered_pairs']:,} ordered pairs of models exist"
    return line(f"{written}; {shares}. Fill in `preferred`.\nNext: rollmill pairs rank {report['file']}")


@verbs.command("rank")
def rank(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSON lines with first, second, preferred and problem.")],
    *,
    against: Annotated[
        list[str] | None,
        typer.Option(
            "--against", metavar="NAME", help="Also compare with the pass rates of this evaluation, run or version."
        ),
    ] = None,
    json: AsJson = False,
) -> None:
    """Rank models by pairwise comparisons: strengths (Bradley-Terry) and win rates, each with an interval.

    The judge's preference for the first or second place is estimated and removed from the strengths. Intervals treat
    the comparisons on one problem as a cluster.

    Example: rollmill pairs rank pairs.jsonl --against arithmetic-eval
    """
    from rollmill.flows.evaluation.pairs import rank_pairs

    report = rank_pairs(file, tuple(against or ()), workspace_root() if against else None)
    return as_json(report) if json else line(_page(report))


def _page(report: dict[str, Any]) -> str:
    rows = [
        [row["model"], _interval(row["strength"]), _interval(row["win_rate"]), row["win_rate"]["n"]]
        for row in report["models"]
    ]
    unjudged = f"; {report['unjudged']:,} lines are not judged" if report["unjudged"] else ""
    lines = [
        f"{report['file']}: {report['comparisons']:,} comparisons of {len(rows)} models{unjudged}",
        columns(["model", "strength [95%]", "win rate [95%]", "comparisons"], rows),
        "strength: chance to win against the mean model (Bradley-Terry), without the effect of the order",
        f"The first of two equal models is preferred with a chance of {_interval(report['order'])}.",
    ]
    if report["consistent"] is not None:
        lines.append(f"Same preference in both orders: {_interval(report['consistent'])} of {report['consistent']['n']:,}.")
    if report["win_rate_tau"] is not None:
        lines.append(f"Kendall's tau of strengths and win rates: {_interval(report['win_rate_tau'])}.")
    if report["against"] is not None and report["against"]["tau"] is not None:
        names, top = ", ".join(report["against"]["names"]), report["against"]["top_weighted_tau"]
        lines.append(f"tau with pass rates of {names}: {_interval(report['against']['tau'])}; top-weighted {top:.3f}.")
    return "\n".join(lines)


def _interval(row: dict[str, Any]) -> str:
    return with_interval(row["value"], row["low"], row["high"])
