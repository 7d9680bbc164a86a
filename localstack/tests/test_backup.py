import json
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
        self.refused("AlreadyExistsException", self.backup.create_backup_vault, 400, "same name", BackupVaultName=name)
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
            {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "backup:*", "Resource": "*"}]}
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
