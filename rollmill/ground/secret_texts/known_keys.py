"""Secrets that a process can know: environment variables by their names, passwords within addresses, DVC's settings.

They are looked for in whatever is shown, published or exported. Values that are words, paths and switches are no secrets.
"""

import os
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

from rollmill.ground.secret_texts.key_search import KeySearch
from rollmill.ground.secret_texts.spellings import LEAST_KEY, of_words

_NAME = re.compile(
    r"(^|_)(KEYS?|TOKEN|SECRETS?|PASSWORD|PASSWD|PASS|PWD|PAT|CREDENTIALS?|WEBHOOK|AUTH|DSN|APIKEY)(_|$|\d)", re.I
)
_NO_SECRET = re.compile(r"(^|_)(PATH|FILE|DIR|FOLDER|SOCK|ENV|NAME|ID|PUBLIC)$", re.I)
_PLACE = re.compile(r"[./~\\]|[A-Za-z]:\\|file:")
_DVC = re.compile(
    r"""(?mx)^\s*(?:password|secret_access_key|access_key_id|session_token|account_key|sas_token|connection_string|
    client_secret|gdrive_client_secret|oss_key_secret|token|custom_auth_header|keyfile_pass)\s*=\s*["']?(.+?)["']?\s*$"""
)
_MOST_FILE = 1 << 20


def environment_keys(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """The secrets of environment variables, by the variable's name: keys, tokens, passwords, passwords within addresses."""
    known: dict[str, str] = {}
    for name, given in (os.environ if environment is None else environment).items():
        value = given.strip()
        if _NAME.search(name) and not _NO_SECRET.search(name) and _is_secret(value):
            known[name] = value
        password = password_of(value) if "@" in value and "://" in value else None
        if password is not None:
            known[name] = password
    return known


def password_of(address: str) -> str | None:
    """The password within an address (`postgresql://user:password@host/name`), decoded; None if it has none of use."""
    try:
        password = unquote(urlsplit(address).password or "")
    except ValueError:
        return None
    # A word alone ("postgres") stands in texts by chance.
    return password if len(password) >= LEAST_KEY and not password.isalpha() else None


def file_keys(root: Path) -> dict[str, str]:
    """The secrets in files of a workspace: the ledger's password, and those of DVC remotes."""
    known: dict[str, str] = {}
    for name in (".dvc/config.local", ".dvc/config"):
        values = [value for value in _DVC.findall(_text(root / name)) if _is_secret(value)]
        known |= {f"{name} ({number})": value for number, value in enumerate(values, 1)}
    addresses = re.findall(r"""["']([a-z0-9+]+://[^"'\s]*@[^"'\s]+)["']""", _text(root / "rollmill.toml"))
    passwords = [password for address in addresses if (password := password_of(address))]
    return known | {f"rollmill.toml ({number})": password for number, password in enumerate(passwords, 1)}


_used: dict[str, str] = {}


def use(name: str, key: str) -> None:
    """Take note of a key that this process sends to a server: nothing that is printed from here on shows it."""
    if len(key) >= LEAST_KEY and key not in _used.values():
        _used[name] = key
        _search.cache_clear()


def shown_search() -> KeySearch:
    """The search of everything that a command prints: the secrets of its environment, and the keys in use."""
    return _search()


@lru_cache(maxsize=1)
def _search() -> KeySearch:
    return KeySearch({**environment_keys(), **_used})


def _is_secret(value: str) -> bool:
    """True for a value that nobody writes into a text by chance."""
    return len(value) >= LEAST_KEY and not _PLACE.match(value) and not of_words(value)


def _text(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(_MOST_FILE)
    except OSError:
        return ""
