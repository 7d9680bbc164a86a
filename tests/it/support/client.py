"""Runs Python against the local AWS with boto3: `python client.py SOCKET`.

Each connection to the socket is one task, `{script, args, environment}`, and gets `{result}` or `{error}`. A script has
`client(service)`, `client(service, region)` and `args`, and leaves its answer in `result`. A task runs in a process of its own, forked from this one,
which has loaded boto3 and the models of the services already: that takes a second or two, a fork takes none. Ends when stdin does.
"""

import functools
import json
import os
import select
import signal
import socket
import sys
import traceback

import boto3
import botocore.config

SETTINGS = botocore.config.Config(retries={"total_max_attempts": 2}, proxies={}, s3={"addressing_style": "path"})
LOADED = ("ec2", "ecs", "elbv2", "rds", "iam", "s3", "logs", "kms", "secretsmanager", "elasticache", "cloudfront", "sts")


def client_of(service, endpoint, region, **credentials):
    return boto3.client(service, endpoint_url=endpoint, region_name=region, config=SETTINGS, **credentials)


def run(task):
    os.environ.update(task["environment"])

    @functools.cache
    def client(service, region=None):
        return client_of(service, os.environ["AWS_ENDPOINT_URL"], region or os.environ["AWS_REGION"])

    scope = {"client": client, "args": task["args"], "result": None}
    exec(compile(task["script"], "<script>", "exec"), scope)
    return scope["result"]


def answer(connection):
    with connection, connection.makefile("rwb") as stream:
        try:
            said = {"result": run(json.loads(stream.readline()))}
            text = json.dumps(said, default=str)
        except BaseException:
            text = json.dumps({"error": traceback.format_exc()})
        stream.write(text.encode())


def main():
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for service in LOADED:
        # With credentials, so that the session does not look for any, and remember that there are none.
        client_of(service, "http://127.0.0.1:1", "us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(sys.argv[1])
    listener.listen(64)
    print("ready", flush=True)
    while True:
        ready, _, _ = select.select([listener, sys.stdin], [], [])
        if sys.stdin in ready:
            return
        connection, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            answer(connection)
            os._exit(0)
        connection.close()


main()
