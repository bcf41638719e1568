"""What is asked of kafka-python."""

import kafka
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource
from kafka.errors import TopicAlreadyExistsError
from kafka.structs import OffsetAndMetadata

from checks import BOOTSTRAP, now_ms, run, same, until, values

admin = KafkaAdminClient(bootstrap_servers=BOOTSTRAP)


def create(topic, partitions=1):
    admin.create_topics({topic: {"num_partitions": partitions, "replication_factor": 1}})


def send(topic, all_values, timestamps=None, **settings):
    producer = KafkaProducer(bootstrap_servers=BOOTSTRAP, **settings)
    sent = [
        producer.send(
            topic,
            value,
            key=f"key {at}".encode(),
            partition=0,
            headers=[("at", str(at).encode())],
            timestamp_ms=timestamps[at] if timestamps else None,
        )
        for at, value in enumerate(all_values)
    ]
    same(list(range(len(sent))), [one.get(20).offset for one in sent])
    producer.close(10)


def consumer(group=None, **settings):
    return KafkaConsumer(
        bootstrap_servers=BOOTSTRAP, group_id=group, auto_offset_reset="earliest", enable_auto_commit=False, **settings
    )


def records(reader):
    return [record for some in reader.poll(200).values() for record in some]


def take(reader, count):
    taken = []
    until(f"{count} records", lambda: taken.extend(records(reader)) or len(taken) >= count)
    return taken


def read(topic, count, **settings):
    reader = consumer(**settings)
    reader.assign([TopicPartition(topic, 0)])
    try:
        return take(reader, count)
    finally:
        reader.close()


def produce(topic):
    create(topic)
    send(topic, values(20))
    found = read(topic, 20)
    same(values(20), [one.value for one in found])
    same([f"key {at}".encode() for at in range(20)], [one.key for one in found])
    same([[("at", str(at).encode())] for at in range(20)], [list(one.headers) for one in found])
    same(list(range(20)), [one.offset for one in found])


def compression(codec):
    def body(topic):
        create(topic)
        send(topic, values(200), compression_type=codec, linger_ms=50)
        same(values(200), [one.value for one in read(topic, 200)])

    return body


def idempotence(topic):
    create(topic)
    send(topic, values(50), enable_idempotence=True)
    same(values(50), [one.value for one in read(topic, 50)])


def group(topic):
    create(topic, 2)
    first, second = consumer(f"{topic}-group"), consumer(f"{topic}-group")
    for member in (first, second):
        member.subscribe([topic])
    seen = []

    def shared():
        seen.extend(records(first) + records(second))
        return len(first.assignment()) == 1 and len(second.assignment()) == 1

    until("one partition each", shared)
    same({0, 1}, {one.partition for one in first.assignment() | second.assignment()})
    send(topic, values(20))
    until("20 records", lambda: seen.extend(records(first) + records(second)) or len(seen) >= 20)
    same(values(20), [one.value for one in seen])
    first.close()
    second.close()


def commit(topic):
    create(topic)
    send(topic, values(10))
    partition = TopicPartition(topic, 0)
    for continues_at in (0, 4):
        member = consumer(f"{topic}-group")
        member.subscribe([topic])
        same(values(10)[continues_at:], [one.value for one in take(member, 10 - continues_at)])
        if continues_at == 0:
            member.commit({partition: OffsetAndMetadata(4, "", -1)})
        same(4, member.committed(partition))
        member.close()


def seek(topic):
    create(topic)
    send(topic, values(10))
    reader = consumer()
    reader.assign([TopicPartition(topic, 0)])
    take(reader, 10)
    reader.seek(TopicPartition(topic, 0), 7)
    same([7, 8, 9], [one.offset for one in take(reader, 3)])
    reader.close()


def list_offsets(topic):
    create(topic)
    send(topic, values(10))
    partition = TopicPartition(topic, 0)
    reader = consumer()
    same(0, reader.beginning_offsets([partition])[partition])
    same(10, reader.end_offsets([partition])[partition])
    reader.close()


def offset_by_time(topic):
    create(topic)
    first = now_ms() - 60_000
    send(topic, values(10), timestamps=[first + at * 1000 for at in range(10)])
    partition = TopicPartition(topic, 0)
    reader = consumer()
    same(5, reader.offsets_for_times({partition: first + 4500})[partition].offset)
    same([first + at * 1000 for at in range(10)], [one.timestamp for one in read(topic, 10)])
    reader.close()


def topics(topic):
    create(topic, 3)
    until("3 partitions", lambda: len(admin.describe_topics([topic])[0]["partitions"]) == 3)
    try:
        create(topic, 3)
    except TopicAlreadyExistsError:
        return
    raise AssertionError("created twice")


def config(topic):
    create(topic)
    admin.alter_configs([ConfigResource("TOPIC", topic, {"retention.ms": "3600000"})])
    asked = ConfigResource("TOPIC", topic)
    until("the new value", lambda: admin.describe_configs([asked])["topic"][topic]["retention.ms"]["value"] == "3600000")


def delete(topic):
    create(topic)
    until("a topic", lambda: topic in admin.list_topics())
    admin.delete_topics([topic])
    until("no topic", lambda: topic not in admin.list_topics())


def transactions(topic):
    create(topic)
    producer = KafkaProducer(bootstrap_servers=BOOTSTRAP, transactional_id=topic, max_block_ms=15_000)
    try:
        producer.init_transactions()
        for commits, text in ((True, b"kept"), (False, b"dropped"), (True, b"kept, too")):
            producer.begin_transaction()
            producer.send(topic, text, partition=0).get(10)
            producer.commit_transaction() if commits else producer.abort_transaction()
    finally:
        producer.close(1)
    found = read(topic, 2, isolation_level="read_committed")
    same([b"kept", b"kept, too"], [one.value for one in found])


print(f"client kafka-python {kafka.__version__}", flush=True)
run(
    [
        ("produce", produce),
        *((codec, compression(codec)) for codec in ("gzip", "snappy", "lz4", "zstd")),
        ("idempotence", idempotence),
        ("group", group),
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
admin.close()
