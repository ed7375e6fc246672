"""Maps that are computed a box at a time: the networks take them in place of tensors, and give what they always give.

PyTorch passes what is done to a TiledMap to `__torch_function__` (see "Extending PyTorch" in its documentation), so
that the networks' own `forward` says what is computed, and every kind of network works. Nothing is computed at first:
a map knows how to read a box of itself from boxes of the maps before it. Each layer has its own padding at the border
of the picture and none between boxes, so that a box holds what the whole map would hold there.

An instance norm needs the mean and variance of its whole input. There, where two maps are added by `+`, and before a
convolution with a stride, the map is kept: it is computed once, box by box, written to a file, and measured meanwhile.
The other way, computing from the picture again for each norm, needs no disk, but time that grows with the square of
the number of norms: 23 norms of the paper's networks would take 12 times as long.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from combogan.networks.noise import Noise, noisy

Box = tuple[range, range]
"""Rows and columns of a map."""


@dataclass(frozen=True)
class Moments:
    """What an instance norm needs of each channel of a whole map, in float64."""

    mean: Tensor
    squares: Tensor
    """The sum of the squared distances from the mean."""
    count: int
    """Pixels."""

    def as_type(self, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Mean and variance rounded at each step as PyTorch does it, where a norm computes in `dtype` on a CPU."""
        mean = self.mean.to(dtype)
        squares = self.squares + self.count * (self.mean - mean.double()) ** 2
        return mean, squares.to(dtype) / torch.tensor(self.count, dtype=dtype)


class Keeper(Protocol):
    """Keeps whole maps where there is room for them."""

    device: torch.device

    def keep(self, whole: TiledMap) -> TiledMap:
        """A map with its moments that is read and not computed."""


class TiledMap:
    """A map (1, channels, height, width) of which only boxes are in memory."""

    is_cuda = False
    """On every device: the networks then pad by PyTorch's own function, which is done here."""

    def __init__(
        self,
        keeper: Keeper,
        size: tuple[int, int, int],
        dtype: torch.dtype,
        read: Callable[[Box], Tensor],
        *,
        above: float = 0.0,
        direct: bool,
        moments: Moments | None = None,
    ) -> None:
        """`size` is (channels, height, width), `above` the values per pixel of the maps that a box is computed from."""
        self.keeper, self.dtype, self.read, self.direct, self.moments = keeper, dtype, read, direct, moments
        self.shape = torch.Size((1, *size))
        self.values = size[0] + above
        self._kept: TiledMap | None = None

    @property
    def device(self) -> torch.device:
        """Where boxes are computed."""
        return self.keeper.device

    def dim(self) -> int:
        """4, as of every map."""
        return 4

    def __len__(self) -> int:
        return 1

    def split(self, size: int) -> tuple[TiledMap]:
        """The images of the batch, which are one."""
        return (self,)

    def to(self, kind: torch.dtype | torch.device) -> TiledMap:
        """As another type; boxes are on the device already."""
        return self if isinstance(kind, torch.device) else _pointwise(Tensor.to, self, kind, dtype=kind)

    def float(self) -> TiledMap:
        """As float32."""
        return self.to(torch.float32)

    def contiguous(self, *, memory_format: torch.memory_format = torch.channels_last) -> TiledMap:
        """A map that is read without convolutions: itself, or kept."""
        return self if self.direct else self.kept()

    def kept(self) -> TiledMap:
        """The map with its moments, computed at the first call."""
        if self.moments is not None:
            return self
        if self._kept is None:
            self._kept = self.keeper.keep(self)
        return self._kept

    def __add__(self, other: TiledMap) -> TiledMap:
        return _sum(self, other).kept()

    def __getitem__(self, place: tuple[Any, slice, slice]) -> TiledMap:
        """A part without gaps: `map[..., top:bottom, left:right]`."""
        rows, columns = (range(side)[part] for side, part in zip(self.shape[2:], place[1:], strict=True))

        def read(box: Box) -> Tensor:
            return self.read((_moved(box[0], rows.start), _moved(box[1], columns.start)))

        size = self.shape[1], len(rows), len(columns)
        return TiledMap(self.keeper, size, self.dtype, read, above=self.values - self.shape[1], direct=self.direct)

    @classmethod
    def __torch_function__(
        cls, function: Callable[..., Any], types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if function not in FUNCTIONS:
            raise NotImplementedError(f"no rule says how {function} is computed in tiles")
        return FUNCTIONS[function](*args, **(kwargs or {}))


def _pointwise(
    function: Callable[..., Tensor], x: TiledMap, *arguments: Any, dtype: torch.dtype | None = None, **named: Any
) -> TiledMap:
    """A function whose value at a pixel depends on that pixel alone."""
    size = cast(tuple[int, int, int], tuple(x.shape[1:]))
    return TiledMap(
        x.keeper,
        size,
        dtype or x.dtype,
        lambda box: function(x.read(box), *arguments, **named),
        above=x.values,
        direct=x.direct,
    )


def _joined(function: Callable[..., Tensor], maps: Sequence[TiledMap], *, channels: int) -> TiledMap:
    """A function of the same pixel of several maps."""
    first, dtype = maps[0], maps[0].dtype
    for x in maps[1:]:
        dtype = torch.promote_types(dtype, x.dtype)
    return TiledMap(
        first.keeper,
        (channels, *first.shape[2:]),
        dtype,
        lambda box: function(*(x.read(box) for x in maps)),
        above=sum(x.values for x in maps),
        direct=all(x.direct for x in maps),
    )


def _sum(x: TiledMap, y: TiledMap) -> TiledMap:
    return _joined(torch.add, [x, y], channels=x.shape[1])


def _cat(maps: Sequence[TiledMap | Tensor], dim: int) -> TiledMap:
    (like,) = {x.keeper: x for x in maps if isinstance(x, TiledMap)}.values()
    tiled = [x if isinstance(x, TiledMap) else _constant(x, like.keeper) for x in maps]
    return _joined(lambda *boxes: torch.cat(boxes, dim), tiled, channels=sum(x.shape[1] for x in tiled))


def _constant(x: Tensor, keeper: Keeper) -> TiledMap:
    """A tensor of the size of a map, most of whose strides are 0."""
    size = cast(tuple[int, int, int], tuple(x.shape[1:]))
    return TiledMap(keeper, size, x.dtype, lambda box: x[..., _slice(box[0]), _slice(box[1])], direct=True)


def _pixel_unshuffle(x: TiledMap, factor: int) -> TiledMap:
    channels, height, width = x.shape[1:]

    def read(box: Box) -> Tensor:
        rows, columns = (range(side.start * factor, side.stop * factor) for side in box)
        return F.pixel_unshuffle(x.read((rows, columns)), factor)

    size = channels * factor**2, height // factor, width // factor
    return TiledMap(x.keeper, size, x.dtype, read, above=x.values * factor**2, direct=x.direct)


def _pixel_shuffle(x: TiledMap, factor: int) -> TiledMap:
    channels, height, width = x.shape[1:]

    def read(box: Box) -> Tensor:
        seen = [range(side.start // factor, -(-side.stop // factor)) for side in box]
        tile = F.pixel_shuffle(x.read((seen[0], seen[1])), factor)
        rows, columns = (_moved(side, -factor * near.start) for side, near in zip(box, seen, strict=True))
        return tile[..., _slice(rows), _slice(columns)]

    size = channels // factor**2, height * factor, width * factor
    return TiledMap(x.keeper, size, x.dtype, read, above=x.values / factor**2, direct=x.direct)


def _index_select(x: TiledMap, dim: int, places: Tensor) -> TiledMap:
    """The rows or columns of these numbers: neighbours of neighbours, or of those at the opposite border."""
    numbers = places.tolist()

    def read(box: Box) -> Tensor:
        tiles = []
        for near in _runs([numbers[place] for place in box[dim - 2]]):
            tiles.append(x.read((near, box[1]) if dim == 2 else (box[0], near)))
        return tiles[0] if len(tiles) == 1 else torch.cat(tiles, dim)

    size = list(x.shape[1:])
    size[dim - 1] = len(numbers)
    return TiledMap(x.keeper, (size[0], size[1], size[2]), x.dtype, read, above=x.values, direct=x.direct)


def _runs(numbers: Sequence[int]) -> list[range]:
    """The same numbers in order, as ranges that are as long as possible."""
    runs = [range(numbers[0], numbers[0] + 1)]
    for number in numbers[1:]:
        if number == runs[-1].stop:
            runs[-1] = range(runs[-1].start, number + 1)
        else:
            runs.append(range(number, number + 1))
    return runs


def _pad(x: TiledMap, pads: Sequence[int], mode: str = "constant", value: float | None = None) -> TiledMap:
    """Padding of (left, right, top, bottom) by `reflect` or `replicate`: pixels of the map at other places."""
    left, right, top, bottom = pads
    channels, height, width = x.shape[1:]
    place = {"reflect": _reflected, "replicate": _nearest}[mode]

    def read(box: Box) -> Tensor:
        rows = [place(row - top, height) for row in box[0]]
        columns = [place(column - left, width) for column in box[1]]
        return _gathered(x, rows, columns)

    size = channels, height + top + bottom, width + left + right
    return TiledMap(x.keeper, size, x.dtype, read, above=x.values, direct=x.direct)


def _reflected(place: int, side: int) -> int:
    return -place if place < 0 else 2 * (side - 1) - place if place >= side else place


def _nearest(place: int, side: int) -> int:
    return min(max(place, 0), side - 1)


def _gathered(x: TiledMap, rows: list[int], columns: list[int]) -> Tensor:
    """The pixels of a map in these rows and columns, which are near each other."""
    box = tuple(range(min(places), max(places) + 1) for places in (rows, columns))
    tile = x.read(cast(Box, box)).permute(0, 2, 3, 1)  # with channels last, a row is one piece of memory
    for dim, (places, side) in enumerate(zip((rows, columns), box, strict=True), start=1):
        if places != list(side):
            tile = tile.index_select(dim, torch.tensor(places, device=tile.device) - side.start)
    return tile.permute(0, 3, 1, 2)


def _convolution(
    x: TiledMap,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> TiledMap:
    """A convolution with padding by zeros: a box needs the pixels under the kernel."""
    assert _pair(dilation) == (1, 1)
    assert groups == 1
    steps, pads, kernels = _pair(stride), _pair(padding), tuple(weight.shape[2:])
    x = x.contiguous() if max(steps) > 1 else x  # else what is read around a box would double with each such layer
    dtype = _computed(x)
    weight, bias = weight.to(dtype), None if bias is None else bias.to(dtype)
    height, width = (
        (side + 2 * pad - kernel) // step + 1
        for side, pad, kernel, step in zip(x.shape[2:], pads, kernels, steps, strict=True)
    )

    def read(box: Box) -> Tensor:
        seen, missing = [], []
        for side, limit, pad, kernel, step in zip(box, x.shape[2:], pads, kernels, steps, strict=True):
            start, stop = side.start * step - pad, (side.stop - 1) * step - pad + kernel
            seen.append(range(max(start, 0), min(stop, limit)))
            missing.append((seen[-1].start - start, stop - seen[-1].stop))
        tile = x.read((seen[0], seen[1]))
        if any(missing[0] + missing[1]):
            tile = F.pad(tile, [*missing[1], *missing[0]])
        return F.conv2d(tile, weight, bias, steps)

    size = weight.shape[0], height, width
    return TiledMap(x.keeper, size, dtype, read, above=x.values * steps[0] * steps[1], direct=False)


def _transposed_convolution(
    x: TiledMap,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    output_padding: int | Sequence[int] = 0,
    groups: int = 1,
    dilation: int | Sequence[int] = 1,
) -> TiledMap:
    """A transposed convolution: a box needs the pixels whose kernels reach into it."""
    assert _pair(dilation) == (1, 1)
    assert groups == 1
    steps, pads, extras, kernels = _pair(stride), _pair(padding), _pair(output_padding), tuple(weight.shape[2:])
    dtype = _computed(x)
    weight, bias = weight.to(dtype), None if bias is None else bias.to(dtype)
    height, width = (
        (side - 1) * step - 2 * pad + kernel + extra
        for side, pad, kernel, step, extra in zip(x.shape[2:], pads, kernels, steps, extras, strict=True)
    )

    def read(box: Box) -> Tensor:
        seen, cut = [], []
        for side, limit, pad, kernel, step in zip(box, x.shape[2:], pads, kernels, steps, strict=True):
            start = max(0, -((kernel - 1 - pad - side.start) // step))
            seen.append(range(start, min(limit, (side.stop - 1 + pad) // step + 1)))
            first = side.start - (start * step - pad)
            cut.append(slice(first, first + len(side)))
        tile = F.conv_transpose2d(x.read((seen[0], seen[1])), weight, bias, steps)
        return tile[..., cut[0], cut[1]]

    size = weight.shape[1], height, width
    return TiledMap(x.keeper, size, dtype, read, above=x.values / (steps[0] * steps[1]), direct=False)


def _instance_norm(
    x: TiledMap,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
) -> tuple[TiledMap, Tensor, Tensor]:
    """The norm of an image as a batch of one, by the moments of the whole map."""
    x = x.kept()
    assert x.moments is not None
    mean, variance = x.moments.as_type(x.dtype if x.device.type == "cpu" else torch.float32)
    scale = (variance.double() + eps).rsqrt().to(variance.dtype)
    known = mean.float(), (scale.double() ** -2 - eps).float()  # from these, PyTorch computes the same scale again
    return (
        _pointwise(lambda tile: torch.native_batch_norm(tile, None, None, *known, False, 0.0, eps)[0], x),
        mean,
        scale,
    )


def _batch_norm(x: TiledMap, *arguments: Any, training: bool = False, **named: Any) -> TiledMap:
    """The norm by running statistics, as batch norms have it when they are used."""
    assert not training
    return _pointwise(F.batch_norm, x, *arguments, **named)


def _noisy(x: TiledMap, noise: Noise, rows: Tensor, columns: Tensor) -> TiledMap:
    """The noise of a place in the whole map."""
    size = cast(tuple[int, int, int], tuple(x.shape[1:]))

    def read(box: Box) -> Tensor:
        return noisy(x.read(box), noise, rows[_slice(box[0])], columns[:, _slice(box[1])])

    return TiledMap(x.keeper, size, x.dtype, read, above=x.values, direct=x.direct)


def _computed(x: TiledMap) -> torch.dtype:
    """The type that convolutions compute in."""
    kind = x.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else x.dtype


def _pair(sides: int | Sequence[int]) -> tuple[int, int]:
    height, width = (sides, sides) if isinstance(sides, int) else sides
    return height, width


def _slice(side: range) -> slice:
    return slice(side.start, side.stop)


def _moved(side: range, distance: int) -> range:
    return range(side.start + distance, side.stop + distance)


FUNCTIONS: dict[Callable[..., Any], Callable[..., Any]] = {
    F.pad: _pad,
    F.conv2d: _convolution,
    F.conv_transpose2d: _transposed_convolution,
    F.pixel_unshuffle: _pixel_unshuffle,
    F.pixel_shuffle: _pixel_shuffle,
    torch.index_select: _index_select,
    F.batch_norm: _batch_norm,
    torch.native_batch_norm: _instance_norm,
    torch.add: _sum,
    torch.cat: _cat,
    noisy: _noisy,
    **{
        function: partial(_pointwise, function)
        for function in (F.relu, torch.relu, F.leaky_relu, F.leaky_relu_, torch.prelu, torch.tanh)
    },
}
"""What networks do to maps, and how it is done to a map in tiles."""
