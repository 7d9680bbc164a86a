import json
import urllib.request
import uuid

from tests.aws import Case

CRON = "cron(0 3 * * ? *)"


class Backups(Case):
    def name(self) -> str:
        return f"v-{uuid.uuid4().hex[:8]}"

    def vault(self, **more) -> str:
        name = self.name()
        self.backup.create_backup_vault(BackupVaultName=name, **more)
        return name

    def rule(self, vault: str, **more) -> dict:
        return {"RuleName": "daily", "TargetBackupVaultName": vault, "ScheduleExpression": CRON} | more

    def plan(self, vault: str, **more) -> str:
        document = {"BackupPlanName": self.name(), "Rules": [self.rule(vault)]}
        return self.backup.create_backup_plan(BackupPlan=document, **more)["BackupPlanId"]

    def role(self, service: str = "backup.amazonaws.com", policy: bool = True) -> str:
        name = self.name()
        trust = {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}],
        }
        arn = self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
        if policy:
            self.iam.attach_role_policy(
                RoleName=name, PolicyArn="arn:aws:iam::aws:policy/service-role/AWSBackupServiceRolePolicyForBackup"
            )
        return arn


class Vaults(Backups):
    def test_one_is_made_told_and_deleted(self):
        name = self.name()
        made = self.backup.create_backup_vault(BackupVaultName=name, BackupVaultTags={"a": "b"}, CreatorRequestId="t1")
        told = self.backup.describe_backup_vault(BackupVaultName=name)
        self.assertEqual(told["BackupVaultArn"], f"arn:aws:backup:us-east-1:000000000000:backup-vault:{name}")
        self.assertEqual((told["NumberOfRecoveryPoints"], told["Locked"]), (0, False))
        self.assertIn(":key/", told["EncryptionKeyArn"])
        self.assertEqual(self.backup.list_tags(ResourceArn=made["BackupVaultArn"])["Tags"], {"a": "b"})
        again = self.backup.create_backup_vault(BackupVaultName=name, CreatorRequestId="t1")
        self.assertEqual(again["CreationDate"], made["CreationDate"])
        caught = self.refused("AlreadyExistsException", self.backup.create_backup_vault, 400, "same name", BackupVaultName=name)
        self.assertEqual((caught.response["Arn"], caught.response["CreatorRequestId"]), (made["BackupVaultArn"], "t1"))
        self.backup.delete_backup_vault(BackupVaultName=name)
        self.refused("AccessDeniedException", self.backup.describe_backup_vault, 403, BackupVaultName=name)

    def test_what_is_refused(self):
        self.refused("InvalidParameterValueException", self.backup.create_backup_vault, 400, "not valid", BackupVaultName="a b")
        key = "arn:aws:kms:us-east-1:000000000000:key/5c2d6b0e-0000-4000-8000-000000000000"
        self.refused(
            "InvalidParameterValueException",
            self.backup.create_backup_vault,
            400,
            key,
            BackupVaultName="v-key",
            EncryptionKeyArn=key,
        )

    def test_pages(self):
        names = {self.vault(), self.vault(), self.vault()}
        pages = list(self.backup.get_paginator("list_backup_vaults").paginate(PaginationConfig={"PageSize": 1}))
        self.assertTrue(all(len(page["BackupVaultList"]) == 1 for page in pages))
        self.assertLessEqual(names, {page["BackupVaultList"][0]["BackupVaultName"] for page in pages})

    def test_policy_and_notifications(self):
        vault = self.vault()
        self.refused("ResourceNotFoundException", self.backup.get_backup_vault_access_policy, 400, BackupVaultName=vault)
        policy = json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "backup:DeleteRecoveryPoint", "Resource": "*"}],
            }
        )
        self.backup.put_backup_vault_access_policy(BackupVaultName=vault, Policy=policy)
        self.assertEqual(self.backup.get_backup_vault_access_policy(BackupVaultName=vault)["Policy"], policy)
        self.backup.delete_backup_vault_access_policy(BackupVaultName=vault)
        self.refused("ResourceNotFoundException", self.backup.get_backup_vault_access_policy, 400, BackupVaultName=vault)
        put = self.backup.put_backup_vault_access_policy
        self.refused("InvalidParameterValueException", put, 400, BackupVaultName=vault, Policy="{")
        topic = "arn:aws:sns:us-east-1:000000000000:alerts"
        self.backup.put_backup_vault_notifications(
            BackupVaultName=vault, SNSTopicArn=topic, BackupVaultEvents=["BACKUP_JOB_FAILED"]
        )
        self.assertEqual(self.backup.get_backup_vault_notifications(BackupVaultName=vault)["SNSTopicArn"], topic)
        self.backup.delete_backup_vault_notifications(BackupVaultName=vault)
        self.refused("ResourceNotFoundException", self.backup.get_backup_vault_notifications, 400, BackupVaultName=vault)

    def test_what_a_policy_denies_to_everybody(self):
        vault = self.vault()

        def deny(*actions: str, **more) -> None:
            statement = {"Effect": "Deny", "Principal": "*", "Action": list(actions), "Resource": "*"} | more
            policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
            self.backup.put_backup_vault_access_policy(BackupVaultName=vault, Policy=policy)

        delete = self.backup.delete_backup_vault
        deny("backup:Delete*")
        self.refused("AccessDeniedException", delete, None, "backup:DeleteBackupVault on resource", BackupVaultName=vault)
        drop = self.backup.delete_backup_vault_access_policy
        self.refused("AccessDeniedException", drop, None, "explicit deny", BackupVaultName=vault)
        self.backup.describe_backup_vault(BackupVaultName=vault)
        deny("backup:Delete*", Condition={"StringNotEquals": {"aws:userid": "x"}})
        drop(BackupVaultName=vault)
        delete(BackupVaultName=vault)

    def test_a_lock(self):
        vault = self.vault()
        put, drop = self.backup.put_backup_vault_lock_configuration, self.backup.delete_backup_vault_lock_configuration
        self.refused("InvalidParameterValueException", put, 400, "ChangeableForDays", BackupVaultName=vault, ChangeableForDays=2)
        self.refused("InvalidParameterValueException", put, 400, BackupVaultName=vault, MinRetentionDays=8, MaxRetentionDays=7)
        self.refused("InvalidParameterValueException", put, 400, BackupVaultName=vault, MaxRetentionDays=36501)
        put(BackupVaultName=vault, MinRetentionDays=7)
        told = self.backup.describe_backup_vault(BackupVaultName=vault)
        self.assertEqual((told["Locked"], told["MinRetentionDays"], "LockDate" in told), (True, 7, False))
        drop(BackupVaultName=vault)
        self.assertFalse(self.backup.describe_backup_vault(BackupVaultName=vault)["Locked"])
        put(BackupVaultName=vault, MinRetentionDays=7, ChangeableForDays=3)
        self.assertIn("LockDate", self.backup.describe_backup_vault(BackupVaultName=vault))
        put(BackupVaultName=vault, MinRetentionDays=8, ChangeableForDays=3)
        self.server.states(backup__vault={vault: "immutable"})
        self.refused("InvalidRequestException", drop, 400, BackupVaultName=vault)
        self.refused("InvalidRequestException", put, 400, BackupVaultName=vault, MinRetentionDays=1)
        self.backup.delete_backup_vault(BackupVaultName=vault)


class Plans(Backups):
    def test_versions(self):
        vault = self.vault()
        document: dict = {"BackupPlanName": self.name(), "Rules": [self.rule(vault, Lifecycle={"DeleteAfterDays": 35})]}
        made = self.backup.create_backup_plan(BackupPlan=document, BackupPlanTags={"a": "b"}, CreatorRequestId="p-1")
        id = made["BackupPlanId"]
        again = self.backup.create_backup_plan(BackupPlan=document, CreatorRequestId="p-1")
        self.assertEqual((again["BackupPlanId"], again["VersionId"]), (id, made["VersionId"]))
        create = self.backup.create_backup_plan
        self.refused("AlreadyExistsException", create, 400, "same plan document", BackupPlan=document, CreatorRequestId="p-2")
        told = self.backup.get_backup_plan(BackupPlanId=id)
        rule = told["BackupPlan"]["Rules"][0]
        self.assertTrue(rule.pop("RuleId"))
        defaults = {"StartWindowMinutes": 480, "CompletionWindowMinutes": 10080, "ScheduleExpressionTimezone": "Etc/UTC"}
        self.assertEqual(rule, document["Rules"][0] | defaults | {"EnableContinuousBackup": False})
        document["Rules"][0]["StartWindowMinutes"] = 60
        changed = self.backup.update_backup_plan(BackupPlanId=id, BackupPlan=document)
        self.assertNotEqual(changed["VersionId"], made["VersionId"])
        versions = self.backup.list_backup_plan_versions(BackupPlanId=id)["BackupPlanVersionsList"]
        self.assertEqual([v["VersionId"] for v in versions], [changed["VersionId"], made["VersionId"]])
        old = self.backup.get_backup_plan(BackupPlanId=id, VersionId=made["VersionId"])
        self.assertEqual(old["BackupPlan"]["Rules"][0]["StartWindowMinutes"], 480)
        self.backup.delete_backup_plan(BackupPlanId=id)
        self.refused("ResourceNotFoundException", self.backup.get_backup_plan, 400, BackupPlanId=id)
        self.refused("ResourceNotFoundException", self.backup.delete_backup_plan, 400, BackupPlanId=id)
        self.backup.get_backup_plan(BackupPlanId=id, VersionId=made["VersionId"])
        listed = lambda **more: [p["BackupPlanId"] for p in self.backup.list_backup_plans(**more)["BackupPlansList"]]
        self.assertNotIn(id, listed())
        self.assertIn(id, listed(IncludeDeleted=True))

    def test_what_is_refused(self):
        vault = self.vault()

        def refused(says: str, **more) -> None:
            document = {"BackupPlanName": "p", "Rules": [self.rule(vault) | more]}
            self.refused("InvalidParameterValueException", self.backup.create_backup_plan, 400, says, BackupPlan=document)

        refused("does not exist", TargetBackupVaultName="not-there")
        refused("90 days apart", Lifecycle={"MoveToColdStorageAfterDays": 30, "DeleteAfterDays": 119})
        refused("36500", Lifecycle={"DeleteAfterDays": 0})
        refused("StartWindowMinutes", StartWindowMinutes=59)
        refused("CompletionWindowMinutes", StartWindowMinutes=120, CompletionWindowMinutes=120)
        for cron in (
            "cron(0 3 * * * *)",
            "cron(0 3 ? * ? *)",
            "cron(0 24 * * ? *)",
            "0 3 * * ? *",
            "cron(0 3 * * ?)",
            "rate(1 day)",
        ):
            refused("schedule", ScheduleExpression=cron)
        refused(
            "MoveToColdStorageAfterDays is unavailable", EnableContinuousBackup=True, Lifecycle={"MoveToColdStorageAfterDays": 30}
        )
        refused("35 days", EnableContinuousBackup=True, Lifecycle={"DeleteAfterDays": 36})
        refused("vault ARN", CopyActions=[{"DestinationBackupVaultArn": vault}])
        rules = [self.rule(vault, RuleName=f"r{n}") for n in range(11)]
        create = self.backup.create_backup_plan
        self.refused("LimitExceededException", create, 400, BackupPlan={"BackupPlanName": "p", "Rules": rules})
        taken = (
            "cron(0/30 3,4 1-7 JAN-MAR ? 2026-2030)",
            "cron(15 10 ? * MON-FRI *)",
            "cron(0 3 ? * 6L *)",
            "cron(0 3 L * ? *)",
            "cron(0 3 ? * 2#1 *)",
        )
        for cron in taken:
            document = {"BackupPlanName": self.name(), "Rules": [self.rule(vault, ScheduleExpression=cron)]}
            self.backup.create_backup_plan(BackupPlan=document)
        far = {"MoveToColdStorageAfterDays": 30, "DeleteAfterDays": 120}
        document = {"BackupPlanName": self.name(), "Rules": [self.rule(vault, Lifecycle=far)]}
        self.backup.create_backup_plan(BackupPlan=document)


class Selections(Backups):
    TAGS = ({"ConditionType": "STRINGEQUALS", "ConditionKey": "stack:name", "ConditionValue": "shop"},)

    def selection(self, role: str, **more) -> dict:
        return {"SelectionName": "tagged", "IamRoleArn": role, "ListOfTags": list(self.TAGS)} | more

    def test_one(self):
        plan, role = self.plan(self.vault()), self.role()
        wanted = {"BackupPlanId": plan, "BackupSelection": self.selection(role), "CreatorRequestId": "s-1"}
        id = self.backup.create_backup_selection(**wanted)["SelectionId"]
        self.assertEqual(self.backup.create_backup_selection(**wanted)["SelectionId"], id)
        told = self.backup.get_backup_selection(BackupPlanId=plan, SelectionId=id)["BackupSelection"]
        self.assertEqual(told["ListOfTags"], list(self.TAGS))
        self.assertEqual((told["Resources"], told["Conditions"]["StringLike"]), ([], []))
        listed = self.backup.list_backup_selections(BackupPlanId=plan)["BackupSelectionsList"]
        self.assertEqual([(s["SelectionId"], s["SelectionName"], s["IamRoleArn"]) for s in listed], [(id, "tagged", role)])
        self.refused(
            "InvalidRequestException", self.backup.delete_backup_plan, 400, "selections must be deleted", BackupPlanId=plan
        )
        self.backup.delete_backup_selection(BackupPlanId=plan, SelectionId=id)
        self.refused("ResourceNotFoundException", self.backup.get_backup_selection, 400, BackupPlanId=plan, SelectionId=id)
        self.backup.delete_backup_plan(BackupPlanId=plan)
        gone = self.backup.list_backup_selections
        self.refused("InvalidParameterValueException", gone, 400, "Cannot find Backup plan", BackupPlanId=plan)

    def test_what_is_refused(self):
        plan, role = self.plan(self.vault()), self.role()

        def refused(says: str, code: str = "InvalidParameterValueException", **more) -> None:
            selection = self.selection(role) | more
            self.refused(code, self.backup.create_backup_selection, 400, says, BackupPlanId=plan, BackupSelection=selection)

        refused("cannot be assumed by AWS Backup", IamRoleArn="arn:aws:iam::000000000000:role/not-there")
        refused("cannot be assumed by AWS Backup", IamRoleArn=self.role("ecs-tasks.amazonaws.com"))
        refused("not authorized to call tag:GetResources", IamRoleArn=self.role(policy=False))
        refused("must be non-empty", ListOfTags=[])
        refused("condition key", Conditions={"StringEquals": [{"ConditionKey": "a", "ConditionValue": "b"}]})
        many = [f"arn:aws:s3:::bucket-{n}-*" for n in range(31)]
        refused("30 with wildcards", "LimitExceededException", Resources=many)


class Around(Backups):
    """Settings and tags."""

    def test_settings_of_a_region(self):
        region = self.server.client("backup", "eu-west-1")
        told = region.describe_region_settings()
        self.assertTrue(all(told["ResourceTypeOptInPreference"][type] for type in ("RDS", "Aurora", "S3", "DynamoDB")))
        region.update_region_settings(ResourceTypeOptInPreference={"RDS": False})
        told = region.describe_region_settings()["ResourceTypeOptInPreference"]
        self.assertEqual((told["RDS"], told["S3"]), (False, True))
        self.assertTrue(self.backup.describe_region_settings()["ResourceTypeOptInPreference"]["RDS"])
        update = region.update_region_settings
        self.refused("InvalidParameterValueException", update, 400, ResourceTypeOptInPreference={"ElastiCache": True})

    def test_tags(self):
        mark = self.name()
        vault = self.vault(BackupVaultTags={"stack:name": mark})
        plan = self.plan(vault, BackupPlanTags={"stack:name": mark})
        arn = f"arn:aws:backup:us-east-1:000000000000:backup-plan:{plan}"
        self.backup.tag_resource(ResourceArn=arn, Tags={"c": "d", "e": "f"})
        self.backup.untag_resource(ResourceArn=arn, TagKeyList=["e"])
        self.assertEqual(self.backup.list_tags(ResourceArn=arn)["Tags"], {"c": "d", "stack:name": mark})
        find = lambda *types: [
            m["ResourceARN"]
            for m in self.resourcegroupstaggingapi.get_resources(
                TagFilters=[{"Key": "stack:name", "Values": [mark]}], ResourceTypeFilters=list(types)
            )["ResourceTagMappingList"]
        ]
        self.assertEqual(find("backup"), [arn, f"arn:aws:backup:us-east-1:000000000000:backup-vault:{vault}"])
        self.assertEqual(find("backup:backup-plan"), [arn])
        self.backup.delete_backup_plan(BackupPlanId=plan)
        self.assertEqual(find("backup:backup-plan"), [])
        self.refused("ResourceNotFoundException", self.backup.list_tags, 400, ResourceArn=arn)


class Points(Backups):
    def setUp(self):
        super().setUp()
        self.vault_name, self.role_arn = self.vault(), self.role()

    def database(self, **more) -> str:
        """Its ARN."""
        wanted = {
            "DBInstanceIdentifier": self.name(),
            "Engine": "postgres",
            "DBInstanceClass": "db.t4g.micro",
            "AllocatedStorage": 20,
            "MasterUsername": "app",
            "MasterUserPassword": "not-so-secret",
            "Tags": [{"Key": "stack:name", "Value": "shop"}],
        }
        arn = self.rds.create_db_instance(**wanted | more)["DBInstance"]["DBInstanceArn"]
        self.rds.describe_db_instances()  # it is there from the first look on
        return arn

    def start(self, arn: str, vault: str | None = None, **more) -> str:
        wanted = {"BackupVaultName": vault or self.vault_name, "ResourceArn": arn, "IamRoleArn": self.role_arn}
        return self.backup.start_backup_job(**wanted | more)["BackupJobId"]

    def job(self, id: str) -> dict:
        return self.backup.describe_backup_job(BackupJobId=id)

    def point(self, arn: str, **more) -> str:
        told = self.job(self.start(arn, **more))
        self.assertEqual(told["State"], "COMPLETED", told.get("StatusMessage"))
        return told["RecoveryPointArn"]

    def points(self, vault: str | None = None, backup=None, **more) -> dict[str, str]:
        answer = (backup or self.backup).list_recovery_points_by_backup_vault(BackupVaultName=vault or self.vault_name, **more)
        return {point["RecoveryPointArn"]: point["Status"] for point in answer["RecoveryPoints"]}

    def test_a_database_backup_becomes_an_rds_snapshot(self):
        database = self.database()
        self.slowly(0.005)
        id = self.start(database, Lifecycle={"DeleteAfterDays": 7}, RecoveryPointTags={"a": "b"}, IdempotencyToken="t")
        self.assertEqual(self.start(database, IdempotencyToken="t"), id)
        told = self.job(id)
        arn = told["RecoveryPointArn"]
        self.assertEqual((told["State"], told["ResourceType"]), ("RUNNING", "RDS"))
        self.assertEqual(arn, f"arn:aws:rds:us-east-1:000000000000:snapshot:awsbackup:job-{id}")
        self.assertEqual(self.points(), {arn: "CREATING"})
        drop = {"BackupVaultName": self.vault_name, "RecoveryPointArn": arn}
        self.refused("InvalidResourceStateException", self.backup.delete_recovery_point, 400, **drop)
        self.refused("InvalidRequestException", self.backup.delete_backup_vault, 400, BackupVaultName=self.vault_name)
        self.until(lambda: self.job(id)["State"] == "COMPLETED", "completed")
        point = self.backup.describe_recovery_point(**drop)
        self.assertEqual((point["Status"], point["Lifecycle"]), ("COMPLETED", {"DeleteAfterDays": 7}))
        self.assertEqual((point["CalculatedLifecycle"]["DeleteAt"] - point["CreationDate"]).days, 7)
        self.assertEqual(point["BackupSizeInBytes"], 20 << 30)
        name = f"awsbackup:job-{id}"
        snapshots = self.rds.describe_db_snapshots(DBInstanceIdentifier=database.rsplit(":", 1)[-1])["DBSnapshots"]
        kinds = {snapshot["DBSnapshotIdentifier"]: snapshot["SnapshotType"] for snapshot in snapshots}
        self.assertEqual(kinds[name], "awsbackup")
        mine = self.rds.describe_db_snapshots(SnapshotType="awsbackup", DBSnapshotIdentifier=name)["DBSnapshots"]
        self.assertEqual({tag["Key"]: tag["Value"] for tag in mine[0]["TagList"]}, {"a": "b", "stack:name": "shop"})
        self.refused("InvalidDBSnapshotState", self.rds.delete_db_snapshot, 400, "AWS Backup", DBSnapshotIdentifier=name)
        share = {"DBSnapshotIdentifier": name, "AttributeName": "restore", "ValuesToAdd": ["000000000001"]}
        self.refused("InvalidDBSnapshotState", self.rds.modify_db_snapshot_attribute, 400, "AWS Backup", **share)
        self.backup.delete_recovery_point(**drop)
        self.assertEqual(self.points(), {arn: "DELETING"})
        self.refused("InvalidResourceStateException", self.backup.delete_recovery_point, 400, **drop)
        self.refused("InvalidRequestException", self.backup.delete_backup_vault, 400, BackupVaultName=self.vault_name)
        self.until(lambda: not self.points(), "gone")
        self.refused("DBSnapshotNotFound", self.rds.describe_db_snapshots, 404, DBSnapshotIdentifier=name)
        self.backup.delete_backup_vault(BackupVaultName=self.vault_name)

    def said(self, name: str, said: str | None = None, region: str = "us-east-1") -> str | None:
        """What a database holds, after it was told to hold that."""
        body = {"account": "000000000000", "region": region, "database": name} | ({"data": said} if said else {})
        request = urllib.request.Request(f"{self.server.url}/_stack/data", data=json.dumps(body).encode(), method="POST")
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)["data"]

    def test_the_data_comes_along(self):
        west, to, new = self.server.client("backup", "us-west-2"), self.name(), self.name()
        target = west.create_backup_vault(BackupVaultName=to)["BackupVaultArn"]
        database = self.database()
        self.said(database.rsplit(":", 1)[-1], "42 orders")
        arn = self.point(database)
        self.said(database.rsplit(":", 1)[-1], "43 orders")
        copied = self.copy(arn, target)["DestinationRecoveryPointArn"]
        metadata = west.get_recovery_point_restore_metadata(BackupVaultName=to, RecoveryPointArn=copied)["RestoreMetadata"]
        metadata["DBInstanceIdentifier"] = new
        id = west.start_restore_job(RecoveryPointArn=copied, Metadata=metadata, IamRoleArn=self.role_arn)["RestoreJobId"]
        told = west.describe_restore_job(RestoreJobId=id)
        self.assertEqual(told["Status"], "COMPLETED", told.get("StatusMessage"))
        self.assertEqual(self.said(new, region="us-west-2"), "42 orders")

    def test_what_no_job_is_started_for(self):
        start = lambda **more: self.start(more.pop("arn", "arn:aws:s3:::not-there"), **more)
        self.refused("ResourceNotFoundException", start, 400)
        self.refused("ResourceNotFoundException", start, 400, arn="arn:aws:rds:us-east-1:000000000000:db:not-there")
        self.refused("InvalidParameterValueException", start, 400, arn="arn:aws:elasticache:us-east-1:000000000000:cluster:c")
        self.refused("AccessDeniedException", start, 403, vault="not-there")
        nobody = "arn:aws:iam::000000000000:role/nobody"
        self.refused("InvalidParameterValueException", start, 400, "cannot be assumed", IamRoleArn=nobody)
        self.refused("InvalidParameterValueException", start, 400, "36500", Lifecycle={"DeleteAfterDays": 0})
        self.refused("InvalidParameterValueException", start, 400, "StartWindowMinutes", StartWindowMinutes=1)
        gone = self.backup.describe_backup_job
        self.refused("ResourceNotFoundException", gone, 400, BackupJobId="not-there")

    def test_jobs_that_fail(self):
        database = self.database()
        self.server.outcomes(rds__snapshot="failed")
        told = self.job(self.start(database))
        self.assertEqual((told["State"], self.points()), ("FAILED", {}))
        name = database.rsplit(":", 1)[-1]
        self.rds.stop_db_instance(DBInstanceIdentifier=name)
        told = self.job(self.start(database))
        self.assertEqual(told["State"], "FAILED")
        self.assertIn("not currently in the available state", told["StatusMessage"])
        bucket = self.name()
        self.s3.create_bucket(Bucket=bucket)
        told = self.job(self.start(f"arn:aws:s3:::{bucket}"))
        self.assertEqual(told["State"], "FAILED")
        self.assertIn("Versioning", told["StatusMessage"])
        states = {job["State"] for job in self.backup.list_backup_jobs(ByBackupVaultName=self.vault_name)["BackupJobs"]}
        self.assertEqual(states, {"FAILED"})
        self.assertEqual(self.backup.list_backup_jobs(ByBackupVaultName=self.vault_name, ByState="COMPLETED")["BackupJobs"], [])

    def bucket(self) -> str:
        """The ARN of one with versions."""
        name = self.name()
        self.s3.create_bucket(Bucket=name)
        self.s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        self.s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": [{"Key": "stack:name", "Value": "shop"}]})
        return f"arn:aws:s3:::{name}"

    def test_a_bucket(self):
        bucket = self.bucket()
        arn = self.point(bucket)
        self.assertTrue(arn.startswith("arn:aws:backup:us-east-1:000000000000:recovery-point:"))
        self.assertEqual(self.backup.list_tags(ResourceArn=arn)["Tags"], {"stack:name": "shop"})
        by = self.backup.list_recovery_points_by_resource(ResourceArn=bucket)["RecoveryPoints"]
        self.assertEqual([point["RecoveryPointArn"] for point in by], [arn])
        self.assertEqual(self.backup.describe_protected_resource(ResourceArn=bucket)["LastRecoveryPointArn"], arn)
        self.assertEqual(self.points(ByResourceType="RDS"), {})
        key = self.backup.describe_backup_vault(BackupVaultName=self.vault_name)["EncryptionKeyArn"]
        point = self.backup.describe_recovery_point(BackupVaultName=self.vault_name, RecoveryPointArn=arn)
        self.assertEqual(point["EncryptionKeyArn"], key)

    def test_points_of_a_locked_vault(self):
        bucket = self.bucket()
        arn = self.point(bucket, Lifecycle={"DeleteAfterDays": 7})
        where = {"BackupVaultName": self.vault_name, "RecoveryPointArn": arn}
        self.backup.put_backup_vault_lock_configuration(BackupVaultName=self.vault_name, MinRetentionDays=7, MaxRetentionDays=30)
        self.refused("InvalidRequestException", self.backup.delete_recovery_point, 400, "locked", **where)
        update = self.backup.update_recovery_point_lifecycle
        self.refused("InvalidRequestException", update, 400, "locked", **where, Lifecycle={"DeleteAfterDays": 1})
        for lifecycle in ({"DeleteAfterDays": 6}, {"DeleteAfterDays": 31}, {}):
            self.assertEqual(self.job(self.start(bucket, Lifecycle=lifecycle))["State"], "FAILED", lifecycle)
        self.point(bucket, Lifecycle={"DeleteAfterDays": 8})
        self.backup.delete_backup_vault_lock_configuration(BackupVaultName=self.vault_name)
        self.assertEqual(update(**where, Lifecycle={"DeleteAfterDays": 9})["Lifecycle"], {"DeleteAfterDays": 9})
        self.backup.delete_recovery_point(**where)
        self.assertNotIn(arn, self.points())

    def copy(self, arn: str, to: str, **more) -> dict:
        wanted = {"RecoveryPointArn": arn, "SourceBackupVaultName": self.vault_name, "DestinationBackupVaultArn": to}
        id = self.backup.start_copy_job(IamRoleArn=self.role_arn, **wanted | more)["CopyJobId"]
        return self.backup.describe_copy_job(CopyJobId=id)["CopyJob"]

    def test_copies_in_another_region(self):
        west, name = self.server.client("backup", "us-west-2"), self.name()
        to = west.create_backup_vault(BackupVaultName=name)["BackupVaultArn"]
        for kept, encrypted in ((self.database(StorageEncrypted=True), True), (self.bucket(), True), (self.database(), False)):
            arn = self.point(kept, Lifecycle={"DeleteAfterDays": 7})
            told = self.copy(arn, to)
            self.assertEqual(told["State"], "COMPLETED", told.get("StatusMessage"))
            copied = told["DestinationRecoveryPointArn"]
            self.assertIn(":us-west-2:", copied)
            point = west.describe_recovery_point(BackupVaultName=name, RecoveryPointArn=copied)
            self.assertEqual((point["ResourceArn"], point["Lifecycle"]), (kept, {"DeleteAfterDays": 7}))
            self.assertEqual(point["IsEncrypted"], encrypted)
            if encrypted:
                self.assertIn(":us-west-2:", point["EncryptionKeyArn"])
            self.assertIn(arn, self.points())
        self.assertEqual(len(self.points(name, west)), 3)
        self.assertEqual(len(self.backup.list_copy_jobs(ByDestinationVaultArn=to)["CopyJobs"]), 3)
        rds = self.server.client("rds", "us-west-2")
        for copied in self.points(name, west):
            west.delete_recovery_point(BackupVaultName=name, RecoveryPointArn=copied)
        self.assertEqual(rds.describe_db_snapshots(SnapshotType="awsbackup")["DBSnapshots"], [])
        west.delete_backup_vault(BackupVaultName=name)
        self.assertIn("does not exist", self.copy(arn, to)["StatusMessage"])
        other = to.replace("000000000000", "000000000001")
        self.assertIn("same organization", self.copy(arn, other)["StatusMessage"])

    def restore(self, arn: str, metadata: dict[str, str]) -> str:
        wanted = {"RecoveryPointArn": arn, "Metadata": metadata, "IamRoleArn": self.role_arn}
        return self.backup.start_restore_job(**wanted)["RestoreJobId"]

    def test_a_database_is_restored(self):
        database, new = self.database(), self.name()
        arn = self.point(database)
        told = self.backup.get_recovery_point_restore_metadata(BackupVaultName=self.vault_name, RecoveryPointArn=arn)
        metadata = told["RestoreMetadata"]
        self.assertEqual((metadata["DBInstanceClass"], metadata["MultiAZ"]), ("db.t4g.micro", "false"))
        again = self.backup.describe_restore_job(RestoreJobId=self.restore(arn, metadata))
        self.assertEqual(again["Status"], "FAILED")
        self.assertIn("already exists", again["StatusMessage"])
        self.rds.delete_db_instance(DBInstanceIdentifier=database.rsplit(":", 1)[-1], SkipFinalSnapshot=True)
        self.assertIn(arn, self.points())
        self.slowly(0.002)
        id = self.restore(arn, metadata | {"DBInstanceIdentifier": new, "DBInstanceClass": "db.t4g.small"})
        self.assertEqual(self.backup.describe_restore_job(RestoreJobId=id)["Status"], "RUNNING")
        self.until(lambda: self.backup.describe_restore_job(RestoreJobId=id)["Status"] == "COMPLETED", "restored")
        made = self.rds.describe_db_instances(DBInstanceIdentifier=new)["DBInstances"][0]
        self.assertEqual(made["DBInstanceArn"], self.backup.describe_restore_job(RestoreJobId=id)["CreatedResourceArn"])
        self.assertEqual(made["DBInstanceClass"], "db.t4g.small")
        restore = lambda metadata: lambda **_: self.restore(arn, metadata)
        self.refused("InvalidParameterValueException", restore({"Other": "x"}), 400, "Unrecognized key")
        self.refused("InvalidParameterValueException", restore({"Engine": "postgres"}), 400, "DBInstanceIdentifier")
        self.refused("InvalidParameterValueException", restore(metadata | {"MultiAZ": "maybe"}), 400, "MultiAZ")


POINTS = {"Algorithm": "LATEST_WITHIN_WINDOW", "IncludeVaults": ["*"], "RecoveryPointTypes": ["SNAPSHOT"]}


class RestoreTests(Backups):
    def named(self) -> str:
        return self.name().replace("-", "_")

    def document(self, **more) -> dict:
        plan = {"RestoreTestingPlanName": self.named(), "ScheduleExpression": CRON, "RecoveryPointSelection": POINTS}
        return plan | more

    def named_plan(self) -> str:
        made = self.backup.create_restore_testing_plan(RestoreTestingPlan=self.document(), Tags={"a": "b"})
        return made["RestoreTestingPlanName"]

    def selection(self, **more) -> dict:
        known = {"RestoreTestingSelectionName": "databases", "ProtectedResourceType": "RDS", "ProtectedResourceArns": ["*"]}
        return known | {"IamRoleArn": self.role()} | more

    def test_one_is_made_told_changed_and_deleted(self):
        document = self.document()
        name = document["RestoreTestingPlanName"]
        made = self.backup.create_restore_testing_plan(RestoreTestingPlan=document, Tags={"a": "b"}, CreatorRequestId="t1")
        self.assertEqual(self.backup.list_tags(ResourceArn=made["RestoreTestingPlanArn"])["Tags"], {"a": "b"})
        self.iam.get_role(RoleName="AWSServiceRoleForBackupRestoreTesting")
        again = self.backup.create_restore_testing_plan(RestoreTestingPlan=document, CreatorRequestId="t1")
        self.assertEqual(again["RestoreTestingPlanArn"], made["RestoreTestingPlanArn"])
        create = self.backup.create_restore_testing_plan
        self.refused("AlreadyExistsException", create, 400, "already exists", RestoreTestingPlan=document)
        self.backup.update_restore_testing_plan(RestoreTestingPlanName=name, RestoreTestingPlan={"StartWindowHours": 5})
        told = self.backup.get_restore_testing_plan(RestoreTestingPlanName=name)["RestoreTestingPlan"]
        self.assertEqual((told["StartWindowHours"], told["ScheduleExpression"]), (5, CRON))
        self.assertEqual(told["RecoveryPointSelection"]["SelectionWindowDays"], 30)
        listed = self.backup.list_restore_testing_plans()["RestoreTestingPlans"]
        self.assertIn(name, {plan["RestoreTestingPlanName"] for plan in listed})
        self.backup.delete_restore_testing_plan(RestoreTestingPlanName=name)
        self.refused("ResourceNotFoundException", self.backup.get_restore_testing_plan, 400, RestoreTestingPlanName=name)

    def test_a_selection_changes_and_ends_before_its_plan(self):
        plan, where = self.named_plan(), {"RestoreTestingSelectionName": "databases"}
        where["RestoreTestingPlanName"] = plan
        self.backup.create_restore_testing_selection(RestoreTestingPlanName=plan, RestoreTestingSelection=self.selection())
        overrides = {"dbSubnetGroupName": "g"}
        self.backup.update_restore_testing_selection(
            **where, RestoreTestingSelection={"ValidationWindowHours": 3, "RestoreMetadataOverrides": overrides}
        )
        told = self.backup.get_restore_testing_selection(**where)["RestoreTestingSelection"]
        self.assertEqual((told["ValidationWindowHours"], told["RestoreMetadataOverrides"]), (3, overrides))
        self.assertEqual(told["ProtectedResourceArns"], ["*"])
        listed = self.backup.list_restore_testing_selections(RestoreTestingPlanName=plan)["RestoreTestingSelections"]
        self.assertEqual([one["RestoreTestingSelectionName"] for one in listed], ["databases"])
        self.refused("InvalidRequestException", self.backup.delete_restore_testing_plan, 400, RestoreTestingPlanName=plan)
        self.backup.delete_restore_testing_selection(**where)
        self.refused("ResourceNotFoundException", self.backup.delete_restore_testing_selection, 400, **where)
        self.backup.delete_restore_testing_plan(RestoreTestingPlanName=plan)

    def test_what_is_refused_of_a_plan(self):
        create, wrong = self.backup.create_restore_testing_plan, "InvalidParameterValueException"
        for more in (
            {"RestoreTestingPlanName": "a-b"},
            {"RestoreTestingPlanName": "a" * 51},
            {"ScheduleExpression": "rate(1 day)"},
            {"StartWindowHours": 169},
            {"RecoveryPointSelection": POINTS | {"IncludeVaults": []}},
            {"RecoveryPointSelection": POINTS | {"SelectionWindowDays": 366}},
        ):
            self.refused(wrong, create, 400, RestoreTestingPlan=self.document(**more))

    def test_what_is_refused_of_a_selection(self):
        plan, create = self.named_plan(), self.backup.create_restore_testing_selection
        arn = "arn:aws:rds:us-east-1:000000000000:db:d"
        for code, more in (
            ("InvalidParameterValueException", {"RestoreTestingSelectionName": "a-b"}),
            ("InvalidParameterValueException", {"ProtectedResourceType": "SQS"}),
            ("InvalidParameterValueException", {"ProtectedResourceArns": ["*", arn]}),
            ("MissingParameterValueException", {"ProtectedResourceArns": []}),
            ("InvalidParameterValueException", {"RestoreMetadataOverrides": {"dbInstanceIdentifier": "mine"}}),
            ("InvalidParameterValueException", {"ValidationWindowHours": 169}),
            ("InvalidParameterValueException", {"IamRoleArn": self.role("ec2.amazonaws.com")}),
        ):
            self.refused(code, create, 400, RestoreTestingPlanName=plan, RestoreTestingSelection=self.selection(**more))
