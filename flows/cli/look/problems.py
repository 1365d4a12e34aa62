"""`rollmill problems` and `rollmill show`: find problems by what became of them, and read one with its rollouts.

Both look into a dataset version or a run, the latest run when none is named, and write nothing.
"""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rollmill.flows.cli.output import AsJson, as_json, columns, inert, line
from rollmill.flows.cli.runs_cost import require_runs
from rollmill.ground.errors import SetupError
from rollmill.ground.records import prompt_json

if TYPE_CHECKING:
    from rollmill.storage.queries import Reader, Scope
    from rollmill.storage.queries.browse.explore import ProblemPage
    from rollmill.storage.queries.browse.problems import ProblemDetail

Source = Annotated[str | None, typer.Argument(metavar="DATASET|RUN", help="NAME, NAME@v2 or a run's id; the latest run.")]
BRIEF = 60  # characters of a prompt or an answer in a table


def problems(  # noqa: PLR0913 (a verb's parameters are its options)
    source: Source = None,
    *,
    text: Annotated[str, typer.Option("--text", help="Text in the prompt, or the first digits of an id.")] = "",
    level: Annotated[int | None, typer.Option("--level", help="Problems of this level.")] = None,
    skill: Annotated[str | None, typer.Option("--skill", help="Problems of this skill.")] = None,
    template: Annotated[str | None, typer.Option("--template", help="Problems of this template.")] = None,
    outcome: Annotated[
        str | None,
        typer.Option("--outcome", help="An outcome of some rollout: correct, incorrect, unparsed, undecided; or mixed."),
    ] = None,
    least: Annotated[float | None, typer.Option("--least", min=0, max=1, help="The least pass rate.")] = None,
    most: Annotated[float | None, typer.Option("--most", min=0, max=1, help="The greatest pass rate.")] = None,
    page: Annotated[int, typer.Option("--page", min=1, help="Page to show.")] = 1,
    size: Annotated[int, typer.Option("--size", min=1, max=1000, help="Problems of a page.")] = 25,
    json: AsJson = False,
) -> None:
    """Find problems by text, level, skill, template, outcome and pass rate.

    Example: rollmill problems arithmetic --level 8 --outcome mixed
    """
    require_runs(source)
    from rollmill.storage.queries import Reader
    from rollmill.storage.queries.browse.explore import OUTCOME_FILTERS, Filters, Listing, search_problems

    if outcome is not None and outcome not in OUTCOME_FILTERS:
        raise SetupError(f"--outcome {outcome}: no outcome.", choices=OUTCOME_FILTERS)
    with Reader.open() as reader:
        scope = _scope(reader, source)
        given = {"level": level, "skill": skill, "template": template, "outcome": outcome}
        chosen: dict[str, Any] = {name: (value,) for name, value in given.items() if value is not None}
        filters = Filters(text, **chosen, lowest=least, highest=most)
        matching = search_problems(scope, filters, Listing(page, size))
        return as_json(_page_json(scope, matching)) if json else line(_page(scope.name, matching))


def show(
    identity: Annotated[str, typer.Argument(metavar="ID", help="The first digits of a problem's or completion's id.")],
    *,
    of: Annotated[
        str | None, typer.Option("--of", metavar="DATASET|RUN", help="Dataset or run of the id; by default the latest run.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Read a problem with its rollouts grouped by answer, or one completion in full.

    Example: rollmill show 3f9a0c1d --of arithmetic@v1
    """
    require_runs(of)
    from rollmill.flows.cli.datasets.dataset_pages import history_page
    from rollmill.storage.queries import Reader
    from rollmill.storage.queries.browse.problems import problem_detail
    from rollmill.storage.queries.browse.why import why, why_in_run

    with Reader.open() as reader:
        scope = _scope(reader, of)
        if scope.version is not None:
            history = why(scope.version, identity)
        else:
            assert scope.run is not None
            history = why_in_run(reader, scope.run.id, identity)
        if json:
            return as_json(history.json())
        if history.kind == "completion":
            return line(history_page(history))
        return line(_problem(scope.name, problem_detail(scope, history.id)))


def _scope(reader: "Reader", name: str | None) -> "Scope":
    from rollmill.storage.artifacts.index import artifact_names
    from rollmill.storage.queries import named_scope, run_scope

    if name is None:
        return run_scope(reader, reader.runs.chosen(None).id)
    scope = named_scope(reader, name)
    if scope is None:
        known = [*artifact_names(reader.datasets), *(run.id for run in reader.runs.list())]
        raise SetupError(f"{name} is neither a dataset nor a run.", choices=known, next_command="rollmill dataset list")
    return scope


def _page(name: str, page: "ProblemPage") -> str:
    if not page.total:
        return f"{name}: no problem matches.\nNext: rollmill problems {name}"
    rows = [
        [row.id[:12], row.level, row.rate, f"{row.correct} of {row.judged}", row.rollouts, row.kept, _brief(row.prompt)]
        for row in page.rows
    ]
    head = ["problem", "level", "pass rate", "correct", "rollouts", "kept", "prompt"]
    pages = f", page {page.page} of {page.pages}" if page.pages > 1 else ""
    return "\n".join(
        [
            f"{name}: {page.total:,} problems{pages}",
            columns(head, rows),
            f"Next: rollmill show {page.rows[0].id[:12]} --of {name}",
        ]
    )


def _page_json(scope: "Scope", page: "ProblemPage") -> dict[str, Any]:
    from rollmill.storage.queries.browse.problems import whole_problems

    whole = whole_problems(scope, [row.id for row in page.rows])
    rows = [
        {**asdict(row), "prompt": prompt_json(whole[row.id].prompt), "reference": whole[row.id].reference}
        for row in page.rows
    ]
    return {"of": scope.name, "total": page.total, "page": page.page, "pages": page.pages, "problems": rows}


def _problem(name: str, detail: "ProblemDetail") -> str:
    """The prompt, the reference, and the rollouts of each answer, the most frequent answer first."""
    from rollmill.flows.cli.datasets.dataset_pages import sent_lines
    from rollmill.storage.queries.browse.problems import answer_groups, prompt_text

    problem = detail.problem
    facts = [f"{key} {value}" for key in ("level", "skill", "template", "source") if (value := getattr(problem, key))]
    rows = [
        [
            _brief(answer),
            len(members),
            ", ".join(sorted({member.outcome for member in members})),
            sum(bool(member.kept) for member in members),
            " ".join(member.completion.id[:12] for member in members[:2] if member.completion is not None),
        ]
        for answer, members in answer_groups(detail.rollouts)
    ]
    prompt = prompt_text(problem.prompt)
    members = [(rollout.completion, rollout.sent) for rollout in detail.rollouts if rollout.completion is not None]
    drawn = [completion.id for completion, _ in members if completion.finish_reason != "imported"]
    sent = {completion.id: messages for completion, messages in members if messages}
    parts = [f"problem {problem.id} of {name}", "  ".join(facts), "", inert(prompt), *sent_lines(prompt, sent, drawn), ""]
    parts += [f"reference  {inert(problem.reference or 'none')}", ""]
    parts.append(columns(["answer", "rollouts", "outcome", "kept", "completions"], rows))
    first = next((rollout.completion.id[:12] for rollout in detail.rollouts if rollout.completion is not None), None)
    return "\n".join([*parts, *([] if first is None else [f"Next: rollmill show {first} --of {name}"])])


def _brief(text: str) -> str:
    flat = inert(" ".join(text.split()))
    return flat if len(flat) <= BRIEF else f"{flat[: BRIEF - 1]}…"
