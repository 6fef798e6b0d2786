"""Asks a broker whether its group coordinator works, in two requests of the wire protocol.

A client library would do, but one that meets a broker which accepts connections and says nothing (paused, starting) leaves
threads behind; a readiness check is called many times at just such moments.
"""

from __future__ import annotations

import socket
import struct
from typing import Final

from infra.local.process import ServerFailed

GROUP: Final = b"chengxin-ready"
FIND_COORDINATOR: Final = (10, 1)  # API key, version: the oldest that Kafka 4 still speaks
OFFSET_FETCH: Final = (9, 2)


def require_coordinator(host: str, port: int, *, timeout: float = 5.0) -> None:
    """Return when the broker knows the coordinator of a group and the coordinator gives the group's offsets.

    Raises:
        OSError, ServerFailed: not (yet).
    """
    with socket.create_connection((host, port), timeout=timeout) as connection:
        found = _ask(connection, FIND_COORDINATOR, _string(GROUP) + struct.pack(">b", 0))
        (error,) = struct.unpack_from(">h", found, 4)  # after the throttle time
        if error == 0:
            offsets = _ask(connection, OFFSET_FETCH, _string(GROUP) + struct.pack(">i", -1))
            (error,) = struct.unpack(">h", offsets[-2:])
    if error != 0:
        raise ServerFailed(f"消费组协调者尚未就绪（Kafka 错误码 {error}）")


def _ask(connection: socket.socket, api: tuple[int, int], body: bytes) -> bytes:
    message = struct.pack(">hhih", *api, 1, -1) + body  # correlation id 1, no client id
    connection.sendall(struct.pack(">i", len(message)) + message)
    (length,) = struct.unpack(">i", _exactly(connection, 4))
    return _exactly(connection, length)[4:]  # without the correlation id


def _exactly(connection: socket.socket, length: int) -> bytes:
    received = b""
    while len(received) < length:
        part = connection.recv(length - len(received))
        if not part:
            raise ServerFailed("连接被服务器关闭")
        received += part
    return received


def _string(value: bytes) -> bytes:
    return struct.pack(">h", len(value)) + value
