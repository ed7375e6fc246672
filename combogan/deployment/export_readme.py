"""The README beside exported files: what they are, and ten lines of Python that translate a picture with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from combogan.deployment.network_card import NetworkCard
from combogan.deployment.program_files import OPSET, Format
from combogan.errors import ExportError

NAME = "README.md"
TITLE = "# Networks exported by combogan"

Named = tuple[str, NetworkCard]
"""The name of a file, relative to the README, and its card."""

FILES = """{title}

| file | part | takes | gives | latent space |
| --- | --- | --- | --- | --- |
{rows}

{kind}, {precision}. {image}
{sizes}
Every file has a card in its metadata: `domain`, `target`, `space`, `latent` (channels and stride, and those of each map
beside it), `shapes` and `weights` (the networks' arguments, and the SHA-256 of their weights), `multiple`, `smallest`,
`image_size` (the side of the crops of the training, in pixels), `precision` and `pixels`.
"""

SIZES = """\
An encoder takes images whose height and width are multiples of {multiple}, and at least {smallest}.
It gives a latent{skips}, which any decoder of the same latent space takes{order}.
"""

EXAMPLE = """
A picture of {source}, translated into {target}{without}:

```python
{code}```

Of a photograph, `ImageOps.exif_transpose` of Pillow turns it upright first.
"""

ONNX_HALVES = """\
import numpy as np
import onnxruntime
from PIL import Image
encoder, decoder = map(onnxruntime.InferenceSession, ("{encoder}", "{decoder}"))
{read}padded = np.pad(image, [(0, 0), (0, 0), *((0, -side % {multiple}) for side in image.shape[2:])], "reflect")
maps = encoder.run(None, {{"image": padded{cast}}})
fake = decoder.run(None, {{taken.name: map for taken, map in zip(decoder.get_inputs(), maps)}})[0]
pixels = (fake[0, :, : image.shape[2], : image.shape[3]].astype(np.float32) + 1) * {half}
{write}"""

ONNX_WHOLE = """\
import numpy as np
import onnxruntime
from PIL import Image
network = onnxruntime.InferenceSession("{whole}")
{read}fake = network.run(None, {{"image": image{cast}}})[0]
pixels = (fake[0].astype(np.float32) + 1) * {half}
{write}"""

TORCH_HALVES = """\
import numpy as np
import torch
from PIL import Image
encoder, decoder = (torch.export.load(file).module() for file in ("{encoder}", "{decoder}"))
{read}padded = np.pad(image, [(0, 0), (0, 0), *((0, -side % {multiple}) for side in image.shape[2:])], "reflect")
with torch.no_grad():
    fake = decoder(*encoder(torch.from_numpy(padded{cast}))).float().numpy()
pixels = (fake[0, :, : image.shape[2], : image.shape[3]] + 1) * {half}
{write}"""

TORCH_WHOLE = """\
import numpy as np
import torch
from PIL import Image
network = torch.export.load("{whole}").module()
{read}with torch.no_grad():
    fake = network(torch.from_numpy(image{cast})).float().numpy()
pixels = (fake[0] + 1) * {half}
{write}"""


@dataclass(frozen=True)
class Pixels:
    """Between a picture and an image, in words and in Python."""

    about: str
    read: str
    half: str
    """Half of the distance from black to white."""
    write: str


COLOUR = Pixels(
    "An image is (n, 3, height, width): RGB, and each value is a byte of the picture / 127.5 - 1.",
    """\
image = np.asarray(Image.open("in.jpg").convert("RGB"), np.float32).transpose(2, 0, 1)[None] / 127.5 - 1
""",
    "127.5",
    """\
Image.fromarray(pixels.round().clip(0, 255).astype(np.uint8).transpose(1, 2, 0)).save("out.png")
""",
)
GRAY = Pixels(
    "An image is (n, 1, height, width): gray, and each value is that of the picture / white * 2 - 1; white is 255 of\n"
    "bytes, 65535 of 16 bits and 1 of floats.",
    """\
picture = np.asarray(Image.open("in.tif"))
white = {"uint8": 255, "uint16": 65535}.get(picture.dtype.name, 1)
image = picture[None, None].astype(np.float32) / white * 2 - 1
""",
    "(white / 2)",
    """\
Image.fromarray((pixels[0] if white == 1 else pixels[0].round()).astype(picture.dtype)).save("out.tif")
""",
)
PIXELS = {3: COLOUR, 1: GRAY}
"""By the channels of images."""

CODE: dict[tuple[Format, bool], str] = {
    ("onnx", False): ONNX_HALVES,
    ("onnx", True): ONNX_WHOLE,
    ("torch", False): TORCH_HALVES,
    ("torch", True): TORCH_WHOLE,
}
"""By format, and whether one file is a whole direction."""


def refuse_others(path: Path) -> None:
    """ExportError where a README is there that is not one of these, and would be lost."""
    if path.exists() and (path.is_dir() or not path.read_bytes().startswith(TITLE.encode())):
        raise ExportError(f"{path} is something else already, and would be lost; export to another folder.")


def text(files: Sequence[Named], format: Format) -> str:
    """The README beside files of one format and precision."""
    card = files[0][1]
    about = FILES.format(
        title=TITLE,
        rows="\n".join(_row(name, card) for name, card in files),
        kind=f"ONNX, opset {OPSET}" if format == "onnx" else "Programs of `torch.export`",
        precision=card.precision,
        image=PIXELS[card.channels].about,
        sizes=_sizes(card),
    )
    return about + _example(files, format)


def _sizes(card: NetworkCard) -> str:
    if card.part == "direction":
        return "Height and width are any.\n"
    skips = len(card.latent["skips"])
    return SIZES.format(
        multiple=card.multiple,
        smallest=card.smallest,
        skips=f" and {skips} maps" if skips else "",
        order=" in the same order" if skips else "",
    )


def _row(name: str, card: NetworkCard) -> str:
    takes, gives = {
        "encoder": (f"{card.domain}", "latent"),
        "decoder": ("latent", f"{card.domain}"),
        "direction": (card.domain, card.target),
    }[card.part]
    return f"| {name} | {card.part} | {takes} | {gives} | {card.space} |"


def _example(files: Sequence[Named], format: Format) -> str:
    """How to translate with the first pair of files that fit; nothing where none do."""
    whole = next(((name, card) for name, card in files if card.part == "direction"), None)
    pair = _pair(files)
    if whole is None and pair is None:
        return ""
    without = " with onnxruntime, numpy and pillow alone" if format == "onnx" else ""
    cast = ".astype(np.float16)" if files[0][1].precision == "float16" else ""
    pixels = PIXELS[files[0][1].channels]
    parts = {"cast": cast, "read": pixels.read, "half": pixels.half, "write": pixels.write}
    if whole is not None:
        name, card = whole
        code = CODE[format, True].format(whole=name, **parts)
        return EXAMPLE.format(source=card.domain, target=card.target, without=without, code=code)
    assert pair is not None
    (encoder, one), (decoder, other) = pair
    code = CODE[format, False].format(encoder=encoder, decoder=decoder, multiple=one.multiple, **parts)
    return EXAMPLE.format(source=one.domain, target=other.domain, without=without, code=code)


def _pair(files: Sequence[Named]) -> tuple[Named, Named] | None:
    """The first encoder and decoder of one latent space; of two domains if there are such."""
    fitting = [
        (one, other)
        for one, other in product(files, repeat=2)
        if (one[1].part, other[1].part, one[1].space) == ("encoder", "decoder", other[1].space)
    ]
    return next((pair for pair in fitting if pair[0][1].domain != pair[1][1].domain), fitting[0] if fitting else None)
