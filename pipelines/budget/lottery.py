"""Who goes on at random: by a hash of the problem's id, so that a plan stays a pure function. Keeps no generator."""

from storage.ids import digest128

_SPACE = 1 << 128


def lot(problem_id: str, salt: str) -> float:
    """A number from 0 to 1 that depends on nothing but these two."""
    return int(digest128(["lot", problem_id, salt]), 16) / _SPACE


def drawn_by_lot(problem_id: str, salt: str, share: float) -> bool:
    """True for this share of all problem ids, chosen by their hash; another salt chooses others."""
    return lot(problem_id, salt) < share
