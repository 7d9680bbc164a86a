from tests.aws import Case


class LogGroups(Case):
    def test_retention_tags_and_prefix(self):
        self.logs.create_log_group(logGroupName="/stack/a/web", tags={"stack:key": "l"})
        self.logs.create_log_group(logGroupName="/stack/b/web")
        self.logs.put_retention_policy(logGroupName="/stack/a/web", retentionInDays=30)
        found = self.logs.describe_log_groups(logGroupNamePrefix="/stack/a/")["logGroups"]
        self.assertEqual([(group["logGroupName"], group["retentionInDays"]) for group in found], [("/stack/a/web", 30)])
        arn = found[0]["arn"].removesuffix(":*")
        self.logs.tag_resource(resourceArn=arn, tags={"more": "x"})
        self.assertEqual(self.logs.list_tags_for_resource(resourceArn=arn)["tags"], {"stack:key": "l", "more": "x"})
        self.refused("ResourceAlreadyExistsException", self.logs.create_log_group, 400, logGroupName="/stack/a/web")
        self.logs.delete_log_group(logGroupName="/stack/a/web")
        self.refused("ResourceNotFoundException", self.logs.delete_log_group, 400, logGroupName="/stack/a/web")

    def test_a_key_comes_and_goes(self):
        self.logs.create_log_group(logGroupName="/stack/k/web")
        key = lambda: self.logs.describe_log_groups(logGroupNamePrefix="/stack/k/")["logGroups"][0].get("kmsKeyId")
        arn = "arn:aws:kms:us-east-1:000000000000:key/1"
        self.logs.associate_kms_key(logGroupName="/stack/k/web", kmsKeyId=arn)
        self.assertEqual(key(), arn)
        self.logs.disassociate_kms_key(logGroupName="/stack/k/web")
        self.assertIsNone(key())
        self.refused("ResourceNotFoundException", self.logs.associate_kms_key, 400, logGroupName="/no/such", kmsKeyId=arn)

    def test_tags_that_come_later(self):
        self.logs.create_log_group(logGroupName="untagged")
        arn = "arn:aws:logs:us-east-1:000000000000:log-group:untagged"
        self.logs.tag_resource(resourceArn=arn, tags={"a": "b"})
        self.assertEqual(self.logs.list_tags_for_resource(resourceArn=arn)["tags"], {"a": "b"})
        self.logs.create_log_group(logGroupName="untagged-too")
        self.logs.tag_log_group(logGroupName="untagged-too", tags={"c": "d"})
        self.assertEqual(self.logs.list_tags_log_group(logGroupName="untagged-too")["tags"], {"c": "d"})
