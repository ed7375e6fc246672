"""`combogan evaluate`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(name="evaluate")
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--json",
    "file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where the scores are written as JSON.  [default: RUN/evaluation.json]",
)
@click.option(
    "--device",
    default="auto",
    metavar="auto|cpu|cuda[:N]",
    show_default=True,
    help="Where to compute; auto takes CUDA where there is one.",
)
@click.option(
    "--size",
    type=click.IntRange(8, 4096),
    metavar="PIXELS",
    help="Side of the images compared.  [default: images.size of the run]",
)
def command(run: Path, file: Path | None, device: str, size: int | None) -> None:
    """Score the translations of RUN against truth, beside two baselines.

    Truth is known where test pictures of domains show the same things under the same names, as the drawn scenes do. The
    baselines are copying the input, and matching each colour channel's mean and deviation to the target's training
    pictures. PSNR is in dB, 100 for identical pictures; SSIM is 1 for them; both are averaged over the test pictures.

    \b
    combogan evaluate runs/seasons
    combogan evaluate runs/seasons --json scores.json --device cpu
    """
    from rich.console import Console

    from combogan import machine, storage
    from combogan.evaluation.report import evaluate

    with Console(stderr=True).status("Translating and comparing the test pictures ..."):
        scores = evaluate(run, device=machine.device(device), size=size)
    if scores.pairs:
        console = Console()
        if not console.is_terminal:
            console.width = 10_000  # names of any length stay on their line
        console.print(scores.table())
    for note in scores.notes():
        click.echo(note)
    file = file or run / "evaluation.json"
    storage.write(file, scores.json().encode())
    click.echo(f"All numbers are in {file}.")
