"""Pictures that are too large for the memory: translated in tiles, to what they would be if translated as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import ceil
from pathlib import Path
from shutil import disk_usage
from typing import cast

import torch
from PIL import Image
from torch import Tensor

from combogan.data.pictures import to_image, to_picture
from combogan.errors import PictureError, StorageError
from combogan.translation import memory
from combogan.translation.map_files import MapFiles, MapPlan, boxes, tile_side
from combogan.translation.tiled_maps import Box, Keeper, TiledMap

Translated = tuple[str, bool, Tensor]
"""Target, whether it is the way back from there, image."""
SMALLEST_SIDE = 32
"""Side of the smallest tiles, in pixels of a map: around smaller ones, more would be read than in them."""


def in_tiles(
    translate: Callable[[Tensor], Iterator[Translated]],
    rgb: Image.Image,
    *,
    name: str,
    folder: Path,
    room: int | None,
    device: torch.device,
    report: Callable[[int, int], None],
) -> Iterator[tuple[str, bool, Image.Image]]:
    """Every translation of a picture as one of its mode, computed in tiles; their maps are kept in files of `folder`.

    `translate` is what translates an image (1, 3, h, w); it is first called to plan, then to compute. `room` is the
    bytes of memory that may be taken, None for no limit; `report` gets the tiles that are done and their total number.
    PictureError where even the smallest tiles need more memory, StorageError where the disk is too full.
    """
    values = memory.tile_values(rgb.width * rgb.height, room)
    plan = MapPlan(values, device)
    for _ in translate(_image(rgb, plan)):
        pass
    _refuse(name, rgb, plan, room)
    _refuse_full_disk(name, folder, plan.most_bytes)
    done = 0

    def advance() -> None:
        nonlocal done
        done += 1
        report(done, plan.tiles)

    for target, back, translated in translate(_image(rgb, MapFiles(folder, values, device, advance))):
        yield target, back, _picture(cast(TiledMap, translated), rgb.mode, values)


def _refuse(name: str, rgb: Image.Image, plan: MapPlan, room: int | None) -> None:
    needed = memory.needed_in_tiles(rgb.width * rgb.height, ceil(SMALLEST_SIDE**2 * plan.most_values))
    if room is None or needed <= room:
        return
    raise PictureError(
        f"'{name}' is too large: at {rgb.width} x {rgb.height} pixels it needs about {memory.gigabytes(needed)} of "
        f"memory even in tiles, and {memory.gigabytes(room)} may be used; allow more with --memory, or scale it with "
        "--size."
    )


def _refuse_full_disk(name: str, folder: Path, needed: int) -> None:
    free = disk_usage(folder).free
    if free < needed:
        raise StorageError(
            f"'{name}' is translated in tiles, which takes {memory.gigabytes(needed)} of disk for a while, and "
            f"{memory.gigabytes(free)} are free in {folder}; free some space, or choose another folder with -o."
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
