"""Exact arithmetic of formulas: quotients of polynomials over the rationals.

A formula is num/den, each a sum of terms coefficient * monomial. A monomial is a product of atoms with exponents:
`s:x` a symbol, `p:2` a prime under a root (exponent in (0, 1)), `c:pi` and `c:e`, `i`, and `f:...` anything whose inside is
not understood. Products of roots of distinct primes are linearly independent over the rationals, so without `f:` atoms two
formulas are equal exactly when their cross products have equal terms, and unequal otherwise: no float decides anything.
Costs are bounded; what would grow beyond the bounds raises `Unsupported`.
"""

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

MAX_TERMS = 400  # of a sum; a product may take 20 times as many steps
MAX_BITS = 12_000  # of a coefficient: 2^{10000} is still exact
MAX_EXPONENT = 20_000
MAX_ROOT_DEGREE = 24  # a root of a higher degree stays opaque
_TRIAL = 20_000  # divisors tried under a root: what is left below the square of this is a prime
_TRIAL_SQUARED = _TRIAL * _TRIAL

Monomial = tuple[tuple[str, Fraction], ...]
Terms = Mapping[Monomial, Fraction]

UNIT: Monomial = ()
_WORK = 150_000  # steps of one answer: a chain of small products is bounded as well
_spent = threading.local()


def fresh_budget() -> None:
    """Give this thread a new allowance of term operations; what exceeds it raises `Unsupported`."""
    _spent.work = 0


class UnsupportedForm(Exception):  # noqa: N818 - not an error: the text is beyond exact arithmetic
    """Formula beyond exact arithmetic."""


@dataclass(frozen=True, slots=True)
class Formula:
    """num/den with den never zero. `==` is identity of representation; use `equal` for equality of value."""

    num: Terms
    den: Terms

    @property
    def understood(self) -> bool:
        """True if no atom is opaque, so that `equal` decides both ways."""
        return not any(atom.startswith("f:") for terms in (self.num, self.den) for mono in terms for atom, _ in mono)

    @property
    def symbols(self) -> frozenset[str]:
        """Names of the symbols outside opaque atoms."""
        return frozenset(a[2:] for t in (self.num, self.den) for m in t for a, _ in m if a.startswith("s:"))

    def rational(self) -> Fraction | None:
        """The rational number this formula is, or None."""
        if set(self.den) != {UNIT} or not set(self.num) <= {UNIT}:
            return None
        return self.num.get(UNIT, Fraction(0)) / self.den[UNIT]

    def key(self) -> str:
        """Canonical text of the formula; equal formulas with one-term denominators have equal keys."""
        top = _text(self.num)
        return top if self.den == _ONE else f"({top})/({_text(self.den)})"


_ONE: Terms = {UNIT: Fraction(1)}


def constant(value: Fraction | int) -> Formula:
    """A rational number."""
    return Formula({UNIT: Fraction(value)} if value else {}, _ONE)


def atom(name: str) -> Formula:
    """Formula of a single atom (`s:x`, `c:pi`, `i`, `f:...`)."""
    return Formula({((name, Fraction(1)),): Fraction(1)}, _ONE)


def add(a: Formula, b: Formula) -> Formula:
    """a + b."""
    if a.den == b.den:
        return _reduced(_sum(a.num, b.num), a.den)
    return _reduced(_sum(_product(a.num, b.den), _product(b.num, a.den)), _product(a.den, b.den))


def negate(a: Formula) -> Formula:
    """-a."""
    return Formula({mono: -value for mono, value in a.num.items()}, a.den)


def multiply(a: Formula, b: Formula) -> Formula:
    """a * b."""
    return _reduced(_product(a.num, b.num), _product(a.den, b.den))


def divide(a: Formula, b: Formula) -> Formula:
    """a / b; `Unsupported` for b = 0."""
    if not b.num:
        raise UnsupportedForm("division by zero")
    return _reduced(_product(a.num, b.den), _product(a.den, b.num))


def equal(a: Formula, b: Formula) -> bool:
    """True if a and b are the same value; False is final only if both are understood."""
    return not _sum(_product(a.num, b.den), {m: -v for m, v in _product(b.num, a.den).items()})


def power(base: Formula, exponent: Fraction, *, real_root: bool = False) -> Formula:
    """base ** exponent for rational exponents; `real_root` takes the real odd root of a negative number."""
    if exponent.denominator == 1:
        return _integer_power(base, exponent.numerator)
    if exponent.denominator > MAX_ROOT_DEGREE or len(base.num) > 1 or set(base.den) != {UNIT}:
        raise UnsupportedForm("root of a sum")
    if not base.num:
        if exponent < 0:
            raise UnsupportedForm("division by zero")
        return base
    (mono, value), sign = next(iter(base.num.items())), constant(1)
    if any(not name.startswith(("p:", "c:")) and not (name.startswith("s:") and abs(e) == 1) for name, e in mono):
        raise UnsupportedForm("root of a product")
    if value < 0:
        sign, value = _root_of_minus_one(exponent, real_root=real_root), -value
    result: dict[str, Fraction] = {name: e * exponent for name, e in mono}
    below = ((prime, -count) for prime, count in _prime_powers(value.denominator))
    for prime, count in (*_prime_powers(value.numerator), *below):
        result[f"p:{prime}"] = result.get(f"p:{prime}", Fraction(0)) + count * exponent
    return multiply(sign, _formula_of({tuple(sorted(result.items())): Fraction(1)}))


def _root_of_minus_one(exponent: Fraction, *, real_root: bool) -> Formula:
    if exponent.denominator == 2:
        return _integer_power(atom("i"), exponent.numerator)
    if real_root and exponent.denominator % 2:
        return constant(-1 if exponent.numerator % 2 else 1)
    raise UnsupportedForm("root of a negative number")


def _integer_power(base: Formula, exponent: int) -> Formula:
    if exponent < 0:
        return _integer_power(divide(constant(1), base), -exponent)
    bits = max((v.numerator.bit_length() + v.denominator.bit_length() for v in base.num.values()), default=1)
    # Estimated before anything is multiplied: a product that is refused afterwards has taken its memory already.
    if exponent > MAX_EXPONENT or exponent * bits > MAX_BITS or (len(base.num) > 1 and exponent > 64):
        raise UnsupportedForm("power too large")
    result = constant(1)
    for bit in bin(exponent)[2:]:
        result = multiply(result, result)
        if bit == "1":
            result = multiply(result, base)
    return result


def _prime_powers(number: int) -> Iterator[tuple[int, int]]:
    if number.bit_length() > 256:
        raise UnsupportedForm("number too large to factor")
    divisor = 2
    while number > 1 and divisor < _TRIAL and divisor * divisor <= number:
        count = 0
        while number % divisor == 0:
            number //= divisor
            count += 1
        if count:
            yield divisor, count
        divisor += 1 if divisor == 2 else 2
    if number >= _TRIAL_SQUARED:
        raise UnsupportedForm("number too large to factor")
    if number > 1:
        yield number, 1


def _spend(work: int) -> None:
    _spent.work = getattr(_spent, "work", 0) + work
    if work > 20 * MAX_TERMS or _spent.work > _WORK:
        raise UnsupportedForm("too many terms")


def _sum(a: Terms, b: Terms) -> Terms:
    _spend(len(a) + len(b))
    total = dict(a)
    for mono, value in b.items():
        new = total.get(mono, 0) + value
        if new:
            total[mono] = Fraction(new)
        else:
            # No term is ever zero: `equal` asks only whether any terms are left.
            total.pop(mono, None)
    return _bounded(total)


def _product(a: Terms, b: Terms) -> Terms:
    if a is _ONE or a == _ONE:
        return b
    if b is _ONE or b == _ONE:
        return a
    _spend(len(a) * len(b))
    total: dict[Monomial, Fraction] = {}
    for left, x in a.items():
        for right, y in b.items():
            mono, factor = _join(left, right)
            total[mono] = total.get(mono, Fraction(0)) + x * y * factor
    return _bounded({mono: value for mono, value in total.items() if value})


def _join(left: Monomial, right: Monomial) -> tuple[Monomial, Fraction]:
    """The product of two monomials and the rational that falls out of it (i*i = -1, root 2 squared = 2)."""
    if not left or not right:
        mono = left or right
        if not any(name == "i" or name.startswith("p:") for name, _ in mono):
            return mono, Fraction(1)
    exponents = dict(left)
    for name, exponent in right:
        exponents[name] = exponents.get(name, Fraction(0)) + exponent
    factor = Fraction(1)
    for name in [name for name in exponents if name == "i" or name.startswith("p:")]:
        exponent = exponents[name]
        if name == "i":
            turns = int(exponent) % 4
            factor *= -1 if turns >= 2 else 1
            exponents[name] = Fraction(turns % 2)
        else:
            whole = exponent.numerator // exponent.denominator
            factor *= Fraction(int(name[2:])) ** whole
            exponents[name] = exponent - whole
    return tuple(sorted((name, e) for name, e in exponents.items() if e)), factor


def _bounded(terms: dict[Monomial, Fraction]) -> Terms:
    if len(terms) > MAX_TERMS:
        raise UnsupportedForm("too many terms")
    for value in terms.values():
        if value.numerator.bit_length() + value.denominator.bit_length() > MAX_BITS:
            raise UnsupportedForm("number too large")
    return terms


def _formula_of(num: Terms) -> Formula:
    """Normalises the atoms of a one-term sum, where exponents may be anything."""
    total: dict[Monomial, Fraction] = {}
    for mono, value in num.items():
        joined, factor = _join(mono, (("i", Fraction(0)),))
        total[joined] = total.get(joined, Fraction(0)) + value * factor
    return Formula(total, _ONE)


def _reduced(num: Terms, den: Terms) -> Formula:
    """num/den with roots out of the denominator where conjugates do it, and one-term denominators multiplied in."""
    if not num:
        return Formula({}, _ONE)
    for _ in range(6):  # each pass takes one root out of the denominator
        if len(den) == 1:
            break
        conjugate = _conjugate(den)
        if conjugate is None:
            return _divided(num, den)
        num, den = _product(num, conjugate), _product(den, conjugate)
    if len(den) > 1:
        return _divided(num, den)
    mono, value = next(iter(den.items()))
    inverse = _formula_of({tuple((name, -e) for name, e in mono): 1 / value}).num
    return Formula(_product(num, inverse), _ONE)


def _conjugate(den: Terms) -> Terms | None:
    """The denominator with one square root (or i) negated; None when it has none."""
    # Sorted, since the order of a set of texts changes from process to process.
    names = sorted(
        {name for mono in den for name, e in mono if name == "i" or (name.startswith("p:") and e == Fraction(1, 2))}
    )
    if not names or any(name.startswith("p:") and e != Fraction(1, 2) for mono in den for name, e in mono):
        return None
    return {mono: -value if any(name == names[0] for name, _ in mono) else value for mono, value in den.items()}


def _divided(num: Terms, den: Terms) -> Formula:
    """num/den as a polynomial where den divides num, else with den's first coefficient made 1."""
    quotient = _exact_quotient(num, den)
    if quotient is not None:
        return Formula(quotient, _ONE)
    lead = den[max(den)]
    if lead == 1:
        return Formula(num, den)
    return Formula({m: v / lead for m, v in num.items()}, {m: v / lead for m, v in den.items()})


def _exact_quotient(num: Terms, den: Terms) -> Terms | None:
    """num/den when den divides num, by leading terms in a graded order; None otherwise."""
    lead = max(den, key=_order)
    rest, quotient = dict(num), dict[Monomial, Fraction]()
    for _ in range(64):  # terms of the quotient; what needs more stays a fraction
        if not rest:
            return quotient
        top = max(rest, key=_order)
        exponents = dict(top)
        for name, e in lead:
            exponents[name] = exponents.get(name, Fraction(0)) - e
        if any(e < 0 for e in exponents.values()):
            return None
        mono, factor = _join(tuple(sorted((n, e) for n, e in exponents.items() if e)), UNIT)
        value = rest[top] / den[lead] * factor
        quotient[mono] = quotient.get(mono, Fraction(0)) + value
        rest = dict(_sum(rest, {m: -v for m, v in _product({mono: value}, den).items()}))
    return None


def _order(mono: Monomial) -> tuple[Fraction, Monomial]:
    return sum((e for _, e in mono), Fraction(0)), mono


def _text(terms: Terms) -> str:
    if not terms:
        return "0"
    parts = []
    for mono, value in sorted(terms.items(), key=lambda item: item[0], reverse=True):
        names = [name.partition(":")[2] or name for name, _ in mono]
        powers = [
            f"{n}^({e})" if e.denominator > 1 else n if e == 1 else f"{n}^{e}"
            for n, (_, e) in zip(names, mono, strict=True)
        ]
        parts.append("*".join(([] if mono and value == 1 else [str(value)]) + powers))
    return " + ".join(parts)
