"""The Faust application of a worker: its settings, topics and tables. It handles nothing; ``streams.kafka.worker`` does."""

from __future__ import annotations

from typing import Any, Final

from streams.kafka.connection import Connection
from streams.kafka.topics import MAX_MESSAGE

GROUP: Final = "chengxin"
"""The consumer group of all workers, and the beginning of the changelogs' names."""

RECORDS_AHEAD: Final = 500
"""How many records wait in memory per topic; the fetcher pauses a partition beyond it."""


def make_app(connection: Connection, *, group: str, run: str, data_dir: str, session_seconds: float) -> Any:
    """A Faust app without web, that creates no topic by itself. ``run``: unique name of this run of this worker.

    Offsets are committed by the worker after every flush; Faust's own timer is only a second net.
    """
    import faust  # noqa: PLC0415  takes a second to import; only the worker needs it

    return faust.App(
        group,
        **connection.faust_options(),
        autodiscover=False,
        datadir=data_dir,
        store="memory://",
        web_enabled=False,
        # Nobody listens there; the assignor tells workers apart by it.
        canonical_url=f"http://{run}",
        broker_client_id=run,
        topic_allow_declare=False,
        topic_disable_leader=True,
        reply_create_topic=False,
        table_standby_replicas=1,
        broker_commit_interval=5.0,
        broker_session_timeout=session_seconds,
        broker_heartbeat_interval=session_seconds / 5,
        broker_max_poll_interval=600.0,
        broker_max_poll_records=RECORDS_AHEAD,
        broker_request_timeout=max(90.0, session_seconds * 2),
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=MAX_MESSAGE,
        producer_compression_type="lz4",
        producer_linger=0.02,
        producer_max_request_size=MAX_MESSAGE,
        stream_buffer_maxsize=RECORDS_AHEAD,
        stream_recovery_delay=0.0,
        stream_wait_empty=False,
        # A worker that shares a database with others may wait for them; our own watchdog looks at offsets instead.
        stream_processing_timeout=3600.0,
    )


def add_table(app: Any, name: str, *, partitions: int) -> Any:
    """A table of raw bytes by key, with its changelog."""
    return app.Table(name, key_type=bytes, value_type=bytes, partitions=partitions)


def add_topic(app: Any, name: str) -> Any:
    """A topic of raw bytes."""
    return app.topic(name, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
