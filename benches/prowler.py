#!/usr/bin/env python3
"""A second opinion on the published stacks: what Prowler finds in them on the local AWS, by AWS's own controls.

    cargo build
    python3 -m venv prowler && prowler/bin/pip install prowler
    python3 benches/prowler.py --stack target/debug/stack --prowler prowler/bin/prowler

Only what has the stack's tags or name counts: the local AWS brings a default VPC, snapshots and images of its own. Prints a table for
docs/check.md: for each stack how many controls of AWS Foundational Security Best Practices pass and fail, by Prowler's own mapping, and what fails.
"""

import argparse
import json
import os
import pathlib
import subprocess
import tempfile

from measure import LocalAws, environment, table

ROOT = pathlib.Path(__file__).resolve().parent.parent
STACKS = [("examples/smallest.yaml", "default"), ("stacks/small.yaml", "default"), ("stacks/webapp.yaml", "default"),
          ("stacks/shop.yaml", "production"), ("stacks/production.yaml", "production"), ("stacks/regions.yaml", "default")]
SERVICES = ["acm", "autoscaling", "awslambda", "backup", "cloudfront", "cloudwatch", "ec2", "ecr", "ecs", "elasticache", "elbv2", "iam", "kms",
            "rds", "s3", "secretsmanager", "sns", "sqs", "vpc", "wafv2"]
FSBP = "AWS-Foundational-Security-Best-Practices"


def findings(prowler: str, region: str, env: dict[str, str], folder: str) -> list[dict]:
    """What Prowler says of the account. It exits with 3 when something fails."""
    command = [prowler, "aws", "--region", region, "--services", *SERVICES, "--output-formats", "json-ocsf", "--output-directory", folder,
               "--output-filename", "found", "--no-banner"]
    run = subprocess.run(command, env=env, capture_output=True, text=True)
    if run.returncode not in (0, 3):
        raise SystemExit(f"Prowler failed ({run.returncode}):\n{run.stdout[-3000:]}\n{run.stderr[-3000:]}")
    return json.loads((pathlib.Path(folder) / "found.ocsf.json").read_text())


def is_of(finding: dict, stack: str) -> bool:
    for resource in finding.get("resources", []):
        text = json.dumps([resource.get("uid"), resource.get("name"), resource.get("labels"), resource.get("data", {}).get("metadata", {}).get("tags")])
        if f'stack:name:{stack}"' in text or f'"{stack}"' in text or f"{stack}-" in text or f"/{stack}" in text:
            return True
    return False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stack", default=str(ROOT / "target/debug/stack"), help="the binary")
    parser.add_argument("--prowler", default="prowler", help="the program")
    parser.add_argument("--port", type=int, default=4599, help="of the AWS that is started for this")
    options = parser.parse_args()
    binary = os.path.abspath(options.stack)
    aws = LocalAws(binary, options.port)
    rows, failing = [], {}
    try:
        for file, name in STACKS:
            text = (ROOT / file).read_text()
            stack, region = (next(line.split(":")[1].strip() for line in text.splitlines() if line.startswith(key)) for key in ("stack:", "region:"))
            aws.reset()
            env = environment(f"http://127.0.0.1:{options.port}", "100000000001")
            subprocess.run([binary, "apply", str(ROOT / file), "--env", name, "--yes"], env=env, check=True, capture_output=True)
            with tempfile.TemporaryDirectory() as folder:
                of = env | {"HOME": folder, "PATH": os.environ["PATH"]}
                found = [one for one in findings(options.prowler, region, of, folder) if is_of(one, stack)]
            controls: dict[str, set[str]] = {}
            checks: dict[str, set[str]] = {}
            for one in found:
                check = one["metadata"]["event_code"]
                checks.setdefault(check, set()).add(one["status_code"])
                for control in one.get("unmapped", {}).get("compliance", {}).get(FSBP, []):
                    controls.setdefault(control, set()).add(one["status_code"])
                    if one["status_code"] == "FAIL":
                        failing.setdefault((control, check), {}).setdefault(file, []).append(one["resources"][0]["name"])
            count = lambda by: (sum(said == {"PASS"} for said in by.values()), sum("FAIL" in said for said in by.values()))
            passed = sum(one["status_code"] == "PASS" for one in found)
            rows.append([f"`{file}`", "%d / %d" % count(controls), "%d / %d" % count(checks), f"{passed} / {len(found) - passed}"])
            print(rows[-1], flush=True)
    finally:
        aws.stop()
    print(table(["stack", "controls pass / fail", "checks pass / fail", "findings pass / fail"], rows))
    for (control, check), by in sorted(failing.items()):
        print(f"| {control} | `{check}` | {'; '.join(f'{file}: {len(names)} ({names[0]})' for file, names in by.items())} |")


if __name__ == "__main__":
    main()
