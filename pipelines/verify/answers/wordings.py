"""Meaning of an answer in words: no value at all, the real numbers, infinity, or the words themselves."""

import re

from rollmill.pipelines.verify.answers.answer_values import Collection, Interval, Value, Words

_NO_VALUES = re.compile(
    r"(?:therefore|thus|so|hence|(?:the)?(?:final)?answeris|it|this|the(?:given)?(?:equation|system|limit|inequality|problem"
    r"|integral|sum|slope|function|solution)|that|clearly)*(?:"
    r"(?:thereare|thereis|therewere|has|have)?(?:absolutely)?no(?:real|integer|integral|positive|negative|valid|possible|such|rational"
    r"|complex|natural|whole|finite)*(?:solutions?|roots?|values?(?:ofx)?|numbers?|integers?|pairs?|triples?|functions?|zeros?|primes?)"
    r"(?:set)?(?:exists?|satisf(?:y|ies)(?:it|this|theequation)?|work)?|none(?:exists?)?|(?:is)?(?:an?|the)?emptyset|dne"
    r"|(?:do|does)not(?:exist|converge)|(?:is)?non-?existent|(?:is)?(?:undefined|notdefined)"
    r"|(?:esgibt|hat)?keine(?:reellen?)?lösung(?:en)?|existiertnicht|(?:ilnya|na)?(?:pas|aucune)(?:de)?solution|nexistepas"
    r"|(?:nohay|notiene|sin|nao?há|nãohá|nãotem|sem|não?existe)(?:ninguna)?(?:soluc|soluç)(?:ión|iones|ão|ões)?|noexiste|nãoexiste|nonesiste"
    r"|(?:nessuna|nonha|noncisono|nonesistono)soluzion[ei]|brakrozwiązań|нетрешени[йя]|решени[йя]нет|несуществует|geenoplossing(?:en)?"
    r"|无解|無解|方程无解|不存在|空集|解なし|解はない|存在しない|해가없다|ensemblevide|leeremenge|conjuntovací?o|conjuntovazio|insiemevuoto)"
)
"""All ways to say that there is no value are one class: no solution, does not exist, undefined, the empty set."""
_ALL_REALS = frozenset(["allrealnumbers", "allreals", "realnumbers", "allrealvalues"])
_ENDLESS = {"infinity": "∞", "positiveinfinity": "∞", "infinite": "∞", "negativeinfinity": "-∞", "minusinfinity": "-∞"}


def words(text: str) -> Value:
    """Value of words: the real numbers, no value at all, or themselves."""
    joined = "".join(text.split())
    if joined in _ALL_REALS:
        return Interval(None, None, (False, False))
    if _NO_VALUES.fullmatch(joined):
        return Collection("set", ())
    return Words(_ENDLESS.get(joined, text))
