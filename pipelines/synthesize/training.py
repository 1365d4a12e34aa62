"""Endless (prompt, solution) pairs of the train split for the trainer of the embedded model. Knows no Problem records."""

import random
from collections.abc import Iterator, Sequence

from pipelines.synthesize.library import TEMPLATES
from pipelines.synthesize.splits import TRAIN_TEMPLATES, belongs
from pipelines.synthesize.template import LEVELS, solution_text


def problems_for_training(seed: int, count: int, levels: Sequence[int] = LEVELS) -> Iterator[tuple[str, str]]:
    """`count` pairs of prompt and solution text, uniform over levels and then templates; repeats are allowed.

    Only instances of the train split come out: no evaluation template or graph, no held-out numbers.
    """
    rng = random.Random(seed)
    templates = [TEMPLATES[name]() for name in TRAIN_TEMPLATES]
    made = 0
    while made < count:
        template = rng.choice(templates)
        params = template.sample(rng.choice(levels), rng)
        solution = template.solve(params)
        if not belongs("train", template.name, params, solution):
            continue
        made += 1
        yield template.render(params, rng.randrange(template.phrasings)), solution_text(solution)
