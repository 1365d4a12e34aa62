"""`rollmill select`: what another policy or selection would keep of rollouts that exist. Judges and draws nothing."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from rollmill.flows.cli.output import AsJson, as_json, columns, line
from rollmill.flows.cli.recipe import Sets
from rollmill.flows.job import Job, workspace_root
from rollmill.ground.errors import SetupError

Target = Annotated[
    str,
    typer.Argument(metavar="RUN_OR_RECIPE", help="A run's id, a dataset version, or a recipe: its newest finished run."),
]
PolicyName = Annotated[str | None, typer.Option("--policy", metavar="NAME", help="Accept by this policy.")]
PolicyOptions = Annotated[
    list[str] | None,
    typer.Option("--policy-option", metavar="KEY=VALUE", help="An option of the policy; may be repeated."),
]
Fdr = Annotated[
    float | None,
    typer.Option("--fdr", metavar="LEVEL", help="Keep rows so that the expected share of wrong ones is at most this."),
]
GuaranteeText = Annotated[
    str | None,
    typer.Option("--guarantee", metavar="NAME", help="Certify by this guarantee; 'fdr level=.05' sets its options."),
]
By = Annotated[
    list[str] | None,
    typer.Option("--by", metavar="SCORE", help="Certify by this score; -NAME: less is better; may be repeated."),
]
AuditName = Annotated[
    str | None, typer.Option("--audit", metavar="AUDIT", help="The simple audit that people judged; by default the newest.")
]
Publish = Annotated[bool, typer.Option("--publish", help="Publish it as a new dataset version.")]


def select(  # noqa: PLR0913 (options, all by name)
    target: Target,
    sets: Sets = None,
    *,
    policy: PolicyName = None,
    policy_option: PolicyOptions = None,
    fdr: Fdr = None,
    guarantee: GuaranteeText = None,
    by: By = None,
    audit: AuditName = None,
    publish: Publish = False,
    json: AsJson = False,
) -> None:
    """Try a policy or a selection on rollouts that are drawn and judged already; write nothing without --publish.

    With --fdr or --guarantee: keep only rows that a certificate covers. It rests on a simple audit that people judged
    (rollmill audit verifier chain --simple), and is valid even if the score is chosen among several.

    Example: rollmill select recipes/arithmetic.yaml --policy all_of --policy-option over=[number,math]
    """
    from rollmill.flows.rejudging.selection import SelectRequest, selection_of

    root = workspace_root()
    if policy_option and policy is None:
        raise SetupError("--policy-option needs a --policy.", next_command="rollmill select RECIPE --policy min_value ...")
    request = SelectRequest(root, target, tuple(sets or ()), policy, _options(policy_option or ()))
    if fdr is not None and guarantee is not None:
        raise SetupError("--fdr is the guarantee fdr; name one of both.", choices=("--fdr .1", "--guarantee NAME"))
    named = guarantee if fdr is None else f"fdr level={fdr}"
    if named is not None:
        from rollmill.flows.cli.judge.certificate import certification, page

        certified = certification(request, named, tuple(by or ()), audit)
        row, job, text = certified.row, certified.job, page(certified.row)
        if publish and row["up_to_date"]:
            certified.write()
    elif by or audit is not None:
        raise SetupError("--by and --audit belong to a certificate.", next_command="rollmill select RUN --fdr .1 --by NAME")
    else:
        row, job = selection_of(request)
        text = _page(row, job.command)
    if publish:
        return _publish(job, row, root, json=json)
    return as_json(row) if json else line(text)


def _publish(job: Job, row: Mapping[str, Any], root: Path, *, json: bool) -> None:
    """Run the job of a selection; SetupError if the verifiers have changed since."""
    from rollmill.flows.cli.jobs import run_job
    from rollmill.flows.cli.summary import summary
    from rollmill.flows.jobs.curate import Curate

    if not row["up_to_date"]:
        raise SetupError(
            f"the verifiers of run {row['run']} have changed since it was judged.",
            next_command=f"rollmill reverify {row['run']}",
        )
    return run_job(Curate(job), lambda outcome: summary(outcome, root), json=json)


def _options(given: Any) -> dict[str, Any]:
    """Values are read as YAML; a text with commas is a list, and so is a verifier's name alone."""
    import yaml

    options: dict[str, Any] = {}
    for text in given:
        key, sign, value = text.partition("=")
        try:
            read = yaml.safe_load(value)
        except yaml.YAMLError:
            read = None
        if not sign or not key.strip() or read is None:
            raise SetupError(f"--policy-option {text!r} is not KEY=VALUE.", next_command="--policy-option least=0.8")
        listed = isinstance(read, str) and ("," in read or key.strip() in ("over", "order"))
        options[key.strip()] = read.split(",") if listed else read
    return options


def _page(row: Mapping[str, Any], command: str) -> str:
    before = row["before"]
    reasons = sorted({*row["dropped"], *before["dropped"]}, key=lambda reason: (-row["dropped"].get(reason, 0), reason))
    dropped = [[reason, before["dropped"].get(reason, 0), row["dropped"].get(reason, 0)] for reason in reasons]
    kept = [[level, before["levels"][level], count] for level, count in row["levels"].items()]
    lines = [
        f"{_selection(row)} on the {row['rollouts']:,} rollouts of {row['run']}: "
        f"{row['kept']:,} kept of {row['problems']:,} problems; {_selection(before)} kept {before['kept']:,}.",
        columns(["dropped", "then", "now"], dropped),
        columns(["level", "kept then", "now"], [*kept, ["all", before["kept"], row["kept"]]]),
        *(f"  {move['before']} -> {move['after']}  {move['rows']:,}" for move in row["moves"]),
        "",
        f"Nothing was written. To publish it: {command}",
    ]
    return "\n".join(lines)


def _selection(row: Mapping[str, Any]) -> str:
    return f"{' '.join(row['selector'])} after {' '.join(row['policy'])}"
