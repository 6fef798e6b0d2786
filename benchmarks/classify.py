"""Detector throughput on one core against what one would write first: a regex of all terms, jieba with HMM, TF-IDF, LinearSVC.

Both see the same texts in the same run. The baseline answers per utterance, as the obvious program does; ours takes batches
(and is also timed one text at a time). Two mixes: a day as it is watched, and one with several times as many claims. Then the
cost of reading against the number of terms in the lexicon.
"""

from __future__ import annotations

import json
import os
import random
import re
import resource
import time
from collections.abc import Callable, Sequence
from itertools import chain, cycle, islice
from statistics import median, quantiles

os.environ.setdefault("OMP_NUM_THREADS", "1")

import jieba
from msgspec import structs
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.svm import LinearSVC

from classifiers.corpus import Line, load_corpus
from classifiers.detector import Detector
from classifiers.finding import Item
from classifiers.reading import Reader
from lexicons.loader import load_lexicon
from lexicons.schema import Lexicon
from streams.sampleday import SAMPLE_DAY

SEED = 11
LEAST_TERMS = 5_000
TEXTS = 20_000
BASELINE_TEXTS = 1_500
SINGLES = 3_000
BATCHES = (512, 2_000)
TERM_COUNTS = (500, 5_000, 50_000)
TERM_TEXTS = 4_000
Naive = Callable[[str], bool]


def main() -> None:
    """Print one JSON line per measurement."""
    quick = 10 if os.environ.get("BENCH_QUICK") else 1
    jieba.setLogLevel(60)
    lexicon = load_lexicon()
    corpus = load_corpus(codes=lexicon.codes).lines
    texts = _texts(corpus, TEXTS // quick)
    started = time.perf_counter()
    detector = Detector.load()
    load = time.perf_counter() - started
    detector.check([Item(text=text) for text in texts[:2000]])
    calm = _calm(detector, texts)
    ours: list[float] = []
    for mix, given in (("many claims", texts), ("usual day", calm)):
        flagged = sum(bool(one.findings) for one in detector.check([Item(text=text) for text in given]))
        for size in BATCHES:
            rate = _batched(detector, given, size)
            ours += [rate] if mix == "many claims" else []
            _say(
                way=f"ours, batches of {size}",
                mix=mix,
                texts=len(given),
                flagged=round(flagged / len(given), 4),
                utterances_per_second=round(rate),
            )
        _singles(detector, given[: SINGLES // quick], mix)
    for terms, rate in _by_terms(lexicon, texts[: TERM_TEXTS // quick]):
        _say(way="reading alone", terms=terms, utterances_per_second=round(rate))
    naive, terms = _naive(lexicon, corpus)
    rate = _one_by_one(naive, texts[: BASELINE_TEXTS // quick])
    _say(way="baseline, one utterance at a time", terms=terms, utterances_per_second=round(rate))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    _say(ratio=round(max(ours) / rate, 1), detector_load_seconds=round(load, 2), peak_resident_mebibytes=peak)


def _texts(corpus: Sequence[Line], count: int) -> list[str]:
    """Mostly a livestream's talk, a fifth of it sentences of the corpus: about what a watched day holds."""
    talk = [
        json.loads(line)["text"]
        for path in sorted(SAMPLE_DAY.glob("rooms/*.jsonl"))
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    lawful = [line.text for line in corpus if line.lawful]
    unlawful = [line.text for line in corpus if not line.lawful]
    rng = random.Random(SEED)
    mixed = list(chain(islice(cycle(talk), count * 4 // 5), rng.choices(lawful, k=count * 19 // 100)))
    mixed += rng.choices(unlawful, k=count - len(mixed))
    rng.shuffle(mixed)
    return mixed


def _calm(detector: Detector, texts: Sequence[str]) -> list[str]:
    """As many texts with about one in a hundred flagged: most claims of the mix given way to everyday talk."""
    found = detector.check([Item(text=text) for text in texts])
    harmless = [one.text for one in found if not one.findings]
    claims = [one.text for one in found if one.findings]
    kept = claims[: len(texts) // 100]
    mixed = [*kept, *islice(cycle(harmless), len(texts) - len(kept))]
    random.Random(SEED).shuffle(mixed)
    return mixed


def _by_terms(lexicon: Lexicon, texts: Sequence[str]) -> list[tuple[int, float]]:
    """Utterances per second of reading alone (disguises, concepts, frames, words) for lexicons of several sizes.

    Smaller ones keep every n-th term of each concept; larger ones get invented terms of the same characters.
    """
    items = [Item(text=text) for text in texts]
    result = []
    for wanted in TERM_COUNTS:
        reader = Reader(_sized(lexicon, wanted))
        reader.read(items[:500])
        started = time.perf_counter()
        for first in range(0, len(items), BATCHES[0]):
            reader.read(items[first : first + BATCHES[0]])
        result.append((reader.matcher.size, len(items) / (time.perf_counter() - started)))
    return result


def _sized(lexicon: Lexicon, wanted: int) -> Lexicon:
    whole = sum(len(concept.terms) for concept in lexicon.concepts.values())
    concepts = dict(lexicon.concepts)
    if wanted < whole:
        every = whole / wanted
        for name, concept in concepts.items():
            kept = max(1, round(len(concept.terms) / every)) if concept.terms else 0
            concepts[name] = structs.replace(concept, terms=concept.terms[:kept])
    else:
        rng = random.Random(SEED)
        chars = sorted({char for concept in concepts.values() for term in concept.terms for char in term})
        extra = {"".join(rng.choices(chars, k=rng.randint(3, 6))) for _ in range(wanted - whole)}
        largest = max(concepts, key=lambda name: len(concepts[name].terms))
        concepts[largest] = structs.replace(concepts[largest], terms=(*concepts[largest].terms, *sorted(extra)))
    return structs.replace(lexicon, concepts=concepts)


def _batched(detector: Detector, texts: Sequence[str], size: int) -> float:
    items = [Item(text=text) for text in texts]
    started = time.perf_counter()
    for first in range(0, len(items), size):
        detector.check(items[first : first + size])
    return len(items) / (time.perf_counter() - started)


def _singles(detector: Detector, texts: Sequence[str], mix: str) -> None:
    times = []
    for text in texts:
        started = time.perf_counter()
        detector.check([Item(text=text)])
        times.append(1e6 * (time.perf_counter() - started))
    _say(
        way="ours, one utterance at a time",
        mix=mix,
        p50_us=round(median(times)),
        p99_us=round(quantiles(times, n=100)[-1]),
    )


def _naive(lexicon: Lexicon, corpus: Sequence[Line]) -> tuple[Naive, int]:
    terms = sorted({term for concept in lexicon.concepts.values() for term in concept.terms}, key=len, reverse=True)
    if len(terms) < LEAST_TERMS:
        raise SystemExit(f"the lexicon has only {len(terms)} terms; the comparison wants {LEAST_TERMS}")
    pattern = re.compile("|".join(map(re.escape, terms)))
    vectorizer = TfidfVectorizer(tokenizer=jieba.lcut, token_pattern=None, lowercase=False)
    features = vectorizer.fit_transform([line.text for line in corpus])
    model = LinearSVC().fit(features, [line.label for line in corpus])

    def flagged(text: str) -> bool:
        hits = pattern.findall(text)
        label = model.predict(vectorizer.transform([text]))[0]
        return bool(hits) and label != "ok"

    return flagged, len(terms)


def _one_by_one(naive: Naive, texts: Sequence[str]) -> float:
    started = time.perf_counter()
    for text in texts:
        naive(text)
    return len(texts) / (time.perf_counter() - started)


def _say(**facts: object) -> None:
    print(json.dumps(facts, ensure_ascii=False), flush=True)
