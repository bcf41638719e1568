"""What is asked of confluent-kafka, the Python client on librdkafka."""

import confluent_kafka
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewTopic, OffsetSpec

from checks import BOOTSTRAP, now_ms, run, same, until, values

SERVERS = {"bootstrap.servers": BOOTSTRAP, "log_level": 0}
admin = AdminClient(SERVERS)


def create(topic, partitions=1):
    admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result(20)


def send(topic, all_values, timestamps=None, **settings):
    producer = Producer({**SERVERS, **settings})
    failures = []
    for at, value in enumerate(all_values):
        producer.produce(
            topic,
            value,
            key=f"key {at}",
            partition=0,
            headers=[("at", str(at).encode())],
            timestamp=timestamps[at] if timestamps else 0,
            on_delivery=lambda error, _message: error and failures.append(str(error)),
        )
    same(0, producer.flush(20))
    same([], failures)


def consumer(group="none", **settings):
    return Consumer({**SERVERS, "group.id": group, "auto.offset.reset": "earliest", "enable.auto.commit": False, **settings})


def take(reader, count):
    taken = []
    until(f"{count} records", lambda: taken.extend(messages(reader)) or len(taken) >= count)
    return taken


def messages(reader):
    polled = reader.consume(500, 0.2)
    for message in polled:
        if message.error():
            raise KafkaException(message.error())
    return polled


def read(topic, count, offset=0, **settings):
    reader = consumer(**settings)
    try:
        reader.assign([TopicPartition(topic, 0, offset)])
        return take(reader, count)
    finally:
        reader.close()


def produce(topic):
    create(topic)
    send(topic, values(20))
    found = read(topic, 20)
    same(values(20), [one.value() for one in found])
    same([f"key {at}".encode() for at in range(20)], [one.key() for one in found])
    same([[("at", str(at).encode())] for at in range(20)], [one.headers() for one in found])
    same(list(range(20)), [one.offset() for one in found])


def compression(codec):
    def body(topic):
        create(topic)
        send(topic, values(200), **{"compression.type": codec, "linger.ms": 50})
        same(values(200), [one.value() for one in read(topic, 200)])

    return body


def idempotence(topic):
    create(topic)
    send(topic, values(50), **{"enable.idempotence": True})
    same(values(50), [one.value() for one in read(topic, 50)])


def new_group_protocol(topic):
    group(topic, **{"group.protocol": "consumer"})


def group(topic, **settings):
    create(topic, 2)
    first, second = (consumer(f"{topic}-group", **settings) for _ in range(2))
    try:
        for member in (first, second):
            member.subscribe([topic])
        seen = []

        def shared():
            seen.extend(messages(first) + messages(second))
            return len(first.assignment()) == 1 and len(second.assignment()) == 1

        until("one partition each", shared)
        same({0, 1}, {one.partition for member in (first, second) for one in member.assignment()})
        send(topic, values(20))
        until("20 records", lambda: seen.extend(messages(first) + messages(second)) or len(seen) >= 20)
        same(values(20), [one.value() for one in seen])
    finally:
        first.close()
        second.close()


def commit(topic):
    create(topic)
    send(topic, values(10))
    group_id = f"{topic}-group"
    for continues_at in (0, 4):
        member = consumer(group_id)
        member.subscribe([topic])
        same(values(10)[continues_at:], [one.value() for one in take(member, 10 - continues_at)])
        if continues_at == 0:
            member.commit(offsets=[TopicPartition(topic, 0, 4)], asynchronous=False)
        same(4, member.committed([TopicPartition(topic, 0)], 10)[0].offset)
        member.close()


def seek(topic):
    create(topic)
    send(topic, values(10))
    reader = consumer()
    reader.assign([TopicPartition(topic, 0, 0)])
    take(reader, 10)
    reader.seek(TopicPartition(topic, 0, 7))
    same([7, 8, 9], [one.offset() for one in take(reader, 3)])
    reader.close()


def list_offsets(topic):
    create(topic)
    send(topic, values(10))
    partition = TopicPartition(topic, 0)
    for spec, wanted in ((OffsetSpec.earliest(), 0), (OffsetSpec.latest(), 10)):
        same(wanted, admin.list_offsets({partition: spec})[partition].result(20).offset)


def offset_by_time(topic):
    create(topic)
    first = now_ms() - 60_000
    send(topic, values(10), timestamps=[first + at * 1000 for at in range(10)])
    reader = consumer()
    same(5, reader.offsets_for_times([TopicPartition(topic, 0, first + 4500)], 20)[0].offset)
    same([first + at * 1000 for at in range(10)], [one.timestamp()[1] for one in read(topic, 10)])
    reader.close()


def topics(topic):
    create(topic, 3)
    until("3 partitions", lambda: len(admin.list_topics(topic, 10).topics[topic].partitions) == 3)
    try:
        create(topic, 3)
    except KafkaException as problem:
        same("TOPIC_ALREADY_EXISTS", problem.args[0].name())
        return
    raise AssertionError("created twice")


def config(topic):
    create(topic)
    entry = ConfigEntry("retention.ms", "3600000", incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource("TOPIC", topic, incremental_configs=[entry])
    admin.incremental_alter_configs([resource])[resource].result(20)
    asked = ConfigResource("TOPIC", topic)
    until("the new value", lambda: admin.describe_configs([asked])[asked].result(20)["retention.ms"].value == "3600000")


def delete(topic):
    create(topic)
    until("a topic", lambda: topic in admin.list_topics(timeout=10).topics)
    admin.delete_topics([topic])[topic].result(20)
    until("no topic", lambda: topic not in admin.list_topics(timeout=10).topics)


def transactions(topic):
    create(topic)
    producer = Producer({**SERVERS, "transactional.id": topic})
    producer.init_transactions(15)
    for commits, text in ((True, "kept"), (False, "dropped"), (True, "kept, too")):
        producer.begin_transaction()
        producer.produce(topic, text, partition=0)
        producer.flush(10)
        producer.commit_transaction(10) if commits else producer.abort_transaction(10)
    found = read(topic, 2, **{"isolation.level": "read_committed"})
    same([b"kept", b"kept, too"], [one.value() for one in found])


print(f"client confluent-kafka {confluent_kafka.version()} (librdkafka {confluent_kafka.libversion()[0]})", flush=True)
run(
    [
        ("produce", produce),
        *((codec, compression(codec)) for codec in ("gzip", "snappy", "lz4", "zstd")),
        ("idempotence", idempotence),
        ("group", group),
        ("group-protocol", new_group_protocol),
        ("commit", commit),
        ("seek", seek),
        ("list-offsets", list_offsets),
        ("offset-by-time", offset_by_time),
        ("topics", topics),
        ("config", config),
        ("delete", delete),
        ("transactions", transactions),
    ]
)
