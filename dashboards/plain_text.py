"""Text of models and of imports, made inert: Streamlit reads Markdown in labels, and an image there would be fetched."""

import re

_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~:$&])")


def inert(text: object, longest: int = 200) -> str:
    """One line of Markdown that shows `text` as it is, cut after `longest` characters."""
    line = " ".join(str(text).split())
    cut = line if len(line) <= longest else line[: longest - 1] + "…"
    return _SPECIAL.sub(r"\\\1", cut)
