"""Kafka clients of the Python world, as an application would write them: librdkafka (confluent), aiokafka, kafka-python.

  foreign.py confluent consume TOPICS COMMIT name=value...    as Foreign.java
  foreign.py confluent produce TOPIC CODECS TRANSACTION name=value...
  foreign.py aiokafka|kafka-python consume TOPICS COMMIT name=value...

Writes one JSON line a record. SIGTERM ends a consumer in the usual way.
"""

import asyncio
import base64
import json
import signal
import sys

ending = False


def end(*_):
    global ending
    ending = True


def text(value):
    return None if value is None else base64.b64encode(value).decode()


def field(value):
    return None if value == "-" else base64.b64decode(value)


def show(topic, partition, offset, timestamp, key, value, headers):
    named = [[text(name.encode("utf8")), text(content)] for name, content in headers or []]
    record = dict(topic=topic, partition=partition, offset=offset, timestamp=timestamp, key=text(key), value=text(value))
    print(json.dumps({**record, "headers": named}), flush=True)


def confluent_consume(topics, commit, properties):
    from confluent_kafka import Consumer, KafkaException

    consumer = Consumer({**properties, "enable.auto.commit": commit == "auto"})
    consumer.subscribe([topics] if topics.startswith("^") else topics.split(","))
    while not ending:
        message = consumer.poll(0.2)
        if message is None:
            continue
        if message.error():
            if message.error().fatal():
                raise KafkaException(message.error())
            print(f"# {message.error()}", flush=True)
            continue
        show(
            message.topic(), message.partition(), message.offset(), message.timestamp()[1], message.key(), message.value(), message.headers()
        )
        if commit != "auto":
            consumer.commit(message=message, asynchronous=False)
    consumer.close()


def confluent_produce(topic, codecs, transaction, properties):
    from confluent_kafka import Producer

    lines = sys.stdin.read().splitlines()
    for codec in codecs.split(","):
        failures = []
        producer = Producer({**properties, "compression.codec": codec})
        if transaction != "none":
            producer.init_transactions()
            producer.begin_transaction()
        for line in lines:
            produce_line(producer, topic, line.split("\t"), failures)
        producer.flush()
        if failures:
            sys.exit(f"not delivered: {failures[0]}")
        if transaction == "commit":
            producer.commit_transaction()
        if transaction == "abort":
            producer.abort_transaction()


def produce_line(producer, topic, fields, failures):
    partition, time, key, value, *headers = fields
    names = [field(name).decode() for name in headers[::2]]
    options = {} if partition == "-" else {"partition": int(partition)}
    if time != "-":
        options["timestamp"] = int(time)
    producer.produce(
        topic,
        key=field(key),
        value=field(value),
        headers=list(zip(names, map(field, headers[1::2]))),
        on_delivery=lambda error, _: failures.append(error) if error else None,
        **options,
    )
    producer.poll(0)


async def aiokafka_consume(topics, commit, properties):
    from aiokafka import AIOKafkaConsumer

    consumer = AIOKafkaConsumer(**python_names(properties), enable_auto_commit=commit == "auto")
    consumer.subscribe(pattern=topics[1:]) if topics.startswith("^") else consumer.subscribe(topics.split(","))
    await consumer.start()
    while not ending:
        for records in (await consumer.getmany(timeout_ms=200)).values():
            for record in records:
                show_python(record)
        if commit != "auto":
            await consumer.commit()
    await consumer.stop()


def kafka_python_consume(topics, commit, properties):
    from kafka import KafkaConsumer

    consumer = KafkaConsumer(**python_names(properties), enable_auto_commit=commit == "auto")
    consumer.subscribe(pattern=topics[1:]) if topics.startswith("^") else consumer.subscribe(topics.split(","))
    while not ending:
        for records in consumer.poll(timeout_ms=200).values():
            for record in records:
                show_python(record)
        if commit != "auto":
            consumer.commit()
    consumer.close()


def python_names(properties):
    names = {name.replace(".", "_"): value for name, value in properties.items()}
    return {name: int(value) if value.isdigit() else value for name, value in names.items()}


def show_python(record):
    show(record.topic, record.partition, record.offset, record.timestamp, record.key, record.value, record.headers)


def main():
    library, what, topics, how, *settings = sys.argv[1:]
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, end)
    if what == "produce":
        transaction, *assignments = settings
        confluent_produce(topics, how, transaction, dict(each.split("=", 1) for each in assignments))
        return
    properties = dict(setting.split("=", 1) for setting in settings)
    if library == "confluent":
        confluent_consume(topics, how, properties)
    elif library == "aiokafka":
        asyncio.run(aiokafka_consume(topics, how, properties))
    else:
        kafka_python_consume(topics, how, properties)


main()
