"""Cuts an answer's text into tokens: numbers, names, words, signs.

Nothing is evaluated and nothing is guessed: a character or command that is not listed raises `Unsupported`.
"""

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Literal

from rollmill.pipelines.verify.answers.expressions.algebra import UnsupportedForm
from rollmill.pipelines.verify.answers.expressions.quantity import COLOR, FONT, GROUPED, PER_CENT, plain_numerals

MAX_LENGTH = 2_000
MAX_TOKENS = 2_000
MAX_DIGITS = 2_000

Kind = Literal["number", "name", "function", "word", "sign"]


@dataclass(frozen=True, slots=True)
class Token:
    """`text` is the sign, the name, the word, or a number's spelling; `spaced`: whether a space came before."""

    kind: Kind
    text: str
    value: Fraction | None = None
    spaced: bool = False


_FUNCTIONS = frozenset(
    re.findall(
        r"\S+",
        "sin cos tan sec csc cot arcsin arccos arctan asin acos atan sinh cosh tanh log ln lg exp sqrt floor ceil gcd lcm "
        "max min det",
    )
)
_ALIASES = {"asin": "arcsin", "acos": "arccos", "atan": "arctan", "lg": "log"}
_GREEK = frozenset(
    re.findall(
        r"\S+",
        "alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi rho sigma tau "
        "upsilon phi varphi chi psi omega ell Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega",
    )
)
_SIGNS = {
    "cdot": "*", "times": "*", "ast": "*", "div": "/", "pm": "±", "mp": "∓", "le": "≤", "leq": "≤", "leqslant": "≤",
    "ge": "≥", "geq": "≥", "geqslant": "≥", "lt": "<", "gt": ">", "ne": "≠", "neq": "≠", "in": "∈", "cup": "∪", "cap": "∩",
    "infty": "∞", "frac": "frac", "sqrt": "sqrt", "binom": "binom", "lfloor": "⌊", "rfloor": "⌋", "lceil": "⌈",
    "rceil": "⌉",
    "ldots": "…", "dots": "…", "cdots": "…", "dotsc": "…", "dotsb": "…", "langle": "(", "rangle": ")", "lbrace": "{.",
    "rbrace": ".}", "vert": "|", "mid": "|", "lvert": "|", "rvert": "|", "circ": "°", "degree": "°", "emptyset": "∅",
    "varnothing": "∅", "prime": "'",
    "land": "∧", "wedge": "∧", "lor": "or", "setminus": "∖", "approx": "≈", "equiv": "≡", "to": "→", "rightarrow": "→",
}  # fmt: skip
_UNICODE = {
    "×": "*", "·": "*", "⋅": "*", "÷": "/", "−": "-", "–": "-", "—": "-", "≤": "≤", "≥": "≥", "≠": "≠", "∞": "∞", "∪": "∪",
    "∩": "∩", "∈": "∈", "±": "±", "…": "…", "°": "°", "∅": "∅", "′": "'", "’": "'", "≈": "≈", "ℝ": "ℝ",
}  # fmt: skip
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_DROPPED = re.compile(
    r"\\(?:left|right|[bB]igg?[lr]?|displaystyle|textstyle|scriptstyle|tiny|small|normalsize|large|Large|LARGE|huge|Huge|limits|nolimits|mathstrut|quad|qquad|thinspace)(?![A-Za-z])"
    r"|\\(?:boxed|fbox|emph)(?=\s*\{)"
    r"|\\[,;:> ]|~|\$|(?:\bm)?\\(?:measured)?angle(?![A-Za-z])"
)
_ROW_SPACE = re.compile(r"\\\\\s*\[\s*-?[\d.]+\s*(?:pt|em|ex|mm|cm)\s*\]")
_STOP_INSIDE = re.compile(r"(?<=[^\d.\s])\.(?=\s*[)\]])")
_REALS = re.compile(r"\\(?:mathbb|mathbf|Bbb)\s*\{?\s*R\s*\}?")
_TEXT = re.compile(
    r"\\(?:text(?:bf|rm|it|sf|tt|up|sl|sc|md|normal)?|mbox|math(?:rm|bf|it|bb|sf|tt)|boldsymbol|bm|operatorname\*?|rm|bf|it)\s*(?=\{)"
)
_FONT = re.compile(rf"(?:{FONT}|\\(?:math(?:bf|it|sf|tt|rm)|boldsymbol|bm)(?![A-Za-z])(?!\s*\{{))\s*")
_UNDERLINED = re.compile(r"\\u(?:nder)?line\s*\{\s*(-?\d[\d.,]*)\s*\}")
_HALF_DAY = re.compile(r"(?<=\d)\s?([AaPp])(?:\.\s?[Mm]\.|[Mm](?![A-Za-z]))")
_FIGURES = re.compile(r"\\overline\s*\{\s*([A-Z]{2,3})\s*\}|\\triangle(?![A-Za-z])")
_FRACTIONS = re.compile(r"\\[dtc](?=(?:frac|binom)(?![A-Za-z]))")
_REPEATING = re.compile(r"(\d{0,30})\.(\d{0,30})\\(?:overline|bar|dot)\s*\{?(\d{1,30})\}?")
_NUMBER = re.compile(r"\d{1,3}(?:,\d{3})+(?![\d])(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+")
UNGROUPED = re.compile(r"\d+(?:\.\d+)?|\.\d+")
_OVER = re.compile(r"\{([^{}]{1,200})\\over(?![A-Za-z])([^{}]{1,200})\}")
_CHOOSE = re.compile(r"\{([^{}]{1,200})\\choose(?![A-Za-z])([^{}]{1,200})\}")
_BOLD_FORMULA = re.compile(r"\\(?:math(?:bf|it|sf|tt|rm)|boldsymbol|bm)\s*(?=\{\s*\\)")
_UNIT_VECTOR = re.compile(
    r"\\(?:wide)?(?:hat|vec)\s*\{?\s*(?:\\(?:math(?:bf|rm)|boldsymbol|bm|bf)\s*)?\{?\s*\\?([ijk])(?:math)?\s*\}{0,2}"
    r"|\\(?:mathbf|boldsymbol|bm)\s*\{?\s*\\([ij])math\s*\}?"
)
_BASES = {
    "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10, "eleven": 11,
    "twelve": 12, "sixteen": 16, "binary": 2, "octal": 8, "decimal": 10, "hex": 16,
}  # fmt: skip
_BASE = rf"({'|'.join(_BASES)}|\d{{1,2}})"
_BASE_IN_WORDS = re.compile(
    rf"_\s*(?:\{{?\s*\\(?:text|mathrm|mbox)\s*\{{\s*(?:base[\s-]+)?{_BASE}\s*\}}\s*\}}?"
    rf"|\{{\s*\(?(?:base[\s-]+)?{_BASE}\)?\s*\}}|{_BASE}(?![A-Za-z0-9]))"
    rf"|(?<=[0-9A-Fa-f])[\s~]*(?:\\[;, ]\s*)?(?:\\(?:text|mathrm|mbox)\s*\{{\s*)?"
    rf"(?:\(\s*(?:in\s+)?base[\s-]+{_BASE}\s*\)|(?<![0-9A-Fa-f])(?:in\s+)?base(?:[\s-]+|\s*\}}\s*){_BASE}(?![A-Za-z0-9]))\s*\}}?",
    re.IGNORECASE,
)
_CASES = re.compile(r"\\begin\{cases\}(.{0,1000}?)\\end\{cases\}", re.DOTALL)
_DERIVED = re.compile(r"\A\s*\\frac\s*\{\s*d\s?([A-Za-z])\s*\}\s*\{\s*d\s?([A-Za-z])\s*\}\s*(?==|\Z)")
_DERIVATIVE = re.compile(r"\\frac\s*\{\s*(?:d|\\partial)[^{}]{0,20}\}\s*\{\s*(?:d|\\partial)\s*[A-Za-z]")
_MATRIX = re.compile(r"\{(?:[pbB]?matrix|array)\}(?:\s*\{[lcr| ]*\})?")
_LETTERS = re.compile(r"[A-Za-z]+")
_COMMAND = re.compile(r"\\([A-Za-z]+)")
_SUPER = re.compile(r"[⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+")
# two letters that are a word or a unit, not a product of two unknowns
_SHORT_WORDS = frozenset(
    ["no", "on", "so", "is", "we", "he", "if", "am", "pm", "up", "cm", "mm", "km", "kg", "mg", "ml", "ft", "lb", "oz", "hr"]
)
_SIMPLE = frozenset("+-*/^_!()[]{}|,;:<>=%&")


def tokens(text: str, *, grouping: bool = True) -> list[Token]:
    """The tokens of an answer. With `grouping`, 1,234 outside brackets is one number; `{,}` always groups."""
    if len(text) > MAX_LENGTH:
        raise UnsupportedForm("too long")
    spelled = _DERIVED.sub(r"d\1d\2 ", clean(text))
    if _DERIVATIVE.search(spelled):
        raise UnsupportedForm("a derivative")  # d is no factor of dy/dx
    return _Scanner(spelled, grouping).run()


@lru_cache(maxsize=4_096)  # an answer is cleaned for its spelling, for its tokens and for what was asked
def clean(text: str) -> str:
    """Spelling without layout: sizes, spaces, dollar signs and escapes that mean nothing are gone."""
    text = text.replace("{:}", ":")
    # characters of private use stand for {,} (\ue000, inside a number \ue002) and for the end of a row (\ue001)
    if "color" in text:
        text = COLOR.sub(lambda match: match[0][match[0].rindex("{") :] if match[1] else "", text)
    if "\\hat" in text or "\\vec" in text or "math" in text:
        text = _UNIT_VECTOR.sub(lambda match: f" {match[1] or match[2]} ", text)
    if "{\\" in text:
        text = _BOLD_FORMULA.sub("", text)
    if "_" in text or "base" in text:
        text = _BASE_IN_WORDS.sub(_base, text)
    text = GROUPED.sub("\ue000", _ROW_SPACE.sub(r"\\\\", text.replace("\\$", ""))).replace("\\\\", "\ue001")
    text = re.sub(r"(?<=\d,)\\!\s*(?=\d{3}(?!\d))", "", text).replace("\\!", "")
    text = _HALF_DAY.sub(lambda match: f" {match[1].lower()}m", text)
    text = re.sub(r"(?<=\d)\\[ ,](?=\d{3}(?!\d))", "", PER_CENT.sub("percent", text))
    if not text.isascii():
        text = plain_numerals(text)
    if "\\over" in text:
        text = _OVER.sub(r"\\frac{\1}{\2}", text)
    if "\\choose" in text:
        text = _CHOOSE.sub(r"\\binom{\1}{\2}", text)
    if "\\begin" in text:
        text = _CASES.sub(_listed, text)
    text = _REPEATING.sub(_repeating, text)
    text = _REALS.sub("ℝ", _STOP_INSIDE.sub("", _DROPPED.sub(" ", text)))
    if "\\" in text:
        text = _FONT.sub(_space, _UNDERLINED.sub(r"\1", text))
    text = _FIGURES.sub(r"\1", text)
    text = _FRACTIONS.sub(r"\\", text)
    return re.sub(r"\^\s*\{?\s*\\circ\s*\}?", "°", text).strip()


def _space(match: re.Match[str]) -> str:
    """One space for a command and the spaces around it."""
    return "" if match.string[match.start() - 1 : match.start()].isspace() else " "


def _base(match: re.Match[str]) -> str:
    """A base as a subscript, in digits."""
    base = next(filter(None, match.groups())).lower()
    return f"_{{{_BASES.get(base, base)}}}"


def _listed(match: re.Match[str]) -> str:
    """A system of equations in braces as a list; a function by cases unchanged."""
    if "&" in match[1]:
        return match[0]
    return ", ".join(part.strip(" ,") for part in match[1].split("\ue001") if part.strip(" ,"))


def _repeating(match: re.Match[str]) -> str:
    """A repeating decimal as the fraction it is: 0.1\\overline{6} is 15/90."""
    whole, head, cycle = match[1] or "0", match[2], match[3]
    top = int(whole + head + cycle) - int(whole + head)
    return f"({top}/{(10 ** len(cycle) - 1) * 10 ** len(head)})"


class _Scanner:
    """Single pass over the text; every branch moves forward."""

    def __init__(self, text: str, grouping: bool) -> None:
        self.text = re.sub(r"(?<=\d)\ue000(?=\d{3})", "\ue002", text)
        self.grouping = grouping  # outside brackets only: (1,234) is a pair
        self.position = 0
        self.depth = 0
        self.spaced = False
        self.tokens: list[Token] = []

    def run(self) -> list[Token]:
        while self.position < len(self.text):
            if len(self.tokens) > MAX_TOKENS:
                raise UnsupportedForm("too many tokens")
            char = self.text[self.position]
            if char.isspace():
                self.position += 1
                self.spaced = True
                continue
            self.step(char)
            self.spaced = False
        return self.tokens

    def put(self, kind: Kind, text: str, value: Fraction | None = None) -> None:
        self.tokens.append(Token(kind, text, value, self.spaced))

    def step(self, char: str) -> None:
        # isdigit alone is also true of superscripts and of the digits of other scripts.
        if (char.isdigit() and char.isascii()) or (
            char == "." and self.text[self.position + 1 : self.position + 2].isdigit()
        ):
            self.number()
        elif char == "\\":
            self.command()
        elif char.isascii() and char.isalpha():
            word = _LETTERS.match(self.text, self.position)
            assert word is not None
            self.position = word.end()
            self.name(word[0])
        elif self.text.startswith("...", self.position):
            self.sign("…", 3)
        elif self.text.startswith("**", self.position):
            self.sign("^", 2)
        else:
            self.other(char)

    def sign(self, sign: str, length: int = 1) -> None:
        self.depth += (sign in ("(", "[", "{.")) - (sign in (")", "]", ".}"))
        self.put("sign", sign)
        self.position += length

    def number(self) -> None:
        pattern = _NUMBER if self.grouping and self.depth == 0 else UNGROUPED
        match = pattern.match(self.text, self.position)
        if match is None:
            raise UnsupportedForm("strange digit")
        end, spelling = match.end(), match[0]
        while self.text[end : end + 1] == "\ue002":
            spelling += self.text[end + 1 : end + 4]
            end += 4
        fraction = re.match(r"\.\d+", self.text[end:]) if end > match.end() else None
        spelling = (spelling + (fraction[0] if fraction else "")).replace(",", "")
        self.position = end + (len(fraction[0]) if fraction else 0)
        if len(spelling) > MAX_DIGITS:
            raise UnsupportedForm("too many digits")
        self.put("number", spelling, Fraction(spelling))

    def name(self, word: str) -> None:
        """A run of letters: a function, a known name, a short product of letters, or a word."""
        low = word.lower()
        if word in _FUNCTIONS:
            self.put("function", _ALIASES.get(word, word))
        elif low in ("pi", "infinity", "inf", "infty", "oo"):
            self.put("name", "pi") if low == "pi" else self.put("sign", "∞")
        elif word in _GREEK:
            self.put("name", word)
        elif low in ("and", "or"):
            self.put("sign", "," if low == "and" else "or")
        elif low in _SHORT_WORDS:
            self.put("word", low)
        elif len(word) <= 2:
            for letter in word:
                self.put("name", letter)
        else:
            self.put("word", word)

    def command(self) -> None:
        match = _TEXT.match(self.text, self.position)
        if match:
            end = self.text.find("}", match.end())
            if end < 0:
                raise UnsupportedForm("unclosed text")
            self.position = end + 1
            self.words(self.text[match.end() + 1 : end])
            return
        for escaped, sign in (("\\{", "{."), ("\\}", ".}"), ("\\%", "%"), ("\\|", "|"), ("\\_", "_"), ("\\&", "&")):
            if self.text.startswith(escaped, self.position):
                self.sign(sign, 2)
                return
        match = _COMMAND.match(self.text, self.position)
        if match is None:
            raise UnsupportedForm("strange command")
        self.position = match.end()
        self.named(match[1])

    def named(self, command: str) -> None:
        if command in _SIGNS:
            # `sign` moves on by one, and the command has been read already.
            self.position -= 1
            self.sign(_SIGNS[command], 1)
        elif command in _FUNCTIONS:
            self.put("function", _ALIASES.get(command, command))
        elif command == "pi" or command in _GREEK:
            self.put("name", command)
        elif command in ("begin", "end"):
            self.environment(command)
        else:
            raise UnsupportedForm(f"\\{command}")

    def environment(self, which: str) -> None:
        if self.text[self.position : self.position + 2] in ("{v", "{V"):
            raise UnsupportedForm("determinant")
        match = _MATRIX.match(self.text, self.position)
        if match is None:
            raise UnsupportedForm("environment")
        self.position = match.end()
        self.put("sign", "matrix" if which == "begin" else "endmatrix")

    def words(self, content: str) -> None:
        """Put the content of a text command: letters and numbers as such, everything else as one word."""
        inner = content.strip()
        if inner in ("and", "or", ","):
            self.put("sign", "or" if inner == "or" else ",")
        elif re.fullmatch(r"-?\d+(?:\.\d+)?", inner):
            if inner[0] == "-":
                self.put("sign", "-")
            self.put("number", inner.lstrip("-"), Fraction(inner.lstrip("-")))
        elif re.fullmatch(r"[A-Za-z]", inner):
            self.put("name", inner)
        elif inner in _FUNCTIONS:
            self.put("function", _ALIASES.get(inner, inner))
        elif inner:
            self.put("word", inner)

    def other(self, char: str) -> None:
        if char in _SIMPLE:
            self.compound(char)
        elif char in _UNICODE:
            self.sign(_UNICODE[char])
        elif char == "√":
            self.put("function", "sqrt")
            self.position += 1
        elif char == "π":
            self.put("name", "pi")
            self.position += 1
        elif char == "\ue001":
            self.sign("row")
        elif char == "\ue000":
            self.sign(",")
        elif (match := _SUPER.match(self.text, self.position)) is not None:
            self.superscript(match)
        else:
            raise UnsupportedForm(f"character {char!r}")

    def compound(self, char: str) -> None:
        pair = self.text[self.position : self.position + 2]
        if pair in ("<=", ">=", "!=", "=="):
            self.sign({"<=": "≤", ">=": "≥", "!=": "≠", "==": "="}[pair], 2)
        else:
            self.sign(char)

    def superscript(self, match: "re.Match[str]") -> None:
        digits = match[0].translate(_SUPERSCRIPTS)
        for sign in ("^", "{", *(["-"] if digits[0] == "-" else [])):
            self.put("sign", sign)
        self.put("number", digits.lstrip("-"), Fraction(digits.lstrip("-")))
        self.put("sign", "}")
        self.position = match.end()
