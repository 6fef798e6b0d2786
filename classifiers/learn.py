"""Fits the linear models with scikit-learn, the folds side by side on all cores. It knows rows and labels, no texts."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

SEED = 20261124
FOLDS = 5
TOLERANCE = 0.01
GATE_C = 0.25
CODES_C = 1.0
SCREEN_C = 0.25
Bools = NDArray[np.bool_]
RowNumbers = NDArray[np.int64]
Values = NDArray[np.float64]
Tell = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Targets:
    """Labels of all lines: whether unlawful, the number of the code (-1: lawful), which codes are right [lines, codes]."""

    unlawful: Bools
    label: RowNumbers
    accepted: Bools

    def of_codes(self, rows: RowNumbers) -> Iterator[tuple[RowNumbers, Bools]]:
        """For each code the lines among ``rows`` that teach it (alternatives left out) and whether each is its own."""
        for code in range(self.accepted.shape[1]):
            teaching = rows[~self.accepted[rows, code] | (self.label[rows] == code)]
            yield teaching, self.label[teaching] == code

    def folds(self) -> list[tuple[RowNumbers, RowNumbers]]:
        """Lines to learn from and lines to test on, five times."""
        splitter = StratifiedKFold(FOLDS, shuffle=True, random_state=SEED)
        return list(splitter.split(np.zeros(len(self.label)), self.label))


@dataclass(frozen=True, slots=True)
class Linear:
    """A fitted linear model: log-odds = rows @ ``coef`` + ``bias``."""

    coef: Values
    bias: float

    def scores(self, matrix: csr_matrix) -> Values:
        """Log-odds of all rows."""
        return np.asarray(matrix @ self.coef + self.bias, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Learned:
    """The gate, and one model per code."""

    gate: Linear
    codes: tuple[Linear, ...]


@dataclass(frozen=True, slots=True)
class Folded:
    """Scores of every line by models that have not seen it: gate [lines], codes [lines, codes]."""

    gate: Values
    codes: Values


def fit(data: csr_matrix, target: Bools, strength: float) -> Linear:
    """Logistic regression on columns scaled by how much each tells by itself (after Wang and Manning 2012, softened)."""
    classes = _two_classes(target)
    scale = telling(data, classes.astype(bool))
    scaled = csr_matrix((data.data * scale[data.indices], data.indices, data.indptr), shape=data.shape)
    model = LogisticRegression(
        C=strength, solver="liblinear", dual=True, tol=TOLERANCE, max_iter=5000, random_state=SEED
    )
    model.fit(scaled, classes)
    return Linear(model.coef_[0] * scale, float(model.intercept_[0]))


def telling(data: csr_matrix, target: Bools) -> Values:
    """Per column the square root of its absolute log ratio of smoothed shares in the two classes."""
    columns = data.shape[1]
    of_target = np.repeat(target, np.diff(data.indptr))
    inside = 1.0 + np.bincount(data.indices[of_target], minlength=columns)
    outside = 1.0 + np.bincount(data.indices[~of_target], minlength=columns)
    ratio = np.log(inside / inside.sum()) - np.log(outside / outside.sum())
    return np.asarray(np.sqrt(np.abs(ratio)), dtype=np.float64)


def _two_classes(target: Bools) -> NDArray[np.int8]:
    """A code without a single line still needs both classes to be fitted: its first line stands in, and weighs nothing."""
    result = target.astype(np.int8)
    if not result.any():
        result[0] = 1
    return result


def learn(matrix: csr_matrix, targets: Targets, rows: RowNumbers) -> Learned:
    """Gate and code models from these lines."""
    gate = fit(matrix[rows], targets.unlawful[rows], GATE_C)
    codes = tuple(fit(matrix[taught], target, CODES_C) for taught, target in targets.of_codes(rows))
    return Learned(gate, codes)


def _tested(matrix: csr_matrix, targets: Targets, taught: RowNumbers, tested: RowNumbers) -> Folded:
    learned = learn(matrix, targets, taught)
    unseen = matrix[tested]
    return Folded(learned.gate.scores(unseen), np.stack([code.scores(unseen) for code in learned.codes], axis=1))


def learn_and_test(matrix: csr_matrix, targets: Targets, tell: Tell) -> tuple[Learned, Folded]:
    """The models from all lines, and the scores of every line by models that have not seen it."""
    whole = np.arange(matrix.shape[0])
    folds = targets.folds()
    jobs = [delayed(learn)(matrix, targets, whole), *(delayed(_tested)(matrix, targets, *fold) for fold in folds)]
    done = []
    for result in Parallel(n_jobs=min(len(jobs), os.cpu_count() or 1), return_as="generator")(jobs):
        done.append(result)
        tell(len(done) / len(jobs))
    learned, *parts = done
    folded = Folded(np.zeros(len(whole)), np.zeros((len(whole), targets.accepted.shape[1])))
    for (_, tested), part in zip(folds, parts, strict=True):
        folded.gate[tested], folded.codes[tested] = part.gate, part.codes
    return learned, folded


def first_look(matrix: csr_matrix, targets: Targets, wanted: Bools) -> tuple[Linear, Values]:
    """The model of the first look from all lines, and the scores of every line by models that have not seen it."""
    scores = np.zeros(matrix.shape[0])
    for taught, tested in targets.folds():
        scores[tested] = fit(matrix[taught], wanted[taught], SCREEN_C).scores(matrix[tested])
    return fit(matrix, wanted, SCREEN_C), scores
