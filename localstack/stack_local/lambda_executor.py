"""Runs Python functions as processes of this machine, where LocalStack would want containers, when that was asked for.

No runtime API, no layers, no other languages: enough to see a function invoked with its event. A function is code of its
creator, run as the user who started the server, and any credentials can create one: hence `--functions`, without which none runs.
"""

import json
import os
import pathlib
import subprocess
import sys
import uuid

from localstack.services.lambda_.invocation.execution_environment import ExecutionEnvironment
from localstack.services.lambda_.invocation.lambda_models import InvocationResult
from localstack.services.lambda_.invocation.plugins import RuntimeExecutorPlugin
from localstack.services.lambda_.invocation.runtime_executor import RuntimeExecutor

FUNCTIONS = "STACK_LOCAL_FUNCTIONS"
_CHILD = pathlib.Path(__file__).with_name("lambda_child.py")


def _log_group(environment: ExecutionEnvironment) -> str:
    """The one that the function was given (API reference, LoggingConfig), which LocalStack leaves empty."""
    return environment.function_version.config.logging_config["LogGroup"]


ExecutionEnvironment.get_log_group_name = _log_group


class LocalRuntimeExecutor(RuntimeExecutor):
    def start(self, env_vars: dict[str, str]) -> None:
        self._environment = {name: str(value) for name, value in env_vars.items() if value is not None}
        self.prepare_version(self.function_version)

    def stop(self) -> None:
        pass  # every invocation is a process of its own

    def get_address(self) -> str:
        return "127.0.0.1"

    def get_endpoint_from_executor(self) -> str:
        return "127.0.0.1"

    def get_runtime_endpoint(self) -> str:
        return ""

    def get_logs(self) -> str:
        return ""

    def invoke(self, payload: dict[str, str]) -> InvocationResult:
        config = self.function_version.config
        request_id = payload.get("invoke-id") or str(uuid.uuid4())
        if os.environ.get(FUNCTIONS) != "1":
            return self._failed(
                request_id,
                "Runtime.Disabled",
                "no function runs here: start the local AWS with --functions to run them as processes of this machine",
                "",
            )
        if not (config.runtime or "").startswith("python"):
            return self._failed(request_id, "Runtime.Unsupported", f"only Python runs here, not {config.runtime}", "")
        code = str(config.code.get_unzipped_code_location())
        # The answer comes back in a file, so that whatever the function prints stays in its log.
        answer = pathlib.Path(os.environ.get("TMPDIR", "/tmp")) / f"lambda-{request_id}.json"
        seconds = config.timeout or 3
        try:
            child = subprocess.run(
                [
                    sys.executable,
                    str(_CHILD),
                    config.handler,
                    request_id,
                    str(answer),
                    self.function_version.qualified_arn,
                    str(config.memory_size),
                    str(seconds),
                ],
                input=payload.get("payload") or "{}",
                capture_output=True,
                text=True,
                cwd=code,
                timeout=seconds,
                env=self._environment | {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": code},
            )
            log = child.stdout + child.stderr
            result = json.loads(answer.read_text()) if answer.exists() else None
        except subprocess.TimeoutExpired:
            return self._failed(
                request_id, "Sandbox.Timedout", f"RequestId: {request_id} Error: Task timed out after {seconds:.2f} seconds", ""
            )
        finally:
            answer.unlink(missing_ok=True)
        if result is None:
            return self._failed(
                request_id,
                "Runtime.ExitError",
                f"RequestId: {request_id} Error: Runtime exited with error: exit status {child.returncode}",
                log,
            )
        return InvocationResult(
            request_id=request_id, payload=json.dumps(result["payload"]).encode(), is_error=not result["ok"], logs=log
        )

    @staticmethod
    def _failed(request_id: str, kind: str, message: str, log: str) -> InvocationResult:
        body = json.dumps({"errorType": kind, "errorMessage": message}).encode()
        return InvocationResult(request_id=request_id, payload=body, is_error=True, logs=log)

    @classmethod
    def prepare_version(cls, function_version) -> None:
        function_version.config.code.prepare_for_execution()

    @classmethod
    def cleanup_version(cls, function_version) -> None:
        pass


class LocalRuntimeExecutorPlugin(RuntimeExecutorPlugin):
    name = "local"

    def load(self, *args, **kwargs):
        return LocalRuntimeExecutor
