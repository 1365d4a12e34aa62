"""The gate for several plain scripts at once, since it spends most of its time on loading libraries.

The three files of `rollmill_proofs/coq/gate.py` hold all of them: Spec.v a module for each goal, Cand.v a module for each
script, and Check.v one term of all. If this term rests on no assumption, no proof does. If anything fails, the halves are
judged, and finally each proof alone. Nothing is rejected here.

A script cannot use the theorem of another, as it would have to name a module whose name depends on every text.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from rollmill.methods import Sandbox, SandboxFailed, digest128
from rollmill_proofs.coq.gate import CLOSED, RESTORED, GoalRejected, ProofCheck, ProofGate
from rollmill_proofs.coq.screen import stated
from rollmill_proofs.goal import Goal
from rollmill_proofs.plain_script import is_plain_context, plain_script
from rollmill_proofs.proof_text import ProofText

Pair = tuple[Goal, ProofText]
Judged = ProofCheck | GoalRejected | SandboxFailed
TOGETHER = 64
"""Most proofs in one file."""


def judge_all(gate: ProofGate, sandbox: Sandbox, pairs: Sequence[Pair]) -> list[Judged]:
    """The result of the gate for each proof, or the exception that it raised, in their order."""
    results: dict[int, Judged] = {}
    for places in _groups(pairs):
        results.update(zip(places, _judged(gate, sandbox, [pairs[place] for place in places]), strict=True))
    return [results[place] if place in results else _alone(gate, sandbox, pair) for place, pair in enumerate(pairs)]


def _groups(pairs: Sequence[Pair]) -> Iterator[list[int]]:
    """Places of plain proofs with the same imports."""
    by_imports: dict[str, list[int]] = defaultdict(list)
    for place, (goal, proof) in enumerate(pairs):
        # Any other text could change what becomes of the proofs that follow it in the file.
        if proof.form == "script" and is_plain_context(goal.context) and plain_script(proof.tactics):
            by_imports[goal.imports].append(place)
    for places in by_imports.values():
        for start in range(0, len(places), TOGETHER):
            yield places[start : start + TOGETHER]


def _judged(gate: ProofGate, sandbox: Sandbox, pairs: Sequence[Pair]) -> list[Judged]:
    """Results of a group, by halves where it is not accepted as a whole."""
    if len(pairs) == 1:
        return [_alone(gate, sandbox, pairs[0])]
    seconds = _accepted(gate, sandbox, pairs)
    if seconds is not None:
        # Only the sum was measured.
        return [ProofCheck(None, cpu_seconds=seconds / len(pairs)) for _ in pairs]
    # Halves find one bad proof of n in about 2 log2 n further runs instead of n.
    middle = len(pairs) // 2
    return _judged(gate, sandbox, pairs[:middle]) + _judged(gate, sandbox, pairs[middle:])


def _alone(gate: ProofGate, sandbox: Sandbox, pair: Pair) -> Judged:
    try:
        return gate.judge(sandbox, *pair)
    except (GoalRejected, SandboxFailed) as error:
        return error


def _accepted(gate: ProofGate, sandbox: Sandbox, pairs: Sequence[Pair]) -> float | None:
    """CPU seconds of all files if every proof is accepted, else None."""
    spec, candidate, check = texts(pairs)
    files: tuple[tuple[str, bytes], ...] = ()
    used = 0.0
    for name, text in (("Spec", spec), ("Cand", candidate), ("Check", check)):
        made = gate.compiled(sandbox, name, text, files)
        used += made.seconds
        if made.cause is not None:
            # One proof's error, or a limit that they reach only together: the halves are judged again.
            return None
        files = (*files, (f"{name}.vo", made.body))
    # All together are held to the limit of one proof, or one above its limit could pass among quick ones.
    if made.out.strip() != CLOSED or used > gate.seconds:
        return None
    if not gate.recheck:
        return used
    again = gate.rechecked(sandbox, files)
    return used + again.seconds if again.cause is None else None


def texts(pairs: Sequence[Pair]) -> tuple[str, str, str]:
    """The specification, the candidate and the check of some pairs with the same imports."""
    nonce = digest128([[goal.test(), proof.text] for goal, proof in pairs])
    imports = f"{pairs[0][0].imports}\n"
    spec, candidate = imports, f"{imports}Require W.Spec.\n"
    wanted, checked = "Require W.Spec.\n", list[str]()
    for place, (goal, proof) in enumerate(pairs):
        spec += stated(f"G{place}", goal)
        script = f"Theorem t : {goal.statement}.\nProof.\n{proof.tactics}\nQed.\n"
        candidate += f"Module C{place}_{nonce}.\nImport W.Spec.G{place}.\n{script}End C{place}_{nonce}.\n"
        wanted += f"Definition wanted{place} : Prop := W.Spec.G{place}.goal.\n"
        checked.append(f"Definition checked{place} : wanted{place} := W.Cand.C{place}_{nonce}.t.\n")
    # One term that holds every proof, so `Print Assumptions` tells about all of them at once.
    pair = " ".join(f"(conj checked{place}" for place in range(len(pairs))) + " I" + ")" * len(pairs)
    # All `wanted` stand before `Require W.Cand`, so that no candidate can change what is wanted.
    check = f"{wanted}Require W.Cand.\n{RESTORED}Set Printing Width 1000000.\n{''.join(checked)}"
    return spec, candidate, f"{check}Definition checked := {pair}.\nPrint Assumptions checked.\n"
