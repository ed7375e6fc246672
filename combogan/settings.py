"""The settings of a run: typed and frozen, a sentence per field. Defaults < preset or TOML file < command line.

The sentences are what `combogan train --help` shows and what `settings.toml` of a run is read with.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from combogan.errors import SettingsError, suggestion

Positive = Annotated[int, Field(gt=0)]
Count = Annotated[int, Field(ge=0)]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Section(BaseModel):
    """Settings that belong together; unknown names and wrong types are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True)


class Images(Section):
    """How a picture becomes an image."""

    size: Annotated[int, Field(ge=8)] = 256
    """Side of the square crops that are trained on, in pixels; a multiple of 4, from 8 up."""
    load: Positive = 286
    """Short side to which pictures are scaled before cropping, in pixels."""
    resize: Literal["short-side", "square"] = "short-side"
    """Scale the short side and keep the shape, or squash every picture to a square."""
    flip: bool = True
    """Mirror half of the pictures left to right."""

    @model_validator(mode="after")
    def _sizes_fit(self) -> Images:
        if self.size % 4:
            near = max(4, round(self.size / 4) * 4)
            raise ValueError(f"size is {self.size}, which is no multiple of 4, the stride of the networks; take {near}")
        if self.load < self.size:
            raise ValueError(f"crops of size {self.size} do not fit pictures loaded at {self.load}; raise images.load")
        return self


class Networks(Section):
    """The encoder and decoder of every domain."""

    width: Positive = 64
    """Channels after the first convolution; the latent has four times as many."""
    encoder_blocks: Count = 4
    """Residual blocks in the encoder."""
    decoder_blocks: Count = 5
    """Residual blocks in the decoder."""
    shared_encoder_blocks: Count = 0
    """Residual blocks behind all encoders, shared by the domains and told which one it is."""
    shared_decoder_blocks: Count = 0
    """Residual blocks before all decoders, shared by the domains and told which one it is."""
    activation: Literal["relu", "prelu", "leaky"] = "relu"
    """The nonlinearity."""
    norm: Literal["instance", "batch", "layer"] = "instance"
    """The normalization. With layer, encoders and decoders keep a picture's own light; discriminators take instance."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of values dropped inside residual blocks while training."""
    upsampling: Literal["transposed-4x4", "transposed-3x3"] = "transposed-4x4"
    """How the decoder doubles the size: a 4x4 transposed convolution, or a 3x3 one with output padding."""


class DiscriminatorSettings(Section):
    """The discriminator of every domain."""

    kind: Literal["patch", "split"] = "patch"
    """One net on patches of the image, or one on luminance and one on blurred colour with an output per layer."""
    width: Positive = 64
    """Channels after the first convolution."""
    layers: Positive = 3
    """Convolutions of stride 2."""
    activation: Literal["relu", "prelu", "leaky"] = "leaky"
    """The nonlinearity; leaky has slope 0.2."""
    padding: Literal[1, 2] = 2
    """Border of zeros around what each of its convolutions sees: 2 as in ComboGAN, 1 as in CycleGAN."""


class Losses(Section):
    """What the networks are trained for, and how much each part counts."""

    gan: Literal["least-squares", "cross-entropy"] = "least-squares"
    """How the discriminator's verdict is scored."""
    distance: Literal["l1", "smooth-l1"] = "l1"
    """How far two images or latents are apart."""
    cycle: Weight = 10.0
    """Weight of the cycle loss a -> b -> a."""
    identity: Weight = 0.0
    """Weight of the identity loss."""
    identity_kind: Literal["autoencode", "cyclegan"] = "autoencode"
    """A domain's image through its own halves, or (as CycleGAN) the target's image through the translation to it."""
    identity_relative: bool = False
    """The identity weight is multiplied by the cycle weight, as CycleGAN does."""
    identity_pool: Literal[1, 2, 4] = 1
    """Compare identities at full size (1) or between 3x3 averages taken at this stride."""
    r1: Weight = 0.0
    """Weight of the R1 penalty on how steep discriminators are at real images; taken at every 4th update."""
    latent: Weight = 0.0
    """Weight of the latent loss a -> z -> b -> z at the end of training; it grows from zero once per epoch."""
    forward: Weight = 0.0
    """Weight of the forward loss, which keeps a translation near its source when both are made small."""
    forward_pool: Literal[1, 2, 4] = 2
    """Compare translation and source between 3x3 averages taken at this stride."""


class Schedule(Section):
    """Which domains meet when, and for how long."""

    pairs: Literal["random", "rounds"] = "random"
    """Draw each iteration's pair at random, or in rounds in which every domain meets one partner once."""
    epochs: Positive = 100
    """Epochs per domain; an epoch is as many iterations as the largest domain has batches."""
    decay_from: Count = 50
    """Epochs per domain after which the learning rate falls in a line to zero."""
    iterations: Positive | None = None
    """Train for this many iterations instead of epochs; the learning rate falls from the same share of them."""
    batch: Positive = 1
    """Pictures per domain in one iteration."""
    autoencode: Count = 0
    """Iterations before the first in which one autoencoder learns all pictures; every encoder and decoder starts as it,
    in its domain's colours, and one that is added later as the old domain nearest in colour. 0 starts from chance."""
    autoencode_from: Literal["chance", "looks-linear"] = "chance"
    """The autoencoder's first weights, where there is one: by chance, or such that it passes on what it is shown."""

    @model_validator(mode="after")
    def _decays_before_the_end(self) -> Schedule:
        if self.decay_from > self.epochs:
            raise ValueError(
                f"decay_from is {self.decay_from}, after the last of {self.epochs} epochs; lower decay_from"
            )
        return self


class Optimizer(Section):
    """How weights are changed."""

    rate: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 2e-4
    """Adam's learning rate at the start; the autoencoder that everything may start as has its own."""
    betas: Annotated[
        tuple[Annotated[float, Field(ge=0, lt=1)], Annotated[float, Field(ge=0, lt=1)]], Field(strict=False)
    ] = (0.5, 0.999)
    """Adam's decay rates for the first and second moment."""
    pool: Count = 50
    """Earlier translations per domain from which its discriminator is fed; 0 feeds only the newest."""
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.999
    """Decay of the averaged weights that packs are published with, per update of a domain; 0 publishes the raw ones."""


class Run(Section):
    """Where and how the run is carried out."""

    seed: Count = 0
    """Seed of every random draw."""
    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$")] = "auto"
    """auto, cpu, cuda or cuda:N; auto takes CUDA where there is one."""
    precision: Literal["auto", "float32", "bfloat16"] = "float32"
    """Arithmetic of the convolutions; auto is bfloat16 where the processor computes in it, else float32."""
    threads: Annotated[int, Field(ge=0, le=1024)] = 0
    """CPU threads for each pair that is trained; 0 takes what PyTorch chooses, shared among the pairs."""
    pairs_at_once: Count = 1
    """Pairs of a round that are trained at the same time; 0 is as many as there are, up to one per CPU thread."""
    log_every: Positive = 50
    """Iterations between two lines of log.jsonl."""
    sample_every: Count = 1000
    """Iterations between two sample grids; 0 makes one at the end only."""
    checkpoint_every: Count = 1000
    """Iterations between two checkpoints; 0 saves one at the end only."""
    keep: Positive = 3
    """Checkpoints kept; older ones are deleted."""
    validate_every: Count = 0
    """Iterations between two validations on pictures held out of training; 0 holds out none."""
    publish: Literal["best", "last"] = "best"
    """Which weights packs are published from: those with the best validation, or the last."""


class Settings(Section):
    """Everything that decides what a run does."""

    images: Images = Images()
    networks: Networks = Networks()
    discriminator: DiscriminatorSettings = DiscriminatorSettings()
    losses: Losses = Losses()
    schedule: Schedule = Schedule()
    optimizer: Optimizer = Optimizer()
    run: Run = Run()
    domains: dict[str, str] = {}
    """Name of each domain, and where its pictures are: a card (`scenes/summer`) or a folder."""

    @model_validator(mode="after")
    def _shared_blocks_start_from_chance(self) -> Settings:
        shared = self.networks.shared_encoder_blocks + self.networks.shared_decoder_blocks
        if self.schedule.autoencode and shared:
            raise ValueError("schedule.autoencode does not go with shared blocks; set one of them to 0")
        return self

    @model_validator(mode="after")
    def _wide_enough_to_look_linear(self) -> Settings:
        width, least = self.networks.width, 24
        chosen = self.schedule
        if chosen.autoencode and chosen.autoencode_from == "looks-linear" and width < least:
            raise ValueError(
                f"networks of width {width} are too narrow for schedule.autoencode_from = looks-linear, which needs "
                f"{least}; raise networks.width or take chance"
            )
        return self

    @model_validator(mode="after")
    def _crops_are_large_enough_to_judge(self) -> Settings:
        chosen = self.discriminator
        least = 3 * 2**chosen.layers
        if chosen.padding == 1 and self.images.size < least:  # a wider border makes up for what the convolutions eat
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
        return tomli_w.dumps(_without_nothing(self.model_dump(mode="json")))


def presets() -> list[str]:
    """Names of the settings that come with combogan."""
    return sorted(path.stem for path in bundled("configs").glob("*.toml"))


def bundled(folder: Literal["configs", "domains"]) -> Path:
    """Where the TOML files that come with combogan are: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).parent
    installed = package / f"_{folder}"
    return installed if installed.is_dir() else package.parent / folder


def sentence(key: str) -> str:
    """What a setting is for, such as `images.size`; the help of the command line."""
    section, name = key.split(".")
    model = Settings.model_fields[section].annotation
    assert isinstance(model, type)
    assert issubclass(model, BaseModel)
    return model.model_fields[name].description or ""


def parse_change(text: str) -> tuple[str, Any]:
    """`images.size=64` -> ("images.size", 64); the value is read as TOML, and as a word where it is none."""
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
    """The first complaint of pydantic as one sentence that names the key, what was found and what would do."""
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


def _without_nothing(table: dict[str, Any]) -> dict[str, Any]:
    return {k: _without_nothing(v) if isinstance(v, dict) else v for k, v in table.items() if v is not None}
