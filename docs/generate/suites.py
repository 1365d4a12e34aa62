"""The page of the suites of `rollmill certify`: the rows of each section, counted from the code."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from docs.generate.tables import table
from rollmill.ground.formats.rate_texts import interval_text
from rollmill.pipelines.certify.suites import SUITES, options_of
from rollmill.pipelines.certify.tables.measured import KEPT, measured_rates

SECTIONS = {
    "equivalence": "Right answers, as pairs both ways, by class; for `math` and `number` also sentences with a number.",
    "non_equivalence": "Wrong answers, in the same way, with known bugs of other graders among them.",
    "policy": "Answers on which sensible graders differ. They are in no rate.",
    "denial_of_service": "Power towers, 1 MB of text, 10,000 braces, hard regular expressions; right answers beside them.",
    "code_execution": "88 payloads in four places each: Python, sympy, templates, pickles, YAML, XML, shell, SQL, TeX.",
    "always_equal": "Texts that claim everything, and objects whose comparison always says yes.",
    "tampering": "Imitated verdicts, several answers; for programs forged results, patched builtins and frame walks.",
    "threads": "Plain questions off the main thread, from one thread and from eight.",
}


def page() -> str:
    """The whole page."""
    return "\n\n".join(
        [
            "# Suites of certify",
            "Rows of each suite of [`rollmill certify`](../how-to/certify.md) by section.",
            table(["suite", "rows", *(name.replace("_", " ") for name in SECTIONS)], map(row_of, sorted(SUITES))),
            "## Sections",
            *(f"- **{name.replace('_', ' ').capitalize()}**: {text}" for name, text in SECTIONS.items()),
            "## Measured rates",
            "Of verifiers with their default options, by `python benchmarks/numbers/measured.py`, with 95% intervals. "
            "The card of a dataset version repeats them for a verifier that nobody [audited](../how-to/audit.md) there. "
            "What is undecided is mostly wrong answers and attacks that cannot be read.",
            table(
                ["verifier", "wrong answers accepted", "right answers rejected", "undecided"],
                ([f"`{name}`", *(_share(row[key]) for key in KEPT)] for name, row in measured_rates().items()),
            ),
            "`votes` plants votes of known agreement under the verifier's options. It checks the counting; an "
            "[audit](../how-to/audit.md) estimates how often the voters are right.",
        ]
    ) + "\n"  # fmt: skip


def row_of(name: str) -> list[str]:
    """A suite's line of the table. KeyError for a section that the page does not describe."""
    rows = SUITES[name](options_of(name, {})).with_threads().rows
    counts = Counter(str(row.section) for row in rows)
    if unknown := counts.keys() - SECTIONS.keys():
        raise KeyError(f"sections without a description: {sorted(unknown)}")
    return [f"`{name}`", str(len(rows)), *(str(counts[section]) for section in SECTIONS)]


def _share(rate: Mapping[str, Any]) -> str:
    return f"{rate['count']} of {rate['n']:,} {interval_text(rate['low'], rate['high'])}"
