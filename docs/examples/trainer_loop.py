# %% [markdown]
# # What a trainer does with an export
#
# Two files for two kinds of training: `sft` (imitate the kept solutions) and `rl` (groups of completions with
# advantages). This notebook reads them as a trainer does and computes both losses for a model that is a table of
# token counts, in numpy. It trains nothing that anyone would use: what it shows is which tokens count, how rows
# become batches, and what a line of the file is for.

# %%
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

for form in ("sft", "rl"):
    words = ["dataset", "export", "first", "--format", form, "--out", f"{form}.jsonl"]
    subprocess.run([sys.executable, "-m", "rollmill", *words], check=True)


def rows_of(path: str) -> list[dict]:
    """The rows of an export."""
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


# %% [markdown]
# ## Imitation: the loss counts the answer, not the question
#
# Characters stand for tokens here. A real trainer uses the chat template and tokenizer of its model.

# %%
PAD, SIZE = 0, 256


def encoded(row: dict) -> tuple[list[int], list[int]]:
    """Tokens of a conversation, and a mask that is 1 on the assistant's."""
    tokens, mask = [], []
    for message in row["messages"]:
        piece = [min(ord(letter), SIZE - 1) for letter in message["content"] + "\n"]
        tokens += piece
        mask += [int(message["role"] == "assistant")] * len(piece)
    return tokens, mask


def batches(rows: list[dict], size: int, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Shuffled batches, padded on the right to their longest row."""
    order = np.random.default_rng(seed).permutation(len(rows))
    for start in range(0, len(rows), size):
        pairs = [encoded(rows[index]) for index in order[start : start + size]]
        longest = max(len(tokens) for tokens, _ in pairs)
        yield (
            np.array([tokens + [PAD] * (longest - len(tokens)) for tokens, _ in pairs]),
            np.array([mask + [0] * (longest - len(mask)) for _, mask in pairs]),
        )


sft = rows_of("sft.jsonl")
logits = np.zeros((SIZE, SIZE))  # of the next token, by the token before it


def softmax(values: np.ndarray) -> np.ndarray:
    """Probabilities along the last axis."""
    powers = np.exp(values - values.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


losses = []
for epoch in range(3):
    for tokens, mask in batches(sft, size=8, seed=epoch):
        before, after, counted = tokens[:, :-1], tokens[:, 1:], mask[:, 1:]
        probabilities = softmax(logits[before])
        chosen = np.take_along_axis(probabilities, after[..., None], axis=-1)[..., 0]
        losses.append(-(np.log(chosen) * counted).sum() / counted.sum())
        gradient = probabilities
        np.put_along_axis(gradient, after[..., None], chosen[..., None] - 1, axis=-1)
        step = np.zeros_like(logits)
        np.add.at(step, before[counted == 1], gradient[counted == 1])
        logits -= 50.0 * step / counted.sum()
print(f"{len(sft)} rows, loss {losses[0]:.2f} at first and {losses[-1]:.2f} at last (log {SIZE} = {np.log(SIZE):.2f})")

# %% [markdown]
# ## Groups with advantages
#
# Each row of `rl` is one completion of a group: the completions of one problem that were drawn before any verdict.
# `advantage` compares its reward with the others of its group. Where all are right, or all wrong, it is 0: such a
# group (`zero_signal`) teaches nothing.

# %%
rl = rows_of("rl.jsonl")
groups: dict[str, list[dict]] = {}
for row in rl:
    groups.setdefault(row["group_id"], []).append(row)
silent = sum(rows[0]["zero_signal"] for rows in groups.values())
print(f"{len(rl)} rows in {len(groups)} groups, {silent} of them without a signal")

for rows in groups.values():
    assert len(rows) == rows[0]["group_size"]
    assert abs(sum(row["advantage"] for row in rows)) < 1e-6

# %% [markdown]
# The policy gradient of one step, with the token ids that were drawn: `completion_token_ids` are those of the model
# that drew, so nothing is tokenized a second time. With the model that drew, the ratio is 1 and the loss is the mean
# of -advantage x log-probability.

# %%
policy = np.zeros(1 + max(max(row["completion_token_ids"]) for row in rl))  # one logit a token, whatever came before it
learning = [row for row in rl if not row["zero_signal"]]
for _ in range(5):
    probabilities, step, loss = softmax(policy), np.zeros_like(policy), 0.0
    for row in learning:
        ids = np.array(row["completion_token_ids"])
        loss -= row["advantage"] * np.log(probabilities[ids]).mean() / len(learning)
        counts = np.bincount(ids, minlength=len(policy)) / len(ids)
        step -= row["advantage"] * (counts - probabilities) / len(learning)
    policy -= step
    print(f"loss {loss:+.5f}")
