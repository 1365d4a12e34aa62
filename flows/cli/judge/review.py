"""`rollmill review`: a person judges rollouts one by one. The verdict stays hidden, so that it cannot anchor the reviewer.

Every judgement is stored immediately: q, Ctrl-C and a closed terminal lose nothing, and the next call continues.
"""

import getpass
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rollmill.flows.cli.output import AsJson, DryRun, as_json, inert, line, note
from rollmill.ground.errors import SetupError

if TYPE_CHECKING:
    from rollmill.storage.audits import Judgement
    from rollmill.storage.queries import Reader
    from rollmill.storage.queries.judge.review import Queue, ReviewItem

KEYS: dict[str, "Judgement"] = {"c": "correct", "i": "incorrect", "u": "unparsed", "?": "unsure"}
HELP = "c correct  i incorrect  u gives no answer  ? cannot tell  t whole text  s skip  q quit"
LINE = "-" * 78  # between two rollouts


def review(  # noqa: PLR0913 (options, all by name)
    audit: Annotated[str | None, typer.Argument(metavar="AUDIT", help="An audit's id; the newest if left out.")] = None,
    *,
    undecided: Annotated[
        str | None, typer.Option(metavar="RUN", help="Judge what no verifier could decide in this run instead.")
    ] = None,
    judge: Annotated[str | None, typer.Option(help="Who judges; your login if left out.")] = None,
    show_outcome: Annotated[
        bool, typer.Option("--show-outcome", help="Show the verdict, which biases judgements (for --undecided).")
    ] = False,
    read: Annotated[Path | None, typer.Option("--from", help="Read judgements from a CSV file instead of asking.")] = None,
    export: Annotated[Path | None, typer.Option(help="Write the rollouts as a CSV file for another tool.")] = None,
    for_spreadsheet: Annotated[
        bool, typer.Option("--for-spreadsheet", help="With --export: no cell is a formula; --from undoes it.")
    ] = False,
    apply: Annotated[
        bool, typer.Option("--apply", help="With --undecided: accept people's judgements, and publish the new version.")
    ] = False,
    dry_run: DryRun = False,
    json: AsJson = False,
) -> None:
    """Judge the rollouts that an audit drew, or those that no verifier could decide; --apply accepts the latter.

    Example: rollmill review --judge ann
    """
    from rollmill.storage.queries import Reader
    from rollmill.storage.queries.judge.review import audit_queue, undecided_queue

    _require_one_way(read, export, spreadsheet=for_spreadsheet)
    who = (getpass.getuser() if judge is None else judge).strip()  # judgements are kept by reviewer
    if not who or not who.isprintable():
        raise SetupError("a reviewer has a name.", next_command="rollmill review --judge ann")
    if audit is not None and undecided is not None:
        raise SetupError("name an audit or --undecided RUN, not both.")
    if apply:
        if undecided is None or read is not None or export is not None:
            together = "rollmill review --undecided RUN --apply"
            raise SetupError("--apply needs --undecided RUN.", next_command=together)
        return _apply(undecided, dry_run=dry_run, json=json)
    with Reader.open() as reader:
        queue = audit_queue(reader, audit) if undecided is None else undecided_queue(reader, undecided)
        if export is not None:
            if not dry_run:
                _export(reader, queue, export, who, spreadsheet=for_spreadsheet)
            return _say_exported(export, len(queue.pairs), spreadsheet=for_spreadsheet, dry_run=dry_run, json=json)
        if read is not None:
            return _import(reader, queue, read, who, dry_run=dry_run, json=json)
        if json or dry_run:
            return _state(reader, queue, who, json=json)
        return _ask(reader, queue, who, show_outcome=show_outcome)


def _require_one_way(read: Path | None, export: Path | None, *, spreadsheet: bool) -> None:
    if read is not None and export is not None:
        raise SetupError("--from reads judgements and --export writes rollouts; one at a time.")
    if spreadsheet and export is None:
        again = "rollmill review --export FILE --for-spreadsheet"
        raise SetupError("--for-spreadsheet is of --export.", next_command=again)


def _export(reader: "Reader", queue: "Queue", path: Path, who: str, *, spreadsheet: bool) -> None:
    from rollmill.ground.errors import explained
    from rollmill.storage.queries.judge.review import export_csv

    with explained(path):
        export_csv(reader, queue, path, who, spreadsheet=spreadsheet)


def _say_exported(path: Path, rows: int, *, spreadsheet: bool, dry_run: bool, json: bool) -> None:
    from rollmill.storage.queries.browse.spreadsheets import SAID

    if json:
        return as_json({"path": str(path), "rows": rows, "dry_run": dry_run, "for_spreadsheet": spreadsheet})
    suffix = f" {SAID}" if spreadsheet else ""
    return line(f"{'Would write' if dry_run else 'Wrote'} {rows:,} rollouts to {path}.{suffix}")


def _import(reader: "Reader", queue: "Queue", path: Path, who: str, *, dry_run: bool, json: bool) -> None:
    from rollmill.storage.queries.judge.review import read_csv

    judgements = read_csv(queue, path, who)
    if not dry_run:
        reader.audits.judge(judgements)
    row = {**_counts(reader, queue, who), "read": len(judgements), "dry_run": dry_run}
    return (
        as_json(row) if json else line(f"{'Would read' if dry_run else 'Read'} {len(judgements):,} judgements from {path}.")
    )


def _apply(run: str, *, dry_run: bool, json: bool) -> None:
    from rollmill.flows.cli.jobs import run_job
    from rollmill.flows.cli.summary import summary
    from rollmill.flows.jobs.curate import Curate
    from rollmill.flows.rejudging.judgements import application_of
    from rollmill.storage.queries import Reader

    with Reader.open() as reader:
        judged = application_of(reader, run)
        root = reader.root
    row = {"run": run, **judged.row(), "dry_run": dry_run}
    counts = ", ".join(f"{count:,} {outcome}" for outcome, count in judged.counts().items())
    if dry_run:
        return as_json(row) if json else line(f"Would write {judged.path.name} ({counts}) and run:\n  {judged.job.command}")
    judged.write()
    if not json:
        note(f"{judged.path.name}: {counts}. Keep it in the recipe's folder.")
    kind = Curate(judged.job)
    return run_job(kind, lambda outcome: summary(outcome, root), json=json, row=lambda outcome: {**row, **outcome})


def _counts(reader: "Reader", queue: "Queue", who: str) -> dict[str, Any]:
    from rollmill.storage.queries.judge.review import unjudged_positions

    left = len(unjudged_positions(reader, queue, who))
    audit = None if queue.audit is None else queue.audit.id
    return {"audit": audit, "judge": who, "items": len(queue.pairs), "judged": len(queue.pairs) - left, "left": left}


def _state(reader: "Reader", queue: "Queue", who: str, *, json: bool) -> None:
    from rollmill.storage.queries.judge.review import review_items, unjudged_positions

    counts = _counts(reader, queue, who)
    if not json:
        return line(f"{queue.title}: {counts['judged']:,} of {counts['items']:,} judged by {who}.")
    items = review_items(reader, queue, unjudged_positions(reader, queue, who))
    shown = [{key: value for key, value in asdict(item).items() if key not in ("verdicts", "said")} for item in items]
    return as_json({**counts, "waiting": shown})


def _ask(reader: "Reader", queue: "Queue", who: str, *, show_outcome: bool) -> None:
    from rollmill.storage.audits import PersonJudgement
    from rollmill.storage.queries.judge.review import review_item, unjudged_positions

    left = unjudged_positions(reader, queue, who)
    line(f"{queue.title}: {len(left):,} of {len(queue.pairs):,} wait for {who}.")
    keys = _keys()
    judged = 0
    try:
        for position in left:
            item = review_item(reader, queue, position)
            line(_page(item, len(queue.pairs), show_outcome=show_outcome))
            key = _key(keys, item)
            if key == "q":
                break
            if key in KEYS:
                reader.audits.judge([PersonJudgement(item.completion_id, item.problem_id, who, KEYS[key])])
                judged += 1
    finally:  # Ctrl-C too: what was judged is stored, and the person is told so
        apply = f"rollmill review --undecided {queue.run} --apply"
        then = apply if queue.audit is None else f"rollmill audit show {queue.audit.id}"
        then = then if queue.pairs else f"rollmill runs show {queue.run}"
        note(f"{judged:,} judged now, {len(unjudged_positions(reader, queue, who)):,} left. Next: {then}")


def _key(keys: Iterator[str], item: "ReviewItem") -> str:
    """The next key that means something; t shows the whole text and asks again, the end of the input quits."""
    while True:
        key = next(keys, "q")
        if key == "t":
            line(inert(item.text))
        elif key in KEYS or key in ("s", "q"):
            return key
        else:
            line(HELP)


def _keys() -> Iterator[str]:
    """Single key presses of a terminal; lines of a pipe, their first character."""
    if sys.stdin.isatty():
        while True:
            yield typer.getchar().lower()[:1]
    for text in sys.stdin:
        yield text.strip().lower()[:1]


def _page(item: "ReviewItem", total: int, *, show_outcome: bool) -> str:
    parts = [
        f"\n{LINE}\n{item.position + 1} of {total}  {item.completion_id[:12]}",
        f"PROBLEM\n{inert(item.prompt)}",
        f"REFERENCE  {inert(item.reference)}" if item.reference else "",
        "TESTS\n" + "\n".join(inert(test) for test in item.tests) if item.tests else "",
        f"ANSWER (the completion's end)\n{inert(item.ending)}",
        f"EXTRACTED  {inert(item.extracted)}" if item.extracted is not None else "EXTRACTED  nothing",
    ]
    if show_outcome:
        parts += [f"VERDICT  {v.outcome} by {v.verifier}, rule {v.rule}, cause {v.cause}" for v in item.verdicts]
    return "\n\n".join(part for part in parts if part) + f"\n\n{HELP}"
