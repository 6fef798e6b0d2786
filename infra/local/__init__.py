"""Real servers on this machine without containers: Kafka, Elasticsearch and PostgreSQL, for development and for tests.

``make services-up`` and ``make services-down`` use it, and tests start servers of their own with ``LocalKafka``,
``LocalElasticsearch`` and ``LocalPostgres``. Nothing here is used by a running installation.
"""

from __future__ import annotations

from infra.local.elasticsearch import LocalElasticsearch
from infra.local.kafka import LocalKafka
from infra.local.postgresql import LocalPostgres
from infra.local.process import ServerFailed
from infra.local.server import LocalServer, free_port

__all__ = ["LocalElasticsearch", "LocalKafka", "LocalPostgres", "LocalServer", "ServerFailed", "free_port"]
