"""How well the detector judges: recall, false alarms and right code on sets it was not made from, and what each part is worth.

In one run: word lists as one would pick them up (where they lie beside the repository), terms of the lexicon alone, frames alone,
the model without the lexicon, and all together; then the share of harmless real text that is flagged. One JSON line each.
"""

from __future__ import annotations

import csv
import io
import json
import os
import zipfile
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

from classifiers.cache import bundled_reader
from classifiers.corpus import Corpus, Line, load_corpus
from classifiers.detector import Detector
from classifiers.evaluate import evaluate, wilson
from classifiers.finding import Item
from classifiers.reading import Reader, Reading
from classifiers.train import train
from infra.clock import SystemClock, today

UNSEEN = Path(__file__).parent / "unseen"
SHARED = Path("../shared/data")
LISTS = {
    "three merged advertising-law lists": (
        "es3344520_limit_words.txt",
        "hc360_adlaw_terms.txt",
        "dddddw8_forbidden_words.tsv",
    ),
    "a list of 65,000 words": ("houbb_dict_v20240407.txt",),
}
BATCH = 2_000
SHORTEST_TERM = 2
Judge = Callable[[Sequence[Line]], list[str | None]]


def main() -> None:
    """Print one JSON line per measurement."""
    reader = bundled_reader()
    detector = Detector.load()
    learned = {line.text for line in load_corpus(codes=reader.lexicon.codes).lines}
    sets = {path.stem: _unlearned(path, list(reader.lexicon.codes), learned) for path in sorted(UNSEEN.glob("*.jsonl"))}
    judges: dict[str, Judge] = {name: _listed(words) for name, words in _lists()}
    judges["lexicon terms alone"] = lambda lines: _by_terms(reader, lines)
    judges["frames alone"] = lambda lines: _by_frames(reader, lines)
    judges["model without the lexicon"] = _by_detector(_blind(reader))
    judges["all together"] = _by_detector(detector)
    for name, lines in sets.items():
        for way, judge in judges.items():
            _say(set=name, way=way, **_figures(lines, judge(lines)))
        _per_code(name, detector, lines)
    _harmless(detector)


def _unlearned(path: Path, codes: Collection[str], learned: Collection[str]) -> list[Line]:
    """The lines of a set without those that an author of the corpus happened to write as well."""
    return [line for line in load_corpus([path], codes=codes).lines if line.text not in learned]


def _figures(lines: Sequence[Line], given: Sequence[str | None]) -> dict[str, object]:
    """Shares with their 95 % intervals; ``right`` only where codes are given."""
    unlawful = [(line, code) for line, code in zip(lines, given, strict=True) if not line.lawful]
    caught = [(line, code) for line, code in unlawful if code is not None]
    alarms = sum(code is not None for line, code in zip(lines, given, strict=True) if line.lawful)
    right = sum(code in (line.label, *line.alt) for line, code in caught)
    figures: dict[str, object] = {
        "caught": _share(len(caught), len(unlawful)),
        "false_alarms": _share(alarms, len(lines) - len(unlawful)),
    }
    return figures | ({"right_code_first": _share(right, len(caught))} if any(code for _, code in caught) else {})


def _share(hits: int, total: int) -> str:
    share = wilson(hits, total)
    return f"{share.share:.1%} ({hits}/{total}, {share.low:.1%}–{share.high:.1%})"


def _lists() -> Iterator[tuple[str, list[str]]]:
    for name, files in LISTS.items():
        paths = [SHARED / "lists" / file for file in files]
        if not all(path.exists() for path in paths):
            _say(way=name, note="not there, not measured")
            continue
        text = "\n".join(path.read_text(encoding="utf-8") for path in paths)
        yield name, sorted({word for word in text.split() if word})


def _listed(words: Sequence[str]) -> Judge:
    """Caught when any word of the list stands in the text: no code is given (an empty string)."""
    return lambda lines: ["" if any(word in line.text for word in words) else None for line in lines]


def _by_terms(reader: Reader, lines: Sequence[Line]) -> list[str | None]:
    """Any concept that a frame of a code begins with; the code with most of them."""
    leading = {
        code: {c for f in reader.lexicon.frames if f.code == code for c in f.slots[0]} for code in reader.lexicon.codes
    }
    reading = reader.read([line.item() for line in lines])
    result: list[str | None] = []
    for row in range(len(lines)):
        hits = reading.hits_by_name(row)
        counts = {
            code: sum(name in names and any(e - s >= SHORTEST_TERM for s, e in hits[name]) for name in hits)
            for code, names in leading.items()
        }
        best = max(counts, key=lambda code: counts[code])
        result.append(best if counts[best] else None)
    return result


def _by_frames(reader: Reader, lines: Sequence[Line]) -> list[str | None]:
    """The code with the most weight of asserted frames."""
    reading: Reading = reader.read([line.item() for line in lines])
    weights: list[Counter[str]] = [Counter() for _ in lines]
    for one in reading.fired:
        if one.blocked is None:
            frame = reader.frames.frames[one.frame]
            weights[one.row][frame.code] += frame.weight  # type: ignore[assignment]
    return [max(found, key=lambda code: found[code]) if found else None for found in weights]


def _by_detector(detector: Detector) -> Judge:
    return lambda lines: [
        next((finding.code for finding in result.findings if finding.caught), None)
        for result in detector.check([line.item() for line in lines])
    ]


def _blind(reader: Reader) -> Detector:
    """The same model, trained and used without concepts and frames."""
    lexicon = reader.lexicon
    corpus: Corpus = load_corpus(codes=lexicon.codes)
    trained = train(reader, corpus, with_lexicon=False)
    return Detector(reader, trained.model, on=today(SystemClock()))


def _per_code(name: str, detector: Detector, lines: Sequence[Line]) -> None:
    report = evaluate(detector, lines)
    for one in report.codes:
        caught, right = one.caught, one.right
        _say(set=name, code=one.code, caught=_share(caught.hits, caught.total), right=_share(right.hits, right.total))


def _harmless(detector: Detector) -> None:
    every = 20 if os.environ.get("BENCH_QUICK") else 1
    for name, texts in (("reviews", _reviews()), ("titles", _titles())):
        sample = [text for i, text in enumerate(texts) if i % every == 0]
        if not sample:
            _say(real_text=name, note="not there, not measured")
            continue
        kind = "listing" if name == "titles" else "transcript"
        violation = caught = 0
        for first in range(0, len(sample), BATCH):
            for result in detector.check([Item(text=text, kind=kind) for text in sample[first : first + BATCH]]):
                violation += any(finding.status == "violation" for finding in result.findings)
                caught += any(finding.caught for finding in result.findings)
        _say(real_text=name, violation=_share(violation, len(sample)), any=_share(caught, len(sample)))


def _reviews() -> Iterator[str]:
    path = SHARED / "reviews" / "online_shopping_10_cats.zip"
    if not path.exists():
        return
    with zipfile.ZipFile(path) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".csv"))
        with archive.open(name) as file:
            yield from (row["review"] for row in csv.DictReader(io.TextIOWrapper(file, "utf-8")) if row["review"])


def _titles() -> Iterator[str]:
    """Product titles: characters a line each, titles apart by an empty line."""
    for path in sorted((SHARED / "titles").glob("*.txt")):
        for block in path.read_text(encoding="utf-8").split("\n\n"):
            title = "".join(line.split(" ")[0] for line in block.split("\n") if line.strip())
            if title:
                yield title


def _say(**facts: object) -> None:
    print(json.dumps(facts, ensure_ascii=False), flush=True)
