"""`rollmill dataset check|docs`: a suite of expectations on a version, and its result as Data Docs."""

from pathlib import Path
from typing import Annotated

import typer

from rollmill.flows.cli.artifacts.files import Version
from rollmill.flows.cli.datasets.dataset_sharing import datasets_folder
from rollmill.flows.cli.output import AsJson, as_json, line
from rollmill.ground.errors import FoundWanting

SuiteFile = Annotated[
    Path | None, typer.Option("--suite", help="A file of expectations, for example suite.yaml of another version.")
]


def register(group: typer.Typer) -> None:
    """Add the verbs to `dataset`."""
    for verb in (check, docs):
        group.command(verb.__name__)(verb)


def check(reference: Version, *, suite: SuiteFile = None, json: AsJson = False) -> None:
    """Validate a suite of Great Expectations on a version: by default the one that it was published with.

    Evaluation problems are not compared again: `contamination check` does. Exit status 1 if a critical expectation fails.

    Example: rollmill dataset check arithmetic@v2 --suite datasets/arithmetic/latest/suite.yaml
    """
    from rollmill.flows.curation.version_gate import check_version
    from rollmill.storage.versions.resolve import resolve

    info = resolve(datasets_folder(), reference)
    result = check_version(info, suite)
    if json:
        as_json(result.validation)
    else:
        line("\n".join(check.line() for check in result.checks))
    if not result.passed:
        raise FoundWanting(f"{info.ref} does not meet {len(result.failed)} of {len(result.checks)} checks.")


def docs(
    reference: Version,
    *,
    out: Annotated[Path | None, typer.Option("--out", help="Folder of the pages; .rollmill/docs by default.")] = None,
) -> None:
    """Write the Data Docs of a version's result. Its pages load scripts and fonts from outside hosts; report.html does not.

    Example: rollmill dataset docs arithmetic
    """
    from rollmill.flows.curation.version_gate import write_docs
    from rollmill.storage.versions.resolve import resolve
    from rollmill.storage.workspace import STATE

    datasets = datasets_folder()
    info = resolve(datasets, reference)
    line(f"{write_docs(info, out or datasets.parent / STATE / 'docs' / info.name / info.folder)}")
