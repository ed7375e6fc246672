"""Programs as files, ONNX or torch.export's .pt2, with their cards; and such files opened again.

ONNX and its runtime are an extra: `pip install 'combogan[onnx]'`.
"""

from __future__ import annotations

import io
import json
import logging
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from combogan.deployment.network_card import NetworkCard
from combogan.deployment.program import Program
from combogan.errors import ExportError

OPSET = 18
"""The version of ONNX's operators that files are written in."""

Format = Literal["onnx", "torch"]
ENDINGS: dict[Format, str] = {"onnx": ".onnx", "torch": ".pt2"}
CARD = "card.json"
"""The name of the card inside a .pt2 file."""

Arrays = Sequence[np.ndarray]


@dataclass(frozen=True)
class NetworkFile:
    """An exported network that was opened: its card, and what computes it."""

    path: Path
    card: NetworkCard
    run: Callable[[Arrays], list[np.ndarray]]
    """Inputs in the file's order -> outputs in the file's order."""


def refuse_missing() -> None:
    """ExportError where a package of the extra `onnx` is not installed."""
    for package in ("onnx", "onnxscript", "onnxruntime"):
        if find_spec(package) is None:
            raise ExportError(
                f"ONNX files need {package}, which is not installed; install it with `pip install 'combogan[onnx]'`, "
                "or export with --format torch."
            )


def content(program: Program, format: Format) -> bytes:
    """A program as the bytes of a file."""
    return _onnx(program) if format == "onnx" else _torch(program)


def opened(path: Path, *, threads: int | None = None) -> NetworkFile | None:
    """A file that `content` made, ready to run on the CPU; None where it is no network of ours.

    A .pt2 file is read by PyTorch, which does not promise that files of strangers are safe: open only your own.
    """
    return _opened_torch(path) if path.suffix == ENDINGS["torch"] else _opened_onnx(path, threads)


def _onnx(program: Program) -> bytes:
    import onnx

    with _quiet():
        made = torch.onnx.export(
            program.exported,
            opset_version=OPSET,
            input_names=[plug.name for plug in program.inputs],
            output_names=[plug.name for plug in program.outputs],
            external_data=False,
            verbose=False,
        )
    assert made is not None
    model = made.model_proto
    _name_sizes(model)
    for part in (model, model.graph, *model.graph.node, *model.graph.value_info, *model.graph.initializer):
        del part.metadata_props[:]  # the exporter's, which name folders of this machine
    onnx.helper.set_model_props(model, program.card.texts())
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def _name_sizes(model: Any) -> None:
    """Call the sizes that may change batch, rows and columns, instead of s83 and the like."""
    names: dict[str, str] = {}
    for value in model.graph.input:
        for place, name in ((0, "batch"), (2, "rows"), (3, "columns")):
            names[re.findall(r"s\d+", value.type.tensor_type.shape.dim[place].dim_param)[0]] = name
    for value in (*model.graph.input, *model.graph.output, *model.graph.value_info):
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param:
                dim.dim_param = re.sub(r"\bs\d+\b", lambda found: names.get(found[0], found[0]), dim.dim_param)


def _torch(program: Program) -> bytes:
    file = io.BytesIO()
    with _quiet():
        torch.export.save(program.exported, file, extra_files={CARD: json.dumps(program.card.texts())})
    return file.getvalue()


def _opened_onnx(path: Path, threads: int | None) -> NetworkFile | None:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    if threads is not None:
        options.intra_op_num_threads = options.inter_op_num_threads = threads
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # damaged bytes raise several kinds, which have no common class
        raise ExportError(f"{path} cannot be opened by ONNX Runtime ({_line(error)}); export it again.") from None
    card = NetworkCard.read(session.get_modelmeta().custom_metadata_map)
    names = [given.name for given in session.get_inputs()]

    def run(arrays: Arrays) -> list[np.ndarray]:
        return list(session.run(None, dict(zip(names, arrays, strict=True))))

    return None if card is None else NetworkFile(path, card, run)


def _opened_torch(path: Path) -> NetworkFile | None:
    texts = {CARD: ""}
    with _quiet():
        network = torch.export.load(path, extra_files=texts).module()
    card = NetworkCard.read(json.loads(texts[CARD] or "{}"))

    @torch.no_grad()
    def run(arrays: Arrays) -> list[np.ndarray]:
        given = network(*map(torch.from_numpy, arrays))
        return [value.numpy() for value in (given if isinstance(given, tuple) else (given,))]

    return None if card is None else NetworkFile(path, card, run)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporters' remarks, which are about their own code."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
