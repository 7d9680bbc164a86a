//! What a person does beforehand in the consoles of AWS, as scripts of boto3.

/// Has an organization with IAM Identity Center, two groups and a user in its directory.
pub const CENTER: &str = r#"
import json, urllib.request
region = globals().get("args") or "us-east-1"
account = client("sts").get_caller_identity()["Account"]
said = {"account": account, "region": region, "sso.instance": {"organization": "administered"}}
url = client("iam").meta.endpoint_url + "/_stack/states"
urllib.request.urlopen(urllib.request.Request(url, data=json.dumps(said).encode(), method="POST")).close()
store = {"IdentityStoreId": client("sso-admin", region).list_instances()["Instances"][0]["IdentityStoreId"]}
people = client("identitystore", region)
for name in ("developers", "auditors"):
    people.create_group(**store, DisplayName=name)
people.create_user(**store, UserName="ann@example.org", DisplayName="Ann", Name={"GivenName": "Ann", "FamilyName": "Lee"})
"#;

/// Administrators of a workspace of Slack and of a team of Microsoft Teams let Amazon Q Developer in.
pub const SLACK: &str = r#"
import json, os, urllib.request
# The local AWS knows a service once it was asked something.
client("chatbot", "us-east-2").describe_slack_workspaces()
account = client("sts").get_caller_identity()["Account"]
body = json.dumps({"account": account, "region": "us-east-1", "chatbot.workspace": {"T1": "Acme"},
    "chatbot.team": {"0a1b2c3d-0000-4000-8000-000000000001": "0a1b2c3d-0000-4000-8000-000000000000"}}).encode()
urllib.request.urlopen(urllib.request.Request(os.environ["AWS_ENDPOINT_URL"] + "/_stack/states", data=body, method="POST")).close()
"#;
