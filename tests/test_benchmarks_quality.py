"""benchmarks/quality.py: what its patches change, and that a row is trained once; figures are taken by hand."""

import json
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
import torch
from torch import nn
from trainers import resume, start, states

from combogan.data import scenes
from combogan.errors import PackError
from combogan.evaluation import arrival
from combogan.registry.registry import Registry
from combogan.settings import Settings

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

from quality_patches import PATCHES, _Spectral, augment, shown  # noqa: E402
from quality_record import known, lines, times, write  # noqa: E402
from quality_variants import REFERENCE, VARIANTS, Row, variant  # noqa: E402

DOMAINS = ["summer=scenes-small/summer", "winter=scenes-small/winter"]


def small(**changes: object) -> Settings:
    """Three iterations that are an epoch each, after a start."""
    table = {
        "images": {"size": 32, "load": 32},
        "networks": {"width": 4, "encoder_blocks": 1, "decoder_blocks": 1},
        "discriminator": {"kind": "split", "width": 4, "layers": 2},
        "losses": {"identity": 1.0},
        "schedule": {"iterations": 3, "batch": 40, "autoencode": 1},
        "optimizer": {"pool": 3, "ema": 0.9},
        "run": {"log_every": 1, "sample_every": 0, "checkpoint_every": 0, "threads": 1, "device": "cpu"},
    }
    return Settings.build(table).changed({f"run.{name}": value for name, value in changes.items()})


def trained(out: Path, *patches: str, stop_after: int = 0, **changes: object) -> list[dict[str, object]]:
    """The log of a run under patches; `stop_after` iterations it is stopped, and resumed."""
    with ExitStack() as patched:
        for name in patches:
            patched.enter_context(PATCHES[name]())
        trainer = start(small(**changes), DOMAINS, out)
        if stop_after:
            assert not trainer.run(lambda: trainer.iteration >= stop_after)
            trainer = resume(out)
        assert trainer.run()
    return [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]


def losses(log):
    return [value for line in log for parts in line["losses"].values() for value in parts.values()]


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return losses(trained(tmp_path_factory.mktemp("plain") / "run"))


@pytest.mark.parametrize("name", PATCHES)
def test_a_patch_changes_the_training_and_nothing_after_it(name, plain, tmp_path):
    patched = losses(trained(tmp_path / "patched", name))
    assert len(patched) == len(plain)
    assert all(value == value and abs(value) < 1e3 for value in patched)
    assert patched != plain


def test_without_a_patch_the_training_is_as_before(plain, tmp_path):
    with PATCHES["resize-convolution"](), PATCHES["spectral norm"]():
        pass
    assert losses(trained(tmp_path / "again")) == plain


def test_all_patches_go_together_in_bfloat16_and_are_taken_up_again(tmp_path):
    trained(tmp_path / "whole", *PATCHES, precision="bfloat16")
    trained(tmp_path / "parts", *PATCHES, precision="bfloat16", stop_after=2)
    whole, parts = states(tmp_path / "whole"), states(tmp_path / "parts")
    assert {n: set(s) for n, s in whole.items()} == {n: set(s) for n, s in parts.items()}
    for domain, tensors in whole.items():
        for name, value in tensors.items():
            assert torch.equal(value, parts[domain][name]), f"{domain}: {name}"


def test_a_patched_decoder_is_opened_under_its_patch_alone(tmp_path):
    trained(tmp_path / "run", "resize-convolution")
    registry = Registry.open(tmp_path / "run")
    with pytest.raises(PackError, match="other weights"):
        registry.compose("summer", "winter")
    with PATCHES["resize-convolution"]():
        assert registry.compose("summer", "winter")(torch.zeros(1, 3, 32, 32)).shape == (1, 3, 32, 32)


def test_what_discriminators_see_is_changed_by_chance_and_keeps_its_gradient():
    image = torch.rand(4, 3, 32, 32, requires_grad=True)

    def see(seed, kinds):
        return augment(image, kinds, torch.Generator().manual_seed(seed))

    everything = ("colour", "shift", "cutout")
    assert torch.equal(see(1, everything), see(1, everything))
    assert not torch.equal(see(1, everything), see(2, everything))
    assert torch.equal(see(1, ()), image)
    see(1, everything).sum().backward()
    assert image.grad is not None
    cut = see(1, ("cutout",)) == 0
    assert cut.float().mean() <= 17**2 / 32**2
    assert all(one.any() for one in cut)
    shifted = see(3, ("shift",))
    places = [image[0, :, top : top + 24, left : left + 24] for top in range(9) for left in range(9)]
    assert sum(torch.equal(shifted[0, :, 4:-4, 4:-4], place) for place in places) == 1


def test_a_spectral_norm_leaves_a_largest_singular_value_of_one():
    torch.manual_seed(0)
    layer = nn.Conv2d(6, 8, 4)
    torch.nn.utils.parametrize.register_parametrization(layer, "weight", _Spectral(layer.weight, 0, "a"))
    for _ in range(300):
        weight = layer.weight
    assert torch.linalg.matrix_norm(weight.flatten(1), 2).item() == pytest.approx(1, abs=1e-3)


def test_masks_hide_whole_squares_and_never_more_than_their_share_in_the_mean():
    masks = shown(torch.zeros(200, 3, 64, 64), 0.6, 8, torch.Generator().manual_seed(0))
    assert masks.shape == (200, 1, 64, 64)
    squares = masks.unfold(2, 8, 8).unfold(3, 8, 8).flatten(-2)
    assert torch.equal(squares.amin(-1), squares.amax(-1))
    assert masks.mean().item() == pytest.approx(0.7, abs=0.03)


def test_every_variant_and_all_patches_are_well_formed():
    asked = {patch for one in [*VARIANTS.values(), REFERENCE] for patch in one.patches}
    assert asked == set(PATCHES)
    digests = {Row("small", name, 1500, 0).digest for name in VARIANTS}
    assert len(digests) == len(VARIANTS)


def test_variants_are_joined_and_what_contradicts_itself_is_refused():
    both = variant("cycle-5+masked+start-3000")
    assert both == variant("start-3000+masked+cycle-5")
    assert both.changes == {**REFERENCE.changes, "losses.cycle": 5.0, "schedule.autoencode": 3000}
    assert list(both.patches) == ["masked, up to 0.6 in squares of 8"]  # and not the slow start
    assert variant("reference+masked").patches == ["start at 1e-4", "masked, up to 0.6 in squares of 8"]
    assert variant("sharp+masked") == variant("start-3000+uncropped+patch+cycle-5+rate-2e-4+masked")
    for wrong, why in (("layers-2+layers-4", "layers to different"), ("quick+r1", "a preset"), ("r3", "'r3'")):
        with pytest.raises(SystemExit, match=why):
            variant(wrong)


def test_a_row_is_known_by_its_settings_whatever_machine_it_was_trained_on(tmp_path, monkeypatch):
    row, record = Row("small", "masked", 1500, 0), tmp_path / "quality.jsonl"
    assert Row("small", "masked", 4000, 3).digest == row.digest != Row("300", "masked", 1500, 0).digest
    assert not known(record, row)
    write(record, {"regime": "small", "variant": "masked", "iterations": 1500, "seed": 0, "digest": row.digest})
    assert known(record, row)
    assert not known(record, Row("small", "masked", 1500, 1))
    monkeypatch.setitem(VARIANTS, "masked", VARIANTS["random"])
    assert not known(record, row)


def test_tables_join_seeds_and_leave_out_what_was_trained_with_other_settings():
    from quality_table import HEADS, markdown, tables

    def line(variant, seed, psnr, digest="a", iterations=1500):
        numbers = {"psnr": psnr, "over_colour_matching": psnr - 16, "ssim": 0.5, "arrival": 0.5, "edges": 0.7}
        numbers |= {"texture": [1.0, 2.0, 3.0], "cycle": 30.0, "milliseconds_per_iteration": 80.0, "seconds": 120}
        return {
            "regime": "small",
            "variant": variant,
            "seed": seed,
            "iterations": iterations,
            "digest": digest,
            **numbers,
        }

    record = [line("quick", 0, 10.0, digest="old"), line("quick", 0, 18.0), line("quick", 1, 19.0), line("r1", 0, 20.0)]
    record.append({"regime": "small", "variant": "copying the input", "iterations": 0, "psnr": 12.5, "ssim": 0.25})
    ((title, rows),) = tables(record).items()
    assert title == "40 pictures per domain, 1,500 iterations"
    assert [row[0] for row in rows] == ["r1", "quick", "copying the input"]
    cells = ("quick", "2", "18.50 ± 0.50", "2.50", "0.500 ± 0.000", "0.50", "0.70", "1 / 2 / 3", "30.0", "80", "2.0")
    assert rows[1] == cells
    assert rows[2] == ("copying the input", "", "12.50", "", "0.250", *[""] * 6)
    assert all(text.count("|") == len(HEADS) + 1 for text in markdown({title: rows}).splitlines() if "|" in text)


def test_a_row_is_trained_scored_and_recorded_once(tmp_path, monkeypatch, capsys):
    import quality

    record, out = tmp_path / "quality.jsonl", tmp_path / "rows"
    settings = small(validate_every=2).changed({"schedule.batch": 1})
    monkeypatch.setattr(Row, "settings", property(lambda row: settings))
    monkeypatch.setattr(arrival, "ITERATIONS", 2)
    monkeypatch.setattr(scenes, "TEST", 3)
    asked = ["screen", "--rows", "resize-convolution", "--threads", "1", "--out", str(out), "--record", str(record)]
    monkeypatch.setattr(sys, "argv", ["quality.py", *asked])
    with pytest.raises(SystemExit, match="0"):
        quality.main()
    found = lines(record)
    assert [line["variant"] for line in found] == ["copying the input", "matching colours", "resize-convolution"]
    row = found[-1]
    assert row["psnr"] - found[1]["psnr"] == pytest.approx(row["over_colour_matching"], abs=1e-4)
    assert times(next(out.iterdir())) == {name: row[name] for name in ("seconds", "milliseconds_per_iteration")}
    with pytest.raises(SystemExit):
        quality.main()
    assert len(lines(record)) == 3
    assert "recorded already" in capsys.readouterr().out
