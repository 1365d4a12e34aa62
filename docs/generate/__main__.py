"""`python -m docs.generate` writes the pages of the reference that are made from the code."""

from importlib import import_module
from pathlib import Path

from docs.generate import GENERATED


def main() -> None:
    """Write each page to its place under docs/."""
    for place, module in GENERATED.items():
        (Path(__file__).parents[1] / place).write_text(import_module(f"docs.generate.{module}").page(), encoding="utf-8")


if __name__ == "__main__":
    main()
