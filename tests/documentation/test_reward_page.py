"""The page about rewards, as a person follows it: the check writes a file, the server answers the request that it shows."""

import json
import re
import shlex
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.documentation.test_docs import PAGES, SMALL, commands, initialised, run, run_python
from tests.flows.conftest import finish, start

PAGE = "reward-a-trainer.md"


@pytest.mark.services
def test_the_page_about_rewards(tmp_path: Path) -> None:
    folder = initialised(tmp_path / "ws", recipe=SMALL)
    check, serve = commands(PAGE)
    assert "reward_verl.py written" in run(check, folder)
    run_python(PAGE, folder)
    server = start(*shlex.split(serve)[1:], "--port", "0", cwd=folder)
    assert server.stdout is not None
    try:
        address = server.stdout.readline().split()[0]
        shown = re.findall(r'`(\{"items".*?\})`', PAGES[PAGE])
        parts = urlsplit(address)  # urllib takes no user and password in an address
        assert (parts.username, parts.hostname) == ("rollmill", "127.0.0.1")
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {parts.password}"}
        bare = f"http://127.0.0.1:{parts.port}{parts.path}"
        request = urllib.request.Request(bare, shown[0].encode(), headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            assert [reward["value"] for reward in json.load(answer)["rewards"]] == [1.0]
    finally:
        server.terminate()
    assert finish(server).status == 0
    assert "1.000 [" in run("rollmill reward show run7 --second math", folder)
    assert "1 rollouts new" in run("rollmill reward publish run7", folder)
