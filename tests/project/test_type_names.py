"""One type name has one meaning: no two classes of the product share a name."""

import re
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_no_two_classes_share_a_name() -> None:
    places: defaultdict[str, list[str]] = defaultdict(list)
    for folder in ("flows", "pipelines", "storage", "dashboards", "rollmill", "methods/*/rollmill_*"):
        for path in sorted(ROOT.glob(f"{folder}/**/*.py")):
            for name in re.findall(r"^class ([^\W_]\w*)", path.read_text(encoding="utf-8"), re.MULTILINE):
                places[name].append(str(path.relative_to(ROOT)))
    assert {name: files for name, files in places.items() if len(files) > 1} == {}
