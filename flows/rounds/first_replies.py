"""Warnings about the first replies of a step while a run goes on: all have nothing to judge, or one text per prompt."""

from collections.abc import Sequence

from rollmill.ground.records import Completion
from rollmill.ground.replies.faults import FAULTS, is_empty

REPLIES, PROMPTS = 16, 5  # that are looked at before anything is said


class FirstReplies:
    """The first replies of one step; each thing is said once."""

    def __init__(self) -> None:
        self._seen = 0
        self._faults = {"reasoning_only": 0, "empty": 0, "truncated": 0}
        self._texts: dict[str, list[int]] = {}
        self._told = False

    def add(self, records: Sequence[Completion]) -> list[str]:
        """Warnings about all replies so far, none once there were enough to say that all is well."""
        if self._told:
            return []
        for record in records:
            empty = is_empty(record)
            self._seen += 1
            self._faults["reasoning_only"] += empty and bool(record.reasoning)
            self._faults["empty"] += empty and not record.reasoning
            self._faults["truncated"] += record.finish_reason == "length"
            if not empty:
                self._texts.setdefault(record.prompt_id, []).append(hash(record.text))
        several = [texts for texts in self._texts.values() if len(texts) > 1]
        self._told = self._seen >= REPLIES and (len(several) >= PROMPTS or len(self._texts) >= 4 * PROMPTS)
        lines = [
            f"all of the first {self._seen:,} replies {FAULTS[name].words}: {FAULTS[name].mend}"
            for name, count in self._faults.items()
            if self._seen >= REPLIES and count == self._seen
        ]
        if len(several) >= PROMPTS and all(len(set(texts)) == 1 for texts in several):
            lines.append(
                f"all draws of each of the first {len(several):,} prompts are one text: raise temperature, or look whether "
                "the server uses the seed"
            )
        self._told = self._told or bool(lines)
        return lines
