"""Contact sheets: many pictures in one, with labels."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Sequence

from PIL import Image, ImageDraw, ImageFont

_PAPER, _INK, _EMPTY, _GREEN = "white", (40, 40, 40), (236, 236, 236), (30, 160, 70)


def grid(
    rows: Sequence[Sequence[Image.Image | None]],
    *,
    size: int,
    row_labels: Sequence[str] = (),
    column_labels: Sequence[str] = (),
    marked: Collection[tuple[int, int]] = (),
) -> Image.Image:
    """One sheet with a cell of `size` x `size` pixels for each picture, which is scaled to fit and centred.

    `None` leaves a cell empty; rows may differ in length. `marked` holds (row, column) of cells with a green border.
    Labels are left of the rows and above the columns, shortened in the middle where too long.
    """
    gap, font = max(2, size // 32), _font(size)
    columns = max([len(row) for row in rows] + [len(column_labels), 1])
    line = round(font.getbbox("Ag")[3]) + gap
    left = gap + max((round(font.getlength(_cut(text, font, 2 * size))) + gap for text in row_labels), default=0)
    top = gap + (line if column_labels else 0)
    sheet = Image.new("RGB", (left + columns * (size + gap), top + max(len(rows), 1) * (size + gap)), _PAPER)
    draw = ImageDraw.Draw(sheet)
    for column, text in enumerate(column_labels):
        centre = left + column * (size + gap) + size / 2
        draw.text((centre, top - line / 3), _cut(text, font, size), fill=_INK, font=font, anchor="ms")
    for row, text in enumerate(row_labels):
        middle = top + row * (size + gap) + size / 2
        draw.text((left - gap, middle), _cut(text, font, 2 * size), fill=_INK, font=font, anchor="rm")
    for row, pictures in enumerate(rows):
        for column, picture in enumerate(pictures):
            x, y = left + column * (size + gap), top + row * (size + gap)
            if picture is None:
                draw.rectangle((x, y, x + size - 1, y + size - 1), fill=_EMPTY)
            else:
                fitted = _fit(picture, size)
                sheet.paste(fitted, (x + (size - fitted.width) // 2, y + (size - fitted.height) // 2))
            if (row, column) in marked:
                border = max(2, gap)
                draw.rectangle(
                    (x - border, y - border, x + size + border - 1, y + size + border - 1), None, _GREEN, border
                )
    return sheet


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size=max(11, min(28, size // 8)))


def _cut(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    """`text`, shortened in its middle until it is at most `width` pixels wide."""
    # Pillow's built-in font has no accents.
    text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode() or text
    kept = len(text)
    short = text
    while font.getlength(short) > width and kept > 2:
        kept -= 1
        short = f"{text[: (kept + 1) // 2]}...{text[len(text) - kept // 2 :]}"
    return short


def _fit(picture: Image.Image, size: int) -> Image.Image:
    """The whole picture, as large as it can be in `size` x `size`."""
    scale = size / max(picture.size)
    if scale == 1:
        return picture
    width, height = (max(1, round(side * scale)) for side in picture.size)
    return picture.resize((width, height), Image.Resampling.LANCZOS)
