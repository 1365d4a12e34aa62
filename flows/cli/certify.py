"""`rollmill certify VERIFIER`: the shipped suite of equal and different answers and attacks, run over any verifier.

The verifier lives in a process of its own; needs no workspace.
"""

import math
import sys
from collections.abc import Sequence
from json import loads
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli.output import AsJson, as_json, columns, line, note
from storage.errors import FoundWanting, SetupError, unknown_name

if TYPE_CHECKING:
    from pipelines.certify.certificate import Certificate

_SHOWN = 40  # failing rows that are printed
_EVERY = 100  # rows between two lines of progress
_PLURAL = {"crash": "es", "poisoned": "", "misread": ""}


def certify(  # noqa: PLR0913 (a verb's parameters are its options)
    verifier: Annotated[str, typer.Argument(help="A name, path/to/file.py:Class, or package.module:Class.")],
    *,
    suite: Annotated[str | None, typer.Option("--suite", help="Which suite; without it the verifier's own.")] = None,
    section: Annotated[
        list[str] | None, typer.Option("--section", metavar="NAME", help="Only these sections; may be repeated.")
    ] = None,
    options: Annotated[str, typer.Option("--options", help="Options of the verifier as JSON.")] = "{}",
    seconds: Annotated[float, typer.Option("--seconds", help="CPU seconds one row may take before it hangs.")] = 30.0,
    python: Annotated[str, typer.Option("--python", help="The interpreter that runs the verifier.")] = sys.executable,
    json: AsJson = False,
) -> None:
    """Put a verifier to the test; exit status 1 when it is found wanting.

    False accepts and rejects, crashes, hangs, and whether any text of the suite was executed. Undecided is never a fault.

    Example: rollmill certify math
    """
    from pipelines.certify.certification import certify as run
    from pipelines.certify.suites import options_of, select_suite
    from pipelines.certify.verifier_process import Limits, Subject

    _check_names(verifier, section or ())
    sections: frozenset[Any] = frozenset(section or ())
    if not (math.isfinite(seconds) and seconds > 0):
        raise SetupError(f"--seconds {seconds} is no time.", next_command="--seconds 30")
    limits = Limits(cpu_seconds=seconds, wall_seconds=max(120.0, 4 * seconds))

    def show(judged: int, rows: int) -> None:
        if judged % _EVERY == 0 or judged == rows:
            note(f"{judged} of {rows} rows")

    built_with = options_of(verifier, _options(options))
    certificate = run(
        Subject(verifier, built_with, python),
        lambda declared: select_suite(verifier, suite, declared, sections, built_with),
        limits=limits,
        progress=show if sys.stderr.isatty() else None,
    )
    if json:
        as_json(certificate.to_json())
    else:
        _print(certificate)
    if not certificate.clean:
        raise FoundWanting(
            f"{len(certificate.failing())} of {len(certificate.results)} rows are wrong: {_summary(certificate)}."
        )


def _check_names(verifier: str, sections: Sequence[str]) -> None:
    """SetupError for a misspelt name, before any process starts."""
    from pipelines.certify.suite_rows import SECTIONS

    if ":" not in verifier:
        from pipelines.verify import VERIFIERS

        if verifier not in VERIFIERS:
            raise unknown_name("verifier", verifier, VERIFIERS)
    for name in sections:
        if name not in SECTIONS:
            raise unknown_name("section", name, SECTIONS)


def _options(options: str) -> dict[str, Any]:
    try:
        parsed = loads(options)
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        raise SetupError(f"--options {options!r} is no JSON object.", next_command="""--options '{"policy": "lenient"}'""")
    return parsed


def _print(certificate: "Certificate") -> None:
    """Counts by section, rates with intervals, what is policy, and every failing row."""
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
    pairs = certificate.asymmetric()
    line(f"\npairs whose order changes the verdict: {len(pairs)}")
    for row, outcome, swapped in pairs[:_SHOWN]:
        line(f"  {row.shown()}: {outcome}, turned round {swapped}")
    for result in certificate.failing()[:_SHOWN]:
        head = f"{', '.join(result.faults())}: {result.row.section}, {result.row.name}"
        line(f"\n{head}\n  {result.row.shown()}\n  {result.line()}")
    if len(certificate.failing()) > _SHOWN:
        line(f"\nand {len(certificate.failing()) - _SHOWN} more (--json lists them all).")


def _summary(certificate: "Certificate") -> str:
    counts = [(name, rate["count"]) for name, rate in certificate.rates().items() if rate and name != "undecided"]
    plural = {name: "" if count == 1 else _PLURAL.get(name, "s") for name, count in counts}
    return ", ".join(f"{count} {name.replace('_', ' ')}{plural[name]}" for name, count in counts if count)
