"""The page that `dataset show` prints: what a version holds, how it was made, its rates and what to type next. Pure text.

From the manifest alone, so it is the same in a clone without the rows. Keys that a version lacks are left out.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from flows.cli.summary import counted, level_table

if TYPE_CHECKING:
    from storage.versions import VersionInfo


def version_page(info: "VersionInfo", manifest: Mapping[str, Any], *, here: bool) -> str:
    """The page; `here` says whether the version's rows are in this clone."""
    counts = manifest["counts"]
    made = str(info.created_at)[:16].replace("T", " ")
    parent = f", after {info.parent[:8]}" if info.parent else ""
    facts = {
        "tags": ", ".join(info.tags),
        "yanked": info.yanked or "",
        "outcomes": counted(counts["outcomes"]),
        "dropped": counted(counts["dropped_by_reason"]),
        "recipe": _recipe(manifest),
        "verifiers": _verifiers(manifest),
        "cost": _cost(manifest.get("cost")),
        "models": counted(counts.get("models", {})),
        "sources": counted(counts["sources"]),
        "licences": counted(counts["licences"]),
        "folder": _shown(info.path) if here else "its rows are not in this clone",
    }
    metrics = manifest["metrics"]
    return "\n".join(
        [
            typer.style(f"{info.ref} ({info.content_hash[:8]})", bold=True),
            f"{counts['kept']:,} kept of {counts['rollouts']:,} rollouts of {counts['problems']:,} problems; "
            f"published {made} UTC{parent}",
            "",
            *(f"  {name:<10} {text}" for name, text in facts.items() if text),
            "",
            *(level_table(metrics) if "overall" in metrics else []),
            "",
            "Next:",
            f"  rollmill dataset export {info.ref} --format sft --out {info.name}.jsonl",
            f"  rollmill dataset verify {info.ref}",
            f"  rollmill dataset show {info.ref} --full    # the whole card: every metric, the recipe, the hashes",
        ]
    )


def _recipe(manifest: Mapping[str, Any]) -> str:
    recipe = manifest["recipe"]
    generate = recipe.get("generate", {})
    named = ("engine",) if generate.get("engine") == "imported" else ("engine", "model")
    method = " ".join(str(generate[key]) for key in named if generate.get(key))
    chosen = [
        f"{role} {manifest[key]['name']}" for role, key in (("budget", "budget"), ("select", "selector")) if key in manifest
    ]
    seed = [f"seed {manifest['seed']}"] if "seed" in manifest else []
    return "; ".join([manifest["recipe_hash"][:8], *([method] if method else []), *chosen, *seed]).strip("; ")


def _verifiers(manifest: Mapping[str, Any]) -> str:
    """Their names in order, and which of them were audited."""
    rates = manifest.get("verifier_rates", [])
    names = [verifier["name"] for verifier in manifest["verifiers"]]
    audited = [rate["verifier"] for rate in rates if rate["report"] is not None and rate["verifier"] in names]
    said = (
        f"audited: {', '.join(audited)}"
        if audited
        else f"not audited (rollmill audit verifier {names[0]})"
        if names
        else ""
    )
    return "; ".join(part for part in (", then ".join(names), said) if part)


def _cost(cost: Mapping[str, Any] | None) -> str:
    if not cost:
        return ""
    per_kept = f"; {cost['tokens_per_kept']:,.0f} tokens per kept row" if cost.get("tokens_per_kept") else ""
    return f"{cost['tokens_in']:,} tokens in, {cost['tokens_out']:,} out{per_kept}"


def _shown(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
