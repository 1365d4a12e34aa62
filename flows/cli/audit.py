"""`rollmill audit verifier|list|show`: how often a verifier errs, measured. Draws nothing from a model and judges nothing.

What it prints carries n, interval, estimand and method; what is not measured is said to be so.
"""

import math
from typing import Annotated, Any

import typer

from flows.cli.output import AsJson, DryRun, as_json, columns, line
from flows.cli.program import group
from storage.errors import SetupError

Wrong = Annotated[float, typer.Option("--wrong", help="Worth of returning a wrong completion, where a right one is 1.")]
PerDraw = Annotated[float, typer.Option("--draw", help="Cost of one draw on the same scale.")]
Target = Annotated[int, typer.Option(help="Stop at so many accepted (precision of the kept set).")]
Cap = Annotated[int, typer.Option(help="Draw at most so often (precision of the kept set).")]


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    verbs = group("audit", "Measure how often a verifier errs.")
    verbs.command("verifier")(verifier)
    verbs.command("list")(list_)
    verbs.command("show")(show)
    app.add_typer(verbs)


def verifier(  # noqa: PLR0913 (options, all by name)
    name: Annotated[str, typer.Argument(metavar="NAME", help="A verifier of the run, or chain: all with their policy.")],
    *,
    run: Annotated[str | None, typer.Option(help="The run; if left out the newest finished one.")] = None,
    n: Annotated[int, typer.Option("--n", min=1, help="Rollouts to draw for people, or to plant errors into.")] = 300,
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Another seed draws another sample; both count.")] = 1,
    planted: Annotated[bool, typer.Option("--planted", help="Plant errors instead: a stress test, no correction.")] = False,
    dry_run: DryRun = False,
    json: AsJson = False,
) -> None:
    """Draw random rollouts of a run for people to judge (`rollmill review`), or plant errors (--planted).

    The same run, seed and n draw the same rollouts; a larger n extends.

    Example: rollmill audit verifier math --run arithmetic-3f9a0c1d --n 300 --seed 1
    """
    from flows.auditing.audits import Ask, natural_audit
    from flows.auditing.planted import planted_audit
    from flows.cli.audit_page import described
    from storage.queries import Reader

    ask = Ask(name, run, n, seed)
    with Reader.open() as reader:
        audit = (planted_audit if planted else natural_audit)(reader, ask, dry_run=dry_run)
        row = _row(reader, audit, dry_run=dry_run)
    return as_json(row) if json else line(described(row))


def show(
    audit: Annotated[str, typer.Argument(metavar="AUDIT", help="An audit's id, or how it begins.")],
    *,
    wrong: Wrong = -1.0,
    draw: PerDraw = 0.0,
    target: Target = 4,
    cap: Cap = 256,
    json: AsJson = False,
) -> None:
    """The rates of an audit from the judgements there are, and what they do to sampling at stated costs.

    Example: rollmill audit show natural-3f9a0c1d20 --wrong -2 --draw 0.001
    """
    from flows.cli.audit_page import described
    from pipelines.stats import Costs
    from storage.queries import Reader

    if not 1 <= target <= cap:
        raise SetupError(f"--target {target} and --cap {cap}: 1 at least, and the target within the cap.")
    if not (math.isfinite(wrong) and wrong < 1):
        raise SetupError(f"--wrong {wrong} is no worth below that of a right one, which is 1.", next_command="--wrong -1")
    if not (math.isfinite(draw) and draw >= 0):
        raise SetupError(f"--draw {draw} is no cost.", next_command="--draw 0.001")
    with Reader.open() as reader:
        row = _row(reader, reader.audits.get(audit), costs=Costs(wrong, draw, target, cap))
    return as_json(row) if json else line(described(row))


def list_(*, json: AsJson = False) -> None:
    """Every audit with how far its review is.

    Example: rollmill audit list
    """
    from storage.queries import Reader

    with Reader.open() as reader:
        rows = [_row(reader, audit) for audit in reader.audits.list()]
    if json:
        return as_json(rows)
    if not rows:
        return line("No audit yet. Next: rollmill audit verifier math --n 300")
    head = ["audit", "verifier", "version", "run", "drawn", "judged"]
    table = [
        [row["audit"], row["verifier"], row["version"][:24], row["source"], row["drawn"], row["report"].get("n", "-")]
        for row in rows
    ]
    return line(columns(head, table))


def _row(reader: Any, audit: Any, *, costs: Any = None, dry_run: bool = False) -> dict[str, Any]:
    from flows.auditing.audits import refreshed, with_clusters
    from storage.queries.audits import rates_of_audit

    report = audit.report
    if audit.kind == "natural" and not dry_run:
        audit = with_clusters(reader, audit)
        report = refreshed(reader, audit) if costs is None else rates_of_audit(reader.audits, audit, costs)
    return {
        "audit": audit.id,
        "kind": audit.kind,
        "verifier": audit.verifier,
        "version": audit.version,
        "source": audit.source,
        "drawn": audit.design["n"],
        "design": audit.design,
        "report": report,
        "dry_run": dry_run,
    }
