"""Batches of a training as a pure function of rows, order, seed and step: a resumed training makes them again."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain

import numpy as np

from rollmill.ground.errors import SetupError
from rollmill.pipelines.train.roles import Ints, Order, TokenBatch
from rollmill.pipelines.train.rows import TrainedText, TrainingRows

ROUND_TO = 8  # tokens: rows are padded to a multiple of it


@dataclass
class TokenBatches:
    """Batches of `size` units of the rows, epoch after epoch, a batch never of two epochs, but with `whole` always full."""

    rows: TrainingRows
    order: Order
    seed: int
    size: int
    grouped: bool
    whole: bool = False
    _epochs: dict[int, Ints] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.units, self.members = self.rows.units(grouped=self.grouped)
        self.an_epoch = -(-len(self._arranged(0)) // self.size)

    def rows_of(self, step: int) -> list[int]:
        """The rows of a step, counted from 0."""
        if self.whole:
            length = len(self._arranged(0))
            places = [divmod(place, length) for place in range(step * self.size, (step + 1) * self.size)]
            units = [int(self._arranged(epoch)[place]) for epoch, place in places]
        else:
            epoch, place = divmod(step, self.an_epoch)
            units = self._arranged(epoch)[place * self.size : (place + 1) * self.size].tolist()
        return list(chain.from_iterable(self.members[unit] for unit in units))

    def _arranged(self, epoch: int) -> Ints:
        if epoch not in self._epochs:
            units = self.order.arrange(self.units, self.seed, epoch)
            if not len(units):
                raise SetupError(f"order {self.order.name!r} leaves no row for epoch {epoch}.")
            # Every epoch has the steps of the first, so that a step's number says its epoch.
            self._epochs = {0: self._epochs.get(0, units), epoch: units if epoch == 0 else self._as_long(units)}
        return self._epochs[epoch]

    def _as_long(self, units: Ints) -> Ints:
        if len(units) != len(self._epochs[0]):
            raise SetupError(
                f"order {self.order.name!r} gives epochs of {len(self._epochs[0]):,} and {len(units):,} units."
            )
        return units

    def batch(self, step: int) -> TokenBatch:
        """The tokens of a step."""
        return token_batch(self.rows, self.rows_of(step))


def steps_of_length(batches: TokenBatches, *, steps: int, epochs: float, loss_tokens: int) -> list[list[int]]:
    """The rows of each step of a training with one of three lengths; one in trained tokens ends with the step that reaches
    it.
    """
    # A small share of an epoch is still one step.
    most = steps or (max(1, round(epochs * batches.an_epoch)) if epochs else None)
    planned: list[list[int]] = []
    tokens = 0
    while len(planned) < most if most else tokens < loss_tokens:
        planned.append(batches.rows_of(len(planned)))
        tokens += sum(len(text.trained) for row in planned[-1] for text in batches.rows.rows[row].texts)
    return planned


def check_length(steps: int, epochs: float, loss_tokens: int) -> None:
    """SetupError unless exactly one of the lengths is given, above 0."""
    lengths = {"steps": steps, "epochs": epochs, "loss_tokens": loss_tokens}
    given = [name for name, value in lengths.items() if value]
    if len(given) != 1 or lengths[given[0]] < 0:
        shown = ", ".join(f"{name} {value}" for name, value in lengths.items())
        raise SetupError(f"a training has one length above 0, not {shown}.", choices=lengths)


def check_drawn_length(loss_tokens: int) -> None:
    """SetupError for a length in trained tokens where the tokens are drawn during the training."""
    if loss_tokens:
        raise SetupError(
            f"loss_tokens is {loss_tokens}, and the completions of this loss are drawn during the training.",
            choices=("steps", "epochs"),
        )


def token_batch(rows: TrainingRows, places: Sequence[int]) -> TokenBatch:
    """The texts of some rows, in this order, as one padded batch."""
    texts: list[TrainedText] = []
    row, group, weight = [], [], []
    groups: dict[str, int] = {}
    for number, place in enumerate(places):
        chosen = rows.rows[place]
        for text in chosen.texts:
            texts.append(text)
            row.append(number)
            group.append(groups.setdefault(chosen.problem, len(groups)))
            weight.append(chosen.weight)
    # The last token of a text is no input, because nothing is predicted behind it.
    length = -(-max(len(text.ids) - 1 for text in texts) // ROUND_TO) * ROUND_TO
    # The value of the padding does not matter: it lies behind every place, and attention reads earlier tokens only.
    ids = np.zeros((len(texts), length), dtype=np.int64)
    for at, text in enumerate(texts):
        ids[at, : len(text.ids) - 1] = text.ids[:-1]
    trained = [[(place, *target) for place in text.trained for target in text.targets(place)] for text in texts]
    taught = any(text.likely is not None for text in texts)
    return TokenBatch(
        ids=ids,
        # A token is predicted at the place before it.
        places=_flat([[at * length + place - 1 for place, _, _ in targets] for at, targets in enumerate(trained)]),
        targets=_flat([[token for _, token, _ in targets] for targets in trained]),
        sequence=np.repeat(np.arange(len(texts)), [len(targets) for targets in trained]),
        row=np.asarray(row, dtype=np.int64),
        group=np.asarray(group, dtype=np.int64),
        side=np.asarray([text.side for text in texts], dtype=np.int64),
        weight=np.asarray(weight, dtype=np.float64),
        chance=np.asarray([chance for targets in trained for _, _, chance in targets]) if taught else None,
    )


def _flat(lists: Sequence[Sequence[int]]) -> Ints:
    return np.asarray(list(chain.from_iterable(lists)), dtype=np.int64)
