"""`combogan evaluate`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from combogan.cli.options import PATH

if TYPE_CHECKING:
    from rich.console import Console
    from rich.status import Status

    from combogan.evaluation.arrival import Arrival
    from combogan.evaluation.examples import Examples
    from combogan.evaluation.scores import Scores


@click.command(name="evaluate")
@click.argument("run", type=PATH)
@click.option(
    "--data", type=PATH, metavar="DIR", help="The folders of pictures have moved: look for them in DIR/NAME first."
)
@click.option(
    "--json",
    "file",
    type=PATH,
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
@click.option(
    "--pictures",
    type=click.IntRange(min=1),
    default=200,
    metavar="N",
    show_default=True,
    help="Test pictures of each domain, at most; a fixed choice of them where there are more.",
)
@click.option(
    "--kid",
    metavar="BACKBONE[:FILE]",
    help="Compute the kernel inception distance on a classifier of torchvision, such as resnet50; its weights are "
    "those in FILE, or else fetched.  [default: EfficientNet-Lite2, which is installed]",
)
def command(
    run: Path, data: Path | None, file: Path | None, device: str, size: int | None, pictures: int, kid: str | None
) -> None:
    """Score the translations of RUN, for every ordered pair of domains, and compare them with colour matching.

    With truth, where it is known (the drawn scenes, and domains whose test folders have the same file names, where
    1_A.jpg and 1_B.jpg count as the same): PSNR and SSIM. Without truth: how many translations a classifier, fitted to
    the domains' training pictures, takes for the target; how much of the source's edges is kept, how far the content is
    from the source's, and how much of the source comes back on the way back; how far small patches are from those of
    real test pictures (sliced Wasserstein distance, at each level of a Laplacian pyramid), and how far features are
    (KID); how much of the change is more than a change of colours.

    The classifier, content and KID look at features of EfficientNet-Lite2, a network trained on ImageNet that no
    discriminator of a training looks through. This KID cannot be compared with one on features of Inception.

    Colour matching gives each colour channel the mean and deviation of the target's training pictures. PSNR is in dB,
    100 for identical pictures; SSIM is 1 for them. All numbers are averaged over the test pictures.

    RUN/evaluation.html shows the numbers, the curves of the training, and the best, the median and the worst
    translations of every direction. RUN/classifier.safetensors is the classifier: `translate --from any` and the page
    of `serve` ask it of which domain a picture is.

    \b
    combogan evaluate runs/seasons
    combogan evaluate runs/seasons --json scores.json --device cpu
    combogan evaluate runs/seasons --kid inception_v3:inception_v3_google-0cc3c7bd.pth
    """
    from rich.console import Console

    from combogan import machine, storage
    from combogan.evaluation.examples import collect
    from combogan.evaluation.kid import Backbone
    from combogan.evaluation.run import evaluate, fitted_classifier, open_run
    from combogan.translation.translator import Translator

    on = machine.device(device)
    opened = open_run(run, data=data, tell=lambda what: click.echo(what, err=True))
    file = file or run / "evaluation.json"
    for folder in {run, file.parent}:
        storage.refuse_unwritable(folder)
    terminal = Console(stderr=True)
    with terminal.status("Evaluating ...") as status:
        say = _saying(terminal, status)
        backbone, _, weights = (kid or "").partition(":")
        arrival = fitted_classifier(opened, size=size, device=on, say=say)
        scores = evaluate(
            opened,
            arrival=arrival,
            device=on,
            size=size,
            pictures=pictures,
            features=Backbone(backbone, Path(weights) if weights else None, on) if kid is not None else None,
            say=say,
        )
        say("Choosing pictures to look at")
        translate = Translator(opened.registry, on, "float32").translate
        examples = collect(translate, opened.sources, scores.size, composes=opened.composes, pictures=pictures)
    _give(scores, run, file, examples, arrival)


def _saying(terminal: Console, status: Status) -> Callable[[str], None]:
    """A function that shows what is being done: in place on a terminal, a line each elsewhere."""

    def say(what: str) -> None:
        if terminal.is_terminal:
            status.update(f"{what} ...")
        else:
            click.echo(f"{what} ...", err=True)

    return say


def _give(scores: Scores, run: Path, file: Path, examples: Sequence[Examples], arrival: Arrival | None) -> None:
    """Print the table, and write the scores, the page and the classifier. RunError where there is no score."""
    from rich.console import Console

    from combogan import storage
    from combogan.errors import RunError
    from combogan.evaluation.classifier import CLASSIFIER, write_classifier
    from combogan.evaluation.page import page
    from combogan.evaluation.page_curves import read_curves
    from combogan.evaluation.table import table

    for note in scores.notes():
        click.echo(note)
    if not scores.pairs:
        raise RunError(f"no translation of '{run}' can be scored, for the reasons above; no file was written.")
    console = Console()
    if not console.is_terminal:
        console.width = 10_000  # names of any length stay on their line
    console.print(table(scores))
    storage.write(file, scores.json().encode())
    storage.write(run / "evaluation.html", page(scores, run, examples, read_curves(run)).encode())
    if arrival is not None:
        write_classifier(run / CLASSIFIER, arrival)
    click.echo(f"Look at {run / 'evaluation.html'}; all numbers are in {file}.")
