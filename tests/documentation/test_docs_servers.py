"""The pages on model servers and vLLM, and the README's section on a model of your own, against servers that run here."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rollmill.pipelines.synthesize import SYNTHESIZERS
from tests.documentation.test_docs import ROOT, blocks, commands, initialised, run
from tests.pipelines.generate.http.serving import Serving, Trick, body, reply_to
from tests.pipelines.generate.vllm.toys import TOY

pytestmark = pytest.mark.services
MODEL = "Qwen/Qwen2.5-0.5B-Instruct"
DRAWN_BY_VLLM = """\
recipe_schema: 1
name: drawn
problems: {synthesize: templates, count: 4}
budget: {method: fixed, options: {initial: 1}}
gate: {min_kept: 0, max_undecided: 1.0}
"""
KNOWN_TO_THE_SERVER = """\
recipe_schema: 1
name: arithmetic
problems: {synthesize: templates, count: 8}
generate: {engine: embedded, model: models/rollmill-tiny, max_tokens: 60}
"""


@pytest.fixture
def knowing() -> Iterator[Serving]:
    """A server of the page's model that knows the answers to the page's problems."""
    problems = SYNTHESIZERS["templates"]().synthesize(400, 0)
    answers = {str(problem.prompt): problem.reference for problem in problems}

    def script(number: int, asked: dict[str, object]) -> Trick | None:
        reply = reply_to(asked)
        prompt = asked["messages"][-1]["content"]  # type: ignore[index]
        reply["choices"][0]["message"]["content"] = f"By way {number}. The answer is {answers.get(prompt, 'unknown')}."
        return body(reply)

    with Serving(script, models=[MODEL]) as server:
        yield server


def test_the_page_about_servers(tmp_path: Path, knowing: Serving) -> None:
    folder = initialised(tmp_path / "ws")
    shown = [block for language, block in blocks("draw-from-a-server.md") if language == "yaml"]
    named = {block.splitlines()[0].removeprefix("# "): block for block in shown}
    (folder / "recipes/mine.yaml").write_text(named["recipes/mine.yaml"])
    (folder / "profiles/server.yaml").write_text(
        named["profiles/server.yaml"].replace("http://127.0.0.1:8000/v1", knowing.url)
    )
    for command in commands("draw-from-a-server.md"):
        run(command, folder)


def test_the_page_about_vllm(tmp_path: Path) -> None:
    folder = initialised(tmp_path / "ws")
    [fragment] = [block for language, block in blocks("run-vllm.md") if language == "yaml"]
    # The toy vLLM has no sampler, and a context of 64 tokens.
    fragment = fragment.replace("self_certainty: true", "self_certainty: false, max_model_len: 512")
    (folder / "recipes/mine.yaml").write_text(DRAWN_BY_VLLM + fragment)
    (folder / "profiles/vllm.yaml").write_text(f"vllm: {{python: {sys.executable}, env: {{PYTHONPATH: {TOY}}}}}\n")
    for command in commands("run-vllm.md"):
        run(command, folder)


def test_the_readme_on_a_model_of_your_own(tmp_path: Path, knowing: Serving) -> None:
    folder = initialised(tmp_path / "ws", recipe=KNOWN_TO_THE_SERVER)
    readme = (ROOT / "README.md").read_text()
    section = readme[readme.index("## Your own model") : readme.index("## Every day")]
    [(_, profile), (_, shell)] = re.findall(r"^```(\w+)\n(.*?)^```$", section, flags=re.MULTILINE | re.DOTALL)
    (folder / "profiles/server.yaml").write_text(profile.replace("http://127.0.0.1:8000/v1", knowing.url))
    diagnosis, summary = [run(line, folder) for line in shell.splitlines()]
    assert MODEL in diagnosis
    assert "qwen@v1" in summary
