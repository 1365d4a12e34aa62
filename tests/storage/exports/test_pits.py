"""The line of an error by labels of lines: a chain with a planted error, and rows of a version."""

from dataclasses import replace

import numpy as np
import pytest

from rollmill.ground.errors import SetupError
from rollmill.storage.exports.pits import UNLABELLED, Pits, located
from rollmill.storage.versions.content.snapshot import Snapshot
from rollmill.storage.workspace import Workspace
from tests.storage.exports.test_origin import SOLVE, version, written

LINES, BEFORE, FROM = 6, 0.7, 0.05  # labels in truth: before the planted line, and from it on


def named(continuations: int, by: str, repeats: int = 4_000, within: float = 0.0) -> float:
    """Share of chains in which the rule names the planted line."""
    generator, right = np.random.default_rng(1), 0
    for _ in range(repeats):
        planted = int(generator.integers(LINES))
        chances = np.where(np.arange(LINES) < planted, BEFORE, FROM)
        values = (generator.binomial(continuations, chances) / continuations).tolist()
        right += located(values, BEFORE, by, within, [continuations] * LINES) == planted
    return right / repeats


def test_a_planted_error_is_the_largest_drop_and_with_many_continuations_seldom_the_first_pit() -> None:
    assert named(32, "largest_drop") >= 0.99
    assert named(32, "first_pit") == pytest.approx(0.52, abs=0.03)
    assert named(4, "first_pit") == pytest.approx(0.80, abs=0.04)  # worse with more continuations
    assert named(4, "largest_drop") == pytest.approx(0.82, abs=0.03)


def test_the_first_line_within_the_noise_mends_the_first_pit() -> None:
    assert named(32, "first_pit", within=1.0) > 0.95
    assert named(32, "largest_drop", within=1.0) >= 0.99


@pytest.mark.parametrize(
    ("values", "by", "place"),
    [
        ([0.9, 0.8, 0.1, 0.0], "largest_drop", 2),
        ([0.9, 0.8, 0.1, 0.0], "first_pit", 3),
        ([0.1, 0.1, 0.1], "largest_drop", 0),  # the first line already
        ([0.5, 0.0, 0.0], "first_pit", 1),
    ],
)
def test_places_by_hand(values: list[float], by: str, place: int) -> None:
    assert located(values, 0.6, by) == place


def test_labels_without_noise_have_no_tolerance() -> None:
    assert located([0.5, 0.1, 0.09], 0.6, "first_pit", 3.0, [None] * 3) == 2


def test_an_unknown_rule_is_refused() -> None:
    with pytest.raises(SetupError, match="unknown rule of pits 'lowest'"):
        Pits(by="lowest")


def continued_lines() -> Snapshot:
    """A wrong solution of one line, and four continuations of it."""
    line, go_on = "2 + 3 = 6", {"name": "fix", "engine": "embedded", "turn": "continue", "template": "{solve}"}
    content = version((SOLVE, line, "incorrect", ""), *((go_on, f"{line}\n{n}", "incorrect", "0") for n in range(4)))
    given = [{**row, "meta": f'{{"prefix": {len(line)}}}'} for row in content.completions.to_pylist()]
    return replace(content, completions=content.completions.from_pylist(given, schema=content.completions.schema))


@pytest.mark.parametrize(("least", "pits", "left_out"), [(4, 1, {}), (5, 0, {UNLABELLED: 1})])
def test_a_line_with_too_few_continuations_has_no_label(
    ws: Workspace, least: int, pits: int, left_out: dict[str, int]
) -> None:
    """Its label may be the lowest by chance alone."""
    given, rows = written(ws, continued_lines(), "pits", least_n=least)
    assert (len(rows), dict(given.left_out)) == (pits, left_out)
