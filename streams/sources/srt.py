"""SubRip subtitles."""

from __future__ import annotations

from streams.sources import cues
from streams.sources.source import Source, Wanted


def read(wanted: Wanted) -> Source:
    """Open an SRT file; see ``cues.read``."""
    return cues.read(wanted, vtt=False)
