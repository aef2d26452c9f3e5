"""Make the topics of config/topics.py, and say where the existing ones differ (contracts 4).

python -m utils.topics            # running it again changes nothing
python -m utils.topics --check    # make nothing; exit code 1 when a topic is missing or differs
"""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from uuid import UUID

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import KafkaError, TopicAlreadyExistsError

from config.topics import PARTITIONS, TOPIC_CONFIG, TOPICS
from utils.arguments import program_parser
from utils.kafka import BrokerUnavailable, admin
from utils.program import FAILED, SUCCESS, StageFailed, run_program


@dataclass(frozen=True)
class State:
    """The topics as they are, against the definition."""

    missing: tuple[str, ...]
    drift: tuple[str, ...]


def state(client: KafkaAdminClient, topics: Sequence[str] = TOPICS) -> State:
    """Which topics are missing, and one line for each difference."""
    found = {topic["name"]: topic for topic in client.describe_topics() if topic["name"] in topics}
    resources = [ConfigResource(ConfigResourceType.TOPIC, name, dict.fromkeys(TOPIC_CONFIG, "")) for name in found]
    configs = client.describe_configs(resources, config_filter="all")["topic"] if resources else {}
    drift = []
    for name, topic in sorted(found.items()):
        if len(topic["partitions"]) != PARTITIONS:
            drift.append(f"{name}: expected {PARTITIONS} partitions, found {len(topic['partitions'])}")
        for key, expected in TOPIC_CONFIG.items():
            value = configs[name][key]["value"]
            if value != expected:
                drift.append(f"{name}: expected {key}={expected}, found {value}")
    return State(tuple(name for name in topics if name not in found), tuple(drift))


def create(client: KafkaAdminClient, topics: Sequence[str]) -> None:
    """Make the topics and wait until each partition has a leader. One that another program made meanwhile is fine."""
    for name in topics:
        definition = {"num_partitions": PARTITIONS, "replication_factor": -1, "configs": TOPIC_CONFIG}
        try:
            client.create_topics({name: definition})
        except TopicAlreadyExistsError:
            continue
    client.wait_for_topics(list(topics), timeout_ms=30_000)


def topic_id(client: KafkaAdminClient, topic: str) -> UUID | None:
    """The broker's id of a topic, another one each time it is made; None when there is no such topic."""
    found = client.describe_topics([topic])
    return found[0]["topic_id"] if found and found[0]["error_code"] == 0 else None


def main(argv: Sequence[str] | None = None) -> int:
    """Make what is missing; say what differs. 1 with --check when there is any. Raises StageFailed without a broker."""
    parser = program_parser(__doc__)
    parser.add_argument("--check", action="store_true", help="make nothing, only say what is missing or differs")
    arguments = parser.parse_args(argv)
    try:
        with closing(admin()) as client:
            before = state(client)
            if not arguments.check:
                create(client, before.missing)
    except BrokerUnavailable as error:
        raise StageFailed(str(error)) from error
    except KafkaError as error:
        raise StageFailed(f"Kafka: {type(error).__name__}: {error}") from error
    for line in before.drift:
        print(f"drift: {line}")
    verb = "missing" if arguments.check else "made"
    print(
        f"topics: {len(TOPICS)} defined, {verb} {', '.join(before.missing) or 'none'}, {len(before.drift)} differences"
    )
    return FAILED if arguments.check and (before.missing or before.drift) else SUCCESS


if __name__ == "__main__":
    raise SystemExit(run_program(main))
