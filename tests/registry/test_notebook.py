"""What notebooks are shown: previews that need no file, and names that cannot become markup."""

import shutil
from base64 import b64encode

import pytest
import torch
from PIL import Image

from combogan.networks.decoder import ResnetDecoder
from combogan.networks.encoder import ResnetEncoder
from combogan.registry.generator import Generator
from combogan.registry.pack import NewPack, publish
from combogan.registry.registry import Registry
from combogan.translation.translator import Translator


@pytest.fixture
def folder(tmp_path):
    torch.manual_seed(0)
    packs = [
        NewPack(name, ResnetEncoder(width=2, blocks=1), ResnetDecoder(width=2, blocks=1), ("7f3a", "7f3a"), 64)
        for name in ("summer", "winter")
    ]
    folder = tmp_path / "<b>packs"
    publish(folder, packs)
    Image.new("RGB", (4, 4), "red").save(folder / "winter" / "preview.png")
    return folder


def test_a_registry_shows_its_packs_and_previews(folder):
    shown = Registry.open(folder)._repr_html_()
    content = b64encode((folder / "winter/preview.png").read_bytes()).decode()
    assert shown.count("<tr>") == 3
    assert f'<img alt="into winter" style="max-width: 400px" src="data:image/png;base64,{content}">' in shown
    assert shown.count("<img") == 1
    assert "<td>encoder + decoder</td><td>7f3a</td><td>64 px</td>" in shown
    assert "&lt;b&gt;packs" in shown
    assert "<b>" not in shown


def test_only_a_png_of_a_moderate_size_is_a_preview(folder):
    (folder / "winter/preview.png").write_bytes(b"<script>alert()</script>")
    assert "<img" not in Registry.open(folder)._repr_html_()
    (folder / "winter/preview.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(1 << 20))
    assert "<img" not in Registry.open(folder)._repr_html_()


def test_damage_is_shown_and_escaped(folder):
    (folder / "summer/pack.json").write_text("{")
    shown = Registry.open(folder)._repr_html_()
    assert "<p>Damaged: " in shown
    assert "<b>" not in shown


def test_a_generator_and_a_translator_say_what_they_do(folder):
    registry = Registry.open(folder)
    generator = registry.compose("summer", "winter")
    shown = generator._repr_html_()
    assert "summer &rarr; winter" in shown
    assert "trained at 64 px, stride 4" in shown
    assert "data:image/png" in shown
    assert Generator(generator.encoder, generator.decoder, 4)._repr_html_().startswith("<pre>Generator(")
    said = Translator(registry, precision="float32")._repr_html_()
    assert said == f"<p>Translator on cpu in float32</p>{registry._repr_html_()}"
    shutil.rmtree(folder)
    assert "data:image/png" not in generator._repr_html_()
