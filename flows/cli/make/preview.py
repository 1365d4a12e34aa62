"""`rollmill preview`: a few problems of a recipe through every stage, shown row by row before the whole run is paid for."""

from typing import Annotated, Any

import typer

from rollmill.flows.cli.output import AsJson, doing, inert
from rollmill.flows.cli.recipe import MaxCost, MaxTokens, ProfilePath, RecipePath, Sets

LONGEST = 600  # characters of a text that are shown


def preview(  # noqa: PLR0913 (a verb's parameters are its options)
    recipe: RecipePath,
    sets: Sets = None,
    *,
    rows: Annotated[int, typer.Option("--rows", min=1, max=100, help="Problems, the recipe's first ones.")] = 5,
    profile: ProfilePath = None,
    max_tokens: MaxTokens = None,
    max_cost: MaxCost = None,
    json: AsJson = False,
) -> None:
    """Run a recipe's first problems through every stage up to selection and show what became of each row.

    The completions are stored and charged; `curate` reuses them. Nothing is published.

    Example: rollmill preview recipes/arithmetic.yaml --rows 3
    """
    doing(f"{recipe.name}: checking it, loading libraries")
    from rollmill.flows.cli.jobs import run_job
    from rollmill.flows.job import Job
    from rollmill.flows.jobs.preview import preview_of

    job = Job.here(recipe, sets or (), profile, max_tokens=max_tokens, max_cost=max_cost)
    return run_job(preview_of(job, rows), lambda outcome: _page(outcome, job.command), json=json)


def _page(outcome: dict[str, Any], command: str) -> str:
    spent = outcome["spent"]
    parts = [part for row in outcome["shown"] for part in _problem(row)]
    kept = sum(bool(rollout["kept"]) for row in outcome["shown"] for rollout in row["rollouts"])
    parts.append(
        f"{outcome['problems']} problems, {outcome['rollouts']} rollouts, {kept} kept; {spent['drawn']} drawn here with "
        f"{spent['tokens']:,} tokens in {outcome['seconds']} s. Nothing was published."
    )
    return "\n".join([*parts, f"Next: {command}"])


def _problem(row: dict[str, Any]) -> list[str]:
    """The prompt, then one rollout of each outcome and decision with the number of those like it."""
    level = "" if row["level"] is None else f", level {row['level']}"
    lines = [f"problem {row['id'][:12]}{level}", _text(row["prompt"]), f"reference  {_text(row['reference'], '')}"]
    alike: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for rollout in row["rollouts"]:
        decision = "kept" if rollout["kept"] else f"dropped: {rollout['reason']}"
        alike.setdefault((rollout["outcome"], decision), []).append(rollout)
    for (outcome, decision), members in alike.items():
        first = members[0]
        verdict = next((verdict for verdict in first["verdicts"] if verdict["outcome"] == outcome), None)
        by = "" if verdict is None else f" by {verdict['verifier']} (rule {verdict['rule']})"
        scores = "".join(f", {name} {value:.4g}" for name, value in first["scores"].items())
        lines.append(f"  {len(members)} x {outcome}{by}, {decision}{scores}; the first, {first['tokens_out']} tokens:")
        lines.append(_text(first["text"] or "", "  | "))
    return [*lines, ""]


def _text(text: str, prefix: str = "  ") -> str:
    shown = text if len(text) <= LONGEST else f"{text[:LONGEST]} ... ({len(text):,} characters)"
    return "\n".join(prefix + part for part in inert(shown).split("\n"))
