"""How the indices look: their names, analysis and explicit mappings. A change here needs a new ``LAYOUT`` and a reindex."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from infra.search import FACETS, Kind

LAYOUT: Final = 1
"""Version of the mapping below; part of every index name."""
REFRESH: Final = "30s"
"""Only a net under ``commit``, which refreshes what it wrote at once."""

_TERMS: Final = {"type": "text", "analyzer": "whitespace", "index_options": "docs", "norms": False}
_PAIRS: Final = {"type": "text", "analyzer": "pairs"}

ANALYSIS: Final[dict[str, Any]] = {
    # The standard tokenizer gives single Chinese characters, the shingle filter makes pairs of them. Runs are given one by
    # one (an array), so that no pair crosses a comma and a lone word or character stays itself.
    "filter": {
        "pairs": {
            "type": "shingle",
            "min_shingle_size": 2,
            "max_shingle_size": 2,
            "token_separator": "",
            "output_unigrams": False,
            "output_unigrams_if_no_shingles": True,
        }
    },
    "analyzer": {"pairs": {"type": "custom", "tokenizer": "standard", "filter": ["pairs"]}},
}

PROPERTIES: Final[dict[str, Any]] = {
    "title": _PAIRS,
    "text": _PAIRS,
    "words": _TERMS,
    "sounds": _TERMS,
    "initials": _TERMS,
    **{name: {"type": "keyword", "ignore_above": 1024} for name in FACETS},
    "public": {"type": "boolean"},
    "deleted": {"type": "boolean"},
    "at": {"type": "date", "index": False, "format": "epoch_millis"},
    # Microseconds with a few bits of the id behind them: sorts, filters by time and settles ties, all in one field.
    "order": {"type": "long"},
    # What is shown is kept and never searched: id, title, text as given, facets are taken from above.
    "shown": {"type": "object", "enabled": False},
}
SHOWN: Final = ["shown", "order", *FACETS]
"""The parts of a document that a hit needs."""


@dataclass(frozen=True, slots=True)
class Names:
    """Names of one installation's indices: ``<prefix>-<kind>`` is the alias in use, ``…-next`` that of a build."""

    prefix: str

    def alias(self, kind: Kind) -> str:
        return f"{self.prefix}-{kind}"

    def building(self, kind: Kind) -> str:
        return f"{self.prefix}-{kind}-next"

    def pattern(self, kind: Kind) -> str:
        """All indices of a kind, whatever their version."""
        return f"{self.prefix}-{kind}-v*"

    def index(self, kind: Kind, generation: int) -> str:
        return f"{self.prefix}-{kind}-v{LAYOUT}-{generation:06d}"


def generation_of(index: str) -> int:
    """The running number at the end of an index name; 0 when there is none."""
    tail = index.rpartition("-")[2]
    return int(tail) if tail.isdigit() else 0


def mappings(position: str = "", documents: int = 0) -> dict[str, Any]:
    """The mapping of one index; a build notes in ``_meta`` how far it has come."""
    meta = {"layout": LAYOUT, "position": position, "documents": documents}
    return {"dynamic": "strict", "_meta": meta, "properties": PROPERTIES}


def settings(shards: int, *, building: bool) -> dict[str, Any]:
    """Settings of an index in use or being built; a build has no copies and is not refreshed until it is done."""
    return {
        "number_of_shards": shards,
        "analysis": ANALYSIS,
        **(BUILDING if building else IN_USE),
    }


IN_USE: Final[dict[str, Any]] = {"auto_expand_replicas": "0-1", "refresh_interval": REFRESH}
BUILDING: Final[dict[str, Any]] = {"auto_expand_replicas": False, "number_of_replicas": 0, "refresh_interval": "-1"}
