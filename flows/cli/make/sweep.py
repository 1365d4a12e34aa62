"""`rollmill sweep`: settings, prompts or models compared, one chosen, and its gain on problems that did not choose it."""

from pathlib import Path
from typing import Annotated, Any

import typer

from rollmill.flows.cli.output import AsJson, as_json, columns, line
from rollmill.flows.cli.recipe import MaxCost, MaxTokens, ProfilePath, RecipePath, Sets


def sweep(  # noqa: PLR0913 (a verb's parameters are its options)
    recipe: RecipePath,
    sets: Sets = None,
    *,
    profile: ProfilePath = None,
    max_tokens: MaxTokens = None,
    max_cost: MaxCost = None,
    plan: Annotated[bool, typer.Option("--plan", help="Print arms, halves and the most draws; draw nothing.")] = False,
    json: AsJson = False,
) -> None:
    """Choose among settings, prompts or models on half of the problems, and report the choice on the other half.

    An allocator shares the completions out over the arms. The chosen arm and the default then draw on problems that no
    choice has seen. A killed sweep resumes when it is run again. A report is written to reports/NAME/sweep.md.

    Example: rollmill sweep recipes/sweeps/temperature.yaml
    """
    from rollmill.flows.cli.jobs import run_job
    from rollmill.flows.job import Job
    from rollmill.flows.sweeps.sweep_job import Sweep, plan_of
    from rollmill.flows.sweeps.sweep_recipe import load_sweep

    job = Job.here(recipe, tuple(sets or ()), profile, max_tokens=max_tokens, max_cost=max_cost, verb="sweep")
    loaded = load_sweep(Path(job.recipe), sets=job.sets)
    if plan:
        row = plan_of(job, loaded)
        return as_json(row) if json else line(_planned(row))
    return run_job(Sweep(job, loaded), _page, json=json)


def _planned(row: dict[str, Any]) -> str:
    problems, draws = row["problems"], row["draws"]
    arms = [(name, ", ".join(f"{key} {value}" for key, value in changed.items())) for name, changed in row["arms"].items()]
    return "\n".join(
        [
            columns(("arm", "settings"), [(name, text or "unchanged") for name, text in arms]),
            f"{problems['choose']:,} problems choose and {problems['report']:,} report, split by {problems['split']}; "
            f"the default is {row['default']}.",
            f"At most {draws['most']:,} completions of {row['most_tokens']:,} tokens: {draws['choose']:,} by allocator "
            f"{row['allocator']}, {draws['report']:,} for the report.",
            "Nothing was drawn. Next: the same without --plan",
        ]
    )


def _page(outcome: dict[str, Any]) -> str:
    from rollmill.flows.sweeps.sweep_report import curse_sentence, per_words, rate_words, sentence, tokens_words

    head = ("arm", "problems", "rate [95%]", "tokens", "right/1,000 tokens", "front")
    rows = [
        (row["arm"], row["problems"], rate_words(row), tokens_words(row), per_words(row), "yes" if row["front"] else "")
        for row in outcome["arms"]
    ]
    other = [
        (row["arm"], row["problems"], rate_words(row), tokens_words(row), per_words(row)) for row in outcome["reported"]
    ]
    words = sentence(outcome)
    return "\n".join(
        [
            *outcome["messages"],
            "The half that chose:", columns(head, rows), "",
            "The other half:", columns(head[:-1], other), "",
            f"{words[0].upper()}{words[1:]}", curse_sentence(outcome), f"Report: {outcome['reports'][1]}",
        ]
    )  # fmt: skip
