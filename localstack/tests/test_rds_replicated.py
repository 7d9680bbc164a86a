"""Automated backups in another region: what AWS refuses of them, and what is left when their database or its region is gone."""

import datetime

from tests.test_rds import _Databases

ELSEWHERE = "eu-central-1"


class Replicated(_Databases):
    def setUp(self):
        super().setUp()
        self.there = self.server.client("rds", ELSEWHERE)
        self.key = self.server.client("kms", ELSEWHERE).create_key()["KeyMetadata"]["Arn"]

    def backups(self, **more) -> list[dict]:
        return self.there.describe_db_instance_automated_backups(**more)["DBInstanceAutomatedBackups"]

    def replicating(self, name: str, **more) -> tuple[str, str]:
        """A database whose backups are replicated: its ARN, and theirs."""
        source = self.database(name, BackupRetentionPeriod=3, **more)["made"]["DBInstanceArn"]
        self.until(lambda: self.look(name)["DBInstanceStatus"] == "available", "available")
        more = {"KmsKeyId": self.key} if more.get("StorageEncrypted") else {}
        made = self.there.start_db_instance_automated_backups_replication(SourceDBInstanceArn=source, **more)
        self.until(lambda: self.look(name)["DBInstanceStatus"] == "available", "available")
        return source, made["DBInstanceAutomatedBackup"]["DBInstanceAutomatedBackupsArn"]

    def test_what_is_refused(self):
        source = self.database("copies-refused", BackupRetentionPeriod=3, StorageEncrypted=True)["made"]["DBInstanceArn"]
        self.until(lambda: self.look("copies-refused")["DBInstanceStatus"] == "available", "available")
        start = lambda there=self.there, arn=source, **more: there.start_db_instance_automated_backups_replication(
            SourceDBInstanceArn=arn, **more
        )
        feature = "Feature is not available in region us-east-1."
        self.refused("InvalidParameterValue", start, 400, feature, there=self.rds)
        far = self.server.client("rds", "af-south-1")
        self.refused("InvalidParameterValue", start, 400, "not available in region af-south-1", there=far)
        self.refused("DBInstanceNotFound", start, 404, arn=source + "-not")
        self.refused("InvalidParameterValue", start, 400, "Must specify a KMS key")
        key_here = self.kms.create_key()["KeyMetadata"]["Arn"]
        self.refused("KMSKeyNotAccessibleFault", start, 400, KmsKeyId=key_here)
        bare = self.database("copies-bare", BackupRetentionPeriod=0)["made"]["DBInstanceArn"]
        self.until(lambda: self.look("copies-bare")["DBInstanceStatus"] == "available", "available")
        self.refused("InvalidDBInstanceState", start, 400, "Automated backups are not enabled", arn=bare)
        self.refused(
            "InvalidDBInstanceState",
            self.there.stop_db_instance_automated_backups_replication,
            400,
            "not replicating to the current region",
            SourceDBInstanceArn=source,
        )
        made = start(KmsKeyId=self.key)["DBInstanceAutomatedBackup"]
        self.assertEqual((made["Status"], made["Region"], made["KmsKeyId"]), ("pending", "us-east-1", self.key))
        # The database is busy for a moment.
        self.slowly(0.01)
        self.until(lambda: self.look("copies-refused")["DBInstanceStatus"] == "available", "available")
        self.refused("InvalidDBInstanceAutomatedBackupState", start, 400, "already", KmsKeyId=self.key)
        told = self.look("copies-refused")["DBInstanceAutomatedBackupsReplications"]
        self.assertEqual([one["DBInstanceAutomatedBackupsArn"] for one in told], [made["DBInstanceAutomatedBackupsArn"]])
        self.refused(
            "InvalidDBInstanceAutomatedBackupState",
            self.there.delete_db_instance_automated_backup,
            400,
            DBInstanceAutomatedBackupsArn=made["DBInstanceAutomatedBackupsArn"],
        )
        pairs = {one["RegionName"]: one for one in self.there.describe_source_regions()["SourceRegions"]}
        self.assertTrue(pairs["us-east-1"]["SupportsDBInstanceAutomatedBackupsReplication"])
        self.assertFalse(pairs["ap-south-1"]["SupportsDBInstanceAutomatedBackupsReplication"])

    def test_what_was_written_after_the_last_copy_is_lost(self):
        self.data_of = lambda name: self.data(name, region=ELSEWHERE)
        _, arn = self.replicating("shop", StorageEncrypted=True)
        self.data("shop", "before")
        self.backups()
        self.server.states(region=ELSEWHERE, rds__backups={"shop": "late"})
        self.data("shop", "after")
        window = self.backups(DBInstanceAutomatedBackupsArn=arn)[0]["RestoreWindow"]
        restore = self.there.restore_db_instance_to_point_in_time
        # It must be before the last one, and not that.
        for ahead in (datetime.timedelta(hours=1), datetime.timedelta()):
            self.refused(
                "InvalidParameterValue",
                restore,
                400,
                SourceDBInstanceAutomatedBackupsArn=arn,
                TargetDBInstanceIdentifier="never",
                RestoreTime=window["LatestTime"] + ahead,
            )
        self.refused(
            "DBInstanceAutomatedBackupNotFound",
            restore,
            404,
            SourceDBInstanceAutomatedBackupsArn=arn + "x",
            TargetDBInstanceIdentifier="never",
            UseLatestRestorableTime=True,
        )
        # Under the name of the original, too.
        password = self.password("shop")
        made = restore(SourceDBInstanceAutomatedBackupsArn=arn, TargetDBInstanceIdentifier="shop", UseLatestRestorableTime=True)[
            "DBInstance"
        ]
        self.assertEqual((made["KmsKeyId"], made["DBInstanceIdentifier"]), (self.key, "shop"))
        self.assertIn(ELSEWHERE, made["DBInstanceArn"])
        names = [one["DBInstanceIdentifier"] for one in self.there.describe_db_instances()["DBInstances"]]
        self.assertIn("shop", names)
        self.assertNotIn("stack-replicated", names)
        self.assertEqual((self.data_of("shop"), self.data("shop")), ("before", "after"))
        self.assertTrue(self.welcome("shop", password, region=ELSEWHERE))
        self.there.delete_db_instance(DBInstanceIdentifier="shop", SkipFinalSnapshot=True)

    def test_backups_outlive_replication_and_database(self):
        source, arn = self.replicating("gone", StorageEncrypted=True)
        self.data("gone", "all")
        self.assertEqual(self.backups(DBInstanceAutomatedBackupsArn=arn)[0]["Status"], "replicating")
        self.there.add_tags_to_resource(ResourceName=arn, Tags=[{"Key": "a", "Value": "b"}])
        self.assertEqual(self.backups(DBInstanceAutomatedBackupsArn=arn)[0]["TagList"], [{"Key": "a", "Value": "b"}])
        self.there.stop_db_instance_automated_backups_replication(SourceDBInstanceArn=source)
        self.assertEqual(self.backups(DBInstanceAutomatedBackupsArn=arn)[0]["Status"], "retained")
        self.until(lambda: self.look("gone")["DBInstanceStatus"] == "available", "available")
        self.assertNotIn("DBInstanceAutomatedBackupsReplications", self.look("gone"))
        start = lambda **more: self.there.start_db_instance_automated_backups_replication(SourceDBInstanceArn=source, **more)
        other = self.server.client("kms", ELSEWHERE).create_key()["KeyMetadata"]["Arn"]
        self.refused("InvalidDBInstanceAutomatedBackupState", start, 400, "another key", KmsKeyId=other)
        start(KmsKeyId=self.key)
        self.until(lambda: self.look("gone")["DBInstanceStatus"] == "available", "available")
        self.data("gone", "more")
        self.rds.delete_db_instance(DBInstanceIdentifier="gone", SkipFinalSnapshot=True)
        self.until(lambda: self.rds.describe_db_instances()["DBInstances"] == [] or not self._is("gone"), "gone")
        self.assertEqual(self.backups(DBInstanceAutomatedBackupsArn=arn)[0]["Status"], "retained")
        self.there.restore_db_instance_to_point_in_time(
            SourceDBInstanceAutomatedBackupsArn=arn, TargetDBInstanceIdentifier="back", UseLatestRestorableTime=True
        )
        self.assertEqual(self.data("back", region=ELSEWHERE), "more")
        self.there.delete_db_instance_automated_backup(DBInstanceAutomatedBackupsArn=arn)
        self.assertNotIn(arn, [one.get("DBInstanceAutomatedBackupsArn") for one in self.backups()])
        self.there.delete_db_instance(DBInstanceIdentifier="back", SkipFinalSnapshot=True)

    def test_a_replica_reports_no_replicated_backups(self):
        source = {"ManageMasterUserPassword": False, "MasterUserPassword": "a-long-password"}
        self.replicating("main", **source)
        self.rds.create_db_instance_read_replica(DBInstanceIdentifier="main-too", SourceDBInstanceIdentifier="main")
        self.until(lambda: self.look("main-too")["DBInstanceStatus"] == "available", "available")
        self.assertIn("DBInstanceAutomatedBackupsReplications", self.look("main"))
        self.assertNotIn("DBInstanceAutomatedBackupsReplications", self.look("main-too"))

    def _is(self, name: str) -> bool:
        return name in [one["DBInstanceIdentifier"] for one in self.rds.describe_db_instances()["DBInstances"]]

    def test_cross_region_replicas_follow_and_are_promoted(self):
        own = {"ManageMasterUserPassword": False, "MasterUserPassword": "long-enough"}
        source = self.database("followed", BackupRetentionPeriod=3, StorageEncrypted=True, **own)["made"]["DBInstanceArn"]
        self.until(lambda: self.look("followed")["DBInstanceStatus"] == "available", "available")
        follow = lambda **more: self.there.create_db_instance_read_replica(
            DBInstanceIdentifier="follows", DBInstanceClass="db.t4g.micro", **{"SourceDBInstanceIdentifier": source} | more
        )
        self.refused("DBInstanceNotFound", follow, 404, SourceDBInstanceIdentifier="followed")
        self.refused("InvalidParameterCombination", follow, 400, "Must specify a KMS key of this region")
        self.refused("KMSKeyNotAccessibleFault", follow, 400, KmsKeyId=self.kms.create_key()["KeyMetadata"]["Arn"])
        self.refused("DBSubnetGroupNotFoundFault", follow, 404, KmsKeyId=self.key, DBSubnetGroupName="none")
        made = follow(KmsKeyId=self.key)["DBInstance"]
        self.assertEqual((made["KmsKeyId"], made["ReadReplicaSourceDBInstanceIdentifier"]), (self.key, source))
        look = lambda: self.there.describe_db_instances(DBInstanceIdentifier="follows")["DBInstances"][0]
        self.until(lambda: look()["DBInstanceStatus"] == "available", "available")
        self.assertEqual(self.look("followed")["ReadReplicaDBInstanceIdentifiers"], [made["DBInstanceArn"]])
        self.assertTrue(look()["DBParameterGroups"][0]["DBParameterGroupName"].startswith("default."))
        self.refused(
            "InvalidDBInstanceState", self.rds.promote_read_replica, 400, "not a read replica", DBInstanceIdentifier="followed"
        )
        self.there.promote_read_replica(DBInstanceIdentifier="follows", BackupRetentionPeriod=5)
        self.until(lambda: look()["DBInstanceStatus"] == "available", "available")
        self.assertNotIn("ReadReplicaSourceDBInstanceIdentifier", look())
        self.assertEqual(look()["BackupRetentionPeriod"], 5)
        self.assertEqual(self.look("followed")["ReadReplicaDBInstanceIdentifiers"], [])
