import os
from contextlib import suppress
from pathlib import Path

import pytest
import torch

from combogan.errors import StorageError
from combogan.networks.decoder import SkipDecoder
from combogan.networks.encoder import SkipEncoder
from combogan.translation.map_files import MapFiles, MapPlan, RunningMoments
from combogan.translation.tiled_maps import TiledMap

CPU = torch.device("cpu")


def zeros(keeper, *size):
    return TiledMap(
        keeper, size, torch.float32, lambda box: torch.zeros(1, size[0], len(box[0]), len(box[1])), direct=True
    )


@pytest.fixture
def on_disk(tmp_path):
    """Bytes in files of a folder that this process has open."""

    def size(handle):
        with suppress(OSError):
            if str(tmp_path) in os.readlink(handle):
                return os.stat(handle).st_size
        return 0

    return lambda: sum(size(handle) for handle in Path("/proc/self/fd").glob("*"))


def test_moments_of_tiles_are_those_of_the_whole():
    x = torch.randn(1, 3, 50, 70, generator=torch.Generator().manual_seed(0)) * 3 + 100
    running = RunningMoments(3)
    for rows in x.split(7, dim=2):
        for tile in rows.split(33, dim=3):
            running.add(tile)
    found = running.whole(CPU)
    variance, mean = torch.var_mean(x.double(), (0, 2, 3), correction=0)
    torch.testing.assert_close(found.mean, mean, rtol=1e-6, atol=0)
    torch.testing.assert_close(found.squares / found.count, variance, rtol=1e-4, atol=0)


def test_moments_of_many_pixels_lose_no_digits():
    running, part = RunningMoments(1), torch.randn(1, 1, 256, 1024, generator=torch.Generator().manual_seed(0))
    for _ in range(100):  # 26 million pixels, whose plain sums in float32 would stand still
        running.add(part)
    found = running.whole(CPU)
    assert abs(found.squares / found.count - part.double().var(correction=0)) < 1e-4


def test_a_plan_knows_the_tiles_and_the_disk_that_the_work_takes(tmp_path, on_disk):
    encoder, decoder = SkipEncoder(width=2, blocks=1).eval(), SkipDecoder(width=2, blocks=1).eval()
    plan, tiles, most = MapPlan(2000, CPU), 0, 0

    def advance():
        nonlocal tiles, most
        tiles, most = tiles + 1, max(most, on_disk())

    with torch.inference_mode():
        for keeper in (plan, MapFiles(tmp_path, 2000, CPU, advance)):
            decoder(encoder(zeros(keeper, 3, 40, 48))).contiguous()
    assert plan.tiles == tiles
    assert most in (0, plan.most_bytes)  # 0 where the system does not show open files
    assert os.listdir(tmp_path) == []


def test_a_map_of_a_type_that_numpy_lacks_is_kept_to_the_bit(tmp_path):
    x = torch.randn(1, 5, 9, 11, generator=torch.Generator().manual_seed(0)).bfloat16()

    def read(box):
        rows, columns = box
        return x[..., rows.start : rows.stop, columns.start : columns.stop]

    files = MapFiles(tmp_path, 100, CPU, lambda: None)
    kept = files.keep(TiledMap(files, (5, 9, 11), x.dtype, read, direct=False))
    assert torch.equal(kept.read((range(2, 9), range(3, 10))), x[..., 2:9, 3:10])


def test_a_disk_that_is_full_is_a_sentence(tmp_path):
    files = MapFiles(tmp_path, 100, CPU, lambda: None)
    with pytest.raises(StorageError, match=r"(the disk is full|cannot be written)"):
        files.keep(zeros(files, 3, 2**28, 2**28))
