#!/usr/bin/env python3
"""What the commands about environments cost: calls, time and memory of `list`, `compare` and `clone --plan`.

    cargo build --release
    python3 benches/environments.py

The stack is stacks/webapp.yaml without its people, who have one name in all environments, in two environments that differ only by
their names.
"""

import argparse
import os
import pathlib
import re
import statistics
import tempfile

from measure import LocalAws, Proxy, Run, environment, machine, table

ROOT = pathlib.Path(__file__).resolve().parent.parent
REGION = ["--region", "us-east-1"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stack", default=str(ROOT / "target/release/stack"), help="the binary to measure")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--port", type=int, default=4599, help="of the AWS that is started for this")
    options = parser.parse_args()
    binary = os.path.abspath(options.stack)

    aws = LocalAws(binary, options.port)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        try:
            proxy = Proxy(options.port)
            env = environment(proxy.url, "100000000001")
            file = pathlib.Path(folder) / "webapp.yaml"
            file.write_text(re.sub(r"(?m)^access:\n(?:[ #].*\n|\n)+", "", (ROOT / "stacks/webapp.yaml").read_text()))
            aws.reset()
            Run([binary, "apply", str(file), "--env", "default", "--yes"], env)
            Run([binary, "apply", str(file), "--env", "other", "--like", "default", "--yes"], env)
            commands = {
                "stack list": ["list", *REGION],
                "stack compare": ["compare", str(file), "default", "other", "--like", "default"],
                "stack clone --plan": ["clone", str(file), "--from", "default", "--to", "copy", "--plan"],
                "stack plan, for comparison": ["plan", str(file), "--env", "default"],
            }
            for name, command in commands.items():
                proxy.take()
                runs = []
                for _ in range(options.rounds):
                    run = Run([binary, *command], env, ok=(0, 2))
                    runs.append((len(proxy.take()), run.wall, run.cpu, run.peak / 1e6))
                calls, wall, cpu, peak = (statistics.median(column) for column in zip(*runs))
                rows.append([f"`{name}`", f"{calls:.0f}", f"{wall:.2f} s", f"{cpu:.2f} s", f"{peak:.0f} MB"])
            print(f"Medians of {options.rounds} runs; {machine()}\n")
            print(table(["command", "calls", "wall", "cpu", "memory"], rows))
        finally:
            aws.stop()


if __name__ == "__main__":
    main()
