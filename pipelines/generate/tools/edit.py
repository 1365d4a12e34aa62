"""The engine `edit`: an editor of `rollmill.pipelines.edit`, or by the seed one of several, applied to the text.

`model` names the editors, with | between them: `digit|operand|sign`. Of several editors the seed chooses one that applies
to the text; the result of an editor for a text and a seed does not depend on the others.
"""

import random
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from rollmill.ground.errors import SetupError, unknown_name
from rollmill.ground.ids import digest128, seed_of
from rollmill.pipelines.generate.tools.model_free import MadeText, ModelFree, failed

if TYPE_CHECKING:
    from rollmill.pipelines.edit import Editor

_DEFAULTS: Mapping[str, Any] = {
    "step": None,
    "line": None,
    "known": None,
    "count": 1,
    "most_alike": 0.8,
    "most_words": None,
}
_NUMBERS: Mapping[str, tuple[Any, int]] = {"count": (int, 1), "most_words": (int, 1), "most_alike": ((int, float), 0)}
_OF_TEXTS = frozenset({"step", "line", "known"})
"""The options that a request may bring: what a model wrote may be one."""


class Edit(ModelFree):
    """A Generator. Options are those of the editors (docs/how-to/edit-texts-without-a-model.md)."""

    engine = "edit"

    def __init__(  # noqa: PLR0913 (a recipe's options, all by name)
        self,
        model: str,
        step: int | str | None = None,
        line: str | None = None,
        known: str | None = None,
        count: int = 1,
        most_alike: float = 0.8,
        most_words: int | None = None,
        shares: Mapping[str, float] | None = None,
    ) -> None:
        """Take the options of a recipe.

        Args:
            model: Name of an editor, or several with a bar between them.
            step: Step of the solution to edit, by number.
            line: Text to insert.
            known: Known solution to compare with.
            count: Lines to take out.
            most_alike: Largest similarity of an inserted line to a neighbouring step.
            most_words: Most words that an edit may change; none: any number.
            shares: How often each of several editors is tried first, in any unit; one without a share is tried last. None:
                all alike.
        """
        self._editors = _named(model)
        takes = {option for editor in self._editors.values() for option in editor.takes}
        texts = {"step": step, "line": line, "known": known}
        given = {**texts, "count": count, "most_alike": most_alike, "most_words": most_words}
        self._options = _checked(model, takes, given)
        self.takes = sorted(takes & _OF_TEXTS)
        versions = [[name, editor.version] for name, editor in self._editors.items()]
        self._shares = None if shares is None else _checked_shares(shares, self._editors)
        # Without shares nothing is appended, as the list is part of the id of every completion.
        super().__init__(model, ["1", versions, self._options, *([] if self._shares is None else [self._shares])])

    def _order(self, rng: random.Random) -> list[str]:
        """The editors in the order in which they are tried: by chance, or weighted (Efraimidis and Spirakis 2006)."""
        order = rng.sample(list(self._editors), len(self._editors))
        if self._shares is None:
            return order
        # The sort is stable, so editors without a share stay in their random order at the end.
        keys = {name: rng.random() ** (1 / self._shares[name]) if name in self._shares else -1.0 for name in order}
        return sorted(order, key=lambda name: -keys[name])

    def made(self, text: str, options: Mapping[str, str], seed: int) -> MadeText:
        """The text edited by the first editor, in an order by the seed, that can be applied."""
        from rollmill.pipelines.edit import CannotEdit

        given = {key: value for key, value in {**self._options, **options}.items() if value is not None}
        refusals = {}
        for name in self._order(random.Random(seed)):
            editor = self._editors[name]
            missing = next((key for key in editor.needs if key not in given), None)
            # A missing option is a mistake of the recipe; a refusal says that this text cannot be edited.
            if missing is not None:
                raise SetupError(f"editor {name!r} needs the option {missing!r}.", choices=editor.takes)
            known = {key: value for key, value in given.items() if key in editor.takes}
            try:
                # Seeded by the editor's name: another editor in the list changes no result of this one.
                edited = editor(text, random.Random(seed_of(digest128([name, seed]))), **known)
            except CannotEdit as refusal:
                refusals[name] = str(refusal)
                continue
            return MadeText(edited.text, {"editor": name, **edited.meta})
        return failed("; ".join(f"{name}: {refusals[name]}" for name in self._editors))


def _checked_shares(shares: Mapping[str, float], editors: Collection[str]) -> dict[str, float]:
    """Shares of the named editors; SetupError for another name, or no number above 0."""
    for name, share in shares.items():
        if name not in editors or isinstance(share, bool) or not isinstance(share, int | float) or not share > 0:
            raise SetupError(
                f"engine 'edit': shares has {name}: {share!r}.", choices=tuple(f"{editor}: above 0" for editor in editors)
            )
    return {name: float(share) for name, share in sorted(shares.items())}


def _named(model: str) -> "dict[str, Editor]":
    """The editors, in the order in which they are named."""
    from rollmill.pipelines.edit import EDITORS

    names = model.split("|")
    for name in names:
        if name not in EDITORS:
            raise unknown_name("editor", name, EDITORS)
    if len(set(names)) < len(names):
        raise SetupError(f"engine 'edit': {model!r} names an editor twice.")
    return {name: EDITORS[name] for name in names}


def _checked(model: str, known: set[str], given: Mapping[str, Any]) -> dict[str, Any]:
    """The options that the editors take. SetupError for a value that none could use, or that none of them takes."""
    for key, value in given.items():
        if key not in known and value != _DEFAULTS[key]:
            raise SetupError(f"engine 'edit': {model!r} takes no option {key!r}.", choices=sorted(known))
    for key, (wanted, least) in _NUMBERS.items():
        value = given[key]
        if value is not None and (not isinstance(value, wanted) or isinstance(value, bool) or value < least):
            raise SetupError(f"engine 'edit': {key} is {value!r}, and must be a number, at least {least}.")
    return {key: value for key, value in given.items() if key in known}
