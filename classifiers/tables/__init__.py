"""Character tables as data: folding, classes, pinyin. Built offline by ``build.py``; the running system only reads them."""
