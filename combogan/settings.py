"""The settings of a run: typed and frozen, in sections. Defaults < preset or TOML file < command line."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import tomli_w
from pydantic import BaseModel, Field, ValidationError, model_validator

from combogan.errors import SettingsError, suggestion
from combogan.sections import DiscriminatorSettings, Images, Losses, Networks, Optimizer, Run, Schedule, Section

RETIRED = {"schedule": ("autoencode_from",)}
"""Settings of earlier versions that no longer mean anything: in a file they are passed over."""


class Settings(Section):
    """Everything that decides what a run does."""

    images: Images = Images()
    networks: Networks = Networks()
    discriminator: DiscriminatorSettings = DiscriminatorSettings()
    losses: Losses = Losses()
    schedule: Schedule = Schedule()
    optimizer: Optimizer = Optimizer()
    run: Run = Run()
    domains: dict[str, str] = Field(default_factory=dict)
    """Name of each domain, and where its pictures are: a card (`scenes/summer`) or a folder."""

    @model_validator(mode="after")
    def _shared_blocks_start_from_chance(self) -> Settings:
        shared = self.networks.shared_encoder_blocks + self.networks.shared_decoder_blocks
        if self.schedule.autoencode and shared:
            raise ValueError("schedule.autoencode does not go with shared blocks; set one of them to 0")
        return self

    @model_validator(mode="after")
    def _deep_pictures_are_not_rounded(self) -> Settings:
        if self.images.depth == 16 and self.run.precision == "bfloat16":
            raise ValueError(
                "images.depth is 16, and bfloat16 rounds values to 8 bits; set run.precision to float32, or to auto"
            )
        return self

    @model_validator(mode="after")
    def _what_discriminators_see_pairs_up(self) -> Settings:
        if self.discriminator.sees == "both" and not self.losses.paired:
            raise ValueError(
                "discriminator.sees = both needs losses.paired, such as 100; set that, or discriminator.sees = image"
            )
        return self

    @model_validator(mode="after")
    def _a_split_discriminator_sees_images(self) -> Settings:
        if self.discriminator.sees == "both" and self.discriminator.kind == "split":
            raise ValueError("a split discriminator cannot see both images; set discriminator.kind to patch")
        return self

    @model_validator(mode="after")
    def _a_patch_discriminator_is_matched(self) -> Settings:
        if self.losses.matching and self.discriminator.kind == "split":
            raise ValueError("losses.matching needs discriminator.kind = patch; set that, or losses.matching to 0")
        return self

    @model_validator(mode="after")
    def _noise_is_for_skip_networks(self) -> Settings:
        if self.networks.noise and self.networks.kind != "skip":
            raise ValueError("networks.noise needs networks.kind = skip; set that, or networks.noise to false")
        return self

    @model_validator(mode="after")
    def _crops_fit_the_unet(self) -> Settings:
        networks, size = self.networks, self.images.size
        if networks.kind == "unet" and size % 2**networks.depth:
            raise ValueError(
                f"crops of size {size} do not fit a U-Net of depth {networks.depth}, which needs a multiple of "
                f"{2**networks.depth}; change images.size or networks.depth"
            )
        if networks.kind == "unet" and networks.shared_encoder_blocks + networks.shared_decoder_blocks:
            raise ValueError(
                "a U-Net has no shared blocks; set networks.shared_encoder_blocks and _decoder_blocks to 0"
            )
        return self

    @model_validator(mode="after")
    def _crops_fit_the_discriminator(self) -> Settings:
        chosen = self.discriminator
        least = 3 * 2**chosen.layers
        if chosen.padding == 1 and self.images.size < least:  # with a wider border, any size is enough
            raise ValueError(
                f"crops of size {self.images.size} are too small for a discriminator of {chosen.layers} layers and "
                f"padding 1, which needs {least}; raise images.size or lower discriminator.layers"
            )
        return self

    @classmethod
    def load(cls, source: str | Path, changes: Mapping[str, Any] | None = None) -> Settings:
        """Read a preset by name (`"quick"`) or a TOML file by path (`Path("my.toml")`), then apply `changes`.

        Changes have dotted keys: `{"images.size": 64}`.

        Raises SettingsError for an unknown preset, a file that is not TOML, an unknown key, a value that does not fit.
        """
        path = source if isinstance(source, Path) else _preset(source)
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        except FileNotFoundError:
            raise SettingsError(f"there is no settings file {path}; check the path or use --preset.") from None
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"{path} cannot be read as a settings file ({error}); check it.") from None
        except tomllib.TOMLDecodeError as error:
            raise SettingsError(f"{path} is not TOML: {error}; mend that line.") from None
        except RecursionError:
            raise SettingsError(f"{path} is no settings file: values lie too deep in each other; mend it.") from None
        for section, names in RETIRED.items():
            if isinstance(table.get(section), dict):
                table[section] = {key: value for key, value in table[section].items() if key not in names}
        return cls.build(table, changes, source=str(path))

    @classmethod
    def build(cls, table: Mapping[str, Any], changes: Mapping[str, Any] | None = None, *, source: str = "") -> Settings:
        """Check a nested `table` with dotted `changes` on top; `source` names it in errors. Raises SettingsError."""
        merged: dict[str, Any] = {k: dict(v) if isinstance(v, Mapping) else v for k, v in table.items()}
        for key, value in (changes or {}).items():
            section, _, name = key.partition(".")
            if not section or not name:
                raise SettingsError(f"'{key}' is not a setting; write it as section.key, such as images.size.")
            if not isinstance(merged.setdefault(section, {}), dict):
                raise SettingsError(f"'{section}' must be a section, [{section}]{_where(source)}.")
            merged[section][name] = value
        try:
            return cls.model_validate(merged)
        except ValidationError as error:
            raise SettingsError(_complaint(error, source, changes or {})) from None

    def changed(self, changes: Mapping[str, Any]) -> Settings:
        """These settings with dotted `changes` applied. Raises SettingsError."""
        return type(self).build(self.model_dump(), changes)

    def toml(self) -> str:
        """All settings as TOML; reading it back gives the same settings."""
        return tomli_w.dumps(_without_none(self.model_dump(mode="json")))


def presets() -> list[str]:
    """Names of the settings that come with combogan."""
    return sorted(path.stem for path in bundled("configs").glob("*.toml"))


def default_preset(device: str) -> tuple[str, str]:
    """The preset that suits a device (auto, cpu, cuda or cuda:N), and why."""
    import torch  # here, so that `combogan --help` answers at once

    if device != "cpu" and torch.cuda.is_available():
        return "default", "a CUDA device was found"
    return "quick", "training runs on the CPU"


def bundled(folder: Literal["configs", "domains"]) -> Path:
    """Where the TOML files that come with combogan are: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).parent
    installed = package / f"_{folder}"
    return installed if installed.is_dir() else package.parent / folder


def sentence(key: str) -> str:
    """The sentence that says what a setting (such as `images.size`) is for: its help on the command line."""
    section, name = key.split(".")
    model = Settings.model_fields[section].annotation
    assert isinstance(model, type)
    assert issubclass(model, BaseModel)
    return model.model_fields[name].description or ""


def parse_change(text: str) -> tuple[str, Any]:
    """`images.size=64` -> ("images.size", 64); the value is read as TOML, or as plain text where it is not TOML."""
    key, equals, value = text.partition("=")
    if not equals:
        raise SettingsError(f"'{text}' is not a change of a setting; write section.key=value, such as images.size=64.")
    try:
        return key.strip(), tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return key.strip(), value.strip()


def _preset(name: str) -> Path:
    path = bundled("configs") / f"{name}.toml"
    if not path.is_file():
        known = presets()
        raise SettingsError(f"no preset is called '{name}'.{suggestion(name, known)} There are: {', '.join(known)}.")
    return path


def _where(source: str) -> str:
    return f" in {source}" if source else ""


def _complaint(error: ValidationError, source: str, changes: Mapping[str, Any]) -> str:
    """Pydantic's first error as one sentence that names the key, what was found and what is allowed."""
    first = error.errors(include_url=False)[0]
    path = [str(part) for part in first["loc"]]
    key = ".".join(path[:2]) or "settings"
    typed = any(change == key or change.startswith(f"{key}.") for change in changes)
    where = "" if typed else _where(source)
    if first["type"] == "extra_forbidden":
        known = _keys(path[:-1])
        return f"there is no setting '{key}'{where}.{suggestion(path[-1], known)} Known here: {', '.join(known)}."
    complaint = first["msg"].removeprefix("Value error, ")
    complaint = complaint[0].lower() + complaint[1:]
    if not path:
        return f"{complaint.rstrip('.')}."
    if first["type"] == "model_type":
        return f"'{key}' must be a section, [{key}]{where}."
    found = first["input"]
    shown = "" if isinstance(found, BaseModel | dict) else f" is {found!r}"
    return f"setting '{key}'{shown}{where}: {complaint.rstrip('.')}."


def _keys(path: Iterable[str]) -> list[str]:
    model: type[BaseModel] = Settings
    for part in path:
        model = model.model_fields[part].annotation  # type: ignore[assignment]
    return list(model.model_fields)


def _without_none(table: dict[str, Any]) -> dict[str, Any]:
    return {k: _without_none(v) if isinstance(v, dict) else v for k, v in table.items() if v is not None}
