"""What `rollmill dataset why` prints. Formats one row's history; model text is shown escaped."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from storage.queries.why import brief, evidence_lines

if TYPE_CHECKING:
    from storage.queries.why import Why

MOST = 12
LONGEST = 2_000


def described(found: "Why") -> str:
    """The row's history as text."""
    lines = [f"{found.kind} {found.id} in {found.version}"]
    for problem in found.problems[:1]:
        parts = [
            f"{key} {problem[key]}" for key in ("level", "skill", "template", "source") if problem.get(key) is not None
        ]
        lines += ["", "prompt", _inert(problem["prompt"]), f"reference  {_inert(problem['reference'])}", "  ".join(parts)]
    for rollout in found.rollouts[:MOST]:
        lines += ["", *_rollout(found, rollout)]
    if len(found.rollouts) > MOST:
        lines.append(f"\n{len(found.rollouts) - MOST} more rollouts; --json shows all.")
    lines += ["", "in versions" if found.versions else "in no published version"]
    lines += [f"  {m.version}: kept {m.kept}, dropped {m.dropped} ({', '.join(m.reasons)})" for m in found.versions]
    return "\n".join(lines)


def _rollout(found: "Why", rollout: Mapping[str, Any]) -> list[str]:
    made = f"model {rollout['model']} ({str(rollout['model_digest'])[:12]}), seed {rollout['seed']}"
    lines = [
        f"completion {rollout['id']}",
        f"  {made}, {_arm(found, rollout)}sample {rollout['sample_index']}, {rollout['finish_reason']}",
        _inert(rollout["text"], "  | "),
    ]
    for verdict in found.verdicts:
        if verdict["completion_id"] == rollout["id"]:
            cause = f", cause {verdict['cause']}" if verdict.get("cause") else ""
            lines.append(
                f"  verdict  {verdict['outcome']} by {verdict['verifier']} {verdict['version']} "
                f"(rule {verdict['rule']}{cause}), extracted {_inert(brief(verdict['extracted']))}"
            )
            lines += [_inert(told, "    ") for told in evidence_lines(verdict.get("evidence"))]
    for decision in found.decisions:
        if decision["completion_id"] == rollout["id"]:
            kept = "kept" if decision["kept"] else f"dropped: {decision['reason']}"
            accepted = f"{decision['outcome']} by {decision['verifier']} {decision['verifier_version']}"
            lines.append(f"  decision {kept} by {decision['selector']} {decision['version']}, accepted {accepted}")
    return lines


def _arm(found: "Why", rollout: Mapping[str, Any]) -> str:
    """The arm that drew it; nothing where the recipe named no arms."""
    arms = {key: None for one in found.arms if one["completion_id"] == rollout["id"] for key in [one["arm"]] if key}
    return "".join(f"arm {arm}, " for arm in arms)


def _inert(text: str, prefix: str = "") -> str:
    """Text without control characters, cut at 2,000 characters."""
    shown = text if len(text) <= LONGEST else f"{text[:LONGEST]} ... ({len(text):,} characters)"
    clean = "".join(c if c == "\n" or c.isprintable() else f"\\x{ord(c):02x}" for c in shown)
    return "\n".join(prefix + part for part in clean.split("\n"))
