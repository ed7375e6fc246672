"""What the web page does, without the page: uploaded pictures in, translations and sentences out."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath

from PIL import Image

from combogan import storage
from combogan.data.pictures import open_picture, save_picture
from combogan.deployment.page_answer import KEPT, MOST, Answer, Limits, Result, hints
from combogan.deployment.page_files import PageFiles
from combogan.deployment.page_reader import Upload, read
from combogan.errors import ComboganError, FeaturesError, PackError, PictureError
from combogan.evaluation.arrival import Arrival
from combogan.evaluation.classifier import classifier_of, sources, taken
from combogan.evaluation.image_features import NETWORK
from combogan.networks.features import features
from combogan.registry.pack import Pack
from combogan.registry.registry import Choice, Registry, home
from combogan.translation import memory
from combogan.translation.directions import ANY, EVERY, pairs
from combogan.translation.large_pictures import Room
from combogan.translation.sources import Source, output_names
from combogan.translation.translator import Translator

NEWEST = "the newest that has both"
"""The choice of a latent space that the command line makes."""
AS_IT_IS = "as it is"
"""The choice of a size that scales nothing."""
SIZES = 8, 20_000
"""The smallest and the largest short side that can be asked for, in pixels."""


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
        self._classifiers = {name: _classifier(one) for name, one in self._translators.items()}

    @property
    def spaces(self) -> list[str]:
        """The latent spaces to choose from, by run; the first leaves the choice to the names of the domains."""
        return list(self._translators)

    def sources(self, space: str) -> list[str]:
        """The domains that can be translated from, after the word for any of them where a classifier knows them all."""
        return [*([] if self._classifiers[space] is None else [ANY]), *self.domains(space)]

    def domains(self, space: str) -> list[str]:
        """The domains that can be translated from."""
        return sorted(sources(self._translators[space].registry))

    def targets(self, space: str) -> list[str]:
        """The domains that can be translated into, and the word for all of them."""
        return [EVERY, *sorted({pack.domain for pack in self._packs(space) if pack.decoder})]

    def sizes(self, space: str) -> list[str]:
        """The sizes to choose from: multiples of the size that the newest pack was trained at, the best first."""
        trained = self._packs(space)[0].image_size
        return [*(f"{times * trained} px" for times in (2, 1, 4)), AS_IT_IS]

    def previews(self, space: str) -> list[tuple[Path, str]]:
        """(file, caption) of the packs' own previews, newest pack first; damaged ones are left out.

        A caption names the run where packs of several are shown.
        """
        shown, packs = [], self._packs(space)
        several = len({home(pack) for pack in packs}) > 1
        for pack in packs:
            try:
                picture = open_picture(pack.folder / "preview.png").rgb
            except PictureError:
                continue
            file = self.files.keep("preview.png")
            save_picture(picture, file)
            shown.append((file, f"into {pack.domain} ({home(pack).name})" if several else f"into {pack.domain}"))
        return shown

    def translate(
        self,
        pictures: Sequence[Path],
        source: str,
        target: str,
        *,
        space: str,
        size: str = AS_IT_IS,
        corrected: Mapping[Path, str] | None = None,
        progress: Callable[[float, str], None] = lambda share, text: None,
        stopped: Callable[[], bool] = lambda: False,
    ) -> Answer:
        """Translate uploaded pictures; what cannot be translated is said and does not stop the others.

        From any domain, each is translated from what a classifier takes it for, or from what `corrected` says. Where
        `stopped` says so, the rest is left out.
        """
        answer = Answer()
        translator, using = self._translators[space], ""
        try:
            short_side = _pixels(size)
            _check_number(pictures)
            if source != ANY:
                _refuse_gray(_choice(translator, source, target))
        except ComboganError as error:
            answer.errors.append(str(error))
            return answer
        uploads = [Source(f"{path.stem}.png", path) for path in pictures]
        for number, (path, name) in enumerate(zip(pictures, output_names(uploads), strict=True)):
            text = f"{path.name} ({number + 1} of {len(pictures)})"

            def report(done: int, total: int, number: int = number, text: str = text) -> None:
                if stopped():
                    raise _Stopped
                tiles = f", {done} of {total} tiles" if total > 1 else ""
                progress((number + done / total) / len(pictures), text + tiles)

            try:
                report(0, 1)
                upload = read(path, largest=self.limits.pixels, size=short_side)
                domain = source if source != ANY else self._domain(space, path, upload, corrected or {}, answer)
                if source == ANY and target == domain:
                    raise PictureError(f"'{path.name}' is of {domain} already; choose its domain, if it is not.")
                choice = _choice(translator, domain, target)
                _refuse_gray(choice)
                using = using or _using(choice)
                self._translated(translator, choice, path, name, upload, answer, report)
            except ComboganError as error:
                answer.errors.append(str(error))
            except _Stopped:
                answer.notes.append("Stopped; what was done before is here.")
                break
        if any(path not in (corrected or {}) for path in answer.domains):
            answer.notes.append("Where a domain is wrong, change it and translate again.")
        answer.notes[:0] = [using] if using else []
        answer.notes += hints(answer.results)
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

    def _domain(self, space: str, path: Path, upload: Upload, corrected: Mapping[Path, str], answer: Answer) -> str:
        """The domain of a picture, by its visitor or else by the classifier. Raises PackError and FeaturesError."""
        if path in corrected:
            domain = corrected[path]
        else:
            classifier = self._classifiers[space]
            if classifier is None:
                raise PackError(f"no classifier says of which domain '{path.name}' is; choose it.")
            found = taken(classifier, upload.rgb, self.domains(space))
            answer.notes.append(f"'{path.name}' is {found}.")
            domain = found.domain
        answer.domains[path] = domain
        return domain

    def _translated(
        self,
        translator: Translator,
        choice: Choice,
        path: Path,
        name: str,
        upload: Upload,
        answer: Answer,
        report: Callable[[int, int], None],
    ) -> None:
        """A picture in all targets, for an answer. Raises PictureError, PackError, StorageError."""
        rgb, stem = upload.rgb, PurePosixPath(name).stem
        size = 3 * rgb.width * rgb.height * (1 + len(choice.targets))
        if answer.bytes + size > KEPT:
            raise PictureError(
                f"'{path.name}' and its translations are too large: all that is translated at once may have "
                f"{KEPT // 3 // 10**6} megapixels together; choose fewer pictures or targets, or a smaller size."
            )
        answer.bytes += size
        free = memory.available(translator.device) or self.limits.memory
        room = Room(min(free, self.limits.memory), self.limits.disk, self.files.folder)
        made = translator.pictures(
            choice.source.domain, list(choice.targets), rgb, name=path.name, room=room, report=report
        )
        shown = None
        for target, _, picture in made:
            shown = shown or self._saved(rgb, upload.alpha, name)
            file = self._saved(picture, upload.alpha, f"{stem}-{target.replace('/', '-')}.png")
            answer.results.append(Result(target, shown, file, name, choice.source.image_size))

    def _saved(self, picture: Image.Image, alpha: Image.Image | None, name: str) -> Path:
        file = self.files.new(name, 3 * picture.width * picture.height)
        save_picture(picture, file, alpha)
        return file


class _Stopped(Exception):
    """The visitor has left, or does not want to wait."""


def _classifier(translator: Translator) -> Arrival | None:
    """What says of which domain a picture is; None where there is nothing to choose, or anything is missing."""
    registry = translator.registry
    if len(sources(registry)) < 2:
        return None
    try:
        found = classifier_of(registry, translator.device)
        features(NETWORK, translator.device)
    except (PackError, FeaturesError):
        return None
    return found


def _check_number(pictures: Sequence[Path]) -> None:
    if not pictures:
        raise PictureError("there is no picture to translate; drop one, paste one, or choose a file.")
    if len(pictures) > MOST:
        raise PictureError(
            f"these are {len(pictures)} pictures, and at most {MOST} are translated at once; remove some."
        )


def _choice(translator: Translator, source: str, target: str) -> Choice:
    """The packs to translate with. Raises PackError and SpaceError."""
    return translator.choose(source, pairs(translator.registry, [source], [target])[source])


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
