"""The sections of the settings, a sentence for every setting. Read and put together in settings.py.

The sentences of settings that have a flag are its help in `combogan train --help`; those of all others are read here.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

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
