"""Does docs/quickstart.ipynb run from top to bottom, and show what it says? Needs `pip install nbclient ipykernel`.

    python benchmarks/notebook.py                      as it is: a training of twenty minutes on two slow cores
    python benchmarks/notebook.py --iterations 20      shorter, to see that it runs

Executes the notebook in an empty folder, writes it with its outputs to --out, and prints how long each cell took. Ends
with an error where a cell fails, or where the training, the grid, the registry or the generator show nothing.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nbformat
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parent.parent / "docs" / "quickstart.ipynb"
EXPECTED = {
    "combogan.train(": "text/html",
    "samples": "image/png",
    "registry = ": "text/html",
    "compose(": "text/html",
    "Translator(": "image/png",
}
"""What is in the text of a cell -> what it shows."""


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--iterations", type=int, help="of the start and of the training, not the preset's")
    words.add_argument("--out", type=Path, default=Path("quickstart-executed.ipynb"))
    given = words.parse_args()
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    if given.iterations:
        shorter = {"schedule.iterations": given.iterations, "schedule.autoencode": given.iterations}
        (first,) = (cell for cell in notebook.cells if "CHANGES = {}" in cell.source)
        first.source = first.source.replace("CHANGES = {}", f"CHANGES = {shorter}")
    with TemporaryDirectory() as folder:
        execute(notebook, folder)
    nbformat.write(notebook, given.out)
    for text, kind in EXPECTED.items():
        shown = {kind for cell in notebook.cells if text in cell.source for kind in kinds(cell)}
        if kind not in shown:
            raise SystemExit(f"the cell with '{text}' shows {', '.join(shown) or 'nothing'}, and not {kind}")
    print(f"every cell shows what it should; the notebook with its outputs is {given.out}")


def execute(notebook: Any, folder: str) -> None:
    """Run all cells in a folder, and print their times."""
    client = NotebookClient(notebook, timeout=None, resources={"metadata": {"path": folder}})
    with client.setup_kernel():
        for index, cell in enumerate(notebook.cells):
            if cell.cell_type == "code":
                began = time.perf_counter()
                client.execute_cell(cell, index)
                print(f"{time.perf_counter() - began:8.1f} s  {cell.source.splitlines()[-1]}", flush=True)


def kinds(cell: Any) -> set[str]:
    """The MIME types that a cell shows."""
    return {kind for output in cell.outputs for kind in output.get("data", {})}


if __name__ == "__main__":
    main()
