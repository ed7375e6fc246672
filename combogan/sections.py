"""The sections of the settings, with a sentence for every setting; settings.py puts them together.

The sentence of a setting that has a flag is the flag's help in `combogan train --help`; the others are read here.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

Positive = Annotated[int, Field(gt=0)]
Count = Annotated[int, Field(ge=0)]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
LoggerName = Literal["auto", "tensorboard", "wandb", "mlflow", "aim"]


def _listed(value: Any) -> Any:
    """On the command line, names are separated by commas."""
    return value.split(",") if isinstance(value, str) else value


class Section(BaseModel):
    """Settings that belong together; unknown names and wrong types are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True)


class Images(Section):
    """How a picture becomes an image."""

    size: Annotated[int, Field(ge=8, le=100_000)] = 256
    """Side of the square crops that are trained on, in pixels; a multiple of 4, from 8 up."""
    load: Annotated[int, Field(gt=0, le=100_000)] = 286
    """Short side to which pictures are scaled before cropping, in pixels."""
    resize: Literal["short-side", "square"] = "short-side"
    """Scale the short side and keep the shape, or squash every picture to a square."""
    flip: bool = True
    """Mirror half of the pictures left to right."""
    channels: Literal[1, 3] = 3
    """Channels of the images: 3 for colour, to which every picture is converted; 1 for gray, which all pictures are."""
    depth: Literal[8, 16] = 8
    """Bits of the pictures' values. 16 needs images.channels = 1 and stands for floats too; nothing is rounded to 8."""

    @model_validator(mode="after")
    def _sizes_fit(self) -> Images:
        if self.size % 4:
            near = max(4, round(self.size / 4) * 4)
            raise ValueError(f"size is {self.size}, which is no multiple of 4, the stride of the networks; take {near}")
        if self.load < self.size:
            raise ValueError(f"crops of size {self.size} do not fit pictures loaded at {self.load}; raise images.load")
        return self

    @model_validator(mode="after")
    def _only_gray_is_deep(self) -> Images:
        if self.depth == 16 and self.channels == 3:
            raise ValueError(
                "depth is 16 and channels is 3, but colour of 16 bits cannot be read; set images.channels to 1 for "
                "gray pictures, or images.depth to 8"
            )
        return self


class Networks(Section):
    """The encoder and decoder of every domain."""

    kind: Literal["resnet", "skip", "unet"] = "resnet"
    """resnet: the published networks; skip: residual blocks and skip connections, which keep a picture's light and
    edges; unet: the U-Net of pix2pix or, without skips, the networks of DiscoGAN."""
    width: Positive = 64
    """Channels of the finest maps; the latent has four times as many, that of a U-Net eight times (depth 3: four)."""
    encoder_blocks: Count = 4
    """Residual blocks in the encoder; a U-Net has none."""
    decoder_blocks: Count = 5
    """Residual blocks in the decoder; a U-Net has none."""
    depth: Annotated[int, Field(ge=3, le=12)] = 8
    """Convolutions of stride 2 in a U-Net's encoder; sizes of images are multiples of 2^depth."""
    skips: bool = True
    """Whether a U-Net's encoder hands the maps of all its levels to the decoder, or the last one only."""
    shared_encoder_blocks: Count = 0
    """Residual blocks after the encoders, shared by all domains; they get the domain as a further input."""
    shared_decoder_blocks: Count = 0
    """Residual blocks before the decoders, shared by all domains; they get the domain as a further input."""
    activation: Literal["relu", "prelu", "leaky"] = "relu"
    """The nonlinearity."""
    norm: Literal["instance", "batch"] = "instance"
    """The normalization."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of values dropped while training: in residual blocks, or in a U-Net's decoder from its fifth level on."""
    noise: bool = False
    """Whether a skip network's decoder gets noise, of which it can make strokes and irregular textures."""
    upsampling: Literal["transposed-4x4", "transposed-3x3"] = "transposed-4x4"
    """How the decoder of a resnet doubles the size: a 4x4 transposed convolution, or a 3x3 one with output padding."""


class DiscriminatorSettings(Section):
    """The discriminator of every domain."""

    sees: Literal["image", "both"] = "image"
    """What it sees: an image alone, or together with the image that it was translated from, as in pix2pix."""
    kind: Literal["patch", "split"] = "patch"
    """patch: one network on image patches; split: one on luminance and one on blurred colour, an output per layer."""
    width: Positive = 64
    """Channels after the first convolution."""
    layers: Positive = 3
    """Convolutions of stride 2."""
    activation: Literal["relu", "prelu", "leaky"] = "leaky"
    """The nonlinearity; leaky has slope 0.2."""
    padding: Literal[1, 2] = 2
    """Width of the border of zeros around the input of each of its convolutions: 2 as in ComboGAN, 1 as in CycleGAN."""


class Losses(Section):
    """What the networks are trained for, and how much each part counts."""

    gan: Literal["least-squares", "cross-entropy"] = "least-squares"
    """The loss that is computed from a discriminator's scores."""
    distance: Literal["l1", "smooth-l1", "squared"] = "l1"
    """How the difference of two images or latents is measured."""
    cycle: Weight = 10.0
    """Weight of the cycle loss a -> b -> a."""
    identity: Weight = 0.0
    """Weight of the identity loss."""
    identity_kind: Literal["autoencode", "cyclegan"] = "autoencode"
    """autoencode: a domain's image through its own halves; cyclegan: a target's image through the generator to it."""
    identity_relative: bool = False
    """The identity weight is multiplied by the cycle weight, as CycleGAN does."""
    every: Annotated[int, Field(ge=1, le=16)] = 1
    """Interval of the cycle loss and of the identity loss: each is computed at every Nth update of a domain, with N
    times the weight, and they take turns."""
    identity_pool: Literal[1, 2, 4] = 1
    """For the identity loss, 3x3 averages with this stride are taken of both images; 1 compares them at full size."""
    paired: Weight = 0.0
    """Weight of the distance between a translation and its target's own picture, in domains whose pictures pair up."""
    matching: Weight = 0.0
    """Weight of feature matching: what a patch discriminator's inner layers find, in the mean of translations and of
    real images."""
    r1: Weight = 0.0
    """Weight of the R1 penalty on the discriminators' gradients at real images; computed at every 4th update."""
    heads: Weight = 0.0
    """Weight of the loss of heads: small discriminators that see images through a frozen network, beside the others."""
    style: Weight = 0.0
    """Weight of the style loss: how far the distribution of a frozen network's features, and of 3x3 patches, in a
    translation is from that in a real target image; computed at every 2nd update."""
    latent: Weight = 0.0
    """Weight of the latent loss a -> z -> b -> z at the end of training; it grows linearly from zero."""
    forward: Weight = 0.0
    """Weight of the forward loss, which keeps a translation near its source when both are downsampled."""
    forward_pool: Literal[1, 2, 4] = 2
    """Translation and source are compared after 3x3 averages with this stride; 1 compares them at full size."""

    @property
    def autoencodes(self) -> bool:
        """Whether each domain's images also go through its own halves."""
        return self.identity > 0 and self.identity_kind == "autoencode"


class Schedule(Section):
    """Which domains meet when, and for how long."""

    pairs: Literal["random", "rounds"] = "random"
    """Draw each iteration's pair at random, or in rounds in which every domain meets one partner once."""
    meeting: Positive = 1
    """Iterations for which a pair stays together before the next one is drawn."""
    epochs: Positive = 100
    """Epochs per domain; an epoch is as many iterations as the largest domain has batches."""
    decay_from: Count = 50
    """Epochs per domain after which the learning rate falls linearly to zero."""
    iterations: Positive | None = None
    """Train for this many iterations instead of epochs; the learning rate falls after the same share of them, and
    with every iteration instead of every epoch."""
    batch: Positive = 1
    """Pictures per domain in one iteration."""
    autoencode: Count = 0
    """Iterations, before the training, of one autoencoder of all pictures. Every domain starts as a copy of it; an
    added domain, as a copy of the old one nearest in colour. With 0 they start at random."""

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
    """Adam's learning rate at the start; the autoencoder of schedule.autoencode has its own."""
    betas: Annotated[
        tuple[Annotated[float, Field(ge=0, lt=1)], Annotated[float, Field(ge=0, lt=1)]], Field(strict=False)
    ] = (0.5, 0.999)
    """Adam's decay rates for the first and second moment."""
    pool: Count = 50
    """Earlier translations kept per domain to train its discriminator on; 0 trains it on the newest only."""
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.999
    """Decay of the averaged weights that packs are published with, per update of a domain; 0 publishes the raw ones."""


class Run(Section):
    """Where and how the run is carried out."""

    seed: Count = 0
    """Seed of every random draw."""
    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$")] = "auto"
    """auto, cpu, cuda or cuda:N; auto takes CUDA where there is one."""
    precision: Literal["auto", "float32", "bfloat16"] = "float32"
    """Arithmetic of the convolutions; auto is bfloat16 where the processor supports it, else float32."""
    threads: Annotated[int, Field(ge=0, le=1024)] = 0
    """CPU threads for each pair that is trained; 0 divides the number that PyTorch chooses among the pairs."""
    pairs_at_once: Count = 1
    """Pairs of a round that are trained at the same time; 0 means all of them, up to one per CPU thread."""
    workers: Count | Literal["auto"] = 0
    """Processes of a Ray cluster that meetings are spread over; auto is as many as it has room for, 0 is none."""
    resident: Count = 0
    """Domains on the device at the same time, at least 2; the others wait in host memory. With 4, those needed next
    are copied while others are trained. 0 means all of them."""
    loggers: Annotated[tuple[LoggerName, ...], Field(strict=False), BeforeValidator(_listed)] = ("auto",)
    """Where figures, grids and settings go besides the run's folder, as a list of tensorboard, wandb, mlflow and aim;
    auto is TensorBoard where it is installed."""
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

    @model_validator(mode="after")
    def _a_pair_is_resident(self) -> Run:
        if self.resident == 1:
            raise ValueError("resident is 1, but a pair is two domains; take 2 or more, or 0 for all of them")
        return self
