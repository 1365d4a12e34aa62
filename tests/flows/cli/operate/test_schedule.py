"""The verbs of schedules, and what they, `up` and `doctor` say of a standing server; no server is needed for it."""

import json
from pathlib import Path

import pytest

from rollmill.flows.prefect.systemd import unit
from rollmill.storage.standing import look, write_standing
from rollmill.storage.versions.publish import publish
from rollmill.storage.workspace import Workspace
from tests.flows.conftest import Run
from tests.flows.sweeps.test_sweep import SWEEP
from tests.storage.test_standing import gone, left
from tests.storage.versions.conftest import build

pytestmark = pytest.mark.integration


def test_the_verbs_say_that_schedules_need_up(toy: Path, rollmill: Run) -> None:
    result = rollmill("schedule", "add", "toy.yaml", "--cron", "0 2 * * *", "--set", "seed=5")
    assert result.status == 0
    assert "Scheduled toy: At 02:00 every day (UTC), next " in result.out
    assert "Not served: schedules fire only while `rollmill up` runs. Next: rollmill up" in result.out
    assert json.loads((toy / ".rollmill" / "schedules.json").read_text())[0]["recipe"] == str(toy / "toy.yaml")
    assert "toy is paused." in rollmill("schedule", "pause", "toy").out
    assert "paused" in rollmill("schedule", "list").out
    assert "toy is on: At 02:00 every day (UTC), next " in rollmill("schedule", "resume", "toy").out
    now = rollmill("schedule", "run-now", "toy")
    assert (now.status, "needs a standing server" in now.err) == (2, True)
    assert rollmill("schedule", "remove", "toy", "--dry-run").status == 0
    assert "Removed toy." in rollmill("schedule", "remove", "toy").out
    assert "No schedules." in rollmill("schedule", "list").out
    assert "Nothing is up in this workspace." in rollmill("down").out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "give one of --cron, --every, --on"),
        (["--cron", "0 2 * * *", "--every", "1h"], "give one of --cron, --every, --on"),
        (["--every", "2d"], "minutes or hours, less than a day"),
        (["--on", "wind:north"], "--on 'wind:north' is not known. Valid: version:DATASET, model:NAME."),
        (["--on", "model:tiny"], "unknown model 'tiny'. Valid: toy-1."),
        (["--every", "1h", "--timezone", "Mars/Base"], "no time zone 'Mars/Base'"),
        (["--every", "1h", "--notify-webhook", "https://hooks.example/secret"], "an address is a secret"),
        (
            ["--every", "1h", "--notify-command", "no-such-program me"],
            "there is no program 'no-such-program' that may be run",
        ),
        (["--every", "1h", "--notify-command", "./toys.py"], "there is no program './toys.py' that may be run"),
        (["--every", "1h", "--notify-command", "mail 'me"], "No closing quotation"),
        (["--every", "1h", "--notify-command", ""], "--notify-command names no program"),
        (["--on", "version:nowhere"], "unknown dataset 'nowhere'. Valid: toy."),
        (["--on", "version:toy@v1"], "unknown dataset 'toy@v1'. Did you mean 'toy'?"),
        (["--every", "1h", "--overlap", "both"], "Invalid value for '--overlap'"),
    ],
)
def test_what_cannot_be_scheduled_is_said(toy: Path, rollmill: Run, arguments: list[str], said: str) -> None:
    refused = rollmill("schedule", "add", "toy.yaml", *arguments)
    assert (refused.status, said in refused.err) == (2, True), refused.err
    assert "hooks.example" not in refused.err
    assert not (toy / ".rollmill" / "schedules.json").exists()


def test_a_dry_run_shows_the_next_five_times_and_writes_nothing(toy: Path, rollmill: Run) -> None:
    add = ("schedule", "add", "toy.yaml", "--cron", "0 2 * * *", "--timezone", "Europe/Berlin")
    result = rollmill(*add, "--dry-run")
    assert "Would schedule toy: At 02:00 every day (Europe/Berlin), next 20" in result.out
    assert result.out.count("T02:00+0") == 6
    assert not (toy / ".rollmill" / "schedules.json").exists()
    rollmill(*add, "--retries", "2", "--overlap", "queue", "--notify-command", "tee told")
    waits = json.loads(rollmill("schedule", "add", "toy.yaml", "--on", "version:toy", "--name", "next", "--json").out)
    assert (waits["next"], waits["next_five"]) == ("when it comes", [])
    listed = json.loads(rollmill("schedule", "list", "--json").out)["schedules"]
    assert [(row["name"], row["overlap"], row["retries"], len(row["next_five"])) for row in listed] == [
        ("next", "skip", 0, 0),
        ("toy", "queue", 2, 5),
    ]
    assert listed[1]["notify"] == {"command": "tee told", "webhook": None, "when": "failure"}
    assert "replaces At 02:00 every day" in rollmill("schedule", "add", "toy.yaml", "--every", "6h").out


def test_the_unit_of_systemd_starts_this_workspace(toy: Path, rollmill: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", "/home/me/.config")
    monkeypatch.setenv("XDG_STATE_HOME", "/home/me/.local/state")
    result = rollmill("up", "--systemd", "--port", "4300")
    unit = toy / ".rollmill" / "rollmill-ws.service"
    assert result.err == ""
    assert f"Next: systemctl --user enable --now {unit}" in result.out
    text = unit.read_text()
    assert f"WorkingDirectory={toy}\n" in text
    assert "-P -m rollmill.flows.cli up --foreground --port 4300 --dashboard 8501 --runs 2\n" in text
    assert "EnvironmentFile=-/home/me/.config/rollmill/up.env\n" in text
    assert " XDG_STATE_HOME=/home/me/.local/state XDG_CONFIG_HOME=/home/me/.config\n" in text


def test_a_unit_reads_no_variables_of_the_folder(toy: Path, rollmill: Run) -> None:
    (toy / ".rollmill" / "up.env").write_text("LD_PRELOAD=theirs.so\n")
    (toy / "precious").write_text("mine")
    (toy / ".rollmill" / "rollmill-ws.service").symlink_to(toy / "precious")
    result = rollmill("up", "--systemd")
    assert f"{toy}/.rollmill/up.env is not read, as it may have come with the folder. Its place is /" in result.err
    text = (toy / ".rollmill" / "rollmill-ws.service").read_text()
    assert (f"{toy}/.rollmill/up.env" in text, (toy / "precious").read_text()) == (False, "mine")


def test_a_unit_of_a_folder_with_blanks_names_it_whole() -> None:
    state = Path('/srv/my "work" $x 5%/.rollmill')
    text = unit(state, 4300, 8501, 2)
    assert '"TMPDIR=/srv/my \\"work\\" $x 5%%/.rollmill/tmp"' in text
    assert 'ExecStartPre=/bin/mkdir -p "/srv/my \\"work\\" $$x 5%%/.rollmill/tmp"\n' in text
    assert 'WorkingDirectory=/srv/my "work" $x 5%%\n' in text


def test_list_doctor_and_up_agree_about_a_killed_one(toy: Path, rollmill: Run) -> None:
    state = toy / ".rollmill"
    write_standing(state, 1, state / "prefect")
    left(state, process=gone())
    text = look(state).line()
    assert text.startswith("NOT SERVED: `rollmill up` was killed (pid ")
    rollmill("schedule", "add", "toy.yaml", "--cron", "0 2 * * *")
    assert text in rollmill("schedule", "list").out
    assert json.loads(rollmill("schedule", "list", "--json").out)["service"] == "killed"
    (finding,) = [
        finding
        for finding in json.loads(rollmill("doctor", "--quick", "--json").out)["findings"]
        if finding["name"] == "up"
    ]
    assert (finding["ok"], finding["detail"]) == (False, f"{text} 1 schedules wait for it.")
    assert text in rollmill("schedule", "run-now", "toy").err
    assert json.loads(rollmill("up", "--dry-run", "--json").out) == {"up": False, "port": 4200, "dashboard": 8501}
    rollmill("down")
    assert look(state).status == "down"


def test_the_port_is_that_of_the_workspace(toy: Path, rollmill: Run) -> None:
    (toy / "rollmill.toml").write_text("[up]\nport = 4321\n")
    assert json.loads(rollmill("up", "--dry-run", "--json").out)["port"] == 4321
    assert json.loads(rollmill("up", "--dry-run", "--json", "--port", "0").out)["port"] == 0
    (toy / "rollmill.toml").write_text('[up]\nport = "many"\n')
    refused = rollmill("up", "--dry-run")
    assert (refused.status, "[up] port 'many' is not a port number. Valid: 0 (any), 1024 to 65535." in refused.err) == (
        2,
        True,
    )


def test_a_dataset_that_is_not_there_is_waited_for_where_a_recipe_makes_it(toy: Path, rollmill: Run) -> None:
    add = ("schedule", "add", "toy.yaml", "--name", "next", "--on")
    assert rollmill(*add, "version:toy").err == "There is no dataset 'toy' yet. The schedule waits for its first version.\n"
    with Workspace.open(toy) as workspace:
        publish(workspace, build(), report_html="", report_json={})
    assert rollmill(*add, "version:toy").err == ""
    wrong = rollmill(*add, "version:tyo", "--dry-run")
    assert (wrong.status, "unknown dataset 'tyo'. Did you mean 'toy'? Valid: toy." in wrong.err) == (2, True)


def test_sweeps_and_mixtures_have_schedules(toy: Path, rollmill: Run) -> None:
    (toy / "chances.yaml").write_text(json.dumps(SWEEP))
    (toy / "mixed.yaml").write_text(
        json.dumps({"mix_schema": 1, "name": "mixed", "sources": {"all": {"version": "toy"}}, "size": 4})
    )
    cron = ("--cron", "0 2 * * *")
    swept = rollmill("schedule", "add", "chances.yaml", *cron, "--fresh", "seed").out
    assert "Fresh: every firing takes the next seed (set.seed=N, N+1, ...)" in swept
    assert "Not fresh: every firing continues the same sweep." in rollmill("schedule", "add", "chances.yaml", *cron).out
    waits = rollmill("schedule", "add", "mixed.yaml", "--on", "version:toy").out
    assert "Every firing mixes what the sources have then" in waits
    listed = json.loads(rollmill("schedule", "list", "--json").out)["schedules"]
    assert {row["name"]: row["verb"] for row in listed} == {"chances": "sweep", "mixed": "mix"}
    redraws = rollmill("schedule", "add", "chances.yaml", *cron, "--fresh", "redraw")
    assert (redraws.status, "--fresh 'redraw' is not for a sweep. Valid: seed." in redraws.err) == (2, True)
    mixes = rollmill("schedule", "add", "mixed.yaml", *cron, "--fresh", "seed")
    assert (mixes.status, "`rollmill mix` draws none" in mixes.err) == (2, True)


def plant(toy: Path, **changes: object) -> None:
    """A schedule that came with the folder."""
    row = {"name": "theirs", "cron": "0 2 * * *", "recipe": str(toy / "toy.yaml"), "sets": ["seed=5"], **changes}
    (toy / ".rollmill" / "schedules.json").write_text(json.dumps([row]))


def test_a_schedule_that_came_with_the_folder_is_accepted_by_its_name(toy: Path, rollmill: Run) -> None:
    plant(toy, notify={"command": f"tee -a {toy}/told\nwhen: never", "webhook": None})
    said = "not yours: does not fire. Next: rollmill schedule accept theirs --dry-run"
    assert f"theirs: {said}" in rollmill("schedule", "list").out
    told = "1 schedule was not written here and does not fire: theirs. Next: rollmill schedule accept theirs --dry-run"
    assert told in rollmill("up", "--dry-run").err
    assert told in rollmill("up", "--systemd", "--dry-run").err
    assert told in rollmill("doctor", "--quick").out
    for verb in ("pause", "resume", "run-now"):
        for more in ((), ("--dry-run",)):
            refused = rollmill("schedule", verb, "theirs", *more)
            assert (refused.status, "schedule 'theirs' was not written here: " in refused.err) == (2, True)
    shown = rollmill("schedule", "accept", "theirs", "--dry-run").out
    assert shown.splitlines() == [
        f"does: curate '{toy}/toy.yaml'",
        "when: At 02:00 every day (UTC)",
        "set: 'seed=5'",
        f"notify command: 'tee -a {toy}/told\\nwhen: never'",
        "Each firing also runs the Python files and programs that the recipe and the profile name.",
        "Would accept theirs. Next: rollmill schedule accept theirs",
    ]
    assert said in rollmill("schedule", "list").out
    assert "Accepted theirs: At 02:00 every day (UTC), next 20" in rollmill("schedule", "accept", "theirs").out
    assert "theirs: has not fired yet" in rollmill("schedule", "list").out
    assert rollmill("up", "--dry-run").err == ""
    assert "theirs is paused." in rollmill("schedule", "pause", "theirs").out


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"recipe": "/gone/toy.yaml"}, "names /gone/toy.yaml, and there is no such file"),
        ({"recipe": "toy.yaml"}, "names toy.yaml, and there is no such file"),
        ({"profile": "/gone/p.yaml"}, "names /gone/p.yaml, and there is no such file"),
        ({"verb": "evaluate"}, "does not fit its recipe"),
        ({"fresh": "always"}, "does not fit its recipe"),
        ({"since": "never"}, "does not fit its recipe"),
        ({"retries": 1_000_000}, "does not fit its recipe"),
        ({"cron": "", "every": 1}, "does not fit its recipe"),
        ({"cron": "never"}, "cron 'never' needs five fields"),
        ({"every": 60}, "give one of --cron, --every, --on"),
        ({"timezone": "Mars/Base"}, "no time zone 'Mars/Base'"),
        ({"notify": {"command": "no-such-program"}}, "there is no program 'no-such-program'"),
        ({"notify": {"webhook": "a b"}}, "--notify-webhook takes the name of an environment variable"),
    ],
)
def test_what_could_not_have_been_scheduled_here_is_not_accepted(
    toy: Path, rollmill: Run, changes: dict[str, object], said: str
) -> None:
    plant(toy, **changes)
    refused = rollmill("schedule", "accept", "theirs")
    assert (refused.status, said in refused.err) == (2, True), refused.err
    assert not json.loads(rollmill("schedule", "list", "--json").out)["schedules"][0]["own"]
