"""What the comparisons measure with: a counting proxy, and a run with its time, processor time and memory.

Plain Python 3.9 or newer, no packages. Linux: memory and processor time are read from /proc.
"""

import http.client
import http.server
import os
import re
import subprocess
import threading
import time

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
SAMPLE = 0.02
HOP = {"connection", "transfer-encoding", "content-length", "expect", "keep-alive"}


class Proxy:
    """Forwards to a local AWS, counts what is asked, and can make every answer late.

    While `keeps`, it keeps the answers; while `replays`, a question that was asked before gets the kept answer, without the local
    AWS, which answers one question after the other: what a client needs when the answers come as fast as they are told to.
    """

    def __init__(self, upstream_port):
        outer = self
        self.lock = threading.Lock()
        self.calls = []  # (begun, ended, name)
        self.delay = 0.0
        self.keeps, self.replays = False, False
        self.missed = 0  # questions that had no kept answer
        self.answers = {}  # (method, path, operation, body): (status, reason, headers, content)

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = 1 << 16  # an answer is one packet

            def setup(self):
                super().setup()
                self.upstream = http.client.HTTPConnection("127.0.0.1", upstream_port, timeout=300)

            def finish(self):
                self.upstream.close()
                super().finish()

            def body(self):
                if "chunked" in self.headers.get("Transfer-Encoding", ""):
                    out = b""
                    while size := int(self.rfile.readline().split(b";")[0], 16):
                        out += self.rfile.read(size)
                        self.rfile.readline()
                    while self.rfile.readline().strip():
                        pass
                    return out
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))

            def serve(self):
                begun = time.monotonic()
                body = self.body()
                if outer.delay:
                    time.sleep(outer.delay)
                question = (self.command, self.path, name_of(self, body), body)
                answer = outer.answers.get(question) if outer.replays else None
                with outer.lock:
                    outer.missed += outer.replays and answer is None
                status, reason, headers, content = answer or self.ask(body)
                if outer.keeps:
                    outer.answers[question] = (status, reason, headers, content)
                with outer.lock:
                    outer.calls.append((begun, time.monotonic(), question[2]))
                self.send_response_only(status, reason)
                for key, value in headers:
                    if key.lower() not in HOP:
                        self.send_header(key, value)
                length = dict(headers).get("Content-Length") if self.command == "HEAD" else None
                self.send_header("Content-Length", length or str(len(content)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)
                self.wfile.flush()

            def ask(self, body):
                headers = {k: v for k, v in self.headers.items() if k.lower() not in HOP}
                headers["Content-Length"] = str(len(body))
                for attempt in (1, 2):
                    try:
                        self.upstream.request(self.command, self.path, body, headers)
                        answer = self.upstream.getresponse()
                        break
                    except (http.client.HTTPException, ConnectionError):
                        # The server closed a connection that was idle: nothing was done yet.
                        self.upstream.close()
                        if attempt == 2:
                            raise
                content = answer.read()
                return answer.status, answer.reason, answer.getheaders(), content

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = do_OPTIONS = serve

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 256

            def handle_error(self, *_):  # a client that went away
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self):
        with self.lock:
            calls, self.calls = self.calls, []
        return calls


def name_of(request, body):
    """`ec2:CreateVpc`, or the method and the path."""
    scope = re.search(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/", request.headers.get("Authorization", ""))
    target = request.headers.get("X-Amz-Target", "").rpartition(".")[2]
    action = re.search(rb"(?:^|&)Action=(\w+)", body[:4096])
    name = target or (action and action[1].decode()) or f"{request.command} {request.path}"
    return f"{scope[1] if scope else '?'}:{name}"


class Run:
    """How a command ran: seconds, processor seconds and peak memory of all its processes, and its output."""

    def __init__(self, command, env, cwd=None, ok=(0,)):
        begun = time.monotonic()
        process = subprocess.Popen(
            command, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
        )
        output = {}
        readers = [
            threading.Thread(target=lambda n=n, f=f: output.__setitem__(n, f.read()))
            for n, f in (("out", process.stdout), ("err", process.stderr))
        ]
        for reader in readers:
            reader.start()
        self.peak, ticks, gone = 0, {}, None
        while gone is None:
            used = 0
            for pid, spent, resident in session(process.pid):
                ticks[pid] = spent
                used += resident
            self.peak = max(self.peak, used)
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                gone = (os.waitstatus_to_exitcode(status), usage)
            else:
                time.sleep(SAMPLE)
        self.wall = time.monotonic() - begun
        process.returncode, usage = gone
        for reader in readers:
            reader.join(10)
        self.out, self.err = (output.get(n, b"").decode(errors="replace") for n in ("out", "err"))
        # What was waited for is exact; what a process started and did not wait for was only sampled. Likewise the peak:
        # a short run may be over between two samples, and the kernel remembers the largest process.
        self.cpu = max(usage.ru_utime + usage.ru_stime, sum(ticks.values()) / TICKS)
        self.peak = max(self.peak, usage.ru_maxrss * 1024)
        self.code = process.returncode
        if self.code not in ok:
            raise SystemExit(f"{' '.join(command)}\nended with {self.code}\n{self.out[-3000:]}\n{self.err[-6000:]}")


def session(leader):
    """The processes of a session: pid, processor ticks, resident bytes."""
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat") as file:
                    fields = file.read().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[3]) == leader:
                yield int(entry), int(fields[11]) + int(fields[12]), int(fields[21]) * PAGE


class LocalAws:
    """The AWS on this machine, started for a comparison and stopped after it."""

    def __init__(self, stack, port):
        self.stack, self.port = stack, port
        self.call("start", "--port", str(port))

    def call(self, *arguments):
        subprocess.run([self.stack, "local", *arguments], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    def reset(self, scale=0.0):
        self.call("reset", "--port", str(self.port))
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        connection.request("POST", "/_stack/time-scale", '{"scale": %s}' % scale)
        connection.getresponse().read()

    def stop(self):
        self.call("stop", "--port", str(self.port))


def environment(url, account):
    """The environment of whoever talks to that AWS: nothing of the user's settings."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LANG", "XDG_CACHE_HOME") if name in os.environ}
    return kept | {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": account,
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_COLOR": "1",
    }


def machine():
    """One line about where this was measured."""
    with open("/proc/cpuinfo") as file:
        model = next((line.partition(":")[2].strip() for line in file if line.startswith("model name")), "unknown processor")
    return f"{os.cpu_count()} cores ({model}), load {os.getloadavg()[0]:.1f}"


def table(head, rows):
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)
