"""Changes every field of every section of a stack file once, as the schema has them, and looks whether `stack` is right about it.

    python edits.py BINARY SCHEMA FILE… [--part 1/4] [--sample 12 --seed 7] [--only TEXT] [--list]

AWS_ENDPOINT_URL names a local AWS. Of every edit, made of the file as it stands in AWS:
  refused  `plan` refuses it (65), or `apply` with every consent does (4 or 65): then nothing was touched, and the file as it was has no plan
  done     `apply` does exactly what `plan` said (the same objects), and the next plan is empty
  BROKEN   anything else, with what was said; also a plan that is silent about what `felt.py` knows to be felt
Exit code 1 with anything BROKEN.
"""

import argparse
import collections
import copy
import dataclasses
import json
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import time

import felt
import yaml

# With everything agreed to, what is lost for good included, only what AWS cannot do is refused.
CONSENT = [word for flag in ("--allow-replace", "--allow-delete", "--allow-upgrade", "--without-data") for word in (flag, "*/*")]

# What no schema can guess, by the end of the path: another value that is as good.
VALUES = {
    "image": "public.ecr.aws/nginx/nginx:1.28",
    "services.{}.memory": 2048,
    "cidr": "10.77.0.0/16",
    "class": "db.t4g.large",
    "node": "cache.m7g.xlarge",
    "backup_window": "01:00-01:30",
    "snapshot_window": "01:00-02:00",
    "maintenance_window": "tue:05:00-tue:06:00",
    "ssl_policy": "ELBSecurityPolicy-TLS13-1-2-Res-2021-06",
    "minimum_tls": "TLSv1.2_2019",
    "codes": "200-399",
    "health.path": "/healthz",
    "database": "other",
    "user": "other",
    "default_root": "index.html",
    "static.bucket": "edits-bucket-of-our-own",
    "description": "another description",
    "command[]": "true",
    "entrypoint[]": "/bin/sh",
    "allow[]": "10.0.0.0/8",
    "logs[]": "postgresql",
    "environment{}": ("EDITED", "yes"),
    "tags{}": ("edited", "yes"),
    "databases.{}.parameters{}": ("log_min_duration_statement", 100),
    "caches.{}.parameters{}": ("maxmemory-policy", "allkeys-lfu"),
    "attributes{}": ("routing.http.preserve_host_header.enabled", True),
    "policies[]": {"actions": ["s3:ListAllMyBuckets"], "resources": ["*"]},
    "groups.{}.policies[]": "job-function/ViewOnlyAccess",
    "statements[]": {"actions": ["s3:ListAllMyBuckets"], "resources": ["*"]},
    "actions[]": "s3:GetBucketLocation",
    "users{}": ("erin", []),
    "routes[]": "/edited/*",
    "paths[]": "/edited/*",
    "path": "/moved/*",
    "host": "edited.example.com",
}
# The next version of each engine. Backwards nothing goes.
VERSIONS = {("postgres", "16"): "17", ("mysql", "8.0"): "8.4", ("valkey", "8.0"): "8.1"}
# What needs something that is not in the file: a secret, a certificate, a zone, another key, a rule of its own, a workspace, a directory.
LEFT_OUT = re.compile(r"(^|\.)(secrets|certificate|certificates|aliases|key|existing|protect|resources|environments|stack|region|sid|moved|account|names|zone|ignore_tags|slack|teams|identity_center)(\b|\{|\[|$)")


@dataclasses.dataclass(frozen=True)
class Edit:
    path: str
    what: str
    text: str  # of the whole file, as JSON, which is YAML


class Edits:
    def __init__(self, schema: dict, document: dict):
        self.schema, self.document = schema, document
        self.made: list[Edit] = []
        self.left_out: set[str] = set()
        self.section(schema, document, ())

    # The schema

    def whole(self, schema: dict) -> dict:
        """Without references; of several forms the ones that are not null, the first of them first."""
        while "$ref" in schema:
            schema = self.schema["$defs"][schema["$ref"].rsplit("/", 1)[-1]] | {name: value for name, value in schema.items() if name != "$ref"}
        return schema

    def forms(self, schema: dict) -> list[dict]:
        schema = self.whole(schema)
        for name in ("anyOf", "oneOf"):
            if name in schema:
                inner = [self.whole(form) for form in schema[name]]
                if all("const" in form for form in inner if form.get("type") != "null"):
                    return [{"enum": [form["const"] for form in inner if "const" in form]} | {k: v for k, v in schema.items() if k != name}]
                return [form | {k: v for k, v in schema.items() if k in ("default",) and k not in form} for form in inner if form.get("type") != "null"]
        return [schema]

    @staticmethod
    def types(schema: dict) -> list[str]:
        kind = schema.get("type", [])
        return [kind] if isinstance(kind, str) else kind

    # The edits

    def put(self, path: tuple, value, what: str) -> None:
        """One edit: `value` at `path`; `...` takes it away."""
        document = copy.deepcopy(self.document)
        holder = document
        for step in path[:-1]:
            holder = holder.setdefault(step, {}) if isinstance(holder, dict) else holder[step]
        if value is ...:
            del holder[path[-1]]
        elif isinstance(holder, list) and path[-1] == len(holder):
            holder.append(value)
        else:
            holder[path[-1]] = value
        self.made.append(Edit(self.said(path), what, json.dumps(document)))

    @staticmethod
    def said(path: tuple) -> str:
        return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")

    @staticmethod
    def kind(path: tuple) -> str:
        """The path without the names that users give: services.{}.cpu."""
        maps = {"services", "databases", "caches", "keys", "groups", "users", "replicas", "environment", "tags", "parameters", "attributes", "certificates"}
        shown = []
        for at, step in enumerate(path):
            before = path[at - 1] if at else None
            shown.append("[]" if isinstance(step, int) else "{}" if before in maps else f".{step}")
        return "".join(shown).replace("]{", "].{").lstrip(".").replace("services{}", "services.{}").replace("databases{}", "databases.{}").replace("caches{}", "caches.{}").replace("groups{}", "groups.{}").replace("replicas{}", "replicas.{}").replace("keys{}", "keys.{}")

    def known(self, path: tuple):
        """From the table above, by the longest end of the path that it has."""
        kind = self.kind(path)
        fitting = [end for end in VALUES if kind == end or kind.endswith(f".{end}")]
        return VALUES[max(fitting, key=len)] if fitting else None

    def section(self, schema: dict, value: dict, path: tuple) -> None:
        schema = self.whole(schema)
        for name, field in schema.get("properties", {}).items():
            here = (*path, name)
            if LEFT_OUT.search(self.kind(here)):
                self.left_out.add(self.kind(here))
            elif name in value:
                self.there(field, value[name], here)
                if name not in schema.get("required", []):
                    self.put(here, ..., "taken out")
            else:
                self.absent(field, here)

    def there(self, schema: dict, value, path: tuple) -> None:
        forms = self.forms(schema)
        if value is None:
            return self.absent(schema, path)
        if isinstance(value, dict):
            form = next((form for form in forms if "properties" in form or "additionalProperties" in form), {})
            if "properties" in form:
                return self.section(form, value, path)
            return self.map(form, value, path)
        if isinstance(value, list):
            return self.list(next((form for form in forms if "items" in form), {}), value, path)
        for form in forms:
            new = self.another(form, value, path)
            if new is not None:
                return self.put(path, new, f"{value} → {new}")
        self.left_out.add(self.kind(path))

    def absent(self, schema: dict, path: tuple) -> None:
        for form in self.forms(schema):
            if "array" in self.types(form):
                new = self.known((*path, 0))
                if new is None and "enum" in (items := self.forms(form.get("items", {}))[0]):
                    new = items["enum"][0]
                if new is not None:
                    return self.put(path, [new], f"given: {[new]}")
            elif "properties" in form:
                # Of a section that is not there, what it needs and one field.
                needed = {name: self.another(self.forms(field)[0], None, (*path, name)) for name, field in form["properties"].items() if name in form.get("required", [])}
                if None not in needed.values():
                    for name, field in form["properties"].items():
                        new = needed.get(name) or self.another(self.forms(field)[0], None, (*path, name))
                        if new is not None and not LEFT_OUT.search(self.kind((*path, name))):
                            self.put(path, needed | {name: new}, f"given with {name}: {new}")
                return
            elif "object" in self.types(form):
                new = self.known((*path, "x"))
                if isinstance(new, tuple):
                    return self.put(path, dict([new]), f"given: {new}")
            else:
                new = self.another(form, form.get("default"), path)
                if new is not None:
                    return self.put(path, new, f"given: {new}")
        self.left_out.add(self.kind(path))

    def map(self, form: dict, value: dict, path: tuple) -> None:
        inner = form.get("additionalProperties")
        inner = inner if isinstance(inner, dict) else {}
        for name, item in value.items():
            self.there(inner, item, (*path, name))
            self.put((*path, name), ..., "taken out")
            if isinstance(item, dict):
                self.put((*path, f"{name[:28]}-2"), copy.deepcopy(item), f"a copy of {name}")
        new = self.known((*path, "x"))
        if isinstance(new, tuple) and new[0] not in value:
            self.put((*path, new[0]), new[1], f"added: {new[1]}")

    def list(self, form: dict, value: list, path: tuple) -> None:
        items = self.forms(form.get("items", {}))
        for at, item in enumerate(value):
            if isinstance(item, dict):
                self.there(form["items"], item, (*path, at))
        if value:
            self.put((*path, len(value) - 1), ..., f"without {value[-1]}")
        if len(value) > 1:
            self.put(path, value[::-1], "in another order")
        new = self.known((*path, 0))
        if new is None:
            new = next((one for form in items for one in form.get("enum", []) if one not in value), None)
        if new is not None and new not in value:
            self.put((*path, len(value)), new, f"with {new}")

    def another(self, form: dict, value, path: tuple):
        """A value of this form that is not `value`."""
        name = path[-1]
        if name == "version":
            holder = self.document
            for step in path[:-1]:
                holder = holder.get(step, {})
            return VERSIONS.get((holder.get("engine"), str(value)))
        known = self.known(path)
        if known is not None and known != value and not isinstance(known, tuple):
            return known
        if "enum" in form:
            at = form["enum"].index(value) if value in form["enum"] else -1
            return next((one for one in [*form["enum"][at + 1 :], *form["enum"]] if one != value), None)
        if "boolean" in self.types(form) and not isinstance(value, (int, str)) or isinstance(value, bool):
            return not value
        if "integer" in self.types(form):
            least, most = form.get("minimum", 0), form.get("maximum", 1 << 31)
            number = value if isinstance(value, int) else max(least, 2) - 1
            return number + 1 if number + 1 <= most else number - 1 if number > least else None
        if found := re.fullmatch(r"(\d+)(GiB|TiB)", str(value)):
            return f"{int(found[1]) * 2}{found[2]}"
        if found := re.fullmatch(r"(\d+)([smhd])", str(value)):
            return f"{int(found[1]) + 1}{found[2]}"
        others = [one for one in form.get("examples", []) if one != value]
        return others[0] if others else None


# Running it


class Stack:
    """One file in an account of its own."""

    def __init__(self, binary: str, folder: pathlib.Path, base: str, seconds: int):
        self.binary, self.folder, self.base, self.seconds = binary, folder, base, seconds
        self.begin()

    def begin(self) -> None:
        self.account = f"{random.SystemRandom().randrange(10**11, 10**12)}"
        self.write(self.base)
        code, said = self.run("apply", "--yes")
        if code:
            raise SystemExit(f"the file itself cannot be applied: {said}")

    def write(self, text: str) -> None:
        (self.folder / "s.yaml").write_text(text)

    def run(self, command: str, *more: str) -> tuple[int, str]:
        environment = {name: os.environ[name] for name in ("PATH", "AWS_ENDPOINT_URL") if name in os.environ}
        environment |= {"HOME": str(self.folder), "AWS_ACCESS_KEY_ID": self.account, "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true", "NO_COLOR": "1", "LANG": "C.UTF-8"}
        try:
            ran = subprocess.run([self.binary, command, "s.yaml", *more], cwd=self.folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=self.seconds)
        except subprocess.TimeoutExpired as error:
            said = error.stderr.decode() if isinstance(error.stderr, bytes) else error.stderr or ""
            return -1, f"not done after {self.seconds} s: {said[-600:]}"
        self.out = ran.stdout
        return ran.returncode, ran.stderr

    def empty(self) -> str | None:
        """Nothing, or what a plan would still do."""
        code, said = self.run("plan", "--json", "--detailed-exitcode")
        if code == 0:
            return None
        changes = json.loads(self.out)["changes"] if code == 2 else said[-600:]
        return json.dumps([[change["key"], change["action"], [one.get("path") for one in change.get("changes", [])]] for change in changes]) if code == 2 else f"exit {code}: {changes}"

    def back(self) -> None:
        """To the file as it was; where that does not go, to another account."""
        self.write(self.base)
        code, _ = self.run("apply", "--yes", *CONSENT)
        if code or self.empty():
            self.begin()

    def refused(self, code: int) -> tuple[str, str]:
        self.write(self.base)
        left = self.empty()
        return ("BROKEN", f"refused (exit {code}), and the file as it was now has a plan: {left}") if left else (f"refused ({code})", "")

    def judge(self, edit: Edit) -> tuple[str, str]:
        self.write(edit.text)
        code, said = self.run("plan", "--json")
        if code in (4, 65):
            return self.refused(code)
        if code not in (0, 2):
            return "BROKEN", f"plan ends with {code}: {said[-800:]}"
        changes = json.loads(self.out)["changes"]
        if unsaid := next(filter(None, map(felt.wrong, changes)), None):
            return "BROKEN", f"the plan does not say what is felt: {unsaid}"
        planned = {change["key"] for change in changes if change["action"] != "keep"}
        code, said = self.run("apply", "--yes", "--json", *CONSENT)
        if code in (4, 65):
            return self.refused(code)
        if code:
            self.begin()
            return "BROKEN", f"apply ends with {code}: {said[-800:]}"
        lines = [json.loads(line) for line in self.out.splitlines() if line.startswith("{")]
        done = {one["key"] for line in lines if line.get("event") == "outcome" for one in line["done"]}
        left = self.empty()
        self.back()
        if left:
            return "BROKEN", f"the next plan is not empty: {left}"
        if planned != done:
            return "BROKEN", f"planned and not done: {sorted(planned - done)}; done and not planned: {sorted(done - planned)}"
        return ("done" if done else "no difference"), ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("schema", type=pathlib.Path)
    parser.add_argument("files", type=pathlib.Path, nargs="+")
    parser.add_argument("--part", default="1/1", help="of so many parts this one")
    parser.add_argument("--sample", type=int, help="so many of all, by chance")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--file", help="files that have this in their names")
    parser.add_argument("--only", help="paths that have this in them")
    parser.add_argument("--list", action="store_true", help="only what would be tried")
    parser.add_argument("--seconds", type=int, default=120, help="how long a command may take")
    arguments = parser.parse_args()
    felt.control()
    schema = json.loads(arguments.schema.read_text())
    everything, left_out = [], set()
    for file in arguments.files:
        document = yaml.safe_load(file.read_text())
        document.pop("environments", None)
        edits = Edits(schema, document)
        everything += [(file, json.dumps(document), edit) for edit in edits.made]
        left_out |= edits.left_out
    chosen = [item for item in everything if (arguments.only or "") in item[2].path and (arguments.file or "") in item[0].name]
    part, parts = map(int, arguments.part.split("/"))
    chosen = chosen[part - 1 :: parts]
    if arguments.sample:
        chosen = random.Random(arguments.seed).sample(chosen, min(arguments.sample, len(chosen)))
        chosen.sort(key=lambda item: str(item[0]))
    print(f"edits: {len(everything)} of {len({edit.path for _, _, edit in everything})} places in {len(arguments.files)} files, {len(chosen)} tried; left out: {', '.join(sorted(left_out))}", flush=True)
    if arguments.list:
        for file, _, edit in chosen:
            print(f"{file.name} {edit.path}: {edit.what}")
        return 0
    results, begun, stack = collections.Counter(), time.monotonic(), None
    with tempfile.TemporaryDirectory() as folder:
        for file, base, edit in chosen:
            if stack is None or stack.base != base:
                stack = Stack(arguments.binary, pathlib.Path(folder), base, arguments.seconds)
            result, why = stack.judge(edit)
            results[result] += 1
            print(f"{result:14} {file.name} {edit.path}: {edit.what}" + (f"\n    {why}" if why else ""), flush=True)
    print(f"edits tried: {len(chosen)}: {', '.join(f'{count} {result}' for result, count in sorted(results.items()))}; in {time.monotonic() - begun:.0f} s")
    return int(bool(results["BROKEN"]))


if __name__ == "__main__":
    sys.exit(main())
