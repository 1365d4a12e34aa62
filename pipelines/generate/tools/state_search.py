"""The engine `state_search`: a search over states that a model's program defines (Thought of Search, Katz et al. 2024,
arXiv:2404.11833).

The last fenced block of Python defines start(problem), successors(state) and is_goal(state). In the sandbox the property
tests run first, then, within 5 CPU seconds, a breadth-first or depth-first search, so the model is asked once and not at
every state. The text is the states to the goal, a line each, and behind #### the number of transitions; a failed property
or a search without a goal is named in brackets.
"""

from collections.abc import Mapping
from pathlib import Path

from rollmill.ground.errors import SetupError
from rollmill.ground.ids import digest128
from rollmill.pipelines.generate.tools.model_free import MadeText
from rollmill.pipelines.generate.tools.program import Program
from rollmill.pipelines.option_checks import checked_choice, checked_count
from rollmill.pipelines.sandbox import Mode

GUEST = Path(__file__).with_name("state_search_guest.py")
ORDERS = ("breadth", "depth")
_CALL = """
_outcome, _path = run_search(_defined, {problem!r}, {order!r}, {most!r}, _checks.get("check"))
print("\\n".join([*map(str, _path), f"#### {{len(_path) - 1}}"]) if _outcome == "found" else f"[{{_outcome}}]")
"""


class StateSearch(Program):
    """A Generator. Close it to end the sandbox."""

    engine = "state_search"
    takes = ("problem",)

    def __init__(
        self,
        model: str = "state_search",
        order: str = "breadth",
        most: int = 100_000,
        checks: str = "",
        sandbox: Mode = "strict",
        threads: int = 0,
    ) -> None:
        """Take the options of a recipe.

        Args:
            model: Always `state_search`.
            order: Order of the search: `breadth` finds a shortest path, `depth` any.
            most: Most different states.
            checks: Python that defines check(start, successors, is_goal) with assertions on known instances; "" for none.
            sandbox: Confinement of programs: `strict`, `shared` (faster) or `none` (no protection).
        """
        super().__init__(model, sandbox, threads=threads)
        checked_choice("engine", self.engine, "order", order, ORDERS)
        checked_count("engine", self.engine, "most", most)
        try:
            compile(checks, "checks", "exec")
        except SyntaxError as error:
            raise SetupError(f"engine 'state_search': checks is no Python: {error}.") from None
        self._order, self._most, self._checks = order, most, checks
        self._guest = GUEST.read_text()
        self.model_digest = digest128([self.model_digest, self._guest, order, most, checks])

    def made(self, text: str, options: Mapping[str, str], seed: int) -> MadeText:
        """Path that the search finds; `options`: the `problem` that start() is given."""
        from rollmill.pipelines.verify.code.program import Task, program_of

        program = program_of(text, Task())
        if program is None or program.rule != "fenced":
            return super().made(text, {}, seed)
        call = _CALL.format(problem=options.get("problem", ""), order=self._order, most=self._most)
        parts = [
            self._guest,
            "_checks, _defined = {}, {'__name__': 'components'}",
            f"exec({self._checks!r}, _checks)",
            f"exec({program.text!r}, _defined)",
            call,
        ]
        return super().made("```python\n" + "\n".join(parts) + "\n```", {}, seed)
