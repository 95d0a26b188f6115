"""The learned weights as files: plain arrays in .npz archives, each with its SHA-256 in a manifest.

Nothing here can hold code: the manifest is JSON, and arrays of objects (pickle) are never read. The archives are
stored uncompressed and without the time, so that the same numbers always give the same bytes.
"""

import ast
import hashlib
import io
import json
import zipfile
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dispatcher.services.tone import JudgeUnavailable

MANIFEST = "manifest.json"
_FIRST_DAY_OF_ZIP = (1980, 1, 1, 0, 0, 0)
_NPY_MAGIC = b"\x93NUMPY\x01\x00"


@dataclass(frozen=True, kw_only=True)
class LayerRecord:
    """What the manifest says of one layer. slope and offset make a letter's score a probability (Platt); review: the
    probability above which a person looks, by language; numbers: what else the layer needs."""

    file: str
    sha256: str
    slope: float
    offset: float
    review: Mapping[str, float]
    numbers: Mapping[str, float]

    def review_above(self, language: str) -> float:
        """That of the most lenient language where this one was not trained."""
        return self.review.get(language) or max(self.review.values())


def read_manifest(folder: Path) -> dict[str, LayerRecord]:
    """The layers by name. Raises JudgeUnavailable."""
    try:
        table = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        return {name: _record(layer) for name, layer in table["layers"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise JudgeUnavailable(
            reason=f"the model's {MANIFEST} cannot be read; restore it or run 'dispatcher tone train'"
        ) from None


def read_checked(folder: Path, record: LayerRecord) -> bytes:
    """The bytes of a layer's file. Raises JudgeUnavailable unless they are those that the manifest names."""
    try:
        content = (folder / record.file).read_bytes()
    except OSError:
        raise JudgeUnavailable(reason=f"the model's {record.file} is missing or cannot be read") from None
    if hashlib.sha256(content).hexdigest() != record.sha256:
        raise JudgeUnavailable(
            reason=f"{record.file} is not the file that the model's {MANIFEST} names; restore it or run "
            "'dispatcher tone train'"
        )
    return content


def small_integers(archive: bytes, name: str) -> "array[int]":
    """A one-dimensional array of int8 out of an .npz, read without numpy. Raises ValueError."""
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        content = opened.read(f"{name}.npy")
    start = len(_NPY_MAGIC) + 2
    length = int.from_bytes(content[len(_NPY_MAGIC) : start], "little")
    header = ast.literal_eval(content[start : start + length].decode("latin-1"))
    if content[: len(_NPY_MAGIC)] != _NPY_MAGIC or header["descr"] != "|i1":
        raise ValueError(name)
    return array("b", content[start + length :])


def archive_of(arrays: Mapping[str, bytes]) -> bytes:
    """An .npz of arrays that already are in the .npy form."""
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_STORED) as opened:
        for name, content in sorted(arrays.items()):
            entry = zipfile.ZipInfo(f"{name}.npy", _FIRST_DAY_OF_ZIP)
            entry.external_attr = 0o644 << 16
            opened.writestr(entry, content)
    return memory.getvalue()


def write_model(
    folder: Path, layers: Mapping[str, tuple[bytes, dict[str, Any]]], facts: Mapping[str, Any]
) -> dict[str, str]:
    """Each layer's archive under its name, then the manifest. facts: what else a reader may want to know. Answers
    with the digest of each file."""
    folder.mkdir(parents=True, exist_ok=True)
    table: dict[str, Any] = {**facts, "layers": {}}
    digests = {}
    for name, (content, calibration) in sorted(layers.items()):
        file = f"{name}.npz"
        (folder / file).write_bytes(content)
        digests[file] = hashlib.sha256(content).hexdigest()
        table["layers"][name] = {"file": file, "sha256": digests[file], **calibration}
    text = json.dumps(table, indent=1, ensure_ascii=False, sort_keys=True)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")
    return digests


def _record(layer: Mapping[str, Any]) -> LayerRecord:
    file = str(layer["file"])
    if Path(file).name != file:
        raise ValueError(file)
    return LayerRecord(
        file=file,
        sha256=str(layer["sha256"]),
        slope=float(layer["slope"]),
        offset=float(layer["offset"]),
        review={language: float(limit) for language, limit in layer["review"].items()},
        numbers={name: float(value) for name, value in layer.get("numbers", {}).items()},
    )
