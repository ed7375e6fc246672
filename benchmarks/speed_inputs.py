"""What benchmarks/speed.py measures on: packs of untrained domains, and pictures as files."""

from __future__ import annotations

from pathlib import Path

import torch
from PIL import Image

from combogan.registry.pack import NewPack, publish
from combogan.scenery.scene import SEASONS, draw
from combogan.settings import Settings
from combogan.training import building

SPACE = "0123456789abcdef"


def write_packs(folder: Path, *, domains: int, width: int, size: int) -> None:
    """Packs of untrained domains a, b, ... of one latent space, with the networks of `original`."""
    settings = Settings.load("original", {"networks.width": width})
    units = [building.new_domain(name, settings, torch.device("cpu")) for name in "abcdefgh"[:domains]]
    publish(folder, [NewPack(unit.name, unit.encoder, unit.decoder, (SPACE, SPACE), size) for unit in units])


def write_picture(path: Path, *, size: int) -> None:
    """A drawn scene of `size` x `size` pixels."""
    Image.fromarray(draw("fall", 7, 0, size)).save(path)


def write_pictures(folder: Path, *, scenes: int, crops: int, size: int) -> None:
    """`scenes` x `crops` JPEG files of `size` x `size` pixels in a folder per season: crops of larger drawn scenes."""
    for season in SEASONS:
        (folder / season).mkdir(parents=True)
        for number in range(scenes):
            scene = Image.fromarray(draw(season, 7, number, 2 * size))
            for crop in range(crops):
                left, top = size * crop // crops, size * (crop * 7 % crops) // crops
                path = folder / season / f"{number:03d}-{crop:03d}.jpg"
                scene.crop((left, top, left + size, top + size)).save(path, quality=90)
