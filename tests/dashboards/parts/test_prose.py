"""A model's text as Markdown: its prose and formulas are there, nothing in it acts, and nothing changes its meaning."""

import time

import pytest

from rollmill.dashboards.parts.formulas import renders
from rollmill.dashboards.parts.prose import prose
from rollmill.storage.queries.browse.answer_place import AnswerPlace

J = "\u2060"  # the joiner in what the page would make active even behind a backslash
HOSTILE = {
    "script": ("<script>alert(1)</script>", r"\<script\>alert\(1\)\</script\>"),
    "img": ("<img src=http://h/p.png onerror=a()>", rf"\<img src=http\:{J}//h/p\.png onerror=a\(\)\>"),
    "picture": ("![p](http://h/p.png)", rf"\!\[p\]\(http\:{J}//h/p\.png\)"),
    "javascript": ("[a](javascript:alert(1))", r"\[a\]\(javascript\:alert\(1\)\)"),
    "autolink": (
        "<http://h> http://h www.h.de me@h.de",
        rf"\<http\:{J}//h\> http\:{J}//h www{J}\.h\.de me@{J}h\.de",
    ),
    "entity": ("&lt;b&gt; &#x3c;i> &copy;", r"\&lt;b\&gt; \&\#x3c;i\> \&copy;"),
    "directive": (
        ":red[x] :material/check: :smile: :streamlit: :color[x]{foreground=red}",
        rf"\:red\[x\] \:{J}material/check\: \:{J}smile\: \:{J}streamlit\: \:color\[x\]\{{foreground=red\}}",
    ),
    "footnote": ("a[^1]\n\n[^1]: http://h/", f"a\\[^1\\]\n\n\\[^1\\]\\: http\\:{J}//h/"),
    "reference": ("[a][b]\n\n[b]: http://h/ 'c'", f"\\[a\\]\\[b\\]\n\n\\[b\\]\\: http\\:{J}//h/ 'c'"),
    "href": (r"$\href{http://h}{x}$", rf"\$\\href\{{http\:{J}//h\}}\{{x\}}\$"),
    "includegraphics": (r"$\includegraphics{http://h/p.png}$", rf"\$\\includegraphics\{{http\:{J}//h/p\.png\}}\$"),
    "emphasis": ("**[a](http://h)** *![b](x)* ***<i>***", rf"**\[a\]\(http\:{J}//h\)** *\!\[b\]\(x\)* ***\<i\>***"),
    "table": (
        "| <b> | [l](x) |\n|---|---|\n| ![p](x) | `a|b` \\| $|x|$ |",
        "| \\<b\\> | \\[l\\]\\(x\\) |\n| --- | --- |\n| \\!\\[p\\]\\(x\\) | `a\\|b` \\\\\\| $\\vert x\\vert $ |",
    ),
    "fence": ("```\n</code>\n````\n<script>", "\\`\\`\\`  \n\\</code\\>  \n\\`\\`\\`\\`  \n\\<script\\>"),
    "code": ("`<b>` ``x`` `a` b`", "`<b>` \\`\\`x\\`\\` `a` b\\`"),
    "bidi": ("a\u202eb\u2066c\u2069", "a⟨202E⟩b⟨2066⟩c⟨2069⟩"),
    "zero width": ("a\u200bb\u200ec\ufeff\u00ad", "a⟨200B⟩b⟨200E⟩c⟨FEFF⟩⟨00AD⟩"),
    "data": ("![x](data:text/html;base64,PHN2Zz4=)", r"\!\[x\]\(data\:text/html;base64,PHN2Zz4=\)"),
    "stand-ins": ("a\U000f0000b\U000f0001c\U000f0002", "a⟨F0000⟩b⟨F0001⟩c⟨F0002⟩"),
    "blocks": (
        "> <b>\n+ x\n===\n~~~\n    code",
        "\\> \\<b\\>  \n\\+ x  \n\\===  \n\\~\\~\\~  \n\u00a0\u00a0\u00a0\u00a0code",
    ),
    "signs": ("a -> b -- c >= d", rf"a \-{J}\> b \-{J}\- c \>{J}= d"),
}


@pytest.mark.parametrize(("text", "shown"), HOSTILE.values(), ids=HOSTILE)
def test_nothing_in_a_text_acts(text: str, shown: str) -> None:
    assert prose(text) == shown


KEPT = {
    "headings": ("# One\n### Three", "#### One\n\n###### Three"),
    "emphasis": ("**b** and *i*, **b *both* b**", "**b** and *i*, **b *both* b**"),
    "lists": ("- a\n  - b\n- c", "- a\n    - b\n- c"),
    "numbers": ("1. a\n2. b", "1. a\n2. b"),
    "table": ("a | b\n--|--\n1 | 2", "| a | b |\n| --- | --- |\n| 1 | 2 |"),
    "rule": ("a\n\n---\n\nb", "a\n\n---\n\nb"),
    "code": ("run `x = 1`", "run `x = 1`"),
    "formulas": ("$x^2$ and \\(y\\)", "$x^2$ and $y$"),
    "display": ("so\n\\[\n\\frac{1}{2}\n\\]", "so  \n$\\displaystyle \\frac{1}{2}$"),
    "lines": ("a\nb\n\nc", "a  \nb\n\nc"),
}


@pytest.mark.parametrize(("text", "shown"), KEPT.values(), ids=KEPT)
def test_prose_and_formulas_are_kept(text: str, shown: str) -> None:
    assert prose(text) == shown


LITERAL = {
    "a product is no italic": ("3*4*5 and 2 ** 3 ** 4", r"3\*4\*5 and 2 \*\* 3 \*\* 4"),
    "a name is no bold": ("__init__ and a_b_c", r"\_\_init\_\_ and a\_b\_c"),
    "a minus is no bullet": ("- 5 + 3\n* 4 = 20", "\\- 5 \\+ 3  \n\\* 4 = 20"),
    "a last line of four marks is an answer": ("so\n\n#### 42", r"so" + "\n\n" + r"\#\#\#\# 42"),
    "nor is it elsewhere a heading": ("#### 42\nmore\n#### Step 2\nx", "\\#\\#\\#\\# 42  \nmore\n\n###### Step 2\n\nx"),
    "numbers that do not count on stay": ("1. a\n3. b", "1. a  \n    3\\. b"),
    "a price is no formula": ("It costs $5 and $6.", r"It costs \$5 and \$6\."),
    "a percent sign hides nothing": ("$50%$ off", r"$50\%$ off"),
    "a table without its marks is text": ("a | b\n1 | 2", "a \\| b  \n1 \\| 2"),
}


@pytest.mark.parametrize(("text", "shown"), LITERAL.values(), ids=LITERAL)
def test_what_would_change_the_meaning_is_literal(text: str, shown: str) -> None:
    assert prose(text) == shown


@pytest.mark.parametrize(
    ("text", "place", "shown"),
    [
        ("It is 42.", AnswerPlace(6, 8), r"It is :yellow-background[42]\."),
        ("#### 42", AnswerPlace(5, 7), r"\#\#\#\# :yellow-background[42]"),
        ("So **42**.", AnswerPlace(5, 7), r"So **:yellow-background[42]**\."),
        ("So **it is 42** here", AnswerPlace(11, 20), r"So :yellow-background[**it is 42** here]"),
        ("So $x = 42$.", AnswerPlace(8, 10), r"So :yellow-background[$x = 42$]\."),
        ("see `42`", AnswerPlace(5, 7), "see :yellow-background[`42`]"),
        ("a [b\nc] d", AnswerPlace(2, 7), "a :yellow-background[\\[b]  \n:yellow-background[c\\]] d"),
        ("a|b\n-|-\n1|42", AnswerPlace(10, 12), "| a | b |\n| --- | --- |\n| 1 | :yellow-background[42] |"),
    ],
)
def test_a_place_is_marked(text: str, place: AnswerPlace, shown: str) -> None:
    assert prose(text, place) == shown


@pytest.mark.parametrize(
    ("formula", "shown"),
    [
        (r"\frac{a}{b} \le \sqrt{2}", True),
        (r"\begin{cases} 1 & x \\ 2 & y \end{cases}", True),
        (r"\boxed{12}", True),
        (r"\href{http://h}{x}", False),
        (r"\includegraphics{x}", False),
        (r"\def\a{\a\a}\a", False),
        (r"\begin{CD} A @>>> B \end{CD}", False),
        (r"\rule{9999em}{9999em}", False),
        (r"\text{<b>}", True),
        (r"{{{{{{{{{{{{{x}}}}}}}}}}}}}", False),
        (r"\frac{1}{2", False),
        ("x" * 401, False),
        ("  ", False),
    ],
)
def test_formulas_of_listed_commands_alone_are_rendered(formula: str, shown: bool) -> None:
    assert renders(formula) is shown


@pytest.mark.parametrize(
    "part", ["**a ", "*a ", "$a ", "\\[", "|a", "|a|b|\n|-|-|\n", "`a ", "*a* ", ":a", "- a\n  - b\n", "***a ** b* ", "$$a"]
)
def test_no_text_takes_long(part: str) -> None:
    began = time.perf_counter()
    prose((part * 20_000)[:20_000])
    assert time.perf_counter() - began < 5
