"""The verbs of `rollmill`, and how its help lists them: the everyday ones with a sentence each, the others by name."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

from typer import Typer
from typer.core import TyperGroup

from rollmill.ground.by_name import object_at
from rollmill.kinds import GROUP, KINDS, kind_of_verb

FURTHER_TITLE = "Methods of papers and further commands"
COMMANDS = {
    "Make": {
        "init": "operate.workspace:init",
        "recipe": "recipe:verbs",
        "methods": "make.methods:methods",
        "import": "make.import_:verbs",
    },
    "Judge": {
        "review": "judge.review:review",
        "certify": "judge.certify:verbs",
        "reward": "judge.reward:verbs",
    },
    "Look": {
        "runs": "look.runs:verbs",
        "show": "look.problems:show",
        "compare": "look.compare:compare",
    },
    "Datasets": {
        "dataset": "datasets.dataset:verbs",
        "model": "datasets.model:verbs",
    },
    "Operate": {
        "schedule": "operate.schedule:verbs",
        "up": "operate.services:up",
        "doctor": "operate.workspace:doctor",
    },
}
"""Verbs that run no job and that --help explains, by panel: the module in flows/cli, and in it the function or group."""
FURTHER_COMMANDS = {
    "benchmark": "make.benchmark:verbs",
    "synthesize": "recipe:synthesize",
    "harden": "datasets.contamination:harden",
    "score": "judge.score:score",
    "select": "judge.select:select",
    "label": "judge.replay:label",
    "errata": "judge.errata:verbs",
    "problems": "look.problems:problems",
    "leaderboard": "look.compare:leaderboard",
    "pairs": "look.pairs:verbs",
    "holdout": "look.holdout:verbs",
    "card": "look.card:verbs",
    "scaling": "look.scaling:scaling",
    "shares": "look.shares:shares",
    "replay": "judge.replay:replay",
    "view": "look.view:verbs",
    "dashboard": "operate.dashboard:dashboard",
    "contamination": "datasets.contamination:verbs",
    "origins": "datasets.origins:origins",
    "export-task": "datasets.export_task:export_task",
    "down": "operate.services:down",
    "gc": "operate.workspace:gc",
}
"""Verbs that run no job and that --help names alone."""


def _places(commands: Mapping[str, str], panel: str = "") -> dict[str, str]:
    """The place of each verb of a panel: of these commands, and of the kinds of jobs that the panel lists."""
    own = {name: f"rollmill.flows.cli.{place}" for name, place in commands.items()}
    return own | {kind.verb: kind.command for kind in KINDS.values() if kind.panel == panel}


PANELS = {panel: _places(commands, panel) for panel, commands in COMMANDS.items()}
"""The verbs that --help explains, by panel."""
FURTHER = _places(FURTHER_COMMANDS)
"""The verbs that --help names under FURTHER_TITLE; --help --all has a sentence about each."""
VERBS = {name: place for panel in (*PANELS.values(), FURTHER) for name, place in panel.items()}


def package_verbs() -> list[str]:
    """The verbs that installed packages bring, by an entry point in the group `rollmill.kinds` or `rollmill.verbs`."""
    from rollmill.installed import entry_points

    return sorted({verb for group in (GROUP, "verbs") for verb in entry_points().get(group, ())} - set(VERBS))


def package_command(verb: str) -> Callable[..., None] | Typer | None:
    """The function or group of a package's verb; None for no such verb, SetupError for one that cannot be used."""
    from rollmill.installed import load, only_point

    kind = kind_of_verb(verb)
    point = only_point("verbs", verb, product=verb in VERBS or kind is not None)
    if point is not None:
        brought: Callable[..., None] | Typer = load(
            "verb", point, cast(type, Callable), "a function or a group of commands"
        )
        return brought
    if kind is None or kind.command:
        return None if kind is None else object_at(kind.command)
    from rollmill.flows.cli.jobs import command_of

    return command_of(kind)


def further(verbs: Iterable[str]) -> list[str]:
    """Of these verbs those that --help names alone: the product's in their order, then those of packages."""
    listed = set(verbs)
    return [verb for verb in FURTHER if verb in listed] + sorted(listed - set(VERBS))


class CommandList(TyperGroup):
    """A group whose help gives the first sentence of each command in full, over as many lines as it takes.

    The program's own help names its further verbs without a sentence, unless `--all` or `help all` asks for it.
    """

    def list_commands(self, ctx: Any) -> list[str]:
        """The program's verbs in their own order; Typer puts groups behind commands."""
        names = super().list_commands(ctx)
        order = [*VERBS, *names]  # of which one may be a package's
        return names if ctx.parent is not None else sorted(names, key=order.index)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """The arguments of the program may ask for its help in words: `help`, `help all`, `help VERB`."""
        if ctx.parent is None and args[:1] == ["help"]:
            args = ["--all", "--help"] if args[1:] == ["all"] else [*args[1:], "--help"]
        if ctx.parent is None and set(args) in ({"--all", "--help"}, {"--all", "-h"}):
            args, ctx.obj = ["--help"], FURTHER_TITLE
        return super().parse_args(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        rows = {name: command.get_short_help_str(limit=1_000) for name, command in commands if command is not None}
        asked = {FURTHER_TITLE: further(rows)} if ctx.obj == FURTHER_TITLE else {}
        panels: Mapping[str, Iterable[str]] = {"Commands": rows} if ctx.parent is not None else {**PANELS, **asked}
        for title, names in panels.items():
            with formatter.section(title):
                formatter.write_dl([(name, rows[name]) for name in names if name in rows])
        if ctx.parent is None and not asked:
            _name_further(formatter, further(rows))


def _name_further(formatter: Any, names: list[str]) -> None:
    """Write the names of the further verbs in columns, and the command that has a sentence about each."""
    with formatter.section(FURTHER_TITLE):
        width = max(map(len, names), default=0) + 2
        across = max(1, (formatter.width - formatter.current_indent) // width)
        for start in range(0, len(names), across):
            row = "".join(f"{name:<{width}}" for name in names[start : start + across])
            formatter.write(f"{'':{formatter.current_indent}}{row.rstrip()}\n")
    formatter.write("\nWhat each does: rollmill help all. More about one: rollmill VERB --help.\n")
