"""Pictures that show two domains side by side, as sets of pix2pix are published: cut into two folders."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from combogan import storage
from combogan.data.catalog import check_name
from combogan.data.pictures import list_pictures, read_picture, save_picture
from combogan.errors import DomainError, PictureError


def split(
    folder: Path, out: Path, names: tuple[str, str], *, advance: Callable[[int, int], None] = lambda done, total: None
) -> int:
    """Cut every picture of `folder` into its left and right halves, in out/NAME for both names; gives their number.

    Folders inside stay as they are, so that `train` and `test` are found again; `val` becomes `test` where there is no
    `test`. The halves are PNG files. DomainError and PictureError before anything is written, for a folder without
    pictures, an odd width, a half that exists, and what cannot be read.
    """
    left, right = (out / check_name(name) for name in names)
    found = list_pictures(folder)
    if not found:
        raise DomainError(f"'{folder}' has no pictures; give the folder of a set whose pictures are A|B.")
    if left == right:
        raise DomainError(f"both halves would be called '{names[0]}'; give two names.")
    parts = {PurePosixPath(name).parts[0] for name in found}
    places = {name: _place(name, rename="val" in parts and "test" not in parts) for name in found}
    _refuse_doubles(places)
    for name, place in places.items():
        width = read_picture(folder / name).width
        if width % 2:
            raise PictureError(f"'{name}' is {width} pixels wide, which cannot be halved; it shows no two pictures.")
        for half in (left / place, right / place):
            if half.exists():
                raise DomainError(f"{half} exists already; give another folder with -o.")
    with storage.explained(out):
        out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=out, prefix=".") as unfinished:
        for done, (name, place) in enumerate(places.items(), 1):
            picture = read_picture(folder / name)
            middle = picture.width // 2
            for side, (start, end) in enumerate(((0, middle), (middle, picture.width))):
                path = Path(unfinished, str(side), place)
                path.parent.mkdir(parents=True, exist_ok=True)
                save_picture(picture.crop((start, 0, end, picture.height)), path)
            advance(done, len(places))
        for side, half in enumerate((left, right)):
            for place in places.values():
                with storage.explained(half / place):
                    (half / place).parent.mkdir(parents=True, exist_ok=True)
                    Path(unfinished, str(side), place).replace(half / place)
    return len(places)


def _place(name: str, *, rename: bool) -> PurePosixPath:
    """Where a half goes below the folder of its domain."""
    path = PurePosixPath(name).with_suffix(".png")
    return PurePosixPath("test", *path.parts[1:]) if rename and path.parts[0] == "val" else path


def _refuse_doubles(places: dict[str, PurePosixPath]) -> None:
    first: dict[PurePosixPath, str] = {}
    for name, place in places.items():
        if first.setdefault(place, name) != name:
            raise DomainError(f"'{first[place]}' and '{name}' would both become {place}; rename one of them.")
