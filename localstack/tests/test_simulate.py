import json

from tests.aws import Case

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
)
BUCKET = "arn:aws:s3:::photos/cat.jpg"


def statement(effect: str = "Allow", **fields) -> dict:
    defaults = {} if "NotResource" in fields else {"Resource": "*"}
    return {"Effect": effect, **defaults, **fields}


def document(*statements: dict) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


class Simulation(Case):
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html"""

    def setUp(self):
        super().setUp()
        self.name = self.id().rsplit(".", 1)[-1][:60]

    def role(self, *statements: dict, **more) -> str:
        arn = self.iam.create_role(RoleName=self.name, Path="/sim/", AssumeRolePolicyDocument=TRUST, **more)["Role"]["Arn"]
        # Others list the whole account.
        self.addCleanup(self.without, self.name)
        if statements:
            self.iam.put_role_policy(RoleName=self.name, PolicyName="own", PolicyDocument=document(*statements))
        return arn

    def without(self, role: str) -> None:
        for policy in self.iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
            self.iam.detach_role_policy(RoleName=role, PolicyArn=policy["PolicyArn"])
        for policy in self.iam.list_role_policies(RoleName=role)["PolicyNames"]:
            self.iam.delete_role_policy(RoleName=role, PolicyName=policy)
        self.iam.delete_role(RoleName=role)

    def asked(self, arn: str, action: str, resource: str | None = BUCKET, **context) -> dict:
        """What is said of one action on one resource, with keys of the context: `aws__SourceIp="10.0.0.1"`."""
        listed = lambda value: value if isinstance(value, list) else [value]
        entries = [
            {"ContextKeyName": key.replace("__", ":"), "ContextKeyValues": listed(value), "ContextKeyType": "string"}
            for key, value in context.items()
        ]
        of = {"ResourceArns": [resource]} if resource else {}
        answer = self.iam.simulate_principal_policy(PolicySourceArn=arn, ActionNames=[action], ContextEntries=entries, **of)
        (result,) = answer["EvaluationResults"]
        return result["ResourceSpecificResults"][0] if resource else result

    def decision(self, arn: str, action: str, resource: str = BUCKET, **context) -> str:
        return self.asked(arn, action, resource, **context)["EvalResourceDecision"]

    def test_what_nobody_allows_is_denied(self):
        arn = self.role(statement(Action="s3:Get*", Resource="arn:aws:s3:::photos/*"))
        told = self.asked(arn, "s3:GetObject")
        self.assertEqual(told["EvalResourceDecision"], "allowed")
        source = {"SourcePolicyId": f"role_{self.name}_own", "SourcePolicyType": "IAM Policy"}
        self.assertEqual(told["MatchedStatements"], [source])
        for action, resource in [("s3:PutObject", BUCKET), ("s3:GetObject", "arn:aws:s3:::other/cat.jpg")]:
            told = self.asked(arn, action, resource)
            self.assertEqual((told["EvalResourceDecision"], told["MatchedStatements"]), ("implicitDeny", []))
        # Actions are the same in capitals and small letters, resources are not; `?` is one character.
        self.assertEqual(self.decision(arn, "S3:getobject"), "allowed")
        self.assertEqual(self.decision(arn, "s3:GetObject", "arn:aws:s3:::Photos/x"), "implicitDeny")

    def test_without_a_resource_everything_is_meant(self):
        arn = self.role(
            statement(Action="s3:GetObject", Resource="arn:aws:s3:::photos/*"), statement(Action="s3:ListAllMyBuckets")
        )
        told = self.asked(arn, "s3:GetObject", None)
        self.assertEqual((told["EvalResourceName"], told["EvalDecision"]), ("*", "implicitDeny"))
        self.assertEqual(self.asked(arn, "s3:ListAllMyBuckets", None)["EvalDecision"], "allowed")

    def test_a_denial_wins_and_is_all_that_is_told(self):
        arn = self.role(statement(Action="*"), statement("Deny", Action="s3:*", Resource="arn:aws:s3:::photos/*"))
        self.iam.attach_role_policy(RoleName=self.name, PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
        told = self.asked(arn, "s3:GetObject")
        self.assertEqual(told["EvalResourceDecision"], "explicitDeny")
        self.assertEqual([one["SourcePolicyId"] for one in told["MatchedStatements"]], [f"role_{self.name}_own"])
        told = self.asked(arn, "rds:DeleteDBInstance")
        self.assertEqual(told["EvalResourceDecision"], "allowed")
        named = [one["SourcePolicyId"] for one in told["MatchedStatements"]]
        self.assertEqual(named, [f"role_{self.name}_own", "AdministratorAccess"])

    def test_all_but_some_actions_and_resources(self):
        arn = self.role(statement(NotAction="iam:*", NotResource="arn:aws:s3:::secret/*"))
        self.assertEqual(self.decision(arn, "s3:GetObject"), "allowed")
        self.assertEqual(self.decision(arn, "iam:PutRolePolicy"), "implicitDeny")
        self.assertEqual(self.decision(arn, "s3:GetObject", "arn:aws:s3:::secret/x"), "implicitDeny")

    def test_conditions_need_their_keys(self):
        tagged = {"StringEquals": {"aws:ResourceTag/stack:name": "shop"}}
        arn = self.role(statement(Action="ecs:*", Condition=tagged))
        told = self.asked(arn, "ecs:StopTask")
        self.assertEqual(told["EvalResourceDecision"], "implicitDeny")
        self.assertEqual(told["MissingContextValues"], ["aws:ResourceTag/stack:name"])
        of = lambda value: self.decision(arn, "ecs:StopTask", **{"aws:ResourceTag/stack:name": value})
        self.assertEqual((of("shop"), of("other")), ("allowed", "implicitDeny"))
        # What no statement is about needs nothing.
        self.assertEqual(self.asked(arn, "rds:DeleteDBInstance")["MissingContextValues"], [])

    def test_every_operator_with_and_without_its_key(self):
        key = "aws:Tested"
        # The condition, a value that meets it, one that does not, and whether it holds without any.
        cases = [
            ({"StringNotEquals": {key: "a"}}, "b", "a", True),
            ({"StringEqualsIgnoreCase": {key: "A"}}, "a", "b", False),
            ({"StringLike": {key: ["a*", "?z"]}}, "yz", "z", False),
            ({"StringNotLike": {key: "a*"}}, "b", "ab", True),
            ({"StringEqualsIfExists": {key: "a"}}, "a", "b", True),
            ({"Bool": {key: "true"}}, "true", "false", False),
            ({"BoolIfExists": {key: "false"}}, "false", "true", True),
            ({"NumericLessThan": {key: "10"}}, "9", "10", False),
            ({"NumericGreaterThanEquals": {key: "10"}}, "10", "9", False),
            ({"NumericNotEquals": {key: "1"}}, "2", "1", True),
            ({"DateGreaterThan": {key: "2026-01-01T00:00:00Z"}}, "2026-06-01T00:00:00Z", "2025-06-01T00:00:00Z", False),
            ({"IpAddress": {key: "10.0.0.0/8"}}, "10.1.2.3", "11.0.0.1", False),
            ({"NotIpAddress": {key: "10.0.0.0/8"}}, "11.0.0.1", "10.1.2.3", True),
            (
                {"ArnLike": {key: "arn:*:ecs:*:*:cluster/*"}},
                "arn:aws:ecs:us-east-1:1:cluster/a",
                "arn:aws:ecs:us-east-1:1:task/a",
                False,
            ),
            ({"ArnNotEquals": {key: "arn:aws:s3:::a"}}, "arn:aws:s3:::b", "arn:aws:s3:::a", True),
            ({"Null": {key: "true"}}, None, "x", True),
            ({"Null": {key: "false"}}, "x", None, False),
            ({"ForAllValues:StringEquals": {key: ["a", "b"]}}, ["a", "b"], ["a", "c"], True),
            ({"ForAnyValue:StringEquals": {key: ["a", "b"]}}, ["c", "a"], ["c"], False),
            ({"StringEquals": {key: "a"}, "StringLike": {key: "*"}}, "a", "b", False),
        ]
        arn = self.role()
        for condition, good, bad, without in cases:
            policy = document(statement(Action="s3:GetObject", Condition=condition))
            self.iam.put_role_policy(RoleName=self.name, PolicyName="own", PolicyDocument=policy)
            for value, expected in [(good, True), (bad, False), (None, without)]:
                context: dict = {} if value is None else {key: value}
                self.assertEqual(self.decision(arn, "s3:GetObject", **context) == "allowed", expected, (condition, value))

    def test_a_boundary_takes_away(self):
        bounded = self.role(statement(Action="*"), PermissionsBoundary="arn:aws:iam::aws:policy/ReadOnlyAccess")
        told = self.asked(bounded, "s3:GetObject")
        self.assertEqual(told["EvalResourceDecision"], "allowed")
        self.assertEqual(told["PermissionsBoundaryDecisionDetail"], {"AllowedByPermissionsBoundary": True})
        told = self.asked(bounded, "s3:PutObject")
        self.assertEqual(told["EvalResourceDecision"], "implicitDeny")
        self.assertEqual(told["PermissionsBoundaryDecisionDetail"], {"AllowedByPermissionsBoundary": False})

    def test_a_user_has_the_policies_of_the_groups(self):
        group = self.iam.create_group(GroupName=self.name)["Group"]["Arn"]
        user = self.iam.create_user(UserName=self.name, Path="/people/")["User"]["Arn"]
        own = document(statement(Action="iam:*MFADevice", Resource="arn:aws:iam::*:user/*/${aws:username}"))
        self.iam.put_group_policy(GroupName=self.name, PolicyName="mfa", PolicyDocument=own)
        self.assertEqual(self.decision(user, "iam:EnableMFADevice", user), "implicitDeny")
        self.iam.add_user_to_group(GroupName=self.name, UserName=self.name)
        told = self.asked(user, "iam:EnableMFADevice", user)
        self.assertEqual(told["EvalResourceDecision"], "allowed")
        self.assertEqual([one["SourcePolicyId"] for one in told["MatchedStatements"]], [f"group_{self.name}_mfa"])
        self.assertEqual(self.decision(user, "iam:EnableMFADevice", f"{user}2"), "implicitDeny")
        # A group has no user's name.
        self.assertEqual(self.asked(group, "iam:EnableMFADevice", user)["MissingContextValues"], ["aws:username"])

    def test_managed_policies_of_aws(self):
        arn = self.role()
        secret = "arn:aws:secretsmanager:us-east-1:000000000000:secret:db"
        for policy, action, resource, expected in [
            ("SecurityAudit", "iam:ListRoles", "*", "allowed"),
            ("SecurityAudit", "secretsmanager:GetSecretValue", secret, "implicitDeny"),
            ("SecurityAudit", "s3:GetObject", BUCKET, "implicitDeny"),
            ("ReadOnlyAccess", "s3:GetObject", BUCKET, "allowed"),
            ("ReadOnlyAccess", "secretsmanager:GetSecretValue", secret, "implicitDeny"),
            ("PowerUserAccess", "iam:PutRolePolicy", arn, "implicitDeny"),
            ("PowerUserAccess", "rds:DeleteDBInstance", "*", "allowed"),
        ]:
            named = f"arn:aws:iam::aws:policy/{policy}"
            self.iam.attach_role_policy(RoleName=self.name, PolicyArn=named)
            decided = self.iam.simulate_principal_policy(PolicySourceArn=arn, ActionNames=[action], ResourceArns=[resource])
            self.assertEqual(decided["EvaluationResults"][0]["EvalDecision"], expected, (policy, action))
            self.iam.detach_role_policy(RoleName=self.name, PolicyArn=named)

    def test_each_action_with_each_resource_in_pages(self):
        arn = self.role(statement(Action="s3:*", Resource=BUCKET))
        actions, resources = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], [BUCKET, "arn:aws:s3:::other/x"]
        call = lambda **more: self.iam.simulate_principal_policy(
            PolicySourceArn=arn, ActionNames=actions, ResourceArns=resources, **more
        )
        whole = call()
        self.assertEqual((len(whole["EvaluationResults"]), whole["IsTruncated"]), (3, False))
        for result in whole["EvaluationResults"]:
            told = {one["EvalResourceName"]: one["EvalResourceDecision"] for one in result["ResourceSpecificResults"]}
            self.assertEqual(told, {BUCKET: "allowed", "arn:aws:s3:::other/x": "implicitDeny"})
        first = call(MaxItems=2)
        self.assertTrue(first["IsTruncated"])
        second = call(MaxItems=2, Marker=first["Marker"])
        self.assertEqual((len(second["EvaluationResults"]), second["IsTruncated"]), (1, False))

    def test_what_is_refused(self):
        arn = self.role()
        loose = self.server.client("iam", validates=False)
        call = lambda code, says=None, **more: self.refused(
            code, loose.simulate_principal_policy, says=says, **{"PolicySourceArn": arn, "ActionNames": ["s3:GetObject"], **more}
        )
        call("NoSuchEntity", PolicySourceArn="arn:aws:iam::000000000000:role/nobody")
        # The path is a part of who it is.
        call("NoSuchEntity", PolicySourceArn=f"arn:aws:iam::000000000000:role/{self.name}")
        session = f"arn:aws:sts::000000000000:assumed-role/{self.name}/s"
        call("InvalidInput", "does not clearly define entity type and name", PolicySourceArn=session)
        call("InvalidInput", ActionNames=["GetObject"])
        wrongs: list[dict] = [{"MaxItems": 0}, {"MaxItems": 1001}, {"ActionNames": ["s3"]}, {"PolicySourceArn": "nobody"}]
        for wrong in wrongs:
            call("ValidationError", **wrong)
