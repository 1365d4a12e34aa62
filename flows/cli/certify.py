"""`rollmill certify VERIFIER`: the shipped suite of equal and different answers and attacks, run over any verifier.

Knows printing only. The verifier lives in a process of its own; needs no workspace.
"""

import math
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli.output import AsJson, as_json, columns, line, note
from storage.errors import FoundWanting, SetupError, unknown_name

if TYPE_CHECKING:
    from pipelines.certify.certificate import Certificate

_SHOWN = 40
_EVERY = 100


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("certify")(certify)


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
    from pipelines.certify.suites import select_suite
    from pipelines.certify.verifier_process import Limits, Subject

    _known(verifier)
    sections = _sections(section or [])
    if not (math.isfinite(seconds) and seconds > 0):
        raise SetupError(f"--seconds {seconds} is no time.", next_command="--seconds 30")
    limits = Limits(cpu_seconds=seconds, wall_seconds=max(120.0, 4 * seconds))
    found = run(
        Subject(verifier, _parsed(options), python),
        lambda declared: select_suite(verifier, suite, declared, sections),
        limits=limits,
        progress=_progress if sys.stderr.isatty() else None,
    )
    if json:
        as_json(found.to_json())
    else:
        _print(found)
    if not found.clean:
        raise FoundWanting(f"{len(found.failing())} of {len(found.results)} rows are wrong: {_summary(found)}.")


def _known(verifier: str) -> None:
    """A misspelt name is told before any process starts."""
    if ":" not in verifier:
        from pipelines.verify import VERIFIERS

        if verifier not in VERIFIERS:
            raise unknown_name("verifier", verifier, VERIFIERS)


def _sections(names: list[str]) -> frozenset[Any]:
    from pipelines.certify.suite_rows import SECTIONS

    for name in names:
        if name not in SECTIONS:
            raise unknown_name("section", name, SECTIONS)
    return frozenset(names)


def _parsed(options: str) -> dict[str, Any]:
    from json import loads

    try:
        parsed = loads(options)
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        raise SetupError(f"--options {options!r} is no JSON object.", next_command="""--options '{"policy": "lenient"}'""")
    return parsed


def _progress(done: int, rows: int) -> None:
    if done % _EVERY == 0 or done == rows:
        note(f"{done} of {rows} rows")


def _print(found: "Certificate") -> None:
    """Counts by section, rates with intervals, what is policy, and every failing row."""
    line(f"{found.verifier} {found.version}, suite {found.suite}, {len(found.results)} rows")
    line()
    sections = found.sections()
    line(columns([key.replace("_", " ") for key in sections[0]], [list(row.values()) for row in sections]))
    line()
    rows = [
        [name.replace("_", " "), rate["count"], rate["n"], f"{rate['rate']:.2%} [{rate['low']:.2%}, {rate['high']:.2%}]"]
        for name, rate in found.rates().items()
        if rate is not None
    ]
    line(columns(["fault", "count", "of", "rate [95% Clopper-Pearson]"], rows))
    pairs = found.asymmetric()
    line(f"\npairs whose order changes the verdict: {len(pairs)}")
    for row, one, other in pairs[:_SHOWN]:
        line(f"  {row.shown()}: {one}, turned round {other}")
    for result in found.failing()[:_SHOWN]:
        head = f"{', '.join(result.faults())}: {result.row.section}, {result.row.name}"
        line(f"\n{head}\n  {result.row.shown()}\n  {result.line()}")
    if len(found.failing()) > _SHOWN:
        line(f"\nand {len(found.failing()) - _SHOWN} more (--json lists them all).")


def _summary(found: "Certificate") -> str:
    counts = [(name, rate["count"]) for name, rate in found.rates().items() if rate and name != "undecided"]
    return ", ".join(f"{count} {_plural(name, count)}" for name, count in counts if count)


def _plural(name: str, count: int) -> str:
    return name.replace("_", " ") + ("s" if count != 1 and name != "poisoned" else "")
