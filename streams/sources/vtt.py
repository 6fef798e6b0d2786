"""WebVTT subtitles."""

from __future__ import annotations

from streams.sources import cues
from streams.sources.source import Source, Wanted


def read(wanted: Wanted) -> Source:
    """Open a VTT file; see ``cues.read``."""
    return cues.read(wanted, vtt=True)
