"""Numbers with their units, as every page writes them."""


def counted(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun: `1 rollout`, `2,000 rollouts`. `plural`: where it is not the noun with an s."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"
