"""`combogan serve`: a page to drop pictures on."""

from __future__ import annotations

from pathlib import Path

import click

from combogan.cli.options import gigabytes, registry_places


@click.command(name="serve")
@registry_places
@click.option("--port", type=click.IntRange(0, 65_535), default=7860, show_default=True, help="0 takes any free one.")
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="Who can reach the page.")
@click.option("--open", "opened", is_flag=True, help="Open the page in the browser.")
@click.option(
    "--file-limit", type=click.IntRange(1, 1000), default=32, show_default=True, metavar="MB", help="Of one picture."
)
@click.option(
    "--picture-limit",
    type=click.IntRange(1, 178),
    default=64,
    show_default=True,
    metavar="MEGAPIXELS",
    help="Of one picture.",
)
@click.option(
    "--memory",
    type=gigabytes(0.2),
    default=1.5,
    show_default=True,
    metavar="GB",
    help="Of one translation; larger pictures are translated in tiles.",
)
@click.option(
    "--disk",
    type=gigabytes(0),
    default=12,
    show_default=True,
    metavar="GB",
    help="Of one translation in tiles, meanwhile.",
)
@click.option(
    "--device", default="auto", metavar="auto|cpu|cuda[:N]", show_default=True, help="auto takes CUDA if there is one."
)
def command(
    places: tuple[Path, ...],
    port: int,
    host: str,
    opened: bool,
    file_limit: int,
    picture_limit: int,
    memory: float,
    disk: float,
    device: str,
) -> None:
    """Serve a page on which pictures are dropped and translated, until Ctrl-C.

    Only browsers on this machine can reach it, unless --host says otherwise. Nothing leaves the machine, and what was
    dropped is deleted at the end.

    \b
    combogan serve
    combogan serve --registry runs/seasons --open
    """
    from combogan.deployment.page_answer import Limits
    from combogan.deployment.page_files import PageFiles
    from combogan.deployment.page_server import bound, is_loopback, refuse_missing, serve
    from combogan.deployment.page_translator import PageTranslator
    from combogan.registry.registry import Registry

    refuse_missing()
    registry = Registry.open(*places)
    limits = Limits(file_limit * 10**6, picture_limit * 10**6, int(memory * 10**9), int(disk * 10**9))
    listening = bound(host, port)
    only_here = is_loopback(host)
    if not only_here:
        click.echo(
            f"Note: --host {host} lets everyone who can reach this machine use the page: no password is asked, nothing "
            "is encrypted, and their pictures are translated on this machine.",
            err=True,
        )
    name = f"[{host.strip('[]')}]" if ":" in host else host
    address = f"http://{name}:{listening.getsockname()[1]}"

    def started() -> None:
        click.echo(f"Serving {', '.join(registry.names)} on {address} (Ctrl-C ends it).")
        if opened:
            import webbrowser

            webbrowser.open(address)

    files = PageFiles()
    try:
        translator = PageTranslator(registry, files, device=device, limits=limits)
        serve(translator, listening, only_here=only_here, started=started)
    finally:
        files.close()
