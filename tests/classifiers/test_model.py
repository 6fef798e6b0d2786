"""The exported model: the same scores as scikit-learn, and refused when it does not fit."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import diags
from sklearn.linear_model import LogisticRegression

from classifiers import learn as learning
from classifiers import model as models
from classifiers import train as training
from classifiers.corpus import Corpus, load_corpus
from classifiers.detector import Detector
from classifiers.features import FeatureSpace
from classifiers.reading import Reader
from infra.errors import ConfigurationError


@pytest.fixture(scope="module")
def corpus(reader: Reader) -> Corpus:
    whole = load_corpus(codes=reader.lexicon.codes)
    return Corpus(lines=whole.lines[::12], version="test")


def test_exported_weights_score_as_scikit_learn_does(reader: Reader, corpus: Corpus) -> None:
    trained = training.train(reader, corpus)
    reading = reader.read([line.item() for line in corpus.lines])
    space, matrix = training._features(reader, reading)
    unlawful = np.array([not line.lawful for line in corpus.lines])
    telling = matrix.scaled @ diags(learning.telling(matrix.scaled, unlawful))
    fitted = LogisticRegression(
        C=learning.GATE_C,
        solver="liblinear",
        dual=True,
        tol=learning.TOLERANCE,
        max_iter=5000,
        random_state=learning.SEED,
    ).fit(telling, unlawful)
    ours = FeatureSpace(reader.lexicon, reader.matcher, reader.frames, trained.model.vocabulary)
    assert ours.size == space.size
    exported = trained.model.gate(ours.extract(reading))
    assert np.abs(exported - fitted.decision_function(telling)).max() < 1e-6


def test_training_twice_gives_the_same_model(reader: Reader, corpus: Corpus) -> None:
    first, second = (training.train(reader, corpus).model for _ in range(2))
    assert first.meta.version == second.meta.version
    assert models.to_bytes(first) == models.to_bytes(second)


@pytest.fixture
def saved(detector: Detector, tmp_path: Path) -> Path:
    models.save(detector._model, tmp_path)
    return tmp_path


def refused(folder: Path, detector: Detector, lexicon: str | None = None) -> str:
    with pytest.raises(ConfigurationError, match="chengxin train") as caught:
        models.load(folder, lexicon_version=lexicon or detector.versions.lexicon, codes=detector.codes)
    return str(caught.value)


def test_a_saved_model_loads_again(saved: Path, detector: Detector) -> None:
    loaded = models.load(saved, lexicon_version=detector.versions.lexicon, codes=detector.codes)
    assert loaded.meta.version == detector.versions.model


def test_a_missing_model_says_what_to_run(tmp_path: Path, detector: Detector) -> None:
    assert "没有找到识别模型" in refused(tmp_path, detector)


def test_a_damaged_model_is_refused(saved: Path, detector: Detector) -> None:
    weights = saved / "model.npz"
    weights.write_bytes(weights.read_bytes()[:-1000])
    assert "已损坏" in refused(saved, detector)
    models.save(detector._model, saved)
    codes = saved / "codes.npy"
    content = bytearray(codes.read_bytes())
    content[len(content) // 2] ^= 1
    codes.write_bytes(content)
    assert "wrong checksum" in refused(saved, detector)
    (saved / "meta.json").write_text("{", encoding="utf-8")
    assert "已损坏" in refused(saved, detector)


def test_a_model_of_another_lexicon_is_refused(saved: Path, detector: Detector) -> None:
    assert "other-lexicon" in refused(saved, detector, lexicon="other-lexicon")
    meta = json.loads((saved / "meta.json").read_text(encoding="utf-8"))
    assert meta["lexicon"] == detector.versions.lexicon
