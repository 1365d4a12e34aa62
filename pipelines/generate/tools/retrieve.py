"""The engine `retrieve`: the stored texts that are nearest to a text, in marked blocks, the nearest first.

Nearest by Okapi BM25 (k1 1.2, b .75) over words, numbers and signs: a word counts the more the fewer texts have it. Texts
that share no word with the question are never given, nor is the text itself, whatever its case and white space; equal
texts are given once, and of texts that are equally near the earlier one comes first.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np

from rollmill.ground.errors import SetupError
from rollmill.ground.formats.marks import numbered_blocks
from rollmill.pipelines.generate.bm25 import BM25
from rollmill.pipelines.generate.tools.model_free import MadeText, ModelFree, check_named, failed
from rollmill.pipelines.option_checks import checked_count

Stored = str | Sequence[str]
"""A text; or a pair: the text that is compared and the one that is given for it, a problem and its solution say."""


class Retrieve(ModelFree):
    """A Generator. `count`: how many texts at most."""

    engine = "retrieve"

    def __init__(self, model: str = "retrieve", texts: Sequence[Stored] = (), count: int = 3) -> None:
        """Take the options of a recipe.

        Args:
            model: Always `retrieve`.
            texts: The stored texts, or pairs of a text to compare with and a text to show.
            count: Most texts to show.
        """
        check_named(self.engine, model)
        self.count = checked_count("engine", self.engine, "count", count)
        self._pairs = [(text, text) if isinstance(text, str) else _pair(text) for text in texts]
        if not self._pairs:
            raise SetupError(
                "engine 'retrieve' has no texts.",
                next_command="options: {texts: [...]} with texts, or pairs of a problem and its solution",
            )
        super().__init__(model, ["1", self._pairs, count])

    def made(self, text: str, options: Mapping[str, str], seed: int) -> MadeText:
        """The nearest texts."""
        del options, seed
        numbers = self.nearest(text)
        if not numbers:
            return failed("no stored text shares a word with it")
        shown = [self._pairs[number][1] for number in numbers]
        return MadeText(numbered_blocks("TEXT", shown), {"texts": numbers})

    def nearest(self, text: str) -> list[int]:
        """The numbers (from 0) of the nearest texts."""
        from rollmill.pipelines.contamination.texts import plain, tokens

        scores = self._index.scores(tokens(text))
        passed, numbers = {plain(text)}, list[int]()
        for number in np.argsort(-scores, kind="stable").tolist():
            key = plain(self._pairs[number][0])
            if len(numbers) == self.count or not scores[number] > 0:
                break
            if key not in passed:
                passed.add(key)
                numbers.append(number)
        return numbers

    @cached_property
    def _index(self) -> BM25:
        from rollmill.pipelines.contamination.texts import tokens

        return BM25([tokens(key) for key, _ in self._pairs])


def _pair(stored: Sequence[str]) -> tuple[str, str]:
    if len(stored) != 2 or not all(isinstance(text, str) for text in stored):
        raise SetupError(f"engine 'retrieve': {str(stored)[:80]!r} is neither a text nor a pair of texts.")
    return stored[0], stored[1]
