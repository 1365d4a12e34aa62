"""Where a published set hides its answer inside a worked solution. Judges nothing; the solution itself is kept as meta.

GSM8K ends its answers with "#### 18" (Cobbe et al. 2021); MATH boxes the answer in its solutions (Hendrycks et al. 2021).
"""

_MARK = "####"
_BOX = "\\boxed{"


def answer_in(reference: str, column: str) -> tuple[str, str | None]:
    """The answer and the rule that found it; the reference as it is, and None, where no rule applies.

    A box is looked for only in a column called solution: elsewhere it may be part of the answer.
    """
    if _MARK in reference:
        return reference.rsplit(_MARK, 1)[1].strip(), f"the text after {_MARK}"
    if column.lower() == "solution" and _BOX in reference:
        boxed = _last_box(reference)
        if boxed is not None:
            return boxed, "the last \\boxed{}"
    return reference, None


def _last_box(text: str) -> str | None:
    start = text.rindex(_BOX) + len(_BOX)
    depth = 1
    for end in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[end], 0)
        if depth == 0:
            return text[start:end]
    return None
