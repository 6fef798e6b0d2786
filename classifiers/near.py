"""Finds texts that tell nearly the same (MinHash over character triples). It groups; it never says that one of them counts less."""

from __future__ import annotations

import re
import zlib
from typing import Final

import numpy as np
from numpy.typing import NDArray

from classifiers.normalise import squeeze

SHINGLE: Final = 3
LEAST: Final = 10
BANDS: Final = 20
ROWS: Final = 3
SIMILAR: Final = 0.45
LONGEST: Final = 6000
PRIME: Final = (1 << 31) - 1
SEED: Final = 20261124
DIGITS: Final = re.compile(r"\d+")
Ints = NDArray[np.int64]


def shingles(text: str) -> frozenset[int]:
    """Hashes of the character triples of a text, numbers read as one; empty for texts too short to be compared."""
    plain = DIGITS.sub("0", squeeze(text[:LONGEST]).replace("\n", ""))
    if len(plain) < LEAST:
        return frozenset()
    return frozenset(
        zlib.crc32(plain[i : i + SHINGLE].encode("utf-8", "surrogatepass")) % PRIME
        for i in range(len(plain) - SHINGLE + 1)
    )


def bands(text: str) -> tuple[int, ...]:
    """``BANDS`` numbers; two texts alike share at least one with a probability that grows steeply with their likeness."""
    hashed = np.fromiter(shingles(text), dtype=np.int64)
    if not hashed.size:
        return ()
    factors, offsets = _permutations()
    smallest = ((hashed[None, :] * factors[:, None] + offsets[:, None]) % PRIME).min(axis=1)
    rows = smallest.reshape(BANDS, ROWS)
    return tuple(zlib.crc32(bytes([number]) + row.tobytes()) for number, row in enumerate(rows))


def likeness(one: frozenset[int], other: frozenset[int]) -> float:
    """Shared triples by all triples (Jaccard), 0 to 1."""
    return len(one & other) / len(one | other) if one and other else 0.0


def _permutations() -> tuple[Ints, Ints]:
    generator = np.random.default_rng(SEED)
    size = BANDS * ROWS
    return generator.integers(1, PRIME, size), generator.integers(0, PRIME, size)
