"""How packs show themselves in notebooks: tables of HTML, with previews as data URLs. Nothing of a pack is trusted."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from combogan.registry.pack import Pack

PREVIEW = "preview.png"
PNG = b"\x89PNG\r\n\x1a\n"
LARGEST_PREVIEW = 1 << 20
"""Bytes; larger previews are not shown."""
MOST_PREVIEWS = 16
"""Packs whose previews are shown; notebooks keep what they show."""


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are HTML already."""
    lines = [f"<tr>{''.join(f'<th>{cell}</th>' for cell in header)}</tr>"]
    lines += [f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows]
    return f'<table style="text-align: left">{"".join(lines)}</table>'


def packs_table(spaces: Mapping[str, Sequence[Pack]], damaged: Iterable[Exception] = ()) -> str:
    """A row for each pack of each latent space, the newest space first."""
    rows, shown = [], 0
    for space, packs in spaces.items():
        for pack in sorted(packs, key=lambda pack: pack.domain):
            halves = [name for name, half in pack.halves.items() if half.latent.space == space]
            picture = preview(pack) if shown < MOST_PREVIEWS else ""
            shown += bool(picture)
            cells = (pack.domain, " + ".join(halves), space, f"{pack.image_size} px", str(pack.folder))
            rows.append((*map(escape, cells), picture))
    notes = "".join(f"<p>{escape(f'Damaged: {error}')}</p>" for error in damaged)
    return table(("domain", "halves", "latent space", "size", "folder", "preview"), rows) + notes


def preview(pack: Pack) -> str:
    """The preview of a pack as an image that needs no file; empty where there is none."""
    try:
        path = pack.folder / PREVIEW
        content = path.read_bytes() if path.stat().st_size <= LARGEST_PREVIEW else b""
    except OSError:
        return ""
    if not content.startswith(PNG):
        return ""
    source = f"data:image/png;base64,{b64encode(content).decode()}"
    return f'<img alt="into {escape(pack.domain)}" style="max-width: 400px" src="{source}">'
