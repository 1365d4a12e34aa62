"""The gate that accepts a proof: three Coq files, the second of which holds the candidate.

    Spec.v    Definition goal : Prop := <statement>.     compiled before, kept as bytes
    Cand.v    <the candidate's text>, must define t       in the sandbox
    Check.v   Definition wanted := W.Spec.goal. Require W.Cand. Definition checked : wanted := W.Cand.t.
              Print Assumptions checked.                  a new process and folder, the kept bytes of Spec.vo

`wanted` is fixed before the candidate is loaded, and `Require` without `Import` leaves its notations, scopes, hints and
names outside. Only what Check.v prints is read. An axiom is known by the full name that Coq gives it, so that a candidate's
own axiom cannot bear the name of one that is allowed.

What this rests on: Coq's kernel, and that a candidate cannot make Coq write a false compiled file. A candidate with other
sentences than tactics must pass Coq's independent checker (`coqchk`) too, as commands can switch off checks without a word
of it in `Print Assumptions`; with `recheck` every candidate must. Defects that both share: `rollmill_proofs/doubt.py`.
"""

import re
from collections import OrderedDict
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import Literal

from rollmill.methods import Call, Calls, ProgramReport, Sandbox, SandboxFailed
from rollmill_proofs.coq.installation import FINDLIB, Installation
from rollmill_proofs.goal import Goal
from rollmill_proofs.plain_script import plain_script
from rollmill_proofs.proof_text import ProofText

RESTORED = "Set Guard Checking. Set Positivity Checking. Set Universe Checking. Unset Definitional UIP.\n"
"""Sentences of the check after the candidate is loaded, since its global settings hold there too."""
CHECK = (
    "Require W.Spec.\nDefinition wanted : Prop := W.Spec.goal.\nRequire W.Cand.\n"
    + RESTORED
    # At the usual width Coq breaks a long entry into several lines.
    + "Set Printing Width 1000000.\nDefinition checked : wanted := W.Cand.t.\nPrint Assumptions checked.\n"
)
CLOSED = "Closed under the global context"
_MADE = 256  # compiled specifications that are kept
_GUEST = Path(__file__).with_name("guest_program.py")
_ENTRY = re.compile(r"([\w.']+)\s*(?::|$)")
_PLACE = re.compile(r'./Cand.v", line (\d+)[^\n]*\n')
_CONSTANT = re.compile(r"Constant ([\w.']+)")

Files = tuple[tuple[str, bytes], ...]
"""Names and contents of compiled files."""
Cause = Literal["rejected", "axioms", "timeout", "memory", "machine"]


class GoalRejected(Exception):  # noqa: N818 - names what happened
    """Coq refuses the specification, or uses up its CPU seconds on it: the problem is at fault."""


@dataclass(frozen=True, slots=True)
class ProofCheck:
    """The result of the gate. `cause` is None for an accepted proof; `machine` is a limit of ours.

    `detail`: Coq's error, or what the machine lacked. `assumptions`: full names or Coq's sentences about the proof.
    """

    cause: Cause | None
    detail: str = ""
    assumptions: tuple[str, ...] = ()
    cpu_seconds: float = 0.0


class ProofGate:
    """Accepts proofs in a sandbox. Thread-safe; the sandbox is the caller's."""

    def __init__(self, coq: Installation, seconds: float, *, recheck: bool = False) -> None:
        programs = {"compiler": coq.compiler, "checker": coq.checker}
        self.tools = {**programs, "packages": coq.packages, "findlib": FINDLIB.format(coq.packages)}
        self.seconds, self.recheck = seconds, recheck
        self.source = _GUEST.read_text()
        self._specs: OrderedDict[tuple[str, str, str], bytes] = OrderedDict()
        self._lock = Lock()

    def judge(self, sandbox: Sandbox, goal: Goal, proof: ProofText) -> ProofCheck:
        """The result for one proof. GoalRejected if Coq refuses the goal, SandboxFailed if the sandbox failed."""
        spec = self._spec(sandbox, goal)
        files: Files = (("Spec.vo", spec),)
        opening = opening_text(goal, proof)
        candidate = self.compiled(sandbox, "Cand", candidate_text(opening, proof), files)
        if candidate.cause is not None:
            detail = _relative(candidate.error, opening.count("\n"))
            return ProofCheck(candidate.cause, detail, cpu_seconds=candidate.seconds)
        files = (*files, ("Cand.vo", candidate.body))
        check = self.compiled(sandbox, "Check", CHECK, files)
        used = candidate.seconds + check.seconds
        if check.cause is not None:
            return _failed(check, used)
        if check.out.strip() != CLOSED:
            result = self._assumptions(sandbox, goal, files, check.out, used)
            if result.cause is not None:
                return result
        else:
            result = ProofCheck(None, cpu_seconds=used)
        # Tactics alone cannot switch off a check.
        if not self.recheck and proof.form == "script" and plain_script(proof.tactics):
            return result
        again = self.rechecked(sandbox, (*files, ("Check.vo", check.body)))
        total = result.cpu_seconds + again.seconds
        if again.cause is None:
            return replace(result, cpu_seconds=total)
        reason = again.error.strip().rpartition("\n")[2]
        return ProofCheck(again.cause, f"coqchk: {reason}" if again.cause == "rejected" else reason, cpu_seconds=total)

    def _assumptions(self, sandbox: Sandbox, goal: Goal, files: Files, printed: str, used: float) -> ProofCheck:
        """A proof that rests on something: accepted if each line of it is an allowed axiom."""
        names = axiom_names(printed)
        if names is None or not goal.allow:
            shown = names or tuple(line.strip()[:200] for line in printed.strip().splitlines()[:20])
            return ProofCheck("axioms", f"not allowed: {', '.join(shown)}", shown, used)
        # The shortest name that Coq prints may be the candidate's choice; its full name is not.
        located = self.compiled(sandbox, "Check", CHECK + "".join(f"Locate {name}.\n" for name in names), files)
        if located.cause is not None:
            return _failed(located, used)
        lines = located.out.removeprefix(printed).splitlines()
        full = tuple(match[1] for line in lines if (match := _CONSTANT.match(line)))
        foreign = sorted(set(full) - set(goal.allow))
        # Names that Coq does not find, or finds twice, make the numbers of names differ.
        if foreign or len(full) != len(names) or not located.out.startswith(printed):
            return ProofCheck("axioms", f"not allowed: {', '.join(foreign or names)}", full, used)
        return ProofCheck(None, assumptions=full, cpu_seconds=used + located.seconds)

    def _spec(self, sandbox: Sandbox, goal: Goal) -> bytes:
        """The compiled specification of a goal, made once."""
        key = (goal.imports, goal.context, goal.statement)
        with self._lock:
            if key in self._specs:
                self._specs.move_to_end(key)
                return self._specs[key]
        # Not under the lock: two threads may compile one goal, which only costs time.
        made = self.compiled(sandbox, "Spec", spec_text(goal), ())
        # A limit of the machine says nothing about the goal. CPU seconds do: the file holds the problem's text alone.
        if made.cause in ("machine", "memory"):
            raise SandboxFailed(made.error.strip() or made.cause)
        if made.cause is not None:
            raise GoalRejected(made.error.strip() or made.cause)
        with self._lock:
            self._specs[key] = made.body
            while len(self._specs) > _MADE:
                self._specs.popitem(last=False)
        return made.body

    def rechecked(self, sandbox: Sandbox, files: Files) -> "CompiledFile":
        """The result of the independent checker on compiled files. Its own CPU limit is a limit of ours."""
        call = Call("rechecked", (self.tools, files, self.seconds))
        checked = _read(sandbox.run(Calls(self.source, (call,))))
        if checked.cause == "timeout":
            return replace(checked, cause="machine", error=f"coqchk needs more than {self.seconds:g} CPU seconds")
        return checked

    def compiled(self, sandbox: Sandbox, name: str, text: str, files: Files) -> "CompiledFile":
        """One file compiled beside other files, in a process and a folder of its own."""
        call = Call("compiled", (self.tools, name, text, files, self.seconds))
        return _read(sandbox.run(Calls(self.source, (call,))))


@dataclass(frozen=True, slots=True)
class CompiledFile:
    """Result of compiling a Coq file. `body`: the compiled file; empty if `cause` says why compiling failed.

    `out`, `error`: Coq's output and error stream. `seconds`: time of the compilation.
    """

    cause: Cause | None
    out: str = ""
    error: str = ""
    seconds: float = 0.0
    body: bytes = b""


def _read(report: ProgramReport) -> CompiledFile:
    """The result of a call in the sandbox. What the box itself reports is a limit of the machine: Coq has its own."""
    if report.cause is not None or not report.results or report.results[0].status != "returned":
        detail = report.detail or (report.results[0].detail if report.results else "no result")
        return CompiledFile("machine", error=f"{report.cause}: {detail}")
    status, out, error, seconds, body = report.results[0].value
    causes: dict[str, Cause | None] = {"ok": None, "error": "rejected", "timeout": "timeout", "memory": "memory"}
    return CompiledFile(causes[status], out, error, seconds, body)


def _failed(compiled: CompiledFile, used: float | None = None) -> ProofCheck:
    return ProofCheck(compiled.cause, compiled.error.strip(), cpu_seconds=compiled.seconds if used is None else used)


def spec_text(goal: Goal) -> str:
    """The file that states a goal."""
    return f"{goal.imports}\n{goal.context}\nDefinition goal : Prop := ({goal.statement}).\n"


def opening_text(goal: Goal, proof: ProofText) -> str:
    """The lines of the candidate's file before its own text. A script proves a theorem with the statement as written."""
    opening = f"{goal.imports}\nRequire Import W.Spec.\n"
    return opening if proof.form == "file" else f"{opening}Theorem t : {goal.statement}.\nProof.\n"


def candidate_text(opening: str, proof: ProofText) -> str:
    """The candidate's file."""
    return f"{opening}{proof.text}\n" if proof.form == "file" else f"{opening}{proof.tactics}\nQed.\n"


def _relative(error: str, before: int) -> str:
    """Coq's last error with the line counted in the candidate's own text, without warnings."""
    last = error.rpartition('File "')[2]
    place = _PLACE.match(last)
    return error.strip() if place is None else f"line {int(place[1]) - before}: {last[place.end() :].strip()}"


def axiom_names(printed: str) -> tuple[str, ...] | None:
    """Names in a list of axioms alone; None where Coq lists anything else, such as an unchecked fixpoint."""
    lines = printed.splitlines()
    if not lines or lines[0].strip() != "Axioms:":
        return None
    names = []
    for line in lines[1:]:
        # Lines that begin with a blank continue the type before them.
        if line[:1].isspace() or not line:
            continue
        entry = _ENTRY.match(line)
        if entry is None:
            return None
        names.append(entry[1])
    # A heading without any axiom is not understood, and so not accepted.
    return tuple(names) or None
