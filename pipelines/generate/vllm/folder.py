"""The model folder that vLLM is given, and the digest of what in it decides rows. Reads only; downloads nothing."""

import os
from pathlib import Path

from pipelines.generate.model_files import CHECKOUT, digest_files
from storage.errors import SetupError

TEXTS = (
    "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
    "added_tokens.json", "vocab.json", "merges.txt", "vocab.txt", "tokenizer.model", "tekken.json", "params.json",
    "chat_template.jinja", "chat_template.json", "adapter_config.json", "quantize_config.json",
)  # fmt: skip
WEIGHTS = ("*.safetensors", "*.safetensors.index.json")
OLD_WEIGHTS = ("*.bin", "*.pt")  # read by vLLM only where there are no safetensors


def find_folder(model: str, revision: str | None) -> Path:
    """A folder at a path, seen from the working directory or the checkout, or a name's snapshot in Hugging Face's cache."""
    for folder in (Path(model), CHECKOUT / model):
        if folder.is_dir():
            return _with_config(folder.resolve(), model)
    cached = _cached(model, revision)
    if cached is not None:
        return _with_config(cached, model)
    asked = f" at revision {revision}" if revision else ""
    raise SetupError(
        f"no model folder {model!r}{asked}, and none of that name in Hugging Face's cache; nothing is downloaded for you.",
        next_command=f"hf download {model}{f' --revision {revision}' if revision else ''}, or name a folder",
    )


def folder_digest(folder: Path) -> str:
    """The digest of the folder's configuration, tokenizer and weights, by their content."""
    names = [name for name in TEXTS if (folder / name).is_file()]
    weights = _matching(folder, WEIGHTS) or _matching(folder, OLD_WEIGHTS)
    if not weights:
        raise SetupError(f"model folder {folder.name!r} has no weights.", choices=(*WEIGHTS[:1], *OLD_WEIGHTS))
    return digest_files(folder, [*names, *weights])


def _matching(folder: Path, patterns: tuple[str, ...]) -> list[str]:
    return sorted(path.name for pattern in patterns for path in folder.glob(pattern))


def _with_config(folder: Path, model: str) -> Path:
    if not (folder / "config.json").is_file():
        raise SetupError(f"model folder {model!r} has no config.json.", next_command="name a Hugging Face folder")
    return folder


def _cached(model: str, revision: str | None) -> Path | None:
    """The snapshot of a model's name: Hugging Face keeps refs/REVISION, which holds the commit, and snapshots/COMMIT."""
    home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    hub = Path(os.environ.get("HF_HUB_CACHE") or home / "hub")
    repository = hub / f"models--{model.replace('/', '--')}"
    reference = repository / "refs" / (revision or "main")
    commit = reference.read_text(encoding="ascii").strip() if reference.is_file() else revision
    snapshot = repository / "snapshots" / (commit or "")
    return snapshot.resolve() if commit and snapshot.is_dir() else None


def find_lora(place: str) -> Path:
    """The folder of a LoRA adapter, as PEFT writes it."""
    for folder in (Path(place), CHECKOUT / place):
        if (folder / "adapter_config.json").is_file():
            return folder.resolve()
    raise SetupError(
        f"no LoRA adapter in {place!r}: there is no adapter_config.json.", next_command="name a folder that PEFT wrote"
    )
