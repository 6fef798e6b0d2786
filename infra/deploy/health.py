"""The container's health check: asks ``HEALTH_URL`` of this very container and exits 0 when it answers with 200."""

from __future__ import annotations

import http.client
import os
import sys
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 4


def healthy(url: str) -> bool:
    """Whether a ``GET`` of the URL (plain HTTP, no redirects) is answered with 200."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "127.0.0.1", parts.port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", parts.path or "/")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(0 if healthy(os.environ.get("HEALTH_URL", "http://127.0.0.1:8000/healthz")) else 1)
