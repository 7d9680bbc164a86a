"""Starts one local AWS in this process: `python -m stack_local --port 4566 --state-dir DIR`."""

import argparse
import gc
import os
import pathlib
import sys
import warnings


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="stack_local", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="the port that AWS will answer on")
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address (default 127.0.0.1)")
    parser.add_argument("--state-dir", required=True, type=pathlib.Path, help="the directory for everything that is written")
    parser.add_argument(
        "--functions", action="store_true", help="run Lambda functions, as processes of this machine with all that you may do"
    )
    parser.add_argument("--time-scale", help="1 takes as long as AWS, 0.01 a hundredth, 0 (default) no time")
    arguments = parser.parse_args()
    # Only literal addresses: a name could resolve to anything.
    if arguments.host not in ("127.0.0.1", "::1"):
        parser.error(f"refusing to listen on {arguments.host}: only this machine may reach it (127.0.0.1 or ::1)")
    if not 1 <= arguments.port <= 65535:
        parser.error(f"no such port: {arguments.port}")
    if arguments.time_scale is not None:
        try:
            if not 0 <= float(arguments.time_scale) <= 1000:
                raise ValueError
        except ValueError:
            parser.error(f"the time scale must be between 0 and 1000, not {arguments.time_scale}")
    return arguments


def environment(host: str, port: int, state: pathlib.Path) -> dict[str, str]:
    """Everything LocalStack reads from the environment that matters here."""
    from stack_local.settings import SETTINGS

    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return SETTINGS | {
        "GATEWAY_LISTEN": address,
        # The address in URLs that it answers with (SQS, API Gateway): one that works without DNS.
        "LOCALSTACK_HOST": f"localhost:{port}",
        "LOCALSTACK_VOLUME_DIR": str(state / "volume"),
        "FILESYSTEM_ROOT": str(state / "files"),
        "TMPDIR": str(state / "tmp"),
        # LocalStack keeps a machine id below the home directory's cache.
        "XDG_CACHE_HOME": str(state / "cache"),
    }


def _use_prepared(files: pathlib.Path) -> None:
    """Puts the indexes of `stack_local.prepare` where LocalStack looks. Without any it builds its own, slowly."""
    from stack_local.prepare import FOLDER

    folder = files / "usr" / "lib" / "localstack"
    folder.mkdir(parents=True, exist_ok=True)
    for index in FOLDER.glob("*.dill"):
        place = folder / index.name
        place.unlink(missing_ok=True)
        place.symlink_to(index)


def _name_by_bytes() -> None:
    """LocalStack names the material of KMS keys by `uuid5` of bytes, which Python takes from 3.12 on; 3.11 makes no key."""
    import hashlib
    import uuid

    of_text = uuid.uuid5

    def uuid5(namespace: uuid.UUID, name) -> uuid.UUID:
        if isinstance(name, str):
            return of_text(namespace, name)
        return uuid.UUID(bytes=hashlib.sha1(namespace.bytes + name).digest()[:16], version=5)

    uuid.uuid5 = uuid5


def main() -> None:
    arguments = _arguments()
    state = arguments.state_dir.resolve()
    for folder in ("volume", "files", "tmp", "cache"):
        (state / folder).mkdir(parents=True, exist_ok=True)
    _use_prepared(state / "files")
    # A token or a profile in the user's environment would make LocalStack look for a licence on the network.
    for name in ("LOCALSTACK_AUTH_TOKEN", "LOCALSTACK_API_KEY", "CONFIG_PROFILE", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        os.environ.pop(name, None)
    os.environ.update(environment(arguments.host, arguments.port, state))
    if arguments.functions:
        os.environ["STACK_LOCAL_FUNCTIONS"] = "1"
    if arguments.time_scale is not None:
        os.environ["STACK_LOCAL_TIME_SCALE"] = arguments.time_scale

    # LocalStack 4.14.0 runs on 3.12 but for this one name of 3.13, without which CloudWatch and others do not load.
    if not hasattr(warnings, "deprecated"):
        import typing_extensions

        warnings.deprecated = typing_extensions.deprecated  # type: ignore[attr-defined]
    if sys.version_info < (3, 12):
        _name_by_bytes()

    # Backends of accounts live as long as the server: looking through them for garbage after each 700 new objects is in vain.
    gc.set_threshold(20_000, 20, 50)

    # Only now: LocalStack reads its configuration when it is first imported.
    from localstack.runtime.main import main as serve

    serve()


if __name__ == "__main__":
    main()
