"""Directions: which domain is translated into which, from the words of a command."""

from __future__ import annotations

from collections.abc import Sequence

from combogan.errors import PackError
from combogan.registry.registry import Registry

EVERY = "all"
"""The word for every domain that can be translated into or from."""
ANY = "any"
"""The word for the domain that a picture is of, as a classifier sees it."""


def pairs(
    registry: Registry,
    sources: Sequence[str],
    targets: Sequence[str],
    *,
    autoencode: bool = False,
    matrix: bool = False,
) -> dict[str, list[str]]:
    """Source -> its targets, in order. `autoencode` adds each source itself; `matrix` only where its halves compose.

    Directions that are named in full are kept even if they do not compose. PackError where no direction is left.
    """
    named = [name for name in targets if name != EVERY]
    chosen = _of_newest_space(registry, named) if EVERY in sources else list(sources)
    found = {}
    for source in chosen:
        wanted = _reachable(registry, source) if EVERY in targets else named
        if EVERY in sources:
            wanted = [name for name in wanted if registry.composes(source, name)]
        if len(chosen) > 1:
            wanted = [name for name in wanted if name != source]
        itself = autoencode or (matrix and len(chosen) > 1 and registry.composes(source, source))
        if itself and source not in wanted:
            wanted = [*wanted, source]
        if wanted:
            found[source] = wanted
    if not found:
        words = ", ".join(f"'{name}'" for name in (chosen if EVERY in targets else named))
        raise PackError(f"there is nothing to translate between: {words} is all there is; train or name more domains.")
    return found


def _of_newest_space(registry: Registry, targets: Sequence[str]) -> list[str]:
    """The domains of the newest latent space that all targets can be decoded from, and of those beyond its bridges."""
    for name in targets:
        registry.pack(name)
    for space in (spaces := registry.spaces()):
        packs = [pack for reached in (space, *registry.beyond(space)) for pack in spaces.get(reached, ())]
        if _decoded(registry, space).issuperset(targets):
            return sorted({pack.domain for pack in packs})
    names = ", ".join(f"'{name}'" for name in targets)
    raise PackError(f"no latent space holds all of {names}; translate into one at a time.")


def _reachable(registry: Registry, source: str) -> list[str]:
    """What `source` can be translated into, without itself: the domains of the newest latent space that allows it."""
    registry.pack(source)
    for space, packs in registry.spaces().items():
        starts = any(p.domain == source and p.encoder and p.encoder.latent.space == space for p in packs)
        ends = _decoded(registry, space) - {source}
        if starts and ends:
            return sorted(ends)
    return []


def _decoded(registry: Registry, space: str) -> set[str]:
    """The domains that latents of a space can be decoded into, in it or over a bridge."""
    reached = {space, *registry.beyond(space)}
    return {pack.domain for pack in registry.packs if pack.decoder and pack.decoder.latent.space in reached}
