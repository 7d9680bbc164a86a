import concurrent.futures
import json

from tests.aws import Case

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
)
POLICY = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]})
MANAGED = "arn:aws:iam::aws:policy/ReadOnlyAccess"


class Groups(Case):
    def test_a_group_until_it_is_empty(self):
        self.iam.create_group(GroupName="developers")
        self.iam.create_user(UserName="alice")
        self.iam.add_user_to_group(GroupName="developers", UserName="alice")
        self.iam.attach_group_policy(GroupName="developers", PolicyArn=MANAGED)
        self.iam.put_group_policy(GroupName="developers", PolicyName="inline", PolicyDocument=POLICY)
        refused = lambda: self.refused("DeleteConflict", self.iam.delete_group, 409, GroupName="developers")
        refused()
        self.iam.remove_user_from_group(GroupName="developers", UserName="alice")
        refused()
        self.iam.detach_group_policy(GroupName="developers", PolicyArn=MANAGED)
        refused()
        self.iam.delete_group_policy(GroupName="developers", PolicyName="inline")
        self.iam.delete_group(GroupName="developers")
        self.refused("NoSuchEntity", self.iam.get_group, 404, GroupName="developers")


class ServiceRoles(Case):
    def test_the_first_call_creates_a_service_linked_role(self):
        self.ecs.create_cluster(clusterName="roles-1")
        role = self.iam.get_role(RoleName="AWSServiceRoleForECS")["Role"]
        self.assertEqual(role["Path"], "/aws-service-role/ecs.amazonaws.com/")
        self.assertEqual(role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"], {"Service": "ecs.amazonaws.com"})
        self.ecs.create_cluster(clusterName="roles-2")
        self.assertEqual(self.iam.get_role(RoleName="AWSServiceRoleForECS")["Role"]["RoleId"], role["RoleId"])
        self.refused("NoSuchEntity", self.iam.get_role, 404, RoleName="AWSServiceRoleForNobody")


class Roles(Case):
    def test_a_role_until_it_is_bare(self):
        self.iam.create_role(RoleName="bare", AssumeRolePolicyDocument=TRUST)
        self.iam.attach_role_policy(RoleName="bare", PolicyArn=MANAGED)
        self.refused("DeleteConflict", self.iam.delete_role, 409, RoleName="bare")
        self.iam.detach_role_policy(RoleName="bare", PolicyArn=MANAGED)
        self.iam.delete_role(RoleName="bare")

    def test_a_policy_that_does_not_exist(self):
        self.iam.create_role(RoleName="attach", AssumeRolePolicyDocument=TRUST)
        self.refused(
            "NoSuchEntity", self.iam.attach_role_policy, 404, RoleName="attach", PolicyArn="arn:aws:iam::aws:policy/NoSuchPolicy"
        )
        self.assertEqual(self.iam.list_attached_role_policies(RoleName="attach")["AttachedPolicies"], [])

    def test_the_whole_account_in_one_answer(self):
        self.iam.create_role(
            RoleName="told",
            Path="/stack/a/b/",
            AssumeRolePolicyDocument=TRUST,
            Tags=[{"Key": "stack:key", "Value": "r"}],
            Description="d",
            MaxSessionDuration=7200,
        )
        self.iam.put_role_policy(RoleName="told", PolicyName="inline", PolicyDocument=POLICY)
        self.iam.attach_role_policy(RoleName="told", PolicyArn=MANAGED)
        details = self.iam.get_account_authorization_details(Filter=["Role"])["RoleDetailList"]
        told = next(role for role in details if role["RoleName"] == "told")
        self.assertEqual((told["Path"], told["Tags"]), ("/stack/a/b/", [{"Key": "stack:key", "Value": "r"}]))
        self.assertEqual(told["RolePolicyList"][0]["PolicyName"], "inline")
        self.assertEqual(told["RolePolicyList"][0]["PolicyDocument"], json.loads(POLICY))
        self.assertEqual(told["AssumeRolePolicyDocument"], json.loads(TRUST))
        self.assertEqual([policy["PolicyArn"] for policy in told["AttachedManagedPolicies"]], [MANAGED])
        roles = self.iam.list_roles(PathPrefix="/stack/a/")["Roles"]
        self.assertEqual([role["RoleName"] for role in roles], ["told"])
        self.assertEqual(self.iam.get_role(RoleName="told")["Role"]["MaxSessionDuration"], 7200)

    def test_groups_and_users_in_that_answer(self):
        self.iam.create_group(GroupName="told-group", Path="/stack/a/b/")
        self.iam.create_user(UserName="told-user", Path="/stack/a/b/", Tags=[{"Key": "stack:key", "Value": "u"}])
        self.iam.add_user_to_group(GroupName="told-group", UserName="told-user")
        self.iam.attach_group_policy(GroupName="told-group", PolicyArn=MANAGED)
        answer = self.iam.get_account_authorization_details(Filter=["Group", "User"])
        user = next(u for u in answer["UserDetailList"] if u["UserName"] == "told-user")
        group = next(g for g in answer["GroupDetailList"] if g["GroupName"] == "told-group")
        self.assertEqual(
            (user["GroupList"], user["Tags"], user["Path"]), (["told-group"], [{"Key": "stack:key", "Value": "u"}], "/stack/a/b/")
        )
        self.assertEqual(group["AttachedManagedPolicies"][0]["PolicyArn"], MANAGED)


class Users(Case):
    def test_a_user_until_it_is_bare(self):
        self.iam.create_user(UserName="bob")
        self.iam.create_group(GroupName="bobs")
        key = self.iam.create_access_key(UserName="bob")["AccessKey"]["AccessKeyId"]
        self.iam.create_login_profile(UserName="bob", Password="a-long-Passw0rd!")
        serial = self.iam.create_virtual_mfa_device(VirtualMFADeviceName="bob")["VirtualMFADevice"]["SerialNumber"]
        self.iam.enable_mfa_device(
            UserName="bob", SerialNumber=serial, AuthenticationCode1="123456", AuthenticationCode2="654321"
        )
        self.iam.add_user_to_group(GroupName="bobs", UserName="bob")
        self.iam.put_user_policy(UserName="bob", PolicyName="inline", PolicyDocument=POLICY)
        for undo in (
            lambda: self.iam.delete_login_profile(UserName="bob"),
            lambda: self.iam.delete_access_key(UserName="bob", AccessKeyId=key),
            lambda: self.iam.deactivate_mfa_device(UserName="bob", SerialNumber=serial),
            lambda: self.iam.remove_user_from_group(GroupName="bobs", UserName="bob"),
            lambda: self.iam.delete_user_policy(UserName="bob", PolicyName="inline"),
        ):
            self.refused("DeleteConflict", self.iam.delete_user, 409, UserName="bob")
            undo()
        self.iam.delete_user(UserName="bob")
        self.iam.delete_virtual_mfa_device(SerialNumber=serial)
        self.assertEqual(self.iam.list_virtual_mfa_devices()["VirtualMFADevices"], [])

    def test_an_mfa_device_that_somebody_has(self):
        self.iam.create_user(UserName="carol")
        serial = self.iam.create_virtual_mfa_device(VirtualMFADeviceName="carol")["VirtualMFADevice"]["SerialNumber"]
        self.iam.enable_mfa_device(
            UserName="carol", SerialNumber=serial, AuthenticationCode1="123456", AuthenticationCode2="654321"
        )
        self.refused("DeleteConflict", self.iam.delete_virtual_mfa_device, 409, SerialNumber=serial)


class Details(Case):
    def test_everything_is_told_while_roles_come_and_go(self):
        stay = {f"details-stays-{n}" for n in range(100)}
        for name in stay:
            self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)

        def come_and_go(n: int) -> None:
            for m in range(15):
                name = f"details-{n}-{m}"
                self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)
                self.iam.put_role_policy(RoleName=name, PolicyName="inline", PolicyDocument=POLICY)
                self.iam.delete_role_policy(RoleName=name, PolicyName="inline")
                self.iam.delete_role(RoleName=name)

        def told(_: int) -> bool:
            seen = [self.iam.get_account_authorization_details(Filter=["Role"])["RoleDetailList"] for _ in range(15)]
            return all(stay <= {role["RoleName"] for role in roles} for roles in seen)

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            changing = [pool.submit(come_and_go, n) for n in range(4)]
            telling = [pool.submit(told, n) for n in range(4)]
            self.assertTrue(all(future.result() for future in telling))
            for future in changing:
                future.result()


class Boundaries(Case):
    def test_roles_and_users_have_one_that_exists(self):
        document = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
        arn = self.iam.create_policy(PolicyName="limits", PolicyDocument=document)["Policy"]["Arn"]
        wrong = arn + "-other"
        of = {"AssumeRolePolicyDocument": TRUST, "PermissionsBoundary": wrong}
        self.refused("NoSuchEntity", self.iam.create_role, 404, RoleName="limited", **of)
        self.refused("NoSuchEntity", self.iam.create_user, 404, UserName="limited", PermissionsBoundary=wrong)
        self.iam.create_role(RoleName="limited", AssumeRolePolicyDocument=TRUST, PermissionsBoundary=arn)
        self.iam.create_user(UserName="limited", PermissionsBoundary=arn)
        refused = self.iam.put_role_permissions_boundary
        self.refused("NoSuchEntity", refused, 404, RoleName="limited", PermissionsBoundary=wrong)
        told = self.iam.get_account_authorization_details(Filter=["Role", "User"])
        details = [*told["RoleDetailList"], *told["UserDetailList"]]
        found = [d["PermissionsBoundary"]["PermissionsBoundaryArn"] for d in details if "PermissionsBoundary" in d]
        self.assertEqual(found, [arn, arn])
        self.iam.delete_user_permissions_boundary(UserName="limited")
        self.assertNotIn("PermissionsBoundary", self.iam.get_user(UserName="limited")["User"])
        self.iam.put_user_permissions_boundary(UserName="limited", PermissionsBoundary=arn)
        self.assertEqual(self.iam.get_user(UserName="limited")["User"]["PermissionsBoundary"]["PermissionsBoundaryArn"], arn)


class Providers(Case):
    URL = "https://token.actions.githubusercontent.com"

    def test_one_for_each_issuer(self):
        create = self.iam.create_open_id_connect_provider
        self.refused("InvalidInput", create, 400, Url=self.URL.replace("https", "http"), ClientIDList=["sts.amazonaws.com"])
        arn = create(Url=self.URL, ClientIDList=["sts.amazonaws.com"])["OpenIDConnectProviderArn"]
        self.refused("EntityAlreadyExists", create, 409, Url=self.URL, ClientIDList=["other"])
        self.iam.add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="other")
        self.iam.add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="other")
        self.iam.remove_client_id_from_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="sts.amazonaws.com")
        told = self.iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
        self.assertEqual((told["Url"], told["ClientIDList"]), (self.URL.removeprefix("https://"), ["other"]))
        self.assertEqual(len(told["ThumbprintList"]), 1)
        self.iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)
        self.refused("NoSuchEntity", self.iam.get_open_id_connect_provider, 404, OpenIDConnectProviderArn=arn)
