"""Trains the small models (product pages, complaints) with scikit-learn and keeps them as JSON. Deterministic; needs no network.

Thresholds and figures come from out-of-fold scores, so that they are those of unseen lines.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from classifiers import complaint_model, linear, listing_model
from classifiers.freshness import MODEL_DIR
from classifiers.linear import FORMAT, Features, Figures, Line, LinearModel
from classifiers.reading import Reader

SEED: Final = 20261124
FOLDS: Final = 5
DIGITS: Final = 6
# Many questions with few lines each: scores of rare answers stay low, and the best one is asked for, not every one.
LOWEST_THRESHOLD: Final = -1.8
Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Question:
    """One yes-or-no question over the rows: the answers, the rows that teach it, and how many of the others may be taken for yes."""

    name: str
    answers: Sequence[bool]
    teaches: Sequence[bool]
    most_false_alarms: float
    strength: float


def train_small(reader: Reader, *, folder: Path = MODEL_DIR, if_needed: bool = False) -> list[LinearModel]:
    """Train and keep the small models; with ``if_needed`` only those that no longer fit. Returns the ones that were trained.

    Raises:
        ConfigurationError: a corpus line is wrong.
    """
    trained = []
    jobs: tuple[tuple[str, Callable[[], Mapping[str, str]], Callable[[], LinearModel]], ...] = (
        (listing_model.NAME, listing_model.made_of, _listing_model),
        (complaint_model.NAME, lambda: complaint_model.made_of(reader.lexicon), lambda: _complaint_model(reader)),
    )
    for name, made_of, build in jobs:
        if if_needed and linear.fits(name, made_of=made_of(), folder=folder):
            continue
        model = build()
        linear.save(model, folder)
        trained.append(model)
    return trained


def _listing_model() -> LinearModel:
    rows, labels = listing_model.training_rows()
    questions = [
        Question(code, [label == code for label in labels], [True] * len(rows), 0.03, 2.0)
        for code in listing_model.CODES
    ]
    return _fit(listing_model.NAME, rows, questions, listing_model.made_of(), min_count=2)


def _complaint_model(reader: Reader) -> LinearModel:
    lines, rows = complaint_model.training_rows(reader)
    everywhere = [True] * len(lines)
    questions = [
        Question("kind:report", [line.kind == "report" for line in lines], everywhere, 0.5, 2.0),
        Question("urgent", [line.urgent for line in lines], everywhere, 0.05, 2.0),
    ]
    for prefix, names in (("code", {line.code for line in lines}), ("category", {line.category for line in lines})):
        for name in sorted(filter(None, names)):
            answers = [getattr(line, prefix) == name for line in lines]
            # A line for which a code is right as well must not teach that it is wrong.
            teaches = [
                answer or prefix != "code" or name not in line.alt for answer, line in zip(answers, lines, strict=True)
            ]
            if sum(answers) >= complaint_model.MIN_LINES:
                questions.append(Question(f"{prefix}:{name}", answers, teaches, 0.03, 8.0))
    return _fit(complaint_model.NAME, rows, questions, complaint_model.made_of(reader.lexicon), min_count=2)


def _fit(
    name: str, rows: Sequence[Features], questions: Sequence[Question], made_of: Mapping[str, str], *, min_count: int
) -> LinearModel:
    counts: dict[str, int] = {}
    for row in rows:
        for feature in row:
            counts[feature] = counts.get(feature, 0) + 1
    kept = [{feature: value for feature, value in row.items() if counts[feature] >= min_count} for row in rows]
    vectorizer = DictVectorizer()
    matrix = vectorizer.fit_transform(kept)
    names = vectorizer.get_feature_names_out().tolist()
    lines: dict[str, Line] = {}
    figures: dict[str, Figures] = {}
    for question in questions:
        lines[question.name], figures[question.name] = _answer(matrix, names, question)
    made = {**made_of, "scikit-learn": version("scikit-learn")}
    digest = linear.content_version(lines)
    return LinearModel(format=FORMAT, name=name, version=digest, made_of=made, questions=lines, figures=figures)


def _answer(matrix: NDArray[np.float64], names: list[str], question: Question) -> tuple[Line, Figures]:
    teaches = np.flatnonzero(np.array(question.teaches))
    data, target = matrix[teaches], np.array(question.answers)[teaches]
    folded = np.zeros(len(target))
    splitter = StratifiedKFold(min(FOLDS, int(target.sum())), shuffle=True, random_state=SEED)
    for taught, tested in splitter.split(folded, target):
        folded[tested] = _regression(question).fit(data[taught], target[taught]).decision_function(data[tested])
    threshold = _threshold(folded, target, question.most_false_alarms)
    fitted = _regression(question).fit(data, target)
    weights = {name: round(float(weight), DIGITS) for name, weight in zip(names, fitted.coef_[0], strict=True)}
    line = Line(
        bias=round(float(fitted.intercept_[0]), DIGITS),
        threshold=threshold,
        weights={name: weight for name, weight in weights.items() if weight},
    )
    yes = folded >= threshold
    figures = Figures(
        lines=int(target.sum()),
        found=int((yes & target).sum()),
        false_alarms=int((yes & ~target).sum()),
        others=int((~target).sum()),
    )
    return line, figures


def _regression(question: Question) -> LogisticRegression:
    return LogisticRegression(C=question.strength, solver="liblinear", max_iter=2000, random_state=SEED)


def _threshold(scores: Floats, target: Bools, most_false_alarms: float) -> float:
    """The lowest score that keeps the others taken for yes within the share, but not below what means a doubtful no."""
    others = np.sort(scores[~target])[::-1]
    allowed = int(len(others) * most_false_alarms)
    lowest = float(others[min(allowed, len(others) - 1)]) + 1e-6
    return round(max(LOWEST_THRESHOLD, lowest), DIGITS)
