"""Trainers of TRL and transformers that see given rows in a given order, and say which rows each step had."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from rollmill.ground.errors import SetupError, unknown_name
from rollmill.pipelines.train.losses.preference import DpoLoss, KtoLoss
from rollmill.pipelines.train.losses.sft import SftLoss
from rollmill.pipelines.train.roles import DrawsCompletions, Loss, RatesTexts
from rollmill.pipelines.train.rows import TrainingRows
from rollmill.pipelines.train.token_batches import token_batch

OURS = frozenset(
    {"output_dir", "max_steps", "num_train_epochs", "per_device_train_batch_size", "train_batch_size", "seed", "data_seed"}
    | {"report_to", "save_strategy", "save_total_limit", "logging_strategy", "disable_tqdm", "remove_unused_columns"}
    | {"packing", "padding_free", "max_length", "train_sampling_strategy", "dataset_num_proc", "resume_from_checkpoint"}
    | {"num_generations", "max_completion_length", "temperature", "num_iterations", "steps_per_generation"}
    | {"generation_batch_size", "shuffle_dataset"}
    | {"beta", "desirable_weight", "undesirable_weight", "push_to_hub", "do_eval", "eval_strategy", "group_by_length"}
)
"""Options that the recipe has under a name of its own, or that would change the rows or their order."""


@dataclass(frozen=True, slots=True)
class StepPlan:
    """The rows of each step by number, and the number of parts into which a step is cut."""

    rows: TrainingRows
    lines: Sequence[Mapping[str, Any]]
    steps: Sequence[Sequence[int]]
    parts: int

    def part(self, number: int) -> Sequence[int]:
        """The rows of a part, counted over all steps."""
        step, part = divmod(number, self.parts)
        size = len(self.steps[step]) // self.parts
        return self.steps[step][part * size : (part + 1) * size] if self.parts > 1 else self.steps[step]

    def tokens(self, rows: Sequence[int]) -> int:
        """Trained tokens of some rows."""
        return sum(len(text.trained) for row in rows for text in self.rows.rows[row].texts)


def trainer_names(loss: Loss) -> tuple[str, str]:
    """The trainer and the configuration class for a loss: TRL's own, or transformers' with the loss as Rollmill has it."""
    if isinstance(loss, DpoLoss):
        return "DPOTrainer", "DPOConfig"
    if isinstance(loss, KtoLoss):
        return "KTOTrainer", "KTOConfig"
    if isinstance(loss, RatesTexts):
        return "RewardTrainer", "RewardConfig"
    if isinstance(loss, DrawsCompletions):
        return f"{loss.name.upper()}Trainer", f"{loss.name.upper()}Config"
    return ("SFTTrainer" if isinstance(loss, SftLoss) and loss.normaliser == "token" else "Trainer"), "SFTConfig"


def configuration(loss: Loss, options: Mapping[str, Any], fixed: Mapping[str, Any]) -> Any:
    """The trainer's configuration; SetupError with the choices for an option that its class does not have."""
    import trl

    cls = getattr(trl, trainer_names(loss)[1])
    known = sorted({field.name for field in fields(cls) if field.init} - OURS)
    for name in options:
        if name in OURS:
            raise SetupError(f"options: {name!r} is set by the learner, from its own options or the loss.", choices=known)
        if name not in known:
            raise unknown_name(f"option of {cls.__name__}", name, known)
    try:
        return cls(**{**fixed, **options, **_of_loss(loss)})
    except (TypeError, ValueError) as error:
        raise SetupError(f"{cls.__name__}: {error}.") from None


def _of_loss(loss: Loss) -> dict[str, Any]:
    """Fields of the configuration that are options of the loss."""
    if isinstance(loss, KtoLoss):
        return {"beta": loss.beta, "desirable_weight": loss.desirable, "undesirable_weight": loss.undesirable}
    if isinstance(loss, DrawsCompletions):
        drawing = {"num_generations": loss.generations, "max_completion_length": loss.max_tokens}
        return {"beta": loss.beta, "temperature": loss.temperature, **drawing}
    return {"beta": loss.beta} if isinstance(loss, DpoLoss) else {}


def build(loss: Loss, model: Any, tokenizer: Any, arguments: Any, plan: StepPlan, record: Callable[..., None]) -> Any:
    """The trainer over the plan. `record`: gets step, rows and trained tokens of each part of a step."""
    import transformers
    import trl

    name = trainer_names(loss)[0]
    if name == "Trainer":
        return _ordered(transformers.Trainer)(
            model=model, args=arguments, processing_class=tokenizer, data_collator=None, plan=plan, record=record, loss=loss
        )
    from datasets import Dataset

    first = list(dict.fromkeys(row for step in plan.steps for row in step))  # KTO pairs neighbours: not of one problem
    examples = Dataset.from_list([_example(plan, row, loss, tokenizer) for row in first])
    trainer = _ordered(getattr(trl, name))(
        model=model, args=arguments, processing_class=tokenizer, train_dataset=examples, plan=plan, record=record
    )
    trainer.row_at = {row: place for place, row in enumerate(first)}
    # The trainer's own preparation of the data set decides its tokens, so they are checked after it.
    _check_tokens(trainer.train_dataset, plan, first)
    return trainer


def _example(plan: StepPlan, row: int, loss: Loss, tokenizer: Any) -> dict[str, Any]:
    """A row for TRL's trainer: tokens for SFT, so that wrong spans stay untrained, and for reward models; messages for
    preferences.
    """
    line, text = plan.lines[row], plan.rows.rows[row].texts[0]
    if isinstance(loss, RatesTexts):
        chosen, rejected = plan.rows.rows[row].texts
        return {"chosen_ids": list(chosen.ids), "rejected_ids": list(rejected.ids)}
    if isinstance(loss, SftLoss):
        trained = set(text.trained)
        # Targets of -100 are left out of the loss.
        return {"input_ids": list(text.ids), "labels": [one if at in trained else -100 for at, one in enumerate(text.ids)]}
    keys = ("prompt", "chosen", "rejected") if "chosen" in line else ("prompt", "completion")
    given = {key: line[key] for key in keys} | ({"label": line["label"]} if "label" in line else {})
    if not tokenizer.chat_template:
        return given
    roles = {"prompt": "user"}
    return {
        key: [{"role": roles.get(key, "assistant"), "content": value}] if isinstance(value, str) else value
        for key, value in given.items()
    }


def _check_tokens(prepared: Any, plan: StepPlan, first: Sequence[int]) -> None:
    """SetupError if TRL would train other tokens than those that were encoded and counted."""
    if len(prepared) != len(first):
        raise SetupError(f"TRL kept {len(prepared):,} of {len(first):,} rows.", next_command="shorter rows")
    for example, row in zip(prepared, first, strict=True):
        texts = plan.rows.rows[row].texts
        if "input_ids" in example:
            ids = [example["input_ids"]]
        else:
            answers = [example[key] for key in ("chosen_ids", "rejected_ids", "completion_ids") if key in example]
            ids = [[*example.get("prompt_ids", []), *answer] for answer in answers]
        if ids != [list(text.ids) for text in texts]:
            raise SetupError(
                f"TRL makes other tokens of row {plan.rows.rows[row].id} than engines are sent.",
                next_command="a chat template that renders a prompt alone and before an answer alike",
            )


def _ordered(base: type[Any]) -> type[Any]:
    """A trainer class whose steps are those of a plan."""
    import torch

    class Ordered(base):  # type: ignore[misc]  # a class of TRL, which is typed where it is installed
        """Trainer over the rows of a plan, in its order."""

        def __init__(self, *, plan: StepPlan, record: Callable[..., None], loss: Loss | None = None, **given: Any) -> None:
            self.plan, self.record, self.loss, self.row_at = plan, record, loss, dict[int, int]()
            self.now: Sequence[int] = ()
            super().__init__(**given)

        def get_train_dataloader(self) -> Any:
            # The loader counts parts of steps; which rows they have is the plan's.
            parts = range(len(self.plan.steps) * self.plan.parts)
            loader = torch.utils.data.DataLoader(parts, batch_size=1, shuffle=False, collate_fn=self._collated)
            return self.accelerator.prepare(loader)

        def _collated(self, numbers: Sequence[int]) -> dict[str, Any]:
            rows = list(self.plan.part(numbers[0]))
            marked = {"rows": torch.tensor(rows)}
            if self.loss is not None:
                # The rows suffice: `compute_loss` makes the batch again with all that the loss reads.
                return {"input_ids": torch.from_numpy(token_batch(self.plan.rows, rows).ids), **marked}
            return {**self.data_collator([self.train_dataset[self.row_at[row]] for row in rows]), **marked}

        def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> Any:
            # Taken out, because the model has no such argument.
            self.now = inputs.pop("rows").tolist()
            tokens = self.plan.tokens(self.now)
            mask = inputs.get("completion_mask", inputs.get("labels"))
            if mask is not None:
                # Without the first token, which nothing predicts.
                seen = int((mask[:, 1:] != -100).sum() if "labels" in inputs else mask[:, 1:].sum())
                if seen != tokens:
                    raise SetupError(f"step {self.state.global_step + 1} trains {seen} tokens of the {tokens} in its rows.")
            self.record(self.state.global_step, self.now, tokens)
            return super().training_step(model, inputs, num_items_in_batch)

        def compute_loss(self, model: Any, inputs: Any, *given: Any, **named: Any) -> Any:
            if self.loss is None:
                return super().compute_loss(model, inputs, *given, **named)
            batch = token_batch(self.plan.rows, self.now)
            return self.loss(batch, logps_of(model, batch), None).to(self.args.device)

    return Ordered


def logps_of(model: Any, batch: Any) -> Any:
    """Log-probabilities that a model of the library transformers gives to the n target tokens of a batch: (n,), float32, on
    the CPU.
    """
    import torch

    device = next(model.parameters()).device
    ids = torch.from_numpy(batch.ids).to(device)
    ends = torch.zeros(len(ids), dtype=torch.long)
    ends.scatter_reduce_(0, torch.from_numpy(batch.sequence), torch.from_numpy(batch.places % ids.shape[1] + 1), "amax")
    mask = (torch.arange(ids.shape[1])[None] < ends[:, None]).long().to(device)
    logits = model(input_ids=ids, attention_mask=mask).logits.flatten(0, 1)
    targets = torch.from_numpy(batch.targets).to(device)
    if batch.chance is not None:  # several targets of a place: its probabilities are there once
        places, at = (part.to(device) for part in torch.unique(torch.from_numpy(batch.places), return_inverse=True))
        return torch.log_softmax(logits[places].float(), dim=-1)[at, targets].cpu()
    chosen = logits[torch.from_numpy(batch.places).to(device)].float()
    return -torch.nn.functional.cross_entropy(chosen, targets, reduction="none").cpu()


def last_checkpoint(folder: Path) -> Path | None:
    """The newest whole checkpoint; those that a kill left half written are removed."""
    import json
    import shutil

    # By number: as a text checkpoint-1000 comes before checkpoint-200.
    checkpoints = sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.partition("-")[2]))
    for path in reversed(checkpoints):
        try:
            # The trainer writes this file after the weights and the optimiser, so it shows that they are there.
            json.loads((path / "trainer_state.json").read_text(encoding="utf-8"))
            return path
        except (OSError, ValueError):
            shutil.rmtree(path)
    return None
