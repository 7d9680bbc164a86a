#!/usr/bin/env python3
"""What a plan of an unchanged stack costs as the stack grows: calls, depth, time and memory with 10, 100 and 300 services.

    cargo build --release
    python3 benches/services.py

Depth is how many answers lie one after another: how much longer the plan takes for every second that AWS is slower. The
first of them says who we are; the rest is the reading.

The local AWS answers one question after the other, so how long a plan takes there says little about AWS. The wall time is that of
plans whose answers are kept ones of the local AWS, each given after a time like AWS's, many at once; `stack` itself keeps to AWS's
rates.
"""

import argparse
import os
import pathlib
import statistics
import sys
import tempfile

from measure import LocalAws, Proxy, Run, environment, machine, table

ROOT = pathlib.Path(__file__).resolve().parent.parent


def stack_of(services, alarms):
    text = "stack: many\nregion: us-east-1\nnetwork: { zones: 3 }\n" + ("" if alarms else "alarms: off\n") + "services:\n"
    for n in range(services):
        text += f'  s{n}:\n    image: nginx:1.27\n    port: 8080\n    routes: ["/s{n}/*"]\n    scale: {{ min: 1, max: 2 }}\n'
    return text


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stack", default=str(ROOT / "target/release/stack"), help="the binary to measure")
    parser.add_argument("--services", type=int, nargs="+", default=[10, 100, 300])
    parser.add_argument("--no-alarms", action="store_true", help="with `alarms: off`, of which a service has six by default")
    parser.add_argument("--plans", type=int, default=5)
    parser.add_argument("--delay", type=float, default=0.5, help="seconds that every answer is late for measuring the depth")
    parser.add_argument("--answer", type=float, default=0.15, help="seconds in which every kept answer comes for the wall time")
    parser.add_argument("--port", type=int, default=4599, help="of the AWS that is started for this")
    options = parser.parse_args()
    binary = os.path.abspath(options.stack)

    aws = LocalAws(binary, options.port)
    rows, calls_of = [], {}
    with tempfile.TemporaryDirectory() as folder:
        try:
            proxy = Proxy(options.port)
            env = environment(proxy.url, "100000000001")
            file = pathlib.Path(folder) / "many.yaml"
            for services in options.services:
                file.write_text(stack_of(services, not options.no_alarms))
                aws.reset()
                applied = Run([binary, "apply", str(file), "--yes"], env)
                proxy.take()
                plan = [binary, "plan", str(file), "--detailed-exitcode"]
                runs = []
                for _ in range(options.plans):
                    run = Run(plan, env)
                    runs.append((run.wall, run.cpu, run.peak / 1e6, len(proxy.take())))
                wall, cpu, peak, calls = (statistics.median(column) for column in zip(*runs))
                proxy.keeps = True
                Run(plan, env)
                proxy.keeps, proxy.replays, proxy.delay = False, True, options.answer
                proxy.take()
                kept = [Run(plan, env).wall for _ in range(options.plans)]
                if proxy.missed:
                    raise SystemExit(f"the plans with kept answers asked {proxy.missed} other questions")
                proxy.take()
                proxy.replays, proxy.delay, proxy.answers = False, 0, {}
                # The same plan twice, the second time with late answers: what it takes longer, in answers.
                proxy.delay = options.delay
                late = Run(plan, env)
                proxy.delay = 0
                proxy.take()
                depth = (late.wall - wall) / options.delay
                calls_of[services] = calls
                further = ""
                if len(calls_of) > 1:
                    least = min(calls_of)
                    further = f"{(calls - calls_of[least]) / (services - least):.1f}"
                rows.append([
                    services, f"{calls:.0f}", further, f"{depth:.1f}", f"{statistics.median(kept):.2f} s", f"{cpu:.2f} s", f"{peak:.0f} MB", f"{applied.wall:.1f} s"
                ])
                print(f"{services}: {rows[-1]}", file=sys.stderr)
            print(f"Medians of {options.plans} plans; {machine()}\n")
            print(table(
                ["services", "calls", "for each further service", "answers in a row", f"wall at {options.answer * 1000:.0f} ms an answer", "cpu", "memory", "the first apply took"], rows
            ))
        finally:
            aws.stop()


if __name__ == "__main__":
    main()
