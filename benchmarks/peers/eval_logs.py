"""An evaluation by another tool, for real: eval_logs.py TOOL URL FOLDER, run by a Python that has the tool.

FOLDER has problems.jsonl; the log lands in FOLDER/log. Every tool asks the server at URL the same problems, several times
each, by its own command line or interface and with a scorer of its own. NeMo-Skills is on no package index, so its log is
written here as its sources describe it. What names the machine is emptied.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

MODEL, SAMPLES, TOKENS = "rollmill-tiny", 4, 48
PROBLEMS = "problems.jsonl"
NUMBER = re.compile(r"-?\$?\d[\d,]*(?:\.\d+)?")
LM_EVAL_TASK = """\
task: sums
dataset_path: json
dataset_kwargs: {data_files: {test: problems.jsonl}}
test_split: test
output_type: generate_until
doc_to_text: "{{question}}"
doc_to_target: "{{answer}}"
repeats: 4
generation_kwargs: {until: ["\\n\\n"], do_sample: true, temperature: 1.0, max_gen_toks: 48}
metric_list:
  - {metric: exact_match, aggregation: mean, higher_is_better: true, regexes_to_ignore: [",", "\\\\$", "\\\\.$"]}
filter_list:
  - name: strict-match
    filter: [{function: regex, regex_pattern: "#### (-?[$0-9.,]+)"}, {function: take_first}]
  - name: flexible-extract
    filter:
      - {function: regex, group_select: -1, regex_pattern: "(-?[$0-9.,]{2,})|(-?[0-9]+)"}
      - {function: take_first}
  - name: maj@4
    filter: [{function: regex, regex_pattern: "#### (-?[$0-9.,]+)"}, {function: majority_vote}, {function: take_first}]
metadata: {version: 1.0}
"""
INSPECT_TASK = """\
from inspect_ai import Epochs, Task, task
from inspect_ai.dataset import FieldSpec, json_dataset
from inspect_ai.model import GenerateConfig
from inspect_ai.scorer import match
from inspect_ai.solver import generate

FIELDS = FieldSpec(input="question", target="answer", id="id", metadata=["level", "template"])


@task
def sums():
    epochs = Epochs(4, ["mean", "pass_at_2", "max", "mode"])
    config = GenerateConfig(temperature=1.0, max_tokens=48)
    data = json_dataset("problems.jsonl", FIELDS)
    return Task(dataset=data, solver=generate(), scorer=match(numeric=True), epochs=epochs, config=config)
"""
LIGHTEVAL_TASK = """\
from lighteval.metrics.metrics import Metrics
from lighteval.tasks.lighteval_task import LightevalTaskConfig
from lighteval.tasks.requests import Doc


def prompt(line, task_name=None):
    about = {"level": line["level"], "template": line["template"]}
    return Doc(task_name=task_name, query=line["question"], choices=[line["answer"]], gold_index=0, specific=about)


METRICS = [
    Metrics.avg_at_n_math(sample_params={"n": 4}),
    Metrics.pass_at_k_math(sample_params={"k": 2, "n": 4}),
    Metrics.expr_gold_metric,
    Metrics.maj_at_n(sample_params={"n": 4}),
]
SUMS = LightevalTaskConfig(
    name="sums",
    prompt_function=prompt,
    hf_repo="data",
    hf_subset="default",
    hf_avail_splits=["test"],
    evaluation_splits=["test"],
    few_shots_split=None,
    few_shots_select=None,
    generation_size=48,
    stop_sequence=[],
    metrics=METRICS,
)
TASKS_TABLE = [SUMS]
"""


def lm_eval(url: str, log: Path) -> None:
    """By its command line, with a task file; chat completions, four repeats, three filters."""
    Path("sums.yaml").write_text(LM_EVAL_TASK)
    model = f"model={MODEL},base_url={url}/chat/completions,num_concurrent=1,tokenized_requests=False"
    words = ["--model", "local-chat-completions", "--model_args", model, "--include_path", ".", "--tasks", "sums"]
    call("-m", "lm_eval", "run", *words, "--apply_chat_template", "--log_samples", "--output_path", str(log))
    for path in log.rglob("results_*.json"):
        results = json.loads(path.read_text())
        results["pretty_env_info"] = ""
        path.write_text(json.dumps(results, indent=2))


def inspect(url: str, log: Path) -> None:
    """By its command line, with a task file; four epochs, four reducers."""
    Path("sums.py").write_text(INSPECT_TASK)
    os.environ |= {"LOCAL_API_KEY": "none", "LOCAL_BASE_URL": url, "INSPECT_LOG_DIR": str(log)}
    command = Path(sys.executable).with_name("inspect")
    arguments = ["eval", "sums.py", "--model", f"openai-api/local/{MODEL}", "--display", "none", "--max-connections", "1"]
    subprocess.run([str(command), *arguments, "--no-log-realtime"], check=True)
    from inspect_ai.log import read_eval_log, write_eval_log

    for path in log.glob("*.eval"):
        evaluation = read_eval_log(str(path))
        evaluation.eval.dataset.location = PROBLEMS
        path.unlink()
        write_eval_log(evaluation, str(path.with_name("sums.eval")))


def lighteval(url: str, log: Path) -> None:
    """By its command line in this process: without its own tasks, of which some ask a hub as they are loaded."""
    from lighteval.tasks.registry import Registry

    def only_ours(custom_tasks: Any = None, *_: Any, **__: Any) -> Any:
        return Registry._extract_configs(Registry.create_custom_tasks_module(custom_tasks))

    Registry.load_all_task_configs = staticmethod(only_ours)
    from lighteval.__main__ import app

    Path("sums.py").write_text(LIGHTEVAL_TASK)
    Path("data").mkdir(exist_ok=True)
    shutil.copy(PROBLEMS, "data/test.jsonl")
    parameters = {"temperature": 1.0, "max_new_tokens": TOKENS}
    model: dict[str, object] = {"model_name": f"openai/{MODEL}", "provider": "openai", "base_url": url, "api_key": "none"}
    model |= {"concurrent_requests": 1, "max_model_length": 512, "generation_parameters": parameters}
    Path("model.yaml").write_text(json.dumps({"model_parameters": model}))
    words = ["endpoint", "litellm", "model.yaml", "sums|0", "--custom-tasks", "sums.py", "--output-dir", str(log)]
    app([*words, "--save-details"], standalone_mode=False)


def verifiers(url: str, log: Path) -> None:
    """By its interface in Python: a single turn, a rubric with a reward and a metric, four rollouts."""
    import verifiers as vf
    from datasets import Dataset
    from verifiers.types import ClientConfig

    def last_number(text: str) -> str:
        numbers = NUMBER.findall(text)
        return numbers[-1].replace(",", "").replace("$", "") if numbers else ""

    def right(completion: Any, answer: str, parser: Any) -> float:
        return float(parser.parse_answer(completion) == answer)

    def form(completion: Any) -> float:
        return float("####" in completion[-1]["content"])

    os.environ["LOCAL_KEY"] = "none"
    rows = [
        {
            "question": row["question"],
            "answer": row["answer"],
            "info": {key: row[key] for key in ("id", "level", "template")},
        }
        for row in problems()
    ]
    parser = vf.Parser(extract_fn=last_number)
    rubric = vf.Rubric(funcs=[right, form], weights=[1.0, 0.0], parser=parser)
    environment = vf.SingleTurnEnv(eval_dataset=Dataset.from_list(rows), parser=parser, rubric=rubric)
    environment.env_id = "sums"
    environment.evaluate_sync(
        client=ClientConfig(api_key_var="LOCAL_KEY", api_base_url=url),
        model=MODEL,
        sampling_args={"temperature": 1.0, "max_tokens": TOKENS},
        num_examples=-1,
        rollouts_per_example=SAMPLES,
        max_concurrent=1,
        save_results=True,
        results_path=log,
    )


def nemo_skills(url: str, log: Path) -> None:
    """In the documented form: a file a run, and percentages by evaluation mode under the benchmark's name."""
    folder = log / "sums"
    folder.mkdir(parents=True)
    rows = problems()
    scored: list[list[tuple[str | None, bool]]] = [[] for _ in rows]
    for run in range(SAMPLES):
        with (folder / f"output-rs{run}.jsonl").open("w") as file:
            for at, row in enumerate(rows):
                text, tokens = answer_of(url, row["question"])
                boxed = re.findall(r"(?:####|answer is) *\D{0,8}(-?\d[\d,]*)", text)
                answer = boxed[-1].replace(",", "") if boxed else None
                scored[at].append((answer, answer == row["answer"]))
                about = {
                    "id": row["id"],
                    "problem": row["question"],
                    "expected_answer": row["answer"],
                    "level": row["level"],
                }
                fields = {"generation": text, "predicted_answer": answer, "symbolic_correct": answer == row["answer"]}
                file.write(
                    json.dumps({**about, "template": row["template"], **fields, "num_generated_tokens": tokens}) + "\n"
                )
    modes: dict[str, dict[str, Any]] = {}
    for k in range(1, SAMPLES + 1):
        average = sum(sum(right for _, right in mine[:k]) / k for mine in scored)
        modes[f"pass@1[avg-of-{k}]"] = {"num_entries": len(rows), "symbolic_correct": 100.0 * average / len(rows)}
        missed = sum(all_wrong(mine, k) for mine in scored)
        modes[f"pass@{k}"] = {"num_entries": len(rows), "symbolic_correct": 100.0 * (len(rows) - missed) / len(rows)}
        elected = sum(majority(mine[:k]) for mine in scored)
        if k > 1:
            modes[f"majority@{k}"] = {"num_entries": len(rows), "symbolic_correct": 100.0 * elected / len(rows)}
    (folder / "metrics.json").write_text(json.dumps({"sums": modes}, indent=2))


def all_wrong(mine: list[tuple[str | None, bool]], k: int) -> float:
    """The chance that k answers of all, without replacement, are wrong."""
    chance, wrong = 1.0, sum(not right for _, right in mine)
    for at in range(k):
        chance *= max(wrong - at, 0) / (len(mine) - at)
    return chance


def majority(mine: list[tuple[str | None, bool]]) -> float:
    """The share of right ones among the most frequent answers."""
    votes = Counter(pair for pair in mine if pair[0] is not None)
    first = [right for (_, right), count in votes.items() if count == max(votes.values())]
    return sum(first) / len(first) if first else 0.0


def answer_of(url: str, prompt: str) -> tuple[str, int]:
    """Answer of the server and its tokens."""
    body = {"model": MODEL, "messages": [{"role": "user", "content": prompt}], "temperature": 1.0, "max_tokens": TOKENS}
    request = urllib.request.Request(
        f"{url}/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as reply:
        answer = json.load(reply)
    return answer["choices"][0]["message"]["content"], answer["usage"]["completion_tokens"]


def problems() -> list[dict[str, Any]]:
    """The problems that every tool is asked."""
    return [json.loads(line) for line in Path(PROBLEMS).read_text().splitlines()]


def call(*words: str) -> None:
    """Run this Python with these arguments; an error if it fails."""
    subprocess.run([sys.executable, *words], check=True)


TOOLS = {"lm-eval": lm_eval, "inspect": inspect, "lighteval": lighteval, "verifiers": verifiers, "nemo-skills": nemo_skills}


def main() -> None:
    """Run one tool in its folder."""
    tool, url, folder = sys.argv[1:]
    os.chdir(folder)
    os.environ |= {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_HOME": str(Path("cache").resolve())}
    os.environ |= {"OPENAI_API_KEY": "none", "DO_NOT_TRACK": "1", "GIT_DIR": "none"}
    TOOLS[tool](url, Path("log"))


if __name__ == "__main__":
    main()
