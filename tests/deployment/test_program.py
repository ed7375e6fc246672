import pytest
import torch

from combogan.deployment.program import decoder_program, direction_program, encoder_program, mirrored_places
from combogan.networks.blocks import ZeroConvolution, initialise
from combogan.networks.decoder import decoder
from combogan.networks.encoder import encoder
from combogan.networks.shared import SharedBlocks
from combogan.registry.generator import Generator, fit_stride
from combogan.registry.pack import NewPack, SharedPart, publish

KINDS = {
    "resnet": {"kind": "resnet", "blocks": 1, "norm": "batch", "activation": "leaky", "dropout": 0.5},
    "skip": {"kind": "skip", "blocks": 1, "activation": "prelu"},
    "skip with a change": {"kind": "skip", "blocks": 1, "change": 1},
    "unet": {"kind": "unet", "depth": 4, "norm": "batch"},
    "unet without skips": {"kind": "unet", "depth": 4, "skips": 0, "activation": "leaky"},
}


def make_pack(folder, shape, *, shared=None):
    """A pack of untrained networks; with first weights, and statistics of batch norms that are no zeros and ones."""
    noise = {"noise": 1} if shape.get("kind") == "skip" else {}
    halves = encoder(width=4, **shape), decoder(width=4, **{k: v for k, v in shape.items() if k != "change"}, **noise)
    for seed, network in enumerate(halves):
        generator = torch.Generator().manual_seed(seed)
        initialise(network, generator)
        for module in network.modules():
            if isinstance(module, ZeroConvolution):
                module.weight.data.normal_(0, 0.05, generator=generator)
        for name, value in network.named_buffers():
            if name.endswith(("running_mean", "running_var")):
                value.uniform_(0.5, 1.5, generator=generator)
    return publish(folder, [NewPack("a", *halves, ("0a", "0a"), 32, {}, 1)], shared=shared)[0]


@torch.no_grad()
@pytest.mark.parametrize("kind", KINDS)
def test_programs_of_halves_give_what_the_halves_give_at_any_size(kind, tmp_path):
    pack = make_pack(tmp_path / "packs", KINDS[kind])
    ours = pack.load_encoder(), pack.load_decoder()
    theirs = [make(pack).exported.module() for make in (encoder_program, decoder_program)]
    stride = ours[0].latent.stride
    fewest = -(-8 // stride)
    for count, rows, columns in ((1, fewest, fewest), (3, 5, 2)):
        image = torch.rand(count, 3, rows * stride, columns * stride) * 2 - 1
        maps = ours[0](image)
        found = theirs[0](image)
        torch.testing.assert_close(found, maps, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(theirs[1](*found), ours[1](maps), atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_the_program_of_a_direction_takes_any_size_and_has_shared_blocks(tmp_path):
    blocks = [SharedBlocks(channels=16, blocks=1, domains=2, activation="relu", norm="instance") for _ in range(2)]
    for seed, network in enumerate(blocks):
        initialise(network, torch.Generator().manual_seed(seed))
    pack = make_pack(tmp_path / "packs", {"blocks": 0}, shared=SharedPart(*blocks, "0a"))
    ours = Generator(pack.load_encoder(), pack.load_decoder(), 4)
    theirs = direction_program(pack, pack).exported.module()
    for size in ((1, 3, 1, 1), (1, 3, 3, 30), (3, 3, 37, 53)):
        image = torch.rand(size) * 2 - 1
        torch.testing.assert_close(theirs(image), ours(image), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("stride", [2, 4, 16])
def test_places_are_those_of_the_generators_padding(stride):
    for side in range(1, 40):
        rows = torch.arange(float(side)).view(1, 1, side, 1)
        padded = fit_stride(rows, stride)[0, 0, :, 0]
        assert torch.equal(rows[0, 0, mirrored_places(side, stride), 0], padded)
