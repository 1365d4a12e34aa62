"""When two answers are the same under the equality policy. Three-valued: True, False, or None where it cannot tell.

Exact where exact arithmetic reaches; elsewhere an `Oracle` (numbers to 100 digits, in a worker process) may decide.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from pipelines.verify.answers import algebra
from pipelines.verify.answers.algebra import Formula, Unsupported
from pipelines.verify.answers.grammar import Node
from pipelines.verify.answers.meaning import Collection, Interval, Matrix, Named, Relation, Scalar, Union, Value, Words
from pipelines.verify.answers.policy import Asked, same_number, same_unit

Oracle = Callable[[Node, Node], bool | None]
_MAX_UNORDERED = 40


@dataclass(frozen=True, slots=True)
class Judge:
    """Compares a reference with an answer for one problem."""

    asks: Asked
    oracle: Oracle | None = None

    def same(self, reference: Value, answer: Value) -> bool | None:
        """Whether the answer is the reference; None where that stays open."""
        algebra.fresh_budget()
        try:
            return self._same(reference, answer)
        except Unsupported:
            return None

    def _same(self, reference: Value, answer: Value) -> bool | None:
        if isinstance(reference, Named) or isinstance(answer, Named):
            return self._named(reference, answer)
        reference, answer = _alone(reference), _alone(answer)
        if isinstance(reference, Scalar):
            return self._scalar(reference, answer)
        if isinstance(reference, Words) or isinstance(answer, Words):
            return isinstance(reference, Words) and isinstance(answer, Words) and reference.text == answer.text
        if isinstance(reference, Relation) or isinstance(answer, Relation):
            return self._relations(reference, answer)
        if isinstance(reference, Matrix) and isinstance(answer, Matrix):
            return self._matrices(reference, answer)
        if isinstance(reference, Collection) and isinstance(answer, Collection):
            return self._collections(reference, answer)
        return self._sets(reference, answer)

    def _named(self, reference: Value, answer: Value) -> bool | None:
        if isinstance(reference, Named) and isinstance(answer, Named):
            if reference.name == answer.name:
                return self._same(reference.value, answer.value)
            left, right = _as_relation(reference), _as_relation(answer)
            return self._relations(left, right) if left is not None and right is not None else False
        named, other = (reference, answer) if isinstance(reference, Named) else (answer, reference)
        assert isinstance(named, Named)
        if isinstance(other, Relation):
            relation = _as_relation(named)
            return False if relation is None else self._relations(relation, other)
        return self._same(named.value, other) if named is reference else self._same(other, named.value)

    def _scalar(self, reference: Scalar, answer: Value) -> bool | None:
        """One value against one, or against alternatives that all are it (3/4 or 0.75)."""
        if isinstance(answer, Scalar):
            return self._scalars(reference, answer)
        if isinstance(answer, Relation):
            return self._relations(reference, answer)
        if isinstance(answer, Collection) and answer.kind == "either":
            return _all(self._same(reference, item) for item in answer.items)
        return False

    def _scalars(self, reference: Scalar, answer: Scalar) -> bool | None:
        if not same_unit(reference.unit, answer.unit):
            return False
        results = [self._formulas(left, right, answer.slack) for left, right in self._readings(reference, answer)]
        return True if True in results else None if None in results else False

    def _readings(self, reference: Scalar, answer: Scalar) -> list[tuple[Scalar, Scalar]]:
        """As in the policy for plain numbers: percent against none has two readings where the problem allows it."""
        if reference.scale == answer.scale:
            return [(reference, answer)]
        pairs = [(_scaled(reference), _scaled(answer))]
        if not answer.scale or (not reference.scale and answer.scale in self.asks.scales):
            pairs.append((reference, answer))
        return pairs

    def _formulas(self, reference: Scalar, answer: Scalar, slack: Fraction) -> bool | None:
        left, right = reference.formula, answer.formula
        if left is not None and right is not None:
            decided = _exactly(left, right, slack)
            if decided is not None:
                return decided
        return None if self.oracle is None else self.oracle(reference.node, answer.node)

    def _relations(self, reference: Value, answer: Value) -> bool | None:
        """Equations are the same when their sides differ by one nonzero factor; inequalities by a positive one."""
        if not isinstance(reference, Relation) or not isinstance(answer, Relation) or reference.sign != answer.sign:
            return False
        differences = [_difference(relation) for relation in (reference, answer)]
        if differences[0] is None or differences[1] is None or not differences[0].num or not differences[1].num:
            return None
        ratio = algebra.divide(differences[0], differences[1]).rational()
        if ratio is not None:
            return ratio != 0 if reference.sign == "=" else ratio > 0
        return False if all(d is not None and d.understood for d in differences) else None

    def _matrices(self, reference: Matrix, answer: Matrix) -> bool | None:
        if len(reference.rows) != len(answer.rows) or len(reference.rows[0]) != len(answer.rows[0]):
            return False
        return self._each([v for row in reference.rows for v in row], [v for row in answer.rows for v in row])

    def _collections(self, reference: Collection, answer: Collection) -> bool | None:
        left, right = reference.kind, answer.kind
        if left == "[]" and right == "list" and self.asks.unordered:
            left = "list"
        if left != right and not {left, right} <= {"set", "list", "either"}:
            return False
        if "set" in (left, right) and left != "set" and not self.asks.unordered:
            return self._each(reference.items, answer.items)
        if left in ("set", "either") or right == "either" or (left == "list" and self.asks.unordered):
            return self._unordered(reference.items, answer.items)
        return self._each(reference.items, answer.items)

    def _sets(self, reference: Value, answer: Value) -> bool | None:
        """Intervals and unions of them; (a, b) and [a, b] may be read as intervals."""
        if isinstance(reference, Union) and isinstance(answer, Union):
            return self._unordered(reference.parts, answer.parts)
        left, right = _as_interval(reference), _as_interval(answer)
        if left is None or right is None or left.closed != right.closed:
            return False
        ends = []
        for a, b in ((left.low, right.low), (left.high, right.high)):
            if (a is None) != (b is None):
                return False
            ends.append(True if a is None or b is None else self._scalars(a, b))
        return _all(ends)

    def _each(self, reference: Sequence[Value], answer: Sequence[Value]) -> bool | None:
        if len(reference) != len(answer):
            return False
        return _all(self._same(a, b) for a, b in zip(reference, answer, strict=True))

    def _unordered(self, reference: Sequence[Value], answer: Sequence[Value]) -> bool | None:
        """A one-to-one matching; what cannot be told in a pair leaves the whole open unless counts already differ."""
        if len(reference) != len(answer) or len(answer) > _MAX_UNORDERED:
            return False if len(reference) != len(answer) else None
        left, unsure = list(answer), False
        for item in reference:
            results = [self._same(item, other) for other in left]
            if True in results:
                left.pop(results.index(True))
            elif None in results:
                unsure = True
            else:
                return False
        return None if unsure else True


def _exactly(left: Formula, right: Formula, slack: Fraction) -> bool | None:
    try:
        if algebra.equal(left, right):
            return True
    except Unsupported:
        return None
    a, b = left.rational(), right.rational()
    if a is not None and b is not None:
        return same_number(a, b, slack)
    if slack and not left.symbols:
        return None  # a floating-point print of an irrational: numbers must tell
    return False if left.understood and right.understood else None


def _scaled(scalar: Scalar) -> Scalar:
    if not scalar.scale:
        return scalar
    hundred = Node("number", (), "100", Fraction(100))
    exact = None if scalar.formula is None else algebra.divide(scalar.formula, algebra.constant(100))
    return Scalar(Node("/", (scalar.node, hundred)), exact, "", scalar.unit, scalar.slack / 100)


def _alone(value: Value) -> Value:
    """A set or list of one is its element; an interval needs two."""
    if isinstance(value, Collection) and len(value.items) == 1 and value.kind != "()":
        return value.items[0]
    return value


def _as_relation(named: Named) -> Relation | None:
    if not isinstance(named.value, Scalar) or not named.name.replace("_", "").replace("'", "").isalnum():
        return None
    name = Node("name", (), named.name)
    return Relation("=", Scalar(name, algebra.atom(f"s:{named.name}")), named.value)


def _as_interval(value: Value) -> Interval | None:
    if isinstance(value, Interval):
        return value
    if isinstance(value, Collection) and value.kind in ("()", "[]") and len(value.items) == 2:
        low, high = value.items
        if isinstance(low, Scalar) and isinstance(high, Scalar):
            return Interval(low, high, (value.kind == "[]", value.kind == "[]"))
    return None


def _difference(relation: Relation) -> Formula | None:
    left, right = relation.left.formula, relation.right.formula
    if left is None or right is None:
        return None
    return algebra.add(left, algebra.negate(right))


def _all(results: Iterable[bool | None]) -> bool | None:
    seen = list(results)
    return False if False in seen else None if None in seen else True
