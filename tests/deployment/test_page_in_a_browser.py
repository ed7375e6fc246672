"""The page as people see it: a real server, and the system's Chromium."""

import base64
import io
import os
import shutil
import subprocess
import sys
import zipfile

import pytest
import torch
from PIL import Image

from combogan.evaluation.arrival import Arrival
from combogan.evaluation.classifier import CLASSIFIER, write_classifier
from combogan.evaluation.image_features import VALUES
from combogan.networks.decoder import ResnetDecoder
from combogan.networks.encoder import ResnetEncoder
from combogan.registry.pack import NewPack, publish

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")
pytest.importorskip("gradio", reason="Gradio is not installed")
playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")

PATIENCE = 60_000
"""Milliseconds; a machine that tests is not idle."""


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """A page of two latent spaces, served as by a person."""
    folder = tmp_path_factory.mktemp("page")
    torch.manual_seed(0)

    def new(name, space):
        halves = ResnetEncoder(width=2, blocks=1), ResnetDecoder(width=2, blocks=1)
        return NewPack(name, *halves, (space, space), 16, {"date": "2026-01-01"})

    publish(folder / "seasons", [new(name, "0a") for name in ("summer", "winter", "fall")])
    publish(folder / "painters", [new(name, "0b") for name in ("monet", "photo")])
    Image.new("RGB", (64, 48), "teal").save(folder / "seasons" / "summer" / "preview.png")
    weights = {"mean": torch.zeros(VALUES), "deviation": torch.ones(VALUES), "weight": torch.zeros(VALUES, 3).double()}
    weights["bias"] = torch.tensor([2.0, 1, 0]).double()  # every picture is taken for fall
    write_classifier(folder / "seasons" / CLASSIFIER, Arrival(("fall", "winter", "summer"), weights, size=16))
    words = ["serve", "--registry", str(folder), "--port", "0", "--device", "cpu", "--memory", "0.5"]
    command = [sys.executable, "-m", "combogan.cli.main", *words]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=folder, env=os.environ | {"PYTHONUNBUFFERED": "1"}
    )
    try:
        said = process.stdout.readline()
        assert said.startswith("Serving fall, monet, photo, summer, winter on http://127.0.0.1:")
        yield said.split(" on ")[1].split(" ")[0]
    finally:
        process.terminate()
        process.communicate()


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as system:
        started = system.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def visit(address, browser):
    """Opens the page as a new visitor."""
    visitors = []

    def opened(width=1200):
        visitor = browser.new_context(viewport={"width": width, "height": 900})
        visitors.append(visitor)
        page = visitor.new_page()
        page.set_default_timeout(PATIENCE)
        page.asked = []
        page.on("request", lambda request: page.asked.append(request.url))
        page.goto(address)
        page.wait_for_selector("#pictures input[type=file]", state="attached")
        return page

    yield opened
    for visitor in visitors:
        visitor.close()


def png(size=(40, 30), colour="teal"):
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "PNG")
    return file.getvalue()


def hand_over(page, event, name, content, onto="body"):
    """Drop or paste a file as a browser does."""
    page.evaluate(
        """([event, name, content, onto]) => {
            const bytes = Uint8Array.from(atob(content), (one) => one.charCodeAt(0));
            const data = new DataTransfer();
            data.items.add(new File([bytes], name, {type: "image/png"}));
            const made = event === "paste"
                ? new ClipboardEvent(event, {clipboardData: data, bubbles: true, cancelable: true})
                : new DragEvent(event, {dataTransfer: data, bubbles: true, cancelable: true});
            document.querySelector(onto).dispatchEvent(made);
        }""",
        [event, name, base64.b64encode(content).decode(), onto],
    )


def choose(page, label, option):
    page.get_by_label(label, exact=True).click()
    page.get_by_role("option", name=option, exact=True).click()


def downloaded(page, button):
    with page.expect_download() as download:
        page.click(button)
    return download.value


def test_drop_paste_translate_to_all_slider_and_download(visit, address):
    page = visit()
    hand_over(page, "drop", "one.png", png(), onto="#pictures button")
    page.wait_for_selector("#pictures img")
    hand_over(page, "paste", "two.png", png(colour="tomato"))
    playwright.expect(page.locator("#pictures .grid-container img")).to_have_count(2, timeout=PATIENCE)
    choose(page, "From", "summer")
    page.click("#translate")
    playwright.expect(page.locator("#results .grid-container img")).to_have_count(4, timeout=PATIENCE)
    assert "Using latent space 0a (seasons)." in page.inner_text("#said")
    playwright.expect(page.locator("#slider")).to_contain_text("fall: one")
    assert page.locator("#slider img").count() == 2
    handle = page.locator("#slider .inner").first
    place = handle.bounding_box()
    page.mouse.move(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
    page.mouse.down()
    page.mouse.move(place["x"] + 90, place["y"] + place["height"] / 2, steps=4)
    page.mouse.up()
    assert handle.bounding_box()["x"] > place["x"] + 40
    page.locator("#results .grid-container img").nth(3).click()
    playwright.expect(page.locator("#slider")).to_contain_text("winter: two")
    assert downloaded(page, "#one").suggested_filename == "two-winter.png"
    with zipfile.ZipFile(downloaded(page, "#every").path()) as archive:
        assert sorted(archive.namelist()) == ["fall/one.png", "fall/two.png", "winter/one.png", "winter/two.png"]
        with archive.open("fall/one.png") as file, Image.open(file) as picture:
            assert min(picture.size) == 32
    elsewhere = [url for url in page.asked if not url.startswith((address, "data:", "blob:"))]
    assert elsewhere == []


def test_what_goes_wrong_is_said_in_the_sentences_of_the_command_line(visit):
    page = visit(width=390)
    page.locator("#pictures input[type=file]").set_input_files(
        [
            {"name": "<b>broken</b>.png", "mimeType": "image/png", "buffer": png()[:40]},
            {"name": "text.jpg", "mimeType": "image/jpeg", "buffer": b"no picture"},
            {"name": "good.png", "mimeType": "image/png", "buffer": png()},
        ]
    )
    page.wait_for_selector("#pictures .grid-container img")
    choose(page, "From", "photo")
    page.click("#translate")
    said = page.locator("#said .error")
    playwright.expect(said).to_have_count(2, timeout=PATIENCE)
    assert said.nth(0).inner_text().startswith("Error: 'b.png' is broken or truncated")
    assert said.nth(1).inner_text().startswith("Error: 'text.jpg' is no JPEG, PNG, WebP, BMP, TIFF or GIF")
    playwright.expect(page.locator("#results .grid-container img")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    choose(page, "To", "winter")
    page.click("#translate")
    playwright.expect(said).to_have_count(1, timeout=PATIENCE)
    assert "'photo' belongs to latent space 0b" in said.inner_text()
    assert said.inner_text().endswith("`combogan bridge RUN_A RUN_B` connects two runs.")


def test_any_domain_says_what_each_picture_is_taken_for_and_lets_it_be_changed(visit):
    page = visit(width=390)
    choose(page, "Latent space", "seasons (0a): fall, summer, winter")
    playwright.expect(page.get_by_label("From", exact=True)).to_have_value("any", timeout=PATIENCE)
    choose(page, "To", "winter")
    picture = {"name": "one.png", "mimeType": "image/png", "buffer": png()}
    page.locator("#pictures input[type=file]").set_input_files([picture])
    page.wait_for_selector("#pictures .grid-container img")
    page.click("#translate")
    said = page.locator("#said")
    playwright.expect(said).to_contain_text("'one.png' is taken for fall (67%).", timeout=PATIENCE)
    playwright.expect(page.locator("#results .grid-container img")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    menu = page.get_by_label("one.png is of", exact=True)
    playwright.expect(menu).to_have_value("fall")
    choose(page, "one.png is of", "winter")
    page.click("#translate")
    playwright.expect(said).to_contain_text("'one.png' is of winter already", timeout=PATIENCE)
    choose(page, "one.png is of", "summer")
    page.click("#translate")
    playwright.expect(page.locator("#results .grid-container img")).to_have_count(1, timeout=PATIENCE)
    assert "taken for" not in said.inner_text()
    playwright.expect(menu).to_have_value("summer")
    playwright.expect(page.get_by_label("is of")).to_have_count(1)


def test_a_translation_in_tiles_is_counted_and_can_be_stopped(visit):
    page = visit()
    picture = {"name": "long.png", "mimeType": "image/png", "buffer": png((3000, 3000))}
    page.locator("#pictures input[type=file]").set_input_files([picture])
    page.wait_for_selector("#pictures .grid-container img")
    choose(page, "From", "photo")
    choose(page, "Size: pixels of the short side", "as it is")
    page.click("#translate")
    playwright.expect(page.locator("#slider")).to_contain_text("tiles", timeout=PATIENCE)
    page.click("#stop")
    playwright.expect(page.locator("#said")).to_contain_text("Stopped; what was done before", timeout=PATIENCE)
    playwright.expect(page.locator("#results .grid-container img")).to_have_count(0)


def test_two_visitors_at_once_each_get_their_own(visit):
    pages = {"one": visit(), "two": visit()}
    for name, page in pages.items():
        picture = {"name": f"{name}.png", "mimeType": "image/png", "buffer": png((400, 300))}
        page.locator("#pictures input[type=file]").set_input_files([picture])
        page.wait_for_selector("#pictures .grid-container img")
        choose(page, "From", "summer")
    for page in pages.values():
        page.click("#translate")
    for name, page in pages.items():
        playwright.expect(page.locator("#results .grid-container img")).to_have_count(2, timeout=PATIENCE)
        assert f"fall: {name}" in page.inner_text("#results")
        assert downloaded(page, "#one").suggested_filename == f"{name}-fall.png"
