"""What disguises cost: recall lost on caught sentences, false alarms added on lawful ones, one way of disguise at a time.

The sensitive words of a caught sentence (terms of concepts that speak for its code, under the spans of the finding) are
disguised as an evader would; in lawful sentences terms of the lexicon and a random word are. Lines of the corpus are those the
model was trained on, so recall before is flattering; what counts here is the difference.
"""

from __future__ import annotations

import json
import os
import random
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec

from benchmarks.evader import WAYS, Way, han
from classifiers.cache import bundled_reader
from classifiers.corpus import Line, load_corpus
from classifiers.detector import Detector
from classifiers.finding import Finding, Item
from classifiers.reading import Reader
from classifiers.segment import cut
from lexicons.loader import load_lexicon

SEED = 29
CAUGHT = 2_500
LAWFUL = 4_000
MOST_RECALL_LOST = 3.0
MOST_FALSE_ALARMS_ADDED = 0.5
Words = list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Sample:
    """A sentence with the places of the words that would be disguised, and whether it is caught as it stands."""

    item: Item
    words: Words
    caught: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """Counts for one way: sentences, those it could be done to, caught as they stand, and disguised."""

    sentences: int
    disguised: int
    before: int
    after: int

    @property
    def points(self) -> float:
        """How many of a hundred sentences more are caught when disguised (less than 0: fewer)."""
        return 100 * (self.after - self.before) / self.sentences if self.sentences else 0.0

    @property
    def points_of_disguised(self) -> float:
        """The same, of a hundred sentences that the disguise could be done to."""
        return 100 * (self.after - self.before) / self.disguised if self.disguised else 0.0


def main() -> None:
    """Print a table and one JSON line per way of disguise."""
    quick = 10 if os.environ.get("BENCH_QUICK") else 1
    measure(Detector.load(), bundled_reader(), CAUGHT // quick, LAWFUL // quick)


def measure(detector: Detector, reader: Reader, caught: int, lawful: int) -> None:
    """Measure every way on so many caught and lawful sentences and print what came out."""
    unlawful, harmless = samples(detector, reader, caught=caught, lawful=lawful)
    print(f"{len(unlawful)} caught sentences, {len(harmless)} lawful ones; per hundred disguised sentences")
    for name in WAYS:
        lost, added = outcome(detector, unlawful, name), outcome(detector, harmless, name)
        facts = {
            "way": name,
            "disguised": lost.disguised,
            "recall_before": _share(lost.before, lost.sentences),
            "recall_after": _share(lost.after, lost.sentences),
            "points_lost": round(-lost.points_of_disguised, 2),
            "lawful_disguised": added.disguised,
            "points_of_false_alarms_added": round(added.points_of_disguised, 2),
            "within_limits": within_limits(lost, added),
        }
        print(json.dumps(facts, ensure_ascii=False), flush=True)


def within_limits(lost: Outcome, added: Outcome) -> bool:
    """Whether a disguise loses and adds less than the limits, counted on the sentences it could be done to."""
    return -lost.points_of_disguised < MOST_RECALL_LOST and added.points_of_disguised < MOST_FALSE_ALARMS_ADDED


def samples(detector: Detector, reader: Reader, *, caught: int, lawful: int) -> tuple[list[Sample], list[Sample]]:
    """Sentences of the corpus that are caught (with a right code first), and lawful ones, in a fixed random order."""
    lines = list(load_corpus(codes=load_lexicon().codes).lines)
    random.Random(SEED).shuffle(lines)
    unlawful = [line for line in lines if not line.lawful][: 2 * caught]
    harmless = [line for line in lines if line.lawful][:lawful]
    found = [one for one in _caught(detector, reader, unlawful) if one.words][:caught]
    return found, list(_lawful(detector, reader, harmless))


def outcome(detector: Detector, sentences: Sequence[Sample], name: str) -> Outcome:
    """Disguise all sentences one way and count. Sentences that the way does not apply to are left as they are."""
    way, every = WAYS[name]
    made = [disguised(one, way, every=every, seed=f"{name} {one.item.text}") for one in sentences]
    after = [one.caught for one in sentences]
    changed = [i for i, text in enumerate(made) if text is not None]
    items = [msgspec.structs.replace(sentences[i].item, text=made[i]) for i in changed]
    for i, result in zip(changed, detector.check(items), strict=True):
        after[i] = any(one.caught for one in result.findings)
    return Outcome(len(sentences), len(changed), sum(one.caught for one in sentences), sum(after))


def disguised(one: Sample, way: Way, *, every: bool, seed: str) -> str | None:
    """The sentence with its words (all, or the first that it can be done to) disguised; None when none can be."""
    rng = random.Random(zlib.crc32(seed.encode("utf-8", "surrogatepass")))
    words = list(one.words)
    if not every:
        rng.shuffle(words)
    changes: list[tuple[int, int, str]] = []
    for start, end in words:
        made = way(one.item.text[start:end], rng)
        if made is not None:
            changes.append((start, end, made))
            if not every:
                break
    text = one.item.text
    for start, end, made in sorted(changes, reverse=True):
        text = text[:start] + made + text[end:]
    return text if changes else None


def _caught(detector: Detector, reader: Reader, lines: Sequence[Line]) -> Iterator[Sample]:
    items = [line.item() for line in lines]
    for line, item, result in zip(lines, items, detector.check(items), strict=True):
        first = next((finding for finding in result.findings if finding.caught), None)
        if first is not None and first.code in (line.label, *line.alt):
            yield Sample(item, sensitive_words(reader, item, first), caught=True)


def _lawful(detector: Detector, reader: Reader, lines: Sequence[Line]) -> Iterator[Sample]:
    rng = random.Random(SEED)
    items = [line.item() for line in lines]
    for item, result in zip(items, detector.check(items), strict=True):
        words = _terms(reader, item, None)
        plain = [place for place in _cut(item.text) if not _overlaps(place, words)]
        words = sorted([*words, *rng.sample(plain, min(1, len(plain)))])
        yield Sample(item, words, caught=any(one.caught for one in result.findings))


def sensitive_words(reader: Reader, item: Item, finding: Finding) -> Words:
    """Terms that speak for the code under the spans of its finding, else the words there, of two and more characters."""
    terms = [place for place in _terms(reader, item, finding.code) if _overlaps(place, finding.spans)]
    return terms or [place for place in _cut(item.text) if _overlaps(place, finding.spans)]


def _terms(reader: Reader, item: Item, code: str | None) -> Words:
    """Places of terms (the longest, not overlapping) of concepts that frames of the code are made of."""
    speaking = reader.concepts_of(code)
    reading = reader.read([item])
    hits = reading.hits
    found = [
        reading.batch.span(int(start), int(end))
        for start, end, concept in zip(hits.start, hits.end, hits.concept, strict=True)
        if end - start > 1 and reader.matcher.names[concept] in speaking
    ]
    chosen: Words = []
    for place in sorted(found, key=lambda one: (one[0] - one[1], one)):
        if not _overlaps(place, chosen) and any(map(han, item.text[place[0] : place[1]])):
            chosen.append(place)
    return sorted(chosen)


def _cut(text: str) -> Words:
    places: Words = []
    at = 0
    for word in cut(text):
        if len(word) > 1 and all(map(han, word)):
            places.append((at, at + len(word)))
        at += len(word)
    return places


def _overlaps(place: tuple[int, int], others: Sequence[tuple[int, int]]) -> bool:
    return any(place[0] < end and start < place[1] for start, end in others)


def _share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 0.0


if __name__ == "__main__":
    main()
