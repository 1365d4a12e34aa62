"""Formulas of a text that may be rendered: short ones of listed commands; every other one stays text.

A formula of a user's data can be a program: it defines macros, draws boxes of any size, links and loads pictures. So the
allowed commands are listed, not the forbidden ones.
"""

import re

MOST, LONGEST_FORMULA = 200, 400  # formulas rendered of a text, characters of one
DEEPEST = 12  # nested groups
# Single dollars as in Pandoc: no blank just inside of them and no digit after, so that prices are not formulas.
FORMULA = re.compile(
    r"\$\$(.{1,600}?)\$\$|\\\[(.{1,600}?)\\\]|\\\((.{1,600}?)\\\)"
    r"|(?<![\\$])\$(?!\s)([^$\n]{1,600}?)(?<!\s)\$(?!\d)|(\\boxed\{[^{}$\n]{0,600}\})",
    re.DOTALL,
)
_COMMAND = re.compile(r"\\([A-Za-z]+|.)", re.DOTALL)
_PLAIN = re.compile(r"[A-Za-z0-9\s.,;:!?'()\[\]{}|/*+=<>^_&~%@\-\u0370-\u03ff\u2200-\u22ff\\]*")
_COMMANDS = """
alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi pi rho sigma tau upsilon
phi varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega frac dfrac tfrac cfrac sqrt binom dbinom
tbinom cdot cdots ldots dots vdots ddots times div pm mp ast star circ bullet le leq ge geq lt gt ne neq approx equiv
cong sim simeq propto in notin ni subset subseteq supset supseteq cup cap setminus emptyset varnothing forall exists
neg lnot land lor wedge vee oplus otimes to rightarrow leftarrow leftrightarrow Rightarrow Leftarrow Leftrightarrow
longrightarrow Longrightarrow implies iff mapsto infty partial nabla sum prod int oint iint lim limsup liminf sup inf
max min arg gcd log ln lg exp sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh det dim ker deg Pr bmod pmod
mod mid nmid parallel perp angle triangle degree prime hat bar vec dot ddot tilde overline underline overbrace
underbrace overrightarrow left right big Big bigg Bigg bigl bigr Bigl Bigr langle rangle lfloor rfloor lceil rceil
lvert rvert vert Vert text textbf textit mathrm mathbf mathit mathbb mathcal mathsf boldsymbol operatorname
displaystyle textstyle boxed begin end quad qquad hbar ell Re Im aleph because therefore ldotp colon lbrace rbrace not
stackrel overset underset substack
"""
_KNOWN = frozenset(_COMMANDS.split())
_KNOWN_SIGNS = frozenset("\\,;:!{}|%&#_ ")
_ENVIRONMENTS = frozenset(("matrix", "pmatrix", "bmatrix", "vmatrix", "cases", "aligned", "array"))


def renders(formula: str) -> bool:
    """True for a short formula of known commands only, nested no deeper than people write."""
    if not formula.strip() or len(formula) > LONGEST_FORMULA or not _PLAIN.fullmatch(_COMMAND.sub(" ", formula)):
        return False
    commands = _COMMAND.findall(formula)
    if any(name not in (_KNOWN if name[0].isalpha() else _KNOWN_SIGNS) for name in commands):
        return False
    environments = re.findall(r"\\(?:begin|end)\s*\{([^{}]*)\}", formula)
    named = sum(name in ("begin", "end") for name in commands)
    depth = deepest = 0
    for sign in re.sub(r"\\.", "", formula):
        depth += (sign == "{") - (sign == "}")
        deepest = max(deepest, depth)
        if depth < 0:
            return False
    # As many names as \begin and \end: one without a name in braces could name anything.
    return depth == 0 and deepest <= DEEPEST and len(environments) == named and set(environments) <= _ENVIRONMENTS
