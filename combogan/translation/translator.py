"""Translates pictures or images: encoded once, decoded into one domain or many."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from html import escape
from pathlib import Path
from typing import cast

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from combogan import machine
from combogan.data.colour_profiles import over_white, split
from combogan.data.decoding import Picture, visible
from combogan.data.pictures import open_picture
from combogan.data.pixel_kinds import GRAY_ARRAYS, gray, kind_of, refuse_colour, stored
from combogan.errors import PictureError
from combogan.networks.encoder import COLOUR
from combogan.networks.latent import Maps
from combogan.networks.noise import seamless
from combogan.registry.bridge import Bridge
from combogan.registry.generator import fit_stride
from combogan.registry.pack import Pack
from combogan.registry.registry import Choice, Registry
from combogan.translation.large_pictures import Room, Translated, quiet, translated
from combogan.translation.memory import Needs

USUAL_ROOM = Room()
MARGIN = 96
"""Pixels beyond a border that can change what is inside: as far as nine residual blocks of stride 4 see."""

AnyPicture = Image.Image | np.ndarray | str | Path


class Translator:
    """Translates between the domains of a registry; a half is loaded when it is first needed, and kept.

    `precision` is float32, bfloat16 or auto: bfloat16 where the processor computes in it. That changes values by a few
    levels of 255 at most, and scores against the truth only after the second decimal; gray is always translated in
    float32. With `wrap`, images are seamless textures: what is beyond a border is what is at the opposite one. Raises
    DeviceError.
    """

    def __init__(
        self, registry: Registry, device: str | torch.device = "cpu", precision: str = "auto", *, wrap: bool = False
    ) -> None:
        self.registry, self.wrap = registry, wrap
        self.device = machine.device(str(device))
        self.precision = machine.precision(precision, self.device)
        self._halves: dict[tuple[Path, str], nn.Module] = {}  # and adapters, by their bridge and space
        self._choices: dict[tuple[str, ...], Choice] = {}

    def choose(self, source: str, targets: Sequence[str]) -> Choice:
        """The packs that `translate` uses for these names. Raises what `Registry.choose` raises."""
        key = (source, *targets)
        if key not in self._choices:
            self._choices[key] = self.registry.choose(source, targets)
        return self._choices[key]

    def __call__(self, source: str, target: str, picture: AnyPicture, *, room: Room = USUAL_ROOM) -> Image.Image:
        """A picture of any size in the target domain: RGB, or RGBA where the picture is transparent somewhere.

        An array is (height, width, 3) of uint8 in RGB. Between domains of gray, pictures are of mode L, I;16 or F (from
        0 to 1), arrays (height, width) of uint8, uint16 or float32, and what comes out is a picture of the same kind.
        What needs more memory than `room` says, by default half of what is free, is translated in tiles. Raises
        PictureError, PackError, SpaceError, StorageError.
        """
        opened = _opened(picture, self.choose(source, [target]).channels)
        name = str(picture) if isinstance(picture, str | Path) else "the picture"
        ((_, _, translation),) = self.pictures(source, [target], visible(opened), name=name, room=room)
        if opened.rgb.mode == "F":
            return stored(over_white(translation, opened.alpha), opened.kind)
        if opened.alpha is not None:
            translation.putalpha(opened.alpha)
        return translation

    def pictures(
        self,
        source: str,
        targets: Sequence[str],
        rgb: Image.Image,
        *,
        name: str,
        reconstruct: bool = False,
        room: Room = USUAL_ROOM,
        report: Callable[[int, int], None] = quiet,
    ) -> Iterator[tuple[str, bool, Image.Image]]:
        """(target, whether it is the way back from there, picture) for every translation, whole or in tiles.

        `name` is the picture's in errors; with `reconstruct` there is a way back from each target. `report` gets how
        many tiles are done, and of how many. Raises PictureError, PackError, SpaceError, StorageError.
        """

        def translate(image: Tensor) -> Iterator[Translated]:
            for target, fake in self.translations(source, targets, image):
                yield target, False, fake
                if reconstruct:
                    yield target, True, self.translate(target, [source], fake)[source]

        needs = self.needs(source, targets)
        return translated(translate, rgb, name=name, needs=needs, room=room, device=self.device, report=report)

    def needs(self, source: str, targets: Sequence[str]) -> Needs:
        """What the memory of these translations depends on, besides pixels."""
        choice = self.choose(source, targets)
        return Needs.of(choice, self.margin(choice.latent.stride))

    def translate(self, source: str, targets: Sequence[str], image: Tensor) -> dict[str, Tensor]:
        """Image (n, channels, h, w) in [-1, 1] -> the same size in each target, float32, on the translator's device.

        It is encoded once. Raises PackError, SpaceError.
        """
        return dict(self.translations(source, targets, image))

    def translations(self, source: str, targets: Sequence[str], image: Tensor) -> Iterator[tuple[str, Tensor]]:
        """The same, one target after the other; a TiledMap in place of the image gives TiledMaps."""
        choice = self.choose(source, targets)
        height, width = image.shape[-2:]
        margin = self.margin(choice.latent.stride)
        with self._computing(choice):
            image = fit_stride(wrapped(image.to(self.device), margin), choice.latent.stride)
            here = _ready(*self.half(choice.source, "encoder")(*_ready(image)))
            over = {bridge.folder: bridge for bridge in choice.bridges.values()}
            beyond = {folder: _ready(*self._adapter(bridge, choice.space)(here)) for folder, bridge in over.items()}
        maps = {name: beyond[bridge.folder] for name, bridge in choice.bridges.items()}
        for name, pack in choice.targets.items():
            with self._computing(choice), seamless(margin, (height, width)) if margin else nullcontext():
                wide = self.half(pack, "decoder")(maps.get(name, here)).float()
                (fake,) = _ready(wide[..., margin : margin + height, margin : margin + width])
            yield name, fake

    @contextmanager
    def _computing(self, choice: Choice) -> Iterator[None]:
        reduced = self.precision != torch.float32 and choice.channels == COLOUR
        with torch.inference_mode(), torch.autocast(self.device.type, self.precision, enabled=reduced):
            yield

    def _adapter(self, bridge: Bridge, space: str) -> nn.Module:
        key = (bridge.folder, space)
        if key not in self._halves:
            self._halves[key] = cast(nn.Module, bridge.load(space, self.device).to(memory_format=torch.channels_last))
        return self._halves[key]

    def _repr_html_(self) -> str:
        """Where and how it computes, and its packs, for notebooks."""
        precision = str(self.precision).removeprefix("torch.")
        return f"<p>Translator on {escape(str(self.device))} in {precision}</p>{self.registry._repr_html_()}"

    def margin(self, stride: int) -> int:
        """Pixels that are added on every side: multiples of the stride, and none without `wrap`."""
        return -(-MARGIN // stride) * stride if self.wrap else 0

    def half(self, pack: Pack, name: str) -> nn.Module:
        """A pack's encoder or decoder, loaded when it is first asked for."""
        key = (pack.folder, name)
        if key not in self._halves:
            half = pack.load_encoder(self.device) if name == "encoder" else pack.load_decoder(self.device)
            self._halves[key] = cast(nn.Module, half.to(memory_format=torch.channels_last))
        return self._halves[key]


def wrapped(image: Tensor, margin: int) -> Tensor:
    """Image (n, channels, h, w) with `margin` pixels more on every side, as if it lay beside itself on all of them."""
    if not margin:
        return image
    for dim in (2, 3):
        side = image.shape[dim]
        places = torch.arange(-margin, side + margin, device=image.device) % side
        image = torch.index_select(image, dim, places)
    return image


def _ready(*maps: Tensor) -> Maps:
    """Maps as convolutions take them; one in tiles is computed here, so that it is computed once."""
    return tuple(one.contiguous(memory_format=torch.channels_last) for one in maps)


def _opened(picture: AnyPicture, channels: int) -> Picture:
    if isinstance(picture, str | Path):
        return open_picture(picture, channels)
    if isinstance(picture, np.ndarray) and channels == 1:
        if picture.dtype.name not in GRAY_ARRAYS or picture.ndim != 2:
            raise PictureError(
                f"an array for networks of one channel must be (height, width) of {', '.join(GRAY_ARRAYS)}, but this "
                f"is {picture.shape} of {picture.dtype}; convert it, or use `translate` for tensors."
            )
        picture = Image.fromarray(picture)
    if isinstance(picture, np.ndarray):
        if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
            raise PictureError(
                f"an array must be (height, width, 3) of uint8, but this is {picture.shape} of {picture.dtype}; "
                f"convert it, or use `translate` for tensors."
            )
        picture = Image.fromarray(picture)
    if not isinstance(picture, Image.Image):
        raise PictureError(
            f"a picture is a Pillow image, an array or a path, but this is a {type(picture).__name__}; convert it, or "
            "use `translate` for tensors."
        )
    if not all(picture.size):
        raise PictureError(f"a picture needs pixels, but this has {picture.width} x {picture.height}; give another.")
    if channels == 1:
        kind = kind_of(picture)
        refuse_colour(kind, "the picture")
        return Picture(*gray(picture, kind, "the picture"), format="", kind=kind)
    return Picture(*split(picture), format="")
