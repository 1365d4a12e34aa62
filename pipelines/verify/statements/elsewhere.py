"""Answers that texts state or deny in languages whose sentences are not read otherwise (`other_languages.toml`).

A word that denies, in the clause of a value, takes it back. Where a text says "niet 119 maar 120", 119 stands between.
"""

import re
import tomllib
from pathlib import Path

_TABLE = tomllib.loads((Path(__file__).parent / "other_languages.toml").read_text(encoding="utf-8"))
_SAYS = re.compile(
    r"(?i)(?<![^\W_])(?:"
    + "|".join(f"(?:{says})" for says in _TABLE["says"])
    + r")[\s:：是为*]{0,4}(?=[\s$*(\\]{0,6}[-−]?[\d\\])"
)
LETTER_SAID = re.compile(
    r"(?i)(?<![^\W_])(?:"
    + "|".join(f"(?:{says})" for says in (*_TABLE["says"], *_TABLE["says_letter"]))
    + r")[\s:：*]{0,4}[(（]?(?-i:(?P<letter>[A-J]))(?![A-Za-z'’])"
)
"""What says of the letter of an option that it is the answer."""
_NEEDLES = tuple(_TABLE["needles"].split("|"))
_PLAIN_NEEDLES = tuple(needle for needle in _NEEDLES if needle.isascii())
_WORDS = frozenset(_TABLE["denies"].split())
_JOINED = re.compile("|".join(map(re.escape, _TABLE["joined"])))
_RULED_OUT = "|".join(_TABLE["rules_out"].split())
_PHRASE = re.compile(rf"(?i)(?<![^\W_])(?:{'|'.join(_TABLE['phrases'])}|{_RULED_OUT})[\s$*(\\a-z{{]{{0,14}}\Z")
_WRONG = re.compile(rf"(?i)[\s$)}}\]\\,]*(?:[(（]\s*)?{_TABLE['wrong']}(?![a-z])")
_TURNS = frozenset(_TABLE["turns"].split())
_NEGATED_VERB = re.compile(rf"(?i)[\s$*)}}\]\\]*(?:[^\W\d_]+ ){{0,2}}?(?:{_TABLE['negated_verbs']})(?![^\W\d_])")
_LEADS_ON = re.compile("(?:므로|니까|[아어]서|지만|ので|から|ため)\\Z")
"""Ends of words that join a clause to the next one."""
_CLAUSE = {",": 2, "،": 2, "，": 1, "、": 1}
"""Commas, with the number of words behind one that are a clause."""
_VOWEL_SIGN = r"[\u064b-\u065f\u0900-\u0963\u0966-\u0dff\u0e30-\u0e4e\u0eb1-\u109f\u17b4-\u17d3]"
_TOKEN = re.compile(rf"[^\W\d_](?:[^\W\d_]|{_VOWEL_SIGN})*|\d+|[.!?;\n。！？।]|,|،|，|、")
_REACH = 60  # characters on each side of a value
_OTHER_LANGUAGE = frozenset(
    b"niet geen inte ikke ikkje ei nem nincs nije nisu nu bukan bukanlah tidak pole nav hindi siyo sio hapana "
    b"ekki ikki nuk ez nid nac ddim deyil deyildir emas akuyona akulona ayikho mhux jibu pa amsar odgovor respondo "
    b"distinta distinto diferente diversa diverso imposible impossibile andere fel forkert galt salah sai fout onjuist "
    b"no non pas point jamais nunca kein keine keiner keinen keinesfalls keineswegs nie niemals nicht nao falsch "
    b"kalmaz olmaz etmez olamaz vermez bulmaz".split()
).union(_TABLE["rules_out"].encode("ascii", "ignore").split())
_LETTERS_ONLY = bytes(code if chr(code).isalnum() or code == ord("_") else ord(" ") for code in range(128)) + bytes(128)
_ENDS = frozenset(".!?;\n。！？।")


def last_said(text: str) -> tuple[int, int]:
    """Begin and end of the last words that say "the answer is" in one of these languages, or -1."""
    for needle in _PLAIN_NEEDLES if text.isascii() else _NEEDLES:  # a generator would cost twice the time
        if needle in text:
            break
    else:
        return -1, -1
    last = None
    for last in _SAYS.finditer(text):  # noqa: B007 - the last one counts
        pass
    return (-1, -1) if last is None else last.span()


def in_another_language(text: str, start: int, end: int) -> bool:
    """True if a plain denying word of a language that is not read otherwise stands near text[start:end], all in ASCII."""
    # Bytes, for this runs on every text: a pattern of these words takes three times as long.
    near = text[max(0, start - _REACH) : end + _REACH].lower().encode("ascii").translate(_LETTERS_ONLY)
    return not _OTHER_LANGUAGE.isdisjoint(near.split())


def is_denied_elsewhere(text: str, start: int, end: int) -> bool:
    """True if the clause of the value text[start:end] holds a word that denies it, with no other number between."""
    if _PHRASE.search(text[max(0, start - _REACH) : start]) or _NEGATED_VERB.match(text, end) or _WRONG.match(text, end):
        return True
    before = list(_TOKEN.finditer(text, max(0, start - _REACH), start))
    behind = list(_TOKEN.finditer(text, end, end + _REACH))
    place = _denier(before[::-1], backwards=True)
    if place is not None:  # 119 değil, 120
        other = before[: len(before) - place - 1][-1:]
        return not (other and other[0][0].isdigit() and any(token[0] in ",،、" for token in before[len(before) - place :]))
    place = _denier(behind)
    return place is not None and not any(token[0].isdigit() for token in behind[place + 1 : place + 3])  # 120, niet 119


def _denier(tokens: list[re.Match[str]], *, backwards: bool = False) -> int | None:
    """Place of the first denying word before an end or a number; backwards also before a comma that a clause follows."""
    words = 0
    for place, token in enumerate(tokens):
        if token[0] in _ENDS or token[0].isdigit() or token[0].casefold() in _TURNS:
            return None
        if backwards and words >= _CLAUSE.get(token[0], _REACH):
            return None
        if token[0].casefold() in _WORDS or (_JOINED.search(token[0]) and not _LEADS_ON.search(token[0])):
            return place
        words += token[0] not in _CLAUSE
    return None
