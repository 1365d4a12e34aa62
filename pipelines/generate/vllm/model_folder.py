"""The model folder for vLLM: its path, the digest of the files that determine rows, and its chat template.

Reads only; downloads nothing. A prompt is rendered outside of the engine, so that ids need none, as transformers does it
(sandboxed Jinja, its filters, the special tokens as variables), in a worker with limits of time and memory. One thing
differs: `strftime_now` always returns one day, as otherwise a prompt, and with it a completion's id, would change
overnight.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rollmill.ground.errors import SetupError
from rollmill.ground.ids import digest128
from rollmill.ground.records import SURROGATE
from rollmill.pipelines.generate.embedded.model_files import digest_files, hub
from rollmill.pipelines.generate.vllm.chat_rendering import JOB, LIMITS, parsed_fault
from rollmill.pipelines.verify.workers.worker_pool import WorkerPool
from rollmill.places import CHECKOUT

TEXTS = (
    "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
    "added_tokens.json", "vocab.json", "merges.txt", "vocab.txt", "tokenizer.model", "tekken.json", "params.json",
    "chat_template.jinja", "chat_template.json", "adapter_config.json", "quantize_config.json",
)  # fmt: skip
WEIGHTS = ("*.safetensors", "*.safetensors.index.json")
OLD_WEIGHTS = ("*.bin", "*.pt")  # pickles, which vLLM would read where there are no safetensors


def find_folder(model: str, revision: str | None) -> Path:
    """A folder at a path, seen from the working directory or the checkout, or a name's snapshot in Hugging Face's cache."""
    for folder in (Path(model), CHECKOUT / model):
        if folder.is_dir():
            return _with_config(folder.resolve(), model)
    cached = _cached(model, revision)
    if cached is not None:
        return _with_config(cached, model)
    at = f" at revision {revision}" if revision else ""
    raise SetupError(
        f"no model folder {model!r}{at}, and none of that name in Hugging Face's cache; nothing is downloaded for you.",
        next_command=f"hf download {model}{f' --revision {revision}' if revision else ''}, or name a folder",
    )


def folder_digest(folder: Path) -> str:
    """The digest of the folder's configuration, tokenizer and weights, by their content."""
    names = [name for name in TEXTS if (folder / name).is_file()]
    weights = _matching(folder, WEIGHTS)
    if not weights:
        pickled = _matching(folder, OLD_WEIGHTS)
        raise SetupError(
            f"model folder {folder.name!r} has {f'its weights in {pickled[0]}, a pickle' if pickled else 'no weights'}.",
            choices=WEIGHTS[:1],
            next_command="model.save_pretrained(FOLDER) in transformers writes safetensors" if pickled else None,
        )
    return digest_files(folder, [*names, *weights])


def _matching(folder: Path, patterns: tuple[str, ...]) -> list[str]:
    return sorted(path.name for pattern in patterns for path in folder.glob(pattern))


def _with_config(folder: Path, model: str) -> Path:
    if not (folder / "config.json").is_file():
        raise SetupError(f"model folder {model!r} has no config.json.", next_command="name a Hugging Face folder")
    return folder


def _cached(model: str, revision: str | None) -> Path | None:
    """The snapshot of a model's name: Hugging Face keeps refs/REVISION, which holds the commit, and snapshots/COMMIT."""
    repository = hub() / f"models--{model.replace('/', '--')}"
    reference = repository / "refs" / (revision or "main")
    # A revision that is a commit has no file under refs.
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


TOKENS = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")


class ChatTemplate:
    """A template with the special tokens of its model; `digest` names its text."""

    def __init__(self, text: str, tokens: Mapping[str, str], where: str) -> None:
        self._text, self._tokens, self._where = text, dict(tokens), where
        if (fault := parsed_fault(text)) is not None:
            raise SetupError(f"the chat template of {where} is not a template: {fault}.")
        self._workers = WorkerPool(JOB, limits=LIMITS)
        self.digest = digest128(["template", text])

    @classmethod
    def of(cls, folder: Path, own: str | None) -> "ChatTemplate":
        """The recipe's own template, else the folder's."""
        config = _json(folder / "tokenizer_config.json")
        text = own or _in_folder(folder, config)
        if text is None:
            raise SetupError(
                f"model folder {folder.name!r} has no chat template.",
                choices=("api: completions (a base model: the plain prompt)", "chat_template: FILE"),
                next_command="write one of them into generate.options",
            )
        return cls(text, _tokens(folder, config), "the recipe" if own else folder.name)

    def render(self, messages: list[dict[str, str]], variables: Mapping[str, Any]) -> str:
        """The text up to where the answer begins; SetupError if the template refuses the messages."""
        given = {**self._tokens, "tools": None, "documents": None, "add_generation_prompt": True, **variables}
        reply = self._workers.ask({"template": self._text, "variables": {"messages": messages, **given}})
        if "text" in reply:
            # Half a surrogate of a problem's own text stays what it is.
            if not SURROGATE.search(reply["text"]) or any(SURROGATE.search(message["content"]) for message in messages):
                return str(reply["text"])
            reply = {"refused": "what it writes is no UTF-8"}
        roles = ", ".join(message["role"] for message in messages)
        if "refused" in reply:
            raise SetupError(
                f"the chat template of {self._where} refuses messages of {roles}: {reply['refused']}.",
                next_command="leave system out, or name a chat_template that takes them",
            )
        raise SetupError(
            f"the chat template of {self._where} does not finish on messages of {roles}: {reply['failed']}.",
            next_command="read it before you use it, or name another: chat_template: FILE",
        )


def _in_folder(folder: Path, config: Mapping[str, Any]) -> str | None:
    """Chat template in any layout of several years; of several named ones the one called default."""
    plain = folder / "chat_template.jinja"
    if plain.is_file():
        return plain.read_text(encoding="utf-8")
    template = _json(folder / "chat_template.json").get("chat_template") or config.get("chat_template")
    if isinstance(template, list):
        template = {named.get("name"): named.get("template") for named in template if isinstance(named, dict)}.get(
            "default"
        )
    return template if isinstance(template, str) else None


def _tokens(folder: Path, config: Mapping[str, Any]) -> dict[str, str]:
    """Special tokens by their variable's name; some files hold the text, others an object around it."""
    named = {**_json(folder / "special_tokens_map.json"), **{key: config[key] for key in TOKENS if config.get(key)}}
    plain = {key: value.get("content") if isinstance(value, dict) else value for key, value in named.items()}
    return {key: value for key, value in plain.items() if isinstance(value, str)}


def _json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        raise SetupError(
            f"{path.parent.name}/{path.name} is not JSON.", next_command="write the model folder again"
        ) from None
    return value if isinstance(value, dict) else {}
