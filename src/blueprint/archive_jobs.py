"""Runs the jobs of the archive: a task of ECS that exports what it chooses into the bucket, a manifest of what it wrote, and only then the
same task again, to remove from its database what the manifest lists.

The event says what: `bucket`, `cluster`, `jobs` (by name, how the task of each is started), by schedule `start` with the time, and of a
task that has stopped `stopped` with what ECS says of it. Where a job is, `jobs/NAME.json` says, which is written only over what was read:
of two calls at once one begins again. Nothing is deleted, and whatever runs twice does nothing twice."""

import concurrent.futures
import datetime
import hashlib
import json

import boto3
from botocore.exceptions import ClientError

# The objects that are looked at at once.
AT_ONCE = 16
# For how long ECS surely knows a client token and a task: an hour after the task has stopped, which can be at once
# (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/ECS_Idempotency.html). A call of this function lasts up to 15 minutes of it.
KNOWN = datetime.timedelta(minutes=40)
# How often a call begins again when another one was faster.
TRIES = 5


class Overtaken(Exception):
    """Another call has changed what this one has read."""


class Refused(Exception):
    """ECS started nothing, and said so."""


def run(event, context):
    ecs, s3, failed = boto3.client("ecs"), boto3.client("s3"), []
    for name in sorted(event["jobs"]):
        try:
            work(ecs, s3, event, name)
        except Exception as error:
            # One that fails does not keep the others.
            print(f"{name}: {error}")
            failed.append(f"{name}: {error}")
    if failed:
        raise RuntimeError("; ".join(failed))


def work(ecs, s3, event, name):
    stopped = event.get("stopped")
    family = event["jobs"][name]["family"]
    if stopped and stopped.get("group") != f"family:{family}":
        return
    for _ in range(TRIES):
        try:
            job = Job(ecs, s3, event, name)
            if stopped:
                job.hear(stopped)
            if event.get("start"):
                job.begin(event["start"])
            while job.step():
                pass
            return
        except Overtaken:
            continue
    raise RuntimeError("other calls have changed the state of this job meanwhile")


class Job:
    """A job, and where it is: `run`, `step` (`export`, `remove`, `done`), `attempt`, when its task was `asked` for, the `task`, and how that
    `ended`."""

    def __init__(self, ecs, s3, event, name):
        self.ecs, self.s3, self.name = ecs, s3, name
        self.bucket, self.cluster = event["bucket"], event["cluster"]
        self.of = event["jobs"][name]
        self.state, self.etag = {}, None
        found = get(s3, self.bucket, f"jobs/{name}.json")
        if found:
            self.state, self.etag = json.loads(found["Body"].read()), found["ETag"]

    def below(self):
        return f"exports/{self.name}/{self.state['run']}/"

    def manifest(self):
        return f"manifests/{self.name}/{self.state['run']}.json"

    def note(self, state):
        """Writes the state, if it is still what this call knows."""
        condition = {"IfMatch": self.etag} if self.etag else {"IfNoneMatch": "*"}
        answer = put(self.s3, self.bucket, f"jobs/{self.name}.json", state, condition)
        if answer is None:
            raise Overtaken
        self.state, self.etag = state, answer["ETag"]

    def begin(self, time):
        """Begins a run by schedule, or tries a removal again that has failed. The same time twice is nothing."""
        run = time.replace("-", "").replace(":", "").lower()
        state = self.state
        if run <= state.get("by", ""):
            return
        has_failed = "ended" in state and not state["ended"]["ok"]
        if state and state["step"] != "done" and not has_failed:
            print(
                f"{self.name}: {state['run']} is in progress, so {run} does not begin"
            )
        elif state.get("step") == "remove":
            self.ask(state["run"], "remove", state["attempt"] + 1, run)
        else:
            self.ask(run, "export", 1, run)

    def ask(self, run, step, attempt, by):
        """Notes that a task is to be started, unless another one runs."""
        has_stopped = self.state.get("ended", {}).get("exit") is not None
        before = self.state.get("task") if has_stopped else None
        tasks = [task["taskArn"] for task in self.tasks("RUNNING")]
        if beside := [arn for arn in tasks if arn != before]:
            raise RuntimeError(f"{beside[0]} is running, and no other starts beside it")
        state = {"run": run, "step": step, "attempt": attempt, "by": by}
        self.note(state | {"asked": shown(now())})

    def step(self):
        """Does what comes next. Returns whether there is more to do at once."""
        state = self.state
        if not state or state["step"] == "done":
            return False
        if "ended" not in state:
            return self.look() if "task" in state else self.start()
        if not state["ended"]["ok"]:
            reason = state["ended"]["reason"]
            raise RuntimeError(
                f"{state['step']} of {state['run']} has failed: {reason}"
            )
        return self.exported() if state["step"] == "export" else self.removed()

    def token(self):
        """What tells this start of a task from all others, and is the same however often it is asked for."""
        state = self.state
        parts = [
            self.bucket,
            self.name,
            state["run"],
            state["step"],
            str(state["attempt"]),
        ]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def started_by(self):
        # ECS takes 36 characters everywhere.
        return f"archive-{self.token()[:28]}"

    def start(self):
        """Starts the task that was asked for, once. Whether an earlier call did, ECS knows for an hour only."""
        asked = datetime.datetime.fromisoformat(self.state["asked"])
        if now() - asked > KNOWN:
            arn = self.found()
            if arn is None:
                return self.end(
                    False, None, "whether its task was started is not known"
                )
        else:
            if self.state["step"] == "remove" and (wrong := self.wrong()):
                return self.end(False, None, f"nothing is removed: {wrong}")
            try:
                arn = self.run_task()
            except Refused as error:
                return self.end(False, None, f"its task was not started: {error}")
        self.note(self.state | {"task": arn})
        print(f"{self.name}: {self.state['step']} of {self.state['run']} runs as {arn}")
        return False

    def run_task(self):
        state = self.state
        variables = {
            "STACK_ARCHIVE_STEP": state["step"],
            "STACK_ARCHIVE_RUN": state["run"],
            "STACK_ARCHIVE_BUCKET": self.bucket,
            "STACK_ARCHIVE_PREFIX": self.below(),
        }
        if state["step"] == "remove":
            variables["STACK_ARCHIVE_MANIFEST"] = self.manifest()
        environment = [
            {"name": key, "value": value} for key, value in variables.items()
        ]
        network = {
            "subnets": self.of["subnets"],
            "securityGroups": self.of["groups"],
            "assignPublicIp": "ENABLED" if self.of["public"] else "DISABLED",
        }
        try:
            answer = self.ecs.run_task(
                cluster=self.cluster,
                taskDefinition=self.of["task"],
                count=1,
                capacityProviderStrategy=[
                    {"capacityProvider": self.of["provider"], "weight": 1}
                ],
                networkConfiguration={"awsvpcConfiguration": network},
                overrides={
                    "containerOverrides": [
                        {"name": self.of["container"], "environment": environment}
                    ]
                },
                clientToken=self.token(),
                startedBy=self.started_by(),
                propagateTags="TASK_DEFINITION",
            )
        except ClientError as error:
            code = error.response["Error"]["Code"]
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            if code == "ConflictException":
                # It was started, and an apply has changed the job since.
                if arn := self.found():
                    return arn
            elif 400 <= status < 500 and "Throttl" not in code:
                raise Refused(str(error)) from error
            raise
        if answer.get("failures"):
            raise Refused(str(answer["failures"]))
        return answer["tasks"][0]["taskArn"]

    def tasks(self, status):
        """The tasks of this job that ECS knows."""
        pages = self.ecs.get_paginator("list_tasks").paginate(
            cluster=self.cluster, family=self.of["family"], desiredStatus=status
        )
        arns = [arn for page in pages for arn in page["taskArns"]]
        found = []
        for at in range(0, len(arns), 100):
            answer = self.ecs.describe_tasks(
                cluster=self.cluster, tasks=arns[at : at + 100]
            )
            found += answer["tasks"]
        return found

    def found(self):
        """The task that an earlier call has started and not noted."""
        for task in self.tasks("RUNNING") + self.tasks("STOPPED"):
            if task.get("startedBy") == self.started_by():
                return task["taskArn"]
        return None

    def hear(self, stopped):
        """Notes how the task ended, of which ECS says that it has stopped. Nothing else says it for longer than an hour."""
        state = self.state
        if not state or state["step"] == "done" or "ended" in state:
            return
        if "task" in state:
            is_it = stopped.get("taskArn") == state["task"]
        else:
            is_it = stopped.get("startedBy") == self.started_by()
        if is_it:
            self.end_as(stopped)

    def look(self):
        """Looks at the task, as long as ECS knows it. One that is forgotten has not succeeded."""
        answer = self.ecs.describe_tasks(
            cluster=self.cluster, tasks=[self.state["task"]]
        )
        tasks = answer["tasks"]
        if tasks and tasks[0]["lastStatus"] == "STOPPED":
            return self.end_as(tasks[0])
        asked = datetime.datetime.fromisoformat(self.state["asked"])
        if not tasks and now() - asked > KNOWN:
            return self.end(
                False, None, "ECS has forgotten its task, and how it ended is not known"
            )
        print(f"{self.name}: {self.state['step']} of {self.state['run']} is running")
        return False

    def end_as(self, task):
        """Notes the end of a task: that it succeeded only if the container exited by itself, and with 0."""
        containers = [
            one
            for one in task.get("containers", [])
            if one.get("name") == self.of["container"]
        ]
        code = containers[0].get("exitCode") if containers else None
        by_itself = task.get("stopCode") == "EssentialContainerExited"
        reasons = [
            task.get("stoppedReason"),
            *(one.get("reason") for one in containers),
        ]
        reason = ", ".join(
            [f"exit code {'unknown' if code is None else code}"]
            + [text for text in reasons if text]
        )
        return self.end(code == 0 and by_itself, code, reason)

    def end(self, ok, code, reason):
        self.note(self.state | {"ended": {"ok": ok, "exit": code, "reason": reason}})
        return True

    def exported(self):
        """Writes the manifest of what the task has written, once, and asks for the removal. Where nothing was written nothing is removed."""
        run, attempt = self.state["run"], 1
        if not exists(self.s3, self.bucket, self.manifest()):
            pages = self.s3.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=self.below()
            )
            keys = sorted(
                entry["Key"] for page in pages for entry in page.get("Contents", [])
            )
            if not keys:
                self.note(self.over() | {"empty": True})
                print(f"{self.name}: {run} has exported nothing")
                return False
            self.describe(keys)
        self.ask(run, "remove", attempt, self.state["by"])
        return True

    def describe(self, keys):
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            objects = list(pool.map(lambda one: look(self.s3, self.bucket, one), keys))
        run = self.state["run"]
        manifest = {
            "version": 1,
            "job": self.name,
            "export": f"{self.name}-{run}",
            "run": run,
            "task": self.state.get("task"),
            "complete": shown(now()),
            "bytes": sum(one["size"] for one in objects),
            "objects": objects,
            "digest": digest(objects),
        }
        put(self.s3, self.bucket, self.manifest(), manifest, {"IfNoneMatch": "*"})
        print(f"{self.name}: {self.manifest()} lists {len(objects)} objects")

    def wrong(self):
        """What is not as the manifest lists it. An old version is nothing that stays."""
        found = get(self.s3, self.bucket, self.manifest())
        if not found:
            return f"{self.manifest()} is missing"
        manifest = json.loads(found["Body"].read())
        if digest(manifest["objects"]) != manifest["digest"]:
            return f"{self.manifest()} was changed"

        def compared(was):
            try:
                found = look(self.s3, self.bucket, was["key"])
            except ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
                    raise
                return f"{was['key']} is missing"
            same = all(found.get(k) == was.get(k) for k in ("size", "etag", "version"))
            return None if same else f"{was['key']} is not what was exported"

        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            problems = [one for one in pool.map(compared, manifest["objects"]) if one]
        return ", ".join(problems[:5])

    def removed(self):
        """Notes that a removal is done, so that it is never asked for again."""
        run = self.state["run"]
        done = {
            "version": 1,
            "manifest": self.manifest(),
            "task": self.state.get("task"),
            "removed": shown(now()),
        }
        key = f"removed/{self.name}/{run}.json"
        put(self.s3, self.bucket, key, done, {"IfNoneMatch": "*"})
        self.note(self.over())
        print(f"{self.name}: {run} is removed")
        return False

    def over(self):
        return {"run": self.state["run"], "step": "done", "by": self.state["by"]}


def get(s3, bucket, key):
    try:
        return s3.get_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchKey":
            raise
        return None


def exists(s3, bucket, key):
    try:
        s3.head_object(Bucket=bucket, Key=key)
        return True
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
            raise
        return False


def put(s3, bucket, key, of, condition):
    """Writes an object under a condition. Returns nothing where that does not hold."""
    try:
        return s3.put_object(
            Bucket=bucket,
            Key=key,
            Body=json.dumps(of, indent=1).encode(),
            ContentType="application/json",
            ChecksumAlgorithm="SHA256",
            **condition,
        )
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        if status == 409:
            # Another write is in progress, and may fail.
            raise Overtaken from error
        if status != 412:
            raise
        return None


def look(s3, bucket, key):
    head = s3.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED")
    kinds = ("CRC64NVME", "SHA256", "SHA1", "CRC32C", "CRC32")
    checksums = {
        kind: head[f"Checksum{kind}"] for kind in kinds if head.get(f"Checksum{kind}")
    }
    found = {
        "key": key,
        "size": head["ContentLength"],
        "etag": head["ETag"].strip('"'),
        "checksums": checksums,
    }
    if head.get("VersionId"):
        found["version"] = head["VersionId"]
    return found


def digest(objects):
    """The SHA-256 of the list: a line for each object, with what `stack archive verify` compares."""
    lines = [f"{one['key']}\n{one['size']}\n{one['etag']}\n" for one in objects]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def now():
    return datetime.datetime.now(datetime.UTC)


def shown(time):
    return (
        time.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if time else None
    )
