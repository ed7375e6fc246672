"""The card of an exported network: what a program that uses the file must know, as texts in its metadata."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import combogan
from combogan.networks.encoder import COLOUR, image_channels
from combogan.networks.latent import Latent
from combogan.registry.generator import SMALLEST
from combogan.registry.pack import Pack

FORMAT = "combogan-network"
PIXELS = "RGB, (n, 3, height, width), byte / 127.5 - 1"
"""How the bytes of a picture become the values of an image."""
GRAY_PIXELS = "gray, (n, 1, height, width), value / white * 2 - 1; white is 255, 65535 or 1.0"
"""How the bytes, 16-bit values or floats of a gray picture do."""

Half = Literal["encoder", "decoder"]
Precision = Literal["float32", "float16"]


@dataclass(frozen=True)
class NetworkCard:
    """What a file says about its network."""

    part: Literal["encoder", "decoder", "direction"]
    domain: str
    """Of the pictures that go in; of a decoder, of those that come out."""
    target: str
    """Of a direction, the domain of the pictures that come out; else empty."""
    space: str
    """Id of the latent space: an encoder fits the decoders of the same id."""
    latent: dict[str, Any]
    """Channels and stride of the latent, and (channels, stride) of each skip map beside it."""
    shapes: dict[str, dict[str, Any]]
    """By encoder and decoder: the arguments that build the network."""
    weights: dict[str, str]
    """By encoder and decoder: the SHA-256 of the pack's weights."""
    multiple: int
    """Height and width are multiples of this."""
    smallest: int
    """Height and width are at least this."""
    image_size: int
    """Side of the crops that it was trained on, in pixels."""
    precision: Precision
    combogan: str
    """The version that exported it."""
    pixels: str = PIXELS
    format: str = FORMAT

    @property
    def channels(self) -> int:
        """Channels of the images: 3, or 1 for gray."""
        return image_channels(next(iter(self.shapes.values())))

    def texts(self) -> dict[str, str]:
        """Name -> text: as it is, or as JSON where it is no text."""
        return {name: value if isinstance(value, str) else json.dumps(value) for name, value in asdict(self).items()}

    @classmethod
    def read(cls, texts: Mapping[str, str]) -> NetworkCard | None:
        """The card in the metadata of a file; None where it is no file of ours, or of another version."""
        if texts.get("format") != FORMAT:
            return None
        no_texts = "latent", "shapes", "weights", "multiple", "smallest", "image_size"
        try:
            values: dict[str, Any] = {**texts, **{name: json.loads(texts.get(name, "")) for name in no_texts}}
            return cls(**values)
        except (TypeError, ValueError):
            return None


def half_card(pack: Pack, part: Half, precision: Precision) -> NetworkCard:
    """The card of a half of a pack."""
    half = pack.halves[part]
    return NetworkCard(
        part=part,
        domain=pack.domain,
        target="",
        space=half.latent.space,
        latent=_plug(half.latent),
        shapes={part: dict(half.shape)},
        weights={part: half.sha256},
        multiple=half.latent.stride,
        smallest=-(-SMALLEST // half.latent.stride) * half.latent.stride,
        image_size=pack.image_size,
        precision=precision,
        combogan=combogan.__version__,
        pixels=PIXELS if half.channels == COLOUR else GRAY_PIXELS,
    )


def direction_card(source: Pack, target: Pack, precision: Precision) -> NetworkCard:
    """The card of an encoder followed by a decoder, for images of any size."""
    one, other = half_card(source, "encoder", precision), half_card(target, "decoder", precision)
    return NetworkCard(
        part="direction",
        domain=source.domain,
        target=target.domain,
        space=one.space,
        latent=one.latent,
        shapes=one.shapes | other.shapes,
        weights=one.weights | other.weights,
        multiple=1,
        smallest=1,
        image_size=one.image_size,
        precision=precision,
        combogan=combogan.__version__,
        pixels=one.pixels,
    )


def _plug(latent: Latent) -> dict[str, Any]:
    return {"channels": latent.channels, "stride": latent.stride, "skips": [list(pair) for pair in latent.skips]}
