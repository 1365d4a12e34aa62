"""The model card as Markdown, from the training record and the scores. Measures nothing and reads no file."""

import textwrap
from collections.abc import Mapping
from typing import Any

from rollmill.ground.formats.rate_texts import with_interval

WIDTH = 120
_KS = ("pass@1", "pass@4", "pass@16", "pass@64")
_TAGS = ("math", "synthetic", "onnx", "rollmill")

_USE = """## Use

In a recipe: `generate: {engine: embedded, model: models/{name}}`. From Python (numpy and onnxruntime, no torch):

```python
from rollmill.pipelines.generate.embedded.engine import Embedded
from rollmill.ground.records import Origin, Problem, Sampling, request_for

engine = Embedded("models/{name}")
problem = Problem("Tom has 12 apples and finds 7 apples. How many apples does Tom have now?", "19")
origin = Origin(engine.engine, engine.model_digest, "pilot", recipe_seed=1)
rendered = engine.render(problem.prompt)
asked = [request_for(problem, rendered, Sampling(), origin, index) for index in range(4)]
for completion in engine.generate(asked):
    print(completion.text, completion.logprob_sum, completion.self_certainty)
```
"""

_FILES = """| file | what |
|---|---|
| config.json, model.safetensors, tokenizer.json, ... | Hugging Face layout, `LlamaForCausalLM`, float32 |
| model.onnx | the same weights as a graph of onnxruntime's operators, the key-value cache as inputs and outputs |
| training.json, scores.json | settings and cost of the training; everything measured below |
"""


def model_card(name: str, training: Mapping[str, Any], scores: Mapping[str, Any]) -> str:
    """README.md of a model folder, with the metadata block that the Hugging Face hub reads."""
    tags = "".join(f"- {tag}\n" for tag in _TAGS)
    head = f"---\nlicense: apache-2.0\nlanguage: en\npipeline_tag: text-generation\ntags:\n{tags}---\n\n# {name}\n"
    parts = (head, _what(training), _FILES, _USE.replace("{name}", name), _form(), _how(training), _data(scores))
    return "\n".join((*parts, _scores(scores), _limits()))


def _prose(text: str) -> str:
    return textwrap.fill(" ".join(text.split()), WIDTH, break_long_words=False, break_on_hyphens=False) + "\n"


def _what(training: Mapping[str, Any]) -> str:
    shape = training["shape"]
    purpose = _prose(
        f"""
        A language model of {training["parameters"]:,} parameters that solves templated arithmetic word problems step by
        step, often wrongly. It exists so that Rollmill's whole pipeline (sampling, verification, difficulty, selection)
        can run on a real model without a GPU, an account or a download. Licence: Apache-2.0; trained from scratch on
        generated text only.
        """
    )
    architecture = _prose(
        f"""
        Llama architecture: {shape["num_hidden_layers"]} layers, width {shape["hidden_size"]},
        {shape["num_attention_heads"]} heads, SwiGLU of {shape["intermediate_size"]}, rotary positions, tied embeddings,
        context {shape["max_position_embeddings"]}. Vocabulary: {shape["vocab_size"]} byte-level pieces; every digit is
        its own token, and any text encodes and decodes to itself.
        """
    )
    return f"{purpose}\n{architecture}"


def _form() -> str:
    return _prose(
        """
        The text form is `<|user|>problem<|assistant|>` and the model ends with `<|end|>`. Answers are lines such as `12
        + 7 = 19` and a last line `#### 19`.
        """
    )


def _how(training: Mapping[str, Any]) -> str:
    settings = training["settings"]
    wall, cpu = training["wall_seconds"] / 60, training["cpu_seconds"] / 60
    return "## How it was trained\n\n" + _prose(
        f"""
        `rollmill train --out DIR` (extra `train`) makes it again; equal software, threads and processor give equal
        losses. {training["steps_done"]:,} steps of {settings["batch"]} fresh problems ({training["problems_seen"]:,} in
        all), loss on solution tokens only, float32, AdamW (rate {settings["learning_rate"]:g}, {settings["warmup"]}
        steps of warm-up, cosine to {settings["final_share"]:.0%} of it, weight decay {settings["weight_decay"]:g},
        gradient norm cut at {settings["clip"]:g}), seed {settings["seed"]}. It took {wall:.0f} minutes of wall time and
        {cpu:.0f} minutes of processor time on {settings["threads"]} cores shared with other work (torch
        {training["torch"]}, Python {training["python"]}).
        """
    )


def _data(scores: Mapping[str, Any]) -> str:
    unseen = ", ".join(f"`{name}`" for name in scores["evaluation"]["templates"])
    return "## Data\n\n" + _prose(
        f"""
        Executable templates (`pipelines/synthesize`): {len(scores["heldout"]["templates"])} templates at eight levels,
        the level being the number of calculation steps. Held-out instances are told from training instances by a hash
        of template and numbers. The templates {unseen} and every problem with one of their solution graphs were never
        trained on.
        """
    )


def _scores(scores: Mapping[str, Any]) -> str:
    method = _prose(
        f"""
        {scores["samples"]} samples of each problem at temperature {scores["temperature"]:g}, at most
        {scores["max_tokens"]} tokens, judged by the verifier {scores["verifier"]}. Brackets are 95% intervals over
        problems: they hold for unseen instances of these very templates. `cut` is the share of completions
        that reached the token limit; they count as not passed unless their answer was already there.
        """
    )
    tables = [
        f"{title}\n\n{_level_table(scores[split]['levels'])}"
        for split, title in (
            ("heldout", "Unseen instances of the training templates:"),
            ("evaluation", "Templates and solution graphs never trained on:"),
        )
    ]
    return f"## Scores\n\n{method}\n" + "\n".join([*tables, _template_table(scores)])


def _level_table(levels: Mapping[str, Any]) -> str:
    lines = [f"| level | problems | {' | '.join(_KS)} | cut |", f"|---|---|{'---|' * len(_KS)}---|"]
    for level, numbers in levels.items():
        cells = " | ".join(_cell(numbers[k]) for k in _KS)
        lines.append(f"| {level} | {numbers['problems']} | {cells} | {numbers['cut_share']:.1%} |")
    return "\n".join(lines) + "\n"


def _template_table(scores: Mapping[str, Any]) -> str:
    lines = ["By template, all levels together:", "", "| template | trained on | problems | pass@1 |", "|---|---|---|---|"]
    for split, trained in (("heldout", "yes"), ("evaluation", "no")):
        for name, numbers in scores[split]["templates"].items():
            lines.append(f"| {name} | {trained} | {numbers['problems']} | {_cell(numbers['pass@1'])} |")
    return "\n".join(lines) + "\n"


def _cell(estimate: Mapping[str, Any]) -> str:
    return with_interval(estimate["value"], estimate["low"], estimate["high"])


def _limits() -> str:
    return "## Limits\n\n" + _prose(
        """
        It knows a few hundred English words, integers, and the four operations with remainder; other text gives
        nonsense. On templates it has not seen it fails (table above). It learned one right solution per problem, so
        its wrong answers are slips of arithmetic, copying and order more than other ideas. Nothing about people or the
        world should be asked of it.
        """
    )
