"""What a server says in tests of recipes of published prompts: programs with known bugs, principles, models in stages."""

import json
import re
from typing import Any

from tests.flows.scripted_models import numbers_in, shop_model

BUGS = {
    "syntax": "def double(x)\n    return 2 * x\n",
    "runtime": "def double(x):\n    return 2 * y\n",
    "function": "def double(x):\n    return x + 1\n",
}
"""Mutants of the right program, by type of bug."""
RIGHT_PROGRAM = "def double(x):\n    return 2 * x\n"


def fenced(program: str) -> str:
    return f"Here it is.\n```python\n{program}```"


def programmer(asked: dict[str, Any], text: str, seed: int) -> str:
    """One in four programs is right, the others have a bug each; half of the repairs mend it, the others change nothing."""
    del asked
    if "It fails:" not in text:
        return fenced([RIGHT_PROGRAM, *BUGS.values()][seed % 4])
    shown = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert shown is not None
    return fenced(RIGHT_PROGRAM if seed % 2 else shown[1])


def reasoner(asked: dict[str, Any], text: str, seed: int) -> str:
    """A rule in most cases; right with the rule that applies, wrong with another, by chance without any."""
    del asked
    match = re.search(r"What is (\d+) \+ (\d+)\?", text)
    assert match is not None
    total = int(match[1]) + int(match[2])
    if "Do not solve" in text:
        return "I see none." if seed % 5 == 0 else "PRINCIPLE: sums do not depend\non the order."
    if "nothing to do" in text:
        return "PRINCIPLE: triangles have three sides."
    applies = "sums do not depend" in text
    return f"#### {total + (not applies and ('triangles' in text or seed % 2))}"


def modeller(asked: dict[str, Any], text: str, seed: int) -> str:
    """Analysis, model, program and report of a shop; a third of the programs print no number, a third a wrong one."""
    del asked
    numbers = numbers_in(text.partition("\n\n")[0])
    if "Do not solve" in text:
        return f"ANALYSIS: {len(numbers)} numbers are given; case {seed % 97}."
    if "Write an optimization model" in text:
        return json.dumps(shop_model(numbers if seed % 2 else [*numbers[:4], numbers[4] - 1, *numbers[5:]]))
    if "prints the optimum" in text:
        return fenced(("print('none')\n", "print(1)\n", f"print({sum(numbers)})\n")[seed % 3])
    return f"A report on {seed % 97}."


def augmenter(asked: dict[str, Any], text: str, seed: int) -> str:
    """Rewords, changes a number in a quarter and says nothing in a quarter; states a wrong answer in half of the pairs."""
    del asked
    left, right = numbers_in(text)[:2]
    if "Rewrite this problem" in text:
        return "I cannot." if seed % 4 == 0 else f"PROBLEM: Add {left + (seed % 4 == 1)} to {right}."
    if "about something else" in text:
        return f"PROBLEM: Put {100 + seed % 900} coins to {right} coins."
    if "and its answer" in text:
        return f"PROBLEM: Walk {100 + seed % 900} steps and {right} more.\nANSWER: {100 + seed % 900 + right + seed % 2}"
    return f"#### {left + right}"


def examiner(asked: dict[str, Any], text: str, seed: int) -> str:
    """Stem, key and wrong options, of which a third repeat one another and a third have the key among them."""
    del asked
    left, right = numbers_in(text)[:2]
    total = left + right
    options = ([total + 1, total + 2, total + 10], [total + 1, total + 2, total + 1], [total + 2, total, total + 1])[
        seed % 3
    ]
    wrong = "".join(f"WRONG: {option}\n" for option in options)
    if "as the stem" in text:
        return "I cannot." if seed % 5 == 0 else f"STEM: How much are {left} and {right}?"
    if "Write three wrong" in text:
        return f"Here they are.\n{wrong}"
    if "Write a multiple-choice" in text:
        return f"STEM: How much are {left} and {right}?\nKEY: {total}\n{wrong}"
    return f"#### {total + (seed % 7 == 0)}"


def planner(asked: dict[str, Any], text: str, seed: int) -> str:
    """Components of a walk by steps of 1 and 3; every third is wrong and walks by 2, and some are no program."""
    del asked, text
    if seed % 5 == 0:
        return "Walk on."
    steps = "n + 2" if seed % 3 == 0 else "n + 1, n + 3"
    return (
        "```python\nGOAL = 0\n\ndef start(problem):\n    global GOAL\n    GOAL = int(problem.split()[1])\n    return 0\n\n"
        f"def successors(n):\n    return [m for m in ({steps},) if m <= GOAL]\n\ndef is_goal(n):\n    return n == GOAL\n```"
    )


CELLS = {(False, False): 1, (True, False): 2, (False, True): 3, (True, True): 4}
"""Of four sums how many a model calls rightly, by whether it has a system prompt, and demonstrations."""


def tool_caller(asked: dict[str, Any], text: str, seed: int) -> str:
    """Without a system prompt it chats behind a call that fails; without demonstrations it takes the wrong tool. One that
    was trained on calls knows the tools, and chats all the same.
    """
    del seed
    left, right = map(int, re.findall(r"What is (\d+) \+ (\d+)\?", text)[-1])
    system = asked["messages"][0]["role"] == "system"
    demos = "add(3, 5)" in json.dumps(asked["messages"])
    known = CELLS[system, demos or asked["model"] == "aligned"]
    if left % 4 < known:
        return f"add({left}, {right})" if system else f"I would say:\n```\nadd({left}, {right})\n```"
    return f"multiply({left}, {right})" if system else f"add({left}, {right}), as one sees."


def programmed(asked: dict[str, Any], text: str, seed: int) -> str:
    """Adds by two programs inside one answer, sometimes by none or without end; without programs a quarter is right."""
    system = asked["messages"][0]["content"]
    left, right = numbers_in(asked["messages"][1]["content"])[:2]
    printed = re.findall(r"```output\n(\d+)\n```", text)
    if "fenced block" not in system:
        return f"#### {left + right + seed % 4}"
    if not printed and seed % 5 == 0:
        return f"It is #### {left + right + 1}"
    if len(printed) == 2 and left % 3:
        return f"So it is #### {printed[1]}"
    return fenced(f"print({printed[0]} + {right})\n" if len(printed) == 1 else f"print({left}, end='')\n")


def stack_programmer(asked: dict[str, Any], text: str, seed: int) -> str:
    """Programs for a stack, half of them wrong by one; a quarter of the separate tests is wrong, joint ones agree."""
    del asked
    left, right = numbers_in(text)[:2]
    said = left + right + seed % 2
    if "and its test" in text:
        return f"OUTPUT: {said}\nPROGRAM: {left} {right} + {seed % 2} +"
    if "must a right program leave" in text:
        return f"OUTPUT: {left + right + (1 + seed % 3 if seed % 4 == 0 else 0)}"
    if seed % 5 == 0:
        return f"PROGRAM: 0'); print('#### {left + right}"
    return "PROGRAM: + dup" if seed % 7 == 0 else f"PROGRAM: {left} {right} + {seed % 2} +"
