"""The pages that `dataset show` and `dataset why` print: a version, and the history of one of its rows. Pure text.

A version's page is made from the manifest alone, so it is the same in a clone without the rows; keys that a version lacks
are left out. Model text is shown without the control characters that a terminal would obey.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rollmill.flows.cli.datasets.dataset_models import users_of
from rollmill.flows.cli.output import inert
from rollmill.flows.cli.summary import counts_text, level_table, relative_path, sft_command
from rollmill.flows.cli.terminal import styled
from rollmill.ground.formats.rate_texts import with_interval
from rollmill.ground.recipe_steps import takes_imports
from rollmill.ground.replies.faults import lines_of_run
from rollmill.storage.versions.checks import kept_checks

if TYPE_CHECKING:
    from rollmill.storage.queries.browse.sent import Sent
    from rollmill.storage.queries.browse.why import RowHistory
    from rollmill.storage.versions.resolve import VersionInfo

ROLLOUTS = 12  # of a problem, shown at most
TURNS = 24  # of a lineage, and of what follows a completion
BEGINNING = 160  # characters of their texts
LONGEST = 2_000  # characters of a prompt or text


def version_page(info: "VersionInfo", manifest: Mapping[str, Any], *, here: bool) -> str:
    """The page; `here` says whether the version's rows are in this clone."""
    counts = manifest["counts"]
    published = str(info.created_at)[:16].replace("T", " ")
    parent = f", after {info.parent[:8]}" if info.parent else ""
    cost = manifest.get("cost")
    per_kept = f"; {cost['tokens_per_kept']:,.0f} tokens per kept row" if cost and cost.get("tokens_per_kept") else ""
    facts = {
        "tags": ", ".join(info.tags),
        "yanked": info.yanked or "",
        "signed off": "; ".join(
            f"{signoff.by}, {signoff.at[:10]}{f': {signoff.note}' if signoff.note else ''}" for signoff in info.signoffs
        ),
        "outcomes": counts_text(counts["outcomes"]),
        "dropped": counts_text(counts["dropped_by_reason"]),
        "mixture": _mixture(manifest.get("mixture") or {}),
        "recipe": _recipe(manifest),
        "verifiers": _verifiers(manifest),
        "cost": cost and f"{cost['tokens_in']:,} tokens in, {cost['tokens_out']:,} out{per_kept}",
        "models": counts_text(counts.get("models", {})),
        "sources": counts_text(counts["sources"]),
        "licences": counts_text(counts["licences"]),
        "drift": _drift(manifest.get("drift") or {}),
        "trained on it": ", ".join(user["model"] for user in users_of(info)),
        "folder": relative_path(info.path, Path.cwd()) if here else "its rows are not in this clone",
    }
    checks = kept_checks(info)
    facts["checked"] = "; ".join(
        f"against {check['benchmark']['name']}: {'; '.join(check['failures']) or 'no leak'}" for check in checks
    )
    metrics = manifest["metrics"]
    return "\n".join(
        [
            styled(f"{info.ref} ({info.content_hash[:8]})", bold=True),
            f"{counts['kept']:,} kept of {counts['rollouts']:,} rollouts of {counts['problems']:,} problems; "
            f"published {published} UTC{parent}",
            "",
            *(f"  {name:<10} {text}" for name, text in facts.items() if text),
            *(f"  {'replies':<10} {inert(text)}" for text in lines_of_run(manifest)),
            "",
            *(level_table(metrics) if "overall" in metrics else []),
            "",
            "Next:",
            f"  {sft_command(info.ref, info.name, manifest.get('steps', []))}",
            f"  rollmill dataset verify {info.ref}",
            f"  rollmill dataset show {info.ref} --full    # the whole card: every metric, the recipe, the hashes",
        ]
    )


def _mixture(mixture: Mapping[str, Any]) -> str:
    """Actual rows of each source, with the declared ones; empty for a version that is no mixture."""
    parts = [
        f"{row['source']} {row['kept']:,} of {row['declared']:,} declared ({row['share']:.1%})"
        if row["declared"] is not None
        else f"{row['source']} {row['kept']:,} ({row['share']:.1%})"
        for row in mixture.get("sources", ())
    ]
    return ", ".join(parts)


def _recipe(manifest: Mapping[str, Any]) -> str:
    recipe = manifest["recipe"]
    generate = recipe.get("generate", {})
    named = ("engine",) if takes_imports(recipe) else ("engine", "model")
    method = " ".join(str(generate[key]) for key in named if generate.get(key))
    roles = {"budget": "budget", "select": "selector"}  # as a recipe and as a manifest call them
    chosen = [f"{role} {manifest[key]['name']}" for role, key in roles.items() if key in manifest]
    seed = [f"seed {manifest['seed']}"] if "seed" in manifest else []
    return "; ".join(part for part in (manifest["recipe_hash"][:8], method, *chosen, *seed) if part)


def _drift(drift: Mapping[str, Any]) -> str:
    """Drift from the previous version by kind; * marks drift that chance does not explain."""
    rows = [(kind.replace("_", " "), row) for kind, row in drift.get("kinds", {}).items() if row["value"] is not None]
    kinds = [
        f"{kind} {with_interval(row['value'], row['low'], row['high'])}{'' if row['value'] <= row['chance'] else ' *'}"
        for kind, row in rows
    ]
    more = "   (* more than two versions of one composition in one of twenty)" if any("*" in part for part in kinds) else ""
    return f"from {drift['before'][:8]}: {', '.join(kinds)}{more}" if kinds else ""


def _verifiers(manifest: Mapping[str, Any]) -> str:
    """Names of the verifiers in order, and those that were audited."""
    rates = manifest.get("verifier_rates", [])
    names = [verifier["name"] for verifier in manifest["verifiers"]]
    audited = [rate["verifier"] for rate in rates if rate["report"] is not None and rate["verifier"] in names]
    if not names:  # older versions did not say
        return ""
    rated = f"audited: {', '.join(audited)}" if audited else f"not audited (rollmill audit verifier {names[0]})"
    return f"{', then '.join(names)}; {rated}"


def history_page(why: "RowHistory") -> str:
    """The row's history as text."""
    lines = [f"{why.kind} {why.id} in {why.version}"]
    for problem in why.problems[:1]:
        facts = {key: problem.get(key) for key in ("level", "skill", "template", "source")}
        prompt = _prompt(problem)
        lines += ["", "prompt", _text(prompt), *sent_lines(prompt, why.sent, _drawn(why.rollouts))]
        lines += ["", f"reference  {_text(problem['reference'])}"]
        lines.append("  ".join(f"{key} {value}" for key, value in facts.items() if value is not None))
    for rollout in why.rollouts[:ROLLOUTS]:
        lines += ["", *_rollout(why, rollout)]
    for title, turns in (("follows, roots first", why.follows), ("followed by, the nearest first", why.followed_by)):
        lines += _turns(title, turns)
    if len(why.rollouts) > ROLLOUTS:
        lines.append(f"\n{len(why.rollouts) - ROLLOUTS} more rollouts; --json shows all.")
    lines += ["", "in versions" if why.versions else "in no published version"]
    lines += [
        f"  {m.version}: {m.change}; kept {m.kept}, dropped {m.dropped} ({', '.join(m.reasons)})" for m in why.versions
    ]
    return "\n".join(lines)


def sent_lines(prompt: str, sent: "Sent", drawn: Sequence[str]) -> list[str]:
    """The messages that models got for a problem with this prompt, each once; `drawn`: its completions by models."""
    from rollmill.storage.queries.browse.problems import prompt_text
    from rollmill.storage.queries.browse.sent import distinct_prompts

    several, lines = distinct_prompts(sent), list[str]()
    for messages, completions in several[:ROLLOUTS]:
        of = f" for {', '.join(cid[:12] for cid in completions[:4])}" if len(several) > 1 else ""
        alike = [(turn.role, turn.content) for turn in messages] == [("user", prompt)]
        lines += ["", f"prompt as sent{of}", "the same, as one turn of the user" if alike else _text(prompt_text(messages))]
    if len(several) > ROLLOUTS:
        lines.append(f"{len(several) - ROLLOUTS} more prompts; --json shows all.")
    missing = sum(cid not in sent for cid in drawn)
    return lines + (
        [f"prompt as sent  not stored for {missing} completions, which an older program drew"] if missing else []
    )


def _drawn(rollouts: Sequence[Mapping[str, Any]]) -> list[str]:
    return [row["id"] for row in rollouts if row["finish_reason"] != "imported"]


def _prompt(problem: Mapping[str, Any]) -> str:
    """A prompt as one text, turns under their roles."""
    if not problem["prompt_is_messages"]:
        return str(problem["prompt"])
    from rollmill.storage.queries.browse.problems import prompt_text
    from rollmill.storage.segments.schema import prompt_from_json

    return prompt_text(prompt_from_json(problem["prompt"]))


def _rollout(why: "RowHistory", rollout: Mapping[str, Any]) -> list[str]:
    from rollmill.storage.queries.browse.why import brief, evidence_lines

    mine = [row for row in why.steps if row["completion_id"] == rollout["id"] and row["step"]]
    steps = dict.fromkeys(row["step"] for row in mine)
    origin = f"model {rollout['model']} ({str(rollout['model_digest'])[:12]}), seed {rollout['seed']}"
    step = "".join(f"step {name}, " for name in steps)
    lines = [
        f"completion {rollout['id']}",
        f"  {origin}, {step}sample {rollout['sample_index']}, {rollout['finish_reason']}",
        _text(rollout["text"], "  | "),
    ]
    if why.kind == "problem":
        lines += dict.fromkeys(f"  after    {' '.join(row['after'])}" for row in mine if row["after"])
    for verdict in why.verdicts:
        if verdict["completion_id"] == rollout["id"]:
            cause = f", cause {verdict['cause']}" if verdict.get("cause") else ""
            lines.append(
                f"  verdict  {verdict['outcome']} by {verdict['verifier']} {verdict['version']} "
                f"(rule {verdict['rule']}{cause}), extracted {_text(brief(verdict['extracted']))}"
            )
            lines += [_text(text, "    ") for text in evidence_lines(verdict.get("evidence"))]
    for score in why.scores:
        if score["completion_id"] == rollout["id"]:
            by_line = ", by line " + " ".join(f"{value:.3g}" for value in score["steps"]) if score.get("steps") else ""
            lines.append(f"  score    {score['value']:.6g} by {score['scorer']} {score['version']}{by_line}")
    for decision in why.decisions:
        if decision["completion_id"] == rollout["id"]:
            kept = "kept" if decision["kept"] else f"dropped: {decision['reason']}"
            accepted = f"{decision['outcome']} by {decision['verifier']} {decision['verifier_version']}"
            lines.append(f"  decision {kept} by {decision['selector']} {decision['version']}, accepted {accepted}")
    return lines


def _turns(title: str, turns: Sequence[Mapping[str, Any]]) -> list[str]:
    """A completion's lineage, or what follows it, a line with the beginning of the text each."""
    if not turns:
        return []
    lines = ["", title]
    for turn in turns[:TURNS]:
        outcome = turn["outcome"] or ("not judged" if turn["role"] != "answer" else "pending")
        origin = "not drawn yet" if turn["text"] is None else f"by {turn['engine']} {turn['model']}"
        sample = f"sample {turn['sample_index']}, role {turn['role']}"
        lines.append(f"  {turn['step']} {turn['completion_id']} {sample}, {outcome}, {origin}")
        lines += [f"    {_text(_beginning(turn['text']))}"] if turn["text"] else []
    return [*lines, f"  {len(turns) - TURNS} more; --json shows all."] if len(turns) > TURNS else lines


def _beginning(text: str) -> str:
    """A text in one line, cut."""
    single_line = " / ".join(part.strip() for part in text.splitlines() if part.strip())
    return single_line if len(single_line) <= BEGINNING else single_line[: BEGINNING - 1] + "…"


def _text(text: str, prefix: str = "") -> str:
    """Model text that obeys nothing, cut at 2,000 characters."""
    shown = text if len(text) <= LONGEST else f"{text[:LONGEST]} ... ({len(text):,} characters)"
    return "\n".join(prefix + part for part in inert(shown).split("\n"))
