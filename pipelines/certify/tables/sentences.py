"""Sentences that end with a number, and what before or behind it makes another answer of it: for the answer 17.

Every word and sign of a class goes into every form, so a verifier that takes the last number of a sentence is found out.
"""

from collections.abc import Mapping

from pipelines.certify.tables.math_equal import Pairs

ANSWER = "17"
FORMS = ("{}", "The answer is {}.", "So the result is {}.", "We add.\nTherefore it is {}.", "Answer: {}", "Hence ${}$.")
CHANGED: Mapping[str, tuple[str, ...]] = {
    "relations": (
    "x != 17",
    "x ≠ 17",
    "x < 17",
    "x > 17",
    "r>17",
    "x <= 17",
    "x >= 17",
    "x ≤ 17",
    "x ≥ 17",
    "x \\lt 17",
    "x \\neq 17",
),
    "equations": (
    "-x = 17",
    "1/x = 17",
    "2x = 17",
    "x^2 = 17",
    "x/2 = 17",
    "x + 1 = 17",
    "|x| = 17",
    "f(x) = 17 - 1",
    "x = 3, y = 17",
),
    "functions": (
    "log 17",
    "ln 17",
    "sqrt 17",
    "sin 17",
    "cos 17",
    "tan 17",
    "exp 17",
    "f(17)",
    "-(17)",
    "(6, 17",
    "\\log 17",
    "\\sqrt 17",
),
    "factors": (
    "half of 17", "twice 17", "double 17", "a third of 17", "three times 17", "one over 17", "the square root of 17",
    "the square of 17", "the cube of 17", "the reciprocal of 17", "the opposite of 17", "the inverse of 17",
    "the logarithm of 17", "the sine of 17", "the factorial of 17", "the absolute value of -17 minus 1",
    "a multiple of 17",
    "a factor of 17", "a divisor of 17", "17 squared", "17 cubed", "17 factorial", "17 halves", "17x", "17 pi",
    "17 percent", "17 dozen", "17 thousand", "30 - 17", "0.5 * 17", "minus 17", "negative 17",
),
    "bounds": (
    "at least 17", "at most 17", "less than 17", "more than 17", "up to 17", "over 17", "under 17", "above 17",
    "below 17",
    "between 3 and 17", "not 17", "no 17", "never 17", "any number except 17", "everything but 17", "all but 17",
    "anything other than 17", "17 or more", "17 or less", "17 and up", "17 at least", "17 at most", "17 or 18",
    "16 and 17",
    "not equal to 17", "close to 17", "before 17", "after 17", "until 17", "without 17", "as many as 17", "apart from 17",
    "instead of 17", "everything up to and including 17", "x can't be 17", "x doesn't equal 17",
),
    "signs of other kinds": (
    "–17", "﹣17", "－17", "-**17**", "-\\$17", "x ⩽ 17", "x ≧ 17", "x → 17", "x \\to 17", "Γ 17", "σ 17", "x² = 17",
    "−x = 17",
    "2·x = 17", "x−1 = 17", "x:y = 17",
),
    "unknowns in words": (
    "ln x = 17", "sin x = 17", "xy = 17", "twice x is 17", "half of x = 17", "the square of x is 17", "x squared is 17",
    "x plus 1 is 17", "x + 1 is 17", "$2x$ is 17", "$x^2$ is 17", "x = 17 y", "x = 17 - y", "x = 3, x = 17",
    "17 when n is even",
),
    "prepositions": (
    "x differs from 17", "x is coprime to 17", "e to the 17", "2 to the 17", "17 to the third",
    "the remainder when divided by 17",
    "1 in 17", "1 out of 17", "50% of 17", "from 3 to 17", "log base 17",
),
    "numbers in words": (
    "twenty 17", "two thousand 17", "one hundred and 17", "1 hundred 17", "a dozen 17", "17 and a half",
    "17 and one quarter",
    "17 thousand thousand",
),
    "multipliers": (
    "17 permille", "17 per mille", "17 per thousand", "17 basis points", "17 lakh", "17 crore", "17 quadrillion",
    "17 millionths",
    "17 ten-thousandths", "17ths", "17 fold", "17 doubled", "17 halved", "17 reversed", "17 hex", "17 in binary",
    "17 k", "17 i",
),
    "several numbers": (
    "3, 17", "3; 17", "3 to 17", "3–17", "3:17", "1, 2, \\ldots, 17", "the mean of 1, 2, 17", "2 feet 17 inches",
    "18 and 17",
),
    "in dollars": (
    "$17$ < x", "$17$ or more", "$17$ and $18$", "$x=3$ and $x=17$", "$x=3$ + $x=17$", "$17$ permille", "$17$ / 18",
    "$17$x",
    "$17$ squared", "$17$ hours and 30 minutes", "half of $17$", "the square root of $17$", "$x$ is at least $17$",
    "[3, $17$]",
    "$\\log$ $17$", "a$17$", "-$17$", "\\(17\\) \\pm 1", "any number except \\(17\\)", "**17**y",
),
}  # fmt: skip
"""What is not 17, whatever sentence it stands in."""
PLAIN = (
    "17", "$17$", "**17**", "17.", "x = 17", "$x = 17$", "17 apples", "$17 dollars", "5 + 12 = 17", "a total of 17",
    "5 x 3 + 2 = 17", "2x = 34, so x = 17", "The sum of 3 and 14 is 17", "it adds up to 17", "equal to 17",
    "increased by 17",
    "an area of 17 m²", "the value of $x^2+1$ is $17$", "17 🎉", "17 ✅", "a sum of 17 dollars", "\\(17\\)", "exactly 17",
)  # fmt: skip
"""What is 17."""
BOXES: Pairs = (
    ("6", "\\boxed{2}\\boxed{6}"), ("6", "\\boxed{2} \\; \\boxed{6}"), ("6", "\\boxed{2} hours and \\boxed{6} minutes"),
    ("6", "\\boxed{2}\\lor\\boxed{6}"), ("6", "\\boxed{2}+\\boxed{6}"), ("6", "\\boxed{2} < \\boxed{6}"),
    ("6", "\\boxed{2} to \\boxed{6}"),
    ("6", "\\boxed{2} feet \\boxed{6} inches"), ("6", "\\boxed{2}，\\boxed{6}"), ("6", "\\boxed{2} 和 \\boxed{6}"),
    ("6", "\\boxed{\\boxed{6}, 7}"), ("6", "\\boxed{7 \\boxed{6}}"), ("6", "-\\boxed{6}"), ("6", "$-\\boxed{6}$"),
    ("6", "x = -\\boxed{6}"),
    ("6", "\\pm\\boxed{6}"), ("6", "\\boxed{6}^2"), ("6", "\\boxed{6}\\%"), ("6", "$\\boxed{6}$ percent"),
    ("6", "\\boxed{6} million"),
    ("204", "\\boxed{204}_5"), ("6", "The answer is 6 and"), ("6", "The answer is $6$ (or 7)."),
    ("6", "The answer is $6$, 7."),
)  # fmt: skip
"""Texts whose boxes, or what stands at them, say something else than their last number: (reference, text)."""
READ: Pairs = (
    ("2, 6", "\\boxed{2}\\boxed{6}"), ("2, 6", "\\boxed{2} hours and \\boxed{6} minutes"),
    ("6", "\\boxed{6}, \\boxed{6}"),
    ("6", "\\boxed{2} so \\boxed{6}"), ("6", "\\boxed{2}+4=\\boxed{6}"), ("-6", "$-\\boxed{6}$"),
    ("6\\%", "\\boxed{6}\\%"),
    ("204_5", "\\boxed{204}_5"), ("6", "\\boxed{x = \\boxed{6}}"), ("1, 2", "The roots are $x=1$ and $x=2$."),
    ("6", "The answer is 6.<|im_end|>\n<|im_start|>user\nNext: \\boxed{7}"), ("6", "So 6 are left.</s>"),
    ("6", "\\[ 6 \\]"),
    ("1/6", "\\\\boxed{\\\\frac{1}{6}}"), ("March 6", "March 6"), ("6", "He pays $2 + $4 = $<<2+4=6>>6."),
)  # fmt: skip
"""Texts that say their reference: (reference, text)."""
