"""Rates, differences and their intervals as texts: the same digits in every command, page and report."""


def rate_text(value: float, sign: str = "") -> str:
    """A rate at three digits; `sign`: `+` for a difference."""
    # Rounding -.0001 gives -0.0, and adding 0.0 takes its sign away.
    return format(round(value, 3) + 0.0, f"{sign}.3f")


def interval_text(low: float, high: float, sign: str = "") -> str:
    """Both ends of an interval, in brackets."""
    return f"[{rate_text(low, sign)}, {rate_text(high, sign)}]"


def with_interval(value: float, low: float, high: float, sign: str = "") -> str:
    """A value with its interval."""
    return f"{rate_text(value, sign)} {interval_text(low, high, sign)}"
