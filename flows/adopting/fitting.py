"""The verifiers that fit the references of an import, as a recipe names them: by what references look like."""

import re
from typing import Any

from rollmill.storage.workspace import Workspace

PEOPLE = "person"  # the verifier that looks up what people judged, in the file of this name beside the evaluation
JUDGEMENTS = "judgements.csv"
_FITS = 0.9  # of the references: a set of mathematics has a few words in it, one of names a few numbers
_WORD = re.compile(r"[^\W\d_]{2,}")
_NUMBER = re.compile(r"[-+]?[$€£]?[-+]?(\d[\d,]*\.?\d*|\.\d+)([eE][-+]?\d+)?%?")
_CHOICE = re.compile(r"\(?[A-J]\)?")


def fitting_verifiers(workspace: Workspace, name: str) -> list[dict[str, Any]]:
    """The verifiers that fit the references of the import, as a recipe names them.

    Of numbers, of the letters of choices, of mathematics, of a word or two (compared as texts); for all else, people.
    """
    from rollmill.storage.imports.stored import rows_of

    with workspace.segments.connection() as connection:
        query = f"SELECT DISTINCT reference FROM ({rows_of(workspace.segments, 'problems', name)})"  # noqa: S608 - our names
        references = [reference.strip() for (reference,) in connection.execute(query).fetchall()]
    if all(_CHOICE.fullmatch(reference) for reference in references):
        return [{"method": "choice"}]
    if all(_NUMBER.fullmatch(reference) for reference in references):
        return [{"method": "number"}, {"method": "math"}]
    forms = [_form(reference) for reference in references]
    if forms.count("mathematics") >= _FITS * len(forms):
        return [{"method": "math"}]
    if "prose" not in forms:
        return [{"method": "exact", "options": {"answer": "final", "case": "fold"}}]
    return [{"method": PEOPLE, "options": {"judgements": JUDGEMENTS}}]


def _form(reference: str) -> str:
    """Form of a reference: `mathematics`, `words` (one to three, and nothing else), or `prose`."""
    words = _WORD.findall(re.sub(r"\\[A-Za-z]+", " ", reference))
    if len(words) > 3 or "\n" in reference:
        return "prose"
    return "mathematics" if not words or re.search(r"[\d\\=^]", reference) else "words"
