"""Recipes: what is refused and how it is said, what the hash covers, overrides and users' own methods."""

from pathlib import Path

import pytest
import yaml

from rollmill.flows.recipe.load import load_recipe
from rollmill.flows.recipe.methods import resolve
from rollmill.flows.recipe.profile import load_profile
from rollmill.ground.errors import SetupError
from tests.flows.conftest import RECIPE, ROOT

MINIMAL = """\
recipe_schema: 1
name: tiny
problems: {synthesize: templates, count: 8}
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "r.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("name: tiny", "nam: tiny", "r.yaml:2: unknown key 'nam'. Did you mean 'name'?"),
        ("count: 8", "coutn: 8", "r.yaml:3: unknown key 'problems.coutn'. Did you mean 'count'?"),
        ("count: 8", "count: -8", "r.yaml:3: problems.count: input should be greater than or equal to 1, found -8."),
        ("count: 8", "count: many", "r.yaml:3: problems.count: input should be a valid integer"),
        (", count: 8", "", "r.yaml:3: problems: synthesize needs a count"),
        ("synthesize: templates, ", "", "r.yaml:3: problems: give exactly one of synthesize, imported"),
        ("templates", "temlpates", "unknown synthesizer 'temlpates'. Did you mean 'templates'?"),
        ("recipe_schema: 1", "recipe_schema: 2", "r.yaml:1: recipe_schema: input should be 1, found 2."),
        ("recipe_schema: 1\n", "", "r.yaml: key 'recipe_schema' is missing."),
        (
            "name: tiny",
            "name: Not A Name",
            "r.yaml:2: name: a name holds a-z, 0-9, '.', '_' and '-', 63 at most, found 'Not A Name'",
        ),
        ("name: tiny", "name: tiny\nname: tiny", "r.yaml:3: key 'name' is given twice."),
        ("name: tiny", "name: [tiny", "r.yaml:3: not valid YAML"),
        ("recipe_schema: 1", "recipe_schema: 1\nverify: []", "r.yaml:2: verify: one at least is needed"),
        (
            "recipe_schema: 1",
            "recipe_schema: 1\nbudget: {method: prop2dif}",
            "unknown budget 'prop2dif'. Did you mean 'prop2diff'? Valid: fixed, frontier, gvm, passuntil, prop2diff, "
            "router, search, sequential, sweep, uniform.",
        ),
        (
            "recipe_schema: 1",
            "recipe_schema: 1\nbudget: {method: prop2diff, options: {capp: 3}}",
            "unknown option 'capp' of budget 'prop2diff'. Did you mean 'cap'?",
        ),
        ("recipe_schema: 1", "recipe_schema: 1\nbudget: {method: prop2diff, options: {cap: -3}}", "cap"),
        (
            "recipe_schema: 1",
            "recipe_schema: 1\nselect: {method: qouta}",
            "Did you mean 'quota'? Valid: all_correct, certified, elected, prop2diff",
        ),
        ("recipe_schema: 1", "recipe_schema: 1\nverify: [{method: nubmer}]", "Did you mean 'number'?"),
        ("recipe_schema: 1", "recipe_schema: 1\ngenerate: {engine: embeded}", "Did you mean 'embedded'?"),
        (
            "recipe_schema: 1",
            "recipe_schema: 1\ngenerate: {options: {threads: 4}}",
            "engine 'embedded': 'threads' cannot change a row; it belongs in a profile.",
        ),
        ("recipe_schema: 1", "recipe_schema: 1\ngenerate: {top_p: 1.5}", "generate.top_p: input should be less than or"),
        ("recipe_schema: 1", "recipe_schema: 1\ngate: {max_undecided: 2}", "gate.max_undecided: input should be less"),
    ],
)
def test_a_mistake_is_one_line_that_names_it(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in MINIMAL
    path = write(tmp_path, MINIMAL.replace(old, new, 1))
    with pytest.raises(SetupError) as caught:
        load_recipe(path)
    assert message in str(caught.value).replace(f"{tmp_path}/", "")
    assert "\n" not in str(caught.value)


def test_files_that_are_no_recipe(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"cannot read .*none.yaml: No such file"):
        load_recipe(tmp_path / "none.yaml")
    with pytest.raises(SetupError, match="expected a mapping of keys to values, found nothing"):
        load_recipe(write(tmp_path, ""))
    with pytest.raises(SetupError, match="expected a mapping of keys to values, found a list"):
        load_recipe(write(tmp_path, "- 1\n"))
    (tmp_path / "r.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SetupError, match="is not UTF-8 text"):
        load_recipe(tmp_path / "r.yaml")


def test_the_hash_is_of_the_meaning_not_of_the_spelling(tmp_path: Path) -> None:
    plain = load_recipe(write(tmp_path, MINIMAL))
    spelled = MINIMAL.replace("name: tiny", "dataset: tiny\nname: tiny # a comment\nseed: 0").replace(
        "count: 8", "count: 8, options: {split: train}"
    )
    assert load_recipe(write(tmp_path, spelled)).recipe_hash == plain.recipe_hash
    assert plain.canonical()["problems"]["options"] == {
        "levels": [1, 2, 3, 4, 5, 6, 7, 8],
        "templates": None,
        "skills": None,
        "split": "train",
    }
    changed = load_recipe(write(tmp_path, MINIMAL.replace("count: 8", "count: 9")))
    assert changed.recipe_hash != plain.recipe_hash


def test_the_hash_of_a_fixed_recipe_stays_what_it_is() -> None:
    """A change here means that every run of every user begins anew: say so in the changelog."""
    from rollmill.flows.recipe.load import resolve_recipe
    from rollmill.flows.recipe.schema import Recipe

    recipe = Recipe.model_validate(
        {"recipe_schema": 1, "name": "x", "problems": {"imported": "y"}, "generate": {"engine": "imported"}}
    )
    assert (
        resolve_recipe(recipe, base=Path()).recipe_hash
        == "cc7158aa51c36e8bc95087a5502794dfac0df3cdda3d6fa721ffacba17f49251"
    )


@pytest.mark.parametrize(
    ("max_tokens", "rows"), [(1, 1024), (256, 1024), (512, 512), (700, 374), (1024, 256), (32_768, 256)]
)
def test_a_batch_without_a_size_holds_some_quarter_of_a_million_tokens(tmp_path: Path, max_tokens: int, rows: int) -> None:
    path = write(tmp_path, MINIMAL)
    assert load_recipe(path, sets=[f"generate.max_tokens={max_tokens}"]).recipe.generate.batch_size == rows
    sets = [f"generate.max_tokens={max_tokens}", "generate.batch_size=7"]
    assert load_recipe(path, sets=sets).recipe.generate.batch_size == 7


def test_overrides_are_part_of_the_recipe(tmp_path: Path) -> None:
    path = write(tmp_path, MINIMAL)
    loaded = load_recipe(path, sets=["generate.max_tokens=64", "budget.method=uniform", "budget.options.cap=12"])
    assert loaded.recipe.generate.max_tokens == 64
    assert loaded.canonical()["budget"]["options"]["cap"] == 12
    assert loaded.recipe_hash != load_recipe(path).recipe_hash
    listed = load_recipe(
        write(tmp_path, f"{MINIMAL}verify: [{{method: number}}, {{method: number}}]\n"), sets=["verify.1.method=number"]
    )
    assert len(listed.verifiers) == 2


def test_an_override_names_a_step_by_its_name_or_its_place(tmp_path: Path) -> None:
    path = write(tmp_path, f"{MINIMAL}steps: [{{name: solve}}, {{name: again, template: '{{solve}}'}}]\n")
    by_name = load_recipe(path, sets=["steps.again.max_tokens=64"])
    assert by_name.canonical()["steps"][1]["max_tokens"] == 64
    assert by_name.recipe_hash == load_recipe(path, sets=["steps.1.max_tokens=64"]).recipe_hash
    with pytest.raises(SetupError, match=r"'other' is unlike every listed item: solve, again\."):
        load_recipe(path, sets=["steps.other.max_tokens=64"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("generate.max_tokens", "is not KEY=VALUE"),
        ("generate.max_token=3", "r.yaml (--set): unknown key 'generate.max_token'. Did you mean 'max_tokens'?"),
        ("generate.max_tokens=-3", "r.yaml (--set): generate.max_tokens: input should be greater than or equal to 1"),
        ("name.x=3", "--set 'name.x=3': there is nothing at 'name.x' to set."),
        ("generate.stop=[a", "is not a YAML value"),
        ("verify.7.method=number", "r.yaml (--set): verify: input should be a valid list."),
    ],
)
def test_a_wrong_override_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SetupError) as caught:
        load_recipe(write(tmp_path, MINIMAL), sets=[text])
    assert message in str(caught.value).replace(f"{tmp_path}/", "")


def test_the_recipes_model_reaches_the_engine(toy: Path) -> None:
    loaded = load_recipe(toy / "toy.yaml", sets=["generate.model=toy-2"])
    assert loaded.engine is not None
    assert loaded.engine.build().model == "toy-2"
    assert loaded.canonical()["generate"]["options"] == {"chance": 0.5}
    with pytest.raises(SetupError, match=r"the model is named by generate\.model"):
        load_recipe(toy / "toy.yaml", sets=["generate.options.model=toy-2"])


def test_what_is_shown_is_itself_a_recipe_with_the_same_hash(tmp_path: Path) -> None:
    loaded = load_recipe(ROOT / "recipes" / "arithmetic.yaml")
    again = load_recipe(write(tmp_path, yaml.safe_dump(loaded.canonical())))
    assert again.recipe_hash == loaded.recipe_hash


def test_a_users_file_counts_with_its_content(toy: Path) -> None:
    first = load_recipe(toy / "toy.yaml")
    assert first.engine is not None
    assert first.engine.options["chance"] == 0.5
    (toy / "toys.py").write_text((toy / "toys.py").read_text() + "\n# changed\n")
    assert load_recipe(toy / "toy.yaml").recipe_hash != first.recipe_hash


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("toys.py:ToyEngine", "toy.py:ToyEngine", "no file "),
        ("toys.py:ToyEngine", "toys.py:ToyEngin", "Did you mean 'ToyEngine'?"),
        ("toys.py:ToyEngine", "no_such_module.x:Engine", "cannot import 'no_such_module.x'"),
        ("{chance: 0.5}", "{chanse: 0.5}", "Did you mean 'chance'?"),
    ],
)
def test_mistakes_about_users_own_methods(toy: Path, old: str, new: str, message: str) -> None:
    (toy / "toy.yaml").write_text(RECIPE.replace(old, new))
    with pytest.raises(SetupError) as caught:
        load_recipe(toy / "toy.yaml")
    assert message in str(caught.value)


def test_a_users_broken_file_is_told_in_one_line(toy: Path) -> None:
    (toy / "toys.py").write_text("raise RuntimeError('half written')\n")
    with pytest.raises(SetupError, match=r"toys.py cannot be loaded: RuntimeError: half written"):
        load_recipe(toy / "toy.yaml")


def test_a_users_class_needs_name_and_version(toy: Path) -> None:
    (toy / "toys.py").write_text((toy / "toys.py").read_text().replace('    version = "1"\n', ""))
    with pytest.raises(SetupError, match=r"synthesizer 'toys.py:ToyProblems' has no 'version'"):
        load_recipe(toy / "toy.yaml")


@pytest.mark.parametrize("name", ["arithmetic", "imported"])
def test_the_shipped_recipes_are_sound(name: str) -> None:
    assert load_recipe(ROOT / "recipes" / f"{name}.yaml").recipe.name == name


def test_profiles(tmp_path: Path) -> None:
    assert load_profile(None).threads == 0
    assert load_profile(ROOT / "profiles" / "local.yaml").ledger is None
    with pytest.raises(SetupError, match="Next: ls profiles"):
        load_profile(tmp_path / "none.yaml")
    with pytest.raises(SetupError, match=r"r.yaml:1: unknown key 'thread'. Did you mean 'threads'\?"):
        load_profile(write(tmp_path, "thread: 3\n"))
    with pytest.raises(SetupError, match="workers: input should be greater than or equal to 0, found -1"):
        load_profile(write(tmp_path, "workers: -1\n"))


@pytest.mark.parametrize("place", ["ledger", "segments"])
def test_a_profile_names_no_places(tmp_path: Path, place: str) -> None:
    path = write(tmp_path, f"{place}: sqlite:///elsewhere.sqlite\n")
    with pytest.raises(SetupError) as caught:
        load_profile(path)
    assert caught.value.text() == (
        f"{path}: {place!r} belongs to the workspace, so that every verb sees the same one. "
        f'Next: write it into rollmill.toml, as [{place}] with url = "..."'
    )


def test_a_users_templates_lie_beside_the_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.pipelines.synthesize.test_user import MARBLES

    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "marbles.py").write_text(MARBLES)
    path = write(
        tmp_path / "recipes",
        "recipe_schema: 1\nname: mine\nproblems:\n  synthesize: templates\n  count: 4\n"
        '  options: {templates: ["marbles.py:Marbles"]}\n',
    )
    monkeypatch.chdir(tmp_path)
    loaded = load_recipe(path)
    assert loaded.canonical()["problems"]["options"]["templates"] == ["marbles.py:Marbles"]
    assert "recipe_folder" not in loaded.canonical()["problems"]["options"]
    here = load_recipe(path).recipe_hash
    monkeypatch.chdir(tmp_path / "recipes")
    assert load_recipe(Path(path.name)).recipe_hash == here
    assert loaded.synthesizer is not None
    assert len(list(loaded.synthesizer.build().synthesize(4, 1))) == 4


@pytest.mark.parametrize(
    ("role", "body", "message"),
    [
        (
            "verifier",
            "def verify(self, problem, completion): ...",
            "has no 'verify_many'. Next: rollmill/roles/protocols.py",
        ),
        ("selector", "choose = None", "has no 'select'."),
        ("selector", "select = kept_of = print", "are forecast by 'kept_of' and 'counts_copies' (True or False) together"),
        ("selector", "select = print\n    scores = 'votes'", "'scores' is 'votes', and must list names of scores"),
        (
            "engine",
            "engine = model = model_digest = places = 'x'\n    spooled, fingerprint = False, print\n"
            "    render = generate = close = print",
            "'places' is 'x', and must list names of its options",
        ),
        ("scorer", "rank = None", "has no 'score'."),
        ("synthesizer", "make = None", "has no 'synthesize'."),
        ("synthesizer", "synthesize = 3", "synthesizer 'own.py:Own': 'synthesize' is not a method."),
        ("policy", "def decide(self, verdicts): ...", "has no 'lazy'. Next: docs/how-to/policies.md lists its members"),
        ("engine", "engine = model = model_digest = 'x'", "has no 'spooled'."),
        ("verifier", "verify = verify_many = close = print\n    rules = ('sum',)", "'rules' must be pairs of texts"),
        (
            "verifier",
            "verify = verify_many = close = print\n    words = {'sum': 1}",
            "'words' is {'sum': 1}, and must map names of rules to texts.",
        ),
        (
            "verifier",
            "verify = verify_many = close = print\n    suite = 3",
            "'suite' is 3, and must be the name of",
        ),
        (
            "policy",
            "lazy, decide = None, print\n    over = 'number'",
            "'over' is 'number', and must list names of",
        ),
        (
            "policy",
            "lazy, decide = None, print\n    over, order = (), 7",
            "'order' is 7, and must list names of",
        ),
        ("budget", "prefix, estimator = True, 'prefix'\n    plan = print", "has no 'prefix'"),
        ("budget", "prefix, estimator = 2, 'path_counting'\n    plan = print", "has no 'rule', which path counting needs"),
        ("budget", "prefix, estimator = 2, 'prefix'\n    plan, measure = print, 3", "'measure' is 3"),
    ],
)
def test_what_a_users_class_lacks_for_its_role_is_told_when_it_is_built(
    tmp_path: Path, role: str, body: str, message: str
) -> None:
    (tmp_path / "own.py").write_text(f"class Own:\n    name = version = '1'\n    {body}\n")
    with pytest.raises(SetupError) as refused:
        resolve(role, "own.py:Own", {}, base=tmp_path).build()
    assert message in f"{refused.value.message} Next: {refused.value.next_command}"


def test_a_selector_goes_by_scores_that_the_recipe_makes_whatever_the_scorers_file_is_called(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text("class Own:\n    name, version, score = 'mine', '1', print\n")
    elected = MINIMAL + "select: {method: elected, options: {by: mine}}\n"
    assert load_recipe(write(tmp_path, elected + 'score: [{method: "own.py:Own"}]\n')).selector.name == "elected"
    with pytest.raises(SetupError, match="selector 'elected' reads score 'mine', which the recipe does not make"):
        load_recipe(write(tmp_path, elected + "score: [{method: length}]\n"))


def test_a_users_file_imports_what_lies_beside_it(tmp_path: Path) -> None:
    (tmp_path / "rates_of_mine.py").write_text("FACTOR = 7\n")
    text = "from rates_of_mine import FACTOR\n\n\nclass Own:\n    name, version = 'own', str(FACTOR)\n    score = print\n"
    (tmp_path / "own.py").write_text(text)
    assert resolve("scorer", "own.py:Own", {}, base=tmp_path).build().version.startswith("7+file.")


def test_how_a_recipe_asks_is_part_of_it_and_saying_the_usual_changes_no_hash(tmp_path: Path) -> None:
    plain = load_recipe(write(tmp_path, MINIMAL)).recipe_hash
    usual = load_recipe(write(tmp_path, MINIMAL + 'generate: {prompt_template: "{prompt}", examples: [], redraw: 0}\n'))
    assert usual.recipe_hash == plain
    shown = load_recipe(write(tmp_path, MINIMAL + 'generate: {examples: [{prompt: "1 + 1?", answer: "2"}]}\n'))
    templated = load_recipe(write(tmp_path, MINIMAL + 'generate: {prompt_template: "Briefly: {prompt}"}\n'))
    assert len({plain, shown.recipe_hash, templated.recipe_hash}) == 3
    with pytest.raises(SetupError, match="a prompt_template needs"):
        load_recipe(write(tmp_path, MINIMAL + 'generate: {prompt_template: "Briefly."}\n'))
    with pytest.raises(SetupError, match="engine imported draws nothing: it takes no prompt_template"):
        load_recipe(write(tmp_path, MINIMAL + 'generate: {engine: imported, prompt_template: "Briefly: {prompt}"}\n'))


def test_steps_ask_as_generate_does_unless_they_say_otherwise(tmp_path: Path) -> None:
    steps = 'steps: [{name: one}, {name: two, prompt_template: "{prompt}", temperature: 0.5}]\nbudget: {method: router}\n'
    loaded = load_recipe(write(tmp_path, MINIMAL + 'generate: {prompt_template: "Briefly: {prompt}"}\n' + steps))
    assert [step.generate.prompt_template for step in loaded.steps] == ["Briefly: {prompt}", "{prompt}"]
    assert [step["template"] for step in loaded.canonical()["steps"]] == ["Briefly: {prompt}", "{prompt}"]


OWN_OF = """\
class Nearest:
    name, version = "nearest", "1"

    def __init__(self, of="words"):
        self.of = of

    def select(self, run, rollouts):
        raise NotImplementedError
"""


def test_the_option_of_names_steps_unless_it_is_the_selectors_own(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(OWN_OF)
    steps = "steps: [{name: solve}]\nselect: {method: quota, options: {of: %s}}\n"
    assert load_recipe(write(tmp_path, MINIMAL + steps % "solve")).selector.of_steps == ("solve",)
    own = load_recipe(write(tmp_path, MINIMAL + "select: {method: 'mine.py:Nearest', options: {of: letters}}\n")).selector
    assert (own.of_steps, own.build().of) == ((), "letters")
    for wrong, message in (("sovle", "Did you mean 'solve'"), ("[]", "names no step"), ("7", "names no step")):
        with pytest.raises(SetupError, match=message):
            load_recipe(write(tmp_path, MINIMAL + steps % wrong))
