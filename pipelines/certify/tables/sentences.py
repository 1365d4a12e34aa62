"""Sentences that end with a number, and what before or behind it makes another answer of it: for the answer 17.

Every word and sign of a class goes into every form, so a verifier that takes the last number of a sentence is found out.
"""

from collections.abc import Mapping

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
    "the logarithm of 17", "the sine of 17", "the factorial of 17", "the absolute value of -17 minus 1", "a multiple of 17",
    "a factor of 17", "a divisor of 17", "17 squared", "17 cubed", "17 factorial", "17 halves", "17x", "17 pi",
    "17 percent", "17 dozen", "17 thousand", "30 - 17", "0.5 * 17", "minus 17", "negative 17",
),
    "bounds": (
    "at least 17", "at most 17", "less than 17", "more than 17", "up to 17", "over 17", "under 17", "above 17", "below 17",
    "between 3 and 17", "not 17", "no 17", "never 17", "any number except 17", "everything but 17", "all but 17",
    "anything other than 17", "17 or more", "17 or less", "17 and up", "17 at least", "17 at most", "17 or 18", "16 and 17",
    "not equal to 17", "close to 17", "before 17", "after 17", "until 17", "without 17",
),
}  # fmt: skip
"""What is not 17, whatever sentence it stands in."""
PLAIN = (
    "17", "$17$", "**17**", "17.", "x = 17", "$x = 17$", "17 apples", "$17 dollars", "5 + 12 = 17", "a total of 17",
    "5 x 3 + 2 = 17", "17 🎉", "17 ✅", "a sum of 17 dollars", "\\(17\\)", "exactly 17",
)  # fmt: skip
"""What is 17."""
