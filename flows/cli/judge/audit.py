"""`rollmill audit verifier|scorer|behaviour|list|show`: how often verifiers, scorers or keys err. Draws no rollout.

What it prints carries n, interval, estimand and method; unmeasured rates are marked as such.
"""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rollmill.flows.cli import group
from rollmill.flows.cli.jobs import run_job
from rollmill.flows.cli.output import AsJson, DryRun, as_json, columns, line
from rollmill.flows.cli.recipe import ProfilePath
from rollmill.flows.job import workspace_root
from rollmill.ground.errors import SetupError
from rollmill.ground.formats.rate_texts import with_interval

if TYPE_CHECKING:
    from rollmill.storage.workspace import Workspace

MORE_RATES = (("verdict_accuracy", "verdicts right"), ("share_right", "rollouts right"))
BAND_RATES = 3  # of the rates, what a table of difficulty bands has room for
MOST = 1_024  # how far the best number of draws is looked for

Wrong = Annotated[float, typer.Option("--wrong", help="Worth of returning a wrong completion, where a right one is 1.")]
PerDraw = Annotated[float, typer.Option("--draw", help="Cost of one draw on the same scale.")]
Target = Annotated[int, typer.Option(help="Accepted completions wanted of a problem (precision of the kept set).")]
Cap = Annotated[int, typer.Option(help="Most draws of a problem (precision of the kept set).")]
verbs = group("audit", "Measure how often a verifier or a scorer errs.")


@verbs.command("verifier")
def verifier(  # noqa: PLR0913 (options, all by name)
    name: Annotated[str, typer.Argument(metavar="NAME", help="A verifier of the run, or chain: all with their policy.")],
    *,
    run: Annotated[str | None, typer.Option(help="The run; if left out the newest finished one.")] = None,
    n: Annotated[int, typer.Option("--n", min=1, help="Rollouts to draw for people, or to plant errors into.")] = 300,
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Another seed draws another sample; both count.")] = 1,
    simple: Annotated[bool, typer.Option("--simple", help="Draw each with the same chance, as certificates need.")] = False,
    planted: Annotated[bool, typer.Option("--planted", help="Plant errors instead: a stress test, no correction.")] = False,
    dry_run: DryRun = False,
    json: AsJson = False,
) -> None:
    """Draw random rollouts of a run for people to judge (`rollmill review`), or plant errors (--planted).

    The same run, seed and n draw the same rollouts; a larger n adds further ones.

    Example: rollmill audit verifier math --run arithmetic-3f9a0c1d --n 300 --seed 1
    """
    from rollmill.flows.auditing.audits import AuditRequest
    from rollmill.flows.auditing.drawing import DrawAudit

    if planted and simple:
        raise SetupError("--planted draws accepted rollouts, and --simple draws all.", choices=("--planted", "--simple"))
    kind = DrawAudit(workspace_root(), AuditRequest(name, run, n, seed, simple), planted=planted, dry_run=dry_run)
    return run_job(kind, _page, json=json)


@verbs.command("scorer")
def scorer(  # noqa: PLR0913 (options, all by name)
    run: Annotated[str | None, typer.Argument(metavar="RUN", help="The run; if left out the newest.")] = None,
    *,
    scorers: Annotated[
        list[str] | None,
        typer.Option("--with", metavar="NAME", help="The scorer; 'votes of=grade.score' sets its options."),
    ] = None,
    n: Annotated[int, typer.Option("--n", min=1, help="Pairs, one of each problem at most.")] = 300,
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Another seed makes other pairs.")] = 1,
    grades: Annotated[
        str | None, typer.Option("--grades", metavar="FIELD", help="Field of imported rollouts with people's grades.")
    ] = None,
    most: Annotated[int, typer.Option("--most", min=1, help="The largest grade; the smallest is 0.")] = 2,
    profile: ProfilePath = None,
    json: AsJson = False,
) -> None:
    """Test scorers: do they prefer a short solution to a longer one of another problem? With --grades: quality of grades.

    Without --with: the scorers of the recipe, and those that ask no model. Constant grades are shown for comparison.

    Example: rollmill audit scorer arithmetic-3f9a0c1d --with likelihood
    """
    from rollmill.flows.cli.judge.scorer_audit import page
    from rollmill.flows.evaluation.replay import name_and_options
    from rollmill.flows.scoring.scorer_audit import ScorerAuditRequest, scorer_audit

    named = tuple(name_and_options(text, "--with 'votes of=grade.score'") for text in scorers or ())
    place = None if profile is None else str(profile.resolve())
    report = scorer_audit(ScorerAuditRequest(workspace_root(), run, named, place, n, seed, grades, most))
    return as_json(report) if json else line(page(report))


@verbs.command("behaviour")
def behaviour(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A run or dataset version of programs.")],
    *,
    inputs: Annotated[int, typer.Option("--inputs", help="Inputs of a behaviour key.")] = 20,
    fresh: Annotated[int, typer.Option("--fresh", help="Other inputs, on which programs of one key are compared.")] = 80,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the generated inputs.")] = 0,
    json: AsJson = False,
) -> None:
    """Measure behaviour keys: how often programs of one key differ on inputs that the key did not see.

    Verifier `code_behaviour` treats programs with equal keys as one answer. Runs programs in the sandbox; stores nothing.

    Example: rollmill audit behaviour programs-3f9a0c1d --inputs 20
    """
    from rollmill.flows.auditing.behaviours import BehaviourAuditRequest, behaviour_audit

    report = behaviour_audit(BehaviourAuditRequest(workspace_root(), name, inputs, fresh, seed))
    return as_json(report) if json else line(_behaviours(report))


def _behaviours(report: Mapping[str, Any]) -> str:
    rate = report["collisions"]
    share = "no pair" if rate is None else with_interval(rate["value"], rate["low"], rate["high"])
    return (
        f"{report['name']}: {report['programs']:,} different programs of {report['problems']:,} problems have "
        f"{report['keys']:,} behaviour keys on {report['inputs']} inputs; equal keys save {report['saved']:.0%} of their "
        f"executions.\nPairs of one key that differ on {report['fresh']} fresh inputs: {report['differing']:,} of "
        f"{report['pairs']:,}, {share} (95% interval over templates)."
    )


@verbs.command("show")
def show(
    audit: Annotated[str, typer.Argument(metavar="AUDIT", help="An audit's id, or its beginning.")],
    *,
    wrong: Wrong = -1.0,
    draw: PerDraw = 0.0,
    target: Target = 4,
    cap: Cap = 256,
    json: AsJson = False,
) -> None:
    """The rates of an audit from the current judgements, and their effect on sampling at stated costs.

    Example: rollmill audit show natural-3f9a0c1d20 --wrong -2 --draw 0.001
    """
    from rollmill.flows.auditing.drawing import audit_row
    from rollmill.stats import Costs
    from rollmill.storage.queries import Reader

    if not 1 <= target <= cap:
        raise SetupError(f"--target {target} and --cap {cap}: 1 at least, and the target within the cap.")
    if not (math.isfinite(wrong) and wrong < 1):
        raise SetupError(f"--wrong {wrong} must be below 1, the worth of a right one.", next_command="--wrong -1")
    if not (math.isfinite(draw) and draw >= 0):
        raise SetupError(f"--draw {draw} is not a cost of 0 or more.", next_command="--draw 0.001")
    with Reader.open() as reader:
        row = audit_row(reader, reader.audits.get(audit), costs=Costs(wrong, draw, target, cap))
    return as_json(row) if json else line(_page(row))


@verbs.command("list")
def list_(*, json: AsJson = False) -> None:
    """Every audit, with the progress of its review.

    Example: rollmill audit list
    """
    from rollmill.storage.workspace import Workspace

    with Workspace.open() as workspace:
        rows = [] if workspace.unused else _rows(workspace)
    if json:
        return as_json(rows)
    if not rows:
        return line("No audit yet. Next: rollmill audit verifier math --n 300")
    head = ["audit", "verifier", "version", "run", "drawn", "judged"]
    table = [
        [row["audit"], row["verifier"], row["version"][:24], row["source"], row["drawn"], row["report"].get("n", "-")]
        for row in rows
    ]
    return line(f"{columns(head, table)}\nNext: rollmill audit show {rows[0]['audit']}")


def _rows(workspace: "Workspace") -> list[dict[str, Any]]:
    from rollmill.flows.auditing.drawing import audit_row
    from rollmill.storage.queries import Reader

    reader = Reader(workspace)
    return [audit_row(reader, audit) for audit in reader.audits.list()]


def _page(row: Mapping[str, Any]) -> str:
    """An audit for a person: rates with n, interval, estimand and method, and what follows from them."""
    return "\n".join(_planted_lines(row) if row["kind"] == "planted" else _natural(row))


def _natural(row: Mapping[str, Any]) -> list[str]:
    from rollmill.storage.queries.judge.audits import RATES

    design, report = row["design"], row["report"]
    chance = "with the same chance, in" if design.get("simple") else "in"
    lines = [
        f"{row['audit']}: {row['verifier']} {row['version']} on {row['source']}",
        f"  {design['n']:,} of {design['population']:,} judged rollouts drawn {chance} {len(design['strata'])} strata "
        f"(outcome, difficulty band, rule), seed {design['seed']}; {design['undecided']:,} undecided are in no rate.",
    ]
    if row["dry_run"]:
        return [*lines, "  Nothing was written."]
    unsure = f", {report['unsure']:,} could not be judged" if report["unsure"] else ""
    left = report["drawn"] - report["n"] - report["unsure"]
    lines.append(f"  {report['n']:,} judged by people{unsure}, {left:,} wait.")
    agreement = report["reviewers"]["agreement"]
    if agreement:
        lines.append(f"  reviewers agree on {_rate(agreement)} of {agreement['n']:,} pairs of judgements")
    if alpha := report["reviewers"].get("alpha"):
        lines.append(f"  Krippendorff's alpha {_rate(alpha)} over {alpha['clusters']:,} rollouts judged by several")
    if report["unseen_strata"]:
        lines.append(f"  {len(report['unseen_strata'])} strata have no judgement yet: rates over them are open.")
    bands = [
        [band, of["rollouts"], of["accepted"], of["audited"], *(_rate(of[key]) for key, _ in RATES[:BAND_RATES])]
        for band, of in report["bands"].items()
    ]
    head = ["pass rate of problem", "rollouts", "accepted", "audited", *(label for _, label in RATES[:BAND_RATES])]
    lines += ["", *_overall(report), "", *([columns(head, bands)] if bands else []), *_consequences(report)]
    return [*lines, "", f"Next: rollmill review {row['audit']}"] if left else lines


def _overall(report: Mapping[str, Any]) -> list[str]:
    from rollmill.storage.queries.judge.audits import RATES

    rates = [(label, rate) for key, label in (*RATES, *MORE_RATES) if (rate := report["overall"][key]) is not None]
    rows = [[label, _rate(rate), rate["n"], rate["estimand"]] for label, rate in rates]
    corrected = report.get("pass_rate", {}).get("corrected")
    if corrected:
        raw = report["pass_rate"]["verifier"]
        rows.append(["pass rate, verifier", _rate(raw), raw["n"], raw["estimand"]])
        rows.append(["pass rate, corrected", _rate(corrected), corrected["n"], corrected["estimand"]])
    if not rows:
        return ["No rate yet: some stratum has no judged rollout."]
    methods = dict.fromkeys(rate["method"] for _, rate in rates)
    return [columns(["rate", "value [95% interval]", "n", "estimand"], rows), f"method: {'; '.join(methods)}"]


def _consequences(report: Mapping[str, Any]) -> list[str]:
    consequences = report["consequences"]
    if consequences is None:
        return []
    costs, rows = consequences["costs"], []
    for label, key in (("at the estimates", "at_estimate"), ("at both upper bounds", "at_upper_bounds")):
        plan = consequences[key]
        best = f"{plan['best_draws']:,}" if plan["best_draws"] < MOST else f"{MOST:,} or more"
        rows.append([label, plan["ceiling"], best, plan["value"], plan["kept_precision"]])
    k = consequences["largest_k"]
    shown = f"k = {k}" if k is not None else "any k (every accept on rarely solved problems was adjudicated)"
    return [
        "",
        f"Drawing until accepted; right 1, wrong {costs['wrong']:g}, a draw costs {costs['draw']:g}:",
        columns(["", "ceiling", "best draws", "value", f"precision until {costs['target']}, cap {costs['cap']}"], rows),
        f"pass@k may be shown up to {shown}.",
    ]


def _planted_lines(row: Mapping[str, Any]) -> list[str]:
    design, report = row["design"], row["report"]
    rows = [
        [kind, trials["expected"], trials["as_expected"], trials["n"], trials["undecided"], _rate(trials["rate"])]
        for kind, trials in report["kinds"].items()
    ]
    return [
        f"{row['audit']}: {row['verifier']} {row['version']}",
        f"  {report['label']}.",
        f"  {design['variants']:,} variants of {design['rollouts']:,} accepted rollouts of {row['source']}, "
        f"seed {design['seed']}.",
        "",
        columns(["kind", "should be", "were", "n", "undecided", "rate [95% interval over problems]"], rows),
        *(["", "Nothing was written."] if row["dry_run"] else []),
    ]


def _rate(rate: Mapping[str, Any] | None) -> str:
    return "-" if rate is None else with_interval(rate["value"], rate["low"], rate["high"])
