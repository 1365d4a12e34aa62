"""The verifiers `all_of` and `any_of`: one verdict from several verifiers of the same completion.

Every part always judges, so the verdict of one never depends on another. The outcome is the first of these that
any part has:

    all_of: incorrect, unparsed, undecided, correct
    any_of: correct, undecided, incorrect, unparsed

The verdicts of the parts are the evidence, their share of correct ones the value, and their versions are in the version.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from time import perf_counter
from typing import Any, ClassVar

from rollmill.ground.errors import SetupError, unknown_name
from rollmill.ground.ids import digest128
from rollmill.ground.records import Completion, Outcome, Problem, Verdict
from rollmill.pipelines.verify.finding import ALL_OF, ANY_OF, SHOWN, Finding, Item, OneByOne, Rules, verdict_of
from rollmill.roles.engine_roles import Interruptible
from rollmill.roles.protocols import NeedsMachine, Verifier
from rollmill.roles.registries import registry

Part = Verifier | Mapping[str, Any]
_AHEAD = 256  # items that every part judges before the first of their verdicts is given
_SHOWN_PART = 200  # characters of each text: the evidence holds every part, and all of it must fit into one verdict


class Composite(OneByOne):
    """Several verifiers as one. `verifiers`: instances, or {"method": name, "options": {...}}; closing closes them."""

    nested: ClassVar[Mapping[str, str]] = {"verifiers": "verifier"}
    order: ClassVar[tuple[Outcome, ...]]
    words: ClassVar[Mapping[str, str]]

    def __init__(self, *, verifiers: Sequence[Part] = ()) -> None:
        """Take the options of a recipe.

        Args:
            verifiers: The parts: instances, or a list of `{method, options}`.
        """
        if not verifiers:
            raise SetupError(
                f"verifier {self.name!r} has no parts.",
                next_command=f"{self.name}: options: {{verifiers: [{{method: number}}, {{method: math}}]}}",
            )
        self.parts: tuple[Verifier, ...] = tuple(part_of(part, self.name) for part in verifiers)
        digest = digest128([[part.name, part.version] for part in self.parts])[:12]
        self.version = f"1+{'+'.join(part.name for part in self.parts)}+{digest}"
        self.rules: Rules = ((self.name, digest),)  # every part is asked of every row: a change of one may change any row

    def judge(self, problem: Problem, completion: Completion) -> Finding:
        """The finding on one completion, after asking every part."""
        return self._finding([_verdict(part, (problem, completion)) for part in self.parts])

    def verify_many(self, items: Iterable[Item]) -> Iterator[Verdict]:
        """Verdicts in input order; each part judges the stream in its own way, a window of items at a time."""
        window: list[Item] = []
        for item in items:
            window.append(item)
            if len(window) == 1 or len(window) >= _AHEAD:  # the first alone, so that a stream begins at once
                yield from self._window(window)
                window = []
        yield from self._window(window)

    def ready(self) -> None:
        """SetupError if a part cannot run on this machine."""
        for part in self.parts:
            if isinstance(part, NeedsMachine):
                part.ready()

    def interrupt(self) -> None:
        """Make the parts give up their work in progress, if they can, from any thread."""
        for part in self.parts:
            if isinstance(part, Interruptible):
                part.interrupt()

    def close(self) -> None:
        """Close every part, whatever another raises; safe to call twice."""
        with ExitStack() as stack:
            for part in self.parts:
                stack.callback(part.close)

    def _window(self, items: Sequence[Item]) -> Iterator[Verdict]:
        started = perf_counter()
        # Part by part and not item by item, so that a part with workers has many items under way.
        columns = [_verdicts(part, items) for part in self.parts]
        seconds = (perf_counter() - started) / max(1, len(items))
        for item, verdicts in zip(items, zip(*columns, strict=True), strict=True):
            yield verdict_of(self, item, self._finding(verdicts), seconds)

    def _finding(self, verdicts: Sequence[Verdict]) -> Finding:
        chosen = min(verdicts, key=lambda verdict: self.order.index(verdict.outcome))  # of equal ones the first
        return Finding(
            chosen.outcome,
            f"{self.name}:{chosen.verifier}",
            chosen.cause,
            sum(verdict.outcome == "correct" for verdict in verdicts) / len(verdicts),
            chosen.extracted,
            chosen.normal_form,
            chosen.reference_form,
            [_evidence(verdict) for verdict in verdicts],
        )


class AllOfVerifier(Composite):
    """Verifier that calls a completion correct when every part does."""

    name = "all_of"
    order = ALL_OF
    words: ClassVar[Mapping[str, str]] = {"all_of": "every part must say so"}


class AnyOfVerifier(Composite):
    """Verifier that calls a completion correct when a part does."""

    name = "any_of"
    order = ANY_OF
    words: ClassVar[Mapping[str, str]] = {"any_of": "one part that says so is enough"}


def part_of(given: Part, where: str) -> Verifier:
    """A verifier by name and options, or the instance that was given."""
    if not isinstance(given, Mapping):
        if not isinstance(given, Verifier):
            raise SetupError(f"a part of verifier {where!r} is {given!r:.100}, neither a verifier nor a method.")
        return given
    for key in sorted(given.keys() - {"method", "options"}):
        raise unknown_name(f"key of a part of verifier {where!r}", str(key), ("method", "options"))
    method, known = given.get("method"), registry("verifier")
    if not isinstance(method, str) or method not in known:
        raise unknown_name("verifier", str(method), known)
    try:
        built: Verifier = known[method](**(given.get("options") or {}))
    except TypeError as error:
        raise SetupError(f"verifier {method!r} within {where!r}: {error}.") from None
    return built


def _verdicts(part: Verifier, items: Sequence[Item]) -> list[Verdict]:
    """A part's verdicts on a window; where it raises on the whole, it is asked item by item."""
    try:
        verdicts = list(part.verify_many(list(items)))
    except Exception:
        return [_verdict(part, item) for item in items]
    if len(verdicts) != len(items):
        raise RuntimeError(f"verifier {part.name} gave {len(verdicts)} verdicts for {len(items)} items")
    return verdicts


def _verdict(part: Verifier, item: Item) -> Verdict:
    """A part's verdict; one that raises has crashed, and its verdict is undecided."""
    try:
        return part.verify(*item)
    except Exception as error:
        cause = f"verifier crash: {type(error).__name__}: {error}"[:SHOWN]
        return verdict_of(part, item, Finding("undecided", "verifier_raised", cause), 0.0)


def _evidence(verdict: Verdict) -> dict[str, Any]:
    names = ("verifier", "version", "outcome", "rule", "cause", "value", "extracted")
    row = {name: value for name in names if (value := getattr(verdict, name)) is not None}
    return {name: value[:_SHOWN_PART] if isinstance(value, str) else value for name, value in row.items()}
