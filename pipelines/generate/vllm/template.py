"""A model folder's chat template: messages to the text that the model sees, here in the host, so that ids need no engine.

The same environment as transformers' (sandboxed Jinja, its filters, the special tokens as variables), with one difference:
`strftime_now` always tells one day, or a prompt, and with it a completion's id, would change overnight. Knows no tokenizer.
"""

import datetime
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from storage.errors import SetupError
from storage.ids import digest128

DAY = datetime.datetime(2024, 7, 26)
TOKENS = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")


class ChatTemplate:
    """A template with the special tokens of its model; `digest` names its text."""

    def __init__(self, text: str, tokens: Mapping[str, str], where: str) -> None:
        from jinja2 import TemplateError
        from jinja2.ext import loopcontrols
        from jinja2.sandbox import ImmutableSandboxedEnvironment

        environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
        environment.filters["tojson"] = _tojson
        environment.globals["raise_exception"] = _raise
        environment.globals["strftime_now"] = DAY.strftime
        self._tokens, self._where = dict(tokens), where
        try:
            self._template = environment.from_string(text)
        except TemplateError as error:
            raise SetupError(f"the chat template of {where} is no template: {error}.") from None
        self.digest = digest128(["template", text])

    @classmethod
    def of(cls, folder: Path, own: str | None) -> "ChatTemplate":
        """The recipe's own template, else the folder's."""
        config = _json(folder / "tokenizer_config.json")
        text = own or _in_folder(folder, config)
        if text is None:
            raise SetupError(
                f"model folder {folder.name!r} has no chat template.",
                choices=("api: completions (a base model: the plain prompt)", "chat_template: FILE"),
                next_command="write one of them into generate.options",
            )
        return cls(text, _tokens(folder, config), "the recipe" if own else folder.name)

    def render(self, messages: list[dict[str, str]], variables: Mapping[str, Any]) -> str:
        """The text up to where the answer begins; SetupError where the template refuses the messages."""
        from jinja2 import TemplateError

        given = {**self._tokens, "tools": None, "documents": None, "add_generation_prompt": True, **variables}
        try:
            return self._template.render(messages=messages, **given)
        except (TemplateError, TypeError, KeyError, AttributeError) as error:
            roles = ", ".join(message["role"] for message in messages)
            raise SetupError(
                f"the chat template of {self._where} refuses messages of {roles}: {error}.",
                next_command="leave system out, or name a chat_template that takes them",
            ) from None


def _in_folder(folder: Path, config: Mapping[str, Any]) -> str | None:
    """Where the layouts of several years keep it; of several named ones the one called default."""
    plain = folder / "chat_template.jinja"
    if plain.is_file():
        return plain.read_text(encoding="utf-8")
    found = _json(folder / "chat_template.json").get("chat_template") or config.get("chat_template")
    if isinstance(found, list):
        found = {one.get("name"): one.get("template") for one in found if isinstance(one, dict)}.get("default")
    return found if isinstance(found, str) else None


def _tokens(folder: Path, config: Mapping[str, Any]) -> dict[str, str]:
    """Special tokens by their variable's name; some files hold the text, others an object around it."""
    named = {**_json(folder / "special_tokens_map.json"), **{key: config[key] for key in TOKENS if config.get(key)}}
    plain = {key: value.get("content") if isinstance(value, dict) else value for key, value in named.items()}
    return {key: value for key, value in plain.items() if isinstance(value, str)}


def _json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise SetupError(
            f"{path.parent.name}/{path.name} is not JSON.", next_command="write the model folder again"
        ) from None
    return found if isinstance(found, dict) else {}


def _tojson(value: Any, ensure_ascii: bool = False, indent: int | None = None, **more: Any) -> str:
    """Jinja's own filter escapes for HTML, which no model was trained on."""
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, **more)


def _raise(message: str) -> None:
    from jinja2 import TemplateError

    raise TemplateError(message)
