import json

from tests.aws import Case, zipped

# What it is told, it writes down where everybody can read it.
CODE = """
import boto3, json
def run(event, context):
    boto3.client("s3").put_object(Bucket="told", Key=event["database"], Body=json.dumps(event).encode())
"""
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
)


class Secrets(Case):
    def managed(self, name: str) -> str:
        self.rds.create_db_instance(
            DBInstanceIdentifier=name,
            Engine="postgres",
            DBInstanceClass="db.t4g.micro",
            AllocatedStorage=20,
            MasterUsername="owner",
            ManageMasterUserPassword=True,
        )
        return self.rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]["MasterUserSecret"]["SecretArn"]

    def password(self, secret: str) -> str:
        return json.loads(self.secretsmanager.get_secret_value(SecretId=secret)["SecretString"])["password"]

    def test_what_rds_keeps_it_rotates(self):
        secret = self.managed("rotated")
        told = self.secretsmanager.describe_secret(SecretId=secret)
        self.assertEqual(
            (told["OwningService"], told["RotationEnabled"], told["RotationRules"]), ("rds", True, {"AutomaticallyAfterDays": 7})
        )
        before = self.password(secret)
        rotate = lambda **more: self.secretsmanager.rotate_secret(SecretId=secret, **more)
        rotate(RotationRules={"AutomaticallyAfterDays": 30}, RotateImmediately=False)
        self.assertEqual(self.secretsmanager.describe_secret(SecretId=secret)["RotationRules"], {"AutomaticallyAfterDays": 30})
        self.assertEqual(self.password(secret), before)
        # A change of the database is none of its password.
        self.rds.modify_db_instance(DBInstanceIdentifier="rotated", BackupRetentionPeriod=3, ApplyImmediately=True)
        self.assertEqual(self.password(secret), before)
        rotate()
        self.assertNotEqual(self.password(secret), before)
        self.assertEqual(
            json.loads(self.secretsmanager.get_secret_value(SecretId=secret, VersionStage="AWSPREVIOUS")["SecretString"])[
                "password"
            ],
            before,
        )
        self.assertEqual(self.secretsmanager.describe_secret(SecretId=secret)["RotationRules"], {"AutomaticallyAfterDays": 30})
        self.refused("InvalidRequestException", rotate, 400, RotationLambdaARN="arn:aws:lambda:us-east-1:000000000000:function:x")
        self.refused("InvalidParameterException", rotate, 400, RotationRules={"AutomaticallyAfterDays": 1001})
        for change, more in (
            (self.secretsmanager.put_secret_value, {"SecretString": "x"}),
            (self.secretsmanager.delete_secret, {}),
        ):
            self.refused("InvalidRequestException", change, 400, "managed by another service", SecretId=secret, **more)
        self.rds.delete_db_instance(DBInstanceIdentifier="rotated", SkipFinalSnapshot=True)
        self.rds.describe_db_instances()
        self.refused("ResourceNotFoundException", self.secretsmanager.describe_secret, SecretId=secret)

    def test_a_function_is_told_of_a_rotation(self):
        secret = self.managed("watched")
        self.s3.create_bucket(Bucket="told")
        role = self.iam.create_role(RoleName="watcher", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
        function = self.lambda_.create_function(
            FunctionName="watcher", Runtime="python3.13", Role=role, Handler="index.run", Code={"ZipFile": zipped(index=CODE)}
        )["FunctionArn"]
        self.until(lambda: self.lambda_.get_function(FunctionName="watcher")["Configuration"]["State"] == "Active", "active", 20)
        for name, of in (("watched", secret), ("another", secret + "x")):
            pattern = {
                "source": ["aws.secretsmanager"],
                "detail": {"eventName": ["RotationSucceeded"], "additionalEventData": {"SecretId": [of]}},
            }
            self.events.put_rule(Name=name, EventPattern=json.dumps(pattern))
            self.events.put_targets(Rule=name, Targets=[{"Id": "f", "Arn": function, "Input": json.dumps({"database": name})}])
        self.secretsmanager.rotate_secret(SecretId=secret)
        keys = lambda: [o["Key"] for o in self.s3.list_objects_v2(Bucket="told").get("Contents", [])]
        self.assertEqual(self.until(keys, "told", 30), ["watched"])

    def test_replicas_stay_in_sync_until_they_are_detached(self):
        there = self.server.client("secretsmanager", "eu-central-1")
        made = self.secretsmanager.create_secret(Name="copied", SecretString="first")
        regions = [{"Region": "eu-central-1"}]
        self.secretsmanager.replicate_secret_to_regions(SecretId="copied", AddReplicaRegions=regions)
        self.refused(
            "InvalidParameterException",
            self.secretsmanager.replicate_secret_to_regions,
            400,
            "already replicated",
            SecretId="copied",
            AddReplicaRegions=regions,
        )
        self.assertEqual(there.describe_secret(SecretId="copied")["PrimaryRegion"], "us-east-1")
        self.secretsmanager.put_secret_value(SecretId="copied", SecretString="second")
        self.assertEqual(there.get_secret_value(SecretId="copied")["SecretString"], "second")
        for change in (
            lambda: there.put_secret_value(SecretId="copied", SecretString="x"),
            lambda: there.delete_secret(SecretId="copied"),
        ):
            self.refused("InvalidParameterException", change, 400, "replica secret")
        self.refused("InvalidParameterException", self.secretsmanager.delete_secret, 400, "replica regions", SecretId="copied")
        self.refused(
            "InvalidRequestException", self.secretsmanager.stop_replication_to_replica, 400, "replica secret", SecretId="copied"
        )
        arn = there.stop_replication_to_replica(SecretId="copied")["ARN"]
        self.assertEqual(arn, made["ARN"].replace("us-east-1", "eu-central-1"))
        self.assertNotIn("PrimaryRegion", there.describe_secret(SecretId="copied"))
        there.put_secret_value(SecretId="copied", SecretString="own")
        self.assertEqual(self.secretsmanager.get_secret_value(SecretId="copied")["SecretString"], "second")
        self.secretsmanager.delete_secret(SecretId="copied")
