"""Rejections of plain scripts in warm Coq processes, which are faster than the gate; most proofs of a model fail.

A rejection needs no gate, as a script gains nothing by it. A script that passes is judged by the gate.
"""

import re
from collections import OrderedDict

from rollmill_proofs.coq.coq_process import ERROR, PROMPT, CoqEndedError, CoqProcess, error_in
from rollmill_proofs.coq.installation import Installation
from rollmill_proofs.goal import Goal
from rollmill_proofs.plain_script import Sentence, is_plain_context

_WARM = 4
_UNSURE = re.compile(r"Anomaly|[Oo]ut of memory|Stack overflow|Not enough memory")


class Screen:
    """Says which plain scripts Coq rejects. Not thread-safe; keeps the processes of the last few imports."""

    def __init__(self, coq: Installation, seconds: float) -> None:
        """Take the installation and the seconds by the clock after which a script is left to the gate."""
        self.coq, self.seconds = coq, seconds
        self._warm: OrderedDict[str, CoqProcess] = OrderedDict()

    def rejection(self, goal: Goal, script: tuple[Sentence, ...]) -> str | None:
        """Coq's error with its line in the script; None where the gate has to judge."""
        if not is_plain_context(goal.context):
            return None
        try:
            process = self._with(goal.imports)
            if process.refused is not None:
                return None
            opening = f"BackTo {process.base}.\n{stated('G', goal)}Import G.\nTheorem t : {goal.statement}.\nProof."
            body = "\n".join(sentence.text for sentence in script)
            opening_answer, answer = process.say_all([opening, f"{body}\nQed."])
        except CoqEndedError:
            broken = self._warm.pop(goal.imports, None)
            if broken is not None:
                broken.close()
            return None
        error, place_of_error = error_in(answer), ERROR.search(answer)
        if error_in(opening_answer) is not None or error is None or place_of_error is None or _UNSURE.search(answer):
            return None
        place = len(PROMPT.findall(answer[: place_of_error.start()]))
        line = script[place].line if place < len(script) else script[-1].line + script[-1].text.count("\n") + 1
        return f"line {line}: {error}"

    def close(self) -> None:
        """End the processes; safe to call twice."""
        while self._warm:
            self._warm.popitem()[1].close()

    def _with(self, imports: str) -> CoqProcess:
        process = self._warm.pop(imports, None) or CoqProcess(self.coq, imports, self.seconds)
        self._warm[imports] = process
        while len(self._warm) > _WARM:
            self._warm.popitem(last=False)[1].close()
        return process


def stated(name: str, goal: Goal) -> str:
    """A module with the definitions of a goal and the goal."""
    return f"Module {name}.\n{goal.context}\nDefinition goal : Prop := ({goal.statement}).\nEnd {name}.\n"
