"""The address of the broker, as ``CHENGXIN_BROKER_URL`` gives it. It opens no connection."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

EMBEDDED: Final = "embedded://"
KAFKA: Final = "kafka://"
DEFAULT_PORT: Final = 9092


def is_kafka(url: str) -> bool:
    """Whether the address names Kafka servers rather than the embedded log."""
    return url.startswith(KAFKA)


def check_url(url: str) -> None:
    """Raise ``ValueError`` with a Chinese message when the address is wrong. The message never repeats a password."""
    if url != EMBEDDED and not is_kafka(url):
        raise ValueError("应为 embedded:// 或 kafka://主机:端口，多台用逗号分隔")
    if is_kafka(url):
        servers(url)


def servers(url: str) -> tuple[str, ...]:
    """The servers of ``kafka://h1:p,h2:p`` as ``host:port``, without repeats; the port may be left out (9092).

    Raises:
        ValueError: not such an address; the message is Chinese and never repeats a password.
    """
    found = dict.fromkeys(_server(part.strip()) for part in url.removeprefix(KAFKA).rstrip("/").split(","))
    return tuple(found)


def _server(part: str) -> str:
    if "@" in part:
        raise ValueError("地址里不能写用户名和口令，请用 CHENGXIN_BROKER_USER 与 CHENGXIN_BROKER_PASSWORD_FILE")
    if not part or any(mark in part for mark in "/?#") or any(mark.isspace() for mark in part):
        raise ValueError(f"“{part}”不是 主机:端口；例：kafka://10.0.0.1:9092,10.0.0.2:9092")
    try:
        address = urlsplit(f"//{part}")
        port = address.port
    except ValueError:
        raise ValueError(f"“{part}”的端口应为 1 到 65535 的整数") from None
    if not address.hostname or port == 0 or part.endswith(":"):
        raise ValueError(f"“{part}”缺少主机或端口；例：kafka://10.0.0.1:9092")
    host = f"[{address.hostname}]" if ":" in address.hostname else address.hostname
    return f"{host}:{port or DEFAULT_PORT}"
