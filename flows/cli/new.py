"""`rollmill recipe new` and `rollmill methods new`: commented files to begin with."""

import builtins
import inspect
import re
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from rollmill.flows import CHECKOUT
from rollmill.flows.cli.output import AsJson, as_json, line
from rollmill.ground.errors import SetupError, unknown_name

MADE = """\
problems:
  synthesize: templates          # or imported: NAME, after rollmill import problems FILE --name NAME
  options: {levels: [1, 2, 3, 4], split: train}
  count: 100
"""
IMPORTED = """\
problems:
  imported: PROBLEMS             # the name given at import
"""
DRAWN = """\
generate:
  engine: embedded               # or openai, with the server in a profile (curate ... --profile profiles/NAME.yaml)
  model: models/rollmill-tiny    # for openai the name by which the server knows it
  temperature: 1.0
  max_tokens: 256
  # system_prompt: "Solve the problem. End with: The answer is N."
  # prompt_template: "{prompt}"  # the problem's text goes to {prompt}
  # examples: [{prompt: "What is 1 + 1?", answer: "The answer is 2."}]
"""
THEIRS = """\
generate:
  engine: imported               # no model: the rollouts that were imported for these problems
  # imports: [NAME]              # only those imported under these names
"""
REST = """\
verify:                          # what one leaves undecided goes to the next: rollmill methods verifiers
  - method: number
  - method: math

budget:                          # rollmill methods budgets
  method: fixed
BUDGET
select:                          # rollmill methods selectors
  method: quota
  options:
    per_problem: 4               # most right solutions of a problem
    # least: 0.1                 # only problems whose pass rate is within these bounds
    # most: 0.9

# evaluation:                    # nothing of these may be inside
#   - {file: my_test.jsonl, map: {prompt: question}}

gate:                            # without these nothing is published
  max_undecided: 0.01
  min_kept: 1
"""


def new_recipe(name: str, problems: str | None, *, rollouts: bool) -> str:
    """The text of a recipe. `problems`: name of imported problems; `rollouts`: rollouts of them were imported too."""
    head = f"# Every key with its default: rollmill recipe show FILE\nrecipe_schema: 1\nname: {name}\nseed: 7\n"
    asked = MADE if problems is None else IMPORTED.replace("PROBLEMS", problems)
    budget = "" if rollouts else "  options: {initial: 8}          # completions of each problem\n"
    return "\n".join([head, asked, THEIRS if rollouts else DRAWN, REST.replace("BUDGET\n", f"{budget}\n")])


def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the recipe and of its dataset.")],
    *,
    problems: Annotated[
        str | None, typer.Option("--problems", metavar="NAME", help="Ask these imported problems; by default templates.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="The file; by default recipes/NAME.yaml.")] = None,
    json: AsJson = False,
) -> None:
    """Write a commented recipe to begin with.

    Example: rollmill recipe new mine --problems gsm8k
    """
    from rollmill.storage.artifacts.index import NAME

    if not NAME.fullmatch(name):
        raise SetupError(f"{name!r} is no name of a recipe: letters, digits, '-', '_' and '.', at most 64.")
    path = out or (Path("recipes") if Path("recipes").is_dir() else Path()) / f"{name}.yaml"
    if path.exists():
        raise SetupError(f"{path} exists.", next_command=f"rollmill recipe new {name}-2, or --out OTHER.yaml")
    path.write_text(new_recipe(name, problems, rollouts=problems is not None and _has_rollouts(problems)), encoding="utf-8")
    if json:
        return as_json({"recipe": str(path)})
    return line(f"{path} is written.\nNext: rollmill curate {path}")


def _has_rollouts(problems: str) -> bool:
    """True if rollouts of these imported problems were imported; SetupError for problems that are not here."""
    from rollmill.storage.imports.removal import imports_held
    from rollmill.storage.workspace import Workspace

    with Workspace.open() as workspace:
        held = imports_held(workspace)
    known = [contents.name for contents in held if contents.problems]
    if problems not in known:
        raise unknown_name("import of problems", problems, known, next_command="rollmill import problems FILE --name NAME")
    return any(contents.rollouts and problems in (contents.of, contents.name) for contents in held)


PUBLIC = "rollmill.methods"  # stands above the commands: read by name, as a text of signatures
SOURCES = ("collections.abc", "typing", PUBLIC)
"""Modules that a written file may import from; the first that has a name."""
PROTOCOLS: Mapping[str, str] = {"engine": "Generator", "measure": "ModelMeasure"}
"""Protocols with another name than their role."""
METHOD = '''"""TITLE, used in a recipe as `FILE:CLASS`. Check it: rollmill methods --file FILE"""

IMPORTS


class CLASS:
    """One sentence about it, which `rollmill methods` shows."""

MEMBERS
'''


def role_of(kind: str) -> str:
    """The role that a kind of methods names, `verifier` for `verifiers`; SetupError for a kind that is none."""
    from rollmill.roles.registries import REGISTRIES

    kinds = {place.kind: role for role, place in REGISTRIES.items()} | {role: role for role in REGISTRIES}
    if kind not in kinds:
        raise unknown_name("kind of method", kind, [place.kind for place in REGISTRIES.values()])
    return kinds[kind]


def new_method(kind: str, name: str) -> Path:
    """Write a Python file with a class that has the members of its role; SetupError for a kind that is none."""
    from rollmill.pipelines.method_checks import CALLS, NAMED, PAGES, TEXTS, VALUES

    role = role_of(kind)
    words = name.replace("-", "_")
    if not words.isidentifier() or words != words.lower():
        raise SetupError(f"{name!r} is no name of a Python file: lower-case letters, digits and '_'.")
    path = Path(f"{words}.py")
    if path.exists():
        raise SetupError(f"{path} exists.", next_command=f"rollmill methods new {kind} {words}_2")
    cls = "".join(part.capitalize() for part in words.split("_"))
    members = [f'    {text} = "{words if text == "name" else "1"}"' for text in TEXTS.get(role, NAMED)]
    members += [
        f"    {value} = None  # see {PAGES.get(role, 'rollmill/roles/protocols.py')}" for value in VALUES.get(role, ())
    ]
    members += [_call(role, call) for call in CALLS[role]]
    text = METHOD.replace("MEMBERS", "\n".join(members)).replace("CLASS", cls).replace("FILE", path.name)
    path.write_text(
        text.replace("TITLE", f"{'An' if role[0] in 'aeio' else 'A'} {role}").replace("IMPORTS\n", _imports(text)),
        encoding="utf-8",
    )
    return path


def places_in_product(role: str, name: str) -> tuple[str, str, str]:
    """Places in the product of a method of this role: its file, the file of its registry, and its contract test."""
    from rollmill.roles.registries import REGISTRIES

    place = Path(*REGISTRIES[role].module.split(".")[1:])
    whole = (CHECKOUT / place).is_dir()
    folder = place if whole else place.parent
    contract = {"policy": "test_acceptance.py", "export": "test_exports.py"}.get(role, "test_contract.py")
    registry = folder / "__init__.py" if whole else place.with_suffix(".py")
    return f"{folder}/{name}.py", str(registry), f"tests/{folder}/{contract}"


def _imports(text: str) -> str:
    """The imports of what the signatures in a text name."""
    named = set(re.findall(r"\w+", " ".join(line for line in text.splitlines() if line.startswith("    def "))))
    lines = []
    for module in SOURCES:
        if taken := sorted(named & _names(module)):
            lines.append(f"from {module} import {', '.join(taken)}\n")
            named -= set(taken)
    return "\n".join(["".join(lines[:-1]), lines[-1]]) if len(lines) > 1 else "".join(lines)


def _names(module: str) -> set[str]:
    return set(dir(import_module(module)))


def _call(role: str, name: str) -> str:
    """A method of a role with the signature and the description that its protocol has."""
    protocol = getattr(import_module(PUBLIC), PROTOCOLS.get(role, role.title().replace(" ", "")))
    member = getattr(protocol, name)
    about = (inspect.getdoc(member) or "").split("\n\n")[0]
    body = "pass" if name == "close" else "raise NotImplementedError"
    doc = f'        """{" ".join(about.split())}"""\n' if about else ""
    return f"\n    def {name}{_signature(member)}:\n{doc}        {body}"


def _signature(member: Any) -> str:
    """The parameters of a method with their types by plain names; without types where one cannot be imported so."""
    signature = inspect.signature(member)
    typed = re.sub(r"(?<![\w.])(?:\w+\.)+(?=\w)", "", str(signature).replace("'", ""))
    known = {"self", *dir(builtins), *signature.parameters}.union(*map(_names, SOURCES))
    if set(re.findall(r"[A-Za-z_]\w*", typed)) <= known:
        return typed
    return f"({', '.join(signature.parameters)})"
