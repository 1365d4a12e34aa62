"""The measure `label_stream`: labels of a stream by a slow annotator, distilled into a reward that answers at once.

After ONI (Zheng et al. 2024, arXiv:2410.23022): completions arrive, an annotator who is free labels the newest and lets
older ones go, and every completion is rewarded on arrival by what was learnt so far: the label of an equal text (hash), or
a classifier of hidden states that is trained again after every `refresh` labels. Here the annotator is a verifier, time is
counted in arrivals, and the model that draws stays the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from rollmill.methods import (
    Bench,
    Doubles,
    Estimate,
    LinearHead,
    Measured,
    ReadingModel,
    checked_count,
    checked_positive,
    cluster_mean,
    trained_head,
)
from rollmill_papers.studies.probes import judged_texts, problems_of

REWARDS = ("hash", "classifier")


class LabelStream:
    """Effects `gain of the hash` and `gain of the classifier`: the fall of the squared error below that of the mean label
    so far. Effect `classifier - hash`: the difference of these gains. All are means over all arrivals. Table: share of
    arrivals that were labelled.

    `problems`: number of problems in the stream. `samples`: completions of each problem in the stream. `period`: arrivals
    during the time that one label takes. `refresh`: labels between two trainings of the classifier. `levels`: levels of the
    problems. `ridge`: weight of the ridge penalty on the classifier's weights.
    """

    name, version = "label_stream", "1"

    def __init__(
        self,
        problems: int = 160,
        samples: int = 8,
        period: int = 4,
        refresh: int = 32,
        levels: Sequence[int] = (5, 6, 7, 8),
        ridge: float = 30.0,
    ) -> None:
        self.problems = checked_count("measure", self.name, "problems", problems, least=2)
        self.samples = checked_count("measure", self.name, "samples", samples, least=2)
        self.period = checked_count("measure", self.name, "period", period)
        self.refresh = checked_count("measure", self.name, "refresh", refresh, least=2)
        checked_positive("measure", self.name, "ridge", ridge)
        self.levels, self.ridge = tuple(levels), ridge

    def measure(self, bench: Bench) -> Measured:
        """Draw the stream, reward every arrival, compare with its verdict; intervals over templates."""
        folder = bench.one_model().folder
        reading = ReadingModel.open(folder)
        problems = problems_of("train", self.problems, self.levels, bench.seed)
        solutions = bench.kept("stream", partial(judged_texts, folder, problems, self.samples, bench.seed))
        drawn = [(problem, text, right) for problem, own in zip(problems, solutions, strict=True) for text, right in own]
        # The last state of a text has read all of it.
        states = np.asarray(
            [states[-1] for states in reading.states([reading.encoded(one.prompt, text) for one, text, _ in drawn])]
        )
        # In random order, because completions of one problem would otherwise arrive together.
        order = np.random.default_rng(bench.seed).permutation(len(drawn))
        # With the problem: an equal text may be wrong for another one.
        keys = [(drawn[at][0].id, drawn[at][1]) for at in order]
        right = np.asarray([drawn[at][2] for at in order], dtype=float)
        annotator = Annotator(self.period)
        rewards = rewarded(annotator, keys, states[order], right, refresh=self.refresh, ridge=self.ridge)
        templates = [drawn[at][0].template for at in order]
        errors = {name: (values - right) ** 2 for name, values in rewards.items()}
        effects = {f"gain of the {name}": _mean(errors["mean"] - errors[name], templates) for name in REWARDS}
        effects["classifier - hash"] = _mean(errors["hash"] - errors["classifier"], templates)
        labelled = [float(at in annotator.labelled) for at in range(len(keys))]
        table = {"share labelled": _mean(np.asarray(labelled), templates)}
        return Measured(effects, table)


@dataclass
class Annotator:
    """A labeller of one item at a time, for `period` arrivals, who begins with the newest when the last is finished.

    `labelled`: the items with a label, in the order of their labels.
    """

    period: int
    labelled: list[int] = field(default_factory=list)
    _begun: int | None = None

    def arrives(self, item: int) -> int | None:
        """Take the item numbered by its arrival; the item whose label is finished now, if any."""
        if self._begun is not None and item - self._begun < self.period:
            return None
        # The newest item is begun; those that arrived in the meantime stay without a label.
        finished, self._begun = self._begun, item
        if finished is not None:
            self.labelled.append(finished)
        return finished


def rewarded(
    annotator: Annotator,
    keys: Sequence[tuple[str, str]],
    states: Doubles,
    labels: Doubles,
    *,
    refresh: int,
    ridge: float,
) -> Mapping[str, Doubles]:
    """The reward of every arrival by `hash`, `classifier` and `mean` label, from the labels that were finished before it.

    `keys`: equal for equal completions; `states`: (arrivals, width); `labels`: what the annotator would say.
    """
    known: dict[tuple[str, str], float] = {}
    head: LinearHead | None = None
    rewards: dict[str, list[float]] = {name: [] for name in (*REWARDS, "mean")}
    for at, key in enumerate(keys):
        mean = float(labels[annotator.labelled].mean()) if annotator.labelled else 0.5
        rewards["mean"].append(mean)
        rewards["hash"].append(known.get(key, mean))
        rewards["classifier"].append(mean if head is None else float(head(states[at : at + 1])[0]))
        # After the rewards: a label that is finished with this arrival comes too late for it.
        finished = annotator.arrives(at)
        if finished is None:
            continue
        known[keys[finished]] = float(labels[finished])
        if len(annotator.labelled) % refresh == 0:
            head = trained_head(states[annotator.labelled], labels[annotator.labelled], ridge)
    return {name: np.asarray(values) for name, values in rewards.items()}


def _mean(values: Doubles, templates: Sequence[str | None]) -> Estimate:
    estimate = cluster_mean(values.tolist(), templates, estimand="mean over arrivals")
    assert estimate is not None  # there are arrivals
    return estimate
