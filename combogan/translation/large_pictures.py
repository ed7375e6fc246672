"""Translates pictures of any size: as a whole, or in tiles where the memory is too small, which gives the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from shutil import disk_usage
from tempfile import gettempdir
from typing import cast

import torch
from PIL import Image
from torch import Tensor

from combogan import storage
from combogan.data.pictures import to_image, to_picture
from combogan.errors import PictureError, StorageError
from combogan.translation import memory
from combogan.translation.map_files import MapFiles, MapPlan, boxes, tile_side
from combogan.translation.tiled_maps import Box, Keeper, TiledMap

Translated = tuple[str, bool, Tensor]
"""Target, whether it is the way back from there, image."""
SMALLEST_SIDE = 32
"""Side of the smallest tiles, in pixels of a map: around smaller ones, more would be read than in them."""


@dataclass(frozen=True)
class Room:
    """What the translation of a picture may take."""

    memory: int | None = None
    """Bytes of memory; None: half of what is free."""
    disk: int | None = None
    """Bytes of disk for the maps of a picture in tiles; None: what is free."""
    folder: str | Path | None = None
    """Where these maps are kept, in files without a name; None: where the system keeps temporary files."""
    tiled: bool = False
    """In tiles, even what would fit as a whole."""


def quiet(done: int, total: int) -> None:
    """Ignores the progress: tiles that are done, and their total number."""


def translated(
    translate: Callable[[Tensor], Iterator[Translated]],
    rgb: Image.Image,
    *,
    name: str,
    needs: memory.Needs,
    room: Room,
    device: torch.device,
    report: Callable[[int, int], None] = quiet,
) -> Iterator[tuple[str, bool, Image.Image]]:
    """Every translation of a picture as one of its mode: in tiles where the whole would take too much memory.

    `translate` is what translates an image (1, 3, h, w); `report` gets the tiles that are done and their total number.
    PictureError where even the smallest tiles need more memory, StorageError where the disk is too full.
    """
    allowed = memory.half_of_free(device) if room.memory is None else room.memory
    with memory.explained(name, rgb.size, tiles=True):
        if room.tiled or (allowed is not None and needs.whole(rgb.size) > allowed):
            folder = Path(room.folder or gettempdir())
            yield from _in_tiles(
                translate, rgb, name=name, folder=folder, allowed=allowed, disk=room.disk, device=device, report=report
            )
        else:
            for target, back, image in translate(to_image(rgb).unsqueeze(0)):
                yield target, back, to_picture(image[0], deep=rgb.mode == "F")


def _in_tiles(
    translate: Callable[[Tensor], Iterator[Translated]],
    rgb: Image.Image,
    *,
    name: str,
    folder: Path,
    allowed: int | None,
    disk: int | None,
    device: torch.device,
    report: Callable[[int, int], None],
) -> Iterator[tuple[str, bool, Image.Image]]:
    """The same in tiles, within `allowed` bytes of memory; `translate` is called to plan, then to compute."""
    values = memory.tile_values(rgb.width * rgb.height, allowed)
    plan = MapPlan(values, device)
    for _ in translate(_image(rgb, plan)):
        pass
    _refuse(name, rgb, plan, allowed)
    _refuse_on_disk(name, folder, plan.most_bytes, disk)
    done = 0

    def advance() -> None:
        nonlocal done
        done += 1
        report(done, plan.tiles)

    for target, back, translated in translate(_image(rgb, MapFiles(folder, values, device, advance))):
        yield target, back, _picture(cast(TiledMap, translated), rgb.mode, values)


def _refuse(name: str, rgb: Image.Image, plan: MapPlan, allowed: int | None) -> None:
    needed = memory.needed_in_tiles(rgb.width * rgb.height, ceil(SMALLEST_SIDE**2 * plan.most_values))
    if allowed is None or needed <= allowed:
        return
    raise PictureError(
        f"'{name}' is too large: at {rgb.width} x {rgb.height} pixels it needs about {memory.amount(needed)} of "
        f"memory even in tiles, and {memory.amount(allowed)} may be used; allow more with --memory, or scale it "
        "with --size."
    )


def _refuse_on_disk(name: str, folder: Path, needed: int, most: int | None) -> None:
    takes = f"'{name}' is translated in tiles, which takes {memory.amount(needed)} of disk for a while, and"
    if most is not None and needed > most:
        raise PictureError(f"{takes} {memory.amount(most)} may be used; scale it with --size.")
    with storage.explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
        free = disk_usage(folder).free
    if free < needed:
        raise StorageError(
            f"{takes} {memory.amount(free)} are free in {folder}; free some space, or choose another folder with -o."
        )


def _image(rgb: Image.Image, keeper: Keeper) -> Tensor:
    """A picture as an image in tiles, which the networks take for a tensor."""

    def read(box: Box) -> Tensor:
        rows, columns = box
        part = rgb.crop((columns.start, rows.start, columns.stop, rows.stop))
        return to_image(part).unsqueeze(0).to(keeper.device).contiguous(memory_format=torch.channels_last)

    size = len(rgb.getbands()), rgb.height, rgb.width
    return cast(Tensor, TiledMap(keeper, size, torch.float32, read, direct=True))


def _picture(image: TiledMap, mode: str, values: int) -> Image.Image:
    """An image in tiles as a picture of a mode."""
    height, width = image.shape[2:]
    picture = Image.new(mode, (width, height))
    for rows, columns in boxes((height, width), tile_side(image.values, values)):
        part = to_picture(image.read((rows, columns))[0], deep=mode == "F")
        picture.paste(part, (columns.start, rows.start))
    return picture
