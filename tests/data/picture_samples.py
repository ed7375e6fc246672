"""Small pictures with known pixels."""

import numpy as np
from PIL import Image, ImageCms

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def noise(width=24, height=16, channels=3):
    return np.random.default_rng(0).integers(0, 256, (height, width, channels), dtype=np.uint8)


def quarters(width=48, height=32):
    """Red, green above blue, white: every orientation looks different."""
    picture = Image.new("RGB", (width, height), RED)
    picture.paste(GREEN, (width // 2, 0, width, height // 2))
    picture.paste(BLUE, (0, height // 2, width // 2, height))
    picture.paste(WHITE, (width // 2, height // 2, width, height))
    return picture


def corners(picture):
    width, height = picture.size
    places = ((4, 4), (width - 5, 4), (4, height - 5), (width - 5, height - 5))
    return [tuple(round(value / 255) * 255 for value in picture.getpixel(place)) for place in places]


def swapped_profile(one=b"rXYZ", other=b"gXYZ"):
    """sRGB with two primaries exchanged: its pure red is sRGB's pure green."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    table = range(132, 132 + 12 * int.from_bytes(profile[128:132], "big"), 12)
    at = {bytes(profile[entry : entry + 4]): entry for entry in table}
    profile[at[one] : at[one] + 4], profile[at[other] : at[other] + 4] = other, one
    return bytes(profile)
