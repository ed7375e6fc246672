"""combogan: N folders of pictures in, an any-to-any image translator out.

After "ComboGAN: Unrestrained Scalability for Image Domain Translation" (Anoosheh et al. 2017, arXiv 1712.06909).
"""

import importlib
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from combogan.errors import ComboganError
    from combogan.registry.registry import Registry
    from combogan.runs.add_domain import add_domain
    from combogan.runs.bridge import bridge
    from combogan.runs.run import train
    from combogan.settings import Settings
    from combogan.translation.large_pictures import Room
    from combogan.translation.translator import Translator

__all__ = ["ComboganError", "Registry", "Room", "Settings", "Translator", "add_domain", "bridge", "train"]

__version__ = version("combogan")

_HOME = {
    "ComboganError": "combogan.errors",
    "Registry": "combogan.registry.registry",
    "Room": "combogan.translation.large_pictures",
    "Settings": "combogan.settings",
    "Translator": "combogan.translation.translator",
    "add_domain": "combogan.runs.add_domain",
    "bridge": "combogan.runs.bridge",
    "train": "combogan.runs.run",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that `import combogan` does not import torch."""
    if name not in _HOME:
        raise AttributeError(f"module 'combogan' has no attribute '{name}'")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
