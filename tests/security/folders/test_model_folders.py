"""A model folder from elsewhere is data: no Python file, pickle or path in it is followed."""

import json
import pickle
import shutil
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rollmill.ground.errors import SetupError
from rollmill.pipelines.generate.embedded.model_files import FolderTokenizer, ModelFiles, Vocabulary, digest_files
from rollmill.pipelines.generate.embedded.session import loaded_graph
from rollmill.pipelines.generate.vllm.model_folder import folder_digest
from rollmill.pipelines.train.llama_folder import llama_shape, read_safetensors

pytestmark = pytest.mark.security
SHIPPED = Path("models/rollmill-tiny").resolve()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    shutil.copytree(SHIPPED, folder)
    return folder


class _Touches:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


def test_code_beside_the_weights_is_not_imported(model: Path, tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    config = json.loads((model / "config.json").read_text())
    config |= {"auto_map": {"AutoConfig": "evil.C", "AutoModelForCausalLM": "evil.M"}, "model_type": "evil"}
    (model / "config.json").write_text(json.dumps(config))
    for name in ("evil", "modeling_evil", "tokenization_evil", "__init__"):
        (model / f"{name}.py").write_text(f"open({str(touched)!r}, 'w')\n")
    from rollmill.pipelines.generate.embedded.engine import Embedded

    engine = Embedded(str(model))
    assert engine.model_digest
    loaded_graph(ModelFiles.open(str(model)))
    assert not touched.exists()


@pytest.mark.parametrize(
    ("key", "value", "refusal"),
    [
        ("num_hidden_layers", 10**9, "num_hidden_layers '1000000000': no whole number up to 4,096"),
        ("num_hidden_layers", True, "num_hidden_layers 'True': no whole number"),
        ("num_attention_heads", 0, "num_attention_heads '0': no whole number"),
        ("hidden_size", 1e308, "hidden_size '1e\\+308': no whole number"),
        ("vocab_size", -1, "vocab_size '-1': no whole number"),
        ("max_position_embeddings", 10**15, "max_position_embeddings '1000000000000000': no whole number"),
        ("eos_token_id", [1, 2], r"eos_token_id '\[1, 2\]': no whole number"),
        ("vocab_size", None, "has no 'vocab_size'"),
    ],
)
def test_a_size_that_no_model_has_is_refused_before_memory_is_taken_by_it(
    model: Path, key: str, value: object, refusal: str
) -> None:
    config = json.loads((model / "config.json").read_text()) | {key: value}
    (model / "config.json").write_text(json.dumps(config))
    with pytest.raises(SetupError, match=refusal):
        ModelFiles.open(str(model))
    if key != "eos_token_id":  # start values need none
        with pytest.raises(SetupError, match=refusal):
            llama_shape(model)


@pytest.mark.parametrize("text", ["[" * 200_000, "[]", "null", '{"vocab_size": %s}' % ("1" * 5_000)])
def test_a_config_that_is_no_object_is_one_line(model: Path, text: str) -> None:
    (model / "config.json").write_text(text)
    for read in (lambda: ModelFiles.open(str(model)), lambda: llama_shape(model)):
        with pytest.raises(SetupError, match=r"config\.json is damaged: it (is not valid JSON|does not hold)"):
            read()


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        (lambda _: "[" * 200_000, "is no tokenizer"),
        (lambda _: "{}", "is no tokenizer"),
        (lambda known: known | {"pre_tokenizer": {"type": "Split", "pattern": {"Regex": "((("}}}, "is no tokenizer"),
        (lambda known: known | {"normalizer": {"type": "Precompiled", "precompiled_charsmap": "AAAA"}}, "is no tokenizer"),
        (
            lambda known: known | {"model": known["model"] | {"continuing_subword_prefix": "\u4e00" * 3}},
            "is no tokenizer: range end",
        ),
        (lambda known: with_vocabulary(known, {"Ġ": 10**9}), "is no byte-level tokenizer: token 1000000000"),
        (lambda known: with_vocabulary(known, {"\u4e00": 0}), "is no byte-level tokenizer: token 0, '\u4e00'"),
    ],
)
def test_a_tokenizer_that_is_none_is_one_line(model: Path, change: Callable[[Any], Any], refusal: str) -> None:
    path = model / "tokenizer.json"
    changed = change(json.loads(path.read_text()))
    path.write_text(changed if isinstance(changed, str) else json.dumps(changed))
    with pytest.raises(SetupError, match=refusal):
        Vocabulary(path)


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"pre_tokenizer": {"type": "FixedLength", "length": 0}}, "chunk size"),
        (
            {"pre_tokenizer": {"type": "Split", "pattern": {"Regex": "(a|aa)+$"}, "behavior": "Isolated", "invert": False}},
            "retry-limit",
        ),
        (
            {
                "post_processor": {
                    "type": "TemplateProcessing",
                    "single": [{"SpecialToken": {"id": "x", "type_id": 0}}],
                    "pair": [],
                    "special_tokens": {},
                }
            },
            "no entry",
        ),
    ],
    ids=["length", "regex", "template"],
)
def test_a_tokenizer_that_panics_at_a_text_is_one_line(model: Path, change: dict[str, Any], refusal: str) -> None:
    path = model / "tokenizer.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    for read in (lambda: Vocabulary(path).encode("a" * 80 + "!"), lambda: FolderTokenizer(path).encode("a" * 80 + "!")):
        with pytest.raises(SetupError, match=f"fails on a text: .*{refusal}"):
            read()


def test_a_panic_anywhere_else_is_one_line_with_the_status_of_bad_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import tokenizers

    from rollmill.flows import cli

    def broken(_: str) -> None:
        tokenizers.Tokenizer.from_str(
            '{"version": "1.0", "normalizer": {"type": "Precompiled", "precompiled_charsmap": "AAAA"}}'
        )

    monkeypatch.setattr(cli, "_program", broken)
    assert cli.run(["doctor"]) == 2
    assert "rollmill: a library could not use its input: Precompiled" in capsys.readouterr().err


def test_a_tokenizer_that_would_cut_or_fill_up_texts_reads_them_whole(model: Path) -> None:
    path = model / "tokenizer.json"
    text = "12 + 13 = 25. " * 30
    honest = Vocabulary(path).encode(text)
    cut = {"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0}
    filled = {
        "strategy": {"Fixed": 10_000},
        "direction": "Right",
        "pad_to_multiple_of": None,
        "pad_id": 0,
        "pad_type_id": 0,
        "pad_token": "x",
    }
    path.write_text(json.dumps(json.loads(path.read_text()) | {"truncation": cut, "padding": filled}))
    assert Vocabulary(path).encode(text) == honest


def with_vocabulary(known: dict[str, Any], vocabulary: dict[str, int]) -> dict[str, Any]:
    return known | {"added_tokens": [], "model": known["model"] | {"vocab": vocabulary, "merges": []}}


HEADERS = {
    "tensors that share bytes": json.dumps(
        {f"t{n}": {"dtype": "F32", "shape": [250_000], "data_offsets": [0, 1_000_000]} for n in range(50_000)}
    ),
    "an end before its begin, beside tensors that share bytes": json.dumps(
        {f"t{n}": {"dtype": "F32", "shape": [250_000], "data_offsets": [0, 1_000_000]} for n in range(500)}
        | {"back": {"dtype": "F32", "shape": [0], "data_offsets": [10**12, 0]}}
    ),
    "deep": "[" * 200_000,
    "a list": "[1]",
    "a number": "3",
    "one offset": '{"a": {"dtype": "F32", "shape": [1], "data_offsets": [1]}}',
    "a shape without end": '{"a": {"dtype": "F32", "shape": [1%s], "data_offsets": [0, 4]}}'.replace("%s", "0" * 30),
}


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
def test_a_hostile_header_of_weights_is_one_line(tmp_path: Path, header: str) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header.encode() + bytes(1_000_000))
    tracemalloc.start()
    try:
        with pytest.raises(SetupError, match="is not a complete safetensors file"):
            read_safetensors(path)
        assert tracemalloc.get_traced_memory()[1] < 200 << 20
    finally:
        tracemalloc.stop()


def test_weights_in_a_pickle_are_refused(model: Path, tmp_path: Path) -> None:
    (model / "model.safetensors").unlink()
    (model / "pytorch_model.bin").write_bytes(pickle.dumps(_Touches(tmp_path / "touched")))
    with pytest.raises(SetupError, match=r"its weights in pytorch_model.bin, a pickle"):
        folder_digest(model)
    assert not (tmp_path / "touched").exists()


def _field(number: int, value: int | str | bytes) -> bytes:
    """A field of protobuf."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(number: int) -> bytes:
    low = bytes([number & 127 | (128 if number > 127 else 0)])
    return low + _varint(number >> 7) if number > 127 else low


def _graph(location: str) -> bytes:
    """The graph y = x + w whose w is four numbers in a file."""
    external = b"".join(
        _field(13, _field(1, key) + _field(2, value))
        for key, value in (("location", location), ("offset", "0"), ("length", "16"))
    )
    tensor = _field(1, 4) + _field(2, 1) + _field(8, "w") + external + _field(14, 1)
    shape = _field(2, _field(1, _field(1, 1) + _field(2, _field(1, _field(1, 4)))))
    node = _field(1, "x") + _field(1, "w") + _field(2, "y") + _field(4, "Add")
    graph = _field(1, node) + _field(2, "g") + _field(5, tensor)
    graph += _field(11, _field(1, "x") + shape) + _field(12, _field(1, "y") + shape)
    return _field(1, 8) + _field(7, graph) + _field(8, _field(1, "") + _field(2, 17))


@pytest.mark.parametrize("location", ["../secret", "{folder}/secret", "link", "./../model/../secret"])
def test_a_graph_reads_no_file_outside_of_its_folder(model: Path, tmp_path: Path, location: str) -> None:
    (tmp_path / "secret").write_bytes(b"0123456789abcdef")
    (model / "link").symlink_to(tmp_path / "secret")
    (model / "model.onnx").write_bytes(_graph(location.format(folder=tmp_path)))
    with pytest.raises(SetupError, match=r"cannot load model/model.onnx: .*External data path"):
        loaded_graph(ModelFiles.open(str(model)))


def test_a_link_named_like_a_digest_is_read(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = digest_files(model, ["tokenizer.json"])
    sha = "ab" * 32
    blob = tmp_path / "blobs" / sha
    blob.parent.mkdir()
    shutil.copy(model / "tokenizer.json", blob)
    (model / "tokenizer.json").unlink()
    (model / "tokenizer.json").symlink_to(blob)
    assert digest_files(model, ["tokenizer.json"]) == honest
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))  # the person's own cache, whose names are digests
    assert digest_files(model, ["tokenizer.json"]) != honest
