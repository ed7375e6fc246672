import pytest
import torch

from combogan import machine
from combogan.errors import DeviceError


@pytest.mark.parametrize("word", ["gpu", "mps", "cuda:", "cudax", "cuda:-1", "CPU", ""])
def test_what_is_no_device_is_refused_and_never_taken_for_the_cpu(word):
    with pytest.raises(DeviceError, match=f"'{word}' is no device; give auto, cpu, cuda or cuda:N"):
        machine.device(word)


@pytest.mark.parametrize("word", ["float16", "bf16", ""])
def test_what_is_no_precision_is_refused_and_never_taken_for_float32(word):
    with pytest.raises(DeviceError, match=f"'{word}' is no precision; give auto, float32 or bfloat16"):
        machine.precision(word, torch.device("cpu"))


@pytest.fixture
def _loose():
    """What PyTorch computes with unless told otherwise; restored afterwards."""
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    before = cudnn.deterministic, cudnn.benchmark, cudnn.allow_tf32, matmul.allow_tf32
    cudnn.deterministic, cudnn.benchmark, cudnn.allow_tf32, matmul.allow_tf32 = False, True, True, True
    yield
    cudnn.deterministic, cudnn.benchmark, cudnn.allow_tf32, matmul.allow_tf32 = before


@pytest.mark.usefixtures("_loose")
def test_cuda_computes_exactly_and_the_same_each_time(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(torch.cuda, "is_available", lambda: True)
        patch.setattr(torch.cuda, "device_count", lambda: 2)
        found = [str(machine.device(word)) for word in ("cpu", "auto", "cuda:1")]
        with pytest.raises(DeviceError, match="there are only 2 CUDA devices"):
            machine.device("cuda:2")
    assert found == ["cpu", "cuda", "cuda:1"]
    assert torch.backends.cudnn.deterministic
    assert not torch.backends.cudnn.benchmark
    assert not torch.backends.cudnn.allow_tf32
    assert not torch.backends.cuda.matmul.allow_tf32
