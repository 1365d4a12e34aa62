"""The child process of the reasoning-gym synthesizer: one request, and a message for each row as answer.

Runs with fixed string hashing.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from rollmill.pipelines.processes.child import die_with_parent, take_pipes
from rollmill.pipelines.processes.frames import receive, send
from rollmill.pipelines.synthesize.reasoning_gym import entry_of

# Not offered: `composite` mixes other families, `codeio` gives other items for the same seed, and the verifier of
# `game_of_life_halting` takes any text for "False".
_UNUSABLE = frozenset({"composite", "codeio", "game_of_life_halting"})
# Items are drawn in chunks of this many, each chunk a dataset with a seed of its own.
_CHUNK = 64
# So many items in a row that were seen before or cannot be verified: the family has no more.
_PATIENCE = 64
# Families whose right answer is only an example, under one of these names in the metadata.
_EXAMPLES = ("example_correct_answer", "example_answer", "possible_answer")


def rows(request: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """`count` rows, the families taking turns; fewer when they have no more; one row with an `error` for a mistake."""
    from reasoning_gym.factory import DATASETS

    known = sorted(set(DATASETS) - _UNUSABLE)
    families = known if request["tasks"] is None else list(request["tasks"])
    for name in [*families, *request["config"]]:
        if name not in known:
            yield {"error": "unknown family", "family": name, "known": known}
            return
    queue = [_Family(name, request["config"].get(name, {}), request["seed"]) for name in families]
    count = 0
    while queue and count < request["count"]:
        family = queue.pop(0)
        row = family.next()
        if row is None:
            continue
        yield row
        if "error" in row:
            return
        count += 1
        queue.append(family)


class _Family:
    """Stream of a family's distinct, verifiable items."""

    def __init__(self, name: str, config: Mapping[str, Any], seed: int) -> None:
        self.name, self.config, self.seed = name, dict(config), seed
        self.drawn = 0
        self.questions: set[str] = set()
        self.dataset: Any = None

    def next(self) -> dict[str, Any] | None:
        """The next row; None when there are no more; a row with an `error` when the options are wrong."""
        for _ in range(_PATIENCE):
            chunk, index = divmod(self.drawn, _CHUNK)
            if index == 0 and (mistake := self._open(chunk)):
                return {"error": mistake, "family": self.name}
            self.drawn += 1
            item = self.dataset[index]
            row = self._row(item, chunk, index)
            if item["question"] not in self.questions and self._verifies(row):
                self.questions.add(item["question"])
                return row
        return None

    def _open(self, chunk: int) -> str | None:
        import reasoning_gym

        if reserved := {"seed", "size"} & set(self.config):
            return f"the option {sorted(reserved)[0]!r} is set by Rollmill"
        try:
            seed = self._seed_of(chunk)
            self.dataset = reasoning_gym.create_dataset(self.name, seed=seed, size=_CHUNK, **self.config)
        except (TypeError, ValueError, AssertionError) as error:
            return str(error).rstrip(".") or type(error).__name__
        return None

    def _seed_of(self, chunk: int) -> int:
        """The library draws item i with seed + i, so chunks whose seeds are closer than their size share items."""
        return self.seed + chunk * _CHUNK

    def _row(self, item: Mapping[str, Any], chunk: int, index: int) -> dict[str, Any]:
        answer = item["answer"]
        examples = [item["metadata"][name] for name in _EXAMPLES if item["metadata"].get(name) is not None]
        reference = answer if answer is not None else examples[0] if examples else ""
        # The entry as storage gives it back, without tuples: what cannot be verified then is refused here.
        entry = json.loads(json.dumps({"answer": answer, "metadata": item["metadata"]}, default=str))
        return {
            "family": self.name,
            "config": self.config,
            "seed": self._seed_of(chunk),
            "size": _CHUNK,
            "index": index,
            "question": item["question"],
            "reference": reference if isinstance(reference, str) else json.dumps(reference),
            "entry": entry,
        }

    def _verifies(self, row: Mapping[str, Any]) -> bool:
        """True if the reference scores full marks on the stored entry; families without any reference pass."""
        entry = entry_of(self.name, row["entry"])
        return not row["reference"] or float(self.dataset.score_answer(row["reference"], entry)) == 1.0


def main() -> None:
    """Answer the request that comes on standard input; what the library prints goes to stderr."""
    requests, answers = take_pipes()
    die_with_parent()
    request = receive(requests)
    for row in rows(request) if request is not None else ():
        send(answers, row, finite=False)
    send(answers, {"done": True})


if __name__ == "__main__":
    main()
