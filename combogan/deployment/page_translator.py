"""What the web page does, without the page: uploaded pictures in, translations and sentences out."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath

from PIL import Image

from combogan import storage
from combogan.data.pictures import open_picture, save_picture, to_image, to_picture
from combogan.deployment.page_files import PageFiles
from combogan.deployment.page_reader import read
from combogan.errors import ComboganError, PackError, PictureError
from combogan.registry.pack import Pack
from combogan.registry.registry import Choice, Registry, home
from combogan.translation import memory
from combogan.translation.directions import EVERY, pairs
from combogan.translation.files import FAR
from combogan.translation.sources import Source, output_names
from combogan.translation.translator import Translator

MOST = 20
"""Pictures that are translated at once."""
NEWEST = "the newest that has both"
"""The choice of a latent space that the command line makes."""
AS_IT_IS = "as it is"
"""The choice of a size that scales nothing."""
SIZES = 8, 20_000
"""The smallest and the largest short side that can be asked for, in pixels."""


@dataclass(frozen=True)
class Limits:
    """What a visitor may use."""

    file: int = 32 * 10**6
    """Bytes of an uploaded file."""
    pixels: int = 64 * 10**6
    """Pixels of an uploaded picture."""
    memory: int = 3 * 10**9 // 2
    """Bytes of memory that the translation of one picture may take."""


@dataclass(frozen=True)
class Result:
    """A picture and one of its translations, as files of the page."""

    target: str
    source_file: Path
    file: Path
    name: str
    """In a zip: TARGET/NAME.png."""

    @property
    def caption(self) -> str:
        """What is written below it."""
        return f"{self.target}: {PurePosixPath(self.name).stem}"


@dataclass
class Answer:
    """The answer to a visitor: translations, and what there is to say."""

    results: list[Result] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class PageTranslator:
    """Translates for the visitors of a page, one picture after the other."""

    def __init__(
        self, registry: Registry, files: PageFiles, *, device: str = "auto", limits: Limits | None = None
    ) -> None:
        """DeviceError where the device is not there."""
        self.files, self.limits = files, limits or Limits()
        self._translators = {
            name: Translator(only, device) for name, only in {NEWEST: registry, **by_space(registry)}.items()
        }

    @property
    def spaces(self) -> list[str]:
        """The latent spaces to choose from, by run; the first leaves the choice to the names of the domains."""
        return list(self._translators)

    def sources(self, space: str) -> list[str]:
        """The domains that can be translated from."""
        return sorted({pack.domain for pack in self._packs(space) if pack.encoder})

    def targets(self, space: str) -> list[str]:
        """The domains that can be translated into, and the word for all of them."""
        return [EVERY, *sorted({pack.domain for pack in self._packs(space) if pack.decoder})]

    def sizes(self, space: str) -> list[str]:
        """The sizes to choose from: multiples of the size that the newest pack was trained at, the best first."""
        trained = self._packs(space)[0].image_size
        return [*(f"{times * trained} px" for times in (2, 1, 4)), AS_IT_IS]

    def previews(self, space: str) -> list[tuple[Path, str]]:
        """(file, caption) of the packs' own previews, newest pack first; damaged ones are left out."""
        shown = []
        for pack in self._packs(space):
            try:
                picture = open_picture(pack.folder / "preview.png").rgb
            except PictureError:
                continue
            file = self.files.keep("preview.png")
            save_picture(picture, file)
            shown.append((file, f"into {pack.domain} ({home(pack).name})"))
        return shown

    def translate(
        self,
        pictures: Sequence[Path],
        source: str,
        target: str,
        *,
        space: str,
        size: str = AS_IT_IS,
        progress: Callable[[float, str], None] = lambda share, text: None,
    ) -> Answer:
        """Translate uploaded pictures; what cannot be translated is said and does not stop the others."""
        answer = Answer()
        translator = self._translators[space]
        try:
            short_side = _pixels(size)
            targets = self._checked(translator, pictures, source, target)
            choice = translator.choose(source, targets)
            _refuse_gray(choice)
        except ComboganError as error:
            answer.errors.append(str(error))
            return answer
        answer.notes.append(_using(choice))
        sources = [Source(f"{path.stem}.png", path) for path in pictures]
        for number, (path, name) in enumerate(zip(pictures, output_names(sources), strict=True)):
            progress(number / len(pictures), f"{path.name} ({number + 1} of {len(pictures)})")
            try:
                answer.results += self._translated(translator, choice, path, name, short_side)
            except ComboganError as error:
                answer.errors.append(str(error))
        answer.notes += _far(answer.results, choice.source, self.sizes(space)[0])
        return answer

    def zipped(self, results: Sequence[Result]) -> Path:
        """All translations in one file, each as TARGET/NAME.png. Raises StorageError."""
        file = self.files.new("translations.zip", sum(result.file.stat().st_size for result in results))
        with storage.explained(file), zipfile.ZipFile(file, "w") as archive:
            for result in results:
                archive.write(result.file, f"{result.target}/{result.name}")
        return file

    def _packs(self, space: str) -> list[Pack]:
        return self._translators[space].registry.packs

    def _checked(self, translator: Translator, pictures: Sequence[Path], source: str, target: str) -> list[str]:
        """The targets. Raises PictureError and PackError."""
        if not pictures:
            raise PictureError("there is no picture to translate; drop one, paste one, or choose a file.")
        if len(pictures) > MOST:
            raise PictureError(
                f"these are {len(pictures)} pictures, and at most {MOST} are translated at once; remove some."
            )
        return pairs(translator.registry, [source], [target])[source]

    def _translated(
        self, translator: Translator, choice: Choice, path: Path, name: str, short_side: int | None
    ) -> list[Result]:
        """A picture in all targets. Raises PictureError, PackError, StorageError."""
        needs = memory.Needs.of(choice)
        free = min(memory.available(translator.device) or self.limits.memory, self.limits.memory)
        upload = read(path, largest=self.limits.pixels, most=needs.largest(free), size=short_side)
        if upload.rgb is None:
            memory.refuse_too_large(path.name, upload.size, **asdict(needs), free=free)
        assert upload.rgb is not None
        with memory.explained(path.name, upload.size):
            image = to_image(upload.rgb).unsqueeze(0)
            fakes = translator.translate(choice.source.domain, list(choice.targets), image)
        stem = PurePosixPath(name).stem
        shown = self._saved(upload.rgb, upload.alpha, name)
        results = []
        for target, fake in fakes.items():
            file = self._saved(to_picture(fake[0]), upload.alpha, f"{stem}-{target.replace('/', '-')}.png")
            results.append(Result(target, shown, file, name))
        return results

    def _saved(self, picture: Image.Image, alpha: Image.Image | None, name: str) -> Path:
        file = self.files.new(name, 3 * picture.width * picture.height)
        save_picture(picture, file, alpha)
        return file


def by_space(registry: Registry) -> dict[str, Registry]:
    """The latent spaces by run, newest first: what a person reads -> the packs. Empty where there is only one.

    Two spaces of the same packs, one for each direction, count as one.
    """
    groups: dict[tuple[Path, ...], tuple[str, list[Pack]]] = {}
    for space, packs in registry.spaces().items():
        groups.setdefault(tuple(sorted(pack.folder for pack in packs)), (space, packs))
    if len(groups) == 1:
        return {}
    found = {}
    for space, packs in groups.values():
        names = ", ".join(sorted({pack.domain for pack in packs}))
        found[f"{home(packs[0]).name} ({space}): {names}"] = Registry(packs)
    return found


def _refuse_gray(choice: Choice) -> None:
    """PackError for networks of one channel: what browsers show has 8 bits, and so would have what is downloaded."""
    if choice.channels == 1:
        raise PackError(
            f"'{choice.source.domain}' has networks of one channel, which this page does not translate with; use "
            "`combogan translate`, which keeps 16 bits and floats."
        )


def _pixels(size: str) -> int | None:
    """`128 px` or `128` -> 128; None where nothing is to be scaled. Raises PictureError."""
    number = size.removesuffix("px").strip()
    if size == AS_IT_IS:
        return None
    if not number.isdecimal() or not SIZES[0] <= int(number) <= SIZES[1]:
        raise PictureError(f"'{size}' is no size; give pixels from {SIZES[0]} to {SIZES[1]}, or '{AS_IT_IS}'.")
    return int(number)


def _using(choice: Choice) -> str:
    """What the command line says too: the latent space, and whether there are older ones."""
    newest = f", the newest of {choice.others + 1} that hold these domains" if choice.others else ""
    return f"Using latent space {choice.space} ({home(choice.source).name}){newest}."


def _far(results: Sequence[Result], pack: Pack, better: str) -> list[str]:
    """A hint where a picture is far larger than those that the networks were trained on."""
    sizes = []
    for result in results:
        with Image.open(result.file) as picture:
            sizes.append(min(picture.size))
    if max(sizes, default=0) <= FAR * pack.image_size:
        return []
    return [
        f"Hint: pictures of up to {max(sizes)} px were translated by networks trained at {pack.image_size} px; "
        f"size {better} may look better."
    ]
