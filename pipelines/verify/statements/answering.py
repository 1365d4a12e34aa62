"""The part of a text that answers: what is seen of it (no comments of HTML, TeX and Markdown, hidden elements, phantoms),
up to where it goes on with another turn or question, without struck text and marks.
"""

import re

_BRACED = r"\s*\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\}"
_HIDES = (
    r"(?:display\s*:\s*none|visibility\s*:\s*hidden|opacity\s*:\s*0(?![.\d])|font-size\s*:\s*0"
    r"|color\s*:\s*(?:white|transparent|#f{3}(?:f{3})?|rgba?\(\s*255\s*,\s*255\s*,\s*255)"
    r"|(?:text-indent|left|top)\s*:\s*-\d{3}|(?:max-)?(?:height|width)\s*:\s*0(?![.\d]))"
)
_HIDDEN = re.compile(
    r"(?is)<!--.*?(?:-->|\Z)|<(script|style|template|noscript|head|title)\b[^>]*>.*?</\1\s*>"
    rf"|<(\w+)\b[^>]*(?:style\s*=\s*[\"'][^\"'>]*{_HIDES}"
    r"|\s(?:hidden|aria-hidden\s*=\s*[\"']?true)\b|color\s*=\s*[\"']?(?:white|#fff)"
    r"|class\s*=\s*[\"'][^\"'>]*\b(?:hidden|sr-only|d-none))[^>]*>.*?</\2\s*>"
    r"|(?<!\A)<(s|del|strike)(?:\s[^<>]*)?>.*?(?:</\3\s*>|\Z)|<\w+\s[^<>]*=\s*[\"'][^\"'<>]*\\f?box(?:ed)?\b[^<>]*>"
)
_STRUCK_WHOLE = re.compile(
    r"(?is)\s*<(?:(del|strike)\b[^<>]*>.*?</\1\s*>|s(?:\s[^<>]*=[^<>]*>.*?|>(?!\[INST)(?:\S[^\n]{0,80}?|\s*\\boxed[^\n]{1,80}?))</s\s*>)"
)
"""Struck text at the beginning; <s> there may also be a tokenizer's mark, behind which a space or a longer text stands."""
_TAG = re.compile(r"<[A-Za-z!]")
_LINKED = re.compile(r"!\[[^\[\]\n]*\]\([^()\n]*\)|(?<![\\\w])\[[^\[\]\n]*\]\([^()\n]*\\boxed\{[^{}]*\}[^()\n]*\)")
_MARKDOWN = re.compile(
    r"(?im)^[ \t]{0,3}\[(?://|comment|hidden|note|_|#)\]:[ \t]*(?:#|<>|<\S*>)?[ \t]*(?:\(.*\)|\".*\"|'.*'|[^\n]*)[ \t]*$"
)
_UNSEEN = r"\\(?:text)?color\s*(?:\[[^\]]*\])?\{(?i:white|transparent|#?f{3}(?:f{3})?|1\s*,\s*1\s*,\s*1)\}"
_PHANTOM = re.compile(
    rf"\\(?:[hv]?phantom|comment|iffalse(?![A-Za-z])|sout(?![A-Za-z])|(?:st|[xb]?cancel)(?=\s*\{{\s*\\boxed)){_BRACED}"
    rf"|{_UNSEEN}(?:{_BRACED}|(?!\s*\{{)(?:(?!\\color)[^{{}}$\n]|\{{[^{{}}]*\}})*)"
    r"|\\if(?:false|x|num|odd|dim|case)?(?![A-Za-z]).*?\\fi(?![A-Za-z])|\\begin\s*\{comment\}.*?\\end\s*\{comment\}",
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
    "color",
    "<s>",
    "<S>",
    "<s ",
    "<del",
    "<DEL",
    "<strike",
    "<STRIKE",
    "sr-only",
    "d-none",
    "text-indent",
    ":-",
    ": -",
    ":0",
    ": 0",
    '"\\boxed',
    "'\\boxed",
)


def visible(text: str) -> str:
    """The text without its invisible and struck parts."""
    if "<" in text and _TAG.search(text) is not None and any(mark in text for mark in _MARKS):
        text = _HIDDEN.sub("", text)
    if "\\" in text and (
        "phantom" in text
        or "color" in text
        or "cancel" in text
        or "comment" in text
        or "\\fi" in text
        or "\\sout" in text
        or "\\st{" in text
    ):
        text = _PHANTOM.sub("", text)
    if "](" in text:
        text = _LINKED.sub("", text)
    if "]:" in text:
        text = _MARKDOWN.sub("", text)
    # A comment's sign begins a line or follows a space: "50%" is none, and the pattern would be tried at every line.
    if "%" in text and (" %" in text or "\n%" in text or "\t%" in text or text[0] == "%"):
        text = _TEX_COMMENT.sub("", text)
    return text


CUT = "the text goes on with another question, which was left out"
_CALCULATION = re.compile(r"<<[^<>\n]{0,200}>>")
_STRUCK = re.compile(r"(?<!~)~~(?![~\s])[^~\n]{1,300}(?<!\s)~~(?!~)")
_NEXT_TURN = re.compile(r"<\|(?:im_start|start_header_id)\|>\s*(?:user|system)\b|<\|user\|>|<start_of_turn>\s*user\b")
_RUN_ON = re.compile(
    r"\n(?:[ \t]*\n)?(?:#+ |\*\*)?"
    r"(?:(?:Next )?(?:Question|Problem|Exercise)|Q|Human|User|Instruction)(?: \d+)?:(?:\*\*)?[ \n]"
)
_GIVEN = re.compile(r"####|\\boxed|(?i:answer(?: is|:))|(?:\A|\n)A:")
_MARKS_AT_END = re.compile(r"(?:\s|<\|[a-z_]{2,24}\|>|</s>|<eos>|<end_of_turn>|<｜[^<>｜]{2,30}｜>){1,50}\Z")


def answering(text: str) -> str:
    """The text up to where a chat template or a base model begins anew, without marks at its end and <<1+2=3>>."""
    if text[:9].lstrip()[:1] == "<" and "</" in text:
        text = _STRUCK_WHOLE.sub("", text, count=1) if _STRUCK_WHOLE.match(text) else text
    if "~~" in text:
        text = _STRUCK.sub("", text)
    if "<<" in text:
        text = _CALCULATION.sub("", text)
    if (end := _run_on(text)) is not None:
        text = text[:end]
    if "<|" in text or "<start_of_turn>" in text:
        turn = _NEXT_TURN.search(text)
        text = text if turn is None else text[: turn.start()]
    # Only where a mark can stand: the pattern would else be tried anew at every space of the text.
    return _MARKS_AT_END.sub("", text) if text[-20:].rstrip().endswith(">") else text


def cut_in(text: str) -> str | None:
    """The reason to give with a verdict if a text was cut where it goes on with another question."""
    return None if _run_on(text) is None else CUT


def _run_on(text: str) -> int | None:
    """Place where a base model asks itself the next question, behind an answer or a line with a number."""
    if "\n\n" not in text and "\nQ" not in text:
        return None
    begin = _RUN_ON.search(text)
    if begin is None:
        return None
    before = text[: begin.start()].rstrip()
    line = before[before.rfind("\n") + 1 :]
    return begin.start() if any(map(str.isdigit, line)) or _GIVEN.search(before) else None
