"""README.md of shared packs, with the metadata that the Hugging Face Hub reads: what the domains are, and how good."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from combogan.data.cards import collection
from combogan.errors import DomainError
from combogan.registry.pack import Pack

MEASURES = {
    "psnr": ("truth", "PSNR", "{:.2f} dB"),
    "ssim": ("truth", "SSIM", "{:.3f}"),
    "arrival": ("translation", "arrives", "{:.0%}"),
    "edges": ("translation", "edges", "{:.2f}"),
    "content": ("translation", "content", "{:.2f}"),
    "kid": ("translation", "KID", "{:.3f}"),
}
"""Measure -> its group in evaluation.json, its heading, how it is written."""


def model_card(packs: Sequence[Pack], address: str, licence: str, scores: Path | None, *, with_grid: bool) -> str:
    """The page of packs at `address`; `scores` is the evaluation.json of their run."""
    names = [pack.domain for pack in packs]
    pairs = [] if scores is None else _pairs(scores, names)
    first, second = (names * 2)[:2]
    title = f"combogan: {', '.join(names)}"
    parts = [
        _metadata(names, licence, pairs),
        f"# {title}",
        "Any-to-any image translation: every domain has an encoder and a decoder, and any encoder feeds any decoder of "
        "its latent space. Weights are safetensors, cards are JSON; nothing here runs code.",
        *(["![A row per source, a column per target](grid.png)"] if with_grid else []),
        "## Use",
        f"```\ncombogan packs pull {address}\ncombogan translate --from {first} --to {second} pictures/\n```",
        "## Domains",
        _domains(packs),
        *(_scores(pairs) if pairs else []),
        "## Licence",
        f"The weights: {licence}. The pictures have licences of their own.",
    ]
    return "\n\n".join(parts) + "\n"


def _metadata(names: Sequence[str], licence: str, pairs: Sequence[Mapping[str, Any]]) -> str:
    """The block of YAML; every value is written as JSON, which YAML includes."""
    fields: dict[str, Any] = {
        "license": licence,
        "library_name": "combogan",
        "pipeline_tag": "image-to-image",
        "tags": ["combogan", "image-to-image", "unpaired", *names],
    }
    if pairs:
        fields["model-index"] = [{"name": "combogan", "results": [_result(pair) for pair in pairs]}]
    lines = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in fields.items()]
    return "\n".join(["---", *lines, "---"])


def _result(pair: Mapping[str, Any]) -> dict[str, Any]:
    name = f"{pair['source']} -> {pair['target']}"
    return {
        "task": {"type": "image-to-image"},
        "dataset": {"type": f"{pair['source']}-to-{pair['target']}", "name": name},
        "metrics": [
            {"type": measure, "value": value, "name": MEASURES[measure][1]}
            for measure, value in pair["measures"].items()
        ],
    }


def _domains(packs: Sequence[Pack]) -> str:
    rows = []
    for pack in packs:
        shows, licence = _pictures(pack)
        halves, updates = " and ".join(pack.halves), pack.about.get("updates")
        preview = (pack.folder / "preview.png").is_file()
        shown = f"![into {pack.domain}]({pack.domain}/preview.png)" if preview else ""
        count = f"{updates:,}" if isinstance(updates, int) else ""
        rows.append((pack.domain, shows, licence, f"{pack.image_size} px", count, halves, shown))
    return _table(("domain", "pictures", "their licence", "trained at", "updates", "halves", "into it"), rows)


def _pictures(pack: Pack) -> tuple[str, str]:
    """What the pictures of a domain show, and their licence; of a person's own folder nothing is known."""
    name, _, domain = str(pack.about.get("origin", "")).rpartition("/")
    try:
        card = collection(name)
    except DomainError:
        return "of the author's own", ""
    return f"{card.title_of(domain)} ({card.name})", card.licence


def _scores(pairs: Sequence[Mapping[str, Any]]) -> list[str]:
    shown = [measure for measure in MEASURES if any(measure in pair["measures"] for pair in pairs)]
    rows = [
        (
            f"{pair['source']} -> {pair['target']}",
            *(MEASURES[one][2].format(pair["measures"][one]) if one in pair["measures"] else "" for one in shown),
        )
        for pair in pairs
    ]
    return [
        "## Scores",
        "PSNR and SSIM: nearness to the truth, where it is known. Arrives: share of translations that a classifier "
        "takes for the target. Edges: how much of the source's is kept. Content and KID: distances of features, from "
        "the source's and from real pictures'; less is better. All numbers are in evaluation.json.",
        _table(("from -> to", *(MEASURES[one][1] for one in shown)), rows),
    ]


def _pairs(scores: Path, names: Sequence[str]) -> list[dict[str, Any]]:
    """The scored directions between those domains, each with its measures; none of a file that cannot be read."""
    try:
        found = json.loads(scores.read_bytes())["pairs"]
        return [
            {"source": pair["source"], "target": pair["target"], "measures": _measures(pair)}
            for pair in found
            if pair["source"] in names and pair["target"] in names
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []


def _measures(pair: Mapping[str, Any]) -> dict[str, float]:
    values = {name: (pair.get(group) or {}).get(name) for name, (group, _, _) in MEASURES.items()}
    return {name: float(value) for name, value in values.items() if value is not None}


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', ' ') for cell in line)} |" for line in lines)
