"""What is asked of aiokafka."""

import asyncio

import aiokafka
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from checks import BOOTSTRAP, now_ms, run, same, values

TOPIC_ALREADY_EXISTS = 36
WAIT_SECONDS_MAX = 20


async def until(what, holds):
    async def ask():
        while not await holds():
            await asyncio.sleep(0.05)

    try:
        await asyncio.wait_for(ask(), WAIT_SECONDS_MAX)
    except asyncio.TimeoutError:
        raise AssertionError(f"not in time: {what}") from None


async def asked(use):
    """What the admin client answers; it is started for this alone."""
    admin = AIOKafkaAdminClient(bootstrap_servers=BOOTSTRAP)
    await admin.start()
    try:
        return await use(admin)
    finally:
        await admin.close()


async def create(topic, partitions=1):
    answer = await asked(lambda admin: admin.create_topics([NewTopic(topic, partitions, 1)]))
    return answer.topic_errors[0][1]


async def send(topic, all_values, timestamps=None, **settings):
    producer = AIOKafkaProducer(bootstrap_servers=BOOTSTRAP, **settings)
    await producer.start()
    try:
        sent = [
            await producer.send(
                topic,
                value,
                key=f"key {at}".encode(),
                partition=0,
                headers=[("at", str(at).encode())],
                timestamp_ms=timestamps[at] if timestamps else None,
            )
            for at, value in enumerate(all_values)
        ]
        same(list(range(len(sent))), [(await one).offset for one in sent])
    finally:
        await producer.stop()


async def consumer(*subscribed, group=None, **settings):
    reader = AIOKafkaConsumer(
        *subscribed, bootstrap_servers=BOOTSTRAP, group_id=group, auto_offset_reset="earliest", enable_auto_commit=False, **settings
    )
    await reader.start()
    return reader


async def records(reader):
    return [record for some in (await reader.getmany(timeout_ms=200)).values() for record in some]


async def take(reader, count):
    taken = []

    async def enough():
        taken.extend(await records(reader))
        return len(taken) >= count

    await until(f"{count} records", enough)
    return taken


async def read(topic, count, **settings):
    reader = await consumer(**settings)
    reader.assign([TopicPartition(topic, 0)])
    try:
        return await take(reader, count)
    finally:
        await reader.stop()


async def produce(topic):
    await create(topic)
    await send(topic, values(20))
    found = await read(topic, 20)
    same(values(20), [one.value for one in found])
    same([f"key {at}".encode() for at in range(20)], [one.key for one in found])
    same([(("at", str(at).encode()),) for at in range(20)], [tuple(one.headers) for one in found])
    same(list(range(20)), [one.offset for one in found])


def compression(codec):
    async def body(topic):
        await create(topic)
        await send(topic, values(200), compression_type=codec, linger_ms=50)
        same(values(200), [one.value for one in await read(topic, 200)])

    return body


async def idempotence(topic):
    await create(topic)
    await send(topic, values(50), enable_idempotence=True)
    same(values(50), [one.value for one in await read(topic, 50)])


async def group(topic):
    await create(topic, 2)
    members = await asyncio.gather(*(consumer(topic, group=f"{topic}-group") for _ in range(2)))
    seen = []

    async def collect():
        for some in await asyncio.gather(*map(records, members)):
            seen.extend(some)

    async def shared():
        await collect()
        return all(len(member.assignment()) == 1 for member in members)

    async def enough():
        await collect()
        return len(seen) >= 20

    await until("one partition each", shared)
    same({0, 1}, {one.partition for member in members for one in member.assignment()})
    await send(topic, values(20))
    await until("20 records", enough)
    same(values(20), [one.value for one in seen])
    await asyncio.gather(*(member.stop() for member in members))


async def commit(topic):
    await create(topic)
    await send(topic, values(10))
    partition = TopicPartition(topic, 0)
    for continues_at in (0, 4):
        member = await consumer(topic, group=f"{topic}-group")
        same(values(10)[continues_at:], [one.value for one in await take(member, 10 - continues_at)])
        if continues_at == 0:
            await member.commit({partition: 4})
        same(4, await member.committed(partition))
        await member.stop()


async def seek(topic):
    await create(topic)
    await send(topic, values(10))
    partition = TopicPartition(topic, 0)
    reader = await consumer()
    reader.assign([partition])
    await take(reader, 10)
    reader.seek(partition, 7)
    same([7, 8, 9], [one.offset for one in await take(reader, 3)])
    await reader.stop()


async def list_offsets(topic):
    await create(topic)
    await send(topic, values(10))
    partition = TopicPartition(topic, 0)
    reader = await consumer()
    same(0, (await reader.beginning_offsets([partition]))[partition])
    same(10, (await reader.end_offsets([partition]))[partition])
    await reader.stop()


async def offset_by_time(topic):
    await create(topic)
    first = now_ms() - 60_000
    await send(topic, values(10), timestamps=[first + at * 1000 for at in range(10)])
    partition = TopicPartition(topic, 0)
    reader = await consumer()
    same(5, (await reader.offsets_for_times({partition: first + 4500}))[partition].offset)
    same([first + at * 1000 for at in range(10)], [one.timestamp for one in await read(topic, 10)])
    await reader.stop()


async def topics(topic):
    same(0, await create(topic, 3))

    async def three():
        return len((await asked(lambda admin: admin.describe_topics([topic])))[0]["partitions"]) == 3

    await until("3 partitions", three)
    same(TOPIC_ALREADY_EXISTS, await create(topic, 3))


async def config(topic):
    await create(topic)
    resource = ConfigResource(ConfigResourceType.TOPIC, topic, {"retention.ms": "3600000"})
    await asked(lambda admin: admin.alter_configs([resource]))

    async def changed():
        answers = await asked(lambda admin: admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)]))
        return any(entry[:2] == ("retention.ms", "3600000") for one in answers[0].resources for entry in one[4])

    await until("the new value", changed)


async def delete(topic):
    async def listed():
        return topic in await asked(lambda admin: admin.list_topics())

    async def gone():
        return not await listed()

    await create(topic)
    await until("a topic", listed)
    await asked(lambda admin: admin.delete_topics([topic]))
    await until("no topic", gone)


async def transactions(topic):
    await create(topic)
    producer = AIOKafkaProducer(bootstrap_servers=BOOTSTRAP, transactional_id=topic)
    try:
        await asyncio.wait_for(producer.start(), WAIT_SECONDS_MAX)
        for commits, text in ((True, b"kept"), (False, b"dropped"), (True, b"kept, too")):
            await producer.begin_transaction()
            await producer.send_and_wait(topic, text, partition=0)
            await (producer.commit_transaction() if commits else producer.abort_transaction())
    finally:
        await producer.stop()
    found = await read(topic, 2, isolation_level="read_committed")
    same([b"kept", b"kept, too"], [one.value for one in found])


def in_loop(body):
    return lambda topic: asyncio.run(body(topic))


print(f"client aiokafka {aiokafka.__version__}", flush=True)
run(
    [
        (name, in_loop(body))
        for name, body in [
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
    ]
)
