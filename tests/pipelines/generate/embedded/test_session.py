"""The graph as prefill and step: the cache is right-padded, so nothing beyond a row's length is ever read."""

import numpy as np
import pytest

from rollmill.pipelines.generate.embedded.model_files import ModelFiles
from rollmill.pipelines.generate.embedded.session import SIZES, ModelSession, Tile, agreeing_sizes

IDS = [2, 413, 291, 224, 20, 27, 365, 322, 3]


@pytest.fixture(scope="module")
def session() -> ModelSession:
    return ModelSession(ModelFiles.open("models/rollmill-tiny"))


def steps(tile: Tile, row: int, rows: int, tokens: list[int]) -> np.ndarray:
    """Logits of one row while the others are given other tokens."""
    seen = []
    for step, token in enumerate(tokens):
        others = [(17 * at + 5 * step) % 640 for at in range(rows)]
        others[row] = token
        seen.append(tile.step(others)[row].copy())
    return np.asarray(seen)


def test_what_lies_in_the_cache_beyond_a_row_is_never_read(session: ModelSession) -> None:
    prefix = session.prefill(IDS)
    clean = Tile(session)
    clean.put(0, prefix)
    expected = steps(clean, 0, 1, [20, 21, 22])
    for junk in (1e30, np.nan, np.inf):
        dirty = Tile(session)
        dirty._cache[:] = junk
        dirty.put(0, prefix)
        assert steps(dirty, 0, 1, [20, 21, 22]).tobytes() == expected.tobytes()


def test_a_borrowed_tile_gives_what_a_fresh_one_gives(session: ModelSession) -> None:
    used = session.borrow()
    for row in range(used.rows):
        used.put(row, session.prefill(IDS * (row + 1)))
    steps(used, 3, used.rows, [30, 31, 32, 33])
    session.give_back(used)
    again = session.borrow()
    assert again is used
    prefix = session.prefill(IDS)
    fresh = Tile(session)
    for tile in (again, fresh):
        tile.put(0, prefix)
    assert steps(again, 0, 1, [20, 21]).tobytes() == steps(fresh, 0, 1, [20, 21]).tobytes()


def test_a_moved_row_goes_on_with_the_same_bits(session: ModelSession) -> None:
    stays, moves = Tile(session), Tile(session)
    for tile in (stays, moves):
        for row in range(9):
            tile.put(row, session.prefill(IDS + [20 + row] * row))
    first = steps(stays, 8, 9, [40, 41, 42])
    begun = steps(moves, 8, 9, [40])
    moves.move(8, 2)
    rest = steps(moves, 2, 3, [41, 42])
    assert np.concatenate((begun, rest)).tobytes() == first.tobytes()


def test_prefill_of_a_longer_prompt_agrees_with_stepping(session: ModelSession) -> None:
    tile = Tile(session)
    tile.put(0, session.prefill(IDS))
    stepped = tile.step([44])[0]
    assert np.abs(stepped - session.prefill([*IDS, 44]).logits).max() < 1e-4 * np.abs(stepped).max()


def test_every_row_count_and_place_gives_the_same_bits_on_this_machine(session: ModelSession) -> None:
    assert agreeing_sizes(session) == SIZES


def test_row_counts_that_disagree_are_left_out(session: ModelSession, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel that treats eight rows apart: the probe sees it, and the engine would run without that size."""
    honest = Tile.step

    def step(self: Tile, tokens: list[int]) -> np.ndarray:
        logits = honest(self, tokens)
        return logits + np.float32(1e-6) if len(tokens) == 8 else logits

    monkeypatch.setattr(Tile, "step", step)
    assert agreeing_sizes(session) == (1, 2, 4, 16)
