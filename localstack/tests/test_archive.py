"""The function of the archive, as it is shipped, and what it meets: exports of RDS, and objects in archives."""

import contextlib
import io
import json
import pathlib
import runpy
import types
import unittest.mock

from tests.aws import Case

CODE = pathlib.Path(__file__).parents[2] / "src/blueprint/archive.py"


class Archive(Case):
    def setUp(self):
        super().setUp()
        self.function = types.SimpleNamespace(**runpy.run_path(str(CODE)))
        self.function.run.__globals__["boto3"] = unittest.mock.Mock(client=lambda service: getattr(self, service))

    def prepare(self, name: str) -> dict:
        self.rds.create_db_instance(
            DBInstanceIdentifier=name, Engine="postgres", EngineVersion="16", DBInstanceClass="db.t4g.micro", AllocatedStorage=20,
            MasterUsername="owner", MasterUserPassword="long-enough", BackupRetentionPeriod=1,
        )  # fmt: skip
        available = lambda: self.rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]["DBInstanceStatus"]
        self.until(lambda: available() == "available", "available")
        self.rds.create_db_snapshot(DBInstanceIdentifier=name, DBSnapshotIdentifier=f"{name}-first")
        snapshots = lambda: self.rds.describe_db_snapshots(DBSnapshotIdentifier=f"{name}-first")["DBSnapshots"]
        self.until(lambda: snapshots()[0]["Status"] == "available", "a snapshot")
        self.until(lambda: available() == "available", "available again")
        self.s3.create_bucket(Bucket=f"{name}-archive")
        trust = {
            "Statement": [{"Effect": "Allow", "Principal": {"Service": "export.rds.amazonaws.com"}, "Action": "sts:AssumeRole"}]
        }
        role = self.iam.create_role(RoleName=f"{name}-exports", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
        key = self.kms.create_key()["KeyMetadata"]["Arn"]
        return {"bucket": f"{name}-archive", "databases": {"main": name}, "role": role, "key": key, "start": True}

    def keys(self, event: dict, prefix: str) -> list[str]:
        return [o["Key"] for o in self.s3.list_objects_v2(Bucket=event["bucket"], Prefix=prefix).get("Contents", [])]

    def tasks(self, event: dict) -> list[dict]:
        return self.rds.describe_export_tasks(Filters=[{"Name": "s3-bucket", "Values": [event["bucket"]]}])["ExportTasks"]

    def test_the_newest_snapshot_is_exported_once(self):
        event = self.prepare("once")
        self.function.run(event | {"start": False}, None)
        self.assertEqual(self.tasks(event), [], "nothing is left over")
        self.function.run(event, None)
        self.function.run(event | {"start": False}, None)
        (manifest,) = self.keys(event, "manifests/main/")
        first = self.s3.get_object(Bucket=event["bucket"], Key=manifest)
        listed = json.load(first["Body"])
        self.assertEqual([one["key"] for one in listed["objects"]], self.keys(event, "exports/main/"))
        self.assertEqual(listed["digest"], self.function.digest(listed["objects"]))
        self.assertEqual(listed["bytes"], sum(one["size"] for one in listed["objects"]))
        # Twice is nothing.
        self.function.run(event, None)
        self.assertEqual(len(self.tasks(event)), 1)
        again = self.s3.head_object(Bucket=event["bucket"], Key=manifest)
        self.assertEqual(again["LastModified"], first["LastModified"])
        # Another snapshot is another export; what passes is none.
        self.rds.create_db_snapshot(
            DBInstanceIdentifier="once", DBSnapshotIdentifier="once-carries-1", Tags=[{"Key": "stack:begins", "Value": "x"}]
        )
        self.function.run(event, None)
        self.assertEqual(len(self.tasks(event)), 1)

    def test_a_failed_export_is_told_and_tried_again(self):
        event = self.prepare("fails")
        self.server.outcomes(rds__export="FAILED")
        with self.assertRaisesRegex(RuntimeError, "FAILED"):
            self.function.run(event, None)
            self.function.run(event | {"start": False}, None)
        self.assertEqual(self.keys(event, "manifests/"), [])
        self.function.run(event, None)
        self.function.run(event | {"start": False}, None)
        self.assertEqual(sorted(task["Status"] for task in self.tasks(event)), ["COMPLETE", "FAILED"])
        self.assertEqual(len(self.keys(event, "manifests/main/")), 1)

    def test_an_export_without_objects_stops_nothing(self):
        event = self.prepare("empty")
        self.function.run(event, None)
        self.function.run(event | {"start": False}, None)
        first = self.tasks(event)[0]["ExportTaskIdentifier"]
        for key in self.keys(event, ""):
            self.s3.delete_object(Bucket=event["bucket"], Key=key)
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            self.function.run(event | {"start": False}, None)
        self.assertIn(f"main: {first} is complete, and nothing is below exports/main/{first}/", printed.getvalue())
        self.assertEqual(self.keys(event, "manifests/"), [])
        # Nothing is left of it, so it is exported again.
        self.function.run(event, None)
        self.function.run(event | {"start": False}, None)
        self.assertEqual(self.keys(event, "manifests/main/"), [f"manifests/main/{first}-2.json"])
        self.function.run(event, None)
        self.assertEqual(len(self.tasks(event)), 2)

    def test_the_sixth_database_is_exported_later(self):
        event = self.prepare("six")
        event["databases"] = {"first": "six"}
        for number in range(2, 7):
            event["databases"][f"of-{number}"] = f"six-{number}"
            self.prepare(f"six-{number}")
        self.slowly(0.002)
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            self.function.run(event, None)
        self.assertIn("is exported later: other exports are in progress", printed.getvalue())
        self.assertEqual(len(self.tasks(event)), 5)
        self.until(lambda: all(task["Status"] == "COMPLETE" for task in self.tasks(event)), "five exports")
        self.function.run(event | {"start": False}, None)
        self.assertEqual(len(self.tasks(event)), 6)
        self.until(lambda: all(task["Status"] == "COMPLETE" for task in self.tasks(event)), "the sixth")
        for _ in range(2):
            self.function.run(event | {"start": False}, None)
        self.assertEqual(len(self.tasks(event)), 6)
        self.assertEqual(len(self.keys(event, "manifests/")), 6)

    def test_what_cannot_be_exported_is_told(self):
        event = self.prepare("refused")
        for wrong, code in [
            ({"bucket": "nowhere"}, "NoSuchBucket"),
            ({"role": "arn:aws:iam::000000000000:role/none"}, "IamRoleNotFound"),
            ({"key": "alias/aws/rds"}, "KMSKeyNotAccessibleFault"),
        ]:
            with self.assertRaisesRegex(RuntimeError, code):
                self.function.run(event | wrong, None)
        self.refused(
            "InvalidS3BucketFault", self.rds.start_export_task, 404, ExportTaskIdentifier="refused", S3BucketName="nowhere",
            SourceArn=self.rds.describe_db_snapshots(DBSnapshotIdentifier="refused-first")["DBSnapshots"][0]["DBSnapshotArn"],
            IamRoleArn=event["role"], KmsKeyId=event["key"],
        )  # fmt: skip
        with self.assertRaisesRegex(RuntimeError, "no snapshot"):
            self.function.run(event | {"databases": {"none": "none"}}, None)

    def test_names_of_exports_fit(self):
        long = self.function.named("a" * 63, "20261127t100000z", 1)
        self.assertLessEqual(len(long), 60)
        self.assertTrue(long.endswith("-20261127t100000z-2"))
        self.assertNotEqual(long, self.function.named("a" * 62 + "b", "20261127t100000z", 1))

    def test_an_archived_object_takes_its_time(self):
        self.s3.create_bucket(Bucket="cold")
        for name, kind in [("a", "GLACIER"), ("b", "DEEP_ARCHIVE"), ("c", "STANDARD")]:
            self.s3.put_object(Bucket="cold", Key=name, Body=b"x", StorageClass=kind)
        self.slowly(0.0001)

        def ask(key: str, tier: str = "Standard") -> None:
            request = {"Days": 1, "GlacierJobParameters": {"Tier": tier}}
            self.s3.restore_object(Bucket="cold", Key=key, RestoreRequest=request)

        ask("a")
        self.assertEqual(self.s3.head_object(Bucket="cold", Key="a")["Restore"], 'ongoing-request="true"')
        self.refused("RestoreAlreadyInProgress", ask, 409, key="a")
        self.until(lambda: "false" in self.s3.head_object(Bucket="cold", Key="a")["Restore"], "restored")
        ask("a")
        self.refused("InvalidArgument", ask, 400, key="b", tier="Expedited")
        self.refused("InvalidObjectState", ask, 403, key="c")

    def test_an_old_version_is_copied_over_the_object(self):
        self.s3.create_bucket(Bucket="twice")
        self.s3.put_bucket_versioning(Bucket="twice", VersioningConfiguration={"Status": "Enabled"})
        first = self.s3.put_object(Bucket="twice", Key="a b", Body=b"one")["VersionId"]
        second = self.s3.put_object(Bucket="twice", Key="a b", Body=b"two")["VersionId"]

        def copy(version: str) -> None:
            source = {"Bucket": "twice", "Key": "a b", "VersionId": version}
            self.s3.copy_object(Bucket="twice", Key="a b", CopySource=source)

        self.refused("InvalidRequest", copy, 400, version=second)
        copy(first)
        self.assertEqual(self.s3.get_object(Bucket="twice", Key="a b")["Body"].read(), b"one")
        self.assertEqual(len(self.s3.list_object_versions(Bucket="twice")["Versions"]), 3)
