"""Empty topics for a test."""

from typing import Any

from tenacity import retry, stop_after_delay, wait_fixed

from config.settings import KafkaSettings
from config.topics import TOPICS
from utils import topics
from utils.kafka import admin


def remake_topics(kafka: KafkaSettings) -> None:
    """The topics of the definition, with nothing in them."""
    client = admin(kafka)
    existing = [name for name in TOPICS if name not in topics.state(client).missing]
    if existing:
        client.delete_topics(existing)
        gone(client, existing)
    topics.create(client, TOPICS)
    assert topics.state(client) == topics.State((), ())
    client.close()


@retry(stop=stop_after_delay(30), wait=wait_fixed(0.1), reraise=True)
def gone(client: Any, names: list[str]) -> None:
    """Until the broker knows them no more."""
    for name in names:
        assert topics.topic_id(client, name) is None
