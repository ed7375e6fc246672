"""Networks give on maps in tiles what they give on tensors."""

from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F

from combogan.networks.adapter import Adapter
from combogan.networks.blocks import ZeroConvolution, initialise
from combogan.networks.decoder import decoder
from combogan.networks.encoder import encoder
from combogan.networks.shared import DecoderHalf, EncoderHalf, SharedBlocks
from combogan.registry.generator import Generator
from combogan.translation.map_files import MapFiles, boxes
from combogan.translation.tiled_maps import TiledMap

BLOCKS = {"width": 4, "blocks": 1}
KINDS = {
    "resnet": (BLOCKS, BLOCKS),
    "resnet-3x3": (BLOCKS, BLOCKS | {"upsampling": "transposed-3x3"}),
    "skip": (BLOCKS | {"kind": "skip"}, BLOCKS | {"kind": "skip", "noise": 1}),
    "skip-changed": (BLOCKS | {"kind": "skip", "change": 1}, BLOCKS | {"kind": "skip"}),
    "unet": ({"kind": "unet", "width": 4, "depth": 4},) * 2,
    "unet-without-skips": ({"kind": "unet", "width": 4, "depth": 4, "skips": 0},) * 2,
}
CPU = torch.device("cpu")


def generator(kind, *, gain=1.0, shared=False, **style):
    chance = torch.Generator().manual_seed(0)
    first, second = (build(**shape, **style) for build, shape in zip((encoder, decoder), KINDS[kind], strict=True))
    if shared:
        blocks = SharedBlocks(channels=16, blocks=1, domains=3, activation="relu", norm="instance")
        first, second = EncoderHalf(first, blocks, 1), DecoderHalf(second, None)
    for network in (first, second):
        initialise(network, chance)
        for module in network.modules():
            if isinstance(module, ZeroConvolution):
                module.weight.data.normal_(0, 0.05, generator=chance)
        for weight in network.parameters():
            weight.data *= gain if weight.dim() == 4 else 1  # strengths of noise too
    network = Generator(first, second, first.latent.stride).eval().requires_grad_(False)
    return network.to(memory_format=torch.channels_last)


def image(height, width):
    chance = torch.Generator().manual_seed(1)
    rough = torch.randn(1, 3, height // 4, width // 4, generator=chance)
    smooth = F.interpolate(rough, size=(height, width), mode="bicubic").clamp(-1, 1)
    return smooth.contiguous(memory_format=torch.channels_last)


def in_tiles(tensor, keeper):
    def read(box):
        rows, columns = box
        return tensor[..., rows.start : rows.stop, columns.start : columns.stop].clone()

    return TiledMap(keeper, tuple(tensor.shape[1:]), tensor.dtype, read, direct=True)


def whole(tiled):
    return tiled.read((range(tiled.shape[2]), range(tiled.shape[3])))


def both(network, tensor, folder, *, values, precision=torch.float32):
    """What a network gives on a tensor, and on a map in tiles; and the tiles that were computed."""
    tiles = []
    files = MapFiles(folder, values, CPU, lambda: tiles.append(1))
    reduced = precision != torch.float32
    with torch.inference_mode(), torch.autocast("cpu", precision, enabled=reduced):
        expected = network(tensor).float()
        found = network(in_tiles(tensor, files)).float().contiguous()
    return expected, found, len(tiles)


@pytest.mark.parametrize("norm", ["instance", "batch"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_network_gives_the_same_in_tiles(kind, norm, tmp_path):
    network = generator(kind, gain=8.0 if norm == "batch" else 3.0, norm=norm, activation="prelu")
    expected, found, tiles = both(network, image(93, 77), tmp_path, values=6000)
    assert tiles > 30
    assert found.shape == expected.shape
    assert expected.std() > 0.002
    torch.testing.assert_close(whole(found), expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("kind", ["resnet", "skip", "unet"])
def test_in_bfloat16_it_is_the_same_but_for_one_level(kind, tmp_path):
    network = generator(kind, norm="instance")
    expected, found, _ = both(network, image(93, 77), tmp_path, values=30_000, precision=torch.bfloat16)
    assert expected.std() > 0.01
    assert (whole(found) - expected).abs().max() * 127.5 <= 1


@pytest.mark.parametrize("size", [(8, 9), (9, 40), (33, 8), (64, 64)])
def test_small_and_narrow_maps_and_whole_strides_are_the_same_too(size, tmp_path):
    for kind in ("resnet", "skip", "unet"):
        expected, found, _ = both(generator(kind, gain=3.0), image(*size), tmp_path, values=3000)
        torch.testing.assert_close(whole(found), expected, atol=1e-4, rtol=0)


def test_shared_blocks_see_their_context(tmp_path):
    network = generator("resnet", shared=True)
    expected, found, _ = both(network, image(45, 50), tmp_path, values=20_000)
    torch.testing.assert_close(whole(found), expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("kind", ["resnet", "skip", "unet"])
def test_there_is_no_seam_between_tiles(kind, tmp_path):
    expected, found, _ = both(generator(kind, gain=3.0), image(192, 160), tmp_path, values=40_000)
    for side in range(8, 65):  # whatever the sides of the tiles of the maps before were
        borders = [rows.start for rows, _ in boxes((192, 1), side)][1:]
        across = [(x[..., 1:, :] - x[..., :-1, :]).abs().mean((0, 1, 3)) for x in (whole(found), expected)]
        tiled, untiled = (steps[[row - 1 for row in borders]].mean() / steps.mean() for steps in across)
        assert tiled / untiled < 1.05


@pytest.mark.parametrize("kind", ["skip", "unet"])
def test_adapters_give_the_same_in_tiles(kind, tmp_path):
    network = generator(kind, gain=3.0)
    adapter = Adapter(network.encoder.latent, network.encoder.latent, blocks=1).eval().requires_grad_(False)
    network.adapter = adapter.to(memory_format=torch.channels_last)
    expected, found, tiles = both(network, image(77, 93), tmp_path, values=6000)
    assert tiles > 30
    torch.testing.assert_close(whole(found), expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("box", [(range(7), range(3, 9)), (range(5, 6), range(12)), (range(4, 9), range(9, 12))])
def test_boxes_of_shuffled_pixels_chosen_rows_and_parts(box, tmp_path):
    tensor, files = torch.arange(4 * 6 * 8.0).view(1, 4, 6, 8), MapFiles(tmp_path, 99, CPU, lambda: None)
    tiled, places = in_tiles(tensor, files), torch.tensor([4, 5, 0, 1, 2, 3, 4, 5, 0, 1, 2, 2])
    for change in (
        lambda x: F.pixel_shuffle(x, 2),
        lambda x: torch.index_select(torch.index_select(x, 2, places), 3, places),
        lambda x: F.pixel_shuffle(x, 2)[..., 1:12, 2:16],
    ):
        rows, columns = box
        expected = change(tensor)[..., rows.start : rows.stop, columns.start : columns.stop]
        assert torch.equal(change(tiled).read(box), expected)


def test_what_has_no_rule_is_an_error_and_no_wrong_picture(tmp_path):
    tiled = in_tiles(image(8, 8), MapFiles(tmp_path, 100, CPU, lambda: None))
    with pytest.raises(NotImplementedError, match="no rule says how .*avg_pool2d"):
        F.avg_pool2d(tiled, 2)


def test_boxes_cover_a_map_once():
    seen = torch.zeros(13, 29)
    for rows, columns in boxes((13, 29), 5):
        assert max(len(rows), len(columns)) <= 5
        seen[rows.start : rows.stop, columns.start : columns.stop] += 1
    assert seen.unique().tolist() == [1]
    assert all(a < b for a, b in pairwise(rows.start for rows, columns in boxes((13, 1), 5)))
