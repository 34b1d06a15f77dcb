"""Documents that people write (YAML packs, the TOML configuration) into frozen dataclasses.

Whatever is wrong becomes one ConfigError that names the file, the line, the key, and what was meant. pydantic does
the checking; what gateproof ships with itself was checked when it was tested, and is loaded without it.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from dataclasses import field, fields, is_dataclass
from datetime import date
from types import NoneType
from typing import TYPE_CHECKING, Any, Final, TypeVar, get_args, get_origin, get_type_hints

import orjson
import yaml

from agent.errors import ConfigError
from agent.model.record import record

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

MAX_BYTES: Final = 256 * 1024
"""A pack or a configuration is a page or two; more is a mistake or an attack on the parser."""
MAX_DEPTH: Final = 32
TAG: Final = "tag:yaml.org,2002:"
MESSAGES: Final = {
    "bool_type": "must be true or false",
    "date_from_datetime_parsing": "must be a date like 2026-11-23",
    "date_type": "must be a date like 2026-11-23",
    "int_type": "must be a whole number",
    "dataclass_type": "must be a mapping of keys to values",
    "string_type": "must be text",
    "tuple_type": "must be a list",
}
"""pydantic's error types in plain words; the rest is said as pydantic says it."""

Place = tuple[str | int, ...]


Model = TypeVar("Model")


@record
class Document:
    """Parsed data, with the line (from 1) of each key and list item."""

    where: str
    data: dict[str, Any]
    lines: Mapping[Place, int] = field(default_factory=dict)

    def line(self, place: Place) -> int | None:
        """The line of a place, or of the nearest place around it."""
        for length in range(len(place), 0, -1):
            if (found := self.lines.get(place[:length])) is not None:
                return found
        return None


def read_bytes(path: Path) -> bytes:
    """The bytes of a document; raises ConfigError where it cannot be read or is far too large."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    return data


def parse_yaml(data: bytes, where: str) -> Document:
    """One YAML mapping; no tags, anchors or duplicate keys; raises ConfigError."""
    text = _text(data, where)
    lines: dict[Place, int] = {}
    try:
        loader = yaml.SafeLoader(text)
        try:
            _refuse_aliases(text, where)
            node = loader.get_single_node()
            content = None if node is None else _content(node, (), lines, where, loader)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = f" line {mark.line + 1}" if mark else ""
        raise ConfigError(f"{where}{at}: not YAML: {error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{where}: not YAML: {str(error).splitlines()[0]}") from error
    except RecursionError as error:
        raise ConfigError(f"{where}: nested too deeply") from error
    if content is None:
        raise ConfigError(f"{where}: empty; it must hold a mapping of keys to values")
    if not isinstance(content, dict):
        raise ConfigError(f"{where} line 1: must hold a mapping of keys to values, not {_kind(content)}")
    return Document(where, content, lines)


def parse_toml(data: bytes, where: str) -> Document:
    """One TOML document; raises ConfigError."""
    text = _text(data, where)
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"^(.*) \(at (?:line (\d+), column \d+|end of document)\)$", str(error))
        reason, number = (place[1], place[2] or str(text.count("\n") + 1)) if place else (str(error), "1")
        raise ConfigError(f"{where} line {number}: not TOML: {reason}") from error
    except RecursionError as error:
        raise ConfigError(f"{where}: nested too deeply") from error
    except ValueError as error:  # a number or a date that no computer holds
        raise ConfigError(f"{where}: not TOML: {error}") from error
    return Document(where, content, _toml_lines(text))


def validate(model: type[Model], document: Document) -> Model:
    """The document as a dataclass; raises ConfigError for the first thing that is wrong."""
    from pydantic import TypeAdapter, ValidationError  # noqa: PLC0415 - only where somebody wrote a document

    try:
        # as JSON, because strict models take lists for tuples and text for dates only from there
        return TypeAdapter(model).validate_json(orjson.dumps(document.data))
    except ValidationError as error:
        problems = error.errors(include_url=False)
        # an unknown key is often the misspelt form of one that then is missing: say the cause
        first = next((one for one in problems if one["type"] == "unexpected_keyword_argument"), problems[0])
        raise ConfigError(_sentence(model, document, first)) from error
    except TypeError as error:
        raise ConfigError(f"{document.where}: {error}") from error


def wrong(document: Document, place: Place, message: str) -> ConfigError:
    """The error about a place that a model alone cannot find: one line, with file, line and key."""
    return ConfigError(f"{_start(document, place)}: `{_key(place)}` {message}")


def trusted(model: type[Model], document: Document) -> Model:
    """The document as a dataclass, unchecked: for what is shipped, and tested, with gateproof."""
    built: Model = _built(model, document.data)
    return built


def _built(kind: Any, value: Any) -> Any:
    if get_origin(kind) is tuple:
        return tuple(_built(get_args(kind)[0], item) for item in value)
    options = [one for one in get_args(kind) if one is not NoneType]
    if value is not None and len(options) == 1 and len(get_args(kind)) == 2:  # it may be None
        return _built(options[0], value)
    if isinstance(kind, type) and is_dataclass(kind):
        hints = get_type_hints(kind)
        return kind(**{name: _built(hints[name], item) for name, item in value.items()})
    return date.fromisoformat(value) if kind is date else value


def suggest(word: str, known: Iterable[str]) -> str:
    """``; did you mean `domains`?`` where a known word is close, else the known words."""
    words = sorted(known)
    if close := difflib.get_close_matches(word, words, 1, 0.6):
        return f"; did you mean `{close[0]}`?"
    return f"; known: {', '.join(words)}" if words else ""


def _text(data: bytes, where: str) -> str:
    if len(data) > MAX_BYTES:
        raise ConfigError(f"{where}: larger than {MAX_BYTES // 1024} KiB")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{where} line {line}: not UTF-8 text") from error


def _refuse_aliases(text: str, where: str) -> None:
    """Aliases let a short file stand for gigabytes; no pack needs them."""
    depth = 0
    for event in yaml.parse(text, yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise ConfigError(f"{where}{_at(event)}: anchors and aliases are not allowed; write the value out")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise ConfigError(f"{where}{_at(event)}: nested too deeply")


def _at(event: yaml.Event) -> str:
    return f" line {event.start_mark.line + 1}" if event.start_mark else ""


def _content(node: yaml.Node, place: Place, lines: dict[Place, int], where: str, loader: yaml.SafeLoader) -> Any:
    """Plain data of a node; notes the line of every key and item."""
    line = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode) and node.tag == TAG + "map":
        mapping: dict[str, Any] = {}
        for key_node, value_node in node.value:
            at = key_node.start_mark.line + 1
            if key_node.tag != TAG + "str":
                raise ConfigError(f"{where} line {at}: a key must be text; quote it")
            key = key_node.value
            if key in mapping:
                raise ConfigError(f"{where} line {at}: `{key}` is given twice; first in line {lines[*place, key]}")
            lines[*place, key] = at
            mapping[key] = _content(value_node, (*place, key), lines, where, loader)
        return mapping
    if isinstance(node, yaml.SequenceNode) and node.tag == TAG + "seq":
        for index, item in enumerate(node.value):
            lines[*place, index] = item.start_mark.line + 1
        return [_content(item, (*place, index), lines, where, loader) for index, item in enumerate(node.value)]
    if isinstance(node, yaml.ScalarNode):
        try:
            return _scalar(node, loader)
        except (ValueError, OverflowError) as error:
            raise ConfigError(f"{where} line {line}: {error}") from error
        except KeyError:
            pass
    tag = node.tag.replace(TAG, "!!")
    raise ConfigError(f"{where} line {line}: the tag {tag} is not allowed; write plain text, numbers or lists")


def _scalar(node: yaml.ScalarNode, loader: yaml.SafeLoader) -> Any:
    """Text, a number, true, false or nothing; a date stays text. Raises KeyError for any other tag."""
    value: str = node.value
    as_is = {TAG + "str": value, TAG + "timestamp": value, TAG + "null": None}
    if node.tag in as_is:
        return as_is[node.tag]
    read = {
        TAG + "int": loader.construct_yaml_int,
        TAG + "float": loader.construct_yaml_float,
        TAG + "bool": loader.construct_yaml_bool,
    }[node.tag]
    try:
        return read(node)
    except KeyError as error:
        raise ValueError(f"not a value of its tag: {value}") from error


PART: Final = r"""(?:"[^"\\]*"|'[^']*'|[A-Za-z0-9_-]+)"""
TOML_KEY: Final = re.compile(rf"\s*({PART}(?:\s*\.\s*{PART})*)\s*=")
TOML_HEADER: Final = re.compile(rf"\s*(\[\[?)\s*({PART}(?:\s*\.\s*{PART})*)\s*\]\]?\s*(?:#.*)?")


def _toml_lines(text: str) -> dict[Place, int]:
    """Where each table and key begins, for the plain forms; tomllib itself keeps no places."""
    lines: dict[Place, int] = {}
    table: Place = ()
    counts: dict[Place, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if header := TOML_HEADER.fullmatch(line):
            table = _toml_parts(header[2])
            if header[1] == "[[":
                index = counts.get(table, 0)
                counts[table] = index + 1
                lines.setdefault(table, number)
                table = (*table, index)
            lines.setdefault(table, number)
        elif key := TOML_KEY.match(line):
            lines.setdefault((*table, *_toml_parts(key[1])), number)
    return lines


def _toml_parts(key: str) -> Place:
    """The parts of a dotted key."""
    return tuple(part.strip("\"'") for part in re.findall(PART, key))


def _sentence(model: type[Any], document: Document, problem: Mapping[str, Any]) -> str:
    place: Place = problem["loc"]
    start = _start(document, place)
    key = _key(place)
    if problem["type"] == "unexpected_keyword_argument":
        return f"{start}: unknown key `{place[-1]}`{suggest(str(place[-1]), _fields_at(model, place[:-1]))}"
    if problem["type"] == "missing":
        return f"{start}: `{key}` is missing"
    message = MESSAGES.get(problem["type"]) or problem["msg"].removeprefix("Value error, ").replace(
        "Input should", "must"
    )
    found = problem["input"]
    shown = "" if isinstance(found, dict | list) else f", not {orjson.dumps(found, default=str).decode()[:60]}"
    return f"{start}: `{key}` {message}{shown}" if key else f"{start}: {message}"


def _start(document: Document, place: Place) -> str:
    line = document.line(place)
    return document.where if line is None else f"{document.where} line {line}"


def _key(place: Place) -> str:
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _fields_at(model: type[Any], place: Place) -> frozenset[str]:
    """The keys that a model takes at a place."""
    for part in place:
        if isinstance(part, int):
            continue
        inner = next(iter(_models(get_type_hints(model).get(part))), None)
        if inner is None:
            return frozenset()
        model = inner
    return frozenset(one.name for one in fields(model))


def _models(annotation: object) -> Iterable[type[Any]]:
    if isinstance(annotation, type) and is_dataclass(annotation):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)


def _kind(value: object) -> str:
    return "a list" if isinstance(value, list) else "text" if isinstance(value, str) else "a single value"
