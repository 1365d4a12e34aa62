"""Programs that are built, not written: too long, too deep, or of characters that no file of ours should hold."""

BUILT: dict[str, str] = {
    "a nested display": "def total(numbers):\n    return " + "[" * 5_000 + "0" + "]" * 5_000 + "\n",
    "a long source": "def total(numbers):\n    return 0\n" + "x = 1\n" * 200_000,
    "a long expression": "def total(numbers):\n    return " + "1+" * 30_000 + "1\n",
    "nested functions": "".join(" " * i + f"def f{i}():\n" for i in range(150)) + " " * 150 + "pass\n",
    "NUL in the source": "def total(numbers):\n    return 0\x00\n",
    "broken characters in the source": "def total(numbers):\n    return '\ud800'\n",
    "bytes that are no source": "\x7fELF\x02\x01\x01" + "\x00" * 1_000,
    "a million braces": "{" * 1_000_000,
    "a million fences": "```python\n" * 100_000,
    "a megabyte of prose": "Let me think about it. " * 45_000,
    "nothing": "",
    "no program": "I would add the numbers one by one and return what I have.",
}
