import numpy as np
import pytest
from PIL import Image

from combogan.data.sheets import grid

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def plain(colour, width=64, height=64):
    return Image.new("RGB", (width, height), colour)


def area(sheet, colour):
    return int((np.asarray(sheet) == colour).all(axis=-1).sum())


def test_every_picture_has_its_cell_in_reading_order():
    sheet = grid([[plain(RED), plain(GREEN)], [plain(BLUE)]], size=64)
    assert [area(sheet, colour) for colour in (RED, GREEN, BLUE)] == [64 * 64] * 3
    centre = {
        colour: np.argwhere((np.asarray(sheet) == colour).all(axis=-1)).mean(axis=0) for colour in (RED, GREEN, BLUE)
    }
    assert centre[RED][0] == centre[GREEN][0] < centre[BLUE][0]
    assert centre[RED][1] == centre[BLUE][1] < centre[GREEN][1]


def test_pictures_of_another_shape_are_fitted_whole():
    assert area(grid([[plain(RED, 128, 64)]], size=64), RED) == 64 * 32
    assert area(grid([[plain(RED, 16, 32)]], size=64), RED) == 32 * 64


def test_an_empty_cell_keeps_its_place():
    full, holed = grid([[plain(RED), plain(GREEN)]], size=64), grid([[None, plain(GREEN)]], size=64)
    assert full.size == holed.size
    assert (area(holed, RED), area(holed, GREEN)) == (0, 64 * 64)


def test_marked_cells_have_a_border_that_covers_no_picture():
    rows = [[plain(RED), plain(RED)], [plain(RED), plain(RED)]]
    sheet, marked = grid(rows, size=64), grid(rows, size=64, marked={(0, 0), (1, 1)})
    assert area(marked, RED) == area(sheet, RED) == 4 * 64 * 64
    assert area(marked, (30, 160, 70)) > 2 * 4 * 64


def test_labels_are_drawn_and_long_ones_stay_in_their_place():
    rows = [[plain(RED), plain(RED)], [plain(RED), plain(RED)]]
    bare = grid(rows, size=64)
    labelled = grid(rows, size=64, row_labels=["summer", "winter"], column_labels=["photo", "a name " * 30])
    assert labelled.width > bare.width
    assert labelled.height > bare.height
    assert area(labelled, RED) == area(bare, RED)
    assert (np.asarray(labelled) < 120).all(axis=-1).sum() > 50
    long = grid(rows, size=64, row_labels=["a name " * 30, "b"])
    assert long.width < bare.width + 2.5 * 64


def test_accents_that_the_font_lacks_are_left_out():
    accented, plain_ones = (grid([[plain(RED)]], size=64, column_labels=[text]) for text in ("été", "ete"))
    assert accented.tobytes() == plain_ones.tobytes()


@pytest.mark.parametrize("rows", [[], [[]], [[None]]])
def test_a_sheet_of_nothing_is_still_a_picture(rows):
    assert area(grid(rows, size=32), WHITE) > 0
