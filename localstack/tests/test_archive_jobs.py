"""The function that runs jobs of the archive, as it is shipped: killed anywhere, called twice, and with everything that can go wrong."""

import contextlib
import datetime
import hashlib
import io
import itertools
import json
import pathlib
import runpy
import types
import unittest
import unittest.mock

from botocore.exceptions import ClientError

from tests.aws import Case, Network

CODE = pathlib.Path(__file__).parents[2] / "src/blueprint/archive_jobs.py"
TIME, NEXT = "2026-11-01T06:00:00Z", "2026-12-01T06:00:00Z"
RUN, LATER = "20261101t060000z", "20261201t060000z"


class Killed(BaseException):
    """What ends a function between two calls."""


def refusal(code: str, status: int) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "Call")


class World:
    """S3 and ECS, as far as the function asks them; every call can be the last one that the function makes."""

    def __init__(self):
        self.objects: dict[str, tuple[dict, bytes]] = {}
        self.tasks: list[dict] = []
        self.calls: list[str] = []
        self.dies_at: tuple[int, bool] | None = None  # the number of a call, and whether it still reaches AWS
        self.refuses: ClientError | None = None
        self.time = datetime.datetime(2026, 11, 1, 6, tzinfo=datetime.UTC)
        self.numbers = itertools.count(1)
        # What each step of the job does: how its task ends, and what it writes.
        self.exits: dict[str, int | None] = {"export": 0, "remove": 0}
        self.writes = ["orders.csv"]
        self.rows = {"archived": False, "removed": 0}

    # As boto3's client has it.
    def __getattr__(self, name: str):
        if name.startswith("_"):
            raise AttributeError(name)

        def call(**arguments):
            self.calls.append(name)
            number = len(self.calls)
            if self.dies_at == (number, False):
                raise Killed
            try:
                return getattr(self, f"_{name}")(**arguments)
            finally:
                if self.dies_at == (number, True):
                    raise Killed

        return call

    def get_paginator(self, name: str):
        return types.SimpleNamespace(paginate=lambda **arguments: iter([getattr(self, name)(**arguments)]))

    def put(self, key: str, body: bytes) -> str:
        etag = f'"{hashlib.md5(body).hexdigest()}-{next(self.numbers)}"'
        self.objects[key] = ({"ETag": etag, "ContentLength": len(body), "VersionId": f"v{next(self.numbers)}"}, body)
        return etag

    def _put_object(self, Bucket, Key, Body, IfMatch=None, IfNoneMatch=None, **_):
        there = self.objects.get(Key)
        if (IfNoneMatch and there) or (IfMatch and (not there or there[0]["ETag"] != IfMatch)):
            raise refusal("PreconditionFailed", 412)
        return {"ETag": self.put(Key, Body)}

    def _get_object(self, Bucket, Key):
        if Key not in self.objects:
            raise refusal("NoSuchKey", 404)
        head, body = self.objects[Key]
        return head | {"Body": io.BytesIO(body)}

    def _head_object(self, Bucket, Key, **_):
        if Key not in self.objects:
            raise refusal("404", 404)
        return dict(self.objects[Key][0]) | {"ChecksumSHA256": "x"}

    def _list_objects_v2(self, Bucket, Prefix):
        return {"Contents": [{"Key": key} for key in self.objects if key.startswith(Prefix)]}

    def _run_task(self, **order):
        if self.refuses:
            raise self.refuses
        # A token is forgotten an hour after its task has stopped.
        for task in self.tasks:
            if task["token"] == order["clientToken"] and self._is_known(task):
                return {"tasks": [{"taskArn": task["taskArn"]}], "failures": []}
        assert not [task for task in self.tasks if task["lastStatus"] != "STOPPED"], "two at once"
        assert order["propagateTags"] == "TASK_DEFINITION", "its price is not the stack's"
        variables = {one["name"]: one["value"] for one in order["overrides"]["containerOverrides"][0]["environment"]}
        arn = f"arn:aws:ecs:us-east-1:1:task/shop/{next(self.numbers)}"
        task = {"taskArn": arn, "token": order["clientToken"], "startedBy": order["startedBy"], "lastStatus": "RUNNING"}
        self.tasks.append(task | {"variables": variables, "group": "family:shop-archive-job-orders", "order": order})
        return {"tasks": [{"taskArn": arn}], "failures": []}

    def _is_known(self, task: dict) -> bool:
        return task["lastStatus"] != "STOPPED" or self.time - task["stopped"] < datetime.timedelta(hours=1)

    def _list_tasks(self, cluster, family, desiredStatus):
        is_stopped = desiredStatus == "STOPPED"
        known = [task for task in self.tasks if self._is_known(task) and (task["lastStatus"] == "STOPPED") == is_stopped]
        return {"taskArns": [task["taskArn"] for task in known]}

    def _describe_tasks(self, cluster, tasks):
        return {"tasks": [task for task in self.tasks if task["taskArn"] in tasks and self._is_known(task)]}

    def ends(self) -> dict:
        """What runs does its work and stops. The event of that; empty when nothing runs."""
        running = [task for task in self.tasks if task["lastStatus"] != "STOPPED"]
        if not running:
            return {}
        (task,) = running
        variables = task["variables"]
        code = self.exits[variables["STACK_ARCHIVE_STEP"]]
        if variables["STACK_ARCHIVE_STEP"] == "export":
            for name in self.writes:
                self.put(variables["STACK_ARCHIVE_PREFIX"] + name, b"rows")
        elif code == 0:
            assert variables["STACK_ARCHIVE_MANIFEST"] in self.objects, "removed what is not confirmed"
            self.rows["removed"] += 1
        container = {"name": "archive-job-orders"} | ({} if code is None else {"exitCode": code})
        task |= {"lastStatus": "STOPPED", "stopped": self.time, "stopCode": "EssentialContainerExited", "containers": [container]}
        task["stoppedReason"] = "Essential container in task exited"
        return {key: task[key] for key in ("taskArn", "group", "startedBy", "stopCode", "stoppedReason", "containers")}

    def state(self) -> dict:
        return json.loads(self.objects["jobs/orders.json"][1])

    def keys(self, prefix: str) -> list[str]:
        return [key for key in self.objects if key.startswith(prefix)]


class Jobs(unittest.TestCase):
    def setUp(self):
        self.world = World()
        self.function = types.SimpleNamespace(**runpy.run_path(str(CODE)))
        self.scope = self.function.run.__globals__
        self.scope["boto3"] = unittest.mock.Mock(client=lambda service: self.world)
        self.scope["now"] = lambda: self.world.time
        self.said = io.StringIO()

    def call(self, **more) -> None:
        job = {
            "task": "arn:aws:ecs:us-east-1:1:task-definition/shop-archive-job-orders:3", "family": "shop-archive-job-orders",
            "container": "archive-job-orders", "subnets": ["subnet-1"], "groups": ["sg-1"], "public": False, "provider": "FARGATE",
        }  # fmt: skip
        with contextlib.redirect_stdout(self.said):
            self.function.run({"bucket": "b", "cluster": "shop", "jobs": {"orders": job}} | more, None)

    def fails(self, with_: str, **more) -> None:
        with self.assertRaisesRegex(RuntimeError, with_):
            self.call(**more)

    def steps(self) -> list[str]:
        return [task["variables"]["STACK_ARCHIVE_STEP"] for task in self.world.tasks]

    def answers(self, call: str, how) -> None:
        vars(self.world)[f"_{call}"] = how

    def exported(self) -> None:
        self.call(start=TIME)
        self.call(stopped=self.world.ends())

    def test_exports_are_listed_then_removed_then_noted(self):
        self.call(start=TIME)
        order = self.world.tasks[0]["order"]
        self.assertEqual(order["networkConfiguration"]["awsvpcConfiguration"]["assignPublicIp"], "DISABLED")
        self.assertLessEqual(len(order["startedBy"]), 36)
        self.assertLessEqual(len(order["clientToken"]), 64)
        self.assertEqual(
            self.world.tasks[0]["variables"],
            {
                "STACK_ARCHIVE_STEP": "export", "STACK_ARCHIVE_RUN": RUN, "STACK_ARCHIVE_BUCKET": "b",
                "STACK_ARCHIVE_PREFIX": f"exports/orders/{RUN}/",
            },
        )  # fmt: skip
        self.assertEqual(self.world.keys("manifests/"), [])
        self.call(stopped=self.world.ends())
        manifest = json.loads(self.world.objects[f"manifests/orders/{RUN}.json"][1])
        self.assertEqual([one["key"] for one in manifest["objects"]], [f"exports/orders/{RUN}/orders.csv"])
        self.assertEqual(manifest["digest"], self.function.digest(manifest["objects"]))
        self.assertEqual((manifest["bytes"], manifest["objects"][0]["version"][0]), (4, "v"))
        self.assertEqual(self.world.tasks[1]["variables"]["STACK_ARCHIVE_MANIFEST"], f"manifests/orders/{RUN}.json")
        self.assertEqual((self.steps(), self.world.keys("removed/")), (["export", "remove"], []))
        self.call(stopped=self.world.ends())
        self.assertEqual(self.world.keys("removed/"), [f"removed/orders/{RUN}.json"])
        self.assertEqual((self.world.state()["step"], self.world.rows["removed"]), ("done", 1))

    def test_twice_is_nothing(self):
        self.call(start=TIME)
        self.call(start=TIME)
        first = self.world.ends()
        self.call(stopped=first)
        self.call(stopped=first)
        self.call(start=TIME)
        second = self.world.ends()
        self.call(stopped=second)
        before = dict(self.world.objects)
        for event in ({"stopped": first}, {"stopped": second}, {"start": TIME}, {}):
            self.call(**event)
        self.assertEqual((self.world.objects, self.steps()), (before, ["export", "remove"]))
        self.call(start=NEXT)
        self.assertEqual((self.steps()[2:], self.world.state()["run"]), (["export"], LATER))

    def test_a_look_sees_the_end_while_ecs_knows_it(self):
        self.call(start=TIME)
        self.call()
        self.assertIn("is running", self.said.getvalue())
        self.world.ends()
        self.call()
        self.world.ends()
        self.call()
        self.assertEqual((self.world.state()["step"], self.world.rows["removed"]), ("done", 1))

    def test_an_export_of_nothing_removes_nothing(self):
        self.world.writes = []
        self.exported()
        self.assertEqual((self.world.state()["step"], self.world.state()["empty"]), ("done", True))
        # What comes below its prefix later is nothing that it exported.
        self.world.put(f"exports/orders/{RUN}/late", b"x")
        self.call()
        self.assertEqual((self.steps(), self.world.keys("manifests/")), (["export"], []))

    def test_a_failed_export_is_retried_as_a_new_run(self):
        self.world.exits["export"] = 3
        self.call(start=TIME)
        self.fails("export of 20261101t060000z has failed: exit code 3", stopped=self.world.ends())
        self.fails("exit code 3")
        self.assertEqual((self.steps(), self.world.keys("manifests/")), (["export"], []))
        self.world.exits["export"] = 0
        self.call(start=NEXT)
        self.call(stopped=self.world.ends())
        self.assertEqual(
            (self.steps(), self.world.keys("manifests/")), (["export", "export", "remove"], [f"manifests/orders/{LATER}.json"])
        )

    def test_a_failed_removal_is_retried_with_its_manifest(self):
        self.world.exits["remove"] = 1
        self.exported()
        self.fails("remove of 20261101t060000z has failed: exit code 1", stopped=self.world.ends())
        self.world.exits["remove"] = 0
        self.call(start=NEXT)
        self.call(start=NEXT)
        self.assertEqual(self.steps(), ["export", "remove", "remove"])
        self.assertEqual(self.world.tasks[2]["variables"]["STACK_ARCHIVE_MANIFEST"], f"manifests/orders/{RUN}.json")
        self.call(stopped=self.world.ends())
        self.assertEqual((self.world.rows["removed"], self.world.state()["step"]), (1, "done"))
        self.call(start=NEXT)
        self.assertEqual(len(self.world.tasks), 3, "that time has had its turn")

    def test_an_unknown_end_is_no_success(self):
        for step in ("export", "remove"):
            self.setUp()
            self.world.exits[step] = None
            self.call(start=TIME)
            event = self.world.ends()
            if step == "remove":
                self.call(stopped=event)
                event = self.world.ends()
            self.fails(f"{step} of {RUN} has failed: exit code unknown", stopped=event)
            self.assertEqual(self.world.keys("removed/"), [])
        # It has stopped, nobody was told, and ECS knows it no longer.
        self.setUp()
        self.call(start=TIME)
        late = self.world.ends()
        self.world.time += datetime.timedelta(hours=6)
        self.fails("ECS has forgotten its task")
        self.fails("ECS has forgotten its task", stopped=late)
        self.assertEqual(self.world.keys("manifests/"), [])

    def test_a_task_that_someone_stopped_has_not_succeeded(self):
        for code in ("UserInitiated", "SpotInterruption", "TaskFailedToStart"):
            self.setUp()
            self.call(start=TIME)
            self.fails("has failed: exit code 0", stopped=self.world.ends() | {"stopCode": code})

    def test_what_is_missing_or_another_stops_the_removal(self):
        key = f"exports/orders/{RUN}/orders.csv"
        changes = {
            f"{key} is missing": lambda: self.world.objects.pop(key),
            f"{key} is not what was exported": lambda: self.world.put(key, b"rows"),
            "manifests/orders/.* is missing": lambda: self.world.objects.pop(f"manifests/orders/{RUN}.json"),
            "manifests/orders/.* was changed": lambda: self.world.put(
                f"manifests/orders/{RUN}.json", json.dumps({"objects": [], "digest": "x"}).encode()
            ),
        }
        for says, change in changes.items():
            self.setUp()
            self.exported()
            # Its task fails, and until it is tried again something happens to the archive.
            self.world.exits["remove"] = 1
            self.fails("exit code 1", stopped=self.world.ends())
            change()
            self.fails(f"nothing is removed: {says}", start=NEXT)
            self.assertEqual((self.steps(), self.world.rows["removed"]), (["export", "remove"], 0))

    def test_what_ecs_refuses_is_told_and_tried_again(self):
        self.world.refuses = refusal("InvalidParameterException", 400)
        self.fails("its task was not started: .*InvalidParameterException", start=TIME)
        self.world.refuses = None
        self.fails("InvalidParameterException")
        self.call(start=NEXT)
        self.assertEqual((self.steps(), self.world.state()["run"]), (["export"], LATER))

    def test_a_start_of_unknown_outcome_is_repeated(self):
        self.world.refuses = refusal("ServerException", 500)
        self.fails("ServerException", start=TIME)
        self.world.refuses = None
        self.call(start=TIME)
        self.assertEqual((self.steps(), self.world.state()["run"]), (["export"], RUN))

    def test_a_start_that_is_too_old_is_not_repeated(self):
        # Started, killed before that was noted; the end is not heard of, and token and task are forgotten.
        self.killed(lambda: self.call(start=TIME), "run_task", reaches=True)
        self.world.ends()
        self.world.time += datetime.timedelta(hours=6)
        self.fails("whether its task was started is not known")
        self.assertEqual(self.steps(), ["export"])
        # While it runs it is found again, however old it is.
        self.setUp()
        self.killed(lambda: self.call(start=TIME), "run_task", reaches=True)
        self.world.time += datetime.timedelta(hours=6)
        self.call()
        self.call(stopped=self.world.ends())
        self.assertEqual(self.steps(), ["export", "remove"])

    def test_an_end_before_its_start_is_noted_counts(self):
        self.killed(lambda: self.call(start=TIME), "run_task", reaches=True)
        self.call(stopped=self.world.ends())
        self.assertEqual(self.steps(), ["export", "remove"])

    def test_after_an_apply_the_task_is_found(self):
        self.killed(lambda: self.call(start=TIME), "run_task", reaches=True)
        self.world.refuses = refusal("ConflictException", 400)
        self.call()
        self.assertEqual(self.world.state()["task"], self.world.tasks[0]["taskArn"])

    def test_nothing_starts_beside_another_task(self):
        self.exported()
        stuck = self.world.tasks[1]
        self.world.time += datetime.timedelta(hours=6)
        self.answers("describe_tasks", lambda **_: {"tasks": []})
        self.fails("ECS has forgotten its task")
        vars(self.world).pop("_describe_tasks")
        self.fails(f"{stuck['taskArn']} is running, and no other starts beside it", start=NEXT)
        self.assertEqual(self.steps(), ["export", "remove"])

    def test_a_run_in_progress_is_no_other(self):
        self.call(start=TIME)
        self.call(start=NEXT)
        self.assertIn(f"{RUN} is in progress, so {LATER} does not begin", self.said.getvalue())
        self.assertEqual(self.steps(), ["export"])

    def test_of_two_calls_at_once_one_begins_again(self):
        def another(**arguments):
            vars(self.world).pop("_put_object")
            self.call(start=TIME)
            return self.world._put_object(**arguments)

        self.answers("put_object", another)
        self.call(start=TIME)
        self.assertEqual((self.steps(), "task" in self.world.state()), (["export"], True))

    def killed(self, act, call: str, reaches: bool) -> None:
        """Kills the function at its first call of this name."""

        def dies(**arguments):
            vars(self.world).pop(f"_{call}")
            if reaches:
                getattr(self.world, f"_{call}")(**arguments)
            raise Killed

        self.answers(call, dies)
        with self.assertRaises(Killed):
            act()

    def test_killed_at_any_call_it_goes_on(self):
        for number, reaches in itertools.product(range(1, 100), (False, True)):
            self.setUp()
            self.world.dies_at = (number, reaches)
            deaths = 0
            events: list[dict] = [{"start": TIME}]
            while events:
                event = events.pop(0)
                try:
                    self.call(**event)
                except Killed:
                    deaths += 1
                    # Lambda calls again with the same event.
                    events.insert(0, event)
                    continue
                if not events and (stopped := self.world.ends()):
                    events.append({"stopped": stopped})
            with self.subTest(number=number, reaches=reaches):
                self.assertEqual((self.steps(), self.world.rows["removed"]), (["export", "remove"], 1))
                self.assertEqual(self.world.state()["step"], "done")
                self.assertEqual(len(self.world.keys("manifests/") + self.world.keys("removed/")), 2)
            if not deaths:
                self.assertGreater(number, 15, "as many calls as it makes")
                return
        self.fail("it always dies")

    def test_killed_for_good_the_next_looks_and_runs_go_on(self):
        for number in range(1, 100):
            self.setUp()
            self.world.dies_at = (number, number % 2 == 0)
            died = False

            def act(**event) -> None:
                nonlocal died
                try:
                    with contextlib.suppress(RuntimeError):
                        self.call(**event)
                except Killed:
                    died = True

            for time in (TIME, NEXT, "2027-01-01T06:00:00Z"):
                if time > NEXT:
                    self.world.dies_at = None
                act(start=time)
                for _ in range(3):
                    # What stops is told once, and hours later there is a look.
                    if stopped := self.world.ends():
                        act(stopped=stopped)
                    self.world.time += datetime.timedelta(hours=6)
                    act()
                if time == TIME:
                    self.assertLessEqual((self.steps().count("export"), self.world.rows["removed"]), (1, 1))
            runs = [key.split("/")[2] for key in self.world.keys("removed/")]
            self.assertGreaterEqual(len(runs), 1, number)
            self.assertEqual(runs, [key.split("/")[2] for key in self.world.keys("manifests/")], number)
            self.assertEqual(self.world.state()["step"], "done", number)
            if not died:
                self.assertEqual(len(runs), 3)
                return
        self.fail("it always dies")


class OnTheLocalAws(Case):
    """The same function with what S3 and ECS really take and answer, as far as the local AWS knows."""

    def test_a_job_exports_and_removes(self):
        self.function = types.SimpleNamespace(**runpy.run_path(str(CODE)))
        self.function.run.__globals__["boto3"] = unittest.mock.Mock(client=lambda service: getattr(self, service))
        network = Network(self)
        cluster = self.ecs.create_cluster(clusterName="jobs", capacityProviders=["FARGATE"])["cluster"]["clusterName"]
        self.s3.create_bucket(Bucket="jobs-archive")
        self.s3.put_bucket_versioning(Bucket="jobs-archive", VersioningConfiguration={"Status": "Enabled"})

        def event(command: str, **more) -> dict:
            trust = {
                "Statement": [
                    {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}
                ]
            }
            with contextlib.suppress(self.iam.exceptions.EntityAlreadyExistsException):
                self.iam.create_role(RoleName="jobs-exec", AssumeRolePolicyDocument=json.dumps(trust))
            made = self.ecs.register_task_definition(
                family="jobs-orders", cpu="256", memory="512", networkMode="awsvpc", requiresCompatibilities=["FARGATE"],
                executionRoleArn=self.iam.get_role(RoleName="jobs-exec")["Role"]["Arn"],
                containerDefinitions=[{"name": "orders", "image": "tools:1", "command": ["sh", "-c", command]}],
            )["taskDefinition"]  # fmt: skip
            job = {
                "task": made["taskDefinitionArn"], "family": "jobs-orders", "container": "orders", "subnets": network.private,
                "groups": [network.group(f"jobs-{made['revision']}")], "public": False, "provider": "FARGATE",
            }  # fmt: skip
            return {"bucket": "jobs-archive", "cluster": cluster, "jobs": {"orders": job}} | more

        def stopped(of: dict) -> None:
            known = lambda: self.ecs.list_tasks(cluster=cluster, family="jobs-orders", desiredStatus="RUNNING")["taskArns"]
            self.until(lambda: self.ecs.describe_tasks(cluster=cluster, tasks=known() or ["x"]) and not known(), "stopped")
            self.function.run(of, None)

        works = event("exit 0")
        self.function.run(works | {"start": TIME}, None)
        self.s3.put_object(Bucket="jobs-archive", Key=f"exports/orders/{RUN}/orders.csv", Body=b"1,2")
        stopped(works)
        listed = json.load(self.s3.get_object(Bucket="jobs-archive", Key=f"manifests/orders/{RUN}.json")["Body"])
        self.assertEqual((listed["bytes"], len(listed["objects"])), (3, 1))
        self.assertTrue(listed["objects"][0]["version"])
        stopped(works)
        self.assertEqual(self.s3.list_objects_v2(Bucket="jobs-archive", Prefix="removed/")["KeyCount"], 1)
        # Twice is nothing, and a write under a condition that does not hold is refused.
        self.function.run(works | {"start": TIME}, None)
        state = json.load(self.s3.get_object(Bucket="jobs-archive", Key="jobs/orders.json")["Body"])
        self.assertEqual(state["step"], "done")
        fails = event("exit 3")
        self.function.run(fails | {"start": NEXT}, None)
        with self.assertRaisesRegex(RuntimeError, "exit code 3"):
            stopped(fails)
        refused = {"orders": fails["jobs"]["orders"] | {"subnets": ["subnet-0123456789abcdef0"]}}
        with self.assertRaisesRegex(RuntimeError, "its task was not started"):
            self.function.run(fails | {"jobs": refused, "start": "2027-01-01T06:00:00Z"}, None)
