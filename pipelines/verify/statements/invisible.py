"""Removes what nobody sees when a text is shown: comments of HTML, TeX and Markdown, hidden elements, phantoms."""

import re

_BRACED = r"\s*\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\}"
_HIDES = (
    r"(?:display\s*:\s*none|visibility\s*:\s*hidden|opacity\s*:\s*0(?![.\d])|font-size\s*:\s*0"
    r"|color\s*:\s*(?:white|transparent))"
)
_HIDDEN = re.compile(
    r"(?is)<!--.*?(?:-->|\Z)|<(script|style|template|noscript|head|title)\b[^>]*>.*?</\1\s*>"
    rf"|<(\w+)\b[^>]*(?:style\s*=\s*[\"'][^\"'>]*{_HIDES}"
    r"|\s(?:hidden|aria-hidden\s*=\s*[\"']?true)\b|color\s*=\s*[\"']?(?:white|#fff))[^>]*>"
    r".*?</\2\s*>"
)
_MARKDOWN = re.compile(
    r"(?im)^[ \t]{0,3}\[(?://|comment|hidden|note|_|#)\]:[ \t]*(?:#|<>|<\S*>)?[ \t]*(?:\(.*\)|\".*\"|'.*'|[^\n]*)[ \t]*$"
)
_PHANTOM = re.compile(
    rf"\\(?:[hv]?phantom|comment|iffalse(?![A-Za-z])){_BRACED}"
    rf"|(?:\\textcolor|\\color)\s*(?:\[[^\]]*\])?\{{(?:white|transparent)\}}{_BRACED}"
    r"|\\iffalse(?![A-Za-z]).*?\\fi(?![A-Za-z])|\\begin\s*\{comment\}.*?\\end\s*\{comment\}",
    re.DOTALL,
)
_TEX_COMMENT = re.compile(r"(?m)^[ \t]*%(?!\S*%).*$|(?<=[}$\]])[ \t]+%[ \t]+(?!of\b)[A-Za-z\\].*$")
_MARKS = (
    "<!--",
    "hidden",
    "display",
    "opacity",
    "font-size",
    "<script",
    "<style",
    "<template",
    "<noscript",
    "white",
    "transparent",
)


def visible(text: str) -> str:
    """The text without its invisible parts."""
    if "<" in text and any(mark in text for mark in _MARKS):
        text = _HIDDEN.sub("", text)
    if "\\" in text and (
        "phantom" in text or "\\iffalse" in text or "comment" in text or "{white}" in text or "{transparent}" in text
    ):
        text = _PHANTOM.sub("", text)
    if "]:" in text:
        text = _MARKDOWN.sub("", text)
    # A comment's sign begins a line or follows a space: "50%" is none, and the pattern would be tried at every line.
    if "%" in text and (" %" in text or "\n%" in text or "\t%" in text or text[0] == "%"):
        text = _TEX_COMMENT.sub("", text)
    return text
