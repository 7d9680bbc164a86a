#!/usr/bin/env python3
"""Compares `stack` with Terraform: the same architecture, against the same AWS on this machine, in turns.

    cargo build --release
    python3 benches/compare.py                     # stacks/webapp.yaml, three rounds
    python3 benches/compare.py --terraform-plugins DIR   # a folder with the provider, where there is no registry

Prints a Markdown table of medians. Without `terraform` on the PATH it says so and measures `stack` alone.
"""

import argparse
import os
import pathlib
import re
import shutil
import statistics
import sys
import tempfile

from measure import LocalAws, Proxy, Run, environment, machine, table

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
PHASES = ("first apply", "plan, nothing to do", "apply of one changed line", "destroy")
# Which sections of the stack file bring which part of the Terraform configuration.
PARTS = {"data": ("databases", "caches"), "delivery": ("cdn",), "keys": ("keys", "encryption"), "people": ("access",)}
LINE = ("LOG_LEVEL: info", "LOG_LEVEL: debug")


class Stack:
    name = "stack"

    def __init__(self, options, folder, url):
        self.binary, self.file = options.stack, folder / "webapp.yaml"
        # The Terraform configuration has no alarms.
        self.text = options.file.read_text() + "\nalarms: off\n"
        if LINE[0] not in self.text:
            sys.exit(f"{options.file} has no line `{LINE[0]}` to change")
        self.env = environment(url, "100000000001")
        self.file.write_text(self.text)

    def run(self, *arguments):
        return Run([self.binary, *arguments], self.env)

    def fresh(self):
        self.file.write_text(self.text)

    def apply(self):
        return self.run("apply", str(self.file), "--yes")

    def plan(self):
        return self.run("plan", str(self.file), "--detailed-exitcode")

    def change(self):
        self.file.write_text(self.text.replace(*LINE))
        return self.apply()

    def destroy(self):
        name = re.search(r"^stack: (\S+)", self.text, re.M)[1]
        return self.run("destroy", str(self.file), "--yes", "--confirm", f"{name}/default")

    def size(self, apply):
        return int(re.search(r"Plan: (\d+) to create", apply.err)[1])


class Terraform:
    name = "terraform"

    def __init__(self, options, folder, url):
        self.folder, self.differs = folder / "terraform", False
        shutil.copytree(HERE / "terraform", self.folder, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*"))
        sections = set(re.findall(r"^(\w+):", options.file.read_text(), re.M))
        self.env = environment(url, "100000000002") | {"CHECKPOINT_DISABLE": "1", "TF_VAR_endpoint": url, "TF_IN_AUTOMATION": "1"}
        for part, names in PARTS.items():
            self.env[f"TF_VAR_{part}"] = str(any(name in sections for name in names)).lower()
        # Outside of the measurements, as is installing `stack`.
        plugins = [f"-plugin-dir={options.terraform_plugins}"] if options.terraform_plugins else []
        self.run("init", *plugins)

    def run(self, command, *arguments, ok=(0,)):
        return Run(["terraform", command, "-no-color", "-input=false", *arguments], self.env, cwd=self.folder, ok=ok)

    def fresh(self):
        for state in self.folder.glob("terraform.tfstate*"):
            state.unlink()

    def apply(self):
        return self.run("apply", "-auto-approve", f"-parallelism={self.parallelism}")

    def plan(self):
        run = self.run("plan", "-detailed-exitcode", f"-parallelism={self.parallelism}", ok=(0, 2))
        self.differs = self.differs or run.code == 2
        return run

    def change(self):
        return self.run("apply", "-auto-approve", f"-parallelism={self.parallelism}", "-var=log_level=debug")

    def destroy(self):
        return self.run("destroy", "-auto-approve", f"-parallelism={self.parallelism}", "-var=log_level=debug")

    def size(self, apply):
        return int(re.search(r"Resources: (\d+) added", apply.out)[1])


def measure(tool, options, aws, proxy, results):
    aws.reset(options.time_scale)
    # A new server loads each service when it is first asked for it, which is nobody's time.
    Run([options.stack, "plan", str(options.file)], environment(f"http://127.0.0.1:{options.port}", "100000000003"))
    tool.fresh()
    proxy.take()

    def note(phase, run):
        calls = len(proxy.take())
        results.setdefault(phase, []).append((run.wall, run.cpu, run.peak / 1e6, calls))
        print(f"  {tool.name}: {phase}: {run.wall:.2f} s, {run.cpu:.2f} s cpu, {run.peak / 1e6:.0f} MB, {calls} calls", file=sys.stderr)
        return run

    first = note(PHASES[0], tool.apply())
    tool.objects = tool.size(first)
    for _ in range(options.plans):
        note(PHASES[1], tool.plan())
    note(PHASES[2], tool.change())
    note(PHASES[3], tool.destroy())


def median(results, phase):
    return [statistics.median(column) for column in zip(*results[phase])]


def show(value):
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def report(tools, results, options):
    ours = results["stack"]
    names = [tool.name for tool in tools]
    print(f"`{options.file.name}`, {', '.join(f'{t.objects} objects with {t.name}' for t in tools)}; {options.rounds} rounds, medians;")
    print(f"AWS's times at scale {options.time_scale:g}; {machine()}\n")
    rows = []
    for phase in PHASES:
        for at, (what, unit) in enumerate((("wall", "s"), ("cpu", "s"), ("memory", "MB"), ("calls", ""))):
            mine = median(ours, phase)[at]
            row = [phase if at == 0 else "", what, f"{show(mine)} {unit}".strip() if unit else f"{mine:.0f}"]
            if len(tools) > 1:
                other = median(results["terraform"], phase)[at]
                row += [f"{show(other)} {unit}".strip() if unit else f"{other:.0f}", f"1/{other / mine:.1f}" if mine else "-"]
            rows.append(row)
    print(table(["phase", "", *names, *(["stack is"] if len(tools) > 1 else [])], rows))
    if any(getattr(tool, "differs", False) for tool in tools):
        print("\nTerraform's second plan is not empty on this server; its time counts all the same.")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stack", default=str(ROOT / "target/release/stack"), help="the binary to measure")
    parser.add_argument("--file", type=pathlib.Path, default=ROOT / "stacks/webapp.yaml")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--plans", type=int, default=3, help="plans of the unchanged stack in each round")
    parser.add_argument("--time-scale", type=float, default=0.0, help="1 takes as long as AWS")
    parser.add_argument("--port", type=int, default=4599, help="of the AWS that is started for this")
    parser.add_argument("--parallelism", type=int, default=10, help="Terraform's own, 10 unless it is told otherwise")
    parser.add_argument("--terraform-plugins", help="a folder with Terraform's provider")
    options = parser.parse_args()
    options.stack = os.path.abspath(options.stack)

    aws = LocalAws(options.stack, options.port)
    with tempfile.TemporaryDirectory() as folder:
        try:
            proxy = Proxy(options.port)
            tools = [Stack(options, pathlib.Path(folder), proxy.url)]
            if shutil.which("terraform"):
                Terraform.parallelism = options.parallelism
                tools.append(Terraform(options, pathlib.Path(folder), proxy.url))
            else:
                print("terraform is not on the PATH: only `stack` is measured.\n")
            results = {tool.name: {} for tool in tools}
            for number in range(options.rounds):
                print(f"round {number + 1}", file=sys.stderr)
                for tool in tools if number % 2 == 0 else reversed(tools):
                    measure(tool, options, aws, proxy, results[tool.name])
            report(tools, results, options)
        finally:
            aws.stop()


if __name__ == "__main__":
    main()
