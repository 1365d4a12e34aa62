"""The writing system of a text, by the Unicode blocks of its letters. Knows no language: Latin says no more than Latin."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping

# First and last code point of the main blocks of each script (Unicode 15, Blocks.txt).
BLOCKS: Mapping[str, tuple[tuple[int, int], ...]] = {
    "arabic": ((0x0600, 0x06FF), (0x0750, 0x077F), (0x08A0, 0x08FF), (0xFB50, 0xFDFF), (0xFE70, 0xFEFF)),
    "armenian": ((0x0530, 0x058F),),
    "bengali": ((0x0980, 0x09FF),),
    "cyrillic": ((0x0400, 0x052F), (0x1C80, 0x1C8F), (0x2DE0, 0x2DFF), (0xA640, 0xA69F)),
    "devanagari": ((0x0900, 0x097F), (0xA8E0, 0xA8FF)),
    "ethiopic": ((0x1200, 0x139F),),
    "georgian": ((0x10A0, 0x10FF), (0x1C90, 0x1CBF)),
    "greek": ((0x0370, 0x03FF), (0x1F00, 0x1FFF)),
    "gujarati": ((0x0A80, 0x0AFF),),
    "gurmukhi": ((0x0A00, 0x0A7F),),
    "hangul": ((0x1100, 0x11FF), (0x3130, 0x318F), (0xAC00, 0xD7AF)),
    "han": ((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x2FA1F)),
    "hebrew": ((0x0590, 0x05FF), (0xFB1D, 0xFB4F)),
    "kana": ((0x3040, 0x30FF), (0x31F0, 0x31FF), (0xFF66, 0xFF9F)),
    "kannada": ((0x0C80, 0x0CFF),),
    "khmer": ((0x1780, 0x17FF),),
    "lao": ((0x0E80, 0x0EFF),),
    "latin": ((0x0041, 0x005A), (0x0061, 0x007A), (0x00AA, 0x00AA), (0x00BA, 0x00BA), (0x00C0, 0x024F), (0x1E00, 0x1EFF)),
    "malayalam": ((0x0D00, 0x0D7F),),
    "myanmar": ((0x1000, 0x109F),),
    "sinhala": ((0x0D80, 0x0DFF),),
    "tamil": ((0x0B80, 0x0BFF),),
    "telugu": ((0x0C00, 0x0C7F),),
    "thai": ((0x0E00, 0x0E7F),),
    "tibetan": ((0x0F00, 0x0FFF),),
}
_RANGES = sorted((first, last, script) for script, blocks in BLOCKS.items() for first, last in blocks)
_STARTS = [first for first, _, _ in _RANGES]
MIXED: Mapping[str, frozenset[str]] = {"japanese": frozenset({"kana", "han"})}
SCRIPTS = frozenset((*BLOCKS, *MIXED))

# The languages that their script tells from all others of the table (ISO 639-1): for the rest a script is no answer.
BY_LANGUAGE: Mapping[str, str] = {
    "am": "ethiopic", "bn": "bengali", "el": "greek", "gu": "gujarati", "he": "hebrew", "hy": "armenian", "ja": "japanese",
    "ka": "georgian", "km": "khmer", "kn": "kannada", "ko": "hangul", "lo": "lao", "ml": "malayalam", "my": "myanmar",
    "pa": "gurmukhi", "si": "sinhala", "ta": "tamil", "te": "telugu", "th": "thai", "bo": "tibetan",
}  # fmt: skip


def share_of_script(text: str, script: str) -> tuple[float, int]:
    """(share of the letters that are of a script, number of letters); letters of no known script count as letters."""
    wanted = MIXED.get(script, frozenset({script}))
    counts = Counter(text)
    letters = sum(count for char, count in counts.items() if char.isalpha())
    found = sum(count for char, count in counts.items() if char.isalpha() and script_of(char) in wanted)
    if script == "japanese" and not any(script_of(char) == "kana" for char in counts):
        found = 0  # Han alone is Chinese
    return (found / letters if letters else 0.0), letters


def script_of(char: str) -> str | None:
    """The script whose block holds a character, None for none of the table."""
    index = bisect_right(_STARTS, ord(char)) - 1
    if index < 0 or ord(char) > _RANGES[index][1]:
        return None
    return _RANGES[index][2]
