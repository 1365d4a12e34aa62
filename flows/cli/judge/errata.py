"""`rollmill errata suspects|add|list|withdraw`: the error ledger of benchmarks. Results are read with it by `--errata`."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from rollmill.flows.cli import group
from rollmill.flows.cli.output import AsJson, as_json, columns, line
from rollmill.flows.job import workspace_root
from rollmill.ground.errors import SetupError, unknown_name

if TYPE_CHECKING:
    from rollmill.storage.queries.judge.errata import Erratum

verbs = group("errata", "The error ledger: faulty problems of benchmarks, and results corrected for them.")
Name = Annotated[str, typer.Argument(metavar="NAME", help="An evaluation, run or dataset version.")]
Reason = Annotated[str, typer.Option("--reason", help="Reason, for readers.")]
By = Annotated[str, typer.Option("--by", metavar="NAME", help="Person who reports the fault.")]
MOST = 60  # characters of a prompt or reason in a table


@verbs.command("suspects")
def suspects(
    name: Name,
    *,
    share: Annotated[
        float, typer.Option("--share", help="Least share of completions that agree on an answer judged wrong.")
    ] = 0.75,
    json: AsJson = False,
) -> None:
    """List problems that may be faulty: no reference, a repeated prompt, or models that agree on a "wrong" answer.

    This is no proof: read the problem, and record its fault with `errata add`. Agreement needs four completions, of two
    models if there are several.

    Example: rollmill errata suspects arithmetic-eval
    """
    from rollmill.storage.queries import Reader
    from rollmill.storage.queries.judge.suspects import suspects as suspects_of

    with Reader.open(workspace_root()) as reader:
        rows = suspects_of(reader, name, share=share)
    if json:
        return as_json([row.row() for row in rows])
    if not rows:
        return line(f"No problem of {name} shows a sign of a fault.")
    table = [
        [row.benchmark, row.problem[:12], row.fault, _short(row.why), _short(row.prompt), row.recorded or "-"]
        for row in rows
    ]
    head = ["benchmark", "problem", "fault", "sign", "prompt", "recorded"]
    return line(f"{columns(head, table)}\nNext: rollmill errata add {name} PROBLEM --fault FAULT --reason TEXT --by NAME")


@verbs.command("add")
def add(  # noqa: PLR0913 (a verb's parameters are its options)
    name: Name,
    problem: Annotated[
        str, typer.Argument(metavar="PROBLEM", help="The problem's id, the beginning of it, or its external id.")
    ],
    *,
    fault: Annotated[
        str, typer.Option("--fault", help="wrong_reference, ambiguous, incomplete, mismatch, duplicate, other.")
    ],
    reason: Reason,
    by: By,
    reference: Annotated[
        str | None, typer.Option("--reference", help="The right reference; without it the problem is left out.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Record a fault of a problem in errata.jsonl. Stored results stay; `--errata` reads them corrected.

    Example: rollmill errata add arithmetic-eval 3f2a91 --fault wrong_reference --reference 42 --by ann --reason "it adds 7"
    """
    from rollmill.storage.queries import Reader
    from rollmill.storage.queries.judge.errata import Errata

    with Reader.open(workspace_root()) as reader:
        entry = Errata(reader.root).add(
            _problem_id(reader, name, problem), fault, reason=reason, by=by, reference=reference
        )
    if json:
        return as_json(entry.row())
    effect = "left out" if reference is None else f"judged again by {reference!r}"
    return line(
        f"{entry.id}: problem {entry.problem[:12]} is {effect} wherever --errata is given.\n"
        f"Next: git add errata.jsonl; rollmill leaderboard {name} --errata"
    )


@verbs.command("list")
def list_(*, json: AsJson = False) -> None:
    """Every entry of the error ledger with its state.

    Example: rollmill errata list
    """
    from rollmill.storage.queries.judge.errata import Errata

    entries = Errata(workspace_root()).all()
    if json:
        return as_json([entry.row() for entry in entries])
    if not entries:
        return line("No fault is recorded yet. Next: rollmill errata suspects NAME")
    head = ["id", "problem", "fault", "right reference", "reason", "by", "at", "state"]
    return line(columns(head, [_entry(entry) for entry in entries]))


@verbs.command("withdraw")
def withdraw(
    erratum: Annotated[str, typer.Argument(metavar="ID", help="An entry of `rollmill errata list`.")],
    *,
    reason: Reason,
    by: By,
    json: AsJson = False,
) -> None:
    """Withdraw an entry: it stays in the ledger without effect.

    Example: rollmill errata withdraw 1a2b3c4d --by ann --reason "the reference was right"
    """
    from rollmill.storage.queries.judge.errata import Errata

    entry = Errata(workspace_root()).withdraw(erratum, reason=reason, by=by)
    return as_json(entry.row()) if json else line(f"{entry.id} is withdrawn by {entry.withdrawn}")


def _problem_id(reader: Any, name: str, problem: str) -> str:
    """The id of the only problem of an evaluation with this id, beginning of an id, or external id."""
    from rollmill.storage.queries.comparisons.sides import scopes_of

    ids: dict[str, str | None] = {}
    for scope in scopes_of(reader, name):
        with scope.connection("problems") as connection:
            ids |= dict(connection.execute("SELECT id, external_id FROM problems ORDER BY id").fetchall())
    matching = [key for key, external in ids.items() if problem and (key.startswith(problem) or external == problem)]
    if not matching:
        raise unknown_name(f"problem of {name}", problem, [*ids, *filter(None, ids.values())])
    if len(matching) > 1:
        raise SetupError(f"{problem!r} begins {len(matching)} problems of {name}.", choices=[key[:16] for key in matching])
    return matching[0]


def _entry(entry: "Erratum") -> list[str]:
    state = f"withdrawn by {entry.withdrawn}" if entry.withdrawn else "counts"
    reference = "-" if entry.reference is None else _short(entry.reference)
    return [entry.id, entry.problem[:12], entry.fault, reference, _short(entry.reason), entry.by, entry.at, _short(state)]


def _short(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= MOST else f"{words[: MOST - 1]}…"
