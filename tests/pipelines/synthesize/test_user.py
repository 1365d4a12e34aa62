"""A user's own template, from a file or a module, validated before it makes anything."""

from pathlib import Path

import pytest

from rollmill.ground.errors import SetupError
from rollmill.pipelines.synthesize.templates import Templates, regenerate
from rollmill.pipelines.synthesize.user import is_reference, load_class, load_template

MARBLES = """
import random
from rollmill.pipelines.synthesize.template import Calc

class Marbles:
    name = "marbles"
    skill = "counting"
    phrasings = 1

    def sample(self, level, rng):
        return {"bags": [rng.randint(2, 99) for _ in range(level + 1)]}

    def render(self, params, phrasing):
        return f"Bags hold {', '.join(map(str, params['bags']))} marbles. How many marbles are there?"

    def solve(self, params):
        calc = Calc()
        return calc.done(calc.total(params["bags"]))
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "marbles.py"
    path.write_text(MARBLES, encoding="utf-8")
    return path


def changed(file: Path, old: str, new: str) -> str:
    assert old in MARBLES
    file.write_text(MARBLES.replace(old, new), encoding="utf-8")
    return f"{file}:Marbles"


def test_what_a_reference_is() -> None:
    assert is_reference("my.module:Marbles")
    assert is_reference("marbles.py")
    assert not is_reference("shop")


def test_a_template_from_a_file_makes_problems_that_can_be_made_again(file: Path) -> None:
    problems = list(Templates(templates=[f"{file}:Marbles", "shop"]).synthesize(32, 1))
    own = [problem for problem in problems if problem.template == "marbles"]
    assert len(own) == 16
    assert {(problem.source, problem.licence) for problem in own} == {("user-template", None)}
    assert [regenerate(problem) for problem in own[:2]] == own[:2]


def test_an_edited_template_is_another_version(file: Path) -> None:
    before = Templates(templates=[f"{file}:Marbles"]).version
    after = Templates(templates=[changed(file, "(2, 99)", "(2, 98)")]).version
    assert before.startswith("1+")
    assert before != after


def test_a_file_with_one_template_needs_no_class_name(file: Path) -> None:
    assert load_template(str(file)).name == "marbles"


def test_a_template_of_a_module() -> None:
    assert load_template("rollmill.pipelines.synthesize.library.arithmetic:Basket").name == "basket"


def test_what_is_not_found_is_named_with_the_nearest(file: Path) -> None:
    with pytest.raises(SetupError, match=r"there is no file .*marble\.py'. Did you mean 'marbles\.py'"):
        load_class(str(file.with_name("marble.py")))
    with pytest.raises(SetupError, match=r"unknown class in .* 'Marble'. Did you mean 'Marbles'"):
        load_class(f"{file}:Marble")
    with pytest.raises(SetupError, match="cannot import 'no_such_module': No module named"):
        load_class("no_such_module:Marbles")
    file.write_text("x = 1\n", encoding="utf-8")
    with pytest.raises(SetupError, match="holds 0 templates"):
        load_class(str(file))


def test_a_file_that_does_not_run_is_a_users_mistake(file: Path) -> None:
    file.write_text("import nothing_of_the_sort\n", encoding="utf-8")
    with pytest.raises(SetupError, match="cannot be loaded: ModuleNotFoundError"):
        load_template(f"{file}:Marbles")


def test_a_template_that_needs_arguments(file: Path) -> None:
    reference = changed(file, "    phrasings = 1\n", "    phrasings = 1\n\n    def __init__(self, size): ...\n")
    with pytest.raises(SetupError, match="cannot be built without arguments"):
        load_template(reference)


def test_a_bad_template_is_refused_with_the_test_it_fails(file: Path) -> None:
    with pytest.raises(SetupError, match=r"fails matches_original: .* uses"):
        load_template(changed(file, 'params["bags"])', '[*params["bags"], 1000])'))
    with pytest.raises(SetupError, match="fails is_executable: ZeroDivisionError"):
        load_template(changed(file, "calc = Calc()", "calc = Calc(); 1 / 0"))


def test_chance_that_depends_on_string_hashes_is_found_by_a_second_process(file: Path) -> None:
    with pytest.raises(SetupError, match="fails single_valued: another process gets other instances"):
        load_template(changed(file, "rng.randint(2, 99)", "hash(str(rng.random())) % 97 + 2"))


def test_a_template_that_loops_is_ended(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rollmill.pipelines.synthesize.user.CPU_LIMIT_S", 1)
    with pytest.raises(SetupError, match="does not finish: no samples after 1 CPU seconds"):
        load_template(changed(file, "calc = Calc()", "any(iter(int, 1)); calc = Calc()"))


def test_a_user_template_may_not_take_a_name_of_ours_or_evaluate(file: Path) -> None:
    with pytest.raises(SetupError, match="cannot be in split 'evaluation'"):
        Templates(templates=[f"{file}:Marbles"], split="evaluation")
    with pytest.raises(SetupError, match=r"the template name 'shop' .* is taken"):
        Templates(templates=[changed(file, '"marbles"', '"shop"')])


def test_train_and_held_out_problems_of_a_user_template_do_not_meet(file: Path) -> None:
    def prompts(split: str) -> set[str]:
        options = Templates(templates=[f"{file}:Marbles"], split=split, levels=[1])
        return {str(problem.prompt) for problem in options.synthesize(200, 1)}

    assert prompts("train") & prompts("heldout") == set()


def test_a_file_is_looked_for_in_the_recipe_folder_from_anywhere(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    synthesizer = Templates(templates=["marbles.py:Marbles"], recipe_folder=str(file.parent))
    problems = list(synthesizer.synthesize(8, 1))
    assert {problem.meta["reference"] for problem in problems} == {"marbles.py:Marbles"}
    monkeypatch.chdir(file.parent)
    assert list(Templates(templates=["marbles.py:Marbles"]).synthesize(8, 1)) == problems
    with pytest.raises(SetupError, match=r"there is no file '.*marble\.py'\. Did you mean 'marbles\.py'\?"):
        Templates(templates=["marble.py:Marbles"], recipe_folder=str(file.parent))
