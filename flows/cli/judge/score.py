"""`rollmill score`: numbers for rollouts that exist, later and again. Text only; the work is rollmill.flows.scoring's."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from rollmill.flows.cli.output import AsJson, DryRun, as_json, columns, line
from rollmill.flows.cli.recipe import MaxCost, MaxTokens, ProfilePath
from rollmill.flows.cli.runs_cost import RunId
from rollmill.flows.job import workspace_root
from rollmill.ground.errors import SetupError
from rollmill.ground.formats.rate_texts import interval_text

With = Annotated[
    list[str] | None, typer.Option("--with", metavar="NAME", help="The scorer; may be repeated. Without it: the recipe's.")
]
Options = Annotated[
    list[str] | None, typer.Option("--option", metavar="KEY=VALUE", help="An option of the scorer; may be repeated.")
]

COUNTED = ("scorer", "version", "made", "stored", "unscored", "pending", "seconds", "cost")
SPREAD = ("scorer", "scored", "rows", "mean", "q05", "median", "q95")


def score(  # noqa: PLR0913 (a verb's parameters are its options)
    run: RunId = None,
    *,
    scorers: With = None,
    option: Options = None,
    profile: ProfilePath = None,
    max_tokens: MaxTokens = None,
    max_cost: MaxCost = None,
    dry_run: DryRun = False,
    json: AsJson = False,
) -> None:
    """Score the stored rollouts of a run with one scorer or several; no new rollout is drawn.

    Stored scores are not made again, and a killed command resumes when it is run again. Requests of a scorer to a model
    are stored, charged to the run and count towards its limit. Without --with, the scorers of the run's recipe are used.

    Example: rollmill score arithmetic-3f9a0c1d --with answer_agreement
    """
    from rollmill.flows.cli.live import watching
    from rollmill.flows.scoring import ScoreRequest
    from rollmill.flows.scoring import score as score_again

    root = workspace_root()
    named = tuple((name, _options(option or ())) for name in scorers or ())
    if option and len(named) != 1:
        raise SetupError(
            "--option belongs to one scorer.", next_command="rollmill score RUN --with NAME --option KEY=VALUE"
        )
    place = None if profile is None else str(profile.resolve())
    with watching() as watcher:
        report = score_again(ScoreRequest(root, run, named, place, max_tokens, max_cost, dry_run, watcher))
    return as_json(report) if json else line(page(report))


def page(report: Mapping[str, Any]) -> str:
    """The whole report for a person."""
    made_title = "missing" if report["dry_run"] else "made now"
    head = ["scorer", "version", made_title, "there already", "no number", "not drawn", "seconds", "cost"]
    counts = [[row[key] for key in COUNTED] for row in report["scored"]]
    parts = [f"{report['run']}:", columns(head, counts)] if counts else [f"{report['run']}: no scorer was named."]
    stored = [[row[key] for key in SPREAD] for row in report["scores"]]
    if stored:
        parts += ["", columns(["stored scores", "rollouts", "of", "mean", "5%", "median", "95%"], stored)]
    judged = [
        _calibration_cells(name, report["calibration"])
        for name in dict.fromkeys(row["scorer"] for row in report["calibration"])
    ]
    if judged:
        head = ["against verdicts", "AUROC", "of one problem", "Brier", "calibration error", "were it calibrated"]
        parts += ["", columns(head, judged), "Over the rollouts of the run's rates; 95% intervals over clusters."]
        reasons = dict.fromkeys(row["why"] for row in report["calibration"] if row["value"] is None and row.get("why"))
        parts += [f"-: {reason}" for reason in reasons]
    return "\n".join([*parts, "", *_next(report)])


def _calibration_cells(name: str, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
    """The first row of each metric of a score, with its interval; a dash if the metric has none."""
    first = {row["metric"]: row for row in reversed([row for row in rows if row["scorer"] == name])}
    cells = []
    for metric in ("auroc", "auroc_within", "brier", "calibration"):
        row = first[metric]
        ends = [row.get(end) for end in ("low", "high")]
        interval = "" if None in ends else f" {interval_text(ends[0], ends[1])}"
        cells.append("-" if row["value"] is None else f"{row['value']:.3f}{interval}")
    noise = first["calibration"].get("noise")
    return [name, *cells, "-" if noise is None else f"{noise:.3f}"]


def _next(report: Mapping[str, Any]) -> Sequence[str]:
    if report["scored"] and all(
        row["pending"] and not row["made"] + row["stored"] + row["unscored"] for row in report["scored"]
    ):
        return [f"Nothing of this run is drawn yet. Next: rollmill runs show {report['run']}"]
    if report["scored"]:
        return [f"Next: rollmill dashboard, or rollmill score {report['run']} for all scores of this run"]
    return [f"Next: rollmill score {report['run']} --with answer_agreement"]


def _options(texts: Sequence[str]) -> dict[str, Any]:
    """KEY=VALUE with values read as YAML."""
    import yaml

    options: dict[str, Any] = {}
    for text in texts:
        key, sign, value = text.partition("=")
        try:
            read = yaml.safe_load(value)
        except yaml.YAMLError:
            read = value
        if not sign or not key.strip():
            raise SetupError(f"--option {text!r} is not KEY=VALUE.", next_command="--option key=reward")
        options[key.strip()] = read
    return options
