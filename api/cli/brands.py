"""``chengxin brands``: checks an authority's own register of brands before it is put to use. It changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("brands", epilog="例：chengxin brands 品牌.csv，通过后设 CHENGXIN_BRANDS_FILE=品牌.csv")(brands)


def brands(
    file: Annotated[
        Path | None, typer.Argument(metavar="[文件]", help=".yaml 或 .csv；默认检查 CHENGXIN_BRANDS_FILE 所指的文件")
    ] = None,
) -> None:
    """检查品牌登记表：逐行核对写法、类目和重名，写错的行报出文件和行号。"""
    from classifiers.cache import bundled_reader
    from infra.errors import ConfigurationError
    from infra.settings import load_settings
    from lexicons.registers import load_brands

    path = file or load_settings().brands_file
    if path is None:
        raise ConfigurationError("没有写文件，也没有设置 CHENGXIN_BRANDS_FILE；目前使用自带的虚构样例")
    found = load_brands(path, categories=bundled_reader().lexicon.categories)
    floors = sum(brand.floor_price is not None for brand in found.brands)
    licences = sum(bool(brand.licensed_sellers) for brand in found.brands)
    names = sum(1 + len(brand.aliases) for brand in found.brands)
    typer.echo(
        f"{path}：{len(found.brands)} 个品牌、{names} 个名称，{floors} 个有最低合理价，{licences} 个有授权名单；"
        f"登记表版本 {found.version}"
    )
