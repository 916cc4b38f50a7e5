"""Files of pipelines: YAML, a list of pipelines or a map with the key `pipelines`. Errors name the line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import msgspec

from nexus.errors import ConfigError
from nexus.pipeline.compiling import BadPipeline
from nexus.pipeline.spec import PipelineSpec

MAX_FILE_BYTES: Final = 4 << 20


def read(path: Path) -> tuple[list[PipelineSpec], str]:
    """The pipelines of a file, and its text. Raises `ConfigError`."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ConfigError(f"{path} is larger than {MAX_FILE_BYTES} bytes.")
        text = path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8.") from error
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}.", hint="It is named by `pipelines.file`.") from error
    return parse(text, str(path)), text


def parse(text: str, name: str) -> list[PipelineSpec]:
    """The pipelines of a text; `name` is the file's, for messages. Raises `ConfigError`."""
    import yaml

    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{name} is not YAML: {' '.join(str(error).split())}.") from error
    if document is None:
        return []
    base: tuple[Any, ...] = ()
    if isinstance(document, dict) and set(document) == {"pipelines"}:
        document, base = document["pipelines"], ("pipelines",)
    try:
        return msgspec.convert(document, list[PipelineSpec])
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `$")
        line = line_of(text, (*base, *_path(path.rstrip("`"))))
        raise ConfigError(f"{name}, line {line}: {message[:1].lower()}{message[1:]}{_at(path)}.") from error


def located(error: BadPipeline, text: str, name: str) -> ConfigError:
    """An error of compiling as one of the file, with the line."""
    path: tuple[Any, ...] = ()
    if error.pipeline is not None:
        path = (error.pipeline,) if error.step is None else (error.pipeline, "steps", error.step)
    return ConfigError(f"{name}, line {line_of(text, path)}: {error.message}", hint=error.hint)


def line_of(text: str, path: tuple[Any, ...]) -> int:
    """The line, from 1, on which the value at this path begins; of as much of the path as there is."""
    import yaml

    node = yaml.compose(text, yaml.SafeLoader)
    if isinstance(node, yaml.MappingNode) and path[:1] != ("pipelines",):
        path = ("pipelines", *path)
    line = node.start_mark.line if node is not None else 0
    for part in path:
        if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
        elif isinstance(node, yaml.MappingNode):
            found = [(key, value) for key, value in node.value if key.value == part]
            if not found:
                break
            line, node = found[0][0].start_mark.line, found[0][1]
            continue
        else:
            break
        line = node.start_mark.line
    return int(line) + 1


def _path(text: str) -> tuple[Any, ...]:
    """`[0].steps[1].type` as its parts."""
    return tuple(int(part) if part.isdigit() else part for part in re.findall(r"[^.\[\]]+", text))


def _at(path: str) -> str:
    shown = path.rstrip("`").lstrip(".")
    return f" (at `{shown}`)" if shown else ""
