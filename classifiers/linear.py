"""Small linear models over named features, kept as readable JSON: they score, and say what each feature added. They never train."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from classifiers.freshness import MODEL_DIR
from infra.errors import ConfigurationError

FORMAT: Final = 1
RETRAIN: Final = "请运行 chengxin train 重新训练"
VERSION_LENGTH: Final = 12
Features = Mapping[str, float]


class Line(Struct, frozen=True):
    """One yes-or-no question: its log-odds are ``bias`` plus weight times value of every feature; yes from ``threshold`` on."""

    bias: float
    threshold: float
    weights: dict[str, float]

    def score(self, features: Features) -> float:
        """Log-odds of yes."""
        known = self.weights
        return self.bias + sum(known[name] * value for name, value in features.items() if name in known)

    def contributions(self, features: Features) -> list[tuple[str, float]]:
        """What each known feature adds, strongest first; with the bias they sum to ``score``."""
        known = self.weights
        parts = [(name, known[name] * value) for name, value in features.items() if name in known and value]
        return sorted(parts, key=lambda part: (-abs(part[1]), part[0]))


class Figures(Struct, frozen=True):
    """Cross-validated figures of one question: lines with the answer yes, how many were found, how many others were taken for yes."""

    lines: int
    found: int
    false_alarms: int
    others: int


class LinearModel(Struct, frozen=True, kw_only=True):
    """Several questions over one set of features. ``made_of``: content hashes of corpus, words and code."""

    format: int
    name: str
    version: str
    made_of: dict[str, str]
    questions: dict[str, Line]
    figures: dict[str, Figures]

    def probabilities(self, features: Features, prefix: str = "") -> dict[str, float]:
        """Probability of yes for every question whose name begins with ``prefix``."""
        return {
            name: probability(line.score(features)) for name, line in self.questions.items() if name.startswith(prefix)
        }


def probability(score: float) -> float:
    """The probability that log-odds stand for."""
    if score >= 0:
        return 1.0 / (1.0 + math.exp(-score))
    return 1.0 - 1.0 / (1.0 + math.exp(score)) if score > -700 else 0.0


def path_of(name: str, folder: Path = MODEL_DIR) -> Path:
    """Where the model of this name is kept."""
    return folder / f"{name}.json"


def save(model: LinearModel, folder: Path = MODEL_DIR) -> None:
    """Write the model in one step."""
    folder.mkdir(parents=True, exist_ok=True)
    path = path_of(model.name, folder)
    temporary = path.with_suffix(f".{os.getpid()}")
    temporary.write_bytes(msgspec.json.encode(model))
    temporary.replace(path)


def load(name: str, *, made_of: Mapping[str, str], folder: Path = MODEL_DIR) -> LinearModel:
    """The model of this name, made of exactly these things.

    Raises:
        ConfigurationError: none, a damaged one, or one made of something else; says what to do.
    """
    path = path_of(name, folder)
    if not path.is_file():
        raise ConfigurationError(f"没有找到模型 {path}；{RETRAIN}")
    try:
        model = msgspec.json.decode(path.read_bytes(), type=LinearModel)
    except (OSError, msgspec.DecodeError) as error:
        raise ConfigurationError(f"模型 {path} 已损坏（{error}）；{RETRAIN}") from None
    if model.version != content_version(model.questions):
        raise ConfigurationError(f"模型 {path} 的内容与版本 {model.version} 不符，可能被改动过；{RETRAIN}")
    stale = [part for part, value in made_of.items() if model.made_of.get(part) != value]
    if model.format != FORMAT or stale:
        raise ConfigurationError(f"模型 {path} 不是按当前的{'、'.join(stale) or '格式'}训练的；{RETRAIN}")
    return model


def fits(name: str, *, made_of: Mapping[str, str], folder: Path = MODEL_DIR) -> bool:
    """Whether a whole model of this name is there, made of exactly these things."""
    try:
        load(name, made_of=made_of, folder=folder)
    except ConfigurationError:
        return False
    return True


def content_version(questions: Mapping[str, Line]) -> str:
    """A short hash of all weights: the version of a model."""
    return hashlib.sha256(msgspec.json.encode(questions, order="deterministic")).hexdigest()[:VERSION_LENGTH]
