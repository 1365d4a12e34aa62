"""Exports read by the tools that people read them with, in three lines each, offline."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from rollmill.storage.exports import ExportValidation, export
from rollmill.storage.versions.content.card import Folder, card
from rollmill.storage.versions.read import load_manifest
from rollmill.storage.versions.resolve import VersionInfo

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("HF_DATASETS_OFFLINE", "HF_HUB_OFFLINE", "HF_HUB_DISABLE_TELEMETRY"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    return tmp_path / "hub"


@pytest.mark.parametrize(("loader", "suffix"), [("json", ".jsonl"), ("parquet", ".parquet")])
@pytest.mark.parametrize("fmt", ["sft", "pairs"])
def test_datasets_reads_it(version: VersionInfo, tmp_path: Path, hub: Path, loader: str, suffix: str, fmt: str) -> None:
    out = export(version, fmt, tmp_path / f"train{suffix}").path

    from datasets import load_dataset

    rows = load_dataset(loader, data_files=str(out), split="train", cache_dir=str(hub))
    assert len(rows) == 2
    first = rows[0] if rows[0]["level"] == 1 else rows[1]
    turns = first["messages"] if fmt == "sft" else first["prompt"] + first["chosen"]
    assert turns == [
        {"role": "user", "content": "What is 2 + 2?"},
        {"role": "assistant", "content": "step 0. The answer is 4."},
    ]


@pytest.mark.parametrize(("loader", "suffix"), [("json", ".jsonl"), ("parquet", ".parquet")])
def test_datasets_reads_groups_and_tiers(version: VersionInfo, tmp_path: Path, hub: Path, loader: str, suffix: str) -> None:
    groups = export(version, "rl", tmp_path / f"rl{suffix}").path
    tiers = export(version, "ranked_pairs", tmp_path / f"tiers{suffix}", score="number", tiers=2, unparsed=True).path

    from datasets import load_dataset

    rows, pairs = (load_dataset(loader, data_files=str(out), split="train", cache_dir=str(hub)) for out in (groups, tiers))
    assert rows["reward"][:] == [1.0, 0.0, 1.0]  # the other problem has an undecided rollout
    assert sum(rows["advantage"][:]) == pytest.approx(0, abs=1e-12)
    assert pairs["tier"][:] == [1, 1, 2]


def test_datasets_reads_the_folder_for_a_hub(version: VersionInfo, tmp_path: Path, hub: Path) -> None:
    folder = tmp_path / "folder"
    validation = ExportValidation(folder / "data" / "validation.parquet", share=0.5)
    export(version, "sft", folder / "data" / "train.parquet", validation=validation)
    splits = {name: f"data/{name}.parquet" for name in ("train", "validation")}
    (folder / "README.md").write_text(card(load_manifest(version), Folder("sft", splits, 2)))

    from datasets import load_dataset

    loaded = load_dataset(str(folder), cache_dir=str(hub))
    assert {name: len(rows) for name, rows in loaded.items()} == {"train": 1, "validation": 1}
    assert loaded["train"][0]["messages"][0]["role"] == "user"


CHATML = (
    "{% for turn in messages %}<|{{ turn.role }}|>{{ turn.content }}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
READ_BY_TRL = [
    ("sft", {}, {"text"}),
    ("prompt_completion", {}, {"prompt", "completion"}),
    ("unpaired", {}, {"prompt", "completion", "label"}),
    ("prompts", {}, {"prompt"}),
    ("pairs", {}, {"prompt", "chosen", "rejected"}),
    ("ranked_pairs", {"score": "number"}, {"prompt", "chosen", "rejected"}),
    ("redi", {"stage": 1}, {"prompt", "completion"}),
    ("redi", {"stage": 2}, {"prompt", "chosen", "rejected"}),
    ("rl", {}, {"prompt", "completion"}),
]


@pytest.mark.train
@pytest.mark.parametrize(("fmt", "options", "texts"), READ_BY_TRL)
def test_trl_reads_it(
    version: VersionInfo, tmp_path: Path, hub: Path, fmt: str, options: dict[str, Any], texts: set[str]
) -> None:
    """TRL finds conversations of a type that it knows, and its templates give prompt and answer back."""
    out = export(version, fmt, tmp_path / "train.parquet", **options).path

    from datasets import load_dataset
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from transformers import PreTrainedTokenizerFast
    from trl.data_utils import apply_chat_template, is_conversational, unpair_preference_dataset

    rows = load_dataset("parquet", data_files=str(out), split="train", cache_dir=str(hub))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(WordLevel({"?": 0}, unk_token="?")))
    tokenizer.chat_template = CHATML
    first = next(row for row in rows if row["level"] == 1)
    assert is_conversational(first)
    templated = apply_chat_template(first, tokenizer)
    assert set(templated) == texts
    spoken = "".join(text for text in templated.values() if isinstance(text, str))
    assert spoken.startswith("<|user|>What is 2 + 2?<|assistant|>" + ("" if fmt == "prompts" else "step "))
    if "chosen" in texts:
        both = unpair_preference_dataset(rows.select_columns(["prompt", "chosen", "rejected"]))
        assert (len(both), sum(both["label"])) == (2 * len(rows), len(rows))


@pytest.mark.train
def test_trl_trains_on_the_pairs_of_a_curriculum(version: VersionInfo, tmp_path: Path, hub: Path) -> None:
    """One step of TRL's DPO on the first tier, with a model of a few thousand weights."""
    out = export(version, "ranked_pairs", tmp_path / "train.parquet", score="number", tiers=2).path

    from datasets import load_dataset
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
    from trl import DPOConfig, DPOTrainer

    rows = load_dataset("parquet", data_files=str(out), split="train", cache_dir=str(hub))
    words = Tokenizer(WordLevel({"?": 0, "|": 1, ".": 2, "What": 3, "step": 4, "0": 5, "1": 6, "4": 7}, "?"))
    words.pre_tokenizer = Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, unk_token="?", pad_token="?", eos_token="|")
    tokenizer.chat_template = CHATML
    shape = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
    model = LlamaForCausalLM(LlamaConfig(vocab_size=16, **shape))
    quiet = {"report_to": "none", "save_strategy": "no", "use_cpu": True, "bf16": False, "disable_tqdm": True}
    arguments = DPOConfig(str(tmp_path / "run"), max_steps=1, per_device_train_batch_size=1, **quiet)
    first = rows.filter(lambda row: row["tier"] == 1)
    models = {"model": model, "ref_model": deepcopy(model)}
    trainer = DPOTrainer(**models, args=arguments, train_dataset=first, processing_class=tokenizer)
    assert trainer.train().training_loss == pytest.approx(0.693, abs=0.01)  # log 2: model and reference are still one


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_duckdb_reads_it(version: VersionInfo, tmp_path: Path, suffix: str) -> None:
    out = export(version, "sft", tmp_path / f"sft{suffix}").path

    import duckdb

    rows = duckdb.execute(f"select level, messages[2].content from '{out}' order by level").fetchall()
    assert rows == [(1, "step 0. The answer is 4."), (3, "step 4. The answer is 4.")]


def test_pandas_reads_it(version: VersionInfo, tmp_path: Path) -> None:
    lines = export(version, "pairs", tmp_path / "pairs.jsonl", form="text").path
    table = export(version, "pairs", tmp_path / "pairs.parquet", form="text").path

    import pandas as pd

    frame = pd.read_json(lines, lines=True)
    assert frame["chosen"].tolist() == ["step 0. The answer is 4.", "step 2. The answer is 4."]
    assert pd.read_parquet(table)["rejected"].tolist() == frame["rejected"].tolist()
