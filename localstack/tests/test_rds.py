import datetime
import json
import urllib.error
import urllib.request

from tests.aws import Case, Network


class _Databases(Case):
    def database(self, name: str, **more) -> dict:
        net = Network(self)
        group = net.group("database")
        self.rds.create_db_subnet_group(DBSubnetGroupName=f"{name}-subnets", DBSubnetGroupDescription="d", SubnetIds=net.private)
        arguments = {
            "DBInstanceIdentifier": name,
            "Engine": "postgres",
            "EngineVersion": "16",
            "DBInstanceClass": "db.t4g.micro",
            "AllocatedStorage": 50,
            "MasterUsername": "owner",
            "ManageMasterUserPassword": True,
            "DBSubnetGroupName": f"{name}-subnets",
            "VpcSecurityGroupIds": [group],
        }
        return {"net": net, "group": group, "made": self.rds.create_db_instance(**arguments | more)["DBInstance"]}

    def look(self, name: str) -> dict:
        return self.rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]

    def _ask(self, what: str, name: str, **more) -> dict:
        body = json.dumps({"account": "000000000000", "region": "us-east-1", "database": name} | more).encode()
        with urllib.request.urlopen(
            urllib.request.Request(f"{self.server.url}/_stack/{what}", data=body, method="POST")
        ) as answer:
            return json.load(answer)

    def welcome(self, name: str, password: str, user: str = "owner", **place) -> bool:
        return self._ask("login", name, user=user, password=password, **place)["welcome"]

    def data(self, name: str, said: str | None = None, **place) -> str | None:
        return self._ask("data", name, data=said, **place)["data"]

    def password(self, name: str) -> str:
        secret = self.look(name)["MasterUserSecret"]["SecretArn"]
        return json.loads(self.secretsmanager.get_secret_value(SecretId=secret)["SecretString"])["password"]


class Databases(_Databases):
    def test_renaming_takes_time_and_keeps_the_tags(self):
        self.database("one", Tags=[{"Key": "team", "Value": "web"}])
        self.database("two")
        for name in ("one", "two"):
            self.until(lambda name=name: self.look(name)["DBInstanceStatus"] == "available", "available")
        rename = self.rds.modify_db_instance
        self.refused(
            "DBInstanceAlreadyExists",
            rename,
            400,
            DBInstanceIdentifier="one",
            NewDBInstanceIdentifier="two",
            ApplyImmediately=True,
        )
        self.slowly(0.001)
        resource = self.look("one")["DbiResourceId"]
        self.assertNotEqual(resource, self.look("two")["DbiResourceId"])
        rename(DBInstanceIdentifier="one", NewDBInstanceIdentifier="three", ApplyImmediately=True)
        first = self.look("one")
        self.assertEqual(
            (first["DBInstanceStatus"], first["PendingModifiedValues"]), ("available", {"DBInstanceIdentifier": "three"})
        )
        self.assertEqual(self.look("one")["DBInstanceStatus"], "renaming")
        self.refused("InvalidDBInstanceState", rename, 400, DBInstanceIdentifier="one", BackupRetentionPeriod=3)
        self.until(
            lambda: "three" in [d["DBInstanceIdentifier"] for d in self.rds.describe_db_instances()["DBInstances"]], "renamed"
        )
        now = self.look("three")
        self.assertEqual((now["DbiResourceId"], now["DBInstanceStatus"]), (resource, "available"))
        self.assertEqual(now["TagList"], [{"Key": "team", "Value": "web"}])
        self.assertTrue(now["DBInstanceArn"].endswith(":three") and now["Endpoint"]["Address"].startswith("three."))
        self.refused("DBInstanceNotFound", self.rds.describe_db_instances, 404, DBInstanceIdentifier="one")
        rename(DBInstanceIdentifier="three", NewDBInstanceIdentifier="four")
        self.assertEqual(self.look("three")["PendingModifiedValues"], {"DBInstanceIdentifier": "four"})

    def test_from_creating_to_gone(self):
        self.slowly(0.001)
        d = self.database("states")
        self.assertEqual((d["made"]["DBInstanceStatus"], self.look("states")["DBInstanceStatus"]), ("creating", "creating"))
        self.assertNotIn("Endpoint", self.look("states"))
        self.refused(
            "InvalidDBInstanceState", self.rds.modify_db_instance, 400, DBInstanceIdentifier="states", BackupRetentionPeriod=3
        )
        self.until(lambda: self.look("states")["DBInstanceStatus"] == "available", "available")
        self.assertEqual(self.look("states")["Endpoint"]["Port"], 5432)
        self.rds.modify_db_instance(DBInstanceIdentifier="states", DBInstanceClass="db.t4g.small", ApplyImmediately=True)
        first = self.look("states")
        self.assertEqual(
            (first["DBInstanceStatus"], first["PendingModifiedValues"]), ("available", {"DBInstanceClass": "db.t4g.small"})
        )
        self.assertEqual(self.look("states")["DBInstanceStatus"], "modifying")
        self.until(lambda: self.look("states")["DBInstanceStatus"] == "available", "available")
        self.assertEqual(self.look("states")["DBInstanceClass"], "db.t4g.small")
        self.rds.delete_db_instance(DBInstanceIdentifier="states", SkipFinalSnapshot=True)
        self.assertEqual(self.look("states")["DBInstanceStatus"], "deleting")
        self.refused("DependencyViolation", self.ec2.delete_security_group, GroupId=d["group"])
        self.refused("InvalidDBSubnetGroupStateFault", self.rds.delete_db_subnet_group, 400, DBSubnetGroupName="states-subnets")
        self.until(
            lambda: not [i for i in self.rds.describe_db_instances()["DBInstances"] if i["DBInstanceIdentifier"] == "states"],
            "gone",
        )
        self.refused("DBInstanceNotFound", self.rds.describe_db_instances, DBInstanceIdentifier="states")
        self.ec2.delete_security_group(GroupId=d["group"])
        self.rds.delete_db_subnet_group(DBSubnetGroupName="states-subnets")

    def test_what_waits_for_the_window(self):
        self.database("pending")
        modify = lambda **more: self.rds.modify_db_instance(DBInstanceIdentifier="pending", **more)
        modify(AllocatedStorage=100, BackupRetentionPeriod=9)
        now = self.look("pending")
        self.assertEqual(
            (now["AllocatedStorage"], now["PendingModifiedValues"], now["BackupRetentionPeriod"]),
            (50, {"AllocatedStorage": 100}, 9),
        )
        modify(AllocatedStorage=100, ApplyImmediately=True)
        self.assertEqual(self.look("pending")["PendingModifiedValues"], {"AllocatedStorage": 100}, "not begun")
        now = self.look("pending")
        self.assertEqual((now["AllocatedStorage"], now["PendingModifiedValues"]), (100, {}))
        self.refused("InvalidParameterCombination", modify, 400, AllocatedStorage=60, ApplyImmediately=True)
        self.assertEqual(self.look("pending")["AllocatedStorage"], 100)

    def test_stopped_and_started(self):
        self.database("asleep")
        change = lambda **more: self.rds.modify_db_instance(DBInstanceIdentifier="asleep", ApplyImmediately=True, **more)
        self.refused("InvalidDBInstanceState", self.rds.start_db_instance, 400, DBInstanceIdentifier="asleep")
        self.assertEqual(self.rds.stop_db_instance(DBInstanceIdentifier="asleep")["DBInstance"]["DBInstanceStatus"], "stopping")
        self.assertEqual(self.look("asleep")["DBInstanceStatus"], "stopped")
        self.refused("InvalidDBInstanceState", change, 400, DBInstanceClass="db.t4g.small")
        self.refused("InvalidDBInstanceState", change, 400, DeletionProtection=False)
        self.refused(
            "InvalidDBInstanceState", self.rds.create_db_snapshot, 400, DBInstanceIdentifier="asleep", DBSnapshotIdentifier="s"
        )
        self.assertEqual(self.rds.start_db_instance(DBInstanceIdentifier="asleep")["DBInstance"]["DBInstanceStatus"], "starting")
        self.assertEqual(self.look("asleep")["DBInstanceStatus"], "available")
        change(DBInstanceClass="db.t4g.small")
        # Neither a copy nor what has one can be stopped.
        self.database("source", BackupRetentionPeriod=1, ManageMasterUserPassword=False, MasterUserPassword="p4ssw0rd!")
        self.look("source")
        self.rds.create_db_instance_read_replica(DBInstanceIdentifier="copy", SourceDBInstanceIdentifier="source")
        self.look("copy")
        for name in ("source", "copy"):
            self.refused("InvalidDBInstanceState", self.rds.stop_db_instance, 400, DBInstanceIdentifier=name)
        # Nor what has one in another region.
        self.database("home", BackupRetentionPeriod=1, ManageMasterUserPassword=False, MasterUserPassword="p4ssw0rd!")
        arn, there = self.look("home")["DBInstanceArn"], self.server.client("rds", ELSEWHERE)
        there.create_db_instance_read_replica(DBInstanceIdentifier="away", SourceDBInstanceIdentifier=arn)
        self.refused("InvalidDBInstanceState", self.rds.stop_db_instance, 400, DBInstanceIdentifier="home")

    def test_a_state_that_is_said_lasts_until_it_is_mended(self):
        self.database("full")
        self.look("full")
        change = lambda **more: self.rds.modify_db_instance(DBInstanceIdentifier="full", ApplyImmediately=True, **more)
        self.server.states(rds__instance={"full": "storage-full"})
        self.assertEqual(self.look("full")["DBInstanceStatus"], "storage-full")
        self.refused("InvalidDBInstanceState", change, 400, DBInstanceClass="db.t4g.small")
        self.assertEqual(change(AllocatedStorage=80)["DBInstance"]["DBInstanceStatus"], "modifying")
        self.assertEqual(self.look("full")["DBInstanceStatus"], "available")
        self.server.states(rds__instance={"full": "incompatible-parameters"})
        self.refused("InvalidDBInstanceState", change, 400, AllocatedStorage=120)
        self.server.states(rds__instance={"full": "available"})
        change(AllocatedStorage=120)
        mistakes: list[dict] = [{"rds__instance": {"nobody": "stopped"}}, {"rds__instant": {}}, {"rds__instance": "stopped"}]
        for wrong in mistakes:
            with self.assertRaises(urllib.error.HTTPError) as caught:
                self.server.states(**wrong)
            self.assertEqual(caught.exception.code, 400)

    def test_storage_and_what_it_can(self):
        volume = lambda name: tuple(self.look(name).get(field) for field in ("AllocatedStorage", "Iops", "StorageThroughput"))
        self.database("volume", StorageType="gp3", AllocatedStorage=100)
        change = lambda **more: self.rds.modify_db_instance(DBInstanceIdentifier="volume", ApplyImmediately=True, **more)
        self.assertEqual(volume("volume"), (100, 3000, 125))
        self.refused("InvalidParameterCombination", change, 400, "a storage size less than 400", Iops=6000)
        change(AllocatedStorage=105)
        self.assertEqual(volume("volume"), (110, 3000, 125), "10 % at least")
        change(AllocatedStorage=400, Iops=12000)
        self.assertEqual(volume("volume"), (400, 12000, 500))
        self.refused("InvalidParameterCombination", change, 400, "You must specify both", AllocatedStorage=500)
        change(AllocatedStorage=500, Iops=20000, StorageThroughput=1000)
        self.assertEqual(volume("volume"), (500, 20000, 1000))

    def test_major_upgrades_of_postgresql_include_replicas(self):
        self.database(
            "major", EngineVersion="16.4", BackupRetentionPeriod=1, ManageMasterUserPassword=False, MasterUserPassword="p4ssw0rd!"
        )
        self.look("major")
        self.rds.create_db_instance_read_replica(DBInstanceIdentifier="minor", SourceDBInstanceIdentifier="major")
        self.look("minor")
        upgrade = lambda name, version: self.rds.modify_db_instance(
            DBInstanceIdentifier=name, EngineVersion=version, ApplyImmediately=True, AllowMajorVersionUpgrade=True
        )
        self.refused("DBUpgradeDependencyFailure", upgrade, 400, name="major", version="16.8")
        upgrade("minor", "16.8")
        self.look("minor")
        upgrade("major", "16.8")
        self.look("major")
        self.refused("InvalidParameterCombination", upgrade, 400, name="minor", version="17")
        upgrade("major", "17")
        self.look("major")
        self.assertEqual(self.look("minor")["EngineVersion"], "17.4")

    def test_versions(self):
        self.database("versions")
        self.assertEqual(self.look("versions")["EngineVersion"], "16.8")
        self.refused(
            "InvalidParameterCombination",
            self.rds.create_db_instance,
            DBInstanceIdentifier="none",
            Engine="postgres",
            EngineVersion="16.99",
            DBInstanceClass="db.t4g.micro",
            AllocatedStorage=20,
            MasterUsername="owner",
            MasterUserPassword="p4ssw0rd!",
        )
        self.refused(
            "InvalidParameterCombination",
            self.rds.modify_db_instance,
            DBInstanceIdentifier="versions",
            EngineVersion="15",
            ApplyImmediately=True,
        )
        found = self.rds.describe_db_engine_versions(Engine="postgres", EngineVersion="16")["DBEngineVersions"]
        self.assertEqual({version["DBParameterGroupFamily"] for version in found}, {"postgres16"})
        self.assertEqual(found[-1]["EngineVersion"], "16.8")

    def test_deletion_protection_and_the_final_snapshot(self):
        self.database("protected", DeletionProtection=True)
        delete = lambda **more: self.rds.delete_db_instance(DBInstanceIdentifier="protected", **more)
        self.refused("InvalidParameterCombination", delete, 400, "protected", SkipFinalSnapshot=True)
        self.rds.modify_db_instance(DBInstanceIdentifier="protected", DeletionProtection=False)
        self.refused("InvalidParameterCombination", delete, 400, "FinalDBSnapshotIdentifier is required")
        delete(FinalDBSnapshotIdentifier="protected-final")
        snapshot = self.rds.describe_db_snapshots(DBSnapshotIdentifier="protected-final")["DBSnapshots"][0]
        self.assertEqual((snapshot["SnapshotType"], snapshot["DBInstanceIdentifier"]), ("manual", "protected"))
        self.database("protected-2")
        self.refused(
            "DBSnapshotAlreadyExists",
            self.rds.delete_db_instance,
            DBInstanceIdentifier="protected-2",
            FinalDBSnapshotIdentifier="protected-final",
        )

    def test_the_managed_secret_has_the_right_user_and_key(self):
        made = self.database("secret")["made"]["MasterUserSecret"]
        content = json.loads(self.secretsmanager.get_secret_value(SecretId=made["SecretArn"])["SecretString"])
        self.assertEqual(content["username"], "owner")
        self.assertTrue(made["KmsKeyId"].endswith(":alias/aws/secretsmanager"), made)
        key = self.kms.create_key()["KeyMetadata"]["Arn"]
        self.database("secret-own-key", MasterUsername="someone", MasterUserSecretKmsKeyId=key)
        told = self.look("secret-own-key")["MasterUserSecret"]
        self.assertEqual(told["KmsKeyId"], key)
        content = json.loads(self.secretsmanager.get_secret_value(SecretId=told["SecretArn"])["SecretString"])
        self.assertEqual(content["username"], "someone")
        # It lives and dies with the wish for it.
        self.rds.modify_db_instance(DBInstanceIdentifier="secret-own-key", BackupRetentionPeriod=2, ApplyImmediately=True)
        self.assertEqual(self.look("secret-own-key")["MasterUserSecret"]["SecretArn"], told["SecretArn"])
        listed = [secret["ARN"] for secret in self.secretsmanager.list_secrets()["SecretList"]]
        self.assertIn(told["SecretArn"], listed)

    def test_both_kinds_of_password_at_once_are_refused(self):
        arguments: dict = {
            "DBInstanceIdentifier": "both",
            "Engine": "postgres",
            "DBInstanceClass": "db.t4g.micro",
            "AllocatedStorage": 20,
            "MasterUsername": "owner",
        }
        self.refused(
            "InvalidParameterCombination",
            self.rds.create_db_instance,
            400,
            ManageMasterUserPassword=True,
            MasterUserPassword="p4ssw0rd!",
            **arguments,
        )

    def test_who_keeps_the_password(self):
        self.refused(
            "InvalidParameterValue", self.database, 400, "must be provided", name="nobody", ManageMasterUserPassword=False
        )
        for wrong, says in [
            ("short", "shorter than 8"),
            ("with/slash", "Only printable"),
            ("with space", "Only printable"),
            ("with@at-sign", "Only printable"),
        ]:
            self.refused(
                "InvalidParameterValue",
                self.database,
                400,
                says,
                name=f"wrong-{len(wrong)}-{says[:2].lower()}",
                ManageMasterUserPassword=False,
                MasterUserPassword=wrong,
            )
        self.database("own", ManageMasterUserPassword=False, MasterUserPassword="p4ssw0rd-1")
        self.assertNotIn("MasterUserSecret", self.look("own"))
        self.assertTrue(self.welcome("own", "p4ssw0rd-1"))
        self.assertFalse(
            self.welcome("own", "p4ssw0rd-1", user="another")
            or self.welcome("own", "p4ssw0rd-2")
            or self.welcome("none", "p4ssw0rd-1")
        )
        modify = lambda **more: self.rds.modify_db_instance(DBInstanceIdentifier="own", ApplyImmediately=True, **more)
        modify(MasterUserPassword="p4ssw0rd-2")
        self.assertTrue(self.welcome("own", "p4ssw0rd-2"))
        self.assertEqual(self.look("own")["PendingModifiedValues"], {"MasterUserPassword": "****"})
        self.refused(
            "InvalidParameterCombination",
            modify,
            400,
            "You can't specify MasterUserPassword",
            ManageMasterUserPassword=True,
            MasterUserPassword="p4ssw0rd-3",
        )
        modify(ManageMasterUserPassword=True)
        secret = self.look("own")["MasterUserSecret"]["SecretArn"]
        managed = json.loads(self.secretsmanager.get_secret_value(SecretId=secret)["SecretString"])["password"]
        self.assertTrue(self.welcome("own", managed))
        self.refused(
            "InvalidParameterCombination", modify, 400, "You can't specify MasterUserPassword", MasterUserPassword="p4ssw0rd-3"
        )
        self.refused(
            "InvalidParameterCombination", modify, 400, "You must specify MasterUserPassword", ManageMasterUserPassword=False
        )
        modify(ManageMasterUserPassword=False, MasterUserPassword="p4ssw0rd-3")
        self.assertNotIn("MasterUserSecret", self.look("own"))
        self.assertTrue(self.welcome("own", "p4ssw0rd-3"))
        self.assertFalse(self.welcome("own", managed))

    def test_what_is_refused_with_a_managed_password(self):
        self.database("managed", BackupRetentionPeriod=1)
        replica = lambda source, **more: self.rds.create_db_instance_read_replica(
            DBInstanceIdentifier=f"{source}-copy", SourceDBInstanceIdentifier=source, **more
        )
        self.refused(
            "InvalidParameterValue", replica, 400, "where ManageMasterUserPassword is enabled is not supported", source="managed"
        )
        self.rds.create_db_snapshot(DBInstanceIdentifier="managed", DBSnapshotIdentifier="of-managed")
        restore = lambda **more: self.rds.restore_db_instance_from_db_snapshot(
            DBInstanceIdentifier="of-managed", DBSnapshotIdentifier="of-managed", **more
        )
        self.refused("InvalidParameterCombination", restore, 400, "when restoring a DB instance", ManageMasterUserPassword=True)
        secrets = len(self.secretsmanager.list_secrets()["SecretList"])
        restore()
        self.assertNotIn("MasterUserSecret", self.look("of-managed"))
        self.assertEqual(len(self.secretsmanager.list_secrets()["SecretList"]), secrets)
        self.database("unmanaged", BackupRetentionPeriod=1, ManageMasterUserPassword=False, MasterUserPassword="p4ssw0rd-1")
        self.refused(
            "InvalidParameterCombination",
            replica,
            400,
            "A parameter group can't be specified during Read Replica creation for the following DB engine: postgres",
            source="unmanaged",
            DBParameterGroupName="default.postgres16",
        )
        replica("unmanaged")
        self.assertTrue(self.welcome("unmanaged-copy", "p4ssw0rd-1"))
        modify = lambda name, **more: self.rds.modify_db_instance(DBInstanceIdentifier=name, ApplyImmediately=True, **more)
        self.refused(
            "InvalidParameterCombination", modify, 400, "with read replicas", name="unmanaged", ManageMasterUserPassword=True
        )
        self.refused(
            "InvalidParameterCombination",
            modify,
            400,
            "of a read replica",
            name="unmanaged-copy",
            MasterUserPassword="p4ssw0rd-2",
        )
        modify("unmanaged", MasterUserPassword="p4ssw0rd-2")
        self.assertTrue(self.welcome("unmanaged-copy", "p4ssw0rd-2"))
        self.rds.delete_db_instance(DBInstanceIdentifier="unmanaged-copy", SkipFinalSnapshot=True)

    def test_a_replica_has_tags_of_its_own_and_no_secret(self):
        self.database(
            "copied",
            BackupRetentionPeriod=1,
            DeletionProtection=True,
            ManageMasterUserPassword=False,
            MasterUserPassword="p4ssw0rd-1",
            Tags=[{"Key": "of", "Value": "the source"}],
        )
        source = self.look("copied")["DBInstanceIdentifier"]
        made = self.rds.create_db_instance_read_replica(
            DBInstanceIdentifier="copy",
            SourceDBInstanceIdentifier=source,
            DBInstanceClass="db.t4g.small",
            Tags=[{"Key": "of", "Value": "the copy"}],
        )["DBInstance"]
        self.assertNotIn("MasterUserSecret", made)
        copy = self.look("copy")
        self.assertEqual(
            (copy["TagList"], copy["ReadReplicaSourceDBInstanceIdentifier"]), ([{"Key": "of", "Value": "the copy"}], "copied")
        )
        self.assertNotIn("MasterUserSecret", copy)
        self.assertEqual(
            (copy["DeletionProtection"], copy["BackupRetentionPeriod"], copy["DBInstanceClass"]), (False, 0, "db.t4g.small")
        )
        self.assertEqual(self.look("copied")["TagList"], [{"Key": "of", "Value": "the source"}])
        self.rds.add_tags_to_resource(ResourceName=copy["DBInstanceArn"], Tags=[{"Key": "more", "Value": "1"}])
        self.assertEqual(self.look("copied")["TagList"], [{"Key": "of", "Value": "the source"}])
        self.refused(
            "InvalidParameterCombination",
            self.rds.delete_db_instance,
            400,
            DBInstanceIdentifier="copy",
            FinalDBSnapshotIdentifier="copy-final",
        )
        self.rds.delete_db_instance(DBInstanceIdentifier="copy", SkipFinalSnapshot=True)

    def test_a_replica_wants_a_source_with_backups(self):
        self.database("unsaved", BackupRetentionPeriod=0, ManageMasterUserPassword=False, MasterUserPassword="p4ssw0rd-1")
        make = lambda source: self.rds.create_db_instance_read_replica(
            DBInstanceIdentifier="never", SourceDBInstanceIdentifier=source
        )
        self.refused("InvalidDBInstanceState", make, 400, "Automated backups are not enabled", source="unsaved")
        self.refused("DBInstanceNotFound", make, 404, source="nowhere")

    def test_pending_changes_can_be_withdrawn_or_applied(self):
        self.database("waiting")
        modify = lambda **more: self.rds.modify_db_instance(DBInstanceIdentifier="waiting", **more)
        modify(DBInstanceClass="db.t4g.small", AllocatedStorage=80, DBPortNumber=5433)
        waiting = self.look("waiting")["PendingModifiedValues"]
        self.assertEqual((waiting["DBInstanceClass"], waiting["AllocatedStorage"]), ("db.t4g.small", 80))
        modify(DBInstanceClass="db.t4g.micro")
        self.assertNotIn("DBInstanceClass", self.look("waiting")["PendingModifiedValues"])
        # What changes at once does not take what waits along, what is to be applied immediately does.
        modify(DeletionProtection=False)
        self.assertEqual(self.look("waiting")["AllocatedStorage"], 50)
        modify(BackupRetentionPeriod=3, ApplyImmediately=True)
        self.look("waiting")
        now = self.look("waiting")
        self.assertEqual((now["AllocatedStorage"], now["BackupRetentionPeriod"], now["PendingModifiedValues"]), (80, 3, {}))

    def test_parameters_that_wait_for_a_restart(self):
        self.rds.create_db_parameter_group(DBParameterGroupName="static", DBParameterGroupFamily="postgres16", Description="d")
        parameter = lambda **more: [{"ParameterName": "max_connections", "ParameterValue": "200", **more}]
        modify = lambda **more: self.rds.modify_db_parameter_group(DBParameterGroupName="static", Parameters=parameter(**more))
        self.refused(
            "InvalidParameterCombination", modify, 400, "immediate apply method for static parameter", ApplyMethod="immediate"
        )
        modify(ApplyMethod="pending-reboot")
        told = {
            p["ParameterName"]: p
            for p in self.rds.describe_db_parameters(DBParameterGroupName="static", Source="user")["Parameters"]
        }
        self.assertEqual(
            (told["max_connections"]["ApplyType"], told["max_connections"]["ApplyMethod"]), ("static", "pending-reboot")
        )
        self.refused(
            "InvalidDBParameterGroupState",
            self.rds.modify_db_parameter_group,
            400,
            DBParameterGroupName="default.postgres16",
            Parameters=parameter(ApplyMethod="pending-reboot"),
        )

    def test_parameters_are_reset_one_by_one_or_together(self):
        self.rds.create_db_parameter_group(DBParameterGroupName="reset", DBParameterGroupFamily="postgres16", Description="d")
        values = {"max_connections": "200", "work_mem": "8192", "rds.force_ssl": "1"}
        parameters = [
            {"ParameterName": name, "ParameterValue": value, "ApplyMethod": "pending-reboot"} for name, value in values.items()
        ]
        self.rds.modify_db_parameter_group(DBParameterGroupName="reset", Parameters=parameters)
        mine = lambda: {
            p["ParameterName"] for p in self.rds.describe_db_parameters(DBParameterGroupName="reset", Source="user")["Parameters"]
        }
        self.assertEqual(mine(), set(values))
        self.rds.reset_db_parameter_group(
            DBParameterGroupName="reset",
            ResetAllParameters=False,
            Parameters=[{"ParameterName": "work_mem", "ApplyMethod": "pending-reboot"}],
        )
        self.assertEqual(mine(), {"max_connections", "rds.force_ssl"})
        self.rds.reset_db_parameter_group(DBParameterGroupName="reset", ResetAllParameters=True)
        self.assertEqual(mine(), set())
        self.refused(
            "DBParameterGroupNotFound",
            self.rds.reset_db_parameter_group,
            404,
            DBParameterGroupName="nowhere",
            ResetAllParameters=True,
        )

    def test_where_a_class_can_be_ordered(self):
        zones = lambda name, **more: [
            [zone["Name"][-1] for zone in option["AvailabilityZones"]]
            for option in self.rds.describe_orderable_db_instance_options(Engine="postgres", DBInstanceClass=name, **more)[
                "OrderableDBInstanceOptions"
            ]
        ]
        self.assertEqual(zones("db.t4g.micro", EngineVersion="16.8"), [["a", "b", "c"]])
        self.assertEqual(zones("db.r8g.large", EngineVersion="16.8"), [["a", "c"]])
        self.assertEqual(zones("db.r8g.large", EngineVersion="14.17"), [])
        self.assertEqual(zones("db.t1.huge"), [])

    def test_a_parameter_group_in_use(self):
        self.rds.create_db_parameter_group(DBParameterGroupName="own", DBParameterGroupFamily="postgres16", Description="d")
        self.rds.modify_db_parameter_group(
            DBParameterGroupName="own",
            Parameters=[{"ParameterName": "rds.force_ssl", "ParameterValue": "1", "ApplyMethod": "immediate"}],
        )
        parameters = self.rds.describe_db_parameters(DBParameterGroupName="own", Source="user")["Parameters"]
        self.assertEqual(
            [(p["ParameterName"], p["ParameterValue"], p["Source"]) for p in parameters], [("rds.force_ssl", "1", "user")]
        )
        self.database("grouped", DBParameterGroupName="own")
        self.refused("InvalidDBParameterGroupState", self.rds.delete_db_parameter_group, 400, DBParameterGroupName="own")
        self.rds.delete_db_instance(DBInstanceIdentifier="grouped", SkipFinalSnapshot=True)
        self.rds.delete_db_parameter_group(DBParameterGroupName="own")

    def test_another_port_is_never_put_off(self):
        self.database("another-port")
        self.rds.modify_db_instance(DBInstanceIdentifier="another-port", DBPortNumber=6000)
        found = self.look("another-port")
        self.assertEqual((found["Endpoint"]["Port"], found["PendingModifiedValues"]), (6000, {"Port": 6000}), "not begun")
        self.assertEqual(self.look("another-port")["PendingModifiedValues"], {})


class Snapshots(_Databases):
    def test_a_copy_with_another_key_is_restored(self):
        self.slowly(0.001)
        self.database("original")
        create = lambda name: self.rds.create_db_snapshot(DBInstanceIdentifier="original", DBSnapshotIdentifier=name)
        self.refused(
            "InvalidDBInstanceState", self.rds.create_db_snapshot, DBInstanceIdentifier="original", DBSnapshotIdentifier="early"
        )
        self.until(lambda: self.look("original")["DBInstanceStatus"] == "available", "available")
        self.assertEqual(create("one")["DBSnapshot"]["Status"], "creating")
        self.assertEqual(self.look("original")["DBInstanceStatus"], "backing-up")
        copy = lambda: self.rds.copy_db_snapshot(
            SourceDBSnapshotIdentifier="one", TargetDBSnapshotIdentifier="two", KmsKeyId="arn:aws:kms:us-east-1:1:key/k"
        )
        self.refused("InvalidDBSnapshotState", copy)
        snapshot = lambda name: self.rds.describe_db_snapshots(DBSnapshotIdentifier=name)["DBSnapshots"][0]
        self.until(lambda: snapshot("one")["Status"] == "available", "available")
        copy()
        self.until(lambda: snapshot("two")["Status"] == "available", "available")
        self.assertEqual(
            (snapshot("one")["Encrypted"], snapshot("two")["Encrypted"], snapshot("two")["KmsKeyId"]),
            (False, True, "arn:aws:kms:us-east-1:1:key/k"),
        )
        restore = {"DBInstanceIdentifier": "restored", "DBSnapshotIdentifier": "two", "Tags": [{"Key": "a", "Value": "b"}]}
        self.rds.restore_db_instance_from_db_snapshot(**restore)
        self.until(lambda: self.look("restored")["DBInstanceStatus"] == "available", "available")
        now, before = self.look("restored"), self.look("original")
        self.assertEqual(
            (now["KmsKeyId"], now["StorageEncrypted"], now["TagList"]), ("arn:aws:kms:us-east-1:1:key/k", True, restore["Tags"])
        )
        self.assertEqual(
            (now["AllocatedStorage"], now["MasterUsername"], now["EngineVersion"]),
            (before["AllocatedStorage"], "owner", before["EngineVersion"]),
        )
        self.assertNotIn("MasterUserSecret", now)
        self.rds.modify_db_instance(DBInstanceIdentifier="restored", ManageMasterUserPassword=True, ApplyImmediately=True)
        self.assertNotEqual(self.look("restored")["MasterUserSecret"]["SecretArn"], before["MasterUserSecret"]["SecretArn"])
        self.refused(
            "DBSnapshotNotFound",
            self.rds.restore_db_instance_from_db_snapshot,
            DBInstanceIdentifier="other",
            DBSnapshotIdentifier="none",
        )

    def test_data_and_password_come_along_and_no_key(self):
        self.database("first", StorageEncrypted=True, Tags=[{"Key": "of", "Value": "first"}])
        aws = self.kms.describe_key(KeyId="alias/aws/rds")["KeyMetadata"]["Arn"]
        self.assertEqual(self.look("first")["KmsKeyId"], aws)
        self.assertIsNone(self.data("first"))
        self.assertEqual(self.data("first", "42 orders"), "42 orders")
        secret = self.look("first")["MasterUserSecret"]["SecretArn"]
        password = json.loads(self.secretsmanager.get_secret_value(SecretId=secret)["SecretString"])["password"]
        self.rds.create_db_snapshot(DBInstanceIdentifier="first", DBSnapshotIdentifier="taken")
        self.data("first", "43 orders")
        arn = self.rds.describe_db_snapshots(DBSnapshotIdentifier="taken")["DBSnapshots"][0]["DBSnapshotArn"]
        self.assertEqual(self.rds.describe_db_snapshots(DBSnapshotIdentifier=arn)["DBSnapshots"][0]["DBSnapshotArn"], arn)
        for target, more, key in [
            ("same", {}, aws),
            ("keyed", {"KmsKeyId": "arn:aws:kms:us-east-1:1:key/k"}, "arn:aws:kms:us-east-1:1:key/k"),
            ("aws", {"KmsKeyId": "alias/aws/rds"}, aws),
        ]:
            copy = self.rds.copy_db_snapshot(SourceDBSnapshotIdentifier=arn, TargetDBSnapshotIdentifier=target, **more)
            self.assertEqual((copy["DBSnapshot"]["KmsKeyId"], copy["DBSnapshot"]["Encrypted"]), (key, True))
        restore = lambda name, **more: self.rds.restore_db_instance_from_db_snapshot(
            DBInstanceIdentifier=name, DBSnapshotIdentifier="keyed", **more
        )
        self.refused("InvalidParameterValue", restore, 400, "less than the source snapshot", name="x", AllocatedStorage=10)
        self.rds.create_db_parameter_group(
            DBParameterGroupName="newer", DBParameterGroupFamily="postgres17", Description="the next version's"
        )
        words = "Please use a Parameter Group with DBParameterGroupFamily postgres16"
        self.refused("InvalidParameterCombination", restore, 400, words, name="x", DBParameterGroupName="newer")
        restore("second", Tags=[{"Key": "of", "Value": "second"}], AllocatedStorage=60)
        restore("third")
        second, third = self.look("second"), self.look("third")
        self.assertEqual((second["AllocatedStorage"], second["KmsKeyId"][-1]), (60, "k"))
        self.assertEqual(
            (second["TagList"], third["TagList"]), ([{"Key": "of", "Value": "second"}], [{"Key": "of", "Value": "first"}])
        )
        self.assertEqual(self.data("second"), "42 orders")
        self.assertTrue(self.welcome("second", password))
        self.rds.modify_db_instance(DBInstanceIdentifier="second", MasterUserPassword="p4ssw0rd-2", ApplyImmediately=True)
        self.assertFalse(self.welcome("second", password))
        self.assertTrue(self.welcome("second", "p4ssw0rd-2"))


ELSEWHERE, SOMEBODY = "eu-west-1", "111122223333"


class SnapshotsElsewhere(_Databases):
    def setUp(self):
        super().setUp()
        self.there = self.server.client("rds", ELSEWHERE)
        self.theirs = self.server.client("rds", account=SOMEBODY)

    def taken(self, name: str, snapshot: str, **more) -> str:
        """The ARN of a snapshot of a new database."""
        self.database(name, **more)
        self.data(name, f"data of {name}")
        made = self.rds.create_db_snapshot(DBInstanceIdentifier=name, DBSnapshotIdentifier=snapshot)["DBSnapshot"]
        self.seen(snapshot)
        return made["DBSnapshotArn"]

    def seen(self, name: str, client=None, **more) -> dict:
        return (client or self.rds).describe_db_snapshots(DBSnapshotIdentifier=name, **more)["DBSnapshots"][0]

    def key(self, region: str = "us-east-1", account: str = "000000000000") -> str:
        return self.server.client("kms", region, account).create_key()["KeyMetadata"]["Arn"]

    def test_a_snapshot_is_known_in_its_region_only(self):
        arn = self.taken("here", "one-region")
        self.assertEqual(self.seen(arn)["DBSnapshotArn"], arn)
        arn_there = arn.replace("us-east-1", ELSEWHERE)
        restore = {"DBInstanceIdentifier": "never"}
        for client, name in [
            (self.there, "one-region"),
            (self.there, arn),
            (self.there, arn_there),
            (self.rds, arn_there),
            (self.rds, arn.replace("us-east-1", "mars-north-1")),
            (self.rds, arn.replace(":snapshot:", ":cluster-snapshot:")),
            (self.rds, "arn:aws:rds:us-east-1"),
        ]:
            self.refused("DBSnapshotNotFound", client.describe_db_snapshots, 404, DBSnapshotIdentifier=name)
            self.refused(
                "DBSnapshotNotFound", client.restore_db_instance_from_db_snapshot, 404, DBSnapshotIdentifier=name, **restore
            )
        for name in ("one-region", arn_there, arn.replace("one-region", "no-region")):
            self.refused(
                "DBSnapshotNotFound",
                self.there.copy_db_snapshot,
                404,
                SourceDBSnapshotIdentifier=name,
                TargetDBSnapshotIdentifier="never",
            )

    def test_an_encrypted_copy_across_regions_needs_a_key(self):
        arn = self.taken(
            "wanderer",
            "encrypted",
            StorageEncrypted=True,
            AvailabilityZone="us-east-1b",
            Tags=[{"Key": "of", "Value": "wanderer"}],
        )
        password = self.password("wanderer")
        copy = lambda target="arrived", **more: self.there.copy_db_snapshot(
            SourceDBSnapshotIdentifier=arn, TargetDBSnapshotIdentifier=target, **more
        )["DBSnapshot"]
        self.refused("InvalidParameterValue", copy, 400, "Must specify new KMS key for cross region encrypted snapshot copy.")
        here = self.key()
        for key in (here, here.split("/")[-1], "alias/none", f"arn:aws:kms:{ELSEWHERE}:000000000000:alias/none"):
            self.refused("KMSKeyNotAccessibleFault", copy, 400, f"The target KMS key [{key}] does not exist", KmsKeyId=key)
        self.refused("DBSnapshotNotFound", self.there.describe_db_snapshots, 404, DBSnapshotIdentifier="arrived")
        there = self.key(ELSEWHERE)
        self.server.client("kms", ELSEWHERE).create_alias(AliasName="alias/arriving", TargetKeyId=there)
        made = copy(KmsKeyId="alias/arriving", Tags=[{"Key": "of", "Value": "copy"}])
        self.assertEqual((made["Status"], made["KmsKeyId"]), ("creating", there))
        found = self.seen("arrived", self.there)
        self.assertEqual(
            {
                field: found[field]
                for field in ("DBSnapshotArn", "SourceRegion", "SourceDBSnapshotIdentifier", "KmsKeyId", "Encrypted", "Status")
            },
            {
                "DBSnapshotArn": f"arn:aws:rds:{ELSEWHERE}:000000000000:snapshot:arrived",
                "SourceRegion": "us-east-1",
                "SourceDBSnapshotIdentifier": arn,
                "KmsKeyId": there,
                "Encrypted": True,
                "Status": "available",
            },
        )
        self.assertEqual(
            (found["SnapshotType"], found["DBInstanceIdentifier"], found["TagList"]),
            ("manual", "wanderer", [{"Key": "of", "Value": "copy"}]),
        )
        self.assertEqual(found["OriginalSnapshotCreateTime"], self.seen("encrypted")["OriginalSnapshotCreateTime"])
        self.refused("DBSnapshotAlreadyExists", copy, 400, KmsKeyId=there)
        self.refused("DBSnapshotNotFound", self.rds.describe_db_snapshots, 404, DBSnapshotIdentifier="arrived")
        for target, key in [
            ("by-id", there.split("/")[-1]),
            ("by-arn", there),
            ("by-alias", there.split("key/")[0] + "alias/arriving"),
        ]:
            self.assertEqual(copy(target, KmsKeyId=key)["KmsKeyId"], there)
        aws = copy("by-aws", KmsKeyId="alias/aws/rds")["KmsKeyId"]
        self.assertEqual(aws.split(":")[3], ELSEWHERE)
        self.there.restore_db_instance_from_db_snapshot(DBInstanceIdentifier="settled", DBSnapshotIdentifier="arrived")
        settled = self.there.describe_db_instances(DBInstanceIdentifier="settled")["DBInstances"][0]
        self.assertEqual(
            (settled["KmsKeyId"], settled["AvailabilityZone"][:-1], settled["DBInstanceArn"].split(":")[3]),
            (there, ELSEWHERE, ELSEWHERE),
        )
        self.assertEqual(self.data("settled", region=ELSEWHERE), "data of wanderer")
        self.assertTrue(self.welcome("settled", password, region=ELSEWHERE))

    def test_a_plain_copy_across_regions_may_have_a_key(self):
        arn = self.taken("plain", "plain")
        copy = lambda client, target, **more: client.copy_db_snapshot(
            SourceDBSnapshotIdentifier=arn, TargetDBSnapshotIdentifier=target, **more
        )["DBSnapshot"]
        self.assertFalse(copy(self.there, "still-plain")["Encrypted"])
        there = self.key(ELSEWHERE)
        made = copy(self.there, "not-plain", KmsKeyId=there)
        self.assertEqual((made["Encrypted"], made["KmsKeyId"]), (True, there))
        within = copy(self.rds, "within")
        self.assertNotIn("SourceDBSnapshotIdentifier", within)

    def test_a_copy_across_regions_needs_a_finished_source(self):
        self.slowly(0.001)
        self.database("slow")
        self.until(lambda: self.look("slow")["DBInstanceStatus"] == "available", "available")
        arn = self.rds.create_db_snapshot(DBInstanceIdentifier="slow", DBSnapshotIdentifier="slow")["DBSnapshot"]["DBSnapshotArn"]
        copy = lambda: self.there.copy_db_snapshot(SourceDBSnapshotIdentifier=arn, TargetDBSnapshotIdentifier="slow-copy")
        self.refused("InvalidDBSnapshotState", copy, 400)
        self.refused("InvalidDBSnapshotState", lambda: self.share("slow", SOMEBODY), 400, "not available")
        self.until(lambda: self.seen("slow")["Status"] == "available", "available")
        copy()
        self.assertEqual(self.seen("slow-copy", self.there)["Status"], "creating")
        self.until(lambda: self.seen("slow-copy", self.there)["Status"] == "available", "available")

    def share(self, name: str, *accounts: str) -> list[str]:
        answer = self.rds.modify_db_snapshot_attribute(
            DBSnapshotIdentifier=name, AttributeName="restore", ValuesToAdd=list(accounts)
        )
        return answer["DBSnapshotAttributesResult"]["DBSnapshotAttributes"][0]["AttributeValues"]

    def test_what_cannot_be_shared(self):
        self.taken("default-key", "default-key", StorageEncrypted=True)
        share = lambda name, with_whom=SOMEBODY: self.share(name, with_whom)
        self.refused("InvalidDBSnapshotState", share, 400, "encrypted with the default KMS key", name="default-key")
        self.rds.copy_db_snapshot(
            SourceDBSnapshotIdentifier="default-key", TargetDBSnapshotIdentifier="own-key", KmsKeyId=self.key()
        )
        self.refused("InvalidParameterValue", share, 400, "with all", name="own-key", with_whom="all")
        self.taken("backed-up", "backed-up", BackupRetentionPeriod=1)
        automated = self.rds.describe_db_snapshots(DBInstanceIdentifier="backed-up", SnapshotType="automated")["DBSnapshots"]
        self.refused("InvalidParameterValue", share, 400, name=automated[0]["DBSnapshotIdentifier"])
        self.refused("DBSnapshotNotFound", share, 404, name="nothing")
        self.assertEqual(share("own-key"), [SOMEBODY])
        self.assertEqual(share("own-key"), [SOMEBODY], "once")

    def test_a_shared_encrypted_snapshot_is_copied_first(self):
        self.taken("lent", "lent-first", StorageEncrypted=True)
        password = self.password("lent")
        self.rds.copy_db_snapshot(SourceDBSnapshotIdentifier="lent-first", TargetDBSnapshotIdentifier="lent", KmsKeyId=self.key())
        arn = self.seen("lent")["DBSnapshotArn"]
        copy = lambda client, target="borrowed", **more: client.copy_db_snapshot(
            SourceDBSnapshotIdentifier=arn, TargetDBSnapshotIdentifier=target, **more
        )["DBSnapshot"]
        restore = lambda name: self.theirs.restore_db_instance_from_db_snapshot(
            DBInstanceIdentifier="theirs", DBSnapshotIdentifier=name
        )
        key = self.key(account=SOMEBODY)
        # Not shared with them, it is not there for them.
        asked: list[dict] = [{}, {"IncludeShared": True}, {"SnapshotType": "shared"}]
        for more in asked:
            self.refused("DBSnapshotNotFound", self.theirs.describe_db_snapshots, 404, DBSnapshotIdentifier=arn, **more)
        self.refused("DBSnapshotNotFound", copy, 404, client=self.theirs, KmsKeyId=key)
        self.refused("DBSnapshotNotFound", restore, 404, name=arn)
        self.share("lent", SOMEBODY)
        nobody = self.server.client("rds", account="444455556666")
        self.refused("DBSnapshotNotFound", copy, 404, client=nobody, KmsKeyId=key)
        # Shared, it still is no snapshot of theirs.
        self.refused("DBSnapshotNotFound", self.theirs.describe_db_snapshots, 404, DBSnapshotIdentifier=arn)
        self.refused(
            "DBSnapshotNotFound", self.theirs.describe_db_snapshots, 404, DBSnapshotIdentifier="lent", IncludeShared=True
        )
        self.refused("DBSnapshotNotFound", self.theirs.describe_db_snapshot_attributes, 404, DBSnapshotIdentifier=arn)
        self.assertEqual(self.theirs.describe_db_snapshots()["DBSnapshots"], [])
        for more in (
            {"IncludeShared": True},
            {"SnapshotType": "shared"},
            {"IncludeShared": True, "DBInstanceIdentifier": "lent"},
        ):
            seen = self.theirs.describe_db_snapshots(**more)["DBSnapshots"]
            self.assertEqual(
                [(s["DBSnapshotArn"], s["DBSnapshotIdentifier"], s["SnapshotType"], s["Status"]) for s in seen],
                [(arn, arn, "shared", "available")],
            )
            self.assertEqual(self.seen(arn, self.theirs, **more)["DBSnapshotArn"], arn)
        self.refused("DBSnapshotNotFound", self.seen, 404, name=arn, client=self.theirs, SnapshotType="manual")
        self.assertEqual(self.rds.describe_db_snapshots(SnapshotType="shared")["DBSnapshots"], [])
        self.refused("InvalidParameterValue", copy, 400, "of another account", client=self.theirs)
        self.refused("KMSKeyNotAccessibleFault", restore, 400, "copy it first", name=arn)
        made = copy(self.theirs, KmsKeyId=key)
        self.assertEqual(
            (made["DBSnapshotArn"], made["KmsKeyId"], made["SourceDBSnapshotIdentifier"]),
            (f"arn:aws:rds:us-east-1:{SOMEBODY}:snapshot:borrowed", key, arn),
        )
        self.rds.modify_db_snapshot_attribute(DBSnapshotIdentifier="lent", AttributeName="restore", ValuesToRemove=[SOMEBODY])
        self.refused("DBSnapshotNotFound", copy, 404, client=self.theirs, target="again", KmsKeyId=key)
        self.assertEqual(self.theirs.describe_db_snapshots(SnapshotType="shared")["DBSnapshots"], [])
        restore("borrowed")
        restored = self.theirs.describe_db_instances(DBInstanceIdentifier="theirs")["DBInstances"][0]
        self.assertEqual((restored["DBInstanceArn"].split(":")[4], restored["KmsKeyId"]), (SOMEBODY, key))
        self.assertEqual(self.data("theirs", account=SOMEBODY), "data of lent")
        self.assertTrue(self.welcome("theirs", password, account=SOMEBODY))

    def test_a_shared_plain_snapshot_is_restored_or_copied(self):
        arn = self.taken("open", "open")
        self.share("open", SOMEBODY)
        self.theirs.restore_db_instance_from_db_snapshot(DBInstanceIdentifier="opened", DBSnapshotIdentifier=arn)
        self.theirs.describe_db_instances(DBInstanceIdentifier="opened")
        self.assertEqual(self.data("opened", account=SOMEBODY), "data of open")
        elsewhere = self.server.client("rds", ELSEWHERE, SOMEBODY)
        made = elsewhere.copy_db_snapshot(SourceDBSnapshotIdentifier=arn, TargetDBSnapshotIdentifier="opened")["DBSnapshot"]
        self.assertEqual(made["DBSnapshotArn"], f"arn:aws:rds:{ELSEWHERE}:{SOMEBODY}:snapshot:opened")
        self.assertEqual((made["SourceRegion"], made["SourceDBSnapshotIdentifier"]), ("us-east-1", arn))


class PointInTime(_Databases):
    def restore(self, source: str, target: str, **more) -> dict:
        when = {} if "RestoreTime" in more or "UseLatestRestorableTime" in more else {"UseLatestRestorableTime": True}
        return self.rds.restore_db_instance_to_point_in_time(
            SourceDBInstanceIdentifier=source, TargetDBInstanceIdentifier=target, **when | more
        )["DBInstance"]

    def test_what_is_refused(self):
        self.database("past", BackupRetentionPeriod=2)
        self.database("no-past", BackupRetentionPeriod=0)
        created = self.look("past")["InstanceCreateTime"]
        self.assertNotIn("LatestRestorableTime", self.look("no-past"))
        restore = lambda source="past", target="never", **more: self.restore(source, target, **more)
        ahead, before = created + datetime.timedelta(hours=1), created - datetime.timedelta(minutes=1)
        self.refused("InvalidParameterCombination", restore, 400, RestoreTime=created, UseLatestRestorableTime=True)
        self.refused("InvalidParameterCombination", restore, 400, UseLatestRestorableTime=False)
        self.refused("DBInstanceNotFound", restore, 404, source="nothing")
        self.refused("PointInTimeRestoreNotEnabled", restore, 400, source="no-past")
        self.refused("InvalidParameterValue", restore, 400, "to a time later than", RestoreTime=ahead)
        self.refused("InvalidParameterValue", restore, 400, "to a time earlier than", RestoreTime=before)
        long_ago = created - datetime.timedelta(days=3)
        self.refused("InvalidParameterValue", restore, 400, "retention period is set to 2 days", RestoreTime=long_ago)
        self.refused("DBInstanceAlreadyExists", restore, 400, target="no-past")
        self.refused("InvalidParameterValue", restore, 400, "TargetDBInstanceIdentifier", target="a--b")
        self.refused("InvalidParameterCombination", restore, 400, "to a point in time", ManageMasterUserPassword=True)
        self.refused("DBSubnetGroupNotFoundFault", restore, 404, DBSubnetGroupName="nowhere")
        self.refused("DBParameterGroupNotFound", restore, 404, DBParameterGroupName="nothing")
        self.refused("InvalidParameterValue", restore, 400, "groupId= sg-0", VpcSecurityGroupIds=["sg-0"])
        self.rds.create_db_parameter_group(DBParameterGroupName="too-new", DBParameterGroupFamily="postgres17", Description="d")
        self.refused("InvalidParameterCombination", restore, 400, "postgres16", DBParameterGroupName="too-new")
        self.refused("InvalidParameterValue", restore, 400, "Allocated storage size", AllocatedStorage=20)
        self.refused(
            "DBInstanceAutomatedBackupNotFound",
            self.rds.restore_db_instance_to_point_in_time,
            404,
            SourceDBInstanceAutomatedBackupsArn="arn:aws:rds:us-east-1:000000000000:auto-backup:ab-none",
            TargetDBInstanceIdentifier="never",
            UseLatestRestorableTime=True,
        )
        self.refused("DBInstanceNotFound", self.rds.describe_db_instances, 404, DBInstanceIdentifier="never")
        secret = self.look("past")["MasterUserSecret"]["SecretArn"]
        self.assertEqual(self.secretsmanager.describe_secret(SecretId=secret)["ARN"], secret)

    def test_what_a_restored_database_has_of_its_source(self):
        self.rds.create_db_parameter_group(DBParameterGroupName="of-source", DBParameterGroupFamily="postgres16", Description="d")
        tags = [{"Key": "of", "Value": "source"}]
        self.database(
            "pit-source",
            BackupRetentionPeriod=3,
            StorageEncrypted=True,
            DeletionProtection=True,
            MultiAZ=True,
            CopyTagsToSnapshot=True,
            EnableIAMDatabaseAuthentication=True,
            PubliclyAccessible=True,
            DBParameterGroupName="of-source",
            Tags=tags,
        )
        before, password = self.look("pit-source"), self.password("pit-source")
        self.data("pit-source", "42 orders")
        secrets = len(self.secretsmanager.list_secrets()["SecretList"])
        made = self.restore("pit-source", "pit-plain")
        now = self.look("pit-plain")
        for view in (made, now):
            self.assertNotIn("MasterUserSecret", view)
            self.assertEqual(
                {
                    field: view[field]
                    for field in ("KmsKeyId", "StorageEncrypted", "TagList", "BackupRetentionPeriod", "EngineVersion")
                },
                {"KmsKeyId": before["KmsKeyId"], "StorageEncrypted": True, "TagList": tags, "BackupRetentionPeriod": 3}
                | {"EngineVersion": "16.8"},
            )
            self.assertEqual(
                [view[field] for field in ("DeletionProtection", "MultiAZ", "CopyTagsToSnapshot", "PubliclyAccessible")],
                [False] * 4,
            )
            self.assertFalse(view["IAMDatabaseAuthenticationEnabled"])
            self.assertEqual(view["DBParameterGroups"][0]["DBParameterGroupName"], "default.postgres16")
            self.assertNotIn("DBSubnetGroup", view)
            groups = [group["VpcSecurityGroupId"] for group in view["VpcSecurityGroups"]]
            self.assertEqual(self.ec2.describe_security_groups(GroupIds=groups)["SecurityGroups"][0]["GroupName"], "default")
        self.assertEqual(made["DBInstanceStatus"], "creating")
        self.assertNotIn("LatestRestorableTime", made)
        self.assertEqual((now["DBInstanceStatus"], now["Endpoint"]["Port"], now["MasterUsername"]), ("available", 5432, "owner"))
        self.assertGreaterEqual(now["LatestRestorableTime"], now["InstanceCreateTime"])
        self.assertEqual(len(self.secretsmanager.list_secrets()["SecretList"]), secrets)
        self.assertEqual(self.data("pit-plain"), "42 orders")
        self.assertTrue(self.welcome("pit-plain", password))
        # Each stands alone.
        self.rds.modify_db_instance(DBInstanceIdentifier="pit-plain", MasterUserPassword="p4ssw0rd-2", ApplyImmediately=True)
        self.rds.add_tags_to_resource(ResourceName=now["DBInstanceArn"], Tags=[{"Key": "more", "Value": "1"}])
        self.assertTrue(self.welcome("pit-source", password))
        self.assertFalse(self.welcome("pit-plain", password))
        after = self.look("pit-source")
        for field in ("TagList", "MasterUserSecret", "DeletionProtection", "MultiAZ", "DBSubnetGroup", "VpcSecurityGroups"):
            self.assertEqual(after[field], before[field], field)
        self.rds.delete_db_instance(DBInstanceIdentifier="pit-plain", SkipFinalSnapshot=True)
        self.assertEqual(self.password("pit-source"), password)

    def test_what_a_restored_database_is_given(self):
        self.rds.create_db_parameter_group(DBParameterGroupName="of-target", DBParameterGroupFamily="postgres16", Description="d")
        source = self.database(
            "pit-given",
            BackupRetentionPeriod=3,
            ManageMasterUserPassword=False,
            MasterUserPassword="p4ssw0rd-1",
            Tags=[{"Key": "of", "Value": "source"}],
        )
        self.look("pit-given")
        self.rds.modify_db_instance(DBInstanceIdentifier="pit-given", MasterUserPassword="p4ssw0rd-2", ApplyImmediately=True)
        self.look("pit-given")
        latest = self.look("pit-given")["LatestRestorableTime"]
        made = self.restore(
            "pit-given",
            "pit-target",
            RestoreTime=latest,
            Tags=[{"Key": "of", "Value": "target"}],
            DBInstanceClass="db.t4g.small",
            DeletionProtection=True,
            MultiAZ=True,
            AllocatedStorage=80,
            DBSubnetGroupName="pit-given-subnets",
            DBParameterGroupName="of-target",
            VpcSecurityGroupIds=[source["group"]],
        )
        now = self.look("pit-target")
        for view in (made, now):
            self.assertEqual(
                (view["TagList"], view["DBInstanceClass"], view["AllocatedStorage"], view["BackupRetentionPeriod"]),
                ([{"Key": "of", "Value": "target"}], "db.t4g.small", 80, 3),
            )
            self.assertEqual((view["DeletionProtection"], view["MultiAZ"]), (True, True))
            self.assertEqual(view["DBSubnetGroup"]["DBSubnetGroupName"], "pit-given-subnets")
            self.assertEqual(view["DBParameterGroups"][0]["DBParameterGroupName"], "of-target")
            self.assertEqual(view["VpcSecurityGroups"][0]["VpcSecurityGroupId"], source["group"])
        self.assertTrue(self.welcome("pit-target", "p4ssw0rd-2"))
        # It is in the network, so its group cannot go.
        self.rds.delete_db_instance(DBInstanceIdentifier="pit-given", SkipFinalSnapshot=True)
        self.rds.describe_db_instances()
        self.refused("DependencyViolation", self.ec2.delete_security_group, GroupId=source["group"])
        # The default group of a network is that of the subnets.
        self.database("pit-network", BackupRetentionPeriod=1)
        self.look("pit-network")
        self.restore("pit-network", "pit-default", DBSubnetGroupName="pit-network-subnets")
        group = self.look("pit-default")["VpcSecurityGroups"][0]["VpcSecurityGroupId"]
        self.assertEqual(
            self.ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["VpcId"],
            self.look("pit-default")["DBSubnetGroup"]["VpcId"],
        )

    def test_a_restored_database_has_its_own_retention(self):
        if (
            "BackupRetentionPeriod"
            not in self.rds.meta.service_model.operation_model("RestoreDBInstanceToPointInTime").input_shape.members
        ):
            self.skipTest("the API models of this Python do not know it yet")
        self.database("pit-kept", BackupRetentionPeriod=3)
        self.look("pit-kept")
        for days in (0, 5):
            made = self.restore("pit-kept", f"pit-kept-{days}", BackupRetentionPeriod=days)
            now = self.look(f"pit-kept-{days}")
            self.assertEqual((made["BackupRetentionPeriod"], now["BackupRetentionPeriod"]), (days, days))
            self.assertEqual("LatestRestorableTime" in now, days > 0)
        self.refused("PointInTimeRestoreNotEnabled", self.restore, 400, source="pit-kept-0", target="never")

    def test_it_takes_its_time_and_may_fail(self):
        self.slowly(0.001)
        self.database("pit-slow", BackupRetentionPeriod=1)
        self.refused("InvalidDBInstanceState", self.restore, 400, source="pit-slow", target="pit-later")
        self.until(lambda: self.look("pit-slow")["DBInstanceStatus"] == "available", "available")
        self.restore("pit-slow", "pit-later")
        self.assertEqual(self.look("pit-later")["DBInstanceStatus"], "creating")
        self.until(lambda: self.look("pit-later")["DBInstanceStatus"] == "available", "available")
        self.server.outcomes(rds__instance="incompatible-network")
        self.restore("pit-slow", "pit-failed")
        self.until(lambda: self.look("pit-failed")["DBInstanceStatus"] == "incompatible-network", "failed")
        self.refused("InvalidDBInstanceState", self.restore, 400, source="pit-failed", target="never")
