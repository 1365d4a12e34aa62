"""Equality of two answers under the equality policy. Three-valued: True, False, or None if undecided.

Exact arithmetic first, then certain bounds in floating point, then a proof for nested roots; if none of them reaches, an
`Oracle` (hundreds of digits, in a worker process) may decide. Equality is symmetric: no rule asks which is the reference.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from rollmill.pipelines.verify.answers import bounds, equations, radicals
from rollmill.pipelines.verify.answers.answer_values import (
    IN_ALL,
    Assignments,
    Collection,
    Interval,
    Matrix,
    NamedValue,
    Relation,
    Scalar,
    Union,
    Value,
    Words,
)
from rollmill.pipelines.verify.answers.equality import (
    EqualityContext,
    as_written,
    compatible,
    multiplied_out,
    same_number,
    sizes_agree,
    spread,
    units_asked,
)
from rollmill.pipelines.verify.answers.expressions import algebra
from rollmill.pipelines.verify.answers.expressions.algebra import Formula, UnsupportedForm
from rollmill.pipelines.verify.answers.expressions.formulas import formula
from rollmill.pipelines.verify.answers.expressions.grammar import ExpressionNode
from rollmill.pipelines.verify.answers.expressions.quantity import SCALES
from rollmill.pipelines.verify.answers.expressions.units import in_unit
from rollmill.pipelines.verify.answers.questions.labels import is_label
from rollmill.pipelines.verify.answers.questions.renaming import (
    free_renamings,
    graphs,
    renamed,
    symbols,
    with_free_argument,
)

Oracle = Callable[[ExpressionNode, ExpressionNode, Fraction], bool | None]
_MAX_UNORDERED = 40  # matching costs the square of it
_BRACKETS = frozenset(["()", "[]", "set"])


@dataclass(frozen=True, slots=True)
class Judge:
    """Compares two answers to one problem; which of them is the reference does not matter."""

    context: EqualityContext
    oracle: Oracle | None = None

    def same(self, left: Value, right: Value) -> bool | None:
        """True if the two are the same answer; None if that stays open."""
        # What this thread spent on an earlier answer must not change what is said of this one.
        algebra.fresh_budget()
        try:
            same = self._same(left, right)
            return same if same is not False else self._renamed(left, right)
        except UnsupportedForm:
            return None

    def _renamed(self, left: Value, right: Value) -> bool | None:
        """The same under other names for what the writer was free to name: x = kπ and x = nπ; never less than False."""
        if not symbols(left) or not symbols(right):
            return False
        taken = frozenset(self.context.letters)
        return any(self._same(renamed(left, names), right) for names in free_renamings(left, right, taken))

    def _same(self, left: Value, right: Value) -> bool | None:
        if isinstance(left, Assignments) or isinstance(right, Assignments):
            return self._assignments(left, right)
        if isinstance(left, NamedValue) or isinstance(right, NamedValue):
            return self._named(left, right)
        left, right = _alone(left), _alone(right)
        left, right = equations.as_vector(left, right), equations.as_vector(right, left)
        if isinstance(left, Scalar):
            return self._scalar(left, right)
        if isinstance(right, Scalar):
            return self._scalar(right, left)
        if isinstance(left, Words) or isinstance(right, Words):
            return isinstance(left, Words) and isinstance(right, Words) and left.text == right.text
        if isinstance(left, Relation) or isinstance(right, Relation):
            return self._relations(left, right)
        if isinstance(left, Matrix) and isinstance(right, Matrix):
            return self._matrices(left, right)
        if isinstance(left, Matrix) or isinstance(right, Matrix):
            first, second = equations.cells(left), equations.cells(right)
            return False if first is None or second is None else self._each(first, second)
        if isinstance(left, Collection) and isinstance(right, Collection):
            return self._collections(left, right)
        return self._sets(left, right)

    def _assignments(self, left: Value, right: Value) -> bool | None:
        """True for equal assignments, by name if both have names; a tuple or bare list is compared in their order."""
        if isinstance(left, Assignments) and isinstance(right, Assignments):
            left, right = with_free_argument(left), with_free_argument(right)
            assert isinstance(left, Assignments)
            assert isinstance(right, Assignments)
            if set(left.names) != set(right.names) or len(left.names) != len(right.names):
                return False
            others = dict(zip(right.names, right.values, strict=True))
            return _all(self._same(value, others[name]) for name, value in zip(left.names, left.values, strict=True))
        named, bare = (left, right) if isinstance(left, Assignments) else (right, left)
        assert isinstance(named, Assignments)
        if not isinstance(bare, Collection) or bare.kind not in ("()", "list"):
            return False
        if bare.kind == "list" and self.context.unordered and not self.context.ordered:
            return self._unordered(named.values, bare.items)
        values = self._in_problems_order(named) if bare.kind == "list" else named.values
        if values is not None:
            return self._each(values, bare.items)
        # Names out of order leave open which value is whose.
        return False if self._unordered(named.values, bare.items) is False else None

    def _in_problems_order(self, named: Assignments) -> tuple[Value, ...] | None:
        """The values in the order in which the problem uses their names, or by name; None if neither is certain."""
        places = [self.context.letters.index(name) for name in named.names if name in self.context.letters]
        if len(places) == len(named.names):
            return tuple(value for _, value in sorted(zip(places, named.values, strict=True), key=lambda pair: pair[0]))
        words = any(name.isalpha() and len(name) > 2 for name in named.names)  # Maria: 12, Tom: 15
        return named.values if named.as_written and not words else None

    def _named(self, left: Value, right: Value) -> bool | None:
        if isinstance(left, NamedValue) and isinstance(right, NamedValue):
            if left.name == right.name or graphs(left.name, right.name):
                return equations.same_residue(left, right) or self._same(left.value, right.value)
            if left.name.endswith(")") and right.name.endswith(")"):
                first, second = with_free_argument(left), with_free_argument(right)
                if isinstance(first, NamedValue) and isinstance(second, NamedValue) and first.name == second.name:
                    return self._same(first.value, second.value)
            if left.name.startswith("mod ") or right.name.startswith("mod "):
                return None  # x = 7k + 3
            if is_label(left.name) or is_label(right.name):
                return None if self._same(left.value, right.value) is not False else False  # |A| and \\det A
            one, other = equations.as_relation(left), equations.as_relation(right)
            return False if one is None or other is None else self._relations(one, other)
        named, bare = (left, right) if isinstance(left, NamedValue) else (right, left)
        assert isinstance(named, NamedValue)
        if isinstance(bare, Relation) and isinstance(named.value, Interval):
            interval = equations.solved(bare)
            return None if interval is None else self._named(named, interval)
        if isinstance(bare, Relation):
            relation = equations.as_relation(named)
            return False if relation is None else self._relations(relation, bare)
        return self._same(named.value, bare)

    def _scalar(self, scalar: Scalar, other: Value) -> bool | None:
        """Compare one value with another, or with alternatives that all are it (3/4 or 0.75)."""
        if isinstance(other, Scalar):
            return self._scalars(scalar, other)
        if scalar.unit.endswith(IN_ALL):
            return None  # 2:30
        if isinstance(other, Collection) and other.kind == "either":
            return _all(self._same(scalar, item) for item in other.items)
        if isinstance(other, Collection) and other.kind == "ratio" and len(other.items) == 2 and self.context.asks_ratio:
            top, bottom = other.items
            return self._scalars(scalar, equations.quotient(top, bottom)) if _are_scalars(top, bottom) else False
        unknown = equations.solved_for_unknown(other, scalar) if isinstance(other, Relation) else None
        return unknown is not None and scalar.formula is not None and algebra.equal(scalar.formula, unknown)

    def _scalars(self, left: Scalar, right: Scalar) -> bool | None:
        if left.unit != right.unit:
            left, right = _in_radians(left, right), _in_radians(right, left)
            left, right = _in_all(left, right), _in_all(right, left)
        if left.unit != right.unit and not compatible(left.unit, right.unit, self.context):
            return self._converted(left, right)
        spreads = self._spread(left), self._spread(right)
        near = max(spreads)  # either side may be the rounded one
        if left.scale == right.scale:
            return self._formulas(left, right, near)
        scaled = max(wide * SCALES.get(side.scale, 1) for wide, side in zip(spreads, (left, right), strict=True))
        value = None if left.formula is None else left.formula.rational()
        plain = value if not left.scale else None if right.formula is None else right.formula.rational()
        apart = not multiplied_out(left.scale, right.scale, plain, self.context)
        results = [False if apart else self._formulas(_scaled(left), _scaled(right), scaled)]
        if results[0] is not True and as_written(left.scale, right.scale, value, self.context):
            results.append(self._formulas(left, right, near))
        return True if True in results else None if None in results else False

    def _converted(self, left: Scalar, right: Scalar) -> bool | None:
        """Plain numbers of two units of one dimension; open if the problem asks for one of these units."""
        values = [None if side.formula is None or side.scale else side.formula.rational() for side in (left, right)]
        if values[0] is None or values[1] is None or not sizes_agree(left.unit, right.unit, values[0], values[1]):
            return False
        return None if units_asked(self.context.prompt) else True

    def _spread(self, scalar: Scalar) -> Fraction:
        value = None if not scalar.places or scalar.formula is None else scalar.formula.rational()
        return scalar.slack if value is None else spread(value, scalar.slack, scalar.places, self.context)

    def _formulas(self, left: Scalar, right: Scalar, near: Fraction) -> bool | None:
        # the cheapest first; each may leave it open for the next
        if left.formula is not None and right.formula is not None:
            decided = _exactly(left.formula, right.formula, near)
            if decided is not None:
                return decided
        decided = bounds.compare(left.node, right.node, near)
        if decided is None and not near:  # a proof of equality says nothing about values that are only close
            decided = radicals.equal(left.node, right.node)
        if decided is None and self.oracle is not None:
            decided = self.oracle(left.node, right.node, near)
        return decided

    def _relations(self, left: Value, right: Value) -> bool | None:
        """Equations are the same when their sides differ by one nonzero factor; inequalities by a positive one."""
        for relation, values in ((left, right), (right, left)):
            if isinstance(relation, Relation) and isinstance(values, Interval | Collection):
                interval = equations.solved(relation)
                return False if interval is None else self._same(interval.value, values)
        if not isinstance(left, Relation) or not isinstance(right, Relation) or left.sign != right.sign:
            return False
        differences = [equations.difference(relation) for relation in (left, right)]
        if differences[0] is None or differences[1] is None or not differences[0].num or not differences[1].num:
            return None  # nothing is a nonzero multiple of 0 = 0
        ratio = algebra.divide(differences[0], differences[1]).rational()
        if ratio is not None:
            return ratio != 0 if left.sign == "=" else ratio > 0  # a negative factor turns < round
        return False if all(d is not None and d.understood for d in differences) else None

    def _matrices(self, left: Matrix, right: Matrix) -> bool | None:
        if len(left.rows) != len(right.rows) or len(left.rows[0]) != len(right.rows[0]):
            return False
        return self._each([v for row in left.rows for v in row], [v for row in right.rows for v in row])

    def _collections(self, left: Collection, right: Collection) -> bool | None:
        kinds = {left.kind, right.kind}
        if kinds == {"ratio"}:
            left, right = _without_seconds(left, right), _without_seconds(right, left)
        if len(kinds) > 1 and "list" in kinds and kinds & _BRACKETS:
            bracketed = next(iter(kinds & _BRACKETS))
            loose = self.context.policy.brackets_loose or (bracketed == "[]" and self.context.unordered)
            kinds = {"list"} if loose and bracketed != "set" else kinds
        if len(kinds) > 1 and not kinds <= {"set", "list", "either"}:
            return False
        if "either" in kinds or kinds == {"set"} or ("set" in kinds and not self.context.ordered):
            return self._unordered(left.items, right.items)
        if kinds == {"list"} and (self.context.unordered or (not self.context.ordered and _all_tuples(left, right))):
            return self._unordered(left.items, right.items)
        return self._each(left.items, right.items)

    def _sets(self, left: Value, right: Value) -> bool | None:
        """Intervals and unions of them; (a, b) and [a, b] may be read as intervals."""
        if isinstance(left, Union) and isinstance(right, Union):
            return self._unordered(left.parts, right.parts)
        first, second = _as_interval(left), _as_interval(right)
        if first is None or second is None or first.closed != second.closed:
            return False
        ends = []
        for a, b in ((first.low, second.low), (first.high, second.high)):
            if (a is None) != (b is None):
                return False
            ends.append(True if a is None or b is None else self._scalars(a, b))
        return _all(ends)

    def _each(self, left: Sequence[Value], right: Sequence[Value]) -> bool | None:
        if len(left) != len(right):
            return False
        return _all(self._same(a, b) for a, b in zip(left, right, strict=True))

    def _unordered(self, left: Sequence[Value], right: Sequence[Value]) -> bool | None:
        """A one-to-one matching of equal items; open if only undecided pairs would complete one."""
        if len(left) != len(right) or len(right) > _MAX_UNORDERED:
            return False if len(left) != len(right) else None
        table = [[self._same(a, b) for b in right] for a in left]
        if matched([[cell is True for cell in row] for row in table]):
            return True  # certain pairs suffice
        return None if matched([[cell is not False for cell in row] for row in table]) else False


def matched(fits: Sequence[Sequence[bool]]) -> bool:
    """True if every row can have a column of its own that fits it (augmenting paths)."""
    owner: dict[int, int] = {}

    def place(row: int, tried: set[int]) -> bool:
        for column, fit in enumerate(fits[row]):
            if fit and column not in tried:
                tried.add(column)
                if column not in owner or place(owner[column], tried):
                    owner[column] = row
                    return True
        return False

    return all(place(row, set()) for row in range(len(fits)))


def _exactly(left: Formula, right: Formula, near: Fraction) -> bool | None:
    a, b = left.rational(), right.rational()
    if a is not None and b is not None:
        return same_number(a, b, near)  # rationals need no algebra
    try:
        if algebra.equal(left, right):
            return True
    except UnsupportedForm:
        return None  # too large to multiply out: bounds may still decide
    if near and not left.symbols and not right.symbols:
        return None  # a decimal beside an irrational: bounds must tell
    return False if left.understood and right.understood else None


def _scaled(scalar: Scalar) -> Scalar:
    if not scalar.scale:
        return scalar
    factor = SCALES[scalar.scale]
    times = ExpressionNode("number", (), str(factor), factor)
    exact = None if scalar.formula is None else algebra.multiply(scalar.formula, algebra.constant(factor))
    return Scalar(ExpressionNode("*", (scalar.node, times)), exact, "", scalar.unit)


_DEGREES = ("°", "degree", "degrees")
_PI, _HALF_TURN = ExpressionNode("name", (), "pi"), ExpressionNode("number", (), "180", Fraction(180))


def _in_radians(angle: Scalar, other: Scalar) -> Scalar:
    """An angle in degrees as a multiple of pi, if the other side is a bare multiple of pi."""
    if angle.unit not in _DEGREES or other.unit or other.formula is None or angle.scale or not _holds_pi(other.formula):
        return angle
    turned = ExpressionNode("/", (ExpressionNode("*", (angle.node, _PI)), _HALF_TURN))
    return Scalar(turned, None if angle.formula is None else formula(turned))


def _in_all(side: Scalar, other: Scalar) -> Scalar:
    """A quantity of one unit in the smallest unit of its kind, if the other side was given in several units."""
    if not other.unit.endswith(IN_ALL) or side.unit.endswith(IN_ALL) or side.scale:
        return side
    base = other.unit.removesuffix(IN_ALL).strip()
    size = in_unit(side.unit, base)
    if size is None:
        raise UnsupportedForm("a number without the units of the other side")
    node = ExpressionNode("*", (side.node, ExpressionNode("number", (), str(size), Fraction(size))))
    return Scalar(node, formula(node), unit=other.unit)


def _holds_pi(value: Formula) -> bool:
    return any(name == "c:pi" for monomial in value.num for name, _ in monomial)


def _without_seconds(time: Collection, other: Collection) -> Collection:
    """3:30:00 compared with a time of hours and minutes."""
    last = time.items[-1]
    whole = isinstance(last, Scalar) and last.node.text == "00"
    return replace(time, items=time.items[:2]) if whole and len(time.items) == 3 and len(other.items) == 2 else time


def _alone(value: Value) -> Value:
    """A set or list of one is its element; an interval needs two."""
    if isinstance(value, Collection) and len(value.items) == 1 and value.kind != "()":
        return value.items[0]
    return value


def _are_scalars(*values: Value) -> bool:
    return all(isinstance(value, Scalar) for value in values)


def _all_tuples(left: Collection, right: Collection) -> bool:
    """True for lists of tuples only: several solutions, whose order says nothing."""
    return all(isinstance(item, Collection) and item.kind == "()" for item in (*left.items, *right.items))


def _as_interval(value: Value) -> Interval | None:
    if isinstance(value, Interval):
        return value
    if isinstance(value, Collection) and value.kind in ("()", "[]") and len(value.items) == 2:
        low, high = value.items
        if isinstance(low, Scalar) and isinstance(high, Scalar):
            return Interval(low, high, (value.kind == "[]", value.kind == "[]"))
    return None


def _all(results: Iterable[bool | None]) -> bool | None:
    known = list(results)
    return False if False in known else None if None in known else True
