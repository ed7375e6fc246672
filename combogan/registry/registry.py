"""Looks up packs by name, and composes encoders with decoders of the same latent space, or over a bridge."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from combogan.errors import PackError, SpaceError, suggestion
from combogan.networks.latent import Latent
from combogan.registry import notebook
from combogan.registry.bridge import CARD as BRIDGE_CARD
from combogan.registry.bridge import Bridge
from combogan.registry.generator import Generator
from combogan.registry.pack import CARD, Pack
from combogan.registry.swap import folders_with, recover

RUN_CARD = "settings.toml"
GROWTH_CARD = "growth.json"


@dataclass(frozen=True)
class Choice:
    """The packs to translate with, all of one latent space or of those that bridges lead to from it."""

    space: str
    source: Pack
    targets: Mapping[str, Pack]
    others: int
    """How many older latent spaces hold all the names too."""
    bridges: Mapping[str, Bridge] = field(default_factory=dict)
    """Target -> the bridge that leads to its latent space, where that is another one."""

    @property
    def latent(self) -> Latent:
        """The latent of the source's encoder."""
        assert self.source.encoder is not None
        return self.source.encoder.latent

    @property
    def channels(self) -> int:
        """Channels of the images: 3, or 1 for gray."""
        assert self.source.encoder is not None
        return self.source.encoder.channels


class Registry:
    """Packs and bridges found on disk; their cards are read, their weights are not."""

    def __init__(
        self,
        packs: Iterable[Pack],
        damaged: Mapping[Path, PackError] | None = None,
        bridges: Iterable[Bridge] = (),
    ) -> None:
        self.packs = sorted(packs, key=lambda pack: pack.published, reverse=True)
        """Newest first."""
        self.damaged = dict(damaged or {})
        """Folders whose cards could not be read, and why."""
        self.bridges = sorted(bridges, key=lambda bridge: bridge.published, reverse=True)
        """Newest first."""

    @classmethod
    def open(cls, *paths: str | Path) -> Registry:
        """The packs below runs, packs folders or single packs; of `runs/*/packs` and `~/.combogan/packs` if none given.

        PackError where a path does not exist or holds no pack. A damaged card is an error only when its pack is used.
        """
        found = [folder for path in paths for folder in _given(Path(path))] if paths else _usual()
        return cls._read(found, _bridges([_place(Path(path)) for path in paths] if paths else _usual_places()))

    def again(self) -> Registry:
        """The packs and bridges of the same folders as they are now: a run may have published since."""
        known = [*(pack.folder for pack in self.packs), *(bridge.folder for bridge in self.bridges), *self.damaged]
        bridges = [folder for folder in known if (folder / BRIDGE_CARD).exists()]
        return self._read([folder for folder in known if folder not in bridges], bridges)

    @classmethod
    def _read(cls, folders: Iterable[Path], bridge_folders: Iterable[Path]) -> Registry:
        packs: dict[tuple[object, ...], Pack] = {}
        damaged = {}
        for folder in folders:
            try:
                pack = Pack.open(folder)
            except PackError as error:
                damaged[folder] = error
            else:  # copies of a pack count once, where they are found first
                same = [(name, half.latent.space, half.sha256) for name, half in pack.halves.items()]
                packs.setdefault((pack.domain, *same), pack)
        bridges = []
        for folder in bridge_folders:
            try:
                bridges.append(Bridge.open(folder))
            except PackError as error:
                damaged[folder] = error
        return cls(packs.values(), damaged, bridges)

    @property
    def names(self) -> list[str]:
        """All domains that have a pack."""
        return sorted({pack.domain for pack in self.packs})

    def spaces(self) -> dict[str, list[Pack]]:
        """The latent spaces, newest first, by their id; each with the packs that have a half in it."""
        found: dict[str, list[Pack]] = {}
        for pack in self.packs:
            for space in dict.fromkeys(half.latent.space for half in pack.halves.values()):
                found.setdefault(space, []).append(pack)
        return found

    def beyond(self, space: str) -> dict[str, Bridge]:
        """The latent spaces that bridges lead to from a space, and the newest bridge to each."""
        found: dict[str, Bridge] = {}
        for bridge in self.bridges:
            if (other := bridge.beyond(space)) is not None:
                found.setdefault(other, bridge)
        return found

    def pack(self, domain: str, *, space: str | None = None) -> Pack:
        """The newest pack of a domain, of a latent space if one is given. Raises PackError."""
        return self._named(domain, space)[0]

    def choose(self, source: str, targets: Sequence[str]) -> Choice:
        """The packs of the newest latent space in which `source` can be encoded and every target decoded.

        Where there is none, that from which bridges lead to the others. PackError: an unknown name, a half that is
        missing; SpaceError: halves that were not trained together.
        """
        choices = self._choices(source, targets)
        if not choices:
            raise self._refusal(source, targets)
        _check_shapes(choices[0])
        return choices[0]

    def composes(self, source: str, target: str) -> bool:
        """Whether there are packs for this direction. PackError for an unknown name."""
        return bool(self._choices(source, [target]))

    def compose(self, source: str, target: str, device: str | torch.device = "cpu") -> Generator:
        """The translation from one domain to another, as a module on images. Errors as of `choose`."""
        choice = self.choose(source, [target])
        encoder, decoder = choice.source.load_encoder(device), choice.targets[target].load_decoder(device)
        packs, bridge = (choice.source, choice.targets[target]), choice.bridges.get(target)
        adapter = None if bridge is None else bridge.load(choice.space, device)
        return Generator(encoder, decoder, choice.latent.stride, packs, adapter).eval()

    def _repr_html_(self) -> str:
        """All packs, for notebooks."""
        return notebook.packs_table(self.spaces(), self.damaged.values())

    def _named(self, domain: str, space: str | None = None) -> list[Pack]:
        """The packs of a domain, newest first; PackError when there is none."""
        named = [pack for pack in self.packs if pack.domain == domain]
        for folder, error in self.damaged.items():
            if not named and folder.as_posix().endswith(f"/{domain}"):
                raise error
        if not named:
            hint = suggestion(domain, self.names)
            raise PackError(f"there is no pack of a domain '{domain}'.{hint} `combogan packs list` shows all.")
        held = [p for p in named if space is None or any(half.latent.space == space for half in p.halves.values())]
        if not held:
            raise PackError(f"latent space {space} holds no '{domain}'; `combogan packs list` shows what it holds.")
        return held

    def _choices(self, source: str, targets: Sequence[str]) -> list[Choice]:
        """A choice for every latent space that holds all the names, the newest first; then for those with bridges."""
        encoders, decoders = self._named(source), {name: self._named(name) for name in targets}
        found: list[tuple[str, Pack, dict[str, Pack], dict[str, Bridge]]] = []
        for space in self.spaces():
            start = next((pack for pack in encoders if pack.encoder and pack.encoder.latent.space == space), None)
            reached: dict[str, Bridge | None] = {space: None, **self.beyond(space)}
            ends: dict[str, Pack] = {}
            bridges: dict[str, Bridge] = {}
            for name, packs in decoders.items():
                for end, bridge in reached.items():
                    if (pack := _decoded(packs, end)) is not None:
                        ends[name] = pack
                        bridges |= {} if bridge is None else {name: bridge}
                        break
            if start is not None and len(ends) == len(decoders):
                found.append((space, start, {name: ends[name] for name in targets}, bridges))
        found.sort(key=lambda choice: bool(choice[3]))
        return [
            Choice(space, start, ends, len(found) - 1 - older, bridges)
            for older, (space, start, ends, bridges) in enumerate(found)
        ]

    def _refusal(self, source: str, targets: Sequence[str]) -> PackError:
        """The error that says why no latent space holds them all."""
        starts = [pack for pack in self._named(source) if pack.encoder]
        if not starts:
            return _one_way("from", self.pack(source), "encoder")
        for target in targets:
            ends = [pack for pack in self._named(target) if pack.decoder]
            if not ends:
                return _one_way("into", self.pack(target), "decoder")
            if not self.composes(source, target):
                broken = [error for folder, error in self.damaged.items() if (folder / BRIDGE_CARD).exists()]
                return broken[0] if broken else _apart(source, starts[0], target, ends[0])
        names = ", ".join(f"'{name}'" for name in targets)
        return SpaceError(
            f"no latent space holds '{source}' and all of {names}, though each can be reached alone; translate into "
            f"one at a time."
        )


def home(pack: Pack) -> Path:
    """The folder by which messages name a pack: its run, or its packs folder."""
    parts = pack.domain.split("/")
    if list(pack.folder.parts[-len(parts) :]) != parts:
        return pack.folder
    packs = pack.folder.parents[len(parts) - 1]
    return packs.parent if packs.name == "packs" and (packs.parent / RUN_CARD).is_file() else packs


def _one_way(way: str, pack: Pack, part: str) -> PackError:
    return PackError(
        f"nothing can be translated {way} '{pack.domain}', because its pack ({pack.folder}) is of a one-way model and "
        f"has no {part}; choose another direction or domain."
    )


def _apart(source: str, start: Pack, target: str, end: Pack) -> SpaceError:
    assert start.encoder is not None
    assert end.decoder is not None
    one, other = start.encoder.latent.space, end.decoder.latent.space
    if source == target:
        return SpaceError(
            f"'{source}' cannot be translated into itself: its encoder belongs to latent space {one}, its decoder to "
            f"{other} ({home(start)}); two domains trained without autoencode identity meet in one space per direction."
        )
    if home(start) == home(end):
        return SpaceError(
            f"'{source}' is encoded in latent space {one}, '{target}' decoded from {other} (both {home(start)}); "
            f"they were not trained together."
        )
    return SpaceError(
        f"'{source}' belongs to latent space {one} ({home(start)}), '{target}' to {other} ({home(end)}); they were not "
        "trained together, and `combogan bridge RUN_A RUN_B` connects two runs."
    )


def _decoded(packs: Iterable[Pack], space: str) -> Pack | None:
    """The first of the packs with a decoder of a latent space."""
    return next((pack for pack in packs if pack.decoder and pack.decoder.latent.space == space), None)


def _check_shapes(choice: Choice) -> None:
    for name, pack in choice.targets.items():
        assert pack.decoder is not None
        given, taken = choice.latent, pack.decoder.latent
        if choice.channels != pack.decoder.channels:
            raise SpaceError(
                f"'{choice.source.domain}' takes pictures of {_counted(choice.channels)} and '{name}' gives those of "
                f"{_counted(pack.decoder.channels)}; translate between domains of equal ones."
            )
        if (bridge := choice.bridges.get(name)) is not None:
            way = bridge.way(choice.space)
            if not (given.fits(way.taken) and way.given.fits(taken)):
                raise SpaceError(
                    f"the bridge {bridge.folder} leads from {way.taken} to {way.given}, but '{choice.source.domain}' "
                    f"gives {given} and '{name}' takes {taken}; one of them is not what it says, take another."
                )
        elif not given.fits(taken):
            raise SpaceError(
                f"'{choice.source.domain}' gives latents of {given}, '{name}' takes {taken}, though both claim latent "
                f"space {choice.space}; one of the packs is not what it says, take another."
            )


def _counted(channels: int) -> str:
    return f"{channels} channel{'s' * (channels != 1)}"


def _given(path: Path) -> list[Path]:
    """The folders of the packs at a path that a person gave."""
    path = path.expanduser()
    recover(path)
    if not os.path.isdir(path):
        raise PackError(f"there is no folder {path}; give a run, a packs folder or a pack.")
    is_run = (path / RUN_CARD).is_file()
    if is_run:
        recover(path / "packs")
    folders = folders_with(CARD, _place(path))
    if not folders and not _bridges([_place(path)]):
        if (path / GROWTH_CARD).is_file():
            raise PackError(f"{path} adds a domain, whose pack is published beside the old ones; give their run.")
        more = f"; `combogan train --resume {path}` publishes them" if is_run else "; give a run or a packs folder"
        raise PackError(f"{path} has no packs{' yet' if is_run else ''}{more}.")
    return folders


def _place(path: Path) -> Path:
    """The packs folder of a run; the path itself where it is no run."""
    path = path.expanduser()
    return path / "packs" if (path / RUN_CARD).is_file() else path


def _bridges(places: Iterable[Path]) -> list[Path]:
    """The folders of the bridges below packs folders."""
    return [folder for place in places if place.is_dir() for folder in folders_with(BRIDGE_CARD, place)]


def _usual_places() -> list[Path]:
    places = [run / "packs" for run in sorted(Path("runs").glob("*")) if run.is_dir()]
    return [*places, Path.home() / ".combogan" / "packs"]


def _usual() -> list[Path]:
    places = _usual_places()
    for place in places:
        recover(place)
    folders = [folder for place in places if place.is_dir() for folder in folders_with(CARD, place)]
    if not folders:
        raise PackError(
            "there are no packs in runs/*/packs below this folder, nor in ~/.combogan/packs; train some with "
            "`combogan train`, or say where they are with --registry PATH."
        )
    return folders
