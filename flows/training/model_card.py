"""Cards of trained models: metadata as the Hugging Face Hub reads them, and the lineage as tables."""

from collections.abc import Mapping
from typing import Any

import yaml

from rollmill.flows.training.training_recipe import LENGTHS
from rollmill.storage.versions.content.card import cell


def model_card(name: str, record: Mapping[str, Any]) -> str:
    """README.md of a model version."""
    head = {
        "license": licence_of(record),
        "base_model": record["init"]["model"] if record.get("init") else None,
        # A run is no dataset that the Hub has a page of.
        "datasets": sorted(part["version"].partition("@")[0] for part in record["data"] if "run" not in part),
        "pipeline_tag": "text-generation",
        "tags": ["rollmill"],
    }
    front = yaml.safe_dump({key: value for key, value in head.items() if value}, sort_keys=True)
    return "\n".join([f"---\n{front}---\n", f"# {name}\n", _data(record), _training(record)])


def licence_of(record: Mapping[str, Any]) -> str:
    """The common licence of all data, in lower case; `other` if there are several or none is known."""
    licences = {licence.lower() for part in record["data"] for licence in part["licences"]}
    # Of several licences none covers all rows, and `other` claims nothing.
    return licences.pop() if len(licences) == 1 and "unknown" not in licences else "other"


def _data(record: Mapping[str, Any]) -> str:
    init = record.get("init")
    begun = f"Trained from {cell(init['model'])} ({init['content_hash'][:16]}).\n" if init else ""
    if not record["data"]:
        return ""
    rows = [
        f"| {part['version']} | {part['content_hash'][:16]} | {part['rows']:,} | {cell(', '.join(part['licences']))} |"
        for part in record["data"]
    ]
    table = ["| dataset | content hash | rows | licences |", "|---|---|---|---|", *rows]
    return f"## Data\n\n{begun}\n" + "\n".join(table) + f"\n\nExport format: `{record['format']}`.\n"


def _training(record: Mapping[str, Any]) -> str:
    training, trained = record.get("training"), record.get("trained")
    if not training or not trained:
        return f"Imported from a folder called {cell(record.get('source'))}, licence {cell(record.get('licence'))}.\n"
    rows = [
        ("learner", _method(training["learner"])),
        ("loss", _method(training["loss"])),
        *([("reward", training["reward"]["source"])] if "reward" in training else []),
        ("order", _method(training["order"])),
        ("seed", training["seed"]),
        *lengths_of(trained).items(),
        ("seconds", f"{trained['seconds']:,.0f}"),
        *sorted(trained["record"].items()),
    ]
    lines = [f"| {cell(name)} | {cell(value)} |" for name, value in rows]
    return "## Training\n\n| | |\n|---|---|\n" + "\n".join(lines) + "\n"


def lengths_of(trained: Mapping[str, Any]) -> dict[str, str]:
    """Steps, trained tokens and epochs, as far as the learner said them: a 0 is not known."""
    values = {
        "steps": f"{trained['steps']:,}",
        "trained tokens": f"{trained['tokens']:,}",
        "epochs": f"{trained['epochs']:.2f}",
    }
    known = {"steps": trained["steps"], "trained tokens": trained["tokens"], "epochs": trained["epochs"]}
    return {name: text for name, text in values.items() if known[name]}


def _method(part: Mapping[str, Any]) -> str:
    """A method with its options; those that are not given are left out, and so are lengths of 0."""
    given = {name: value for name, value in part["options"].items() if value is not None}
    # Of the lengths only the one above 0 holds; the zeros are not settings.
    shown = {name: value for name, value in given.items() if value or name not in LENGTHS}
    options = ", ".join(f"{name} {value}" for name, value in sorted(shown.items()))
    return f"{part['method']} ({options})" if options else str(part["method"])
