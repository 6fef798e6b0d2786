"""Tells whether the trained model still fits the corpus, the lexicon and the code it was made from. It never trains."""

from __future__ import annotations

import json
from pathlib import Path

from classifiers import fingerprint
from infra.errors import ConfigurationError
from lexicons.files import ROOT, content_version, read_files

MODEL_DIR = Path(__file__).parent / "model"
CORPUS_DIR = Path(__file__).parent / "corpus"
WEIGHTS_FILE = "model.npz"
CODES_FILE = "codes.npy"
META_FILE = "meta.json"


def corpus_files(folder: Path = CORPUS_DIR) -> list[Path]:
    """The files of the corpus, sorted.

    Raises:
        ConfigurationError: there are none.
    """
    files = sorted(folder.glob("*.jsonl"))
    if not files:
        raise ConfigurationError(f"语料目录 {folder} 没有 .jsonl 文件；请先写入带标签的句子")
    return files


def fresh_version(model: Path = MODEL_DIR, *, lexicon: Path = ROOT, corpus: Path = CORPUS_DIR) -> str | None:
    """The version of the model when it fits everything; None when it is missing, damaged or of something else.

    Raises:
        ConfigurationError: lexicon or corpus files are missing.
    """
    wanted = {
        "lexicon": content_version(read_files(lexicon)),
        "corpus": fingerprint.of_files(corpus_files(corpus)),
        "code": fingerprint.feature_code(),
    }
    try:
        meta = json.loads((model / META_FILE).read_text(encoding="utf-8"))
        whole = all((model / name).stat().st_size == size for name, size in meta["sizes"].items())
        fits = whole and all(meta[name] == value for name, value in wanted.items())
        return str(meta["version"]) if fits else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
