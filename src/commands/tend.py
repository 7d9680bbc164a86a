"""Runs `stack` for the environments of this account and region: what has a schedule is paused and resumed, what has expired is
destroyed."""

import os
import signal
import subprocess
import time

PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "program")
# Seconds before the end of the function in which `stack` finishes its calls and gives back the lease.
SPARE = 90
# What is done, how much of the time that is left it may take, and the exit codes that are no failure of the function: something
# is refused, someone else holds the lease, the time of a run is over (3 with `--timeout`). It is in the log, and tried again next time.
STEPS = [
    (["schedule", "--yes", "--timeout", "4m"], 0.6, {0, 3, 4, 5, 130}),
    (["reap", "--yes"], 1, {0, 4, 5, 130}),
]


def run(event, context):
    end = time.monotonic() + context.get_remaining_time_in_millis() / 1000 - SPARE
    # The only folder that a function can write to.
    environment = {**os.environ, "HOME": "/tmp", "NO_COLOR": "1"}
    failed = []
    for command, share, calm in STEPS:
        until = time.monotonic() + max((end - time.monotonic()) * share, 1)
        child = subprocess.Popen([PROGRAM, *command, "--region", os.environ["AWS_REGION"]], env=environment)
        code = ended(child, until, end + SPARE / 2)
        print(f"`stack {command[0]}` ended with exit code {code}")
        if code not in calm:
            failed.append(f"`stack {command[0]}` ended with exit code {code}: its output is above")
    if failed:
        raise RuntimeError("; ".join(failed))


def ended(child, until, latest):
    """Waits for the end of a program, ends it as Ctrl-C does when its time is over, and for good when that does not help."""
    for deadline, end in ((until, lambda: child.send_signal(signal.SIGINT)), (latest, child.kill)):
        try:
            return child.wait(timeout=max(deadline - time.monotonic(), 1))
        except subprocess.TimeoutExpired:
            end()
    return child.wait()
