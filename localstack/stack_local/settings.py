"""The LocalStack settings that do not depend on where or how it is started."""

SETTINGS = {
    "DISABLE_EVENTS": "1",
    "SKIP_SSL_CERT_DOWNLOAD": "1",
    "EAGER_SERVICE_LOADING": "0",
    "DNS_ADDRESS": "0",
    # Inside a container that is not its own image it would take the image's folders and listen everywhere.
    "OVERRIDE_IN_DOCKER": "0",
    "GATEWAY_SERVER": "stack",
    # A thread costs memory and a switch; more than this many answers at once only wait for the interpreter lock.
    "GATEWAY_WORKER_COUNT": "64",
    "LAMBDA_RUNTIME_EXECUTOR": "local",
    # LocalStack has providers of its own for these; those here wrap them.
    "PROVIDER_OVERRIDE_ACM": "stack",
    "PROVIDER_OVERRIDE_CLOUDWATCH": "stack",
    "PROVIDER_OVERRIDE_EC2": "stack",
    "PROVIDER_OVERRIDE_IAM": "stack",
    "PROVIDER_OVERRIDE_KMS": "stack",
    "PROVIDER_OVERRIDE_LOGS": "stack",
    "PROVIDER_OVERRIDE_RESOURCEGROUPSTAGGINGAPI": "stack",
    "PROVIDER_OVERRIDE_ROUTE53": "stack",
    "PROVIDER_OVERRIDE_S3": "stack",
    "PROVIDER_OVERRIDE_SECRETSMANAGER": "stack",
    "PROVIDER_OVERRIDE_SNS": "stack",
    # LocalStack signs its own calls with these; a user's real credentials must not be read here.
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
}
