"""`combogan bridge`, and what other commands say of a bridge."""

import pytest

import combogan


@pytest.fixture
def call(called):
    """A function that calls `combogan` with words; gives exit code and output."""

    def call(*words):
        code, output, error = called(*words)
        return code, output + error

    return call


def test_a_bridge_by_its_commands(tiny, tmp_path, monkeypatch, call):
    monkeypatch.chdir(tmp_path)
    for name, domains in (("warm", ["summer", "fall"]), ("cold", ["winter", "spring"])):
        settings = tiny.changed({"schedule.iterations": 4, "run.seed": len(name)})
        combogan.train(settings, domains, out=f"runs/{name}")
    code, said = call("bridge", "runs/warm", "runs/cold", "--dry-run")
    assert code == 0
    assert "the bridge trained 1 times" in said
    assert not (tmp_path / "runs" / "warm-and-cold").exists()
    code, said = call("bridge", "runs/warm", "runs/cold", "--iterations", 2)
    assert code == 0
    assert "unchanged: the 4 packs of" in said
    assert "combogan translate --from fall --to spring" in said or "combogan translate --from summer" in said
    code, said = call("translate", "--from", "summer", "--to", "all", "--size", 16)
    assert code == 0
    assert "Over the bridge runs/warm-and-cold/packs/bridges/" in said
    assert {path.name for path in (tmp_path / "translated" / "summer-to-all").iterdir()} == {"fall", "spring", "winter"}
    code, said = call("packs", "list")
    assert "bridge between" in said
    assert call("packs", "verify")[0] == 0
    weights = next((tmp_path / "runs").rglob("there.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-1])
    code, said = call("packs", "verify")
    assert code == 2
    assert "there.safetensors is damaged or was replaced" in said
    code, said = call("bridge", "runs/warm", "runs/warm")
    assert code == 2
    assert "have the same latent space" in said
