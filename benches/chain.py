#!/usr/bin/env python3
"""How much longer a whole apply takes than its longest chain, with the local AWS taking AWS's times scaled down.

    cargo build --release
    python3 benches/chain.py                # stacks/webapp.yaml, a twentieth of AWS's times, three times

AWS's own part of the longest chain is the sum of what the local AWS takes (its table, `localstack/stack_local/clock.py`)
for everything on it that takes time; nobody can be faster than that. Prints the chain as the run told it.
"""

import argparse
import json
import os
import pathlib
import re
import statistics
import sys
import tempfile

from measure import LocalAws, Run, environment, machine, table

ROOT = pathlib.Path(__file__).resolve().parent.parent
CLOCK = dict(re.findall(r'^    "([\w.-]+)": (\d+),', (ROOT / "localstack/stack_local/clock.py").read_text(), re.M))
# What each kind waits for in that table.
WAITS = {
    "ec2.nat_gateway": ["nat.create"],
    "ec2.vpc_endpoint": ["endpoint.create"],
    "elbv2.load_balancer": ["elb.provision"],
    "rds.instance": ["rds.create-multi-az", "rds.back-up"],
    "elasticache.replication_group": ["elasticache.create"],
    "elasticache.cluster": ["elasticache.create"],
    "cloudfront.distribution": ["cloudfront.deploy"],
    "ecs.service": ["ecs.pull", "target.healthy"],
}


def seconds(key):
    return sum(int(CLOCK[name]) for name in WAITS.get(key.split("/")[0], []))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stack", default=str(ROOT / "target/release/stack"), help="the binary to measure")
    parser.add_argument("--file", type=pathlib.Path, default=ROOT / "stacks/webapp.yaml")
    parser.add_argument("--time-scale", type=float, default=0.05, help="1 takes as long as AWS")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--port", type=int, default=4598, help="of the AWS that is started for this")
    options = parser.parse_args()
    binary = os.path.abspath(options.stack)
    aws = LocalAws(binary, options.port)
    rows, ratios = [], []
    with tempfile.TemporaryDirectory() as folder:
        try:
            env = environment(f"http://127.0.0.1:{options.port}", "100000000001")
            file = pathlib.Path(folder) / "s.yaml"
            file.write_text(options.file.read_text())
            for number in range(options.rounds):
                aws.reset(options.time_scale)
                # A new server loads each service when it is first asked for it, which is nobody's time.
                Run([binary, "plan", str(file)], env | {"AWS_ACCESS_KEY_ID": "100000000002"})
                run = Run([binary, "apply", str(file), "--yes", "--json"], env)
                last = json.loads(run.out.splitlines()[-1])
                chain = [link for link in last["chain"] if link["elapsed"] >= 0.2]
                own = sum(seconds(link["key"]) for link in chain) * options.time_scale
                ratios.append(last["elapsed"] / own)
                rows.append([number + 1, f"{last['elapsed']:.1f} s", f"{own:.1f} s", f"{ratios[-1]:.3f}"])
                if number == 0:
                    print("The longest chain, as the run told it:\n")
                    print(table(
                        ["object", "took", "of it AWS's table", "AWS said last"],
                        [[link["key"], f"{link['elapsed']:.1f} s", f"{seconds(link['key']) * options.time_scale:.1f} s", link.get("status") or ""] for link in chain],
                    ))
                print(rows[-1], file=sys.stderr)
        finally:
            aws.stop()
    print(f"\n`{options.file.name}` at {options.time_scale:g} of AWS's times; {machine()}\n")
    print(table(["round", "the whole apply", "AWS's part of its longest chain", "ratio"], rows))
    print(f"\nMedian: {statistics.median(ratios):.3f}")


if __name__ == "__main__":
    main()
