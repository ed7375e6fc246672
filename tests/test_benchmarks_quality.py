"""benchmarks/quality.py: what its patches change, what it measures, and that a row is trained once."""

import json
import math
import sys
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from trainers import resume, start, states

from combogan.data import scenes
from combogan.errors import ComboganError
from combogan.evaluation import arrival
from combogan.settings import Settings

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

from quality_flat import light, luminance, waves  # noqa: E402
from quality_patches import PATCHES, AugmentedFeatures, augment  # noqa: E402
from quality_record import known, lines, times, write  # noqa: E402
from quality_table import BEGIN, COLUMNS, DRAWN, EMPTY, END, REAL, markdown, tables  # noqa: E402
from quality_variants import REGIMES, VARIANTS, Row, variant  # noqa: E402

DOMAINS = ["summer=scenes-small/summer", "winter=scenes-small/winter"]


def small(**changes: object) -> Settings:
    """Three iterations of all losses that patches change, after a start."""
    table = {
        "images": {"size": 32, "load": 32},
        "networks": {"kind": "skip", "width": 4, "encoder_blocks": 1, "decoder_blocks": 1},
        "discriminator": {"width": 4, "layers": 2},
        "losses": {"cycle": 1.0, "identity": 1.0, "heads": 1.0, "style": 1.0, "r1": 1.0},
        "schedule": {"iterations": 3, "batch": 2, "autoencode": 1},
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
def plain_log(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("plain") / "run")


@pytest.fixture(scope="module")
def plain(plain_log):
    return losses(plain_log)


@pytest.mark.parametrize("name", PATCHES)
def test_a_patch_changes_the_training(name, plain, tmp_path):
    patched = losses(trained(tmp_path / "patched", name))
    assert len(patched) == len(plain)
    assert all(math.isfinite(value) and abs(value) < 1e3 for value in patched)
    assert patched != plain


def test_without_a_patch_the_training_is_as_before(plain, tmp_path):
    with ExitStack() as patched:
        for patch in PATCHES.values():
            patched.enter_context(patch())
    assert losses(trained(tmp_path / "again")) == plain


def test_all_patches_go_together_in_bfloat16_and_are_taken_up_again(tmp_path):
    trained(tmp_path / "whole", *PATCHES, precision="bfloat16")
    trained(tmp_path / "parts", *PATCHES, precision="bfloat16", stop_after=2)
    whole, parts = states(tmp_path / "whole"), states(tmp_path / "parts")
    assert {n: set(s) for n, s in whole.items()} == {n: set(s) for n, s in parts.items()}
    for domain, tensors in whole.items():
        for name, value in tensors.items():
            assert torch.equal(value, parts[domain][name]), f"{domain}: {name}"


def test_the_style_loss_sees_whole_images_under_diffaugment(plain_log, tmp_path):
    augmented = trained(tmp_path / "augmented", "diffaugment, shift cutout")
    for domain, parts in plain_log[0]["losses"].items():  # of the first iteration, before networks differ
        assert augmented[0]["losses"][domain]["style"] == parts["style"]
        assert augmented[0]["losses"][domain]["heads"] != parts["heads"]


def test_what_discriminators_see_is_changed_by_chance_and_keeps_its_gradient():
    image = torch.rand(4, 3, 32, 32, requires_grad=True) + 0.1

    def see(seed):
        return augment(image, chance=np.random.default_rng(seed))

    assert torch.equal(see(1), see(1))
    assert not torch.equal(see(1), see(2))
    (gradient,) = torch.autograd.grad(see(1).sum(), image)
    assert set(gradient.unique().tolist()) == {0.0, 1.0}
    for one, changed in zip(image, see(1), strict=True):
        kept = changed != 0
        assert 0 < (~kept).float().mean() <= (17**2 + 2 * 4 * 32) / 32**2
        places = [torch.roll(one, (down, right), (1, 2)) for down in range(-4, 5) for right in range(-4, 5)]
        assert sum(torch.equal(changed[kept], place[kept]) for place in places) == 1


def test_heads_see_augmented_images_and_other_losses_whole_ones():
    class Features:
        def __call__(self, image):
            return {4: image}

        def mixed(self, maps):
            return list(maps.values())

    features = AugmentedFeatures(Features(), lambda image: -image)
    maps = features(torch.ones(1, 3, 8, 8))
    assert torch.equal(maps[4], torch.ones(1, 3, 8, 8))
    assert [one.unique().item() for one in features.mixed(maps)] == [-1]


def noise(seed, *shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def smooth(seed):
    """Noise without waves of one length, weaker the shorter they are: (8, 64, 64)."""
    frequency = torch.fft.fftfreq(64, dtype=torch.float64)
    falling = 1 / (0.02 + frequency[:, None] ** 2 + frequency**2)
    return 0.01 * torch.fft.ifft2(torch.fft.fft2(noise(seed, 8, 64, 64)) * falling).real


def test_waves_of_white_noise_are_as_strong_as_their_neighbours():
    waves2, waves4 = waves(noise(0, 60, 64, 64), noise(1, 60, 64, 64))
    assert waves2 == pytest.approx(1, abs=0.1)
    assert waves4 == pytest.approx(1, abs=0.1)


def test_a_grid_of_dots_has_strong_waves_of_its_own_length_alone():
    rows, columns = torch.meshgrid(torch.arange(64), torch.arange(64), indexing="ij")
    base = smooth(0)
    plain2, plain4 = waves(base, base)
    assert max(plain2, plain4) < 1.1
    checkerboard = base + 0.2 * ((rows + columns) % 2)
    stripes = base + 0.2 * ((columns // 2) % 2)
    for fake, (first, second) in ((checkerboard, (True, False)), (stripes, (False, True))):
        waves2, waves4 = waves(fake, base)
        assert (waves2 > 10 * plain2) == first
        assert (waves4 > 10 * plain4) == second


def test_waves_are_measured_where_the_source_is_flat_and_a_flat_picture_has_none():
    source = noise(0, 8, 64, 64)
    source[:, :, :32] = 0.5
    dots = torch.zeros(8, 64, 64, dtype=torch.float64)
    dots[:, ::2, 48::2] = 1  # where no window reaches that begins in the flat half
    assert waves(dots, source) == (1, 1)
    dots[:, ::2, ::2] = 1
    assert waves(dots + 1e-3 * noise(1, 8, 64, 64), source)[0] > 10


def test_light_is_the_change_of_mean_luminance():
    x = torch.rand(4, 3, 16, 16) * 1.6 - 1
    assert light(luminance(x + 0.2), luminance(x)) == pytest.approx(0.1, abs=1e-6)
    darker = torch.cat([x[:2] + 0.2, x[2:] - 0.2])
    assert light(luminance(darker), luminance(x)) == pytest.approx(0.1, abs=1e-6)


def test_every_patch_is_used_and_variants_differ_from_each_other():
    assert {patch for one in VARIANTS.values() for patch in one.patches} == set(PATCHES)
    different = {json.dumps([dict(one.changes), list(one.patches), one.preset]) for one in VARIANTS.values()}
    assert len(different) == len(VARIANTS)


@pytest.mark.parametrize("regime", REGIMES)
def test_every_variant_has_settings_in_every_regime(regime):
    preset = Settings.load(REGIMES[regime].preset)
    for name, one in VARIANTS.items():
        row = Row(regime, name, 1600, 3)
        if one.preset is not None and REGIMES[regime].collection is None:
            with pytest.raises(ComboganError, match="drawn seasons only"):
                _ = row.settings
            continue
        found = row.settings
        assert (found.schedule.iterations, found.run.seed, found.run.validate_every) == (1600, 3, 0)
        if one.preset is None:
            assert found.images == preset.images
        for key, value in one.changes.items():
            section, setting = key.split(".")
            assert found.model_dump(mode="json")[section][setting] == value


def test_a_variant_that_changes_nothing_in_a_preset_is_not_trained_again():
    from quality import without_repeats

    names = ["reference", "cycle-5", "cycle-2", "random"]  # quick has cycle 5
    rows = [Row("small", name, 1600, seed) for seed in (0, 1) for name in names]
    assert [(row.variant, row.seed) for row in without_repeats(rows)] == [
        (name, seed) for seed in (0, 1) for name in ("reference", "cycle-2", "random")
    ]


def test_variants_are_joined_and_what_contradicts_itself_is_refused():
    both = variant("cycle-5+cycle-decayed+diffaugment-shapes+start-0")
    assert both == variant("start-0+diffaugment-shapes+cycle-decayed+cycle-5")
    assert both.changes == {"losses.cycle": 5.0, "schedule.autoencode": 0}
    assert list(both.patches) == ["diffaugment, shift cutout", "cycle decayed to 0.1"]
    assert variant("reference+cycle-5") == variant("cycle-5")
    for wrong, why in (
        ("cycle-2+cycle-5", "set losses.cycle to different"),
        ("original+cycle-5", "'original' is a preset"),
        ("r3", "'r3'"),
    ):
        with pytest.raises(ComboganError, match=why):
            variant(wrong)


def test_a_row_is_known_by_its_settings_whatever_machine_it_was_trained_on(tmp_path, monkeypatch):
    row, record = Row("small", "style-2", 1600, 0), tmp_path / "quality.jsonl"
    assert Row("small", "style-2", 4000, 3).digest == row.digest != Row("300", "style-2", 1600, 0).digest
    assert not known(record, row)
    write(record, row.key)
    assert known(record, row)
    assert not known(record, Row("small", "style-2", 1600, 1))
    monkeypatch.setitem(VARIANTS, "style-2", VARIANTS["random"])
    assert not known(record, row)


def pictures(folder, *domains):
    """Six pictures of noise in each domain, the last three of them to test with."""
    chance = np.random.default_rng(0)
    for name in domains:
        for number in range(6):
            path = folder / name / ("train" if number < 3 else "test") / f"{name}{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(chance.integers(0, 256, (40, 48, 3), np.uint8)).save(path)
    return folder


def test_real_pictures_are_known_by_their_content_and_not_by_their_folder(tmp_path):
    here, there = (pictures(tmp_path / name, "monet", "photo") for name in ("here", "there"))
    other = pictures(tmp_path / "other", "monet", "winter")
    one, same, different = (Row("landscapes", "reference", 1600, 0, data) for data in (here, there, other))
    assert one.domains == [f"monet={here / 'monet'}", f"photo={here / 'photo'}"]
    assert one.key == same.key
    assert one.baseline_digest == same.baseline_digest
    assert one.digest != different.digest
    assert one.baseline_digest != different.baseline_digest


def run(monkeypatch, *words):
    """What `python benchmarks/quality.py` ends with: its exit code, or its last words."""
    import quality

    monkeypatch.setattr(sys, "argv", ["quality.py", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        quality.main()
    return ended.value.code


def test_rows_that_cannot_be_trained_are_refused_in_a_sentence(tmp_path, monkeypatch, capsys):
    pictures(tmp_path / "pictures", "monet")
    for words, why in (
        (["screen"], "the regime 'landscapes' needs --data DIR"),
        (["screen", "--regime", "landscapes"], "the regime 'landscapes' needs --data DIR"),
        (["screen", "--data", tmp_path / "pictures"], "at least two domains are needed, but the number of folders in"),
        (["final", "--rows", "original", "--data", tmp_path], "'original' is trained on drawn seasons only"),
        (["screen", "--rows", "r3", "--regime", "small"], "no variant is called 'r3'"),
    ):
        said = run(monkeypatch, *words)
        assert said.startswith("Error: ")
        assert why in said
        assert said.count("\n") == 0
    assert run(monkeypatch, "screen", "--regime", "smal") == 2
    assert "no regime is called 'smal'; there are: landscapes, small, 300" in capsys.readouterr().err


@pytest.mark.parametrize("regime", ["300", "landscapes"])
def test_a_row_is_trained_scored_and_recorded_once(regime, tmp_path, monkeypatch, capsys):
    record, out = tmp_path / "quality.jsonl", tmp_path / "rows"
    settings = small().changed({"schedule.batch": 1})
    monkeypatch.setattr(Row, "settings", property(lambda row: settings))
    monkeypatch.setattr(arrival, "ITERATIONS", 2)
    monkeypatch.setattr(scenes, "TRAIN", 6)
    monkeypatch.setattr(scenes, "TEST", 3)
    data = pictures(tmp_path / "pictures", "monet", "photo")
    asked = ["screen", "--rows", "cycle-decayed", "--regime", regime, "--threads", 1, "--data", data]
    asked += ["--out", out, "--record", record]
    assert run(monkeypatch, *asked) == 0
    found = lines(record)
    baselines = ["copying the input", "matching colours"] if regime == "300" else ["matching colours"]
    assert [line["variant"] for line in found] == [*baselines, "cycle-decayed"]
    matching, row = found[-2:]
    for line in (matching, row):
        assert {"arrival", "kid", "content", "edges", "texture", "waves2", "waves4", "light"} <= set(line)
        assert ("psnr" in line) == (regime == "300")
    if regime == "300":
        assert row["psnr"] - matching["psnr"] == pytest.approx(row["over_colour_matching"], abs=1e-4)
    assert {"cycle", "more_than_colour", "accuracy"} <= set(row)
    assert str(tmp_path) not in record.read_text()
    assert times(next(out.iterdir())) == {name: row[name] for name in ("seconds", "milliseconds_per_iteration")}
    assert run(monkeypatch, *asked) == 0
    assert len(lines(record)) == len(found)
    assert "recorded already" in capsys.readouterr().out


def test_a_row_that_was_stopped_in_its_start_or_later_goes_on(tmp_path, monkeypatch):
    import quality

    settings = small().changed({"schedule.autoencode": 4})
    monkeypatch.setattr(Row, "settings", property(lambda row: settings))
    row = Row("landscapes", "reference", 3, 0, pictures(tmp_path / "pictures", "monet", "photo"))
    asked = iter([False, False, True])
    trainer = quality.prepared(row, tmp_path / "run", 1)
    assert not trainer.run(lambda: next(asked))
    assert (tmp_path / "run" / "start").is_dir()
    trainer = quality.prepared(row, tmp_path / "run", 1)
    assert not trainer.run(lambda: trainer.iteration >= 2)
    trainer = quality.prepared(row, tmp_path / "run", 1)
    assert trainer.iteration == 2
    assert trainer.run()


def line(variant, seed, regime="small", digest="a", iterations=1600, **numbers):
    """A line of a record."""
    numbers |= {"kid": 0.25, "content": 0.5, "edges": 0.7, "waves2": 1.5, "waves4": 2.0, "light": 0.0625}
    numbers |= {"texture": [1.0, 2.0, 3.0], "cycle": 30.0, "milliseconds_per_iteration": 80.0, "seconds": 120}
    where = {"regime": regime, "variant": variant, "seed": seed, "iterations": iterations, "digest": digest}
    return {**where, **numbers}


def test_tables_join_seeds_and_leave_out_what_was_trained_with_other_settings():
    def drawn(variant, seed, psnr, digest="a"):
        over = psnr - 16
        return line(variant, seed, digest=digest, psnr=psnr, over_colour_matching=over, ssim=0.5, arrival=0.5)

    record = [drawn("cycle-2", 0, 10.0, "old"), drawn("cycle-2", 0, 18.0), drawn("cycle-2", 1, 19.0)]
    record.append(drawn("style-2", 0, 20.0))
    copying = {"regime": "small", "variant": "copying the input", "iterations": 0, "psnr": 12.5, "ssim": 0.25}
    record += [{**copying, "psnr": 12.0, "digest": "old"}, {**copying, "digest": "new"}]
    ((title, rows),) = tables(record).items()
    assert title == "40 drawn pictures per season, 1,600 iterations"
    assert [row["variant"] for row in rows] == ["style-2", "cycle-2", "copying the input"]
    cells = ["cycle-2", "2", "18.50 ± 0.50", "2.50", "0.500 ± 0.000", "0.50 ± 0.00", "0.250 ± 0.000", "0.500"]
    assert list(rows[1].values()) == [*cells, "0.70", "1 / 2 / 3", "30.0", "80", "2.0"]
    assert list(rows[2].values()) == ["copying the input", "", "12.50", "", "0.250", *[""] * 8]


def test_real_pictures_have_a_table_without_truth_the_best_arrival_first():
    record = [line("cycle-2", 0, "landscapes", arrival=0.25), line("style-2", 0, "landscapes", arrival=0.5)]
    ((title, rows),) = tables(record).items()
    assert title == "real pictures, 1,600 iterations"
    assert rows[0] == {
        "variant": "style-2",
        "seeds": "1",
        "arrival": "0.50",
        "kid": "0.250",
        "content": "0.500",
        "edges": "0.70",
        "waves": "1.50 / 2.00",
        "light": "0.062",
        "texture": "1 / 2 / 3",
        "cycle": "30.0",
        "ms": "80",
        "minutes": "2.0",
    }
    assert [row["variant"] for row in rows] == ["style-2", "cycle-2"]


def test_tables_are_written_between_the_marks_of_the_page(tmp_path, monkeypatch):
    import quality_table

    assert {*REAL, *DRAWN} == set(COLUMNS)
    page, record = tmp_path / "README.md", tmp_path / "quality.jsonl"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    monkeypatch.setattr(quality_table, "PAGE", page)
    quality_table.show(record)
    assert page.read_text() == f"before\n{BEGIN}\n{EMPTY}{END}\nafter\n"
    write(record, line("style-2", 0, "landscapes", arrival=0.5))
    quality_table.show(record)
    text = page.read_text()
    assert text.startswith(f"before\n{BEGIN}\n")
    assert text.endswith(f"{END}\nafter\n")
    assert "**real pictures, 1,600 iterations**" in text
    table = [row for row in markdown(tables(lines(record))).splitlines() if "|" in row]
    assert {row.count("|") for row in table} == {len(REAL) + 1}
