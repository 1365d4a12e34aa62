"""`rollmill certify VERIFIER`: tests a verifier on the shipped suite of equal, different and hostile answers. `rollmill
certify sampler` is in certify_sampler.py.

The verifier runs in a process of its own. No workspace is needed.
"""

import math
import sys
from collections.abc import Sequence
from json import loads
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rollmill.flows.cli import group
from rollmill.flows.cli.judge.certify_sampler import certify_sampler
from rollmill.flows.cli.operate.command_list import CommandList
from rollmill.flows.cli.output import AsJson, as_json, columns, line, note
from rollmill.ground.errors import FoundWanting, SetupError, unknown_name
from rollmill.ground.formats.rate_texts import with_interval

if TYPE_CHECKING:
    from rollmill.pipelines.certify.certificate import Certificate
    from rollmill.pipelines.certify.edits_suite import EditedRollout

_SHOWN = 40  # failing rows that are printed
_EVERY = 100  # rows between two lines of progress
DEFAULT = "verifier"
Python = Annotated[
    str | None, typer.Option("--python", help="The interpreter that runs the verifier; by default Rollmill's own.")
]
_PLURAL = {"crash": "es", "poisoned": "", "misread": ""}


class CertifyGroup(CommandList):
    """Commands of `certify`: a first word that names none of them is a verifier."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        named = not args or args[0] in (*self.commands, "-h", "--help")
        return super().parse_args(ctx, args if named else [DEFAULT, *args])


verbs = group("certify", "Test a verifier against a suite, or a sampler against its own distribution.", cls=CertifyGroup)
verbs.command("sampler")(certify_sampler)


@verbs.command(DEFAULT)
def certify(  # noqa: PLR0913 (a verb's parameters are its options)
    verifier: Annotated[str, typer.Argument(help="A name, path/to/file.py:Class, or package.module:Class.")],
    *,
    suite: Annotated[str | None, typer.Option("--suite", help="Which suite; without it the verifier's own.")] = None,
    section: Annotated[
        list[str] | None, typer.Option("--section", metavar="NAME", help="Only these sections; may be repeated.")
    ] = None,
    options: Annotated[str, typer.Option("--options", help="Options of the verifier as JSON.")] = "{}",
    seconds: Annotated[float, typer.Option("--seconds", help="CPU seconds one row may take before it hangs.")] = 30.0,
    python: Python = None,
    rollouts: Annotated[
        Path | None,
        typer.Option(
            "--rollouts",
            help="JSON lines of prompt, reference, text: right rollouts to edit, or wrong ones with --suite selected.",
        ),
    ] = None,
    json: AsJson = False,
) -> None:
    """Test a verifier against a suite; exit status 1 if it fails.

    False accepts and rejects, crashes, hangs, and whether any text of the suite was executed. Undecided is never a fault.

    Example: rollmill certify verifier math
    """
    from rollmill.pipelines.certify.certification import certify as run
    from rollmill.pipelines.certify.suites import certified_suite, options_of
    from rollmill.pipelines.certify.verifier_process import ProcessLimits, VerifierUnderTest

    _check_names(verifier, section or ())
    sections: frozenset[Any] = frozenset(section or ())
    if not (math.isfinite(seconds) and seconds > 0):
        raise SetupError(f"--seconds {seconds} is not a time.", next_command="--seconds 30")
    built_with = options_of(verifier, _checked(verifier, _options(options)))
    given = None if rollouts is None else _rollouts(rollouts)
    certificate = run(
        VerifierUnderTest(verifier, built_with, python or sys.executable),
        lambda declared: certified_suite(verifier, suite, declared, sections, built_with, given),
        limits=ProcessLimits(cpu_seconds=seconds, wall_seconds=max(120.0, 4 * seconds)),
        progress=_show if sys.stderr.isatty() else None,
    )
    if json:
        as_json(certificate.to_json())
    else:
        _print(certificate)
    if not certificate.clean:
        raise FoundWanting(
            f"{len(certificate.failing())} of {len(certificate.results)} rows are wrong: {_summary(certificate)}."
        )


def _checked(verifier: str, options: dict[str, Any]) -> dict[str, Any]:
    """Options of a shipped verifier; SetupError for one that it does not have, before any process starts."""
    if ":" not in verifier:
        from rollmill.flows.recipe.methods import resolve

        resolve("verifier", verifier, options, base=Path())
    return options


def _show(judged: int, rows: int) -> None:
    if judged % _EVERY == 0 or judged == rows:
        note(f"{judged} of {rows} rows")


def _check_names(verifier: str, sections: Sequence[str]) -> None:
    """SetupError for a misspelt name, before any process starts."""
    from rollmill.pipelines.certify.suite_rows import SECTIONS

    if ":" not in verifier:
        from rollmill.roles.registries import registry

        known = registry("verifier")
        if verifier not in known:
            raise unknown_name("verifier", verifier, known)
    for name in sections:
        if name not in SECTIONS:
            raise unknown_name("section", name, SECTIONS)


def _options(options: str) -> dict[str, Any]:
    try:
        parsed = loads(options)
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        raise SetupError(
            f"--options {options!r} is not a JSON object.", next_command="""--options '{"policy": "lenient"}'"""
        )
    return parsed


def _print(certificate: "Certificate") -> None:
    """Counts by section, rates with intervals, rows that depend on the policy, and every failing row."""
    line(f"{certificate.verifier} {certificate.version}, suite {certificate.suite}, {len(certificate.results)} rows")
    line()
    sections = certificate.sections()
    line(columns([key.replace("_", " ") for key in sections[0]], [list(row.values()) for row in sections]))
    line()
    rows = [
        [name.replace("_", " "), rate["count"], rate["n"], f"{rate['rate']:.2%} [{rate['low']:.2%}, {rate['high']:.2%}]"]
        for name, rate in certificate.rates().items()
        if rate is not None
    ]
    line(columns(["fault", "count", "of", "rate [95% Clopper-Pearson]"], rows))
    if (flips := certificate.flips()) is not None:
        _print_flips(flips)
    if (selection := certificate.selection()) is not None:
        _print_selection(selection)
    pairs = certificate.asymmetric()
    line(f"\npairs whose order changes the verdict: {len(pairs)}")
    for row, outcome, swapped in pairs[:_SHOWN]:
        line(f"  {row.shown()}: {outcome}, turned round {swapped}")
    for result in certificate.failing()[:_SHOWN]:
        head = f"{', '.join(result.faults())}: {result.row.section}, {result.row.name}"
        line(f"\n{head}\n  {result.row.shown()}\n  {result.line()}")
    if len(certificate.failing()) > _SHOWN:
        line(f"\nand {len(certificate.failing()) - _SHOWN} more (--json lists them all).")


def _print_flips(flips: dict[str, Any]) -> None:
    """Every form that flipped, and the rates over forms."""
    rates = [
        [row["forms"], row["flip"], f"{row['rows']} of {row['of_rows']}", f"{row['forms_hit']} of {row['of_forms']}",
         with_interval(row['rate'], row['low'], row['high'])]
        for row in flips["rates"]
    ]  # fmt: skip
    line("\n" + columns(["forms", "flip", "rows", "forms with one", "rate [95% over forms]"], rates))
    hit = [
        [form["name"], "yes" if form["held_out"] else "", f"{form['accept_flips']} of {form['given_up']}",
         f"{form['reject_flips']} of {form['given']}", form["undecided"]]
        for form in flips["forms"]
        if form["accept_flips"] or form["reject_flips"]
    ]  # fmt: skip
    if hit:
        line("\n" + columns(["form", "held out", "accept flips", "reject flips", "undecided"], hit))


def _print_selection(selection: dict[str, Any]) -> None:
    """False accepts of natural wrong answers and of the best of n, and the kinds that were accepted."""
    natural = selection["natural"]
    rows = [
        ["natural, each", f"{natural['accepted']} of {natural['answers']} answers", natural["problems"], _rate(natural)]
    ]
    rows += [
        [f"best of {row['n']}", f"{row['with_any']} problems with any", row["problems"], _rate(row)]
        for row in selection["best_of"]
    ]
    line("\n" + columns(["wrong answers", "accepted", "problems", "rate [95% over problems]"], rows))
    if selection["accepted"]:
        kinds = [[row["kind"], f"{row['accepted']} of {row['of']}"] for row in selection["accepted"]]
        line("\n" + columns(["accepted kind", "answers"], kinds))


def _rate(row: dict[str, Any]) -> str:
    return "-" if row["rate"] is None else with_interval(row["rate"], row["low"], row["high"])


def _rollouts(path: Path) -> "list[EditedRollout]":
    """The rollouts of a file of JSON lines; SetupError names the line that is none."""
    from rollmill.pipelines.certify.edits_suite import EditedRollout
    from rollmill.storage.imports.reading.readers import read_rows

    rows = []
    for row in read_rows(path):
        texts = [row.values.get(name) for name in ("prompt", "reference", "text")]
        if None in texts:
            raise SetupError(
                f"{path}, {row.where}: no JSON object with prompt, reference and text.",
                next_command='{"prompt": "2 + 2?", "reference": "4", "text": "2 + 2 = 4\\n#### 4"}',
            )
        rows.append(EditedRollout(*map(str, texts)))
    return rows


def _summary(certificate: "Certificate") -> str:
    counts = [(name, rate["count"]) for name, rate in certificate.rates().items() if rate and name != "undecided"]
    plural = {name: "" if count == 1 else _PLURAL.get(name, "s") for name, count in counts}
    return ", ".join(f"{count} {name.replace('_', ' ')}{plural[name]}" for name, count in counts if count)
