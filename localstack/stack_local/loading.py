"""Services are loaded when they are first asked for, and answer once they are loaded.

LocalStack calls a service loaded before its operations are known, so that a request at that moment is answered that there is no
such operation. And Python gives up with a deadlock where one thread imports a package and another one a module in it, as
happens when two services of moto that use each other are first asked at the same time.
"""

import functools
import importlib._bootstrap as bootstrap
import threading

from localstack.aws.handlers.service_plugin import ServiceLoader

_stock = ServiceLoader.require_service
_whole: set[str] = set()


def _require_service(self, chain, context, response) -> None:
    name = context.service.service_name if context.service else None
    if name is None or name in _whole:
        return
    with self.service_locks[name]:
        _stock(self, chain, context, response)
        _whole.add(name)


def _without_instances() -> None:
    """moto reads what types of EC2 instances each region offers, two seconds of every server's first answer. Nothing here has any."""
    from moto.utilities import utils

    stock = utils.load_resource

    def load_resource(package: str, resource: str):
        if "instance_type_offerings" in resource:
            return []
        return {} if resource.endswith("instance_types.json") else stock(package, resource)

    utils.load_resource = load_resource


def imports_one_at_a_time() -> None:
    """The interpreter asks for this function by its name for each module that is not there yet, and only for those."""
    stock = bootstrap._find_and_load  # type: ignore[attr-defined]
    one_at_a_time = threading.RLock()

    def find_and_load(*args):
        with one_at_a_time:
            return stock(*args)

    bootstrap._find_and_load = find_and_load  # type: ignore[attr-defined]


def load_whole() -> None:
    imports_one_at_a_time()
    ServiceLoader.require_service = _require_service
    _without_instances()
    # moto looks through its own methods again for every call.
    from moto.core import responses

    responses.method_names_from_class = functools.cache(responses.method_names_from_class)
