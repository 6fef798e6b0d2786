"""``python -m benchmarks [NAME…]``: run all measurements or those named. Example: ``python -m benchmarks search``."""

from __future__ import annotations

import argparse
from importlib import import_module

NAMES = ("judgement", "evasion", "classify", "stream", "search", "databases", "kafka", "search_scale")


def main() -> None:
    """Parse the names and run the measurements one after the other."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(NAMES)}（不写则全部）")
    wanted = parser.parse_args().names or NAMES
    for name in wanted:
        if name not in NAMES:
            parser.error(f"没有名为 {name} 的测量，可用：{'、'.join(NAMES)}")
        print(f"\n== {name} ==", flush=True)
        import_module(f"benchmarks.{name}").main()


if __name__ == "__main__":
    main()
