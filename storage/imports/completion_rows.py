"""Rows to completions: the model's answers in the rows of a rollouts file. Stores nothing and judges nothing.

A row may hold several answers, or an answer within a conversation; each becomes one completion. A label of a rollout
(`is_correct`) is kept in the completion's meta; it is an opinion, not a verdict.
"""

import ast
import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rollmill.ground.records import Completion, FinishReason, Message, imported_completion_id
from rollmill.ground.replies.ends import FINISHED
from rollmill.ground.replies.thoughts import tagged
from rollmill.storage.imports.account import ColumnAccount
from rollmill.storage.imports.reading import cells
from rollmill.storage.imports.reading.cells import CellError, parsed_cell, root
from rollmill.storage.imports.reading.columns import EMBEDDED_ALIASES, INSIDE, OF_PROBLEMS, Columns, listed
from rollmill.storage.imports.reading.faults import RowError
from rollmill.storage.imports.reading.lines import FileRow
from rollmill.storage.imports.reading.turns import (
    asked_and_answered,
    asking_turns,
    is_conversation,
    is_parts,
    is_turn,
    lone_answer,
    messages,
    opened_conversation,
    rendered,
)
from rollmill.storage.imports.stored import StoredProblem

_OF_EACH = ("is_correct", "finish_reason", "sample_index", "tokens_in", "tokens_out", "logprob_sum", "reasoning", "model")


def each_answer(
    row: FileRow, columns: Columns, whole: Collection[str] = (), account: ColumnAccount | None = None
) -> Iterator[FileRow]:
    """The row once per answer in its text cell, with the lists of other columns split item by item.

    CellError if such a list is of another length and not one of `whole`, which belong to the row.
    """
    columns.require_alone(row.values, "text")
    column = columns.fields.get("text")
    if column is not None and is_parts(row.values.get(column)):
        answer = {"role": "assistant", "content": row.values[column]}
        row = FileRow(row.where, {**row.values, column: [answer]}, row.format)
    cell = None if column is None else several(_unfolded(column, row.values.get(column)))
    if column is None or cell is None:
        yield _own_messages(row, columns, None if column is None else [row.values.get(column)])
        return
    row = _own_messages(row, columns, cell)
    if len(cell) > 1 and not isinstance(row.values.get(columns.fields.get("sample_index", "")), list | None):
        raise CellError(f"{len(cell)} answers have one sample index")
    beside = {name: _items(value, len(cell)) for name, value in row.values.items() if name not in {column, *whole}}
    lists = {name: items for name, items in beside.items() if items is not None and _of_each(name, columns)}
    for name, items in lists.items():
        if len(items) != len(cell):
            counts = f"{column} holds {len(cell)} answers and {name} {len(items)} values"
            raise CellError(f"{counts} (--whole {name}: it is of the whole row)")
    if account is not None and len(cell) > 1:
        account.add_answers(lists)
    for place, answer in enumerate(cell):
        values = {**row.values, column: answer, **{name: items[place] for name, items in lists.items()}}
        yield FileRow(row.where, _with_text(values, answer, columns), row.format)


def _own_messages(row: FileRow, columns: Columns, answers: Sequence[Any] | None) -> FileRow:
    """The row without a conversation that says the same as one of its answers, or that only asks.

    CellError if its answer is another one: nobody can tell which of the two is the model's.
    """
    name = columns.fields.get("messages")
    conversation = None if name is None else opened_conversation(row.values.get(name))
    texts = [answer for answer in answers or () if isinstance(answer, str) and answer.strip()]
    if name is None or not texts or not is_conversation(conversation):
        return row
    _, answered = asked_and_answered(messages(conversation) or ())
    alone = lone_answer(conversation)
    told = {rendered(answered).strip(), *(turn.content.strip() for turn in answered[-1:])}
    told |= set() if alone is None else {alone[0].strip(), tagged(alone[1], alone[0]).strip()}
    same = any(text.strip() in told for text in texts)
    if answered and not same:
        column = columns.fields["text"]
        raise CellError(f"{column} and {name} hold different answers: say --map text={column} or --map messages={name}")
    if answered and len(texts) == 1 and len(answered) > 1:
        return row  # the answer with its turns
    return FileRow(row.where, {**row.values, name: asking_turns(conversation)}, row.format)


def _items(value: Any, count: int) -> list[Any] | None:
    """The items of a list that can accompany `count` answers, of lists of lists theirs; None for no such list."""
    items = parsed_cell(value)
    if not isinstance(items, list) or not items or is_conversation(items):
        return None
    # A list of lists with one item an answer stays so: each answer then has a list.
    nested = len(items) != count and all(isinstance(item, list) for item in items)
    flat = [inside for item in items for inside in item] if nested else items
    return flat if len(flat) == count else items


def _of_each(name: str, columns: Columns) -> bool:
    """True for a list with an item per answer: not a list of the problem's, nor one that contains the answers."""
    field = next((field for field, path in columns.fields.items() if path == name), None)
    if field is not None:
        return field in _OF_EACH
    mapped = name in map(root, columns.fields.values())  # a mapped place lies in it
    return not mapped and name.lower() not in OF_PROBLEMS


def several(cell: Any) -> list[Any] | None:
    """The answers in a cell: the items of a list, of lists of lists theirs; None for one text or one conversation."""
    # Only a list of texts: an answer may begin with a bracket, as an interval or a list does.
    if isinstance(cell, str) and cell.lstrip().startswith('["'):
        cell = _texts_in(cell)
    if not isinstance(cell, list) or (cell and all(map(is_turn, cell))) or is_parts(cell):
        return None
    if cell and all(isinstance(item, list) and not (item and all(map(is_turn, item))) for item in cell):
        cell = [answer for item in cell for answer in item]
    if not cell:
        raise CellError("there is no answer in the list")
    return list(cell)


def _unfolded(column: str, cell: Any) -> Any:
    """A list of texts that Python wrote as a text, as pandas does in CSV files; only in a column of several answers."""
    if column.lower() not in _PLURAL or not isinstance(cell, str) or not cell.startswith("["):
        return cell
    try:
        value = ast.literal_eval(cell)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return cell
    # NumPy writes no commas, and its texts would be joined.
    texts = isinstance(value, list) and all(isinstance(item, str) for item in value)
    return value if texts and str(value) == cell else cell


def _texts_in(cell: str) -> Any:
    """A JSON text of a list of texts as that list; everything else unchanged (an answer may be JSON itself)."""
    try:
        value = json.loads(cell)
    except (ValueError, RecursionError):
        return cell
    return value if isinstance(value, list) and all(isinstance(item, str) for item in value) else cell


def _with_text(values: dict[str, Any], answer: Any, columns: Columns) -> dict[str, Any]:
    """The row with the text of an answer that is an object."""
    if not isinstance(answer, dict) or is_turn(answer):
        return values
    column = columns.fields["text"]
    name = next((name for name in INSIDE if isinstance(answer.get(name), str)), None)
    if name is None:
        raise CellError(f"an answer is an object with {', '.join(map(repr, answer))}: say --map text={column}[*].KEY")
    # What the object says of the answer, such as its model and scores in UltraFeedback, stays with it.
    return {**answer, **values, column: answer[name]}


_ENDS: Mapping[str, FinishReason] = {**FINISHED, "error": "error"}
_SWITCHES = frozenset(
    {"on", "off", "true", "false", "yes", "no", "auto", "none", "minimal", "low", "medium", "high", "0", "1"}
)
ENGINE = "imported"  # engine name of imported completions
_NO_MODEL = "unknown"
_PLURAL = frozenset({"responses", "completions", "generations", "samples"})


def _answer_turns(turns: tuple[Message, ...] | None, *, needed: bool) -> tuple[Message, ...] | None:
    """Only the turns of the answer. CellError for a conversation that ends with a question where an answer is needed."""
    if turns is None:
        return None
    _, answer = asked_and_answered(turns)
    if turns and not answer and needed:
        raise CellError("the conversation ends without an answer")
    return answer or (None if turns else answer)


@dataclass(frozen=True, slots=True)
class ImportedCompletion:
    """An imported completion and its problem."""

    name: str
    problem: StoredProblem
    completion: Completion
    external_id: str | None


class CompletionRows:
    """Turns rows of one file into completions, numbering those without a sample index by (problem, model) in file order."""

    def __init__(self, path: Path, columns: Columns, *, name: str, log: str = "") -> None:
        self._path = path
        self._columns = columns
        self._name = name
        self._log = log
        self._ordinals: Counter[tuple[str, str]] = Counter()
        # Columns of the problem are stored with it, and would be repeated in each completion.
        self._unused = {columns.fields[name] for name in EMBEDDED_ALIASES if name in columns.fields}
        self.textless = 0
        self.count = 0
        self.reasons: Counter[str] = Counter()
        self.switches: Counter[str] = Counter()

    def completion(self, row: FileRow, problem: StoredProblem) -> ImportedCompletion:
        """The row's completion; raises SetupError with its place."""
        try:
            return self._completion(row.values, problem)
        except CellError as error:
            raise RowError(self._path, row.where, str(error)) from error

    def _completion(self, values: dict[str, Any], problem: StoredProblem) -> ImportedCompletion:
        get = self._columns.get
        model = cells.text(get(values, "model")) or _NO_MODEL
        cell = get(values, "text")
        conversation = cell if is_conversation(cell) else get(values, "messages")
        text = None if is_conversation(cell) else cells.text(cell)
        turns = _answer_turns(messages(conversation), needed=text is None)
        switch = self._switch(values)
        reasoning = None if switch else cells.text(get(values, "reasoning"))
        # A single turn of text says no more than the text, and is not stored twice.
        if text is None and (alone := lone_answer(conversation)) is not None:
            text, turns = alone[0], None
            reasoning = reasoning or alone[1]
        if text is None:
            text = rendered(turns or ())
        self.textless += not text.strip()
        index = self._index(get(values, "sample_index"), problem, model)
        external_id = cells.identifier(get(values, "external_id"))
        self.count += 1
        completion = Completion(
            id=imported_completion_id(problem.id, model, index, text, self._log),
            prompt_id=problem.prompt_id,
            engine=ENGINE,
            model=model,
            # Only the model's name in the file is known, not its weights.
            model_digest=f"label:{model}",
            stream="curate",
            sample_index=index,
            seed=None,
            text=text,
            finish_reason=self._reason(cells.text(get(values, "finish_reason"))),
            tokens_in=cells.tally(get(values, "tokens_in")),
            tokens_out=cells.tally(get(values, "tokens_out")),
            logprob_sum=cells.log_probability(get(values, "logprob_sum")),
            reasoning=reasoning,
            messages=turns,
            meta={**self._meta(values, problem, external_id), **switch},
        )
        return ImportedCompletion(
            cells.identifier(get(values, "problem_id")) or problem.id, problem, completion, external_id
        )

    def _switch(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The cell of reasoning by its column, where it says whether to reason (Nemotron's `on`) and holds no reasoning."""
        cell = self._columns.get(values, "reasoning")
        if not isinstance(cell, str | bool | int) or str(cell).strip().lower() not in _SWITCHES:
            return {}
        self.switches[str(cell)] += 1
        return {self._columns.fields.get("reasoning", "reasoning"): cell}

    def _reason(self, given: str | None) -> FinishReason:
        if given is not None and given.lower() not in _ENDS:
            self.reasons[given] += 1
        return _ENDS.get((given or "").lower(), "imported")

    def _index(self, value: Any, problem: StoredProblem, model: str) -> int:
        given = cells.tally(value)
        # A number made up beside given ones could be one of them.
        if given is None and "sample_index" in self._columns.fields:
            raise CellError("the sample index is missing")
        if given is not None:
            return given
        ordinal = self._ordinals[problem.id, model]
        self._ordinals[problem.id, model] += 1
        return ordinal

    def _meta(self, values: dict[str, Any], problem: StoredProblem, external_id: str | None) -> dict[str, Any]:
        rest = self._columns.rest(values)
        meta = {name: cells.plain(value) for name, value in rest.items() if name not in self._unused}
        label = cells.yes_or_no(self._columns.get(values, "is_correct"))
        # These override columns of the same name: the problem of a completion is found by them.
        named = {"import": self._name, "problem_id": problem.id, "external_id": external_id, "is_correct": label}
        return meta | {name: value for name, value in named.items() if value is not None}

    def notes(self) -> list[str]:
        """Notes for a person on how the rows were read."""
        notes = []
        if not self._columns.has("model"):
            notes.append(f"no column names the model: the label is {_NO_MODEL!r} (say --set model=NAME)")
        if self.reasons:
            named = listed(f"{reason!r} {count:,}" for reason, count in self.reasons.most_common())
            notes.append(f"{self.reasons.total():,} unknown finish reasons were left out: {named}")
        if self.switches:
            named = listed(f"{switch!r} {count:,}" for switch, count in self.switches.most_common())
            notes.append(f"{self.switches.total():,} rows switch reasoning and hold none, which is kept in meta: {named}")
        if self.textless:
            notes.append(f"{self.textless} rows without text are stored as empty completions")
        return notes
