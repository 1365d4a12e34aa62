"""Text around a value that names it: the label before its equals sign, the quantifier behind it, the word "only".

A left side that no arithmetic can evaluate is the name of the one value beside it (f'(1) = -2, \\det A = -2, P(X > 3)
= 1/2). One that arithmetic can evaluate (2x = 17, \\sqrt{x} = 17) is an equation, unless the problem asks for just this
left side.
"""

import re

_ARGUMENT = r"\s*(?:\((?:[^()]|\([^()]*\)){1,80}\)|\[[^\[\]]{1,80}\]|\\\{[^{}]{1,80}\\\}|\{[^{}]{1,80}\})"
_SCRIPTS = r"(?:\s*[_^]\s*(?:\{(?:[^{}]|\{[^{}]*\}){1,40}\}|\w|\\[a-z]+))*"
_OPERATORS = (
    r"\\(?:det|max|min|sup|inf|lim|limsup|liminf|gcd|deg|dim|ker|arg|Pr|argmax|argmin|nabla|int|iint|oint|sum|prod|angle|measuredangle"
    r"|triangle|vec|overrightarrow|overline|hat|bar|widehat|tilde|dot|ddot|mathbf|mathbb|mathcal|mathrm|operatorname\*?|text(?:bf|it|rm)?"
    r"|boldsymbol|lfloor|lceil|langle|lVert|\||Re|Im|tr|rank|Vert|Delta|left\|)(?![A-Za-z])"
    r"|(?:gcd|lcm|det|max|min|lim|tr|rank|deg|dim|Var|Cov|Pr|var|cov|std|area|Area|perimeter|volume|arg)\b"
)
_LABEL = re.compile(
    rf"(?:{_OPERATORS}).{{0,120}}"
    rf"|[PE]{_SCRIPTS}{_ARGUMENT}|[A-Za-z]'+{_SCRIPTS}(?:{_ARGUMENT})?|[A-Za-z]\^\{{?\(\d\)\}}?{_ARGUMENT}"
    rf"|[fghFGHTS]\s*\^\s*\{{?-1\}}?{_ARGUMENT}|[fghA-Z]{_SCRIPTS}{_ARGUMENT}|\(\s*[a-zA-Z]\s*(?:\\circ|\\cdot|[∘+*/·-])\s*[a-zA-Z]\s*\){_ARGUMENT}"
    rf"|[a-z]\s*(?:\\circ(?![A-Za-z])|∘)\s*[a-z]\s*{_ARGUMENT}"
    r"|[A-Z]\s*\^\s*\{?(?:-1|T|\\top|\*)\}?|\\frac\s*\{\s*(?:d|\\partial)[^{}]*\}\s*\{\s*(?:d|\\partial)[^{}]*\}.{0,40}"
    r"|D_?\{?[a-z]\}?\s*\(?[a-zA-Z].{0,20}|\\(?:sigma|chi)\s*\^\s*\{?2\}?|\[[A-Z]\s*:\s*[A-Z]\]|[A-Za-z]\s*\^\s*\{?\s*\*\s*\}?"
    r"|[A-Za-z]_(?:\{[^{}=]{1,30}\}|\\[a-z]+)|\\(?:log|ln)\s*(?:_\s*\{?\d+\}?)?\s*[({]?\s*\d+\s*[)}]?"
    r"|d[a-z]\s*/\s*d[a-z]|[Δ∠△∫∑∏∇‖].{0,80}|\\\|.{1,40}\\\||\[[A-Z]{3,6}\]|\\begin\s*\{[vV]matrix\}.{1,200}\\end\s*\{[vV]matrix\}|m\s*\\angle.{0,40}"
)
_ARITHMETIC = re.compile(r"[-+*/·×÷<>]|\\(?:cdot|times|div|pm|le|ge|leq|geq|ne|neq)(?![A-Za-z])")
_SIDES = re.compile(r"\\(?:left|right)(?=\s*\\[lr](?:floor|ceil|vert|Vert|angle))")
_NESTED = re.compile(r"\\lfloor.*?\\rfloor|\\lceil.*?\\rceil|\([^()]*\)|\{[^{}]*\}|\[[^\[\]]*\]|\|[^|]*\|")
_BOUND = re.compile(r"\s*(?:\\(?:int|iint|oint|sum|prod|lim|max|min|sup|inf|frac|begin)(?![A-Za-z])|[∫∑∏])")
_SIZES = re.compile(r"\\(?:left|right|[bB]igg?[lr]?|displaystyle)(?![A-Za-z])|\\[,;:! ]|[\s$]|\\[()\[\]]")
_ONLY = re.compile(
    r"(?i)\s*(?:\\text\s*\{\s*(?:only|just|exactly|precisely)\s*\}|(?:only|just|exactly|precisely)\b)\s*(?=\S)"
)
_NUMBERS = r"(?:\\mathbb\s*\{?\s*[ZRCQ]\s*\}?|\\mathbf\s*\{?\s*[ZR]\s*\}?|[ℤℝℂℚ]|\\Z|\\R|Z)"
_LETTER = r"(?:\\?[A-Za-z]+|[A-Za-z](?:_\{?\w\}?)?)"
_KIND = (
    r"(?:(?:an?|some|the|any|arbitrary|fixed|real|complex|rational|integer|free) )*"
    r"(?:integers?|constants?|numbers?|reals|parameters?|real|arbitrary)"
)
_DOMAIN = r"(?:(?:positive|negative|nonnegative|non-negative|nonzero|non-zero|natural|real|complex|rational|prime|whole) )*"
_SOFT = r"(?:[\s,;$~{}()]|\\[,;: ()]|\\q?quad|\\(?:text|mathrm|mbox)\s*\{)*"
_NAMES = rf"{_LETTER}(?:{_SOFT}(?:(?:and|,){_SOFT})?{_LETTER}){{0,2}}"
_QUANTIFIER = re.compile(
    rf"(?:[\s,;:$~(]|\\[,;: ]|\\q?quad|\\(?:text|mathrm|mbox)\s*\{{)+"
    rf"(?:(?:for|with) (?:all|any|every|each){_SOFT}{_DOMAIN}"
    rf"(?:(?:integers?|numbers?|reals?|values?|values of|constants?){_SOFT})?(?:{_LETTER}{_SOFT})?"
    rf"(?:(?:\\in|∈|>|\\ge|\\geq|<|\\ne|\\neq){_SOFT}(?:\w|{_NUMBERS})[\w+^{{}}]*)?"
    rf"|(?:for|with) (?:some|an?){_SOFT}{_KIND}{_SOFT}(?:{_NAMES}{_SOFT})?(?:(?:\\in|∈){_SOFT}{_NUMBERS})?"
    rf"|(?:where|with|for){_SOFT}{_NAMES}{_SOFT}(?:(?:is|are|being|denotes?){_SOFT}{_KIND}|(?:\\in|∈){_SOFT}{_NUMBERS})"
    rf"|{_LETTER}\s*(?:\\in|∈)\s*{_NUMBERS})"
    r"[\s.,$)}]*\Z"
)


def without_quantifier(text: str) -> str:
    """The text without "only" before it and "for some integer t", "k ∈ ℤ", "where c is a constant" behind it."""
    if "nly" in text or "ust" in text or "xactly" in text or "recisely" in text:
        text = _ONLY.sub("", text, count=1) if _ONLY.match(text) else text
    if "for " not in text and "where" not in text and "with" not in text and "in" not in text and "∈" not in text:
        return text
    behind = _QUANTIFIER.search(text)
    if behind is None or not behind.start() or not text[: behind.start()].strip(" $,;({"):
        return text
    return _closed(text[: behind.start()].rstrip(" ,;:"))


def label_and_value(text: str) -> tuple[str, str] | None:
    """(label, value) of f'(1) = -2; None where the left side is arithmetic, or no label that is known."""
    place = equals_sign(text)
    if place is None:
        return None
    left, right = _SIDES.sub("", text[:place]).strip(" $"), text[place + 1 :].strip()
    label = _LABEL.fullmatch(left)
    if (
        label is None
        or not right
        or ("=" in right and re.search(r",|;|\band\b|\bor\b", right))
        or not (_BOUND.match(left) or not _ARITHMETIC.search(_flat(left.replace("^*", ""))))
    ):
        return None
    return _SIZES.sub("", left), right


def is_label(name: str) -> bool:
    """True for a name that is no plain letter, word or f(x)."""
    return not name.replace("_", "").replace("'", "").replace("(", "").replace(")", "").replace(",", "").isalnum()


def asked_value(text: str, prompt: str) -> str | None:
    """The right side of a + b = 7 where the problem's text has this left side, and no equation that begins with it."""
    place = equals_sign(text)
    if place is None:
        return None
    left, right = _SIZES.sub("", text[:place]), text[place + 1 :].strip()
    if len(left) < 2 or not right or "=" in right:
        return None
    around = _SIZES.sub("", prompt)
    start = around.find(left)
    starts = start >= 0
    while start >= 0:
        before, behind = around[start - 1 : start], around[start + len(left) : start + len(left) + 1]
        if behind in ("=", "<", ">", "^", "_", "+", "-", "*", "/") or before in ("=", "+", "-", "*", "/", "^", "\\"):
            return None
        start = around.find(left, start + 1)
    return right if starts else None


def equals_sign(text: str) -> int | None:
    """Place of the first equals sign that stands in no bracket; None if another relation comes before it."""
    depth = 0
    for place, char in enumerate(text[:400]):
        depth += (char in "([{") - (char in ")]}")
        if char == "=" and depth == 0:
            related = text[place - 1 : place] in ("<", ">", "!", ":", "=") or text[place + 1 : place + 2] == "="
            return None if related else place
    return None


def _flat(left: str) -> str:
    """A left side without what stands in brackets."""
    for _ in range(4):
        left, before = _NESTED.sub("", left), left
        if left == before:
            break
    return left


def _closed(text: str) -> str:
    """The text without dollars and braces that what was cut off had closed."""
    if text.count("$") % 2 and not text.startswith("$"):
        text = text.rstrip("$")
    return text.strip("$") if text.count("$") % 2 else text
