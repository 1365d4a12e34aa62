"""`rollmill holdout open|ask|show`: a guarded half of a benchmark, questions about it, and the ledger of all reads."""

from typing import Annotated, Any

import typer

from rollmill.flows.cli import group
from rollmill.flows.cli.output import AsJson, as_json, columns, line
from rollmill.flows.job import workspace_root
from rollmill.ground.formats.rate_texts import with_interval

verbs = group("holdout", "Pass rates on a guarded half of a benchmark, which stay valid after many looks.")
Name = Annotated[str, typer.Argument(help="The guarded half's name; see `rollmill holdout show`.")]


@verbs.command("open")
def open_(
    name: Name,
    evaluation: Annotated[str, typer.Argument(metavar="EVALUATION", help="An evaluation or run of the benchmark.")],
    *,
    benchmark: Annotated[str | None, typer.Option("--benchmark", help="The benchmark, if there are several.")] = None,
    budget: Annotated[int, typer.Option("--budget", min=1, help="Number of looks at the guarded half.")] = 20,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the halves and the noise.")] = 0,
    json: AsJson = False,
) -> None:
    """Guard half of a benchmark: whole templates are visible or guarded by a hash, and reads are counted from now on.

    Reports and leaderboards still show rates over the whole benchmark. A choice by these rates bypasses the guard.

    Example: rollmill holdout open final arithmetic-eval --benchmark hard --budget 10
    """
    from rollmill.flows.evaluation.guarded import open_holdout

    row = open_holdout(workspace_root(), name, evaluation, benchmark=benchmark, budget=budget, seed=seed)
    return as_json(row) if json else line(f"{_head(row)}\nNext: rollmill holdout ask {name} {evaluation}:MODEL")


@verbs.command("ask")
def ask(
    name: Name,
    subject: Annotated[str, typer.Argument(metavar="NAME[:MODEL]", help="An evaluation or run, and one of its models.")],
    *,
    json: AsJson = False,
) -> None:
    """Show a model's pass rate through the guard (Thresholdout), and enter the question into the ledger.

    While both halves agree up to a noisy threshold, the answer is the visible half's and costs nothing. Otherwise it is
    the guarded half's with noise, and one look is spent. The same question gets the same answer.

    Example: rollmill holdout ask final arithmetic-eval:tiny
    """
    from rollmill.flows.evaluation.guarded import ask_holdout

    row = ask_holdout(workspace_root(), name, subject)
    if json:
        return as_json(row)
    answer = row["question"]
    return line(f"{answer['reference']}: {_answer(answer)}\n{_head(row)}")


@verbs.command("show")
def show(*, json: AsJson = False) -> None:
    """Every guarded half with its ledger of questions.

    Example: rollmill holdout show
    """
    from rollmill.storage.holdouts import Holdouts
    from rollmill.storage.workspace import Workspace

    with Workspace.open(workspace_root()) as workspace:
        rows = [holdout.row(name) for name, holdout in Holdouts(workspace.state).all().items()]
    if json:
        return as_json(rows)
    if not rows:
        return line("No half of a benchmark is guarded yet. Next: rollmill holdout open NAME EVALUATION")
    return line("\n\n".join(_page(row) for row in rows))


def _page(row: dict[str, Any]) -> str:
    asked = [[question["reference"], _answer(question)] for question in row["questions"]]
    return "\n".join([_head(row), *([columns(["asked", "pass rate [95%]"], asked)] if asked else [])])


def _head(row: dict[str, Any]) -> str:
    return (
        f"{row['name']}: {row['benchmark']}, {row['problems']:,} problems; {row['visible']:,} templates are visible and "
        f"{row['guarded']:,} guarded; {row['looks']} of {row['budget']} looks are spent"
    )


def _answer(question: dict[str, Any]) -> str:
    return f"{with_interval(question['value'], question['low'], question['high'])} ({question['half']} half)"
