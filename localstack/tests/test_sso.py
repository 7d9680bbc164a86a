import json

from tests.aws import Case

ACCOUNT = "000000000000"
OTHER = "111111111111"


class IdentityCenter(Case):
    def setUp(self):
        super().setUp()
        self.say("administered")
        self.addCleanup(self.say, "none")
        self.sso, self.store = self.server.client("sso-admin"), self.server.client("identitystore")
        instance = self.sso.list_instances()["Instances"][0]
        self.where, self.instance = {"InstanceArn": instance["InstanceArn"]}, instance
        self.group = self.store.create_group(IdentityStoreId=instance["IdentityStoreId"], DisplayName="developers")["GroupId"]

    def say(self, status: str) -> None:
        self.server.states(sso__instance={"organization": status})

    def made(self, name: str = "shop-developers", **more) -> dict:
        arn = self.sso.create_permission_set(**self.where, Name=name, **more)["PermissionSet"]["PermissionSetArn"]
        return self.where | {"PermissionSetArn": arn}

    def assignment(self, one: dict, account: str = ACCOUNT) -> dict:
        return one | {"TargetId": account, "TargetType": "AWS_ACCOUNT", "PrincipalType": "GROUP", "PrincipalId": self.group}

    def role(self, name: str) -> dict | None:
        roles = self.iam.list_roles(PathPrefix="/aws-reserved/sso.amazonaws.com/")["Roles"]
        return next((role for role in roles if role["RoleName"].startswith(f"AWSReservedSSO_{name}_")), None)

    def test_a_set_is_what_was_said(self):
        one = self.made(
            Description="People", SessionDuration="PT8H", RelayState="https://x", Tags=[{"Key": "stack:key", "Value": "k"}]
        )
        self.assertEqual(self.sso.list_permission_sets(**self.where)["PermissionSets"], [one["PermissionSetArn"]])
        found = self.sso.describe_permission_set(**one)["PermissionSet"]
        self.assertEqual((found["Description"], found["SessionDuration"], found["RelayState"]), ("People", "PT8H", "https://x"))
        # What an update leaves out is cleared.
        self.sso.update_permission_set(**one, Description="Others", SessionDuration="PT2H30M")
        found = self.sso.describe_permission_set(**one)["PermissionSet"]
        self.assertEqual((found["Description"], found.get("RelayState")), ("Others", None))
        which = self.where | {"ResourceArn": one["PermissionSetArn"]}
        self.sso.tag_resource(**which, Tags=[{"Key": "more", "Value": "x"}])
        self.sso.untag_resource(**which, TagKeys=["stack:key"])
        self.assertEqual(self.sso.list_tags_for_resource(**which)["Tags"], [{"Key": "more", "Value": "x"}])
        read_only = "arn:aws:iam::aws:policy/ReadOnlyAccess"
        self.sso.attach_managed_policy_to_permission_set(**one, ManagedPolicyArn=read_only)
        self.assertEqual(
            self.sso.list_managed_policies_in_permission_set(**one)["AttachedManagedPolicies"],
            [{"Arn": read_only, "Name": "ReadOnlyAccess"}],
        )
        self.refused("ConflictException", self.sso.attach_managed_policy_to_permission_set, **one, ManagedPolicyArn=read_only)
        own = f"arn:aws:iam::{ACCOUNT}:policy/own"
        self.refused("ResourceNotFoundException", self.sso.attach_managed_policy_to_permission_set, **one, ManagedPolicyArn=own)
        self.refused("ResourceNotFoundException", self.sso.get_permissions_boundary_for_permission_set, **one)
        boundary = {"ManagedPolicyArn": read_only}
        self.sso.put_permissions_boundary_to_permission_set(**one, PermissionsBoundary=boundary)
        self.assertEqual(self.sso.get_permissions_boundary_for_permission_set(**one)["PermissionsBoundary"], boundary)
        self.assertEqual(self.sso.get_inline_policy_for_permission_set(**one)["InlinePolicy"], "")
        self.sso.delete_permission_set(**one)
        self.refused("ResourceNotFoundException", self.sso.describe_permission_set, **one)

    def test_what_aws_refuses(self):
        create = lambda code, **more: self.refused(code, self.sso.create_permission_set, **self.where, **more)
        self.made("taken")
        create("ConflictException", Name="taken")
        create("ValidationException", Name="a" * 33)
        create("ValidationException", Name="with spaces")
        create("ValidationException", Name="short", SessionDuration="PT30M")
        create("ValidationException", Name="long", SessionDuration="PT13H")
        one = self.made("policies")
        put = lambda document: self.refused(
            "ValidationException", self.sso.put_inline_policy_to_permission_set, **one, InlinePolicy=json.dumps(document)
        )
        statement = {"Sid": "Same", "Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}
        put({"Version": "2012-10-17", "Statement": [statement, statement]})
        put({"Version": "2012-10-17", "Statement": [statement | {"Sid": "x" * 32_768}]})
        gone = self.where | {"PermissionSetArn": one["PermissionSetArn"][:-1] + "."}
        assign = self.sso.create_account_assignment
        self.refused("ResourceNotFoundException", assign, **self.assignment(gone))
        stranger = self.assignment(one) | {"PrincipalId": "00000000-0000-0000-0000-000000000000"}
        self.refused("ResourceNotFoundException", assign, **stranger)
        self.refused("ResourceNotFoundException", self.sso.delete_account_assignment, **self.assignment(one))

    def test_an_assignment_creates_a_role_as_provisioned(self):
        one = self.made("assigned")
        made = self.sso.create_account_assignment(**self.assignment(one))["AccountAssignmentCreationStatus"]
        self.assertEqual(made["Status"], "IN_PROGRESS")
        status = self.sso.describe_account_assignment_creation_status(
            **self.where, AccountAssignmentCreationRequestId=made["RequestId"]
        )["AccountAssignmentCreationStatus"]
        self.assertEqual(status["Status"], "SUCCEEDED")
        found = self.sso.list_account_assignments(**one, AccountId=ACCOUNT)["AccountAssignments"]
        self.assertEqual([(each["PrincipalType"], each["PrincipalId"]) for each in found], [("GROUP", self.group)])
        role = self.role("assigned")
        assert role
        self.assertEqual(role["Path"], "/aws-reserved/sso.amazonaws.com/")
        policies = lambda: self.iam.list_role_policies(RoleName=role["RoleName"])["PolicyNames"]
        statement = {"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self.sso.put_inline_policy_to_permission_set(**one, InlinePolicy=document)
        self.assertEqual(policies(), [])
        old = self.sso.list_permission_sets_provisioned_to_account(
            **self.where, AccountId=ACCOUNT, ProvisioningStatus="LATEST_PERMISSION_SET_NOT_PROVISIONED"
        )
        self.assertEqual(old["PermissionSets"], [one["PermissionSetArn"]])
        told = self.sso.provision_permission_set(**one, TargetId=ACCOUNT, TargetType="AWS_ACCOUNT")
        request = told["PermissionSetProvisioningStatus"]["RequestId"]
        status = self.sso.describe_permission_set_provisioning_status(**self.where, ProvisionPermissionSetRequestId=request)[
            "PermissionSetProvisioningStatus"
        ]
        self.assertEqual((status["Status"], policies()), ("SUCCEEDED", ["AwsSSOInlinePolicy"]))
        self.refused("ConflictException", self.sso.delete_permission_set, **one)
        gone = self.sso.delete_account_assignment(**self.assignment(one))["AccountAssignmentDeletionStatus"]
        self.assertEqual(gone["Status"], "IN_PROGRESS")
        self.assertEqual(self.sso.list_account_assignments(**one, AccountId=ACCOUNT)["AccountAssignments"], [])
        self.assertIsNone(self.role("assigned"))
        self.sso.delete_permission_set(**one)

    def test_one_operation_on_an_account_at_a_time(self):
        one = self.made("slow")
        self.slowly(1)
        self.sso.create_account_assignment(**self.assignment(one))
        self.refused("ConflictException", self.sso.create_account_assignment, **self.assignment(one))
        self.sso.create_account_assignment(**self.assignment(one, OTHER))
        self.server.scale(0)
        self.sso.create_account_assignment(**self.assignment(one))
        accounts = self.sso.list_accounts_for_provisioned_permission_set(**one)["AccountIds"]
        self.assertEqual(accounts, [ACCOUNT, OTHER])

    def test_a_customers_policy_must_be_in_the_account(self):
        one = self.made("customers")
        reference = {"Name": "own", "Path": "/team/"}
        self.sso.attach_customer_managed_policy_reference_to_permission_set(**one, CustomerManagedPolicyReference=reference)
        made = self.sso.create_account_assignment(**self.assignment(one))["AccountAssignmentCreationStatus"]
        status = self.sso.describe_account_assignment_creation_status(
            **self.where, AccountAssignmentCreationRequestId=made["RequestId"]
        )["AccountAssignmentCreationStatus"]
        self.assertEqual(status["Status"], "FAILED")
        self.assertIn("policy/team/own", status["FailureReason"])
        self.assertEqual(self.sso.list_account_assignments(**one, AccountId=ACCOUNT)["AccountAssignments"], [])

    def test_a_member_account_sees_only_the_instance(self):
        one = self.made("hidden")
        self.say("visible")
        self.assertNotEqual(self.sso.list_instances()["Instances"][0]["OwnerAccountId"], ACCOUNT)
        self.refused("AccessDeniedException", self.sso.list_permission_sets, **self.where)
        self.refused("AccessDeniedException", self.sso.describe_permission_set, **one)
        self.say("none")
        self.assertEqual(self.sso.list_instances()["Instances"], [])
        find = {"UniqueAttribute": {"AttributePath": "displayName", "AttributeValue": "developers"}}
        self.refused(
            "ResourceNotFoundException",
            self.store.get_group_id,
            IdentityStoreId=self.instance["IdentityStoreId"],
            AlternateIdentifier=find,
        )
