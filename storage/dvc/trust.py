"""Checks of the settings and pointers of DVC in a repository, which may come with somebody else's clone.

Some settings name a program, or a file that names one: an AWS file has `credential_process`, WebDAV has
`bearer_token_command`; `core.autostage` runs the filters of git's config. Those a person sets outside of the repository.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rollmill.ground.errors import SetupError
from rollmill.ground.planted.links import OF_DVC, refuse_planted

FILES = ("config", "config.local")
_PERSONAL = {
    "configpath": "AWS_CONFIG_FILE=PATH in your environment",
    "credentialpath": "AWS_SHARED_CREDENTIALS_FILE=PATH or GOOGLE_APPLICATION_CREDENTIALS=PATH in your environment",
    "autostage": "dvc config --global core.autostage true",
}
# By section; None for one that no command of ours reads. A space between names.
_SETTINGS: Mapping[str, str | None] = {
    "core": "remote checksum_jobs interactive analytics hardlink_lock no_scm experiments check_update machine "
    "site_cache_dir",  # which our own, private one replaces
    "cache": "dir type protected shared slow_link_warning verify local s3 gs hdfs webhdfs ssh azure",
    "remote": "url checksum_jobs jobs worktree no_traverse version_aware type protected shared slow_link_warning verify "
    "region profile endpointurl access_key_id secret_access_key session_token listobjects use_ssl allow_anonymous_login "
    "ssl_verify sse sse_kms_key_id sse_customer_algorithm sse_customer_key acl grant_read grant_read_acp "
    "grant_write_acp grant_full_control cache_regions read_timeout connect_timeout projectname port user password "
    "ask_password passphrase ask_passphrase keyfile timeout gss_auth allow_agent max_sessions kerb_ticket replication "
    "kerberos kerberos_principal proxy_to token use_https data_proxy_target connection_string sas_token account_name "
    "account_key tenant_id client_id client_secret exclude_environment_credential "
    "exclude_visual_studio_code_credential exclude_shared_token_cache_credential exclude_managed_identity_credential "
    "connection_timeout oss_key_id oss_key_secret oss_endpoint gdrive_use_service_account gdrive_client_id "
    "gdrive_client_secret gdrive_service_account_user_email gdrive_trash_only gdrive_acknowledge_abuse auth "
    "custom_auth_header method cert_path key_path",
    **dict.fromkeys(("state", "index", "machine", "feature", "plots", "exp", "parsing", "hydra", "studio", "db")),
}
_POINTER = frozenset(("outs", "md5", "desc", "meta", "frozen"))
_OUTPUT = frozenset(
    ("md5", "size", "nfiles", "hash", "path", "desc", "type", "labels", "meta", "cache", "push", "remote", "files", "cloud")
)
_MD5 = re.compile(r"[0-9a-f]{32}(\.dir)?")


def require_plain(root: Path, arguments: Sequence[str]) -> None:
    """SetupError if settings of this repository, or a pointer among the arguments, ask DVC for more than to move a
    folder, or links lead what it writes elsewhere."""
    refuse_planted(root, OF_DVC)
    for name in FILES:
        path = root / ".dvc" / name
        if path.is_file():
            _require_settings(path)
    for argument in arguments:
        if argument.endswith(".dvc") and (root / argument).is_file():
            _require_pointer(root / argument)


def _require_settings(path: Path) -> None:
    for section, option in _set_in(path):
        known = _SETTINGS.get(section, "")
        if known is not None and option not in known.split():
            raise SetupError(
                f"{path} sets {section}.{option} of DVC, by which a folder that came from elsewhere could run a program.",
                next_command=_mending(option),
            )


def _mending(option: str) -> str:
    own = _PERSONAL.get(option)
    return f"remove it there{f'; for your own: {own}' if own else ''}"


def _set_in(path: Path) -> Iterable[tuple[str, str]]:
    """The section's kind and the name of each setting in a file, read as DVC reads it."""
    from configobj import ConfigObj, ConfigObjError  # type: ignore[import-untyped]

    try:
        with path.open("rb") as file:
            content: Mapping[str, Any] = ConfigObj(file, interpolation=False).dict()
    except (ConfigObjError, UnicodeDecodeError) as error:
        raise SetupError(f"{path} cannot be read: {error}.", next_command="correct it") from error
    for section, values in content.items():
        kind = section.lower().split('"')[0].strip()
        if not isinstance(values, dict):
            yield kind, ""  # outside of any section
        elif kind != "remote" or '"' in section:
            yield from ((kind, option.lower()) for option, value in values.items() if not _is_off(option, value))
        else:
            yield kind, "[[...]]"  # another spelling of named sections, which nobody writes


def _is_off(option: str, value: Any) -> bool:
    """True for `autostage = false`, which turns off what the setting would do."""
    return option.lower() == "autostage" and str(value).strip().lower() in ("false", "no", "off", "0")


def _require_pointer(path: Path) -> None:
    """SetupError for a pointer that leads elsewhere than to the folder or file beside it, or has it made by a command."""
    fault = pointer_fault(path)
    if fault:
        raise SetupError(
            f"{path} is no pointer to {path.stem} alone: {fault}.", next_command=f"git checkout HEAD -- {path}"
        )


def pointer_fault(path: Path) -> str:
    """The part of a pointer that ours never have; empty for one like ours, and for a torn one, mended elsewhere."""
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8", errors="replace"))
    except (yaml.YAMLError, RecursionError):
        return ""
    if not isinstance(content, dict) or not isinstance(outs := content.get("outs"), list):
        return ""
    if extra := sorted(map(str, content.keys() - _POINTER)):
        return f"it sets {extra[0]}"
    if len(outs) != 1 or not isinstance(outs[0], dict):
        return f"it has {len(outs)} outputs"
    if extra := sorted(map(str, outs[0].keys() - _OUTPUT)):
        return f"its output sets {extra[0]}"
    if outs[0].get("path") != path.stem:
        return f"its path is {_shown(outs[0].get('path'))}"
    md5 = outs[0].get("md5", "0" * 32)
    return "" if isinstance(md5, str) and _MD5.fullmatch(md5) else f"its md5 is {_shown(md5)}"


def _shown(value: Any) -> str:
    """The value for people; of a list or a mapping, which may hold itself many times over, its type alone."""
    return repr(value[:200]) if isinstance(value, str) else f"of type {type(value).__name__}"
