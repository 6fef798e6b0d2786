"""One Elasticsearch node on the loopback address, from the publisher's own distribution of the core server."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from http.client import HTTPConnection
from pathlib import Path
from typing import ClassVar

import msgspec

from infra.local import needs, software
from infra.local.process import ServerFailed
from infra.local.server import LOOPBACK, LocalServer, free_port

CONFIGURATION = """\
cluster.name: chengxin-local
discovery.type: single-node
xpack.security.enabled: false
network.host: {host}
http.port: {port}
transport.port: {transport}
path.data: {data}
path.logs: {logs}
cluster.routing.allocation.disk.threshold_enabled: false
action.auto_create_index: false
"""


class LocalElasticsearch(LocalServer):
    """Elasticsearch 8.19. ``heap``: what the JVM's ``-Xms`` and ``-Xmx`` take."""

    name: ClassVar[str] = "Elasticsearch"

    def __init__(
        self, directory: Path, port: int | None = None, *, heap: str = "512m", software_folder: Path | None = None
    ) -> None:
        super().__init__(directory, port)
        self.heap = heap
        self._software = software_folder

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def prepare(self) -> None:
        home = software.elasticsearch_home(self._software)
        # A folder of its own: run on the distribution's config/, the server writes security settings into it.
        configuration = self.directory / "config"
        if not configuration.is_dir():
            shutil.copytree(home / "config", configuration)
        text = CONFIGURATION.format(
            host=LOOPBACK,
            port=self.port,
            transport=free_port(),
            data=self.directory / "data",
            logs=self.directory / "logs",
        )
        (configuration / "elasticsearch.yml").write_text(text)
        for name in ("data", "tmp"):
            (self.directory / name).mkdir(exist_ok=True)

    def command(self) -> Sequence[str | Path]:
        return [software.elasticsearch_home(self._software) / "bin" / "elasticsearch"]

    def environment(self) -> dict[str, str]:
        return super().environment() | {
            "ES_JAVA_HOME": str(needs.java().parent.parent),
            "ES_PATH_CONF": str(self.directory / "config"),
            "ES_TMPDIR": str(self.directory / "tmp"),
            "ES_JAVA_OPTS": f"-Xms{self.heap} -Xmx{self.heap}",
        }

    def check(self) -> None:
        """The cluster has a master and answers with its health."""
        connection = HTTPConnection(LOOPBACK, self.port, timeout=5)
        try:
            connection.request("GET", "/_cluster/health?wait_for_status=yellow&timeout=3s")
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        if answer.status != 200:
            raise ServerFailed(f"HTTP {answer.status}")
        status = msgspec.json.decode(body).get("status")
        if status not in {"yellow", "green"}:
            raise ServerFailed(f"集群状态 {status}")
