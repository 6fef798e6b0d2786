"""The real detector, loaded once; trained first when the model does not fit (``make test`` has trained it already)."""

from __future__ import annotations

import pytest

from api.cli.check import train
from classifiers.cache import bundled_reader
from classifiers.detector import Detector
from classifiers.reading import Reader


@pytest.fixture(scope="session")
def detector() -> Detector:
    train(if_needed=True)
    return Detector.load()


@pytest.fixture(scope="session")
def reader() -> Reader:
    return bundled_reader()
