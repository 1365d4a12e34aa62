"""Shares of sources proposed from pilots: every law with its held-out error and its best mixture."""

import json
import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from rollmill.flows.problems import prompt_text
from rollmill.ground.errors import SetupError, unknown_name
from rollmill.ground.ids import digits
from rollmill.ground.pool import Floats
from rollmill.pipelines.mix.pilots.pilot import LawResult, MixtureLaw, Pilots, best_shares, law_result
from rollmill.pipelines.mix.pilots.quadratic import Quadratic
from rollmill.pipelines.mix.pilots.source_power import SourcePower
from rollmill.pipelines.mix.pilots.transport import Geometry, Transport
from rollmill.pipelines.mix.quotas.quota import apportion
from rollmill.pipelines.mix.text_vectors import text_vectors
from rollmill.stats.scaling.power_law import REACH
from rollmill.storage.artifacts.index import artifact_names
from rollmill.storage.queries import Reader, named_scope

DIMENSIONS = 64  # of the vectors of texts
MOST_OF_TRANSPORT = 120  # shares that the slow law is asked at
DIVIDED = 10_000  # parts of a proposed share
Row = dict[str, Any]


def laws_of(root: Path, pilots: Pilots, sources: Mapping[str, str], target: str | None, seed: int) -> list[MixtureLaw]:
    """The laws that apply: `transport` only where versions of all sources and of the target are named."""
    laws: list[MixtureLaw] = [Quadratic(), SourcePower()]
    if not sources and target is None:
        return laws
    lacking = [name for name in pilots.sources if name not in sources]
    unknown = next((name for name in sources if name not in pilots.sources), None)
    if unknown is not None:
        raise unknown_name("source of the pilots", unknown, pilots.sources)
    if lacking or target is None:
        missing = f"--target, and no version of {', '.join(lacking)}" if target is None and lacking else "--target"
        raise SetupError(
            f"the law `transport` has no {missing if target is None else f'version of {lacking[0]}'}.",
            next_command="--source NAME=VERSION for every source, and --target VERSION",
        )
    with Reader.open(root) as reader:
        texts = [_prompts(reader, name) for name in (*(sources[name] for name in pilots.sources), target)]
    vectors = text_vectors([text for part in texts for text in part], DIMENSIONS)
    ends = np.cumsum([0, *map(len, texts)]).tolist()
    parts = [vectors[start:end] for start, end in pairwise(ends)]
    return [*laws, Transport(Geometry(parts[:-1], parts[-1], seed))]


def _prompts(reader: Reader, name: str) -> list[str]:
    """The prompts of the kept rows of a version or run, each problem once."""
    scope = named_scope(reader, name)
    if scope is None:
        known = [*artifact_names(reader.datasets), *(run.id for run in reader.runs.list())]
        raise unknown_name("run or dataset version", name, known, next_command="rollmill dataset list")
    with scope.connection("rollouts", "problems") as connection:
        query = "SELECT prompt FROM problems WHERE id IN (SELECT problem_id FROM rollouts WHERE kept) ORDER BY id"
        return [prompt_text(json.loads(prompt)) for (prompt,) in connection.execute(query).fetchall()]


def proposed(pilots: Pilots, laws: Sequence[MixtureLaw], size: float | None) -> Row:
    """Results of every law on these pilots as JSON values, in ascending order of their held-out error.

    `size`: training size for which shares are proposed; None: the largest size of the pilots.
    """
    wanted = float(pilots.sizes.max()) if size is None else size
    if not 0 < wanted < math.inf:
        raise SetupError(f"--at {wanted:g}: a size is above 0.")
    least, most = float(pilots.sizes.min()), float(pilots.sizes.max())
    if not least <= wanted <= REACH * most:
        raise SetupError(
            f"--at {wanted:g}: pilots of {least:,g} to {most:,g} support sizes from {least:,g} to {REACH * most:,g}.",
            next_command="larger pilots",
        )
    rows = []
    for law in laws:
        try:
            rows.append(_law_row(law_result(law, pilots), pilots, wanted))
        except (SetupError, ValueError) as error:
            why = error.message if isinstance(error, SetupError) else str(error)
            rows.append({"law": law.name, "from": law.source, "held_out": None, "why": why})
    rows.sort(key=lambda row: (row["held_out"] is None, row["held_out"]))
    best = int(np.argmin(pilots.losses))
    return {
        "sources": list(pilots.sources),
        "pilots": len(pilots.losses),
        "sizes": sorted({float(size) for size in pilots.sizes}),
        "at": wanted,
        "spread": digits(float(pilots.losses.std())),
        "laws": rows,
        "best_pilot": {"shares": _named(pilots, pilots.shares[best]), "loss": digits(float(pilots.losses[best]))},
    }


def _law_row(result: LawResult, pilots: Pilots, size: float) -> Row:
    def predict(shares: Floats) -> Floats:
        return result.fit.predict(shares, size)

    most = {"most": MOST_OF_TRANSPORT} if result.law.name == Transport.name else {}
    shares = best_shares(predict, pilots, **most)
    equal = np.full((1, len(pilots.sources)), 1.0 / len(pilots.sources))
    return {
        "law": result.law.name,
        "from": result.law.source,
        "held_out": None if math.isnan(result.held_out) else digits(result.held_out),
        "interval": None if result.interval is None else [digits(end) for end in result.interval],
        "n": len(result.known),
        "why": "",
        "shares": _named(pilots, shares),
        "loss": digits(float(predict(shares[None])[0])),
        "equal_shares": digits(float(predict(equal)[0])),
    }


def _named(pilots: Pilots, shares: Floats) -> dict[str, float]:
    """Shares in ten thousandths that add up to 1, as a mixture's recipe wants them."""
    weights = dict(zip(pilots.sources, shares.tolist(), strict=True))
    return {name: part / DIVIDED for name, part in apportion(weights, dict.fromkeys(weights, DIVIDED), DIVIDED).items()}
