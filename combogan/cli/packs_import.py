"""`combogan packs import`: published checkpoints in, packs out, and a run if one is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from combogan.cli.options import PATH, any_setting, changed

if TYPE_CHECKING:
    from combogan.published.checkpoint import Original


@click.command("import")
@click.argument("paths", nargs=-1, required=True, type=PATH, metavar="FOLDER | FILES...")
@click.option("--names", required=True, metavar="NAME,NAME,...", help="The domains, in the order of the checkpoint.")
@click.option(
    "--cyclegan", is_flag=True, help="FILES are generators of CycleGAN: from the first name to the second, and back."
)
@click.option("--pix2pix", is_flag=True, help="The FILE is a U-Net of pix2pix: from the first name to the second.")
@click.option("--epoch", type=click.IntRange(0), metavar="N", help="Epoch of the checkpoint.  [default: the newest]")
@click.option(
    "--activation",
    type=click.Choice(["prelu", "relu", "leaky"]),
    help="Activation of the generators.  [default: prelu where the files hold its weights, else relu]",
)
@click.option("-o", "--out", type=PATH, metavar="PACKS", help="Folder to write the packs to.")
@click.option("--run", type=PATH, metavar="RUN", help="Make a run that trains the import further.")
@click.option("--data", type=PATH, metavar="DIR", help="With --run: look for pictures in DIR/NAME.")
@any_setting
def command(
    paths: tuple[Path, ...],
    names: str,
    cyclegan: bool,
    pix2pix: bool,
    epoch: int | None,
    activation: str | None,
    out: Path | None,
    run: Path | None,
    data: Path | None,
    changes: tuple[str, ...],
) -> None:
    """Make packs from a checkpoint of the published ComboGAN (its folder), CycleGAN or pix2pix (their generators).

    \b
    combogan packs import checkpoints/alps --names summer,winter,spring -o packs/alps
    combogan packs import --cyclegan latest_net_G_A.pth latest_net_G_B.pth --names horse,zebra -o packs/horses
    combogan packs import --pix2pix latest_net_G.pth --names label,photo -o packs/facades
    combogan packs import checkpoints/alps --names summer,winter,spring --run runs/alps --data pictures

    No code in the files is run; the shapes of the networks are read from the files themselves. With --run, which needs
    the discriminators and pictures (--data DIR, or NAME=FOLDER in --names), `combogan train --resume RUN` trains the
    import further, with new optimizers, and `combogan add-domain NAME --run RUN` adds domains to it.
    """
    if out is None and run is None:
        raise click.UsageError("say where to write: -o PACKS, or --run RUN to train the import further.")
    if run is None and (changes or data):
        raise click.UsageError("--data and --set go with --run.")
    if cyclegan and pix2pix:
        raise click.UsageError("--cyclegan and --pix2pix were both given; leave one out.")
    if (cyclegan or pix2pix) and (run is not None or epoch is not None):
        raise click.UsageError(
            "--run and --epoch go with a checkpoint folder of ComboGAN; a generator alone has neither discriminators "
            "nor epochs."
        )
    if pix2pix and (activation is not None or len(paths) > 1):
        raise click.UsageError("--pix2pix takes one generator, whose activations are known; leave the rest out.")
    words = [word.strip() for word in names.split(",") if word.strip()]
    original = _read(paths, [word.partition("=")[0].strip() for word in words], cyclegan, pix2pix, epoch, activation)
    if not pix2pix and original.activation != "prelu":
        click.echo(f"Activation: {original.activation}; the files do not tell ReLU from LeakyReLU (see --activation).")
    if out is not None:
        _write(original, words, out)
    if run is not None:
        _make_run(original, words, run, data, changed(changes, {}))


def _read(
    paths: tuple[Path, ...], names: list[str], cyclegan: bool, pix2pix: bool, epoch: int | None, activation: str | None
) -> Original:
    from combogan.published.checkpoint import read_combogan, read_cyclegan, read_pix2pix

    if pix2pix:
        return read_pix2pix(paths[0], names)
    if cyclegan:
        return read_cyclegan(paths, names, activation=activation)
    if len(paths) > 1:
        raise click.UsageError("one folder at a time; generators of CycleGAN need --cyclegan.")
    return read_combogan(paths[0], names, epoch=epoch, activation=activation)


def _write(original: Original, words: list[str], out: Path) -> None:
    from combogan.data import catalog
    from combogan.published.packs import write_packs

    given = [word for word in words if "=" in word]
    origins = {domain.name: domain.origin for domain in catalog.resolve(given, needed=0)}
    packs = write_packs(original, out, origins=origins)
    where = f", epoch {original.imported['epoch']}" if "epoch" in original.imported else ""
    click.echo(f"Imported {', '.join(pack.domain for pack in packs)} ({original.imported['program']}{where}) to {out}.")
    a, b = original.names[:2]
    if not all(original.spaces[a]):
        click.echo(f"It translates from {a} to {b} only: '{a}' has no decoder, '{b}' no encoder.")
    elif not original.one_space:
        click.echo(f"{a} -> {b} and {b} -> {a} are two latent spaces, so that no domain can be added to them.")
    click.echo(f"translate: combogan translate --from {a} --to {b} --registry {out} PICTURES...")


def _make_run(original: Original, words: list[str], run: Path, data: Path | None, changes: dict[str, object]) -> None:
    from combogan.runs.from_published import start_run
    from combogan.runs.progress import reporter
    from combogan.training.folder import RunFolder

    start_run(original, words, run, data=data, changes=changes, report=reporter())
    for name, origin in RunFolder.open(run).settings().domains.items():
        click.echo(f"Pictures of {name}: {origin}")
    click.echo(f"Made {run} with the imported weights at iteration 0; the optimizers begin anew.")
    click.echo(f"train:      combogan train --resume {run}")
    if original.one_space and original.shared is None:
        click.echo(f"add domain: combogan add-domain NAME --run {run}")
