"""Cloud Map: moto's, with operations that take their time, and with what AWS refuses."""

from moto.servicediscovery.models import Namespace, servicediscovery_backends

from stack_local.clock import clock
from stack_local.core import Call, Operations, Store, fault, page
from stack_local.settling import settles

operations = Operations("servicediscovery")


class State:
    def __init__(self):
        self.coming: dict[str, object] = {}  # namespaces that an operation is still making, by id
        self.going: dict[str, object] = {}
        self.operations: dict[str, str] = {}  # the namespace of an operation that is under way


store = Store(State)


def _backend(call: Call):
    return servicediscovery_backends[call.account][call.region]


@settles
def settle(account: str, region: str) -> None:
    state, backend = store.at(account, region), servicediscovery_backends[account][region]
    for namespace in [id for id, timer in state.coming.items() if timer.done()]:
        del state.coming[namespace]
    for namespace in [id for id, timer in state.going.items() if timer.done()]:
        del state.going[namespace]
        backend.namespaces.pop(namespace, None)


@operations.before_all
def _first(call: Call) -> None:
    settle(call.account, call.region)


def _shown(call: Call, namespace: str) -> bool:
    return namespace not in store.of(call).coming


# https://docs.aws.amazon.com/cloud-map/latest/api/API_CreateHttpNamespace.html
@operations.on("CreateHttpNamespace")
def create_http_namespace(call: Call) -> dict:
    state, backend, token = store.of(call), _backend(call), call.get("CreatorRequestId")
    for known in backend.namespaces.values():
        if known.type == "HTTP" and known.name == call["Name"]:
            if known.id in state.coming and token and known.creator_request_id == token:
                raise fault(
                    "DuplicateRequest",
                    "Another operation of type CREATE_NAMESPACE is in progress with the same creator request id.",
                )
            raise fault("NamespaceAlreadyExists", f"Namespace with name {known.name} already exists.")
    operation = backend.create_http_namespace(call["Name"], token, call.get("Description"), call.get("Tags"))
    namespace = backend.operations[operation].targets["NAMESPACE"]
    state.operations[operation] = namespace
    state.coming[namespace] = clock.timer("servicediscovery.namespace")
    settle(call.account, call.region)
    return {"OperationId": operation}


@operations.on("GetOperation")
def get_operation(call: Call) -> dict:
    answer, state = call.stock(), store.of(call)
    namespace = state.operations.get(call["OperationId"])
    if namespace in state.coming:
        answer["Operation"] |= {"Status": "PENDING", "Targets": {}}
    elif namespace in state.going:
        answer["Operation"] |= {"Status": "PENDING"}
    return answer


@operations.on("GetNamespace")
def get_namespace(call: Call) -> dict:
    if not _shown(call, call["Id"]):
        raise fault("NamespaceNotFound", call["Id"])
    return call.stock()


@operations.on("ListNamespaces")
def list_namespaces(call: Call) -> dict:
    found = [n.to_json() for n in _backend(call).namespaces.values() if _shown(call, n.id)]
    for wanted in call.get("Filters", []):
        field = {"TYPE": "Type", "NAME": "Name"}.get(wanted["Name"])
        if field:
            found = [namespace for namespace in found if namespace[field] in wanted["Values"]]
    items, token = page(found, call.get("NextToken"), call.get("MaxResults"), 100)
    return {"Namespaces": items} | ({"NextToken": token} if token else {})


# https://docs.aws.amazon.com/cloud-map/latest/api/API_DeleteNamespace.html
@operations.on("DeleteNamespace")
def delete_namespace(call: Call) -> dict:
    state, backend, namespace = store.of(call), _backend(call), call["Id"]
    if namespace not in backend.namespaces or not _shown(call, namespace):
        raise fault("NamespaceNotFound", namespace)
    if namespace in state.going:
        raise fault("DuplicateRequest", "Another operation of type DELETE_NAMESPACE is in progress.")
    if any(service.namespace_id == namespace for service in backend.services.values()):
        raise fault("ResourceInUse", "Namespace has associated services; delete the services before deleting the namespace")
    operation = backend._create_operation("DELETE_NAMESPACE", targets={"NAMESPACE": namespace})
    state.operations[operation] = namespace
    state.going[namespace] = clock.timer("servicediscovery.namespace")
    settle(call.account, call.region)
    return {"OperationId": operation}


@operations.on("ListServices")
def list_services(call: Call) -> dict:
    found = list(_backend(call).services.values())
    for wanted in call.get("Filters", []):
        if wanted["Name"] == "NAMESPACE_ID":
            found = [service for service in found if service.namespace_id in wanted["Values"]]
    fields = ("Id", "Arn", "Name", "Type", "Description", "DnsConfig", "CreateDate")
    shown = [
        {field: value for field, value in s.to_json().items() if field in fields and value is not None}
        | {"InstanceCount": len(s.instances)}
        for s in found
    ]
    items, token = page(shown, call.get("NextToken"), call.get("MaxResults"), 100)
    return {"Services": items} | ({"NextToken": token} if token else {})


@operations.on("CreateService")
def create_service(call: Call) -> dict:
    backend, namespace = _backend(call), call.get("NamespaceId")
    if namespace and namespace not in backend.namespaces:
        raise fault("NamespaceNotFound", namespace)
    if any(s.namespace_id == namespace and s.name == call["Name"] for s in backend.services.values()):
        raise fault("ServiceAlreadyExists", "Service already exists.")
    return call.stock()


@operations.on("DeleteService")
def delete_service(call: Call) -> dict:
    known = _backend(call).services.get(call["Id"])
    if known is None:
        raise fault("ServiceNotFound", call["Id"])
    if known.instances:
        raise fault("ResourceInUse", "Service contains registered instances; delete the instances before deleting the service")
    return call.stock()


def namespace_of(account: str, region: str, reference: str) -> Namespace | None:
    """A namespace by its name or its ARN, for ECS."""
    settle(account, region)
    coming = store.at(account, region).coming
    known = servicediscovery_backends[account][region].namespaces.values()
    return next((n for n in known if reference in (n.arn, n.name) and n.id not in coming), None)


def offer(account: str, region: str, namespace: Namespace, name: str) -> str:
    """The service of that name in the namespace, made when there is none: its ARN."""
    backend = servicediscovery_backends[account][region]
    for known in backend.services.values():
        if (known.namespace_id, known.name) == (namespace.id, name):
            return known.arn
    return backend.create_service(name, namespace.id, "", "Managed by Amazon ECS", None, None, None, [], "HTTP").arn


def all_tags(account: str, region: str) -> dict[str, dict[str, str]]:
    settle(account, region)
    backend = servicediscovery_backends[account][region]
    arns = [known.arn for known in (*backend.namespaces.values(), *backend.services.values())]
    return {arn: dict(backend.tagger.get_tag_dict_for_resource(arn)) for arn in arns}
