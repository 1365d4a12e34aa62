"""Result of a sweep as JSON values and as Markdown: the chosen arm, its gain on the other half, the winner's curse."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rollmill.flows.sweeps.sweep_recipe import LoadedSweep
from rollmill.ground.files import json_text, write_text
from rollmill.ground.formats.rate_texts import with_interval
from rollmill.ground.ids import digits
from rollmill.pipelines.budget.sweep_result import SweepResult, SweptStep
from rollmill.stats import Estimate

Row = dict[str, Any]
HERE = ("run", "spent", "messages", "reports")
"""Keys of an outcome that may differ between commands on the same sweep."""


def sweep_row(sweep: LoadedSweep, result: SweepResult, split: str) -> Row:
    """The result as JSON values."""
    gain = result.gain
    return {
        "sweep": sweep.recipe.name,
        "recipe_hash": sweep.loaded.recipe_hash,
        "allocator": {"name": sweep.budget.chooser.name, "version": sweep.budget.chooser.version},
        "split": split,
        "chosen": result.chosen,
        "default": result.default,
        "arms": [{**_step_row(step), "settings": dict(sweep.settings[step.step])} for step in result.steps],
        "reported": [_step_row(step) for step in result.reported],
        "seen_gain": None if result.seen_gain is None else digits(result.seen_gain),
        "gain": None if gain is None else {**_number(gain.change), "p": digits(gain.p), "detectable": gain.detectable},
        "curse": None if result.curse is None else _number(result.curse),
    }


def _step_row(step: SweptStep) -> Row:
    per = step.per_kilotoken
    return {
        "arm": step.step,
        "problems": step.problems,
        "completions": step.completions,
        "rate": None if step.rate is None else _number(step.rate),
        "tokens": None if step.tokens is None else digits(step.tokens),
        "right_per_1000_tokens": None if per is None else digits(per),
        "front": step.front,
    }


def _number(estimate: Estimate) -> Row:
    keys = ("n", "clusters", "method", "estimand")
    # Twelve digits, since the last ones of a float depend on the machine.
    ends = {key: digits(getattr(estimate, key)) for key in ("value", "low", "high")}
    return {**ends, **{key: getattr(estimate, key) for key in keys}}


def sentence(outcome: Mapping[str, Any]) -> str:
    """The choice in a sentence."""
    chosen, default, gain = outcome["chosen"], outcome["default"], outcome["gain"]
    if chosen == default:
        return f"no arm was chosen over {default}."
    if gain is None:
        return f"{chosen} was chosen; no problem of the other half is judged for it and for {default}."
    amount = with_interval(gain["value"], gain["low"], gain["high"], "+")
    # Only the half that did not choose can show a gain: the other one favours what it chose.
    if gain["low"] > 0:
        return f"{chosen} is better than {default}: {amount} on problems that did not choose it."
    return (
        f"{chosen} was chosen, and is not shown to be better than {default}: {amount} on problems that did not choose it."
    )


def curse_sentence(outcome: Mapping[str, Any]) -> str:
    """The winner's curse in a sentence; empty where a half has no judged problem."""
    curse = outcome["curse"]
    if curse is None:
        return ""
    amount = with_interval(curse["value"], curse["low"], curse["high"], "+")
    gained = (
        "" if outcome["seen_gain"] is None else f" There it was {outcome['seen_gain']:+.3f} above {outcome['default']}."
    )
    return f"Winner's curse: the half that chose shows {outcome['chosen']} {amount} above the other half.{gained}"


def write_sweep(folder: Path, outcome: Mapping[str, Any]) -> list[Path]:
    """Write sweep.json and sweep.md into a folder; their paths."""
    paths = [folder / "sweep.json", folder / "sweep.md"]
    folder.mkdir(parents=True, exist_ok=True)
    write_text(paths[0], json_text({key: value for key, value in outcome.items() if key not in HERE}))
    write_text(paths[1], sweep_page(outcome))
    return paths


def sweep_page(outcome: Mapping[str, Any]) -> str:
    """The report as Markdown."""
    head = "| arm | settings | problems | rate | tokens | right per 1,000 tokens | front |\n|---|---|---|---|---|---|---|"
    lines = [
        f"| {row['arm']} | {_settings(row['settings'])} | {row['problems']} | {rate_words(row)} | {tokens_words(row)} "
        f"| {per_words(row)} | {'yes' if row['front'] else ''} |"
        for row in outcome["arms"]
    ]
    other = [
        f"| {row['arm']} | {row['problems']} | {row['completions']} | {rate_words(row)} | {tokens_words(row)} "
        f"| {per_words(row)} |"
        for row in outcome["reported"]
    ]
    return "\n".join(
        [
            f"# Sweep {outcome['sweep']}\n",
            # Not capitalize(), which would put names of arms into lower case.
            f"{sentence(outcome)[0].upper()}{sentence(outcome)[1:]} {curse_sentence(outcome)}\n",
            "## The half that reports\n",
            "| arm | problems | completions | rate | tokens | right per 1,000 tokens |\n|---|---|---|---|---|---|",
            *other,
            "\n## The half that chose\n",
            "The chosen arm comes first. These rates chose it, so they flatter it.\n",
            head,
            *lines,
            "",
        ]
    )


def _settings(changed: Mapping[str, Any]) -> str:
    text = ", ".join(f"{key} {value}" for key, value in changed.items()) or "unchanged"
    # A setting may be a whole prompt template, whose lines and bars would end the table's row.
    return " ".join(text.split()).replace("|", "\\|")


def rate_words(row: Mapping[str, Any]) -> str:
    """The rate of an arm with its interval."""
    rate = row["rate"]
    return "" if rate is None else with_interval(rate["value"], rate["low"], rate["high"])


def tokens_words(row: Mapping[str, Any]) -> str:
    """Tokens of a completion."""
    return "" if row["tokens"] is None else f"{row['tokens']:.1f}"


def per_words(row: Mapping[str, Any]) -> str:
    """Right answers per 1,000 tokens."""
    return "" if row["right_per_1000_tokens"] is None else f"{row['right_per_1000_tokens']:.2f}"
