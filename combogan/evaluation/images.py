"""Pictures as square images to score, and a fixed choice of them where there are many."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from combogan.data.pictures import PictureSet, middle_square, to_image
from combogan.seeding import derive


def square(pictures: PictureSet, index: int, size: int) -> Tensor:
    """A picture as a square image (3, size, size): its short side scaled, its middle kept."""
    return to_image(middle_square(pictures.picture(index, size), size))


def batches(pictures: PictureSet, indices: Sequence[int], size: int, batch: int = 8) -> Iterator[Tensor]:
    """Those pictures as square images, in order: (n, 3, size, size), n being at most `batch`."""
    for start in range(0, len(indices), batch):
        yield torch.stack([square(pictures, index, size) for index in indices[start : start + batch]])


def choice(names: Sequence[str], limit: int | None) -> list[int]:
    """The indices of at most `limit` names, in order, chosen by a hash of each name: the same names in every domain."""
    # The seed's word is an old name of scoring; another word would choose other pictures than earlier versions.
    chosen = sorted(range(len(names)), key=lambda index: derive(0, "judged", names[index]))[:limit]
    return sorted(chosen)
