"""What a version's rollouts took, for its manifest: tokens in and out of every completion of the plan, whoever drew it.

No money and no time: those depend on a profile and a machine, and a version must not. Knows a snapshot, no ledger.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from storage.versions import Snapshot


def cost_of(snapshot: "Snapshot") -> dict[str, Any]:
    """The manifest's key `cost`. `uncounted`: completions without token counts, which count as 0."""
    counts = {name: snapshot.completions[name].to_pylist() for name in ("tokens_in", "tokens_out")}
    tokens_in, tokens_out = (sum(value or 0 for value in column) for column in counts.values())
    kept = sum(map(bool, snapshot.decisions["kept"].to_pylist()))
    return {
        "completions": snapshot.completions.num_rows,
        "tokens_in": tokens_in,
        "tokens_out": tokens_out,
        "uncounted": sum(None in pair for pair in zip(*counts.values(), strict=True)),
        "kept": kept,
        "tokens_per_kept": (tokens_in + tokens_out) / kept if kept else None,
    }
