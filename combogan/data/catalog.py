"""A name -> its pictures: a folder, a fetched collection, or drawn scenes.

A word is `NAME` or `NAME=FOLDER`. A name is looked up in the folder given with `--data`, in `./domains`, and in the
collections that combogan knows (`collection/name`, or the bare name where only one has it; drawn scenes come first).
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from combogan.data.cards import DRAWN, Collection, collections, known_as
from combogan.data.pictures import PictureSet
from combogan.data.scenes import ScenePictures
from combogan.data.test_split import split
from combogan.data.things import ThingPictures
from combogan.errors import DomainError, suggestion

LOCAL = Path("domains")
"""Where domains are looked up below the current folder."""

_PART = re.compile(r"[^\W_][\w-]*")
# Windows has no folders of these names; `all` means every domain in `translate --to all`.
_TAKEN = {"all", "any", "con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}
_LONGEST = 80


@dataclass(frozen=True)
class DomainPictures:
    """The pictures of a domain: what a name resolves to."""

    name: str
    """As the person gave it."""
    origin: str
    """A card (`scenes/summer`) or an absolute folder: what settings.toml stores, and `reopen` takes."""
    train: PictureSet
    test: PictureSet
    title: str
    truth: str | None
    """Pictures of domains with the same truth show the same thing where they have the same common name (`alignment`);
    None for other domains."""
    validation: PictureSet | None = None
    """Pictures held out of `train` for validation, the same ones in domains of the same truth. None where none are."""

    @property
    def holds_out_tests(self) -> bool:
        """Whether the test pictures are held out of the training folder, for want of a test folder."""
        return self.test.folder is not None and self.test.folder == self.train.folder

    def fingerprint(self) -> str:
        """A short hash of all pictures, and of which of them are held out. PictureError for a lost file."""
        sets = [self.train, self.test, *([] if self.validation is None else [self.validation])]
        return "-".join(pictures.fingerprint() for pictures in sets)


@dataclass(frozen=True)
class Place:
    """Where a name leads, before pictures are listed; fields as in `DomainPictures`."""

    name: str
    origin: str
    title: str
    folder: Path | None
    """None for drawn scenes; it does not exist where a collection is not fetched."""
    collection: Collection | None


def check_name(name: str) -> str:
    """The name, normalised; DomainError unless it can be a folder on every system and is not reserved."""
    name = unicodedata.normalize("NFC", name)
    parts = name.split("/")
    if len(name) > _LONGEST or not all(_PART.fullmatch(part) for part in parts):
        raise DomainError(
            f"'{name}' cannot be the name of a domain; use letters, digits, '_' and '-', beginning with a letter or "
            f"digit, in parts separated by '/', at most {_LONGEST} characters in all."
        )
    taken = [part for part in parts if part.lower() in _TAKEN]
    if taken:
        raise DomainError(f"a domain cannot be called '{name}', because '{taken[0]}' means something else; rename it.")
    return name


def resolve(words: Sequence[str], *, data: Path | None = None, needed: int = 2) -> list[DomainPictures]:
    """The pictures of the domains that `words` name, in their order; listed but not decoded.

    DomainError: a name that is unknown, cannot be a name, or is given twice; the same pictures under two names; a
    folder without pictures; a collection that is not fetched; fewer than `needed` domains.
    """
    if isinstance(words, str | Mapping):
        raise DomainError(
            "domains are given as a list of names or NAME=FOLDER, such as ['photo', 'monet=pictures/monet'], but this "
            f"is a {type(words).__name__}; make a list of it."
        )
    words = [word.strip() for word in words if word.strip()]
    places = [look_up(word, data=data) for word in words]
    _refuse_repeats(places)
    if len(places) < needed:
        found = ", ".join(f"'{place.name}'" for place in places) or "none"
        count = "two domains are" if needed == 2 else f"{needed} domain{'s are' if needed > 1 else ' is'}"
        raise DomainError(
            f"at least {count} needed, but found {found}; name more, separated by commas, such as summer,winter."
        )
    return [open_place(place) for place in places]


def reopen(name: str, origin: str) -> DomainPictures:
    """The pictures of the domain `name` at `origin`, as a run stored it. DomainError where they are gone."""
    name = check_name(name)
    place = None if Path(origin).is_absolute() else _from_card(name, origin)
    if place is None and not Path(origin).is_dir():
        raise DomainError(f"the pictures of '{name}' are no longer in {origin}; put them back.")
    return open_place(place or _from_folder(name, Path(origin)))


def look_up(word: str, *, data: Path | None = None) -> Place:
    """Where `NAME` or `NAME=FOLDER` leads. DomainError where it leads nowhere."""
    parents = _parents(data)
    name, equals, given = (part.strip() for part in word.partition("="))
    if equals:
        return _given(check_name(name), given)
    if not _is_name(name):
        _refuse_folder(name)
    name = check_name(name)
    for parent in parents:
        if (parent / name).is_dir():
            return _from_folder(name, parent / name)
    place = _from_card(name, name, data=data)
    if place is None:
        _refuse_folder(name)
        hint = suggestion(name, _known(data))
        if not hint and data is None:
            hint = " Where it is a folder of yours, name the folder that it lies in: --data FOLDER."
        elif not hint:
            hint = f" There is no folder '{data}/{name}' either."
        raise DomainError(f"no domain is called '{name}'.{hint} `combogan domains list` shows all.")
    return place


def _refuse_folder(word: str) -> None:
    """DomainError, with the right spelling, if a folder was given instead of a name."""
    if os.path.isdir(os.path.expanduser(word)):
        short = re.sub(r"\W+", "-", Path(word).resolve().name).strip("-_") or "mine"
        raise DomainError(f"'{word}' is a folder, not the name of a domain; write NAME=FOLDER, such as {short}={word}.")


def places(data: Path | None = None) -> list[Place]:
    """All places in `data`, in `./domains` and in collections, each with the name by which `look_up` finds it."""
    found: dict[str, Place] = {}
    for parent in _parents(data):
        for folder in _folders(parent):
            found.setdefault(folder.name, _from_folder(folder.name, folder))
    for card in collections().values():
        for name in card.names():
            short = name if card.name == DRAWN and name not in found else f"{card.name}/{name}"
            found[short] = _of_collection(short, card, name)
    return list(found.values())


def open_place(place: Place) -> DomainPictures:
    """The pictures of a place, listed. DomainError where there are none, or the collection is not fetched yet."""
    if place.folder is None:
        shown, card = place.origin.partition("/")[2], place.collection
        if card is not None and card.draws == "things":
            figures = ThingPictures(shown, "train"), ThingPictures(shown, "test")
            return DomainPictures(place.name, place.origin, *figures, place.title, truth=card.draws)
        count, paired = (None, False) if card is None else (card.pictures, card.paired)
        train, test = ScenePictures(shown, "train", count, paired=paired), ScenePictures(shown, "test")
        return DomainPictures(place.name, place.origin, train, test, place.title, truth=DRAWN)
    if not place.folder.is_dir() and place.collection is not None:
        raise DomainError(_not_fetched(place.name, place.collection))
    pairs = place.collection is not None and place.collection.layout == "side-by-side"
    truth = place.collection.name if place.collection is not None and pairs else None
    return DomainPictures(place.name, place.origin, *split(place.name, place.folder), title=place.title, truth=truth)


def _given(name: str, given: str) -> Place:
    """`NAME=FOLDER` or `NAME=COLLECTION/DOMAIN`, so that `yosemite/summer` can be called `summer`."""
    if not given:
        raise DomainError(f"'{name}=' names no folder; write NAME=FOLDER, such as {name}=pictures/{name}.")
    folder = Path(os.path.expanduser(given))  # unlike Path's, no error for an unknown home, nor for a long name
    place = None if os.path.isdir(folder) or not _is_name(given) else _from_card(name, given)
    if place is None and not os.path.isdir(folder):
        raise DomainError(
            f"the folder '{given}' of the domain '{name}' does not exist; write {name}=FOLDER with one that does."
        )
    return place or _from_folder(name, folder)


def _from_folder(name: str, folder: Path) -> Place:
    folder = folder.expanduser().resolve()
    try:
        str(folder).encode()
    except UnicodeEncodeError:
        raise DomainError(
            f"the folder '{folder}' of the domain '{name}' has a name that is not UTF-8, which settings.toml cannot "
            "hold; rename it."
        ) from None
    return Place(name, str(folder), name, folder, None)


def _from_card(name: str, origin: str, *, data: Path | None = None) -> Place | None:
    """`collection/domain`, or a bare name that the drawn collection or exactly one other has; None if unknown.

    `data` is where no folder of that name was found; an error says so.
    """
    first, _, rest = origin.rpartition("/")
    card = known_as(first or rest)
    if first:
        if card is not None and rest not in card.names():
            _refuse_unlisted(card, rest)
        return None if card is None else _of_collection(name, card, rest)
    if card is not None and rest not in card.domains:
        _refuse_collection(rest, card)
    having = [card for card in collections().values() if rest in card.names()]
    if len(having) > 1 and having[0].name != DRAWN:
        full = ", ".join(f"{card.name}/{rest}" for card in having)
        yours = "name the folder that yours lies in: --data FOLDER"
        if data is not None:
            yours = f"make the folder '{data / rest}', which is not there"
        raise DomainError(
            f"several collections have a domain '{rest}': {full}; write the one you mean in full, or {yours}."
        )
    return _of_collection(name, having[0], rest) if having else None


def _of_collection(name: str, card: Collection, domain: str) -> Place:
    folder = None if card.layout == "drawn" else card.folder / domain
    return Place(name, f"{card.name}/{domain}", card.title_of(domain), folder, card)


def _refuse_unlisted(card: Collection, domain: str) -> None:
    """DomainError for a domain that a collection does not have, or whose collection must be fetched first."""
    if not card.is_fetched and not card.domains:
        raise DomainError(_not_fetched(card.name, card))
    hint = suggestion(domain, card.names())
    raise DomainError(f"no domain of '{card.name}' is called '{domain}'.{hint} There are: {', '.join(card.names())}.")


def _not_fetched(name: str, card: Collection) -> str:
    return f"the pictures of '{name}' are not fetched yet; `combogan domains fetch {card.name}` fetches them."


def _refuse_collection(name: str, card: Collection) -> None:
    if not card.names():
        _refuse_unlisted(card, name)
    full = ", ".join(f"{card.name}/{domain}" for domain in card.names())
    raise DomainError(f"'{name}' is a collection of domains; name one of them: {full}.")


def _refuse_repeats(places: Sequence[Place]) -> None:
    """DomainError for the same name (ignoring case), a name inside another one's folder, or the same pictures."""
    for index, place in enumerate(places):
        for other in places[:index]:
            one, two = f"{other.name}/".lower(), f"{place.name}/".lower()
            if one == two:
                raise DomainError(f"the domain '{place.name}' is given twice; name each domain once.")
            if one.startswith(two) or two.startswith(one):
                raise DomainError(
                    f"'{other.name}' and '{place.name}' cannot be used together, because one would lie in the folder "
                    f"of the other; rename one with NAME=FOLDER."
                )
            if (other.folder or other.origin) == (place.folder or place.origin):
                raise DomainError(
                    f"'{other.name}' and '{place.name}' are the same pictures ({place.origin}); give two sets."
                )


def _known(data: Path | None) -> list[str]:
    """All valid names, to suggest the nearest one."""
    full = [place.name for place in places(data)]
    bare = [name for card in collections().values() for name in card.names()]
    return list(dict.fromkeys([*full, *bare, *collections()]))


def _parents(data: Path | None) -> list[Path]:
    """The folders in which names are looked up, in this order."""
    if data is None:
        return [LOCAL]
    if not os.path.isdir(data):
        raise DomainError(f"the folder '{data}' given with --data does not exist; give one with a folder per domain.")
    return [data, LOCAL]


def _folders(parent: Path) -> list[Path]:
    return sorted(path for path in parent.iterdir() if path.is_dir() and _is_name(path.name)) if parent.is_dir() else []


def _is_name(word: str) -> bool:
    try:
        check_name(word)
    except DomainError:
        return False
    return True
