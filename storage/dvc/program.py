"""DVC's own command line, which refuses listings of a folder that lead out of it; run as a file, in a process of its own.

A listing (an object `*.dir`) comes from the remote. DVC neither compares it with its digest nor looks at the paths in it:
`../../.bashrc` there would be written before anybody checks what was pulled. Nothing of ours is imported here.
"""

import re
import sys
from typing import Any

_DIGEST = re.compile(r"[0-9a-f]{32}")


def main() -> int:
    """Run DVC with the arguments of this process; its exit status."""
    from dvc.cli import main as command_line
    from dvc.exceptions import DvcException
    from dvc_data.hashfile.tree import Tree

    plain = Tree.from_list

    def from_list(listed: Any, *args: Any, **options: Any) -> Any:
        for entry in listed:
            if fault := fault_of(entry):
                raise DvcException(f"the listing of a folder {fault}; it is not used")
        return plain(listed, *args, **options)

    # Every listing is made here, whether of the remote, of the cache or of a pointer.
    setattr(Tree, "from_list", staticmethod(from_list))  # noqa: B010 - typed as a method
    return int(command_line(sys.argv[1:]))


def fault_of(entry: Any) -> str:
    """What is wrong with an entry of a listing; empty for a file below the folder with a digest."""
    path = entry.get("relpath") if isinstance(entry, dict) else None
    if not isinstance(path, str) or not _below(path):
        return f"names the path {str(path)[:200]!r}"
    digest = entry.get("md5", "0" * 32)  # a version-aware remote gives other marks
    return "" if isinstance(digest, str) and _DIGEST.fullmatch(digest) else f"names the digest {str(digest)[:80]!r}"


def _below(path: str) -> bool:
    """True for a relative path that stays below its folder."""
    return "\0" not in path and not any(part in ("", ".", "..") for part in path.split("/"))


if __name__ == "__main__":
    sys.exit(main())
