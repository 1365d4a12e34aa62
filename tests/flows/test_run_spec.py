"""What a run gives engines by what their classes declare: the paths of files, and batches side by side."""

from pathlib import Path
from typing import Any

import pytest

from rollmill.flows import CHECKOUT
from rollmill.flows.recipe.methods import resolve
from rollmill.flows.run_spec import draw_workers
from rollmill.flows.sampling.engine_models import engine_model
from rollmill.flows.session import with_places
from rollmill.pipelines.generate.embedded.engine import Embedded
from rollmill.pipelines.generate.http.http_settings import HttpSettings, Server
from rollmill.pipelines.generate.openai import OpenAI
from rollmill.pipelines.generate.tools.program import Program
from rollmill.pipelines.generate.vllm.engine import Vllm
from rollmill.pipelines.generate.vllm.vllm_settings import VllmSettings
from tests.storage.models.published import published_student


def placed(root: Path, engine: str, **options: Any) -> dict[str, Any]:
    method = resolve("engine", engine, options, base=root)
    given = with_places(method, root).options
    return {key: given[key] for key in options}


def test_what_is_a_file_of_the_workspace_gets_its_place(tmp_path: Path) -> None:
    (tmp_path / "chat.jinja").write_text("{{ messages }}")
    assert placed(tmp_path, "vllm", chat_template="chat.jinja", model="org/name", logprobs=3) == {
        "chat_template": str(tmp_path / "chat.jinja"),
        "model": "org/name",
        "logprobs": 3,
    }


@pytest.mark.parametrize(
    "text",
    ["{{ messages }}", "{{ " + "x" * 300 + " }}</s>", "x" * 5_000, "{{ a }}\0"],
    ids=["short", "slash", "long", "nul"],
)
def test_a_chat_template_may_be_given_as_text(tmp_path: Path, text: str) -> None:
    assert placed(tmp_path, "vllm", chat_template=text) == {"chat_template": text}


def test_the_workspace_comes_before_what_is_shipped(tmp_path: Path) -> None:
    place = "models/rollmill-tiny"
    assert placed(tmp_path, "embedded", model=place) == {"model": str(CHECKOUT / place)}
    (tmp_path / place).mkdir(parents=True)
    assert placed(tmp_path, "embedded", model=place) == {"model": str(tmp_path / place)}


def test_a_version_is_a_folder_to_engines_that_read_it_and_a_numbered_name_to_servers(tmp_path: Path) -> None:
    folder = published_student(tmp_path)
    for reference in ("models/student", "models/student@v1"):
        for engine in ("embedded", "vllm"):
            assert placed(tmp_path, engine, model=reference) == {"model": str(folder)}
            assert engine_model(tmp_path / "models", engine, reference) == str(folder)
        for engine in ("openai", "reward_model"):
            assert engine_model(tmp_path / "models", engine, reference) == "models/student@v1"
        assert placed(tmp_path, "openai", model=reference) == {"model": "models/student@v1"}
    assert placed(tmp_path, "openai", model="org/name") == {"model": "org/name"}


def test_an_engine_of_a_users_file_declares_which_options_are_files_and_is_given_the_profile(tmp_path: Path) -> None:
    text = """
class Mine:
    engine, spooled, places = "mine", True, ("weights",)
    model_digest = "0"
    fingerprint = render = generate = close = print

    def __init__(self, model="m", weights="", plain="", vllm=None, http=None, threads=0):
        self.model, self.given = weights, (plain, vllm, http, threads)

    @classmethod
    def capacity(cls, profile):
        return 10 * profile["threads"]
"""
    (tmp_path / "mine.py").write_text(text)
    (tmp_path / "w.bin").touch()
    method = with_places(resolve("engine", "mine.py:Mine", {"weights": "w.bin", "plain": "w.bin"}, base=tmp_path), tmp_path)
    built = method.build(threads=3, http="h", vllm="v", workers=1)
    assert (built.model, built.given) == (str(tmp_path / "w.bin"), ("w.bin", "v", "h", 3))
    assert draw_workers(method.cls, 16, {"threads": 3}) == 5


@pytest.mark.parametrize(
    ("concurrency", "batch_size", "workers"), [((), 256, 1), ((64,), 256, 2), ((256, 256), 256, 5), ((4096,), 8, 16)]
)
def test_batches_side_by_side_hold_twice_what_the_servers_answer(
    concurrency: tuple[int, ...], batch_size: int, workers: int
) -> None:
    servers = tuple(Server("http://h/v1", concurrency=number) for number in concurrency)
    assert draw_workers(OpenAI, batch_size, {"http": HttpSettings(servers)}) == workers


def test_batches_side_by_side_of_each_engine() -> None:
    profile = {"http": None, "vllm": VllmSettings(data_parallel=2, max_num_seqs=64)}
    assert [draw_workers(engine, 128, profile) for engine in (OpenAI, Vllm, Embedded, Program)] == [1, 3, 1, 1]
    assert draw_workers(Vllm, 256, {"vllm": VllmSettings()}) == 3
