"""Trains the model from the corpus with scikit-learn and exports its weights. Deterministic; needs no network.

Gate: unlawful against lawful. Codes: one against the rest, lines for which a code is an accepted alternative left out.
Calibration and threshold come from out-of-fold scores, so that the figures printed are those of unseen lines.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, diags
from sklearn.linear_model import LogisticRegression

from classifiers import fingerprint
from classifiers import vocabulary as vocabularies
from classifiers.corpus import Corpus, Line
from classifiers.features import FeatureSpace, Rows, Values
from classifiers.learn import Bools, Folded, Targets, first_look, learn_and_test
from classifiers.model import FORMAT, Meta, Model, Weights, arrays_of
from classifiers.reading import Reader, Reading
from classifiers.screen import screened
from classifiers.vocabulary import Vocabulary

MIN_COUNT = 2
MAX_TEXT_FEATURES = 200_000
TARGET_FALSE_ALARMS = 0.06
# Design value: at 1.0 the recall is what it is at 0, and half as many lawful lines without any frame are flagged.
CAUTION = 0.0
# Design value, see ``Model.caution``.
PATIENCE = 1.5
# How much the best code's own score counts beside the gate. Design value: measured from 0 to 1 in cross-validation, flat
# between 0.3 and 0.7; without it 5 points of recall are lost at the same false alarms.
LEAN = 0.5
# The share of caught lines that may be lost because their gate is too low to be looked at.
FLOOR_SHARE = 0.002
# The same for the first, cheap look. It learns to pass what is unlawful, and lawful lines that come this near the threshold.
SCREEN_SHARE = 0.005
SCREEN_NEAR = 1.0
VERSION_LENGTH = 12
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


def train(reader: Reader, corpus: Corpus, *, progress: Progress | None = None, with_lexicon: bool = True) -> Trained:
    """Train on all lines; ``progress(step, share)`` is called as work goes on (share of the whole, 0 to 1).

    Without the lexicon concepts and frames weigh nothing: only for measuring what they are worth.
    """
    tell = progress or (lambda _step, _share: None)
    tell("读取语料", 0.0)
    reading = reader.read([line.item() for line in corpus.lines])
    space, matrix = _features(reader, reading)
    if not with_lexicon:
        matrix.forget(space.concepts, space.category)
    task = _Task(corpus.lines, list(reader.lexicon.codes), {one.row for one in reading.fired if one.blocked is None})
    learned, folded = learn_and_test(matrix.scaled, task.targets, lambda done: tell("学习并交叉验证", 0.1 + 0.8 * done))
    calibration = _calibrate(folded, task)
    score = calibration.score(folded) - task.caution - calibration.threshold[0]
    caught, near = task.unlawful & (score >= 0), task.unlawful | (score >= -SCREEN_NEAR)
    tell("学习初筛", 0.92)
    look, screen = first_look(matrix.screened(), task.targets, near)
    weights = Weights(
        gate=learned.gate.coef,
        gate_bias=learned.gate.bias,
        codes=np.stack([code.coef for code in learned.codes], axis=1).astype(np.float32),
        codes_bias=np.array([code.bias for code in learned.codes]),
        slope=calibration.slope,
        offset=calibration.offset,
        threshold=calibration.threshold,
        caution=CAUTION,
        patience=PATIENCE,
        lean=LEAN,
        floor=calibration.floor,
        screen=look.coef,
        screen_bias=look.bias,
        screen_floor=float(np.quantile(screen[caught], SCREEN_SHARE)),
    )
    figures = _figures(folded, screen, weights, task)
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
        self.targets = Targets(self.unlawful, self.label, self.accepted)


class _Matrix:
    """The feature rows as scikit-learn takes them: text columns weighted by rarity (idf)."""

    def __init__(self, rows: Rows, columns: int, vocabulary: Vocabulary) -> None:
        text_columns = vocabulary.size
        shape = (len(rows.first) - 1, columns)
        plain = csr_matrix((rows.value, rows.column, rows.first), shape=shape)
        plain.sum_duplicates()
        seen = np.asarray((plain > 0).sum(axis=0)).ravel()[:text_columns]
        self.idf = np.ones(columns)
        self.idf[:text_columns] = np.log((1 + shape[0]) / (1 + seen)) + 1
        self.scaled = csr_matrix(plain @ diags(self.idf))
        looked_at = np.zeros(text_columns)
        looked_at[screened(vocabulary)] = 1.0
        self._looked_at = diags(looked_at)
        self._text_columns = text_columns

    def forget(self, first: int, last: int) -> None:
        """Empty the columns from ``first`` up to (not with) ``last``."""
        kept = np.ones(self.scaled.shape[1])
        kept[first:last] = 0.0
        self.scaled = csr_matrix(self.scaled @ diags(kept))

    def screened(self) -> csr_matrix:
        """Only the columns that the first look sees; the others are empty."""
        return csr_matrix(self.scaled[:, : self._text_columns] @ self._looked_at)


def _features(reader: Reader, reading: Reading) -> tuple[FeatureSpace, _Matrix]:
    """All features of the corpus. The vocabulary is chosen by frequency alone: choosing by label would flatter the folds."""
    vocabulary = vocabularies.build(reading.batch, reading.words, min_count=MIN_COUNT, most=MAX_TEXT_FEATURES)
    space = FeatureSpace(reader.lexicon, reader.matcher, reader.frames, vocabulary)
    return space, _Matrix(space.extract(reading), space.size, vocabulary)


def _joint(folded: Folded) -> tuple[NDArray[np.int64], Values]:
    """The best code per line, and the gate with what that code adds to it."""
    best = folded.codes.argmax(axis=1)
    return best, folded.gate + LEAN * folded.codes[np.arange(len(best)), best]


@dataclass(frozen=True, slots=True)
class _Calibration:
    """Slope, offset and threshold per code, and the floor of the gate."""

    slope: Values
    offset: Values
    threshold: Values
    floor: float

    def score(self, folded: Folded) -> Values:
        """Calibrated score of the best code per line."""
        best, joint = _joint(folded)
        return np.asarray(self.slope[best] * joint + self.offset[best], dtype=np.float64)


def _calibrate(folded: Folded, task: _Task) -> _Calibration:
    """Turn out-of-fold scores into log-odds and choose what is reported.

    One Platt fit for all codes, with a deviation per code that is pulled towards zero (few lines a code). The threshold is
    one confidence for all codes: the lowest that keeps false alarms on lawful lines within the target.
    """
    best, joint = _joint(folded)
    one_hot = np.eye(len(task.codes))[best]
    platt = LogisticRegression(C=1e6).fit(joint[:, None], task.unlawful)
    common = platt.decision_function(joint[:, None])
    own = LogisticRegression(C=1.0).fit(np.hstack([common[:, None] * 4, one_hot]), task.unlawful)
    slope = np.full(len(task.codes), float(platt.coef_[0, 0]) * own.coef_[0, 0] * 4)
    offset = float(platt.intercept_[0]) * own.coef_[0, 0] * 4 + own.coef_[0, 1:] + own.intercept_[0]
    score = slope[best] * joint + offset[best] - task.caution
    lawful = np.sort(score[~task.unlawful])[::-1]
    allowed = int(len(lawful) * TARGET_FALSE_ALARMS)
    threshold = float(np.nextafter(lawful[min(allowed, len(lawful) - 1)], np.inf))
    caught = task.unlawful & (score >= threshold)
    floor = float(np.quantile(folded.gate[caught], FLOOR_SHARE))
    return _Calibration(slope, offset, np.full(len(task.codes), threshold), floor)


def _figures(folded: Folded, screen: Values, weights: Weights, task: _Task) -> tuple[CodeFigures, ...]:
    best, joint = _joint(folded)
    score = weights.slope[best] * joint + weights.offset[best]
    looked_at = (folded.gate >= weights.floor) & (screen >= weights.screen_floor)
    caught = (score >= weights.threshold[best] + task.caution) & looked_at
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
        codes=(weights.codes * idf[:, None]).astype(np.float32),
        codes_bias=weights.codes_bias,
        slope=weights.slope,
        offset=weights.offset,
        threshold=weights.threshold,
        caution=weights.caution,
        patience=weights.patience,
        lean=weights.lean,
        floor=weights.floor,
        screen=weights.screen * idf[: len(weights.screen)],
        screen_bias=weights.screen_bias,
        screen_floor=weights.screen_floor,
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
