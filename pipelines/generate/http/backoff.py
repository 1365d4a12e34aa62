"""How long to wait before another try: exponential with full jitter (Brooker 2015), never sooner than the server asked."""

import random


def pause(tried: int, asked: float | None, rng: random.Random, *, base: float, most: float) -> float:
    """Seconds: uniform in [0, base 2^(tried-1)], at most `most`; on top of what a Retry-After asked for."""
    jitter = rng.uniform(0.0, min(most, base * 2.0 ** min(tried - 1, 60)))
    return jitter if asked is None else asked + min(jitter, base)
