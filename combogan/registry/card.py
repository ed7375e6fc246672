"""The cards of packs and bridges, checked JSON: what their networks are, how to build them, what they plug into."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    SerializerFunctionWrapHandler,
    ValidationError,
    field_validator,
    model_serializer,
    model_validator,
)

from combogan.data.catalog import check_name
from combogan.errors import DomainError, PackError
from combogan.networks.encoder import image_channels
from combogan.networks.latent import Latent

VERSION: Final = 3
"""The newest format that is read: 1; 2 for halves with skip connections, which combogan 0.1.0 cannot read; 3 for those
of one channel or deep pictures."""

USUAL_DEPTH: Final = 8
Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
SpaceId = Annotated[str, Field(pattern=r"^[0-9a-z]{1,64}$")]
File = Annotated[str, Field(pattern=r"^\w[\w-]*\.safetensors$", max_length=100)]
# Far above any real value: a damaged card must not ask for endless work.
Number = Annotated[int, Field(ge=0, le=10_000)]
Shape = dict[str, Number | float | str]


def _placed(latent: Latent) -> Latent:
    """The latent. ValueError where it has no latent space, or maps that cannot be."""
    if not latent.space.isalnum() or min(min(one) for one in latent.maps) < 1:
        raise ValueError(f"no latent space is like {latent}")
    return latent


def _without_empty_skips(latent: Latent) -> dict[str, Any]:
    """So that cards of halves without skip connections are those of format 1."""
    return {name: value for name, value in asdict(latent).items() if name != "skips" or value}


Placed = Annotated[Latent, AfterValidator(_placed), PlainSerializer(_without_empty_skips)]
"""A latent in its latent space."""


class Card(BaseModel):
    """What all cards have in common: unknown or wrongly typed fields are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True)


class BlocksCard(Card):
    """Weights in a file beside the card."""

    file: File
    sha256: Hash
    shape: Shape
    """The constructor's arguments."""


class SharedPlace(Card):
    """The shared blocks after an encoder or before a decoder: `shared/<space>/` beside the packs."""

    space: SpaceId
    sha256: Hash
    """Of the weights of the shared blocks."""
    place: Number
    """The domain's place among those that share them."""


class HalfCard(BlocksCard):
    """An encoder or a decoder."""

    latent: Placed
    """What it plugs into; its space is that of this half."""
    shared: SharedPlace | None = None

    @property
    def channels(self) -> int:
        """Channels of its images: 3, or 1 for gray."""
        return image_channels(self.shape)


class PackCard(Card):
    """`pack.json`."""

    format: Literal["combogan-pack"] = "combogan-pack"
    version: Literal[1, 2, 3] = 1
    domain: str
    image_size: Annotated[int, Field(ge=1, le=100_000)]
    """Side of the crops that it was trained on, in pixels."""
    encoder: HalfCard | None
    decoder: HalfCard | None
    about: dict[str, Any]
    """For people: combogan's version, iterations, updates, where the pictures were, when."""
    depth: Literal[8, 16] = 8
    """Bits of the values that it was trained on; 16 stands for floats too."""

    @model_serializer(mode="wrap")
    def _without_usual_depth(self, serialise: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """So that cards of 8 bits are those of format 1."""
        fields: dict[str, Any] = serialise(self)
        return {name: value for name, value in fields.items() if name != "depth" or value != USUAL_DEPTH}

    @field_validator("domain")
    @classmethod
    def _is_a_name(cls, name: str) -> str:
        try:
            return check_name(name)
        except DomainError as error:
            raise ValueError(str(error)) from None


class SharedCard(Card):
    """`shared.json`: blocks that all domains of a latent space share."""

    format: Literal["combogan-shared"] = "combogan-shared"
    version: Literal[1] = 1
    space: SpaceId
    encoder: BlocksCard | None
    decoder: BlocksCard | None


class AdapterCard(BlocksCard):
    """The adapter of a bridge, one way."""

    taken: Placed
    """What it takes."""
    given: Placed
    """What it gives."""


class BridgeCard(Card):
    """`bridge.json`: the adapters between two latent spaces."""

    format: Literal["combogan-bridge"] = "combogan-bridge"
    version: Literal[1] = 1
    there: AdapterCard
    back: AdapterCard
    about: dict[str, Any]
    """For people: combogan's version, iterations, the runs at its two ends, when."""

    @model_validator(mode="after")
    def _leads_back(self) -> BridgeCard:
        one, other = self.there.taken, self.there.given
        if (self.back.taken, self.back.given) != (other, one) or one.space == other.space:
            raise ValueError("its two adapters do not lead from one latent space to another and back")
        if not one.has_strides_of(other):
            raise ValueError("the maps of its two latent spaces are of different strides")
        return self


AnyCard = TypeVar("AnyCard", PackCard, SharedCard, BridgeCard)


def read_card(path: Path, kind: type[AnyCard]) -> AnyCard:
    """The checked card in a file. PackError when it is missing, damaged, or of a newer format."""
    try:
        fields = json.loads(path.read_bytes())
        if isinstance(fields, dict) and isinstance(fields.get("version"), int) and fields["version"] > VERSION:
            raise PackError(
                f"{path} is of format {fields['version']}, newer than this combogan reads; update combogan."
            )
        return kind.model_validate_json(json.dumps(fields))
    except FileNotFoundError:
        raise PackError(f"{path.parent} is not a pack: it has no {path.name}; give a folder that has one.") from None
    except OSError as error:
        raise PackError(f"{path} cannot be read ({error.strerror}); check its permissions.") from None
    except ValidationError as error:
        raise PackError(f"{path} is damaged: {fault(error)}; fetch or publish the pack again.") from None
    except (ValueError, RecursionError) as error:
        raise PackError(f"{path} is damaged: it is not JSON ({error}); fetch or publish the pack again.") from None


def fault(error: Exception) -> str:
    """What is wrong with a card: the first key that does not fit and why, else the first line of the error."""
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False)[0]
        why = first["msg"].removeprefix("Value error, ").rstrip(".")
        return f"{'.'.join(map(str, first['loc'])) or 'the file'}: {why}"
    return (str(error).splitlines() or [type(error).__name__])[0]


def card_bytes(card: Card) -> bytes:
    """The card as the bytes of its file."""
    return (card.model_dump_json(indent=2) + "\n").encode()


def published(path: Path, about: Mapping[str, Any]) -> float:
    """Seconds since 1970: the date on a card (`about.date`, ISO 8601), else the time of its file."""
    try:
        return datetime.fromisoformat(about["date"]).timestamp()
    except (KeyError, TypeError, ValueError, OverflowError):
        return path.stat().st_mtime
