import json

from tests.aws import Case, Server, zipped

CODE = """
import os
def run(event, context):
    print("seen", event)
    if event.get("fail"):
        raise ValueError("as asked")
    return {"got": event, "env": os.environ.get("GREETING"), "id": bool(context.aws_request_id)}
"""
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
)


class Functions(Case):
    def test_a_python_function_runs_as_a_process(self):
        role = self.iam.create_role(RoleName="function", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
        arguments = {
            "FunctionName": "local",
            "Runtime": "python3.12",
            "Role": role,
            "Handler": "handler.run",
            "Code": {"ZipFile": zipped(handler=CODE)},
        }
        self.lambda_.create_function(
            **arguments, Environment={"Variables": {"GREETING": "hello"}}, LoggingConfig={"LogGroup": "/of/its/own"}
        )
        self.until(lambda: self.lambda_.get_function_configuration(FunctionName="local")["State"] == "Active", "active", 20)
        invoke = lambda event: self.lambda_.invoke(FunctionName="local", Payload=json.dumps(event))
        answer = invoke({"a": 1})
        self.assertEqual(json.loads(answer["Payload"].read()), {"got": {"a": 1}, "env": "hello", "id": True})
        self.assertNotIn("FunctionError", answer)
        failed = invoke({"fail": True})
        self.assertIn("FunctionError", failed)
        self.assertEqual(json.loads(failed["Payload"].read())["errorMessage"], "as asked")

        self.until(lambda: self.logs.describe_log_groups(logGroupNamePrefix="/of/its/own")["logGroups"], "its log group", 20)
        self.assertEqual(self.logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/local")["logGroups"], [])

    def test_nothing_runs_unless_it_was_asked_for(self):
        server = Server()
        self.addCleanup(server.stop)
        functions, role = (
            server.client("lambda"),
            server.client("iam").create_role(RoleName="function", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"],
        )
        functions.create_function(
            FunctionName="quiet", Runtime="python3.12", Role=role, Handler="handler.run", Code={"ZipFile": zipped(handler=CODE)}
        )
        self.until(lambda: functions.get_function_configuration(FunctionName="quiet")["State"] == "Active", "active", 20)
        answer = functions.invoke(FunctionName="quiet", Payload=b"{}")
        self.assertIn("FunctionError", answer)
        self.assertEqual(json.loads(answer["Payload"].read())["errorType"], "Runtime.Disabled")
