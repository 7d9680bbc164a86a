"""Holds recorded requests against AWS's API models and against what AWS refuses beyond them.

    python models.py FOLDER [--control]

FOLDER has what `record.rs` wrote. Run it with the local AWS's Python, which has botocore's models, LocalStack's parsers
(which read a request the way the service does) and the table of rules (`stack_local.rules`).

What is said of a request:
  BAD      the model says that AWS refuses it
  RULE     AWS refuses it although the model allows it
  UNKNOWN  it could not be read
  LOOSE    a pattern fits a part of the text only; most services mean the whole
  NOTE     known: the model is behind AWS, or AWS means something by it
  PENDING  a rule that `stack` is known to break, and says so in the table
Exit code 1 with anything of the first four.
"""

import argparse
import collections
import dataclasses
import datetime
import functools
import json
import pathlib
import sys
import time
import warnings
from urllib.parse import parse_qsl, quote, unquote, urlencode
from xml.etree import ElementTree

warnings.filterwarnings("ignore")

import botocore.parsers
import botocore.serialize
import botocore.session
import regex
from botocore.awsrequest import HeadersDict
from localstack.aws.protocol.parser import create_parser
from localstack.aws.protocol.service_router import determine_aws_protocol
from localstack.aws.spec import load_service
from localstack.http import Request
from stack_local.rules import RULES, Ask, Memory, is_learned, learn, rules_for

# What a signature calls the service, where botocore calls it otherwise.
SERVICES = {
    "elasticloadbalancing": "elbv2",
    "servicequotas": "service-quotas",
    "tagging": "resourcegroupstaggingapi",
    "monitoring": "cloudwatch",
    "email": "ses",
    "states": "stepfunctions",
}

# Where the model is behind AWS: (operation, member, value) → source.
AHEAD = {
    ("ec2:DescribeAccountAttributes", "AttributeNames[]", "vpc-max-elastic-ips"): "API reference DescribeAccountAttributes",
}

# What clients add to a request that no model names.
EXTRA_QUERY = {"x-id"}
EXTRA_HEADERS = ("x-amz-date", "x-amz-content-sha256", "x-amz-security-token", "x-amz-user-agent", "x-amz-target", "x-amz-checksum-", "x-amz-sdk-", "x-amz-decoded-content-length", "x-amz-trailer")

FAILING = ("BAD", "RULE", "UNKNOWN", "LOOSE")

READING = ("Describe", "List", "Get", "Head", "BatchGet", "Lookup", "Simulate", "Search", "AssumeRole", "Filter", "Validate")


@dataclasses.dataclass(frozen=True)
class Finding:
    verdict: str
    call: str
    what: str
    where: str = ""

    def __str__(self) -> str:
        return f"{self.verdict} {self.call} {self.where}: {self.what}"


# Requests


@functools.cache
def _session():
    return botocore.session.get_session()


@functools.cache
def _model(service: str):
    """botocore's own, without what LocalStack mends."""
    return _session().get_service_model(service)


@functools.cache
def _parser(service: str, protocol: str):
    return create_parser(load_service(service), protocol)


def _bytes(text: str | None) -> bytes:
    return (text or "").encode("latin-1")


def _header(record: dict, name: str) -> str | None:
    return next((value for field, value in record["headers"] if field.lower() == name), None)


def _scope(record: dict) -> tuple[str, str, str]:
    """Account, region and service as the signature names them."""
    credential = (_header(record, "authorization") or "").partition("Credential=")[2].split(",")[0].split("/")
    if len(credential) < 5:
        return "", "", ""
    return credential[0], credential[2], credential[3]


@dataclasses.dataclass
class Read:
    """A request as the service reads it."""

    call: str
    service: str
    operation: object  # botocore's
    request: dict
    protocol: str
    account: str
    region: str


def read(record: dict) -> Read:
    account, region, signed = _scope(record)
    service = SERVICES.get(signed, signed)
    if not service:
        raise ValueError("it is not signed")
    path, _, query = record["target"].partition("?")
    request = Request(method=record["method"], path=unquote(path), raw_path=path, query_string=query, headers=dict(record["headers"]), body=_bytes(record["body"]))
    protocol = determine_aws_protocol(request, load_service(service))
    operation, parameters = _parser(service, protocol).parse(request)
    call = f"{service}:{operation.name}"
    return Read(call, service, _model(service).operation_model(operation.name), parameters or {}, protocol, account, region)


# The model


@functools.cache
def _pattern(text: str):
    # Java writes characters beyond the first 65,536 as two.
    text = text.replace(r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010FFFF")
    try:
        return regex.compile(text, regex.VERSION1)
    except regex.error:
        return None


_KINDS = {
    "string": str,
    "character": str,
    "integer": int,
    "long": int,
    "float": (int, float),
    "double": (int, float),
    "boolean": bool,
    "blob": (bytes, bytearray, str),
    "timestamp": (datetime.datetime, str, int, float),
    "list": list,
    "map": dict,
    "structure": dict,
}


class Check:
    """One request against its model."""

    def __init__(self, read: Read):
        self.read, self.found = read, []

    def say(self, verdict: str, what: str, where: str) -> None:
        self.found.append(Finding(verdict, self.read.call, what, where))

    def whole(self) -> list[Finding]:
        shape = self.read.operation.input_shape
        if shape is not None:
            self.value(shape, self.read.request, "")
        return self.found

    def value(self, shape, value, where: str) -> None:
        kind = _KINDS[shape.type_name]
        if hasattr(value, "read"):
            return  # a body that is streamed
        if not isinstance(value, kind) or isinstance(value, bool) and shape.type_name != "boolean":
            self.say("BAD", f"{value!r} is no {shape.type_name}", where)
        elif shape.type_name == "structure":
            self.structure(shape, value, where)
        elif shape.type_name == "list":
            self.size(shape, len(value), where, "items")
            if not value:
                self.say("NOTE", "an empty list", where)
            for item in value:
                self.value(shape.member, item, f"{where}[]")
        elif shape.type_name == "map":
            self.size(shape, len(value), where, "entries")
            for key, item in value.items():
                self.value(shape.key, key, f"{where}.key")
                self.value(shape.value, item, f"{where}.value")
        elif shape.type_name in ("string", "character"):
            self.text(shape, value, where)
        elif shape.type_name == "blob":
            self.size(shape, len(value), where, "bytes")
        elif shape.type_name in ("integer", "long", "float", "double"):
            least, most = shape.metadata.get("min"), shape.metadata.get("max")
            if least is not None and value < float(least) or most is not None and value > float(most):
                self.say("BAD", f"{value} is outside of {least}..{most}", where)

    def structure(self, shape, value: dict, where: str) -> None:
        tokens = {name for name, member in shape.members.items() if member.metadata.get("idempotencyToken")}
        for name in shape.required_members:
            if value.get(name) is None and name not in tokens:
                self.say("BAD", f"{name} is missing", where)
        if getattr(shape, "is_tagged_union", False) and sum(item is not None for item in value.values()) != 1:
            self.say("BAD", f"a union of {sorted(value)}", where)
        for name, item in value.items():
            member = shape.members.get(name)
            if member is None:
                self.say("BAD", f"{name} is unknown", where)
            elif item is not None:
                self.value(member, item, f"{where}.{name}".lstrip("."))

    def size(self, shape, size: int, where: str, what: str) -> None:
        least, most = shape.metadata.get("min"), shape.metadata.get("max")
        if least is not None and size < least or most is not None and size > most:
            self.say("BAD", f"{size} {what}, not {least}..{most}", where)

    def text(self, shape, value: str, where: str) -> None:
        if shape.enum and value not in shape.enum:
            source = AHEAD.get((self.read.call, where, value))
            self.say(*(("NOTE", f"{value!r} is newer than the model ({source})") if source else ("BAD", f"{value!r} is none of {', '.join(shape.enum[:6])} …")), where)
        self.size(shape, len(value), where, "characters")
        if not shape.metadata.get("pattern"):
            return
        pattern = _pattern(shape.metadata["pattern"])
        if pattern is None:
            self.say("NOTE", f"a pattern that cannot be read here: {shape.metadata['pattern']}", where)
        elif not pattern.search(value):
            self.say("BAD", f"{value!r} does not fit {shape.metadata['pattern']}", where)
        elif not pattern.fullmatch(value):
            self.say("LOOSE", f"{value!r} fits {shape.metadata['pattern']} in part", where)


# What was sent and is in no model: gone once it is parsed, so what was sent is compared with what would be sent for it.


def unknown_of_json(shape, value, where: str = ""):
    if shape.type_name == "structure" and isinstance(value, dict):
        names = {member.serialization.get("name", name): member for name, member in shape.members.items()}
        for name, item in value.items():
            if name == "__type":
                continue
            if name not in names:
                yield f"{where}.{name}".lstrip(".")
            elif item is not None:
                yield from unknown_of_json(names[name], item, f"{where}.{name}")
    elif shape.type_name == "list" and isinstance(value, list):
        for item in value:
            yield from unknown_of_json(shape.member, item, f"{where}[]")
    elif shape.type_name == "map" and isinstance(value, dict):
        for item in value.values():
            yield from unknown_of_json(shape.value, item, f"{where}.*")


def _anew(read: Read) -> dict:
    """The request as botocore would send what was read."""
    serializer = botocore.serialize.create_serializer(_model(read.service).metadata["protocol"], include_validation=False)
    return serializer.serialize_to_request(read.request, read.operation)


def _elements(text: bytes) -> collections.Counter:
    """How often each path of elements occurs."""
    found = collections.Counter()

    def walk(element, path):
        here = f"{path}/{element.tag.rpartition('}')[2]}"
        found[here] += 1
        for child in element:
            walk(child, here)

    if text.strip():
        walk(ElementTree.fromstring(text), "")
    return found


def unknown(record: dict, read: Read):
    """The names of what was sent and is not known."""
    shape = read.operation.input_shape
    body = _bytes(record["body"])
    if read.protocol == "json":
        yield from unknown_of_json(shape, json.loads(body or b"{}")) if shape else ()
        return
    if read.protocol in ("query", "ec2"):
        sent = collections.Counter(name for name, _ in parse_qsl(body.decode(), keep_blank_values=True))
        known = collections.Counter(name for name, _ in parse_qsl(urlencode(_anew(read)["body"]), keep_blank_values=True))
        empty = {name for name, value in parse_qsl(body.decode(), keep_blank_values=True) if not value}
        yield from (name for name in sent if name not in known and name not in ("Action", "Version") and name not in empty)
        return
    if not read.protocol.startswith("rest"):
        return
    anew = _anew(read)
    # Names of the query: what the operation's own address has, what the model says, what clients add.
    own = dict(parse_qsl(read.operation.http["requestUri"].partition("?")[2], keep_blank_values=True))
    sent = {name for name, _ in parse_qsl(record["target"].partition("?")[2], keep_blank_values=True)}
    path_query = dict(parse_qsl(anew["url_path"].partition("?")[2], keep_blank_values=True))
    yield from (f"?{name}" for name in sorted(sent - set(own) - set(path_query) - set(anew["query_string"]) - EXTRA_QUERY))
    known = {name.lower() for name in anew["headers"]}
    for name, _ in record["headers"]:
        name = name.lower()
        if name.startswith("x-amz-") and not name.startswith(EXTRA_HEADERS) and name not in known:
            yield f"header {name}"
    payload = shape.serialization.get("payload") if shape else None
    if payload and shape.members[payload].type_name in ("blob", "string"):
        return
    if read.protocol == "rest-json":
        if shape and body:
            inner = shape.members[payload] if payload else shape
            yield from unknown_of_json(inner, json.loads(body))
        return
    resent = anew["body"] or b""
    yield from sorted((_elements(body) - _elements(resent if isinstance(resent, bytes) else resent.encode())).keys())


def against_model(record: dict, read: Read) -> list[Finding]:
    found = Check(read).whole()
    found += [Finding("BAD", read.call, "is unknown", name) for name in unknown(record, read)]
    return found


# Answers, which the rules learn from


def answer_of(record: dict, read: Read) -> dict:
    shape = read.operation.output_shape
    protocol = _model(read.service).metadata["protocol"]
    parser = botocore.parsers.create_parser(protocol)
    return parser.parse({"status_code": record["status"], "headers": HeadersDict(record["answered"]), "body": _bytes(record["answer"])}, shape)


class Held:
    """Everything that a recording says, held against the models and the rules."""

    def __init__(self):
        self.memory = Memory()
        self.requests = 0
        self.calls = collections.Counter()
        self.changing = set()
        self.findings = collections.Counter()
        self.checked = collections.Counter()  # by rule
        self.broken = collections.Counter()
        self.refused_alike = collections.Counter()

    def record(self, record: dict) -> list[Finding]:
        self.requests += 1
        try:
            asked = read(record)
            found = against_model(record, asked)
        except Exception as error:  # noqa: BLE001: what is wrong with the request is the finding
            found, asked = [Finding("UNKNOWN", f"{record['method']} {record['target'].partition('?')[0]}", f"{type(error).__name__}: {error}")], None
        if asked:
            self.calls[asked.call] += 1
            if not asked.operation.name.startswith(READING):
                self.changing.add(asked.call)
            found += self.rules(record, asked)
        self.findings.update(found)
        return found

    def rules(self, record: dict, read: Read) -> list[Finding]:
        ask = Ask(read.service, read.operation.name, read.request, read.account, "" if read.service == "iam" else read.region, self.memory)
        found = []
        for rule in rules_for(ask):
            self.checked[rule.id] += 1
            if words := rule.refuses(ask):
                # Where the local AWS refused it with AWS's code a test wanted to see that.
                if record["status"] and record["status"] >= 400 and rule.code(read.service) in (record["answer"] or ""):
                    self.refused_alike[rule.id] += 1
                    continue
                self.broken[rule.id] += 1
                found.append(Finding("PENDING" if rule.pending else "RULE", read.call, words, rule.id))
        if record["by_aws"] and record["status"] and record["status"] < 300 and is_learned(ask.name):
            learn(ask, answer_of(record, read))
        return found

    def of(self, verdict: str) -> int:
        return sum(count for finding, count in self.findings.items() if finding.verdict == verdict)


# The control: requests that are right give nothing, each planted fault is found


def _request(service: str, operation: str, **parameters) -> dict:
    """A request that is right, as botocore sends it."""
    model = _model(service).operation_model(operation)
    protocol = _model(service).metadata["protocol"]
    made = botocore.serialize.create_serializer(protocol, include_validation=False).serialize_to_request(parameters, model)
    body = made["body"]
    if isinstance(body, dict):
        body = urlencode(body)
    target = made["url_path"] + (f"{'&' if '?' in made['url_path'] else '?'}{urlencode(made['query_string'])}" if made["query_string"] else "")
    headers = [[name, value] for name, value in made["headers"].items()]
    signing = _model(service).signing_name
    headers.append(["Authorization", f"AWS4-HMAC-SHA256 Credential=111122223333/20261125/us-east-1/{signing}/aws4_request, SignedHeaders=host, Signature=0"])
    text = body.decode("latin-1") if isinstance(body, bytes) else body or ""
    return {"method": made["method"], "target": target, "headers": headers, "body": text, "status": None, "answered": None, "answer": None, "by_aws": False}


def _role(**more) -> dict:
    return _request("iam", "CreateRole", **({"RoleName": "role", "AssumeRolePolicyDocument": "{}", "Tags": [{"Key": "a", "Value": "b"}]} | more))


def _targets(**more) -> dict:
    return _request("elbv2", "CreateTargetGroup", **({"Name": "t", "Protocol": "HTTP", "Port": 80, "HealthCheckIntervalSeconds": 30} | more))


def _record_set(**more) -> dict:
    record = {"Name": "a.example.com", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "1.2.3.4"}]} | more
    return _request("route53", "ChangeResourceRecordSets", HostedZoneId="Z1", ChangeBatch={"Changes": [{"Action": "UPSERT", "ResourceRecordSet": record}]})


def _versioning(status: str) -> dict:
    return _request("s3", "PutBucketVersioning", Bucket="bucket", VersioningConfiguration={"Status": status})


def _access_control(**more) -> dict:
    config = {"Name": "a", "SigningProtocol": "sigv4", "SigningBehavior": "always", "OriginAccessControlOriginType": "s3"} | more
    return _request("cloudfront", "CreateOriginAccessControl", OriginAccessControlConfig=config)


def _subnet() -> dict:
    return _request("ec2", "CreateSubnet", VpcId="vpc-1", CidrBlock="10.0.0.0/24")


def _service() -> dict:
    return _request("ecs", "CreateService", serviceName="web", cluster="main", launchType="FARGATE", networkConfiguration={"awsvpcConfiguration": {"subnets": ["subnet-1"]}})


def _group() -> dict:
    return _request("logs", "PutRetentionPolicy", logGroupName="/a/b", retentionInDays=7)


def _certificate(**more) -> dict:
    return _request("acm", "RequestCertificate", **({"DomainName": "example.com", "Tags": [{"Key": "a", "Value": "b"}]} | more))


def _key() -> dict:
    return _request("kms", "CreateAlias", AliasName="alias/a", TargetKeyId="k")


def _scaling(**more) -> dict:
    return _request("application-autoscaling", "RegisterScalableTarget", **({"ServiceNamespace": "ecs", "ResourceId": "service/a/b", "ScalableDimension": "ecs:service:DesiredCount", "MinCapacity": 1} | more))


def _with(record: dict, before: str, after: str) -> dict:
    assert before in record["body"], (before, record["body"])
    return record | {"body": record["body"].replace(before, after, 1)}


def _as_json(record: dict, **more) -> dict:
    body = {name: value for name, value in (json.loads(record["body"]) | more).items() if value is not None}
    return record | {"body": json.dumps(body)}


RIGHT = [
    *(_role(), _targets(), _record_set(), _versioning("Enabled"), _access_control(), _subnet(), _service(), _group(), _certificate(), _key(), _scaling()),
    _request("s3", "PutObject", Bucket="bucket", Key="a/b c", Body=b"x", ContentType="text/plain", CacheControl="no-cache"),
    _request("cloudfront", "UntagResource", Resource="arn:aws:cloudfront::1:distribution/a", TagKeys={"Items": ["a"]}),
    _request("rds", "DescribeDBInstances", MaxRecords=100),
]

# What is wrong, the request, and a word of what has to be said of it.
PLANTED = [
    ("query: an unknown member", _with(_role(), "RoleName=role", "RoleName=role&Color=red"), "unknown"),
    ("query: a missing member", _with(_role(), "RoleName=role&", ""), "missing"),
    ("query: not a number", _with(_targets(), "Port=80", "Port=eighty"), ""),
    ("query: a misspelt list", _with(_role(), "Tags.member.1.Key", "Tag.member.1.Key"), "unknown"),
    ("query: a pattern", _role(RoleName="a role"), "in part"),
    ("query: a name of 65", _role(RoleName="r" * 65), "characters"),
    ("query: an interval of 301", _targets(HealthCheckIntervalSeconds=301), "outside"),
    ("query: HTTQ", _targets(Protocol="HTTQ"), "none of"),
    ("query: a value without its key", _with(_role(), "Tags.member.1.Key=a&", ""), "missing"),
    ("ec2: an unknown member", _with(_subnet(), "VpcId=", "Color=red&VpcId="), "unknown"),
    ("ec2: a missing member", _with(_subnet(), "VpcId=vpc-1", "CidrBlock=x"), "missing"),
    ("json: an unknown member", _as_json(_service(), color="red"), "unknown"),
    ("json: an unknown member inside", _with(_service(), '"subnets"', '"colors": [], "subnets"'), "unknown"),
    ("json: an enumeration", _as_json(_service(), launchType="FARGATTE"), "none of"),
    ("json: a missing member of ECS", _as_json(_service(), serviceName=None), "missing"),
    ("json: a missing member of Logs", _as_json(_group(), logGroupName=None), "missing"),
    ("json: a missing member of KMS", _as_json(_key(), TargetKeyId=None), "missing"),
    ("json: a missing member of Auto Scaling", _as_json(_scaling(), ResourceId=None), "missing"),
    ("json: text for a number", _as_json(_group(), retentionInDays="seven"), "integer"),
    ("json: a list for text", _as_json(_key(), TargetKeyId=["k"]), "string"),
    ("json: a pattern", _as_json(_group(), logGroupName="/a b"), "in part"),
    ("json: a pattern that nothing fits", _as_json(_certificate(), DomainName="-"), "does not fit"),
    ("json: a tag key of 129", _certificate(Tags=[{"Key": "k" * 129, "Value": "b"}]), "characters"),
    ("json: a union without a member", _request("logs", "PutIntegration", integrationName="a", integrationType="OPENSEARCH", resourceConfig={}), "union"),
    ("xml: an enumeration of S3", _versioning("On"), "none of"),
    ("xml: an enumeration of CloudFront", _access_control(SigningBehavior="sometimes"), "none of"),
    ("xml: an unknown element for S3", _with(_versioning("Enabled"), "<Status>", "<Color>red</Color><Status>"), "unknown"),
    ("xml: an unknown element for CloudFront", _with(_access_control(), "<Name>", "<Color>red</Color><Name>"), "unknown"),
    ("xml: a missing element", _with(_access_control(), "<Name>a</Name>", ""), "missing"),
    ("xml: a time to live of -1", _record_set(TTL=-1), "outside"),
    ("xml: a type of record", _record_set(Type="AA"), "none of"),
    ("rest: an unknown name in the query", (lambda r: r | {"target": r["target"] + "&color=red"})(_versioning("Enabled")), "unknown"),
    ("rest: an unknown header", (lambda r: r | {"headers": [*r["headers"], ["x-amz-color", "red"]]})(_versioning("Enabled")), "unknown"),
    ("an unsigned request", _role() | {"headers": []}, "signed"),
]


def control() -> tuple[int, list[str]]:
    """How many planted faults were found, and what went wrong."""
    wrong, found = [], 0
    for record in RIGHT:
        for finding in (f for f in Held().record(record) if f.verdict != "NOTE"):
            wrong.append(f"said of a request that is right: {finding}")
    for name, record, words in PLANTED:
        said = [finding for finding in Held().record(record) if finding.verdict in FAILING and words in str(finding)]
        if said:
            found += 1
        else:
            wrong.append(f"not found: {name}")
    return found, wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path, nargs="?")
    parser.add_argument("--control", action="store_true", help="plant faults first: each must be found")
    arguments = parser.parse_args()
    begun, failed = time.monotonic(), False
    if arguments.control:
        found, wrong = control()
        print(f"control: {found} of {len(PLANTED)} planted faults found, {len(RIGHT)} right requests")
        for line in wrong:
            print(f"  {line}")
        failed = bool(wrong)
    if arguments.folder:
        held = Held()
        files = sorted(arguments.folder.glob("*.jsonl"))
        records = [json.loads(line) for file in files for line in file.open() if line.endswith("\n")]
        for record in sorted(records, key=lambda record: record["at"]):
            held.record(record)
        services = {call.split(":")[0] for call in held.calls}
        print(f"requests: {held.requests} of {len(held.calls)} operations ({len(held.changing)} change something) in {len(services)} services, in {len(files)} recordings")
        print("models: " + ", ".join(f"{verdict} {held.of(verdict)}" for verdict in ("BAD", "UNKNOWN", "LOOSE", "NOTE")))
        pending = {rule.id for rule in RULES if rule.pending}
        waiting = sum(held.broken[identifier] for identifier in pending)
        refused = f", {sum(held.refused_alike.values())} refused as AWS does" if held.refused_alike else ""
        print(f"rules: {len(RULES)}, checked {sum(held.checked.values())} times, broken {held.of('RULE')}" + (f", known {waiting} of {len(pending)} rules" if pending else "") + refused)
        never = [rule.id for rule in RULES if not held.checked[rule.id]]
        if never:
            print(f"rules that nothing asked: {', '.join(never)}")
        for finding, count in sorted(held.findings.items(), key=lambda item: (item[0].verdict, item[0].call)):
            if finding.verdict != "NOTE" or count:
                print(f"  {count} × {finding}")
        failed = failed or any(held.of(verdict) for verdict in FAILING) or not held.requests
    print(f"in {time.monotonic() - begun:.1f} s")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
