"""Files that decide the embedded engine's texts: a model folder and its digest, the tokenizer with its chat form; the
features of the processor.

For the engine, its draw workers and the training that writes such folders. Reads only: nothing is downloaded, and neither
onnxruntime nor sampling is known here.
"""

import hashlib
import importlib
import os
import platform
import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rollmill.ground.errors import SetupError, panics_told
from rollmill.ground.files import read_object
from rollmill.ground.ids import EMBEDDED_FILES, files_digest
from rollmill.ground.records import Message, Prompt
from rollmill.pipelines.generate.prompts import split_prefix
from rollmill.places import CHECKOUT

# The features by which onnxruntime and numpy choose their kernels, widest first.
LEVELS = ("AVX512_SPR", "AVX512_SKX", "AVX512F", "FMA3", "AVX2", "AVX", "SVE", "ASIMD", "NEON")
_AGAIN = "write the model folder again"
_LARGE = ("num_attention_heads", "num_key_value_heads", "head_dim", "hidden_size", "intermediate_size", "vocab_size")
_SIZES = {"num_hidden_layers": 4_096, "max_position_embeddings": 1 << 30, **dict.fromkeys(_LARGE, 1 << 24)}
"""Keys of a config.json that are sizes, with the largest value of each."""
END = "<|end|>"
MARKERS = {"system": "<|system|>", "user": "<|user|>", "assistant": "<|assistant|>"}
# `render_chat` below in Jinja, for other programs that load the model folder.
TEMPLATE = (
    "{% for message in messages %}"
    "{% set role = message['role'] if message['role'] in ['system', 'assistant'] else 'user' %}"
    "{{ '<|' + role + '|>' + message['content'].replace('<|', '< |') }}"
    "{% if role == 'assistant' %}{{ '<|end|>' }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """Files and sizes of a model folder. `digest`: hash of the graph, the tokenizer and the config.

    `context`: longest text, in tokens. `end`: id of the end token. `width`: size of the residual stream. `inner`: size of
    the hidden layer of each feed-forward network; 0 if the config does not state it.
    """

    folder: Path
    digest: str
    layers: int
    heads: int
    head_dim: int
    vocabulary: int
    context: int
    end: int
    width: int = 0
    inner: int = 0

    @property
    def output_shapes(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Shapes of the two weight matrices by which a layer writes to the residual stream: attention's and the
        feed-forward network's.
        """
        return (self.heads * self.head_dim, self.width), (self.inner, self.width)

    @property
    def name(self) -> str:
        """Name of the model, the same on every machine."""
        return model_name(self.folder)

    @classmethod
    def open(cls, model: str) -> "ModelFiles":
        """The folder at a path, seen from the working directory or else from the checkout."""
        folder = _folder_of(model)
        digest = digest_files(folder, EMBEDDED_FILES)
        config = read_config(folder, eos_token_id=1 << 24)
        try:
            heads, width = config["num_attention_heads"], config["hidden_size"]
            return cls(
                folder=folder,
                digest=digest,
                layers=config["num_hidden_layers"],
                heads=config.get("num_key_value_heads", heads),
                head_dim=config.get("head_dim", width // heads),
                vocabulary=config["vocab_size"],
                context=config["max_position_embeddings"],
                end=config["eos_token_id"],
                width=width,
                inner=config.get("intermediate_size", 0),
            )
        except KeyError as error:
            raise SetupError(f"{model}/config.json has no {error}.", next_command=_AGAIN) from error


def read_config(folder: Path, **more: int) -> dict[str, Any]:
    """The config.json of a model folder without its nulls. SetupError where it is no JSON object, or states a size that no
    model has: memory is taken by these sizes. `more`: further whole numbers that it needs, with the largest value of each.
    """
    path = folder / "config.json"
    config = {key: value for key, value in read_object(path, next_command=_AGAIN).items() if value is not None}
    for key, most in {**_SIZES, **more}.items():
        value = config.get(key, 1)
        if type(value) is not int or not (key in _SIZES) <= value <= most:
            raise SetupError(f"{path} has {key} {str(value)[:40]!r}: no whole number up to {most:,}.", next_command=_AGAIN)
    return config


def model_name(folder: Path) -> str:
    """A folder's name, or `student@v2` for a version of a model."""
    number = folder.name.partition("-")[0]
    return f"{folder.parent.name}@{number}" if (folder.parent / "index.json").is_file() else folder.name


def digest_files(folder: Path, names: Sequence[str]) -> str:
    """The digest of some files of a folder, names and contents in this order: 32 hex digits."""
    return files_digest((name, _sha256(folder / name)) for name in names)


def hub() -> Path:
    """The folder of Hugging Face's cache, in which models lie by name."""
    home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    return Path(os.environ.get("HF_HUB_CACHE") or home / "hub")


def _sha256(path: Path) -> bytes:
    """A file's SHA-256; a link into Hugging Face's cache is named after it, which spares reading gigabytes.

    A link to any other file of such a name is read: whoever made the folder could name it as he likes.
    """
    target = path.resolve() if path.is_symlink() else path
    named = target.parent.name == "blobs" and re.fullmatch(r"[0-9a-f]{64}", target.name)
    if named and target != path and target.is_relative_to(hub().resolve()):
        return bytes.fromhex(target.name)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _folder_of(model: str) -> Path:
    """The first folder at this place that has all files; SetupError if there is none."""
    tried = [Path(model).resolve(), (CHECKOUT / model).resolve()]
    for folder in tried:
        if all((folder / name).is_file() for name in EMBEDDED_FILES):
            return folder
    shipped = sorted(f"models/{path.parent.name}" for path in (CHECKOUT / "models").glob("*/model.onnx"))
    lacking = next((name for name in EMBEDDED_FILES if tried[0].is_dir() and not (tried[0] / name).is_file()), None)
    message = f"model folder {model!r} has no {lacking}." if lacking else f"no model folder {model!r}."
    raise SetupError(message, choices=shipped, next_command=f"rollmill train --out {model}")


def cpu_level() -> str:
    """Architecture and the widest vector feature numpy found in use, such as x86_64-avx512_skx."""
    features = importlib.import_module("numpy._core._multiarray_umath").__cpu_features__
    widest = next((level for level in LEVELS if features.get(level)), "baseline")
    return f"{platform.machine()}-{widest.lower()}"


class FolderTokenizer:
    """The tokenizer of a tokenizer.json, which may have come from anybody: SetupError for a file that describes none, and
    for one that fails on a text. It neither cuts nor fills up a text, whatever the file says of training.
    """

    def __init__(self, path: Path) -> None:
        from tokenizers import Tokenizer

        self._path = path
        with self._told("no tokenizer"):
            self._tokenizer = Tokenizer.from_file(str(path))
            self._tokenizer.no_truncation()
            self._tokenizer.no_padding()

    def __getattr__(self, name: str) -> Any:
        """A method of the library's tokenizer, whose errors are told."""
        method = getattr(self._tokenizer, name)

        def told(*args: Any, **options: Any) -> Any:
            with self._told("a tokenizer that fails on a text"):
                return method(*args, **options)

        return told

    def _told(self, what: str) -> AbstractContextManager[None]:
        return panics_told(f"{self._path} is {what}", next_command=_AGAIN)


class Vocabulary:
    """A byte-level tokenizer.json. Decoding is by bytes, so that any sequence of ids has a text."""

    def __init__(self, path: Path) -> None:
        self._tokenizer = FolderTokenizer(path)
        special = set(self._tokenizer.get_added_tokens_decoder())
        # GPT-2's table of the letter that stands for each byte: printable bytes are themselves.
        printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
        others = [byte for byte in range(256) if byte not in set(printable)]
        letters = {chr(byte): byte for byte in printable} | {chr(256 + at): byte for at, byte in enumerate(others)}
        self._bytes = [b""] * self._tokenizer.get_vocab_size()
        for token, index in self._tokenizer.get_vocab().items():
            if index >= len(self._bytes) or (index not in special and not letters.keys() >= set(token)):
                raise SetupError(f"{path} is no byte-level tokenizer: token {index}, {token[:40]!r}.", next_command=_AGAIN)
            self._bytes[index] = b"" if index in special else bytes(letters[letter] for letter in token)

    def encode(self, rendered: str) -> list[int]:
        """Token ids of a rendered prompt; lone surrogates become the replacement character."""
        clean = rendered.encode("utf-8", errors="replace").decode("utf-8")
        ids: list[int] = self._tokenizer.encode(clean).ids
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """The text of token ids without special tokens; bytes that are not UTF-8 become the replacement character."""
        return b"".join([self._bytes[index] for index in ids]).decode("utf-8", errors="replace")


def render_chat(prompt: Prompt) -> str:
    """The model's view of a prompt: marked turns, then the marker that opens its answer, and how that begins."""
    asked, prefix = split_prefix(prompt)
    turns = (Message("user", asked),) if isinstance(asked, str) else asked
    text = ""
    for message in turns:
        # A role the model never saw speaks as the user, and markers inside a text lose their power.
        role = message.role if message.role in ("system", "assistant") else "user"
        text += MARKERS[role] + _inert(message.content) + (END if role == "assistant" else "")
    return text + MARKERS["assistant"] + _inert(prefix)


def _inert(text: str) -> str:
    return text.replace("<|", "< |")
