"""What a recipe says of the engine `vllm`: mistakes in one line, and a digest that knows what can change a row."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from rollmill.ground.by_name import RecordedMethod
from rollmill.ground.errors import SetupError
from rollmill.ground.records import Origin, Problem, Sampling, request_for
from rollmill.pipelines.generate.embedded.model_files import Vocabulary
from rollmill.pipelines.generate.vllm.engine import Vllm
from rollmill.pipelines.generate.vllm.model_folder import find_folder, folder_digest
from rollmill.pipelines.generate.vllm.router import sampling_params, setup_message
from rollmill.pipelines.generate.vllm.vllm_settings import VllmOptions, VllmSettings

SHIPPED = "models/rollmill-tiny"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"api": "chats"}, "unknown api of engine vllm 'chats'"),
        ({"dtype": "int8"}, "unknown dtype of engine vllm 'int8'"),
        ({"api": "completions", "system": "Add."}, "no system prompt, chat template or reasoning switch"),
        ({"max_model_len": 1}, "max_model_len is 1"),
        ({"logprobs": 101}, "logprobs is 101"),
        ({"guided": {"regexp": "a"}}, "unknown guide of engine vllm 'regexp'"),
        ({"guided": {"regex": "a", "choice": ["b"]}}, "guided names regex and choice; it takes one"),
        ({"guided": {"choice": []}}, r"guided.choice is \[\]"),
        ({"guided": {"choice": ["a", 1]}}, r"guided.choice is \['a', 1\]"),
        ({"guided": {"regex": {"a": 1}}}, "guided.regex is"),
        ({"extra": {"seed": 3}}, "extra names 'seed'"),
        ({"speculative": {"method": "ngram"}}, "without num_speculative_tokens"),
        ({"chat_template": "nowhere.jinja"}, "no chat template file 'nowhere.jinja'"),
        ({"lora": "nowhere"}, "no LoRA adapter in 'nowhere'"),
        ({"model": "no/such-model", "revision": "abc"}, "no model folder 'no/such-model' at revision abc"),
    ],
)
def test_mistakes_are_named(options: dict[str, Any], words: str) -> None:
    with pytest.raises(SetupError, match=words):
        Vllm(**{"model": SHIPPED, **options})


def test_everything_that_can_change_a_row_changes_the_digest_and_nothing_else_does(tmp_path: Path) -> None:
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text('{"r": 4}')
    (adapter / "adapter_model.safetensors").write_bytes(b"weights")
    changed: list[dict[str, Any]] = [
        {"dtype": "float32"},
        {"max_model_len": 256},
        {"quantization": "fp8"},
        {"reasoning": False},
        {"reasoning": "high"},
        {"reasoning_parser": "qwen3"},
        {"guided": {"regex": "[0-9]+"}},
        {"guided": {"choice": ["yes", "no"]}},
        {"logprobs": 0},
        {"self_certainty": True},
        {"extra": {"min_p": 0.1}},
        {"speculative": {"method": "ngram", "num_speculative_tokens": 4}},
        {"api": "completions"},
        {"lora": str(adapter)},
    ]
    digests = [Vllm(SHIPPED, **options).model_digest for options in [{}, *changed]]
    assert len(set(digests)) == len(digests)
    assert Vllm(SHIPPED, vllm=VllmSettings(tensor_parallel=2, max_num_seqs=7)).model_digest == digests[0]
    (adapter / "adapter_model.safetensors").write_bytes(b"other weights")
    assert Vllm(SHIPPED, lora=str(adapter)).model_digest != digests[-1]


def test_a_system_message_and_a_template_are_in_the_rendered_prompt(tmp_path: Path) -> None:
    template = tmp_path / "mine.jinja"
    template.write_text("{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}")
    engine = Vllm(SHIPPED, system="Add.", chat_template=str(template))
    assert engine.render("1 + 1?") == "[system]Add.[user]1 + 1?"
    assert Vllm(SHIPPED, chat_template="{{ messages[0].content }}!").render("Hi") == "Hi!"
    assert Vllm(SHIPPED, api="completions").render("Hi") == "Hi"


def test_a_model_folder_counts_by_what_vllm_reads_of_it(tmp_path: Path) -> None:
    model = tmp_path / "model"
    shutil.copytree(SHIPPED, model, ignore=shutil.ignore_patterns("*.onnx"))
    first = folder_digest(model)
    (model / "README.md").write_text("other words")
    (model / "model.bin").write_bytes(b"old weights beside safetensors are not read")
    assert folder_digest(model) == first
    (model / "generation_config.json").write_text('{"eos_token_id": [0, 1]}')
    assert folder_digest(model) != first
    (model / "model.safetensors").unlink()
    (model / "model.bin").unlink()
    with pytest.raises(SetupError, match="has no weights"):
        folder_digest(model)


def test_a_name_is_found_in_hugging_faces_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    repository = tmp_path / "hub" / "models--org--tiny"
    snapshot, blobs = repository / "snapshots" / "c0ffee", repository / "blobs"
    for folder in (snapshot, blobs, repository / "refs"):
        folder.mkdir(parents=True)
    (repository / "refs" / "main").write_text("c0ffee")
    for name in ("config.json", "tokenizer_config.json"):
        shutil.copyfile(Path(SHIPPED) / name, snapshot / name)
    (blobs / ("ab" * 32)).write_bytes(b"gigabytes")
    (snapshot / "model.safetensors").symlink_to(blobs / ("ab" * 32))
    assert find_folder("org/tiny", None) == find_folder("org/tiny", "main") == find_folder("org/tiny", "c0ffee") == snapshot
    engine = Vllm("org/tiny")
    assert (engine.model, engine.render("Hi")) == ("org/tiny", "<|user|>Hi<|assistant|>")
    first = engine.model_digest
    (blobs / ("ab" * 32)).write_bytes(b"a blob is named after its content, so it is not read")
    assert Vllm("org/tiny").model_digest == first
    with pytest.raises(SetupError, match="nothing is downloaded") as told:
        Vllm("org/tiny", revision="v2")
    assert told.value.next_command == "hf download org/tiny --revision v2, or name a folder"


def test_the_interpreter_is_the_profiles_or_the_variables_or_the_built_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "python").touch()
    monkeypatch.setenv("ROLLMILL_VLLM", "/nowhere/python")
    assert VllmSettings(python=str(tmp_path / "python")).interpreter() == str(tmp_path / "python")
    monkeypatch.setenv("ROLLMILL_VLLM", str(tmp_path / "python"))
    assert VllmSettings().interpreter() == str(tmp_path / "python")
    assert VllmSettings(python="sh").interpreter().endswith("/sh")


def test_options_reach_the_recipes_canonical_form() -> None:
    from rollmill.flows.recipe.methods import resolve

    found = resolve("engine", "vllm", {"guided": {"choice": ["a"]}}, base=Path())
    assert json.loads(json.dumps(found.canonical()))["options"]["guided"] == {"choice": ["a"]}
    assert "vllm" not in found.canonical()["options"]
    with pytest.raises(SetupError, match="'vllm' cannot change a row; it belongs in a profile"):
        resolve("engine", "vllm", {"vllm": {}}, base=Path())


def test_tokens_of_a_prompt_are_counted_without_vllm(tmp_path: Path) -> None:
    engine = Vllm(SHIPPED)
    ours = Vocabulary(Path(SHIPPED) / "tokenizer.json")
    rendered = engine.render("Tom has 12 apples. \U0001f34e \ud800")
    assert engine.prompt_tokens(rendered) == len(ours.encode(rendered))
    shutil.copytree(SHIPPED, tmp_path / "model", ignore=shutil.ignore_patterns("*.onnx", "tokenizer.json"))
    assert Vllm(str(tmp_path / "model")).prompt_tokens("<|user|>é<|assistant|>") == 25


def test_min_p_becomes_the_parameter_of_vllm() -> None:
    warp = RecordedMethod("min_p", "1", '{"share":0.2}')
    plain = {"temperature": 0.8, "top_p": 1.0, "top_k": 0, "max_tokens": 9, "stop": ()}
    assert sampling_params(Sampling(0.8, max_tokens=9)) == plain
    assert sampling_params(Sampling(0.8, max_tokens=9, warp=(warp,))) == {**plain, "min_p": 0.2}


def test_masked_becomes_a_guide_and_speculation_an_argument_of_the_engine() -> None:
    masked = RecordedMethod("masked", "1", '{"regex":"[0-9]+"}')
    assert sampling_params(Sampling(max_tokens=9, decode=masked))["guide"] == {"regex": "[0-9]+"}
    speculative = {"method": "ngram", "num_speculative_tokens": 4}
    message = setup_message(Path(SHIPPED), None, VllmOptions(speculative=speculative), VllmSettings())
    assert message["engine"]["speculative_config"] == speculative
    assert "speculative_config" not in setup_message(Path(SHIPPED), None, VllmOptions(), VllmSettings())["engine"]


def test_two_guides_and_decoders_that_vllm_has_not_are_refused() -> None:
    engine = Vllm(SHIPPED, guided={"regex": "a"})
    problem, masked = Problem("Hi", "0"), RecordedMethod("masked", "1", '{"regex":"a"}')
    origin = Origin(engine.engine, engine.model_digest, "curate", 1)
    request = request_for(problem, "Hi", Sampling(decode=masked), origin, 0)
    with pytest.raises(SetupError, match="are two guides"):
        list(engine.groups([request]))
    beam = request_for(problem, "Hi", Sampling(decode=RecordedMethod("beam", "1", "{}")), origin, 0)
    with pytest.raises(SetupError, match="engine 'vllm' does not run decoder 'beam': it runs masked"):
        list(engine.groups([beam]))
