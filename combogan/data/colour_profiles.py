"""Pictures of any mode and colour profile -> RGB in sRGB, and transparency separately."""

from __future__ import annotations

import io
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

from combogan.data.pixel_kinds import white

_FROM_SIXTEEN = np.rint(np.arange(65536) / 257).astype(np.uint8)
"""Gray of 16 bits -> gray of 8; a table, because computing it would need a float copy of a large picture."""


def split(image: Image.Image, *, sixteen_bits: bool = False) -> tuple[Image.Image, Image.Image | None]:
    """A picture of any mode -> (its colours: RGB in sRGB, blended with nothing; its transparency).

    Transparency is L of the same size, 0 where transparent, or None where all is opaque. The embedded profile is
    applied and dropped: `info` of the result is empty, so that no file saved from it claims that profile.
    `sixteen_bits` says that gray of mode I has no more than 16.
    """
    alpha = None
    colours = image
    if image.mode.startswith("I") or image.mode == "F":
        colours, alpha = _eight_bits(image, sixteen_bits or image.mode.startswith("I;16"))
    elif image.has_transparency_data:
        rgba = image.convert("RGBA")
        alpha = rgba.getchannel("A")
        colours = rgba.getchannel("R") if image.mode in ("1", "L", "LA") else rgba.convert("RGB")
    elif image.mode == "1":
        colours = image.convert("L")
    elif image.mode not in ("L", "CMYK"):
        colours = image.convert("RGB")
    if alpha is not None and alpha.getextrema() == (255, 255):
        alpha = None
    rgb = _to_srgb(colours, image.info.get("icc_profile"))
    rgb.info = {}
    return rgb, alpha


def _eight_bits(image: Image.Image, sixteen_bits: bool) -> tuple[Image.Image, Image.Image | None]:
    """Gray of 16 or 32 bits or floats -> L, and transparency where one gray value means transparent."""
    values = np.asarray(image)
    gray = _FROM_SIXTEEN[values] if sixteen_bits else _from_any(values)
    clear = image.info.get("transparency")
    if not isinstance(clear, int):
        return Image.fromarray(gray), None
    return Image.fromarray(gray), Image.fromarray(np.where(values == clear, 0, 255).astype(np.uint8))


def _from_any(values: np.ndarray) -> np.ndarray:
    """Gray of 32 bits or floats -> uint8.

    White is the first of 1 (floats only), 255 and 65535 that no value exceeds. If values are below 0 or above 65535,
    black and white are the smallest and the largest value.
    """
    whole = values.dtype.kind != "f"
    values = np.nan_to_num(values.astype(np.float64))
    low, high = float(values.min()), float(values.max())
    if low < 0 or high > 65535:
        values, white = values - low, high - low or 1.0
    else:
        white = next(white for white in (1.0, 255.0, 65535.0) if high <= white and not (whole and white == 1))
    return np.rint(values * (255 / white)).astype(np.uint8)


def _to_srgb(colours: Image.Image, profile: object) -> Image.Image:
    """L, RGB or CMYK -> RGB, by the embedded profile where there is a usable one."""
    transform = _transform(profile, colours.mode) if isinstance(profile, bytes) and profile else None
    if transform is None:
        return colours.convert("RGB")
    return ImageCms.applyTransform(colours, transform) or colours


@lru_cache(maxsize=32)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """From `profile` to sRGB; None for one that is broken, is for other colours, or is sRGB itself."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
        if mode == "CMYK":
            return transform
        # A profile that changes colours by rounding only is skipped: faster, and the values stay exact.
        steps = np.linspace(0, 255, 17).round().astype(np.uint8)
        cube = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(1, -1, 3)
        probe = Image.fromarray(cube[..., 0] if mode == "L" else cube)
        moved = ImageCms.applyTransform(probe, transform)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
    distance = np.abs(np.asarray(moved, dtype=int) - np.asarray(probe.convert("RGB"), dtype=int))
    return transform if distance.max() > 2 else None


def over_white(rgb: Image.Image, alpha: Image.Image | None) -> Image.Image:
    """`rgb`, or gray at its own depth, blended with white where it is transparent."""
    if alpha is None:
        return rgb
    if rgb.mode == "F":  # Pillow blends its bytes
        opaque = np.asarray(alpha, np.float32) / np.float32(255)
        return Image.fromarray((1 - opaque) + np.asarray(rgb) * opaque)
    return Image.composite(rgb, white(rgb), alpha)
