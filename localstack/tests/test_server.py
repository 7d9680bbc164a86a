import contextlib
import http.client
import os
import pathlib
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request

from tests.aws import ROOT, Server, shared


class Starting(unittest.TestCase):
    def run_with(self, *arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "-m", "stack_local", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=30
        )

    def test_only_loopback(self):
        with tempfile.TemporaryDirectory() as folder:
            for host in ("0.0.0.0", "::", "192.0.2.1", "localhost"):
                refused = self.run_with("--port", "4599", "--state-dir", folder, "--host", host)
                self.assertEqual(refused.returncode, 2)
                self.assertIn("refusing to listen", refused.stderr)

    def test_a_port_in_use_ends_the_start(self):
        with tempfile.TemporaryDirectory() as folder:
            second = self.run_with("--port", str(shared().port), "--state-dir", folder)
        self.assertNotEqual(second.returncode, 0)

    @unittest.skipUnless(pathlib.Path("/proc/net/tcp").exists(), "needs Linux's /proc")
    def test_it_listens_on_loopback_only_and_nowhere_else(self):
        server = shared()
        server.client("ec2").describe_vpcs()
        sockets = {
            os.readlink(fd)
            for fd in pathlib.Path(f"/proc/{server.process.pid}/fd").iterdir()
            if fd.is_symlink() and os.readlink(fd).startswith("socket:")
        }
        listening = []
        for table in ("tcp", "tcp6", "udp", "udp6"):
            for line in pathlib.Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
                fields = line.split()
                if f"socket:[{fields[9]}]" in sockets and (fields[3] == "0A" or table.startswith("udp")):
                    listening.append((table, fields[1]))
        self.assertEqual(listening, [("tcp", f"0100007F:{server.port:04X}")])

    def test_two_at_once_know_nothing_of_each_other(self):
        one, two = Server(), Server()
        self.addCleanup(one.stop)
        self.addCleanup(two.stop)
        one.client("ecs").create_cluster(clusterName="only-here")
        self.assertEqual(len(one.client("ecs").list_clusters()["clusterArns"]), 1)
        self.assertEqual(two.client("ecs").list_clusters()["clusterArns"], [])

    def test_a_client_that_hangs_up_leaves_no_traceback(self):
        server = Server()
        for said in (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf", b"GET / HT", b"", b"no request\r\n\r\n"):
            client = socket.create_connection(("127.0.0.1", server.port))
            # With a reset, so that an answer cannot be written.
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.sendall(said)
            client.close()
        urllib.request.urlopen(f"{server.url}/_localstack/health").close()
        server.stop()
        self.assertNotIn("Traceback", server.said)

    def test_it_ends_quickly_and_keeps_nothing(self):
        server = Server()
        server.client("ecs").create_cluster(clusterName="kept")
        started = time.monotonic()
        server.process.terminate()
        self.assertEqual(server.process.wait(10), 0)
        self.assertLess(time.monotonic() - started, 3)
        server.stop()

    def test_everything_written_is_below_its_folder(self):
        with tempfile.TemporaryDirectory() as home:
            server = Server(environment={"HOME": home, "TMPDIR": home})
            self.addCleanup(server.stop)
            server.client("s3").create_bucket(Bucket="some-bucket")
            server.client("logs").create_log_group(logGroupName="some")
            self.assertEqual(os.listdir(home), [])


class Http(unittest.TestCase):
    def test_what_clients_do_with_a_connection(self):
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", shared().port, timeout=20)) as connection:
            for method, path, body in [
                ("PUT", "/a-bucket-of-http", None),
                ("PUT", "/a-bucket-of-http/chunked", iter([b"one ", b"two"])),
                ("HEAD", "/a-bucket-of-http/chunked", None),
                ("GET", "/a-bucket-of-http/chunked", None),
                ("DELETE", "/a-bucket-of-http/chunked", None),
                ("GET", "/a-bucket-of-http/chunked", None),
            ]:
                # One connection for all of them: each answer ends where it says.
                headers = {
                    "Authorization": "AWS4-HMAC-SHA256 Credential=222222222222/20261126/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
                }
                connection.request(method, path, body=body, headers=headers, encode_chunked=body is not None)
                answer = connection.getresponse()
                said = answer.read()
                self.assertIsNotNone(answer.getheader("Date"))
                if method == "GET":
                    self.assertIn((answer.status, said) if answer.status == 200 else answer.status, [(200, b"one two"), 404])
                else:
                    self.assertIn(answer.status, (200, 204))
                    self.assertEqual(said, b"")

    def test_no_http_is_refused(self):
        with socket.create_connection(("127.0.0.1", shared().port), timeout=20) as connection:
            connection.sendall(b"HELO there\r\n\r\n")
            self.assertTrue(connection.makefile("rb").read().startswith(b"HTTP/1.1 400 "))


class Speed(unittest.TestCase):
    def test_the_time_scale(self):
        server = Server("--time-scale", "0.5")
        self.addCleanup(server.stop)
        read = lambda: urllib.request.urlopen(f"{server.url}/_stack/time-scale").read()
        self.assertEqual(read(), b'{"scale": 0.5}')
        with self.assertRaises(urllib.error.HTTPError) as caught:
            server.scale(-1)
        caught.exception.close()
        self.assertEqual(caught.exception.code, 400)
        server.scale(1)
        self.assertEqual(read(), b'{"scale": 1.0}')
        rds = server.client("rds")
        arguments = {
            "DBInstanceIdentifier": "d",
            "Engine": "postgres",
            "DBInstanceClass": "db.t4g.micro",
            "AllocatedStorage": 20,
            "MasterUsername": "owner",
            "MasterUserPassword": "p4ssw0rd!",
        }
        rds.create_db_instance(**arguments)
        status = lambda: rds.describe_db_instances()["DBInstances"][0]["DBInstanceStatus"]
        self.assertEqual(status(), "creating")
        server.scale(0)  # ends what is under way
        self.assertEqual(status(), "available")
