"""The server: a thread for each connection, listening at the given address and nowhere else.

LocalStack's own takes the port from GATEWAY_LISTEN and forgets the address, and hands each request from a reactor to a thread and
back, which costs as much of the interpreter lock as the answer itself does.
"""

import contextlib
import io
import os
import socket
import socketserver
import sys
import threading
from email.utils import formatdate
from urllib.parse import unquote_to_bytes

import h11
from localstack.runtime.server.core import RuntimeServer, RuntimeServerPlugin

BODILESS = {204, 304}


class Connection(socketserver.BaseRequestHandler):
    """One client: a WSGI call for each of its requests, bodies read whole before and written as they come."""

    server: "_Listener"

    def setup(self):
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.http = h11.Connection(h11.SERVER)

    def handle(self):
        # A client that hung up needs no answer.
        with contextlib.suppress(ConnectionError, TimeoutError):
            try:
                while self._answer():
                    self.http.start_next_cycle()
            except h11.RemoteProtocolError as error:
                if self.http.our_state is h11.IDLE:
                    self.request.sendall(
                        self.http.send(h11.Response(status_code=error.error_status_hint, headers=[("Content-Length", "0")]))
                    )

    def _event(self):
        while (event := self.http.next_event()) is h11.NEED_DATA:
            if self.http.they_are_waiting_for_100_continue:
                self.request.sendall(self.http.send(h11.InformationalResponse(status_code=100, headers=[])))
            self.http.receive_data(self.request.recv(65536))
        return event

    def _answer(self) -> bool:
        request = self._event()
        if not isinstance(request, h11.Request):
            return False
        body = bytearray()
        while isinstance(event := self._event(), h11.Data):
            body += event.data
        begun: list = []
        written = self.server.gateway(
            self._environ(request, bytes(body)), lambda status, headers, _=None: begun.extend((status, headers))
        )
        try:
            status, headers = begun
            self._write(request, status, headers, written)
        finally:
            if close := getattr(written, "close", None):
                close()
        return self.http.our_state is h11.DONE

    def _write(self, request, status, headers, written) -> None:
        code, _, reason = status.partition(" ")
        if not any(name.lower() == "date" for name, _ in headers):
            headers = [*headers, ("Date", formatdate(usegmt=True))]
        # Without a length h11 sends in chunks, or closes the connection for who does not know these.
        out = self.http.send(h11.Response(status_code=int(code), reason=reason, headers=headers))
        bodiless = request.method == b"HEAD" or int(code) in BODILESS
        for data in written:
            if data and not bodiless:
                # The first piece is sent with the head.
                self.request.sendall(out + self.http.send(h11.Data(data=data)))
                out = b""
        self.request.sendall(out + self.http.send(h11.EndOfMessage()))

    def _environ(self, request, body: bytes) -> dict:
        target = request.target.decode("latin-1")
        path, _, query = target.partition("?")
        if "://" in path:
            path = "/" + path.split("://", 1)[1].partition("/")[2]
        host, port = self.server.server_address[:2]
        environ = {
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "wsgi.input_terminated": True,
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            "REQUEST_METHOD": request.method.decode(),
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
            "QUERY_STRING": query,
            "REQUEST_URI": target,
            "RAW_URI": target,
            "REMOTE_ADDR": self.client_address[0],
            "REMOTE_PORT": self.client_address[1],
            "SERVER_NAME": host,
            "SERVER_PORT": str(port),
            "SERVER_PROTOCOL": f"HTTP/{request.http_version.decode()}",
            # As they came, for LocalStack; WSGI's own form has lost their case and dashes.
            "rolo.headers": request.headers.raw_items(),
        }
        for name, value in request.headers:
            key = name.decode().upper().replace("-", "_")
            key = key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
            text = value.decode("latin-1")
            environ[key] = f"{environ[key]},{text}" if key in environ else text
        return environ


class _Listener(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 1024
    allow_reuse_address = True

    def __init__(self, host: str, port: int, gateway):
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.gateway = gateway
        super().__init__((host, port), Connection)


class LoopbackServer(RuntimeServer):
    def __init__(self):
        self._listeners: list[_Listener] = []

    def register(self, gateway, listen, ssl_creds=None):
        from rolo.gateway.wsgi import WsgiGateway

        # Plain HTTP only: no certificate is needed on one's own machine. Bound here, so that a port in use ends the start.
        self._listeners += [_Listener(address.host, address.port, WsgiGateway(gateway)) for address in listen]

    def run(self):
        for listener in self._listeners:
            threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 3600}, daemon=True).start()
        threading.Event().wait()

    def shutdown(self):
        # The hooks have run and nothing is kept. Waiting for idle threads would only take seconds.
        sys.stdout.flush()
        os._exit(0)


class LoopbackServerPlugin(RuntimeServerPlugin):
    name = "stack"

    def load(self, *args, **kwargs):
        return LoopbackServer()
