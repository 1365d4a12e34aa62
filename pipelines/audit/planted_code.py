"""Mutants of a right program that really behave otherwise: run beside it in the sandbox on generated inputs.

What differs and still passes the problem's tests shows a weak test, not a bad verifier; an audit lists it as missed. The
mutator and the comparison are the code verifier's own parts (`pipelines.verify.code.strength`).
"""

import random
from dataclasses import replace

from storage.records import Problem

COUNT = 8
"""Mutants tried per program, kinds in turn."""


def code_mutants(problem: Problem, completion_text: str, rng: random.Random) -> list[tuple[str, str]]:
    """(what was changed, text with the mutated program) pairs; none where the program fails its tests or has no inputs.

    SetupError where this machine has no sandbox.
    """
    from pipelines.sandbox import Sandbox, check_sandbox
    from pipelines.verify.code.strength import of_reference, studied, subject_of

    seed = rng.getrandbits(32)
    check_sandbox("strict")
    with Sandbox("strict") as box:
        try:
            subject = subject_of(box, replace(problem, reference=completion_text), seed=seed)
        except ValueError:
            return []
        studies = list(studied(box, subject, of_reference(subject, COUNT, seed=seed)))
    return [
        (f"{one.mutant.kind}, line {one.mutant.line}: {one.mutant.before[:60]}", f"```python\n{one.mutant.source}\n```")
        for one in studies
        if one.differs
    ]
