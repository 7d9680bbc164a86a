import http.client
import json

import boto3
from botocore.config import Config

from tests.aws import Case


class Buckets(Case):
    def client(self, account: str, region: str = "us-east-1"):
        settings = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
        return boto3.client(
            "s3",
            endpoint_url=self.server.url,
            region_name=region,
            aws_access_key_id=account,
            aws_secret_access_key="test",
            config=settings,
        )

    def test_whose_a_bucket_is(self):
        mine, theirs = self.client("111122223333"), self.client("444455556666")
        mine.create_bucket(Bucket="whose-bucket")
        self.assertEqual(mine.head_bucket(Bucket="whose-bucket", ExpectedBucketOwner="111122223333")["BucketRegion"], "us-east-1")
        self.refused("403", theirs.head_bucket, 403, Bucket="whose-bucket")
        self.refused("403", mine.head_bucket, 403, Bucket="whose-bucket", ExpectedBucketOwner="444455556666")
        self.refused("404", theirs.head_bucket, 404, Bucket="nobodys-bucket")
        self.refused("BucketAlreadyExists", theirs.create_bucket, 409, Bucket="whose-bucket")
        mine.delete_bucket(Bucket="whose-bucket")
        self.refused("404", theirs.head_bucket, 404, Bucket="whose-bucket")

    def test_a_bucket_is_its_owners(self):
        mine, theirs = self.client("111122223333"), self.client("444455556666")
        mine.create_bucket(Bucket="owned-bucket")
        mine.put_object(Bucket="owned-bucket", Key="k", Body=b"mine", ExpectedBucketOwner="111122223333")
        for call, more in (
            (theirs.put_object, {"Key": "k", "Body": b"theirs"}),
            (theirs.get_object, {"Key": "k"}),
            (theirs.list_objects_v2, {}),
            (theirs.get_bucket_tagging, {}),
            (theirs.delete_bucket, {}),
            (mine.put_object, {"Key": "k", "Body": b"x", "ExpectedBucketOwner": "444455556666"}),
            (mine.list_object_versions, {"ExpectedBucketOwner": "444455556666"}),
            (theirs.copy_object, {"Key": "k", "CopySource": "owned-bucket/k"}),
        ):
            self.refused("AccessDenied", call, 403, Bucket="owned-bucket", **more)
        self.refused("403", theirs.head_object, 403, Bucket="owned-bucket", Key="k")
        self.assertEqual(mine.get_object(Bucket="owned-bucket", Key="k")["Body"].read(), b"mine")
        self.refused("NoSuchBucket", theirs.list_objects_v2, 404, Bucket="nobodys-bucket", ExpectedBucketOwner="444455556666")
        policy = {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::444455556666:root"}, "Action": "s3:*", "Resource": "*"}
            ],
        }
        mine.put_bucket_policy(Bucket="owned-bucket", Policy=json.dumps(policy))
        theirs.put_object(Bucket="owned-bucket", Key="theirs", Body=b"x")
        self.refused(
            "AccessDenied", theirs.put_object, 403, Bucket="owned-bucket", Key="k", Body=b"x", ExpectedBucketOwner="444455556666"
        )

    def test_another_region_says_where_a_bucket_is(self):
        there = self.client("111122223333", "eu-west-1")
        there.create_bucket(Bucket="bucket-elsewhere", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        self.assertEqual(there.head_bucket(Bucket="bucket-elsewhere")["BucketRegion"], "eu-west-1")
        # Without botocore, which would ask again in the right region.
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port)
        scope = "111122223333/20261125/us-east-1/s3/aws4_request"
        signed = {
            "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
            "X-Amz-Date": "20261125T000000Z",
        }
        connection.request("HEAD", "/bucket-elsewhere", headers=signed)
        answer = connection.getresponse()
        self.assertEqual((answer.status, answer.getheader("x-amz-bucket-region")), (301, "eu-west-1"))
        connection.close()
