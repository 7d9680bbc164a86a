"""Runs `stack` for the environments of this account and region: what has a schedule is paused and resumed, what has expired is
destroyed."""

import os
import signal
import subprocess
import time

PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "program")
# Seconds before the end of the function in which `stack` finishes its calls and gives back the lease.
SPARE = 90


def run(event, context):
    end = time.monotonic() + context.get_remaining_time_in_millis() / 1000 - SPARE
    # Lambda has nothing to write to but this folder.
    environment = {**os.environ, "HOME": "/tmp", "NO_COLOR": "1"}
    failed = []
    for command in ("schedule", "reap"):
        child = subprocess.Popen([PROGRAM, command, "--yes", "--region", os.environ["AWS_REGION"]], env=environment)
        try:
            code = child.wait(timeout=max(end - time.monotonic(), 1))
        except subprocess.TimeoutExpired:
            # As Ctrl-C does; the next call goes on from there.
            child.send_signal(signal.SIGINT)
            code = child.wait()
            print(f"`stack {command}` was stopped: the time of this call is over")
            continue
        if code:
            failed.append(f"`stack {command}` ended with exit code {code}: its output is above")
    if failed:
        raise RuntimeError("; ".join(failed))
