"""The exported linear model: loads weights, scores sparse rows, and accounts for every score. It never trains.

Two questions, both linear in the features: the *gate* g asks whether the text breaks any rule at all; the *code scores*
s_k ask which. The best code p leans on both: its score is a_p·(g + λ·s_p) + b_p. Any other code k must also stand on its
own: a_k·s_k + b_k, or a_k·(g + (λ-1)·s_p + s_k) + b_k when that is less. All are calibrated log-odds, so the confidence is
their logistic function, and linear, so the contributions of the features add up to them. Rows that the screen lets fall, or
whose gate is below the floor, are not looked at further: no code could lift them.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import Struct
from msgspec.structs import asdict
from numpy.typing import NDArray

from classifiers.features import Rows, Values
from classifiers.freshness import CODES_FILE, META_FILE, MODEL_DIR, WEIGHTS_FILE
from classifiers.screen import Screen
from classifiers.vocabulary import Vocabulary
from infra.errors import ConfigurationError

FORMAT = 6
SINGLE = ("gate_bias", "caution", "patience", "lean", "floor", "screen_bias", "screen_floor")
MOST_PIECES = 6
# Bounds the memory of one look-up: a long row has some hundred features.
ROWS_AT_ONCE = 256
RETRAIN = "请运行 chengxin train 重新训练"


class Meta(Struct, frozen=True, kw_only=True):
    """What a model was made of, and how it did in cross-validation (shares of 1).

    ``lexicon``, ``corpus``, ``code`` are content hashes; ``sizes`` holds the length in bytes of each file of weights,
    ``checksum`` the CRC-32 of the code weights.
    """

    format: int
    version: str
    lexicon: str
    corpus: str
    code: str
    sizes: dict[str, int] = {}
    checksum: int = 0
    codes: tuple[str, ...]
    lines: int
    recall: float
    false_alarms: float
    right_code: float


@dataclass(slots=True)
class Weights:
    """``gate`` [columns] and its bias, ``codes`` [columns, codes] and biases, calibration and threshold per code.

    The large table ``codes`` is kept in single precision.

    ``caution`` is added to the threshold where no frame of the lexicon is asserted: single words out of their context sway
    the model most in everyday talk. ``patience`` times the logarithm of the number of pieces of its text is added as well.
    ``lean`` is λ, ``floor`` the lowest gate worth a look at the codes. ``screen`` [text columns], its bias and its floor belong
    to the first look (``classifiers.screen``).
    """

    gate: Values
    gate_bias: float
    codes: NDArray[np.float32]
    codes_bias: Values
    slope: Values
    offset: Values
    threshold: Values
    caution: float
    patience: float
    lean: float
    floor: float
    screen: Values
    screen_bias: float
    screen_floor: float


class Scored(Struct, frozen=True):
    """A code of a row with its calibrated log-odds.

    ``parts``: what the score is made of besides slope and offset: the factor of the gate, and of the code scores by number.
    """

    row: int
    code: int
    score: float
    gate: float
    parts: tuple[tuple[int, float], ...]


class Model:
    """Weights with their vocabulary."""

    def __init__(self, vocabulary: Vocabulary, weights: Weights, meta: Meta) -> None:
        self.vocabulary = vocabulary
        self.weights = weights
        self.meta = meta
        self.screen = Screen(vocabulary, weights.screen, weights.screen_bias, weights.screen_floor)

    def gate(self, rows: Rows) -> Values:
        """Uncalibrated log-odds, per row, that the text breaks a rule."""
        row = np.repeat(np.arange(len(rows.first) - 1), np.diff(rows.first))
        sums = np.bincount(row, weights=self.weights.gate[rows.column] * rows.value, minlength=len(rows.first) - 1)
        return np.asarray(sums + self.weights.gate_bias, dtype=np.float64)

    def codes(self, rows: Rows, at: NDArray[np.int64]) -> Values:
        """Uncalibrated scores [rows ``at``, codes]."""
        counts = rows.first[at + 1] - rows.first[at]
        begin = np.cumsum(counts) - counts
        entries = np.arange(counts.sum()) + np.repeat(rows.first[at] - begin, counts)
        weighed = self.weights.codes[rows.column[entries]] * rows.value[entries, np.newaxis]
        return np.asarray(np.add.reduceat(weighed, begin, axis=0) + self.weights.codes_bias, dtype=np.float64)

    def score(self, rows: Rows, caution: Values) -> list[Scored]:
        """Codes that reach their threshold, row by row, best first. Rows without any do not appear.

        ``caution``: what is added to the threshold of each row (``caution`` below tells how much).
        """
        w = self.weights
        gate = self.gate(rows)
        # A row without features has nothing to look up; its gate is the bias alone.
        at = np.flatnonzero((gate >= w.floor) & (rows.first[1:] > rows.first[:-1]))
        found: list[Scored] = []
        for first in range(0, len(at), ROWS_AT_ONCE):
            some = at[first : first + ROWS_AT_ONCE]
            codes = self.codes(rows, some)
            best = codes.argmax(axis=1)
            joint = gate[some] + w.lean * codes[np.arange(len(some)), best]
            reached = w.slope[best] * joint + w.offset[best] >= w.threshold[best] + caution[some]
            for one in np.flatnonzero(reached).tolist():
                row = int(some[one])
                found.extend(self._passing(row, int(best[one]), float(joint[one]), codes[one], float(caution[row])))
        return found

    def caution(self, *, framed: NDArray[np.bool_], pieces: Values) -> Values:
        """What to add to the threshold of rows: where no frame is asserted, and for each of several ``pieces`` of one text.

        A text of many pieces has as many chances of a false alarm; the addition grows with their logarithm, to a limit.
        """
        several = self.weights.patience * np.log(np.minimum(pieces, MOST_PIECES))
        return np.asarray(np.where(framed, 0.0, self.weights.caution) + several, dtype=np.float64)

    def _passing(self, row: int, best: int, joint: float, codes: Values, caution: float) -> list[Scored]:
        w = self.weights
        first = float(w.slope[best] * joint + w.offset[best])
        behind = min(0.0, joint - float(codes[best]))
        scores = w.slope * (codes + behind) + w.offset
        scores[best] = -np.inf
        others = np.flatnonzero(scores >= w.threshold + caution)
        others = others[np.argsort(-scores[others], kind="stable")]
        return [
            Scored(row, best, first, 1.0, ((best, w.lean),)),
            *(
                Scored(row, k, float(scores[k]), 1.0 if behind else 0.0, _own_and_lead(k, best, w.lean, bool(behind)))
                for k in others.tolist()
            ),
        ]

    def contribution(self, scored: Scored, column: NDArray[np.int32]) -> Values:
        """What one unit of each column adds to a score."""
        unit = scored.gate * self.weights.gate[column]
        for code, factor in scored.parts:
            unit = unit + factor * self.weights.codes[column, code]
        return np.asarray(self.weights.slope[scored.code] * unit, dtype=np.float64)

    def bias(self, scored: Scored) -> float:
        """What a score starts from before any feature."""
        w = self.weights
        start = scored.gate * w.gate_bias + sum(factor * w.codes_bias[code] for code, factor in scored.parts)
        return float(w.slope[scored.code] * start + w.offset[scored.code])


def _own_and_lead(code: int, best: int, lean: float, behind: bool) -> tuple[tuple[int, float], ...]:
    """The code scores in the score of a code that is not the best one."""
    return ((code, 1.0), (best, lean - 1.0)) if behind else ((code, 1.0),)


def save(model: Model, folder: Path) -> None:
    """Write ``codes.npy``, ``model.npz`` and ``meta.json`` (each atomically, the description last)."""
    folder.mkdir(parents=True, exist_ok=True)
    files = to_bytes(model)
    for name, content in files.items():
        _replace(folder / name, content)
    sizes = {name: len(content) for name, content in files.items()}
    meta = asdict(model.meta) | {"sizes": sizes, "checksum": zlib.crc32(files[CODES_FILE])}
    _replace(folder / META_FILE, json.dumps(meta, ensure_ascii=False, indent=1).encode())


def _replace(path: Path, content: bytes) -> None:
    temporary = path.with_suffix(f".{os.getpid()}")
    temporary.write_bytes(content)
    temporary.replace(path)


def arrays_of(vocabulary: Vocabulary, weights: Weights) -> dict[str, NDArray[Any]]:
    """Everything that makes a model, as named arrays (texts as UTF-8 bytes)."""
    arrays: dict[str, NDArray[Any]] = {name: np.asarray(getattr(weights, name)) for name in Weights.__slots__}
    arrays["keys"] = vocabulary.keys
    texts = {
        "words": "\n".join(vocabulary.words),
        "chars": vocabulary.chars,
    }
    return arrays | {name: np.frombuffer(text.encode(), dtype=np.uint8) for name, text in texts.items()}


def to_bytes(model: Model) -> dict[str, bytes]:
    """The files of a model by name: the large table of code weights by itself, so that it can be mapped into memory."""
    arrays = arrays_of(model.vocabulary, model.weights)
    codes, others = io.BytesIO(), io.BytesIO()
    np.save(codes, arrays.pop("codes"), allow_pickle=False)
    np.savez(others, allow_pickle=False, **arrays)
    return {CODES_FILE: codes.getvalue(), WEIGHTS_FILE: others.getvalue()}


def load(folder: Path = MODEL_DIR, *, lexicon_version: str, codes: Sequence[str]) -> Model:
    """Load a model trained for this lexicon.

    Raises:
        ConfigurationError: no model, a damaged file, or one trained for another lexicon; says what to do.
    """
    if not (folder / META_FILE).is_file() or not (folder / WEIGHTS_FILE).is_file():
        raise ConfigurationError(f"没有找到识别模型（{folder}）；{RETRAIN}")
    try:
        fields = json.loads((folder / META_FILE).read_text(encoding="utf-8"))
        meta = Meta(**{**fields, "codes": tuple(fields["codes"])})
    except (ValueError, TypeError, KeyError) as error:
        raise ConfigurationError(f"模型说明 {folder / META_FILE} 已损坏（{error}）；{RETRAIN}") from None
    if meta.format != FORMAT or meta.lexicon != lexicon_version or list(meta.codes) != list(codes):
        raise ConfigurationError(
            f"模型是按词库 {meta.lexicon}（格式 {meta.format}）训练的，与当前词库 {lexicon_version}（格式 {FORMAT}）不符；{RETRAIN}"
        )
    try:
        return _read(folder, meta)
    except (ValueError, KeyError, OSError, zipfile.BadZipFile, EOFError) as error:
        raise ConfigurationError(f"模型文件 {folder / WEIGHTS_FILE} 已损坏（{error}）；{RETRAIN}") from None


def _read(folder: Path, meta: Meta) -> Model:
    """The model of a folder; raises ValueError, KeyError, OSError or BadZipFile when its files are damaged.

    The code weights stay in their file and are mapped into memory: processes share them, and only what is used is kept.
    """
    for name in (WEIGHTS_FILE, CODES_FILE):
        size = (folder / name).stat().st_size
        if size != meta.sizes[name]:
            raise ValueError(f"{name}: {size} bytes instead of {meta.sizes[name]}")
    with (folder / CODES_FILE).open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as mapped:
        if zlib.crc32(mapped) != meta.checksum:
            raise ValueError(f"{CODES_FILE}: wrong checksum")
    with np.load(folder / WEIGHTS_FILE, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    arrays["codes"] = np.load(folder / CODES_FILE, mmap_mode="r", allow_pickle=False)
    words = _lines(arrays["words"].tobytes().decode())
    vocabulary = Vocabulary(words, arrays["keys"], arrays["chars"].tobytes().decode())
    fields: dict[str, Any] = {name: arrays[name] for name in Weights.__slots__}
    weights = Weights(**fields | {name: float(arrays[name]) for name in SINGLE})
    sizes = (
        weights.codes.shape == (len(weights.gate), len(meta.codes)),
        len(weights.slope) == len(meta.codes),
        len(weights.screen) == vocabulary.size,
    )
    if not all(sizes):
        raise ValueError("weights of different sizes")
    return Model(vocabulary, weights, meta)


def _lines(text: str) -> list[str]:
    return text.split("\n") if text else []
