"""Trains the model from the corpus with scikit-learn and exports its weights. Deterministic; needs no network.

Gate: unlawful against lawful. Codes: one against the rest, lines for which a code is an accepted alternative left out.
Calibration and threshold come from out-of-fold scores, so that the figures printed are those of unseen lines.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, diags
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from classifiers import fingerprint
from classifiers import vocabulary as vocabularies
from classifiers.corpus import Corpus, Line
from classifiers.features import FeatureSpace, Rows, Values
from classifiers.model import FORMAT, Meta, Model, Weights, arrays_of
from classifiers.reading import Reader, Reading
from classifiers.vocabulary import Vocabulary

SEED = 20261124
FOLDS = 5
MIN_COUNT = 3
MAX_TEXT_FEATURES = 60_000
GATE_C = 0.5
CODES_C = 1.0
TARGET_FALSE_ALARMS = 0.03
# Design value: at 1.0 the recall is what it is at 0, and half as many lawful lines without any frame are flagged.
CAUTION = 1.0
VERSION_LENGTH = 12
Bools = NDArray[np.bool_]
Progress = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class CodeFigures:
    """Cross-validated figures of one code: lines, how many were caught, how many of those got an accepted code first."""

    code: str
    lines: int
    caught: int
    right: int
    false_alarms: int


@dataclass(frozen=True, slots=True)
class Trained:
    """A model with its out-of-fold figures."""

    model: Model
    figures: tuple[CodeFigures, ...]
    lawful: int
    columns: int


@dataclass(slots=True)
class Folded:
    """Out-of-fold scores: gate per line, scores per line and code."""

    gate: Values
    codes: Values


def train(reader: Reader, corpus: Corpus, *, progress: Progress | None = None) -> Trained:
    """Train on all lines; ``progress(step, share)`` is called as work goes on (share of the whole, 0 to 1)."""
    tell = progress or (lambda _step, _share: None)
    tell("读取语料", 0.0)
    reading = reader.read([line.item() for line in corpus.lines])
    space, matrix = _features(reader, reading)
    task = _Task(corpus.lines, list(reader.lexicon.codes), {one.row for one in reading.fired if one.blocked is None})
    tell("交叉验证", 0.2)
    folded = _out_of_fold(matrix, task, lambda share: tell("交叉验证", 0.2 + 0.6 * share))
    slope, offset, threshold = _calibrate(folded, task)
    tell("训练最终模型", 0.85)
    gate = _fit(matrix, task.unlawful, GATE_C)
    code_fits = [_fit(matrix[rows], target, CODES_C) for rows, target in task.code_targets()]
    weights = Weights(
        gate=gate.coef_[0],
        gate_bias=float(gate.intercept_[0]),
        codes=np.stack([fit.coef_[0] for fit in code_fits], axis=1),
        codes_bias=np.array([fit.intercept_[0] for fit in code_fits]),
        slope=slope,
        offset=offset,
        threshold=threshold,
        caution=CAUTION,
    )
    figures = _figures(folded, weights, task)
    model = _named(space.vocabulary, _unscaled(weights, matrix.idf), _meta(reader, corpus, task, figures))
    tell("完成", 1.0)
    return Trained(model, figures, int((~task.unlawful).sum()), space.size)


class _Task:
    """Labels of the corpus as arrays."""

    def __init__(self, lines: Sequence[Line], codes: list[str], framed: set[int]) -> None:
        self.lines = lines
        self.caution = np.array([0.0 if i in framed else CAUTION for i in range(len(lines))])
        self.codes = codes
        self.unlawful: Bools = np.array([not line.lawful for line in lines])
        number = {code: i for i, code in enumerate(codes)}
        self.label = np.array([number.get(line.label, -1) for line in lines])
        self.accepted = np.zeros((len(lines), len(codes)), dtype=bool)
        for i, line in enumerate(lines):
            for code in (line.label, *line.alt):
                if not line.lawful and code in number:
                    self.accepted[i, number[code]] = True

    def code_targets(self, rows: NDArray[np.int64] | None = None) -> Iterator[tuple[NDArray[np.int64], Bools]]:
        """For each code the lines that teach it (alternatives left out) and whether each is one of its own."""
        rows = np.arange(len(self.lines)) if rows is None else rows
        for k in range(len(self.codes)):
            teaching = rows[~self.accepted[rows, k] | (self.label[rows] == k)]
            yield teaching, self.label[teaching] == k


class _Matrix:
    """The feature rows as scikit-learn takes them: text columns weighted by rarity (idf)."""

    def __init__(self, rows: Rows, columns: int, text_columns: int) -> None:
        shape = (len(rows.first) - 1, columns)
        plain = csr_matrix((rows.value, rows.column, rows.first), shape=shape)
        plain.sum_duplicates()
        seen = np.asarray((plain > 0).sum(axis=0)).ravel()[:text_columns]
        self.idf = np.ones(columns)
        self.idf[:text_columns] = np.log((1 + shape[0]) / (1 + seen)) + 1
        self.scaled = csr_matrix(plain @ diags(self.idf))

    def __getitem__(self, rows: NDArray[np.int64]) -> csr_matrix:
        return self.scaled[rows]


def _fit(matrix: csr_matrix | _Matrix, target: Bools, strength: float) -> LogisticRegression:
    data = matrix.scaled if isinstance(matrix, _Matrix) else matrix
    model = LogisticRegression(C=strength, solver="liblinear", dual=True, max_iter=5000, random_state=SEED)
    return model.fit(data, _two_classes(target))


def _two_classes(target: Bools) -> NDArray[np.int8]:
    """A code without a single line still needs both classes to be fitted: its first line stands in, and weighs nothing."""
    result = target.astype(np.int8)
    if not result.any():
        result[0] = 1
    return result


def _features(reader: Reader, reading: Reading) -> tuple[FeatureSpace, _Matrix]:
    """All features of the corpus. The vocabulary is chosen by frequency alone: choosing by label would flatter the folds."""
    vocabulary = vocabularies.build(reading.batch, reading.words, min_count=MIN_COUNT, most=MAX_TEXT_FEATURES)
    space = FeatureSpace(reader.lexicon, reader.matcher, reader.frames, vocabulary)
    return space, _Matrix(space.extract(reading), space.size, vocabulary.size)


def _out_of_fold(matrix: _Matrix, task: _Task, tell: Callable[[float], None]) -> Folded:
    count = len(task.lines)
    folded = Folded(np.zeros(count), np.zeros((count, len(task.codes))))
    splitter = StratifiedKFold(FOLDS, shuffle=True, random_state=SEED)
    for fold, (taught, tested) in enumerate(splitter.split(np.zeros(count), task.label)):
        unseen = matrix[tested]
        folded.gate[tested] = _fit(matrix[taught], task.unlawful[taught], GATE_C).decision_function(unseen)
        for k, (rows, target) in enumerate(task.code_targets(taught)):
            folded.codes[tested, k] = _fit(matrix[rows], target, CODES_C).decision_function(unseen)
        tell((fold + 1) / FOLDS)
    return folded


def _calibrate(folded: Folded, task: _Task) -> tuple[Values, Values, Values]:
    """Slope, offset and threshold per code.

    One Platt fit for all codes, with a deviation per code that is pulled towards zero (few lines a code). The threshold is
    one confidence for all codes: the lowest that keeps false alarms on lawful lines within the target.
    """
    best = folded.codes.argmax(axis=1)
    one_hot = np.eye(len(task.codes))[best]
    platt = LogisticRegression(C=1e6).fit(folded.gate[:, None], task.unlawful)
    common = platt.decision_function(folded.gate[:, None])
    own = LogisticRegression(C=1.0).fit(np.hstack([common[:, None] * 4, one_hot]), task.unlawful)
    slope = np.full(len(task.codes), float(platt.coef_[0, 0]) * own.coef_[0, 0] * 4)
    offset = float(platt.intercept_[0]) * own.coef_[0, 0] * 4 + own.coef_[0, 1:] + own.intercept_[0]
    score = slope[best] * folded.gate + offset[best] - task.caution
    lawful = np.sort(score[~task.unlawful])[::-1]
    allowed = int(len(lawful) * TARGET_FALSE_ALARMS)
    threshold = float(np.nextafter(lawful[min(allowed, len(lawful) - 1)], np.inf))
    return slope, offset, np.full(len(task.codes), threshold)


def _figures(folded: Folded, weights: Weights, task: _Task) -> tuple[CodeFigures, ...]:
    best = folded.codes.argmax(axis=1)
    score = weights.slope[best] * folded.gate + weights.offset[best]
    caught = score >= weights.threshold[best] + task.caution
    right = task.accepted[np.arange(len(best)), best]
    result = []
    for k, code in enumerate(task.codes):
        own = task.label == k
        result.append(
            CodeFigures(
                code=code,
                lines=int(own.sum()),
                caught=int((own & caught).sum()),
                right=int((own & caught & right).sum()),
                false_alarms=int((~task.unlawful & caught & (best == k)).sum()),
            )
        )
    return tuple(result)


def _unscaled(weights: Weights, idf: Values) -> Weights:
    """Fold the idf factors into the weights, so that use needs plain rows only."""
    return Weights(
        gate=weights.gate * idf,
        gate_bias=weights.gate_bias,
        codes=weights.codes * idf[:, None],
        codes_bias=weights.codes_bias,
        slope=weights.slope,
        offset=weights.offset,
        threshold=weights.threshold,
        caution=weights.caution,
    )


def _meta(reader: Reader, corpus: Corpus, task: _Task, figures: Sequence[CodeFigures]) -> Meta:
    caught = sum(one.caught for one in figures)
    return Meta(
        format=FORMAT,
        version="",
        lexicon=reader.lexicon.version,
        corpus=corpus.version,
        code=fingerprint.feature_code(),
        codes=tuple(task.codes),
        lines=len(corpus.lines),
        recall=caught / max(1, int(task.unlawful.sum())),
        false_alarms=sum(one.false_alarms for one in figures) / max(1, int((~task.unlawful).sum())),
        right_code=sum(one.right for one in figures) / max(1, caught),
    )


def _named(vocabulary: Vocabulary, weights: Weights, meta: Meta) -> Model:
    """The model with its version: a short hash of its vocabulary and weights."""
    hashed = hashlib.sha256()
    for array in arrays_of(vocabulary, weights).values():
        hashed.update(array.tobytes())
    digest = hashed.hexdigest()[:VERSION_LENGTH]
    return Model(vocabulary, weights, replace(meta, version=digest))
