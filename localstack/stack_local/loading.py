"""Services are loaded when they are first asked for, and answer once they are loaded.

LocalStack calls a service loaded before its operations are known, so that whoever asks at that moment is told that there is no
such operation.
"""

import functools

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


def load_whole() -> None:
    ServiceLoader.require_service = _require_service
    _without_instances()
    # moto looks through its own methods anew for every call.
    from moto.core import responses

    responses.method_names_from_class = functools.cache(responses.method_names_from_class)
