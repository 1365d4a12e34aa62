"""The answer inside a worked solution, as published sets hide it: GSM8K ends with "#### 18" (Cobbe et al. 2021), MATH boxes
it (Hendrycks et al. 2021), in a few solutions as `\\fbox{...}` or `\\boxed 5` without braces.
"""

import re

_MARK = "####"
_BOX = re.compile(r"\\(?:boxed|fbox)(?:\s*(\{)|\s+([^\s$\\{}.,;]+))")


def marked_in(solution: str) -> str | None:
    """The text after the last ####; None without one."""
    return solution.rsplit(_MARK, 1)[1].strip() if _MARK in solution else None


def boxed_in(solution: str) -> str | None:
    """The content of the last box; None without a box, and where its braces do not close."""
    boxes = list(_BOX.finditer(solution))
    if not boxes:
        return None
    box = boxes[-1]
    if box[2] is not None:
        return box[2]
    depth = 1
    for end in range(box.end(), len(solution)):
        depth += {"{": 1, "}": -1}.get(solution[end], 0)
        if depth == 0:
            return solution[box.end() : end]
    return None
