"""`rollmill runs elected`: the answers that a search elects by the votes of its policy, and how often they are right."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rollmill.flows.cli.output import AsJson, as_json, columns, line
from rollmill.flows.cli.runs_cost import RunId, require_runs
from rollmill.ground.formats.rate_texts import interval_text

if TYPE_CHECKING:
    from rollmill.flows.rejudging.search_elections import ElectedAnswer, SearchElections
    from rollmill.stats import Estimate

HEAD = ["answer", "right", "low", "high", "problems", "clusters"]
Answers = Annotated[bool, typer.Option("--answers", help="Also list the elected answer of each problem.")]


def elected(run: RunId = None, *, answers: Answers = False, json: AsJson = False) -> None:
    """Elect one answer per problem by the votes of a search's policy, and say how often it is right.

    Beside it: the majority of the same finished answers, a single one, and problems in which a right one was found.
    Intervals are over problems, with templates as clusters. Draws and judges nothing.

    Example: rollmill runs elected searched-3f9a0c1d --answers
    """
    require_runs(run)
    from rollmill.flows.rejudging.search_elections import elections_of

    elections = elections_of(Path.cwd(), run)
    row = elected_row(elections)
    return as_json(row) if json else line(_page(elections, row, answers=answers))


def elected_row(elections: "SearchElections") -> dict[str, Any]:
    """The elections as JSON values."""
    gain = elections.gain
    return {
        "run": elections.run,
        "policy": elections.policy,
        "process": elections.process,
        "left_out": elections.left_out,
        "rates": {name: _numbers(rate) for name, rate in elections.rates.items()},
        "gain": None if gain is None else _numbers(gain),
        "missed": elections.missed,
        "tokens_per_problem": sum(election.tokens for election in elections.elections) / len(elections.elections),
        "answers": [{**asdict(election), "found": election.found} for election in elections.elections],
    }


def _outcome(election: "ElectedAnswer") -> str:
    return "right" if election.right else "wrong, a right one was found" if election.found else "wrong"


def _numbers(estimate: "Estimate") -> dict[str, Any]:
    return {name: getattr(estimate, name) for name in ("value", "low", "high", "n", "clusters", "method")}


def _page(elections: "SearchElections", row: dict[str, Any], *, answers: bool) -> str:
    cells = [
        [name, *(f"{rate[end]:.3f}" for end in ("value", "low", "high")), rate["n"], rate["clusters"]]
        for name, rate in row["rates"].items()
    ]
    lines = [
        f"{elections.run}: policy {elections.policy}, process {elections.process}, "
        f"{row['tokens_per_problem']:,.0f} tokens a problem.",
        columns(HEAD, cells),
    ]
    if row["gain"] is not None:
        ends = interval_text(row["gain"]["low"], row["gain"]["high"], "+")
        lines.append(f"elected less majority, paired: {row['gain']['value']:+.3f} {ends}")
    lines.append(
        f"{row['missed']:,} problems have a right answer that was not elected; the search found none in "
        f"{sum(not election.found for election in elections.elections):,}."
    )
    if elections.left_out:
        lines.append(f"{elections.left_out:,} problems with an undecided answer are in no rate.")
    if answers:
        rows = [[election.problem_id, election.answer or "", _outcome(election)] for election in elections.elections]
        lines.append("\n" + columns(["problem", "elected", ""], rows))
    return "\n".join([*lines, f"Next: rollmill runs show {elections.run}"])
