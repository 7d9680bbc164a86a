"""The process one invocation runs in: calls the handler and writes down what came of it. Imports nothing of this package."""

import importlib
import json
import sys
import time
import traceback


class Context:
    def __init__(self, request_id: str, arn: str, memory: str, seconds: str):
        self._end = time.monotonic() + float(seconds)
        self.aws_request_id = request_id
        self.invoked_function_arn = arn
        self.function_name = arn.split(":")[6]
        self.memory_limit_in_mb = memory

    def get_remaining_time_in_millis(self) -> int:
        return max(int((self._end - time.monotonic()) * 1000), 0)


def main() -> None:
    handler, request_id, answer, arn, memory, seconds = sys.argv[1:]
    module, _, function = handler.rpartition(".")
    try:
        called = getattr(importlib.import_module(module.replace("/", ".")), function)
        payload = called(json.load(sys.stdin), Context(request_id, arn, memory, seconds))
        result = {"ok": True, "payload": payload}
        json.dumps(result)
    except Exception as error:
        traceback.print_exc()
        stack = traceback.format_tb(error.__traceback__)
        result = {"ok": False, "payload": {"errorMessage": str(error), "errorType": type(error).__name__, "stackTrace": stack}}
    with open(answer, "w") as file:
        json.dump(result, file)


main()
