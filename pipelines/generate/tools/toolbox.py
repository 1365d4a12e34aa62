"""The engine `toolbox`: the stored tools that fit a problem best by three views, each tool once (CRAFT, Yuan et al. 2024).

A stored tool is a pair, the problem that it was made of and its program: a function with a docstring. Tools that differ in
names, docstrings and layout alone are copies, and the first of them stays. A question is compared with the problems, the
functions' names and their docstrings, each by BM25; a view votes for its nearest `count` tools, and a tool needs two votes.
More votes come first, then the smaller sum of ranks. A tool that was made of the very question is never given, whatever
its case and white space. A line `NAME: ...` or `DOC: ...` of the question, which a model may
write, is what its view compares; without it every view compares the whole question.
"""

import ast
import re
from collections.abc import Mapping, Sequence

import numpy as np

from rollmill.ground.errors import SetupError
from rollmill.ground.formats.marks import numbered_blocks
from rollmill.pipelines.generate.bm25 import BM25
from rollmill.pipelines.generate.tools.model_free import MadeText, ModelFree, check_named, failed
from rollmill.pipelines.option_checks import checked_count

VIEWS = ("problem", "name", "doc")
NEEDED = 2
"""Views that must vote for a tool."""
_FENCED = re.compile(r"```(?:python)?\n(.*?)```", re.DOTALL)
_LINE = re.compile(r"^(NAME|DOC): *(.+)$", re.MULTILINE)


class Toolbox(ModelFree):
    """A Generator. `copies`: stored tools that repeat an earlier one."""

    engine = "toolbox"

    def __init__(self, model: str = "toolbox", tools: Sequence[Sequence[str]] = (), count: int = 3) -> None:
        """Take the options of a recipe.

        Args:
            model: Always `toolbox`.
            tools: The stored tools, pairs of a problem and a program.
            count: Most tools to show, and the tools that a view votes for.
        """
        check_named(self.engine, model)
        self.count = checked_count("engine", self.engine, "count", count)
        kept: dict[str, tuple[str, str]] = {}
        for pair in tools:
            if len(pair) != 2 or (function := function_of(str(pair[1]))) is None:
                raise SetupError(f"engine 'toolbox': {str(pair)[:80]!r} is no pair of a problem and a function.")
            kept.setdefault(canonical_function(function), (str(pair[0]), str(pair[1])))
        if not kept:
            raise SetupError("engine 'toolbox' has no tools.", next_command="name pairs of a problem and a program")
        self._tools, self.copies = list(kept.values()), len(tools) - len(kept)
        super().__init__(model, ["1", [list(tool) for tool in self._tools], count])

    def made(self, text: str, options: Mapping[str, str], seed: int) -> MadeText:
        """The programs of the tools that at least two views vote for."""
        del options, seed
        numbers = self.chosen(text)
        if not numbers:
            return failed("no tool has two votes")
        shown = [self._tools[number][1] for number in numbers]
        return MadeText(numbered_blocks("TOOL", shown), {"tools": numbers})

    def chosen(self, text: str, views: Sequence[str] = VIEWS, needed: int = NEEDED) -> list[int]:
        """Numbers (from 0) of the tools with at least `needed` votes of these views, the best first."""
        from rollmill.pipelines.contamination.texts import plain

        # A model may have added NAME and DOC lines; only without them does the question equal its stored problem.
        asked = plain(_LINE.sub("", text).strip())
        ranks = {view: self.ranked(text, view) for view in views}
        votes = {
            number: [ranked.index(number) for ranked in ranks.values() if number in ranked] for number in range(self.size)
        }
        able = [number for number, places in votes.items() if len(places) >= needed]
        able = [number for number in able if plain(self._tools[number][0].strip()) != asked]
        return sorted(able, key=lambda number: (-len(votes[number]), sum(votes[number]), number))[: self.count]

    def ranked(self, text: str, view: str) -> list[int]:
        """The tools that a view votes for, the nearest first."""
        from rollmill.pipelines.contamination.texts import tokens

        given = {name.lower(): line for name, line in _LINE.findall(text)}
        # The index splits names at underscores, and a question that says `sum_of_digits` has to match its words.
        question = given.get(view, _LINE.sub("", text)).replace("_", " ")
        scores = self._indices()[view].scores(tokens(question))
        # A score of 0 is no common word: such a tool gets no vote, even if fewer than `count` are left.
        return [int(number) for number in np.argsort(-scores, kind="stable")[: self.count] if scores[number] > 0]

    @property
    def size(self) -> int:
        """Number of different tools."""
        return len(self._tools)

    def _indices(self) -> Mapping[str, BM25]:
        from rollmill.pipelines.contamination.texts import tokens

        if not hasattr(self, "_made"):
            functions = [function_of(program) for _, program in self._tools]
            texts = {
                "problem": [problem for problem, _ in self._tools],
                "name": [function.name.replace("_", " ") for function in functions if function],
                "doc": [ast.get_docstring(function) or "" for function in functions if function],
            }
            self._made = {view: BM25([tokens(text) for text in given]) for view, given in texts.items()}
        return self._made


def function_of(program: str) -> ast.FunctionDef | None:
    """The first function of a program, fenced or not; None if there is none."""
    blocks = _FENCED.findall(program)
    try:
        tree = ast.parse(blocks[-1] if blocks else program)
    # Programs may come from a model: a NUL byte or deep nesting raises more than SyntaxError.
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return next((node for node in tree.body if isinstance(node, ast.FunctionDef)), None)


def canonical_function(function: ast.FunctionDef) -> str:
    """The function without docstring, its own name hidden, its arguments and variables numbered by first use."""
    given = function.args
    places: list[Sequence[ast.arg | None]] = [
        given.posonlyargs,
        given.args,
        [given.vararg],
        given.kwonlyargs,
        [given.kwarg],
    ]
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    # The function's own name is hidden in its body too, where it calls itself.
    names: dict[str, str] = {function.name: "f"}
    for argument in filter(None, (argument for place in places for argument in place)):
        names.setdefault(argument.arg, f"a{len(names)}")
    nodes = [node for part in body for node in ast.walk(part)]
    _number_inner_arguments(nodes)
    used = [node for node in nodes if isinstance(node, ast.Name)]
    # A name that is only read, such as `len`, is part of what the function does and stays.
    local = {node.id for node in used if isinstance(node.ctx, ast.Store)}
    for node in used:
        if node.id in local:
            names.setdefault(node.id, f"a{len(names)}")
        node.id = names.get(node.id, node.id)
    # A slash for each kind of argument keeps f(a, b) apart from f(a, *b).
    arguments = "/".join(",".join(names[argument.arg] for argument in place if argument) for place in places)
    defaults = [ast.dump(default) if default else "" for default in (*given.defaults, *given.kw_defaults)]
    return "\n".join([arguments, *defaults, *(ast.dump(part) for part in body)])


def _number_inner_arguments(nodes: Sequence[ast.AST]) -> None:
    """Number the arguments of each lambda and inner function, within it alone: a variable outside may have their names."""
    called = {node.arg for node in nodes if isinstance(node, ast.keyword)}
    inner = [node for node in nodes if isinstance(node, ast.Lambda | ast.FunctionDef)]
    # The innermost first, so that an argument hides those of the same name around it.
    for number, function in reversed([*enumerate(inner)]):
        own = [node for node in ast.iter_child_nodes(function.args) if isinstance(node, ast.arg)]
        # An argument that a call names keeps its name, as in g(x=1).
        names = {node.arg: f"{number}.{node.arg if node.arg in called else place}" for place, node in enumerate(own)}
        for argument in own:
            argument.arg = names[argument.arg]
        # Defaults belong to the scope outside, as in lambda i=i: i.
        for part in [function.body] if isinstance(function, ast.Lambda) else function.body:
            for node in ast.walk(part):
                if isinstance(node, ast.Name):
                    node.id = names.get(node.id, node.id)
