"""Numbers with their units, as every page writes them: counts, durations, sizes, moments."""

from datetime import UTC, datetime

SIZES = ("bytes", "kB", "MB", "GB", "TB")  # powers of 1,000
MINUTE, HOUR, DAY = 60, 3_600, 86_400


def counted(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun: `1 rollout`, `2,000 rollouts`. `plural`: where it is not the noun with an s."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def duration(seconds: float) -> str:
    """A length of time in its two largest units: `350 ms`, `3.2 s`, `4 min 10 s`, `2 h 5 min`, `3 d 4 h`."""
    if round(seconds, 3) < 1:
        return f"{1_000 * seconds:.0f} ms"
    if round(seconds, 1) < MINUTE:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < HOUR:
        return f"{whole // MINUTE} min {whole % MINUTE} s"
    minutes = round(seconds / MINUTE)
    if minutes * MINUTE < DAY:
        return f"{minutes // 60} h {minutes % 60} min"
    hours = round(seconds / HOUR)
    return f"{hours // 24} d {hours % 24} h"


def size(count: int) -> str:
    """An amount of bytes: `812 bytes`, `1.2 kB`, `3.4 MB`."""
    if count < 1_000:
        return counted(count, "byte")
    value, place = float(count), 0
    while round(value, 1) >= 1_000 and place < len(SIZES) - 1:
        value, place = value / 1_000, place + 1
    return f"{value:,.1f} {SIZES[place]}"


def moment(when: datetime | str) -> str:
    """A time of day in UTC, from a datetime or its ISO text: `2026-11-24 20:34`. Without a zone it is UTC already."""
    known = datetime.fromisoformat(when) if isinstance(when, str) else when
    return (known if known.tzinfo is None else known.astimezone(UTC)).strftime("%Y-%m-%d %H:%M")
