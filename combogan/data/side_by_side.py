"""Pictures that show two domains side by side, as sets of pix2pix are published: cut into two folders."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from PIL import Image

from combogan import storage
from combogan.data.catalog import check_name
from combogan.data.pictures import kind_in, list_pictures, read_picture, save_picture
from combogan.data.pixel_kinds import PixelKind
from combogan.errors import DomainError, PictureError

PARTS = ("train", "val", "test")
"""The folders of a published set."""


def split(
    folder: Path, out: Path, names: tuple[str, str], *, advance: Callable[[int, int], None] = lambda done, total: None
) -> int:
    """Cut every picture of `folder` into its left and right halves, in out/NAME for both names; gives their number.

    Folders inside stay as they are, so that `train` and `test` are found again; `val` becomes `test` where there is no
    `test`. The halves are PNG files, of float gray TIFF files; gray keeps its depth. DomainError and PictureError
    before anything is written, for no pictures at all, an odd width, a half that exists, and what cannot be read.
    """
    left, right = (out / check_name(name) for name in names)
    found = list_pictures(folder)
    if not found:
        raise DomainError(f"'{folder}' has no pictures; give the folder of a set whose pictures are A|B.")
    if names[0].casefold() == names[1].casefold():  # some file systems do not tell capitals apart
        raise DomainError(f"'{names[0]}' and '{names[1]}' are one name; give two that differ in more than capitals.")
    kinds = {name: kind_in(folder / name) for name in found}
    placed = places({name: ".tif" if kind is PixelKind.FLOAT else ".png" for name, kind in kinds.items()})

    for name, kind in kinds.items():
        if kind is PixelKind.INTEGER:
            raise PictureError(f"'{name}' is {kind}, without a known white; save it with 16 bits or as floats first.")

    def cut(name: str) -> tuple[Image.Image, Image.Image]:
        return halves(read_picture(folder / name, channels=(kinds[name].keeps or (3, 8))[0]), name)

    for name, place in placed.items():
        cut(name)
        for target in (left / place, right / place):
            if target.exists():
                raise DomainError(f"{target} exists already; give another folder with -o.")
    with storage.explained(out):
        out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=out, prefix=".") as unfinished:
        for done, (name, place) in enumerate(placed.items(), 1):
            for side, half in enumerate(cut(name)):
                path = Path(unfinished, str(side), place)
                path.parent.mkdir(parents=True, exist_ok=True)
                save_picture(half, path, kind=kinds[name])
            advance(done, len(placed))
        for side, target in enumerate((left, right)):
            for place in placed.values():
                with storage.explained(target / place):
                    (target / place).parent.mkdir(parents=True, exist_ok=True)
                    Path(unfinished, str(side), place).replace(target / place)
    return len(placed)


def halves(picture: Image.Image, name: str) -> tuple[Image.Image, Image.Image]:
    """The left and the right half of a picture. PictureError, with the name, for an odd width."""
    width, height = picture.size
    if width % 2:
        raise PictureError(f"'{name}' is {width} pixels wide, which cannot be halved; it shows no two pictures.")
    return picture.crop((0, 0, width // 2, height)), picture.crop((width // 2, 0, width, height))


def places(endings: Mapping[str, str]) -> dict[str, PurePosixPath]:
    """Name of a picture -> where its halves go below the folders of their domains; given the ending of its halves.

    DomainError where two go to the same place.
    """
    parts = {PurePosixPath(name).parts[0] for name in endings}
    renames = "val" in parts and "test" not in parts
    found = {name: _place(name, ending, rename=renames) for name, ending in endings.items()}
    first: dict[PurePosixPath, str] = {}
    for name in endings:
        if first.setdefault(found[name], name) != name:
            raise DomainError(
                f"'{first[found[name]]}' and '{name}' would both become {found[name]}; rename one of them."
            )
    return found


def _place(name: str, ending: str, *, rename: bool) -> PurePosixPath:
    path = PurePosixPath(name).with_suffix(ending)
    return PurePosixPath("test", *path.parts[1:]) if rename and path.parts[0] == "val" else path
