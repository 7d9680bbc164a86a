import json

from tests.aws import Case


class Keys(Case):
    def test_a_key_that_may_not_be_asked_about(self):
        everything = {
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::000000000000:root"},
            "Action": "kms:*",
            "Resource": "*",
        }
        nothing = {"Effect": "Deny", "Principal": "*", "Action": ["kms:ListResourceTags", "kms:DescribeKey"], "Resource": "*"}
        answer = self.kms.create_key(Policy=json.dumps({"Version": "2012-10-17", "Statement": [everything]}))
        open_key = answer["KeyMetadata"]["KeyId"]
        answer = self.kms.create_key(Policy=json.dumps({"Version": "2012-10-17", "Statement": [everything, nothing]}))
        closed = answer["KeyMetadata"]["KeyId"]
        self.assertEqual(self.kms.list_resource_tags(KeyId=open_key)["Tags"], [])
        self.refused("AccessDeniedException", self.kms.list_resource_tags, 400, "kms:ListResourceTags", KeyId=closed)
        self.refused("AccessDeniedException", self.kms.describe_key, 400, KeyId=closed)
        self.assertIn("Statement", self.kms.get_key_policy(KeyId=closed, PolicyName="default")["Policy"])
        self.kms.schedule_key_deletion(KeyId=closed, PendingWindowInDays=7)
