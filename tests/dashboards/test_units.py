"""Numbers with their units, at the ends of every unit."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from rollmill.dashboards.units import counted, duration, moment, size


def test_a_count_agrees_with_its_noun() -> None:
    assert [counted(number, "rollout") for number in (0, 1, 2, 1_000)] == [
        "0 rollouts",
        "1 rollout",
        "2 rollouts",
        "1,000 rollouts",
    ]
    assert [counted(number, "reply", "replies") for number in (1, 3)] == ["1 reply", "3 replies"]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 ms"),
        (0.3504, "350 ms"),
        (0.9996, "1.0 s"),
        (3.24, "3.2 s"),
        (59.94, "59.9 s"),
        (59.97, "1 min 0 s"),
        (250, "4 min 10 s"),
        (3_599.6, "1 h 0 min"),
        (7_500, "2 h 5 min"),
        (86_399, "1 d 0 h"),
        (273_600, "3 d 4 h"),
    ],
)
def test_a_duration_is_in_its_two_largest_units(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1_000, "1.0 kB"),
        (999_960, "1.0 MB"),
        (3_400_000, "3.4 MB"),
        (2_500_000_000_000_000, "2,500.0 TB"),
    ],
)
def test_a_size_is_in_powers_of_a_thousand(count: int, words: str) -> None:
    assert size(count) == words


def test_a_moment_is_in_utc() -> None:
    assert moment("2026-11-24T20:34:50+02:00") == "2026-11-24 18:34"
    assert moment(datetime(2026, 1, 1, 0, 30, tzinfo=timezone(timedelta(hours=1)))) == "2025-12-31 23:30"
    assert moment(datetime(2026, 1, 1, 0, 30, tzinfo=UTC).replace(tzinfo=None)) == "2026-01-01 00:30"
