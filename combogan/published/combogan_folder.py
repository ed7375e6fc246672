"""The folder that the published ComboGAN trained into: `400_net_G0.pth`, ..., `400_net_D0.pth`, ..., `opt.txt`."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from combogan.errors import OriginalError
from combogan.published.layouts import Kind, refuse_empty
from combogan.published.state_file import StateFile, read


@dataclass(frozen=True)
class Options:
    """The options in opt.txt, as text; empty without the file. The published test program writes only few of them."""

    path: Path = Path("opt.txt")
    words: Mapping[str, str] = field(default_factory=dict)

    def __contains__(self, name: str) -> bool:
        return name in self.words

    def number(self, name: str, default: float) -> float:
        """The value of an option; a whole number as an int. OriginalError when it is no number."""
        try:
            value = float(self.words.get(name, default))
            if math.isfinite(value) and value >= 0:
                return int(value) if value == int(value) else value
        except ValueError:
            pass
        raise OriginalError(
            f"{self.path} says {name}: {self.words[name]}, which is no number that fits; mend or delete that line."
        )

    def is_on(self, name: str) -> bool:
        """Whether a flag was given."""
        return self.words.get(name) == "True"


class ComboganFolder:
    """One epoch of the folder, the newest unless given. OriginalError when there is none, or it is not a folder."""

    def __init__(self, folder: Path, epoch: int | None = None) -> None:
        self.folder = folder
        self.numbers: dict[str, dict[int, set[int]]] = {"G": {}, "D": {}}
        """Numbers of the files of each kind of network, by epoch."""
        for path in sorted(folder.glob("*_net_*.pth")):
            if named := re.fullmatch(r"(\d+)_net_([GD])(\d+)\.pth", path.name):
                self.numbers[named[2]].setdefault(int(named[1]), set()).add(int(named[3]))
        epochs = sorted(self.numbers["G"])
        if not epochs:
            raise OriginalError(f"{folder} is no checkpoint folder of ComboGAN: {self._found()}")
        if epoch is not None and epoch not in epochs:
            raise OriginalError(
                f"{folder} has no epoch {epoch}: {self.path('G', 0, epoch).name} is missing; it has "
                f"{', '.join(map(str, epochs))}."
            )
        self.epoch = epochs[-1] if epoch is None else epoch

    def path(self, network: str, number: int, epoch: int | None = None) -> Path:
        """Where a network's file is, or would be."""
        return self.folder / f"{self.epoch if epoch is None else epoch}_net_{network}{number}.pth"

    def generators(self) -> list[StateFile]:
        """The files G0, G1, ... of the epoch, as many as any epoch has. OriginalError when one is missing."""
        return self._read("G", 1 + max(number for found in self.numbers["G"].values() for number in found))

    def discriminators(self, count: int) -> list[StateFile]:
        """The files D0, D1, ..., or none where the folder has none at all. OriginalError when one is missing."""
        return self._read("D", count) if self.numbers["D"] else []

    def missing(self, network: str, number: int) -> OriginalError:
        """The error for a missing file of the epoch."""
        older = [epoch for epoch, found in sorted(self.numbers[network].items()) if number in found]
        there = f"; only epoch {older[-1]} has it, so give --epoch {older[-1]}" if older else ""
        away = ", or move all discriminators away to import without them" if network == "D" else ""
        return OriginalError(
            f"{self.path(network, number)} is missing, so epoch {self.epoch} is not whole{there}"
            f"{'' if there else '; fetch the checkpoint again'}{away}."
        )

    def options(self) -> Options:
        """The options in opt.txt."""
        path = self.folder / "opt.txt"
        try:
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return Options()
        pairs = (line.partition(":") for line in lines)
        return Options(path, {name.strip(): value.strip() for name, colon, value in pairs if colon})

    def _read(self, network: str, count: int) -> list[StateFile]:
        found = self.numbers[network].get(self.epoch, set())
        for number in range(count):
            if number not in found:
                raise self.missing(network, number)
        if surplus := sorted(number for number in found if number >= count):
            raise OriginalError(
                f"{self.path(network, surplus[0])} is one too many for {count} domains; check the folder and --names."
            )
        return [read(self.path(network, number)) for number in range(count)]

    def _found(self) -> str:
        if not self.folder.exists():
            return "it does not exist; check the path."
        if not self.folder.is_dir():
            return "it is a file; give the folder it is in, or --cyclegan for generators of CycleGAN."
        if any(self.folder.glob("*_net_G*.pth")):
            return "its generators have no numbers; those of CycleGAN are imported one by one with --cyclegan."
        return "it has no file such as 400_net_G0.pth; give the folder that holds the *.pth files."


def check_kinds(folder: ComboganFolder, files: Sequence[StateFile], kinds: Sequence[Kind], names: int) -> None:
    """Check the generators' files for the published order: encoders, shared, decoders, shared. Raises OriginalError."""
    for file in files:
        if file is not files[-1] or "shared" not in kinds[:-1]:  # with one shared block, the decoders' file is empty
            refuse_empty(file)
    count = kinds.count("encoder")
    shared: list[Kind] = ["shared"] if "shared" in kinds else []
    encoders: list[Kind] = ["encoder"] * count
    decoders: list[Kind] = ["decoder"] * count
    wanted = encoders + shared + decoders + shared
    for file, kind, expected in zip(files, kinds, wanted, strict=False):
        if kind != expected:
            hint = "; import it with --cyclegan" if kind == "generator" else "; check that no files were mixed up"
            raise OriginalError(f"{file.path} holds {_named(kind)}, where {_named(expected)} was expected{hint}.")
    if len(kinds) < len(wanted):
        raise folder.missing("G", len(kinds))
    if len(kinds) > len(wanted):
        held = _named(kinds[len(wanted)])
        raise OriginalError(
            f"{files[len(wanted)].path} holds {held}, which is one too many for {count} encoders; check the folder."
        )
    if count != names:
        raise OriginalError(
            f"{folder.folder} holds {count} domains, but {names} names were given; name all, in the order of their "
            "numbers."
        )


def _named(kind: Kind) -> str:
    named = {"generator": "a whole generator", "shared": "blocks that domains share"}
    return named.get(kind, f"{'an' if kind == 'encoder' else 'a'} {kind}")
