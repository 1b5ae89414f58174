"""An SQS application with boto3. QUEUES holds what an application may be given: a name, a URL, an ARN, or a JSON object of those.

  sqs.py consume    reads every queue by polls of WAIT_SECONDS until SIGTERM; one JSON line a message
  sqs.py produce    lines of JSON on standard input: {body, attributes: {name: [type, text or base64]}, trace?, delay?}

Endpoint, region and credentials come from the environment, as boto3 has it.
"""

import base64
import json
import os
import signal
import sys

import boto3

sqs = boto3.client("sqs")
ending = False


def end(*_):
    global ending
    ending = True


def url_of(reference):
    if "://" in reference:
        return reference
    if reference.startswith("arn:"):
        *_, account, name = reference.split(":")
        return sqs.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account)["QueueUrl"]
    return sqs.get_queue_url(QueueName=reference)["QueueUrl"]


def queues():
    text = os.environ["QUEUES"]
    named = json.loads(text) if text.startswith("{") else {"only": text}
    return {key: url_of(reference) for key, reference in named.items()}


def content(value):
    binary = value.get("BinaryValue")
    return value["StringValue"] if binary is None else base64.b64encode(binary).decode()


def consume():
    print(json.dumps({"queues": queues()}), flush=True)
    while not ending:
        for key, url in queues().items():
            answer = sqs.receive_message(
                QueueUrl=url,
                MaxNumberOfMessages=10,
                WaitTimeSeconds=int(os.environ.get("WAIT_SECONDS", "0")),
                MessageAttributeNames=["All"],
                MessageSystemAttributeNames=["All"],
            )
            for message in answer.get("Messages", []):
                attributes = message.get("MessageAttributes", {})
                seen = {name: [value["DataType"], content(value)] for name, value in attributes.items()}
                trace = message.get("Attributes", {}).get("AWSTraceHeader")
                print(json.dumps({"key": key, "body": message["Body"], "attributes": seen, "trace": trace}), flush=True)
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


def attribute(data_type, text):
    if data_type.startswith("Binary"):
        return {"DataType": data_type, "BinaryValue": base64.b64decode(text)}
    return {"DataType": data_type, "StringValue": text}


def produce():
    (url,) = queues().values()
    for line in sys.stdin:
        message = json.loads(line)
        trace = message.get("trace")
        system = {"AWSTraceHeader": attribute("String", trace)} if trace else {}
        sqs.send_message(
            QueueUrl=url,
            MessageBody=message["body"],
            DelaySeconds=message.get("delay", 0),
            MessageAttributes={name: attribute(*value) for name, value in message["attributes"].items()},
            MessageSystemAttributes=system,
        )


for name in (signal.SIGTERM, signal.SIGINT):
    signal.signal(name, end)
{"consume": consume, "produce": produce}[sys.argv[1]]()
