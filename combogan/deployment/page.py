"""How the page looks, and what happens where. Only this file and `page_server` know Gradio."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from threading import Event
from typing import Any

import gradio as gr

from combogan.deployment.page_answer import MOST, Answer, Result
from combogan.deployment.page_translator import PageTranslator
from combogan.errors import StorageError

WAITING = 20
"""Visitors who can wait for their translation; others are told to come back."""
STYLE = """
.gradio-container {max-width: 1280px !important}
#said p {margin: 0 0 6px; padding: 8px 12px; border-radius: 8px; background: var(--background-fill-secondary);
  overflow-wrap: anywhere}
#said p.error {border-left: 4px solid #c2410c}
#pictures .grid-wrap, #results .grid-wrap, #examples .grid-wrap {padding-top: 40px}
#results .grid-wrap, #examples .grid-wrap {max-height: none}
#domains:not(:has(input)) {display: none}
#pictures .grid-container {grid-template-columns: repeat(3, minmax(0, 1fr)) !important}
@media (max-width: 640px) {
  #results .grid-container, #examples .grid-container {grid-template-columns: repeat(2, minmax(0, 1fr)) !important}
}
"""
PASTE = """
<script>
// Pictures that are pasted or dropped anywhere on the page go to the hidden file input.
function take(files) {
  const input = document.querySelector("#pasted input[type=file]");
  const pictures = [...files].filter((file) => file.type.startsWith("image/"));
  if (!input || !pictures.length) return;
  const all = new DataTransfer();
  pictures.forEach((file) => all.items.add(file));
  input.files = all.files;
  input.dispatchEvent(new Event("change", {bubbles: true}));
}
addEventListener("paste", (event) => take(event.clipboardData.files));
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", (event) => {
  if (!event.defaultPrevented) take(event.dataTransfer.files);
  event.preventDefault();
});
</script>
"""
TITLE = "combogan"


def build(translator: PageTranslator) -> gr.Blocks:
    """The page of a translator."""
    space = translator.spaces[0]
    with gr.Blocks(title=TITLE, analytics_enabled=False) as page:
        gr.Markdown("# combogan\nTranslate pictures from one domain into another.")
        results, known = gr.State([]), gr.State([])
        working: dict[str, Event] = {}  # by the session of a visitor who waits for a translation
        with gr.Row():
            with gr.Column(min_width=320):
                pictures = _gallery(
                    "Pictures: drop, paste or choose", "pictures", sources=["upload", "clipboard"], height=240
                )
                pasted = gr.File(elem_id="pasted", file_count="multiple", visible="hidden")
                spaces = gr.Dropdown(
                    translator.spaces, value=space, label="Latent space", visible=len(translator.spaces) > 1
                )
                menus = _choices(translator, space)
                with gr.Row():
                    source, target = (gr.Dropdown(min_width=100, **menu) for menu in menus[:2])
                size = gr.Dropdown(**menus[2])
                with gr.Column(elem_id="domains"):
                    taken = [gr.Dropdown(visible=False, min_width=100) for _ in range(MOST)]
                with gr.Row():
                    go = gr.Button("Translate", variant="primary", elem_id="translate", min_width=100)
                    stop = gr.Button("Stop", elem_id="stop", min_width=100)
            with gr.Column(scale=2, min_width=320):
                said = gr.HTML(elem_id="said")
                slider = gr.ImageSlider(
                    label="Source and translation", elem_id="slider", interactive=False, buttons=["fullscreen"]
                )
                shown = _gallery("All translations; choose one for the slider", "results", allow_preview=False)
                with gr.Row():
                    one = gr.DownloadButton("Download this one", interactive=False, elem_id="one")
                    every = gr.DownloadButton("Download all as a zip", interactive=False, elem_id="every")
        examples = _gallery(
            "Examples: the packs' own previews", "examples", value=translator.previews(space), columns=4
        )

        def translate(
            given: list[tuple[str, str | None]] | None,
            space: str,
            source: str | None,
            target: str | None,
            size: str,
            known: list[Path],
            request: gr.Request,
            progress: gr.Progress = gr.Progress(),  # noqa: B008
            *chosen: str | None,
        ) -> list[Any]:
            paths = [Path(path) for path, _ in given or []]
            corrected = {path: name for path, name in zip(known, chosen, strict=False) if name}
            working[str(request.session_hash)] = ended = Event()
            try:
                answer = translator.translate(
                    paths,
                    source or "",
                    target or "",
                    space=space,
                    size=size or "",
                    corrected=corrected,
                    progress=progress,
                    stopped=ended.is_set,
                )
            finally:
                working.pop(str(request.session_hash), None)
            menus = _domains(answer.domains, translator.domains(space))
            return [*_answered(translator, answer), list(answer.domains), *menus]

        def end(request: gr.Request) -> None:
            if ended := working.get(str(request.session_hash)):
                ended.set()

        def choose(found: list[Result], chosen: gr.SelectData) -> list[Any]:
            return _shown(found, chosen.index)

        def change_space(space: str) -> list[Any]:
            menus = [gr.Dropdown(**menu) for menu in _choices(translator, space)]
            return [*menus, translator.previews(space), [], *_domains({}, [])]

        def add(given: list[tuple[str, str | None]] | None, more: list[str] | None) -> list[Any]:
            return [[*(given or []), *((path, None) for path in more or [])], None]

        private: dict[str, Any] = {"api_visibility": "private"}
        go.click(
            translate,
            [pictures, spaces, source, target, size, known, *taken],
            [said, shown, results, every, slider, one, known, *taken],
            show_progress_on=[slider],
            concurrency_limit=1,
            **private,
        )
        stop.click(end, show_progress="hidden", **private)
        page.unload(end)
        shown.select(choose, [results], [slider, one], show_progress="hidden", **private)
        spaces.change(
            change_space, [spaces], [source, target, size, examples, known, *taken], show_progress="hidden", **private
        )
        pasted.upload(add, [pictures, pasted], [pictures, pasted], show_progress="hidden", **private)
    page.queue(max_size=WAITING, default_concurrency_limit=4, api_open=False)
    return page


def theme() -> gr.Theme:
    """Gradio's own look in the fonts of the visitor's system: none is loaded from elsewhere."""
    return gr.themes.Default(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"])


def _gallery(label: str, elem_id: str, **options: Any) -> gr.Gallery:
    """Pictures beside each other, of which visitors can add some where there are `sources`."""
    usual: dict[str, Any] = {"columns": 3, "height": "auto", "object_fit": "contain", "buttons": []}
    return gr.Gallery(label=label, elem_id=elem_id, interactive="sources" in options, **usual | options)


def _choices(translator: PageTranslator, space: str) -> list[dict[str, Any]]:
    """What the menus of source, target and size offer for a latent space."""
    sources, targets, sizes = translator.sources(space), translator.targets(space), translator.sizes(space)
    return [
        {"label": "From", "choices": sources, "value": sources[0]},
        {"label": "To", "choices": targets, "value": targets[0]},
        {"label": "Size: pixels of the short side", "choices": sizes, "value": sizes[0], "allow_custom_value": True},
    ]


def _domains(found: Mapping[Path, str], domains: Sequence[str]) -> list[gr.Dropdown]:
    """The menus that say of which domain each picture is, and let a visitor change it; as many as pictures can be."""
    shown = [
        gr.Dropdown(choices=list(domains), value=domain, label=f"{path.name} is of", visible=True)
        for path, domain in found.items()
    ]
    return [*shown, *(gr.Dropdown(choices=[], value=None, visible=False) for _ in range(MOST - len(shown)))]


def _answered(translator: PageTranslator, answer: Answer) -> list[Any]:
    """The outputs of a translation: what is said, the gallery, its state, the zip, and what the slider shows."""
    archive = None
    try:
        archive = str(translator.zipped(answer.results)) if answer.results else None
    except StorageError as error:
        answer.errors.append(str(error))
    said = [f'<p class="error" role="alert">Error: {escape(text)}</p>' for text in answer.errors]
    said += [f"<p>{escape(text)}</p>" for text in answer.notes]
    gallery = gr.Gallery([(str(result.file), result.caption) for result in answer.results], selected_index=0)
    every = gr.DownloadButton(value=archive, interactive=archive is not None)
    return ["".join(said), gallery, answer.results, every, *_shown(answer.results, 0)]


def _shown(results: Sequence[Result], index: int) -> list[Any]:
    """The slider and the download of one translation."""
    if not 0 <= index < len(results):
        return [None, gr.DownloadButton(value=None, interactive=False)]
    result = results[index]
    pair = gr.ImageSlider((str(result.source_file), str(result.file)), label=result.caption)
    return [pair, gr.DownloadButton(value=str(result.file), interactive=True)]
