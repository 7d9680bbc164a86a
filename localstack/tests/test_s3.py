import boto3
from botocore.config import Config
from tests.aws import Case


class Buckets(Case):
    def client(self, account: str):
        settings = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
        return boto3.client("s3", endpoint_url=self.server.url, region_name="us-east-1", aws_access_key_id=account, aws_secret_access_key="test", config=settings)

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
