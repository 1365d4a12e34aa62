"""Splits of problems for training, holding out and evaluation; and the pairs that the embedded model is trained on.

Three splits, never by row:
- `evaluation`: templates that are never trained on, and with them their solution graphs: a problem of another template that
  happens to have such a graph is never emitted.
- `train` and `heldout`: the other templates, separated by a hash of (template, numbers). The same numbers under other
  names or another wording fall on the same side, so no held-out instance was trained on.
"""

import functools
import random
from collections.abc import Iterator, Sequence

from rollmill.ground.errors import unknown_name
from rollmill.pipelines.synthesize.library import TEMPLATES
from rollmill.pipelines.synthesize.template import LEVELS, Params, Solution, instance_key, solution_graph, solution_text

EVALUATION_TEMPLATES: tuple[str, ...] = ("catch_up", "age_gap", "two_numbers")
TRAIN_TEMPLATES: tuple[str, ...] = tuple(name for name in TEMPLATES if name not in EVALUATION_TEMPLATES)
SPLITS: tuple[str, ...] = ("train", "heldout", "evaluation")

# One instance in ten of a train template is held out.
_HELD_OUT_SHARE = 10
_GRAPH_PROBES = 25  # instances of each level of an evaluation template


def templates_of(split: str) -> tuple[str, ...]:
    """The names of the templates that a split draws from; SetupError for an unknown split."""
    if split not in SPLITS:
        raise unknown_name("split", split, SPLITS)
    return EVALUATION_TEMPLATES if split == "evaluation" else TRAIN_TEMPLATES


def is_held_out(template: str, params: Params) -> bool:
    """True if these numbers of this template are kept from training."""
    return int(instance_key(template, params)[:8], 16) % _HELD_OUT_SHARE == 0


def on_side(split: str, template: str, params: Params) -> bool:
    """True if an instance's numbers are on this split's side; every instance of an evaluation template is."""
    return split == "evaluation" or is_held_out(template, params) == (split == "heldout")


def graph_allowed(split: str, solution: Solution) -> bool:
    """True if a problem with this solution may be emitted in this split: evaluation graphs are for evaluation only."""
    return split == "evaluation" or solution_graph(solution) not in evaluation_graphs()


def belongs(split: str, template: str, params: Params, solution: Solution) -> bool:
    """True if an instance of one of the split's templates may be emitted in this split."""
    return on_side(split, template, params) and graph_allowed(split, solution)


def problems_for_training(seed: int, count: int, levels: Sequence[int] = LEVELS) -> Iterator[tuple[str, str]]:
    """`count` pairs of prompt and solution text, uniform over levels and then templates; repeats are allowed.

    Only instances of the train split come out: no evaluation template or graph, no held-out numbers.
    """
    return worked_problems("train", seed, count, levels)


def worked_problems(split: str, seed: int, count: int, levels: Sequence[int] = LEVELS) -> Iterator[tuple[str, str]]:
    """`count` pairs of prompt and solution text of the training templates, on the side `train` or `heldout`."""
    rng = random.Random(seed)
    templates = [TEMPLATES[name]() for name in TRAIN_TEMPLATES]
    pairs = 0
    while pairs < count:
        template = rng.choice(templates)
        params = template.sample(rng.choice(levels), rng)
        solution = template.solve(params)
        if not belongs(split, template.name, params, solution):
            continue
        pairs += 1
        yield template.render(params, rng.randrange(template.phrasings)), solution_text(solution)


@functools.cache
def evaluation_graphs() -> frozenset[str]:
    """Every solution graph of the evaluation templates; each has one graph per level, as a test proves."""
    graphs = set()
    for name in EVALUATION_TEMPLATES:
        template = TEMPLATES[name]()
        for level in LEVELS:
            rng = random.Random(level)
            graphs |= {solution_graph(template.solve(template.sample(level, rng))) for _ in range(_GRAPH_PROBES)}
    return frozenset(graphs)
