"""Kafka set-up in one place: who may send, who may read, and how (contracts 4).

Producers are idempotent and wait for every replica; a message is sent when its future has an answer. Consumers commit
by hand and get key and value as bytes: reading them is `utils.messages`' work, so that a bad message stays a message.
"""

from collections.abc import Callable
from typing import TypeVar

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.errors import KafkaTimeoutError, RetriableError
from tenacity import RetryError, Retrying, retry_if_exception_type, stop_after_delay, wait_exponential_jitter

from config.settings import KafkaSettings, load
from config.topics import TOPIC_CONFIG

# A message's size is limited by the topic; what the client packs around it comes on top.
MAX_REQUEST_BYTES = int(TOPIC_CONFIG["max.message.bytes"]) + 64 * 1024
# How long the broker may be silent while a program starts: as long as it may be while one is at work.
START_TIMEOUT_S = 120
# A member whose instance is known comes back under its name; another must be missed soon.
KNOWN_SESSION_MS, UNKNOWN_SESSION_MS = 20_000, 10_000

T = TypeVar("T")


class BrokerUnavailable(Exception):
    """The broker does not answer."""


def producer(settings: KafkaSettings | None = None) -> KafkaProducer:
    """A producer that loses and repeats nothing. Close it; a message counts when `send(...).get()` has returned.

    Raises BrokerUnavailable when no broker answers within START_TIMEOUT_S.
    """
    settings = settings or load(KafkaSettings)
    timeout_ms = settings.delivery_timeout_s * 1000
    return _when_it_answers(
        settings,
        lambda: KafkaProducer(
            bootstrap_servers=settings.bootstrap_servers.split(","),
            acks="all",
            enable_idempotence=True,
            compression_type="gzip",
            linger_ms=5,
            batch_size=128 * 1024,
            max_request_size=MAX_REQUEST_BYTES,
            delivery_timeout_ms=timeout_ms,
            request_timeout_ms=min(30_000, max(timeout_ms - 1000, 1000)),
            max_block_ms=timeout_ms,
            bootstrap_timeout_ms=5_000,
            allow_auto_create_topics=False,
        ),
    )


def close_producer(sender: KafkaProducer, *, timeout_s: float = 10) -> None:
    """Close it, with what it still holds after the time or so as failed; the client alone would raise and stay."""
    try:
        sender.close(timeout=timeout_s)
    except KafkaTimeoutError:
        sender._sender.force_close()
        sender.close(timeout=timeout_s)


def consumer(service: str, settings: KafkaSettings | None = None) -> KafkaConsumer:
    """A member of the group named like its service. It commits by hand and subscribes to nothing yet.

    An offset outside of the log raises at poll: where to go on is the database's to say (contracts 4).
    """
    settings = settings or load(KafkaSettings)
    known = settings.group_instance is not None
    return _when_it_answers(
        settings,
        lambda: KafkaConsumer(
            bootstrap_servers=settings.bootstrap_servers.split(","),
            group_id=service,
            group_instance_id=f"{service}-{settings.group_instance}" if known else None,
            client_id=service,
            session_timeout_ms=KNOWN_SESSION_MS if known else UNKNOWN_SESSION_MS,
            heartbeat_interval_ms=3_000,
            enable_auto_commit=False,
            auto_offset_reset="none",
            # Gzipped messages grow tenfold in memory; the first one of a partition comes whatever its size.
            fetch_max_bytes=1024 * 1024,
            max_partition_fetch_bytes=256 * 1024,
            metadata_max_age_ms=10_000,
            reconnect_backoff_max_ms=5_000,
            bootstrap_timeout_ms=5_000,
            allow_auto_create_topics=False,
        ),
    )


def admin(settings: KafkaSettings | None = None) -> KafkaAdminClient:
    """A client that asks about topics and makes them."""
    settings = settings or load(KafkaSettings)
    return _when_it_answers(
        settings,
        lambda: KafkaAdminClient(
            bootstrap_servers=settings.bootstrap_servers.split(","),
            request_timeout_ms=15_000,
            reconnect_backoff_max_ms=5_000,
            bootstrap_timeout_ms=5_000,
        ),
    )


def _when_it_answers(settings: KafkaSettings, make: Callable[[], T]) -> T:
    """What `make` returns once the broker answers.

    Raises BrokerUnavailable with one line when it does not within the time.
    """
    attempts = Retrying(
        retry=retry_if_exception_type((KafkaTimeoutError, RetriableError, OSError)),
        stop=stop_after_delay(START_TIMEOUT_S),
        wait=wait_exponential_jitter(multiplier=0.2, max=3),
    )
    try:
        return attempts(make)
    except RetryError as error:
        reason = error.last_attempt.exception()
        raise BrokerUnavailable(
            f"Kafka at {settings.bootstrap_servers}: no answer within {START_TIMEOUT_S:.0f} s ({reason})"
        ) from reason
