"""What the three consumer programs share: arguments, signals, and an end that leaves nothing half."""

import logging
import signal
from collections.abc import Sequence
from functools import partial
from threading import Event
from types import FrameType

from kafka.errors import FencedInstanceIdError

from config.settings import DatabaseSettings, KafkaSettings, ServiceSettings, load
from consumer import unpacking
from consumer.kafka_source import KafkaSource, NotInGroup
from consumer.loop import consume
from consumer.store import PostgresStore, TooManyInvalid
from utils import progress
from utils.arguments import program_parser
from utils.kafka import BrokerUnavailable, admin, consumer
from utils.program import SUCCESS, StageFailed

log = logging.getLogger(__name__)


def run(argv: Sequence[str] | None, *, doc: str | None, topic: str, service: str) -> int:
    """Store what comes on the topic until SIGTERM or SIGINT; then the batch at hand is finished and committed.

    While the database is away it stays in the topic. While it still waits for the broker there is none: it leaves at
    once. Raises StageFailed when it cannot go on.
    """
    parser = program_parser(doc)
    parser.parse_args(argv)
    database, kafka, settings = load(DatabaseSettings), load(KafkaSettings), load(ServiceSettings)
    stop, reading = Event(), Event()

    def told(_number: int, _frame: FrameType | None) -> None:
        stop.set()
        if not reading.is_set():
            raise SystemExit(SUCCESS)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, told)
    unpacking.read_whatever_comes()
    store = PostgresStore(database, max_invalid_share=kafka.max_invalid_share)
    try:
        source = KafkaSource(consumer(service, kafka), admin(kafka), topic, service, kafka.batch_messages)
        try:
            log.info("%s stores %s", service, topic)
            reading.set()
            consume(source, store, stop, progress=partial(progress.note, settings))
        finally:
            source.close()
    except (BrokerUnavailable, NotInGroup, TooManyInvalid) as error:
        raise StageFailed(str(error)) from error
    except FencedInstanceIdError as error:
        raise StageFailed(f"another process runs as {service}-{kafka.group_instance}") from error
    finally:
        store.close()
    log.info("%s stopped", service)
    return SUCCESS
