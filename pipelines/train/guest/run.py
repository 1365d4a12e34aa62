"""One training with TRL, as a program: python -P run.py JOB.json. Its output is a line of JSON for each report.
The variable ROLLMILL_REWARD is the address of the service that judges drawn completions.

A mistake of the user is the line {"refused": ...} and status 2. The model folder has the files of the initial model with
new weights, so that configuration, tokenizer and chat template stay those that engines know.
"""

import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).absolute().parents[4]))  # behind this interpreter's own packages

from rollmill.ground.errors import SetupError
from rollmill.pipelines.train.checkpoint import peak_of_process
from rollmill.pipelines.train.guest.encoding import check_template, encode_for
from rollmill.pipelines.train.guest.online import PlannedPrompts, build_online, check_room
from rollmill.pipelines.train.guest.trainers import StepPlan, build, configuration, last_checkpoint
from rollmill.pipelines.train.losses import LOSSES
from rollmill.pipelines.train.losses.preference import DpoLoss, KtoLoss
from rollmill.pipelines.train.losses.sft import SftLoss
from rollmill.pipelines.train.order_file import OrderFile
from rollmill.pipelines.train.orders import ORDERS
from rollmill.pipelines.train.roles import DrawsCompletions, Loss, RatesTexts
from rollmill.pipelines.train.rows import TrainingRows, answer_of, prompt_of, read_rows
from rollmill.pipelines.train.teacher import spellings
from rollmill.pipelines.train.token_batches import TokenBatches, check_drawn_length, steps_of_length

REFUSED = 2
SAVED_EVERY, LOGGED_EVERY = 100, 10  # steps, where the options name no number
# A model folder is data: no Python file of it runs (without False transformers asks at the terminal), no pickle is read.
_AS_DATA: Mapping[str, Any] = {"trust_remote_code": False, "use_safetensors": True}
WEIGHTS = (".safetensors", ".bin", ".onnx", ".index.json", ".parquet", ".jsonl", ".md")


def main(path: str) -> int:
    """Run a job file."""
    try:
        # Taken out: the address holds a secret, and processes that are started here need none.
        train(json.loads(Path(path).read_text(encoding="utf-8")), os.environ.pop("ROLLMILL_REWARD", ""))
    except SetupError as error:
        print(json.dumps({"refused": str(error)}), flush=True)  # noqa: T201
        return REFUSED
    return 0


def train(job: Mapping[str, Any], reward: str) -> None:
    """Read the rows, train, write the folder."""
    import transformers

    loss: Loss = LOSSES[job["loss"][0]](**job["loss"][1])
    options = dict(job["options"])
    parts = int(options.get("gradient_accumulation_steps", 1))
    fixed = _fixed(job, loss, parts)
    configuration(loss, options, fixed)  # before the rows: its mistakes are found at once
    divided = isinstance(loss, SftLoss | DpoLoss | KtoLoss | DrawsCompletions | RatesTexts)
    if parts > 1 and (loss.grouped or job["batch"] % parts or not divided):
        raise SetupError(
            f"gradient_accumulation_steps {parts} does not go with the loss {loss.name!r} and a batch of {job['batch']}.",
            next_command="gradient_accumulation_steps: 1; a divisor of batch with sft, dpo, kto, grpo, rloo, reward_model",
        )
    transformers.set_seed(job["seed"])
    tokenizer = transformers.AutoTokenizer.from_pretrained(job["init"], trust_remote_code=False)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    context = transformers.AutoConfig.from_pretrained(job["init"], trust_remote_code=False).max_position_embeddings
    known = spellings(loss, tokenizer.backend_tokenizer)
    rows = read_rows(Path(job["rows"]), encode_for(tokenizer), context, loss.column, known)
    lines = [json.loads(line) for line in Path(job["rows"]).read_text(encoding="utf-8").splitlines()]
    check_template(tokenizer, [_sample(line) for line in lines])
    plan = StepPlan(rows, lines, planned(job, rows, loss, parts), parts)
    if isinstance(loss, DrawsCompletions):
        check_room(plan, loss, encode_for(tokenizer), context)
    arguments = configuration(loss, options, {**fixed, "max_steps": len(plan.steps)})
    model = _with_adapter(_model(job["init"], loss, job["dtype"]), job["lora"], loss)
    _fit(job, (loss, reward), model, tokenizer, arguments, plan)


def _model(init: str, loss: Loss, dtype: str) -> Any:
    """The initial model; with one output number for a loss of models that rate texts."""
    import transformers

    if isinstance(loss, RatesTexts):
        return transformers.AutoModelForSequenceClassification.from_pretrained(init, num_labels=1, dtype=dtype, **_AS_DATA)
    return transformers.AutoModelForCausalLM.from_pretrained(init, dtype=dtype, **_AS_DATA)


def _fixed(job: Mapping[str, Any], loss: Loss, parts: int) -> dict[str, Any]:
    """Fields of the trainer's configuration that the job decides, and defaults of others."""
    import torch

    drawing = isinstance(loss, DrawsCompletions)
    size = job["batch"] * (loss.generations if isinstance(loss, DrawsCompletions) else 1)
    return {
        "output_dir": str(Path(job["state"]) / "checkpoints"), "per_device_train_batch_size": size // parts,
        "seed": job["seed"], "data_seed": job["seed"], "report_to": [], "save_strategy": "steps",
        "save_steps": SAVED_EVERY, "save_total_limit": 1, "logging_steps": LOGGED_EVERY, "disable_tqdm": True,
        "remove_unused_columns": False,
        **({"steps_per_generation": parts, "num_iterations": 1} if drawing else {"max_length": None}),
        **({} if torch.cuda.is_available() else {"use_cpu": True, "dataloader_pin_memory": False}),
        # The forward pass alone: weights and optimiser keep the numbers of `dtype`.
        **({} if job["options"].get("fp16") else {"bf16": torch.cuda.is_available() and torch.cuda.is_bf16_supported()}),
    }  # fmt: skip


def _sample(line: Mapping[str, Any]) -> tuple[Any, str]:
    return prompt_of(line["prompt"]), answer_of(line.get("completion", line.get("chosen", "")), 1)


def planned(job: Mapping[str, Any], rows: TrainingRows, loss: Loss, parts: int) -> list[list[int]]:
    """The rows of each step. Parts, and drawn completions, need equal steps: batches run on over the ends of epochs."""
    drawing = isinstance(loss, DrawsCompletions)
    if drawing:
        check_drawn_length(job["loss_tokens"])
    order = ORDERS[job["order"][0]](**job["order"][1])
    batches = TokenBatches(rows, order, job["seed"], job["batch"], loss.grouped, whole=parts > 1 or drawing)
    return steps_of_length(batches, steps=job["steps"], epochs=job["epochs"], loss_tokens=job["loss_tokens"])


def _with_adapter(model: Any, lora: Mapping[str, Any], loss: Loss) -> Any:
    if not lora:
        return model
    try:
        import peft
    except ImportError:
        raise SetupError("lora needs peft.", next_command=f"{sys.executable} -m pip install peft") from None
    kind = "SEQ_CLS" if isinstance(loss, RatesTexts) else "CAUSAL_LM"
    try:
        return peft.get_peft_model(model, peft.LoraConfig(task_type=kind, **lora))
    except (TypeError, ValueError) as error:
        raise SetupError(
            f"lora: {error}.", next_command="lora: {r: 16, lora_alpha: 32, target_modules: all-linear}"
        ) from None


def _fit(
    job: Mapping[str, Any], objective: tuple[Loss, str], model: Any, tokenizer: Any, arguments: Any, plan: StepPlan
) -> None:
    """Train from the last checkpoint, and write the model. `objective`: the loss, and the address of its reward."""
    import transformers

    loss, reward = objective
    state = Path(job["state"])
    begun = last_checkpoint(state / "checkpoints")
    step = int(begun.name.partition("-")[2]) if begun else 0
    order_file = OrderFile(state / "order.csv")
    order_file.cut(step)

    counted = [order_file.tokens()]

    def drawn(at: int, groups: Sequence[tuple[int, int]]) -> None:
        order_file.add_rows(at, [(plan.rows.rows[row], tokens) for row, tokens in groups])
        counted[0] += sum(tokens for _, tokens in groups)

    def record(at: int, rows: Sequence[int], tokens: int) -> None:
        del tokens
        drawn(at, [(row, plan.tokens([row])) for row in rows])

    if isinstance(loss, DrawsCompletions):
        trainer = build_online(loss, model, tokenizer, arguments, PlannedPrompts(plan, drawn, reward))
    else:
        trainer = build(loss, model, tokenizer, arguments, plan, record)
    trainer.remove_callback(transformers.PrinterCallback)
    trainer.add_callback(_reporting(transformers.TrainerCallback, len(plan.steps), lambda: counted[0])())
    trainer.train(resume_from_checkpoint=str(begun) if begun else None)
    order_file.sync()
    write_model(trainer.accelerator.unwrap_model(trainer.model), Path(job["init"]), Path(job["out"]))
    done: dict[str, Any] = {"steps": len(plan.steps), "tokens": counted[0], "versions": _versions()}
    done["peak"] = peak_memory()
    (state / "done.json").write_text(json.dumps(done), encoding="utf-8")


def _reporting(base: type[Any], steps: int, tokens: Callable[[], int]) -> type[Any]:
    class Reporting(base):  # type: ignore[misc]  # a class of transformers, which is typed where it is installed
        """Prints what the trainer logs."""

        began = time.monotonic()

        def on_log(self, *told_of: Any, logs: Mapping[str, Any], **_: Any) -> None:
            if "loss" not in logs:
                return
            at = told_of[1].global_step
            told = {"step": at, "share": at / steps, "tokens": tokens(), "seconds": time.monotonic() - self.began}
            numbers = {name: float(value) for name, value in logs.items() if _is_number(value)}
            if numbers["loss"] != numbers["loss"]:  # NaN
                raise SetupError(
                    f"the loss of step {at} is nan: the training diverged.", next_command="a lower learning_rate"
                )
            print(json.dumps({**numbers, **told}), flush=True)  # noqa: T201

    return Reporting


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def write_model(model: Any, init: Path, out: Path) -> None:
    """Write the merged weights and the other files of the initial model. Adds the ONNX graph if the embedded engine can run
    the model.
    """
    import importlib.util

    if hasattr(model, "merge_and_unload"):
        model = model.merge_and_unload()
    model.save_pretrained(out)
    rates = any(name.endswith("ForSequenceClassification") for name in model.config.architectures or [])
    for path in init.iterdir():
        about = path.name in ("training.json", "scores.json", ".gitattributes", *(["config.json"] if rates else []))
        if path.is_file() and not path.name.endswith(WEIGHTS) and not about:
            shutil.copyfile(path, out / path.name)
    if importlib.util.find_spec("onnx") is None or rates:
        return
    from rollmill.pipelines.train.export import build_onnx
    from rollmill.pipelines.train.llama_folder import LlamaFolder

    try:
        llama = LlamaFolder.open(out)
    except SetupError:  # another architecture: its servers read the weights
        return
    (out / "model.onnx").write_bytes(build_onnx(llama.weights, llama.shape))


def peak_memory() -> int:
    """The most memory so far in MiB: of the accelerator where there is one, else of this process."""
    import torch

    return int(torch.cuda.max_memory_reserved() / 2**20) if torch.cuda.is_available() else peak_of_process()


def _versions() -> dict[str, str]:
    """Versions of the packages that trained, and the GPU where there is one."""
    import importlib.metadata

    import torch

    names = ("trl", "transformers", "torch", "peft", "accelerate")
    known = {item.name: item.version for item in importlib.metadata.distributions()}
    gpu = {"GPU": torch.cuda.get_device_name()} if torch.cuda.is_available() else {}
    return {name: known[name] for name in names if name in known} | gpu


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
