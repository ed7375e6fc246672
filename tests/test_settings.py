import tomllib
from pathlib import Path

import pytest

from combogan.errors import SettingsError
from combogan.settings import Settings, default_preset, parse_change, presets, sentence


@pytest.mark.parametrize("name", presets())
def test_every_preset_reads_back_from_its_own_toml(name):
    settings = Settings.load(name)
    assert Settings.build(tomllib.loads(settings.toml())) == settings


def test_the_command_line_wins_over_the_file_and_the_file_over_defaults(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("[images]\nsize = 64\nload = 72\n")
    settings = Settings.load(file, {"images.load": 80})
    assert (settings.images.size, settings.images.load, settings.networks.width) == (64, 80, 64)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"images.sise": 3},
            "there is no setting 'images.sise'. Did you mean 'size'? Known here: size, load, resize, flip, channels, "
            "depth.",
        ),
        ({"images.size": -4}, "setting 'images.size' is -4: input should be greater than or equal to 8."),
        ({"images.size": "big"}, "setting 'images.size' is 'big': input should be a valid integer."),
        (
            {"images.size": 50},
            "setting 'images': size is 50, which is no multiple of 4, the stride of the networks; take 48.",
        ),
        (
            {"images.size": 300},
            "setting 'images': crops of size 300 do not fit pictures loaded at 286; raise images.load.",
        ),
        (
            {"images.size": 20, "discriminator.padding": 1},
            "crops of size 20 are too small for a discriminator of 3 layers and padding 1, which needs 24; raise "
            "images.size or lower discriminator.layers.",
        ),
        ({"losses.cycle": float("nan")}, "setting 'losses.cycle' is nan: input should be a finite number."),
        (
            {"run.device": "gpu"},
            "setting 'run.device' is 'gpu': string should match pattern '^(auto|cpu|cuda(:\\d+)?)$'.",
        ),
        ({"size": 3}, "'size' is not a setting; write it as section.key, such as images.size."),
        ({"run.threads": 10**5}, "setting 'run.threads' is 100000: input should be less than or equal to 1024."),
        ({".size": 3}, "'.size' is not a setting; write it as section.key, such as images.size."),
    ],
)
def test_a_setting_that_does_not_fit_is_one_sentence(changes, sentence):
    with pytest.raises(SettingsError) as error:
        Settings().changed(changes)
    assert str(error.value) == sentence


def test_a_file_may_begin_with_the_mark_that_some_editors_write(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_bytes(b"\xef\xbb\xbf[images]\r\nsize = 64\r\n")
    assert Settings.load(file).images.size == 64


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("images = 3\n", "'images' must be a section"), ("a = " + 5000 * "[", "lie too deep in each other")],
)
def test_a_file_of_another_shape_is_one_sentence(tmp_path, text, sentence):
    file = tmp_path / "mine.toml"
    file.write_text(text)
    with pytest.raises(SettingsError, match=sentence):
        Settings.load(file)


def test_a_file_that_is_not_toml_names_the_line(tmp_path):
    file = tmp_path / "broken.toml"
    file.write_text("[images]\nsize = \n")
    with pytest.raises(SettingsError, match="is not TOML: .*line 2"):
        Settings.load(file)


def test_an_unknown_preset_names_the_nearest():
    with pytest.raises(SettingsError, match="no preset is called 'quik'. Did you mean 'quick'?"):
        Settings.load("quik")


def test_a_missing_settings_file_is_named():
    with pytest.raises(SettingsError, match="there is no settings file nowhere.toml"):
        Settings.load(Path("nowhere.toml"))


def test_a_change_is_read_as_toml_and_else_as_a_word():
    assert parse_change("images.size=64") == ("images.size", 64)
    assert parse_change("schedule.pairs=rounds") == ("schedule.pairs", "rounds")
    assert parse_change("optimizer.betas=[0.5, 0.99]") == ("optimizer.betas", [0.5, 0.99])
    with pytest.raises(SettingsError, match="'images.size' is not a change"):
        parse_change("images.size")


def test_every_setting_has_a_sentence():
    for section, field in Settings.model_fields.items():
        if section != "domains":
            for key in field.annotation.model_fields:
                assert sentence(f"{section}.{key}").endswith("."), f"{section}.{key}"


def test_presets_for_small_data_share_one_recipe():
    first, quick, *others = (Settings.load(name) for name in ("small-data", "quick", "food", "default"))
    assert others[0] == first, "food is small-data by another name"
    for other in others:
        assert other.losses == first.losses
    # Drawn scenes at 64 px are nearer to the truth without what sees features, and with each loss at every update
    # (benchmarks/README.md).
    for_drawings = {"heads": 0.0, "style": 0.0, "cycle": 5.0, "every": 1}
    assert quick.losses == first.losses.model_copy(update=for_drawings)
    for other in (quick, *others):
        assert other.networks.kind == first.networks.kind == "skip"
        assert (other.discriminator.kind, other.discriminator.layers) == ("patch", first.discriminator.layers)
        assert (other.schedule.pairs, other.schedule.autoencode) == (first.schedule.pairs, first.schedule.autoencode)


@pytest.mark.parametrize(("device", "there", "wanted"), [("auto", True, "default"), ("cpu", True, "quick")])
def test_a_preset_is_chosen_by_the_device(monkeypatch, device, there, wanted):
    monkeypatch.setattr("torch.cuda.is_available", lambda: there)
    assert default_preset(device)[0] == wanted


def test_settings_of_earlier_versions_are_passed_over_in_files(tmp_path):
    path = tmp_path / "settings.toml"
    path.write_text('[schedule]\nautoencode = 5\nautoencode_from = "looks-linear"\n')
    assert Settings.load(path) == Settings.build({"schedule": {"autoencode": 5}})
    with pytest.raises(SettingsError, match="autoencode_from"):
        Settings.load("quick", {"schedule.autoencode_from": "chance"})
