"""One local AWS for a test file, spoken to over HTTP as any client would."""

import atexit
import functools
import io
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ROOT = pathlib.Path(__file__).resolve().parent.parent


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Server:
    """`python -m stack_local`, from its start to its end."""

    def __init__(self, *arguments: str, environment: dict[str, str] | None = None):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.folder = tempfile.mkdtemp(prefix="stack-local-")
        self.log = open(os.path.join(self.folder, "log"), "w+")  # noqa: SIM115  `stop` closes it
        command = [
            sys.executable,
            "-m",
            "stack_local",
            "--port",
            str(self.port),
            "--state-dir",
            os.path.join(self.folder, "state"),
            *arguments,
        ]
        started = time.monotonic()
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdout=self.log, stderr=subprocess.STDOUT, env=os.environ | (environment or {})
        )
        while True:
            try:
                urllib.request.urlopen(f"{self.url}/_localstack/health", timeout=1).close()
                break
            except OSError:
                if self.process.poll() is not None or time.monotonic() - started > 60:
                    self.stop()
                    raise AssertionError(f"no server: {self.said}") from None
                time.sleep(0.05)
        self.seconds_to_start = time.monotonic() - started

    def client(self, service: str, region: str = "us-east-1", account: str = "000000000000", validates: bool = True):
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=region,
            aws_access_key_id=account,
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}, read_timeout=60, parameter_validation=validates),
        )

    def scale(self, scale: float) -> None:
        body = json.dumps({"scale": scale}).encode()
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/_stack/time-scale", data=body, method="POST")).close()

    def outcomes(self, account: str = "000000000000", **more) -> None:
        body = json.dumps({"account": account} | {kind.replace("__", "."): how for kind, how in more.items()}).encode()
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/_stack/outcomes", data=body, method="POST")).close()

    def states(self, account: str = "000000000000", region: str = "us-east-1", **more) -> None:
        body = json.dumps(
            {"account": account, "region": region} | {kind.replace("__", "."): how for kind, how in more.items()}
        ).encode()
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/_stack/states", data=body, method="POST")).close()

    def waf_samples(self, arn: str, metric: str, *requests: dict, account: str = "000000000000") -> None:
        body = json.dumps({"account": account, "arn": arn, "metric": metric, "requests": requests}).encode()
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/_stack/waf-samples", data=body, method="POST")).close()

    def spend(self, account: str = "000000000000", **said) -> None:
        body = json.dumps({"account": account} | said).encode()
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/_stack/spend", data=body, method="POST")).close()

    def quotas(self, quotas) -> None:
        body = json.dumps(quotas).encode()
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/_stack/quotas", data=body, method="POST")).close()

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.seek(0)
        self.said = self.log.read()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


@functools.cache
def shared() -> Server:
    """The one server that all test files share: they keep to names and networks of their own."""
    server = Server("--functions")
    atexit.register(server.stop)
    return server


class Case(unittest.TestCase):
    """Nothing takes time unless a test says so; every test ends at once again."""

    def setUp(self):
        self.server = shared()
        self.addCleanup(self.server.scale, 0)

    def __getattr__(self, name: str):
        # self.ec2, self.ecs, …: a client each, made when first used.
        if name in (
            "acm",
            "kms",
            "route53",
            "ec2",
            "elbv2",
            "ecs",
            "iam",
            "rds",
            "elasticache",
            "cloudfront",
            "backup",
            "budgets",
            "ce",
            "logs",
            "ecr",
            "secretsmanager",
            "resourcegroupstaggingapi",
            "s3",
            "events",
            "servicediscovery",
            "sns",
            "sqs",
            "cloudwatch",
            "wafv2",
        ):
            return _client(name)
        if name == "autoscaling":
            return _client("application-autoscaling")
        if name == "servicequotas":
            return _client("service-quotas")
        if name == "lambda_":
            return _client("lambda")
        raise AttributeError(name)

    def slowly(self, scale: float = 0.01) -> None:
        self.server.scale(scale)

    def refused(self, code: str, call, status: int | None = None, says: str | None = None, **arguments) -> ClientError:
        with self.assertRaises(ClientError) as caught:
            call(**arguments)
        response = caught.exception.response
        self.assertEqual(response["Error"]["Code"], code, response["Error"]["Message"])
        if status:
            self.assertEqual(response["ResponseMetadata"]["HTTPStatusCode"], status)
        if says:
            self.assertIn(says, response["Error"]["Message"])
        return caught.exception

    def until(self, look, what: str, seconds: float = 10):
        """Looks until it sees something true, which it answers."""
        deadline = time.monotonic() + seconds
        while True:
            if seen := look():
                return seen
            self.assertLess(time.monotonic(), deadline, f"still not {what}")
            time.sleep(0.02)


@functools.cache
def _client(service: str):
    return shared().client(service)


class Network:
    """A network with two public and two private subnets, as the tests of several services need it."""

    _number = 0

    def __init__(self, case: Case, gateway: bool = True):
        type(self)._number += 1
        self.case, self.ec2 = case, case.ec2
        net = f"10.{100 + self._number % 100}"
        self.vpc = self.ec2.create_vpc(CidrBlock=f"{net}.0.0/16")["Vpc"]["VpcId"]
        zones = ["us-east-1a", "us-east-1b"]
        self.public = [self._subnet(f"{net}.{n}.0/24", zone) for n, zone in enumerate(zones)]
        self.private = [self._subnet(f"{net}.{n + 10}.0/24", zone) for n, zone in enumerate(zones)]
        self.gateway = None
        if gateway:
            self.gateway = self.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
            self.ec2.attach_internet_gateway(InternetGatewayId=self.gateway, VpcId=self.vpc)

    def _subnet(self, cidr: str, zone: str) -> str:
        return self.ec2.create_subnet(VpcId=self.vpc, CidrBlock=cidr, AvailabilityZone=zone)["Subnet"]["SubnetId"]

    def group(self, name: str) -> str:
        return self.ec2.create_security_group(VpcId=self.vpc, GroupName=name, Description=name)["GroupId"]


def zipped(**files: str) -> bytes:
    import zipfile

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(f"{name}.py", text)
    return buffer.getvalue()
