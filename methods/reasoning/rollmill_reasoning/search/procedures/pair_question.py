"""The question which of two answers is better, for search policies that compare answers in pairs."""

from dataclasses import dataclass

from rollmill.methods import SetupError, TreeNode, check_reader, checked_question, compiled_pattern, fields_of

TEMPLATE = """{prompt}

Two answers, the first one above:
{piece*}

Which is better? End with Better: 1 or Better: 2"""


@dataclass(frozen=True, slots=True)
class PairQuestion:
    """Question about two answers, and the reader of its replies. A subclass names its policy."""

    name = ""
    template: str = TEMPLATE
    """Question about two answers, with `{prompt}` and `{piece*}`."""
    pattern: str = r"[Bb]etter:?\s*([12])"
    """Regular expression whose last match names the better answer by 1 or 2; a text without one is no vote."""

    def __post_init__(self) -> None:
        checked_question(self.name, "template", self.template)
        check_reader(f"search policy {self.name!r}: option 'pattern'", {"better": self.pattern})
        if (groups := compiled_pattern(self.pattern).groups) != 1:
            raise SetupError(f"search policy {self.name!r}: pattern {self.pattern!r:.100} has {groups} groups, not one.")

    def first_is_better(self, reply: TreeNode) -> bool | None:
        """True if a reply prefers the answer shown first, False for the other one, None if it names neither."""
        better = fields_of(reply.piece, {"better": self.pattern}).get("better")
        return None if better not in ("1", "2") else better == "1"
