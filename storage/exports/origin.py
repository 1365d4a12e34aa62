"""Origin of a training row: its step, its lineage, and whether a label was seen on the way.

Every format of completions reads its rows through `Training`, which by default leaves out rows unfit for training: rows
that saw a label (a template with the reference, a condition on an outcome), held-out problems, and texts that repeat the
marks around quoted texts. All of them are counted.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

import duckdb
import pyarrow as pa

from rollmill.ground.errors import SetupError
from rollmill.ground.formats.chat_turns import chat_turns
from rollmill.ground.recipe_steps import recorded_steps
from rollmill.ground.records import Message
from rollmill.ground.replies.special_tokens import without_special_tokens
from rollmill.ground.threads import lineage
from rollmill.storage.exports.thread_rows import ProblemThreads, manifest_of, of_prefix, problem_threads, rates_of
from rollmill.storage.exports.write import Row
from rollmill.storage.segments.schema import prompt_from_json

Turn = dict[str, Any]
PROMPTS = ("problem", "as_sent")
AS_SENT = PROMPTS[1]
SPANS = pa.list_(pa.list_(pa.int64()))
ORIGIN: list[tuple[str, pa.DataType]] = [
    ("step", pa.string()),
    ("sees_label", pa.bool_()),
    ("parents", pa.list_(pa.string())),
]
"""Columns that every row of a completion ends with."""
WRONG_SPANS: list[tuple[str, pa.DataType]] = [("wrong_spans", SPANS)]
HELD_OUT = frozenset({"test", "testing", "heldout", "held_out", "evaluation", "eval", "validation", "valid", "val", "dev"})
"""Splits that a training file holds only on request."""
_WORDS = re.compile(r"[^a-z0-9]+")
WRONG = ("incorrect", "unparsed")
"""Outcomes of an attempt that is not to be imitated."""
SAW_LABEL = "completions of steps that saw a label (sees_label=true takes them)"
OF_HELD_OUT = "rows of problems held out by their split (held_out=true takes them)"
OUTSIDE = "rows of problems whose pass rate is not within the bounds"
UNRATED = "rows of problems without a pass rate, or of too few completions"
NOT_STORED = "completions whose prompt as sent is not stored (prompt=problem takes them)"
BY_WEIGHT = "completions that count by their weights (weighted=true takes them as if alike)"
CHAT_TOKENS = "special tokens of chat formats around the text of a completion, which is there without them"
TAKEN_BY = {SAW_LABEL: "sees_label=true", OF_HELD_OUT: "held_out=true", NOT_STORED: "prompt=problem"}
"""The option that takes rows which are left out for a reason."""
REPEATS_MARKS = "completions that repeat the marks around what they were shown"


@dataclass
class Training:
    """Common options of the training formats.

    `prompt`: `problem` for the problem's own prompt, `as_sent` for the messages that the model got, with the template,
    system message and examples of the recipe. `system`: text of a system turn before prompts that bring none; `as_sent` is
    the one that the model got. `sees_label`: include completions that were asked with a reference, or because of a verdict.
    `held_out`: include problems whose split is one of HELD_OUT. `weighted`: include completions that count by weight, as if
    alike. `least`: least pass rate of a problem, over completions fixed before any verdict. `most`: greatest pass rate of a
    problem. `least_judged`: the fewest judged completions behind that rate.

    Bounds leave out problems that are always or never solved. A rate of few completions is noisy, and the problems at a
    bound are easier or harder than it shows (docs/explanation/statistics.md).
    """

    _: KW_ONLY
    prompt: str = PROMPTS[0]
    system: str | None = None
    sees_label: bool = False
    held_out: bool = False
    weighted: bool = False
    least: float = 0.0
    most: float = 1.0
    least_judged: int = 0
    left_out: Counter[str] = field(init=False, default_factory=Counter)

    def __post_init__(self) -> None:
        if self.prompt not in PROMPTS:
            raise SetupError(f"unknown prompt {self.prompt!r}.", choices=PROMPTS)
        if self.system is not None and self.system.strip().lower() in ("", "true", "false", "yes", "no", "none", "null"):
            # A switch by its look, which would stand as a system prompt in every row.
            raise SetupError(
                f"system={self.system!r} is no system prompt: it is the text of the turn.",
                choices=(AS_SENT, "a text"),
                next_command="system='Be brief.'",
            )
        if not 0 <= self.least <= self.most <= 1:
            raise SetupError(f"least is {self.least} and most {self.most}; they are pass rates, from 0 to 1.")
        if self.least_judged < 0:
            raise SetupError(f"least_judged is {self.least_judged}; it is a number of completions.")

    def outside(self, connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
        """The problems that the bounds of difficulty leave out, each with the reason."""
        if self.least == 0 and self.most == 1 and not self.least_judged:
            return {}
        if of_prefix(connection)[0] == 0:
            raise SetupError(
                "this version has no completions that were fixed before any verdict, so its problems have no pass rates.",
                next_command="rollmill dataset export without least, most and least_judged",
            )
        why = {
            problem: UNRATED
            if known.rate is None or known.judged < self.least_judged
            else ""
            if self.least <= known.rate <= self.most
            else OUTSIDE
            for problem, known in rates_of(connection).items()
        }
        return {problem: reason for problem, reason in why.items() if reason}

    @property
    def reads_sent(self) -> bool:
        """True if the messages that models got are needed."""
        return AS_SENT in (self.prompt, self.system)

    def turns_before(self, row: Row) -> list[Turn]:
        """The turns before an answer; SetupError if the messages that the model got are needed and not stored."""
        if self.reads_sent and row["sent"] is None:
            raise SetupError(
                f"completion {row['completion_id'][:12]} has no prompt as sent, and rows of this format belong together.",
                next_command="--set prompt=problem, without system=as_sent",
            )
        prompt = row["sent"] if self.prompt == AS_SENT else row["prompt"]
        system = next(iter(_system_texts(row["sent"])), None) if self.system == AS_SENT else self.system
        return prompt_turns(prompt, system)

    def problems(self, connection: duckdb.DuckDBPyConnection, **read: Any) -> Iterator[ProblemThreads]:
        """The problems of the version without held-out ones; `read`: options of `problem_threads`."""
        seeing, outside = label_seeing(connection), self.outside(connection)
        for problem in problem_threads(connection, sent=self.reads_sent, **read):
            rows = list(problem.rows.values())
            for row in rows:
                row |= {"sees_label": row["step"] in seeing, "parents": row["after"].split()}
                if self.reads_sent:
                    row["sent"] = _sent_of(problem, row)
                if (text := without_special_tokens(row["text"])) != row["text"]:
                    row["text"] = text
                    self.left_out[CHAT_TOKENS] += row["wanted"]
            # The split is the problem's, so any of its rows has it.
            if rows and self._is_held_out(rows[0]):
                self.left_out[OF_HELD_OUT] += sum(row["wanted"] for row in rows)
            elif why := outside.get(problem.problem_id):
                self.left_out[why] += sum(row["wanted"] for row in rows)
            else:
                yield problem

    def rollouts(
        self, connection: duckdb.DuckDBPyConnection, condition: str, *, scores: bool = False, columns: Sequence[str] = ()
    ) -> Iterator[Row]:
        """The rollouts permitted for training that meet the condition, in the order of problem, sample index and id."""
        for problem in self.problems(connection, scores=scores, columns=columns, condition=condition):
            for row in problem.rows.values():
                if row["wanted"] and self.may_use(row):
                    yield row | origin_of(row) | {"wrong_spans": _wrong_spans(problem, row)}

    def may_use(self, row: Row, *, named: bool = False) -> bool:
        """True for a completion permitted for training; others are counted. `named`: its step was requested."""
        if self.reads_sent and row["sent"] is None:
            self.left_out[NOT_STORED] += 1
            return False
        if row["sees_label"] and not (self.sees_label or named):
            self.left_out[SAW_LABEL] += 1
            return False
        # Looked for in the text first, as few records have the key and parsing each takes longer.
        if not self.weighted and '"by_weight"' in (row["meta"] or "") and json.loads(row["meta"]).get("by_weight"):
            self.left_out[BY_WEIGHT] += 1
            return False
        # Only a follow-up was shown marks; elsewhere such a text is the model's own.
        if row["parents"] and _repeats_marks(row["text"]):
            self.left_out[REPEATS_MARKS] += 1
            return False
        return True

    def _is_held_out(self, row: Row) -> bool:
        return not self.held_out and is_held_out(row["split"])


def prompt_turns(prompt: str, system: str | None = None) -> list[Turn]:
    """A stored prompt (JSON text) as turns; a plain text is one user turn. `system` goes first unless there is one."""
    value = prompt_from_json(prompt)
    turns: list[Turn] = [{"role": "user", "content": value}] if isinstance(value, str) else row_turns(value)
    if system is not None and turns[0]["role"] != "system":
        return [{"role": "system", "content": system}, *turns]
    return turns


def row_turns(messages: Sequence[Message]) -> list[Turn]:
    """Messages as the turns of a row: the name that a person or a model bears there is of no use to a trainer."""
    return [
        {key: value for key, value in turn.items() if key != "name" or turn["role"] == "tool"}
        for turn in chat_turns(messages)
    ]


def _system_texts(messages: str) -> list[str]:
    return [turn["content"] for turn in prompt_turns(messages) if turn["role"] == "system"]


def _sent_of(problem: ProblemThreads, row: Row) -> str | None:
    """The messages of a completion; for a text that no model drew, those of the text that it rests on."""
    while row["sent"] is None and row["after"]:
        row = problem.rows[row["after"].split()[0]]
    sent: str | None = row["sent"]
    return sent


def origin_of(row: Row, side: str = "") -> Row:
    """The columns of ORIGIN; `side` is a prefix of their names."""
    return {f"{side}step": row["step"] or None, **{f"{side}{name}": row[name] for name in ("sees_label", "parents")}}


def is_held_out(split: str | None) -> bool:
    """True for the name of a split reserved for evaluation."""
    name = (split or "").strip().lower()
    return name in HELD_OUT or not HELD_OUT.isdisjoint(_WORDS.split(name))  # test_sft is a test split


def label_seeing(connection: duckdb.DuckDBPyConnection) -> frozenset[str]:
    """The steps of the version whose completions saw a label."""
    recipe = manifest_of(connection).get("recipe", {})
    if not recorded_steps(recipe):
        return frozenset()
    from rollmill.storage.exports.asked import label_seeing_steps  # it knows engines, which take a while to import

    return label_seeing_steps(recipe)


def _repeats_marks(text: str) -> bool:
    from rollmill.storage.exports.asked import has_marks

    return "<<<" in text and has_marks(text)


def _standalone_pattern(text: str) -> re.Pattern[str]:
    """Pattern of a whole word or number: the attempt 4 is not in 14 nor in 4.5."""
    before = r"(?<!\w)(?<!\d[.,])" if re.match(r"\w", text) else ""
    behind = r"(?!\w|[.,]\d)" if re.search(r"\w\Z", text) else ""
    return re.compile(before + re.escape(text) + behind)


def _wrong_spans(problem: ProblemThreads, row: Row) -> list[list[int]]:
    """Character spans of a text that repeat a wrong attempt in its lineage word for word, as [first, behind the last]."""
    spans = []
    for turn in lineage(problem.turns, row["completion_id"]) if row["parents"] else ():
        earlier = problem.rows[turn.completion_id]
        # An empty attempt would be found at the beginning of every text.
        wrong = earlier["outcome"] in WRONG and earlier["text"].strip()
        if wrong and (match := _standalone_pattern(earlier["text"]).search(row["text"])):
            spans.append([match.start(), match.end()])
    return sorted(spans)
