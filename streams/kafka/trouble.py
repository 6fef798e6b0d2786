"""What is wrong with a connection to Kafka, in one Chinese line that names the setting. It opens one socket and closes it."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from infra import broker

CREDENTIALS: Final = "SaslAuthenticationFailedError"
MECHANISM: Final = {"UnsupportedSaslMechanismError", "IllegalSaslStateError"}
NO_RIGHT: Final = {
    "ClusterAuthorizationFailedError",
    "GroupAuthorizationFailedError",
    "TopicAuthorizationFailedError",
    "TransactionalIdAuthorizationFailedError",
}
VERSION: Final = {"IncompatibleBrokerVersion", "UnrecognizedBrokerVersion", "UnsupportedVersionError"}
OTHER_PROTOCOL: Final = "InvalidReceiveError"
HUNG_UP: Final = "KafkaConnectionError"

FINAL: Final = {CREDENTIALS, "IncompatibleBrokerVersion"} | MECHANISM | NO_RIGHT
"""Answers of Kafka that waiting does not change."""


def is_final(errors: Sequence[BaseException], *, user: str) -> bool:
    """Whether asking again is of no use."""
    names = _names(errors)
    # Kafka often hangs up on a wrong password before its answer has been read.
    return bool(names & FINAL) or (bool(user) and HUNG_UP in names)


def explain(errors: Sequence[BaseException], *, where: str, user: str, mechanism: str, tls: bool, minimum: str) -> str:
    """What the client's errors come to; the first line that fits, the surest ones first."""
    names, last, on = _names(errors), errors[-1], "开" if tls else "关"
    told: list[tuple[bool, str]] = [
        (
            CREDENTIALS in names,
            f"CHENGXIN_BROKER_USER={user}：{where}拒绝了用户名或口令（{mechanism}），"
            f"请核对 CHENGXIN_BROKER_USER 与 CHENGXIN_BROKER_PASSWORD_FILE 中的口令",
        ),
        (
            bool(names & MECHANISM),
            f"CHENGXIN_BROKER_SASL={mechanism}：{where}的这个端口不接受此认证方式，"
            f"请改用它支持的方式，或去掉 CHENGXIN_BROKER_USER 不认证",
        ),
        (
            bool(names & NO_RIGHT),
            f"CHENGXIN_BROKER_USER={user or '（未设）'}：{where}不许此用户访问，请让管理员授权（{last}）",
        ),
        (
            bool(names & VERSION),
            f"CHENGXIN_BROKER_URL：{where}版本不符，至少需要 Kafka {minimum}，且应是代理而非控制器的端口",
        ),
        (
            bool(user) and HUNG_UP in names,
            f"CHENGXIN_BROKER_USER={user}：{where}在认证时断开连接（{mechanism}，TLS {on}）。请核对用户名与 "
            f"CHENGXIN_BROKER_PASSWORD_FILE 中的口令，以及 CHENGXIN_BROKER_SASL、CHENGXIN_BROKER_TLS 是否与该端口一致",
        ),
        (
            OTHER_PROTOCOL in names,
            f"CHENGXIN_BROKER_URL：{where}的这个端口说的不是 Kafka 协议，或要求 TLS（设 CHENGXIN_BROKER_TLS=true）",
        ),
    ]
    otherwise = (
        f"CHENGXIN_BROKER_URL：{where}接受了连接但没有应答（当前 TLS {on}，认证 {mechanism or '无'}）。请核对端口，以及 "
        f"CHENGXIN_BROKER_TLS、CHENGXIN_BROKER_USER、CHENGXIN_BROKER_SASL 是否与该端口一致（{type(last).__name__}）"
    )
    return next((line for fits, line in told if fits), otherwise)


def unreachable(server: str, tls: ssl.SSLContext | None, seconds: float) -> str | None:
    """Why a server cannot be reached, in Chinese; None when it can."""
    address = urlsplit(f"//{server}")
    host, port = str(address.hostname), int(address.port or broker.DEFAULT_PORT)
    try:
        with contextlib.ExitStack() as stack:
            raw = stack.enter_context(socket.create_connection((host, port), timeout=seconds))
            if tls is not None:
                stack.enter_context(tls.wrap_socket(raw, server_hostname=host))
    except OSError as error:
        return _said(error)
    return None


def _said(error: OSError) -> str:
    match error:
        case ssl.SSLCertVerificationError():
            return f"证书无法验证：{error.verify_message}；请核对 CHENGXIN_BROKER_CA_FILE 与服务器名"
        case ssl.SSLError():
            return f"TLS 握手失败（{error.reason or error}）；该端口可能不用 TLS，请核对 CHENGXIN_BROKER_TLS"
        case socket.gaierror():
            return "主机名无法解析，请核对写法与 DNS"
        case TimeoutError():
            return "没有响应，请核对地址、防火墙，以及 Kafka 是否已启动"
        case ConnectionRefusedError():
            return "拒绝连接，请核对端口，以及 Kafka 是否已启动"
        case _:
            return f"连接失败：{error.strerror or error}"


def _names(errors: Sequence[BaseException]) -> set[str]:
    return {type(error).__name__ for error in errors}
