"""How a module of this package becomes an AWS service.

A module lists operations in an `Operations`. What it does not list is handled by the moto that LocalStack carries
(`moto_service`) or to LocalStack's own provider (`around`).
"""

import contextlib
import datetime
import threading
import uuid
from collections.abc import Callable
from typing import Any

from localstack.aws.api import CommonServiceException, RequestContext
from localstack.aws.forwarder import create_aws_request_context
from localstack.aws.skeleton import Skeleton
from localstack.aws.spec import load_service
from localstack.services.moto import _proxy_moto, call_moto_with_request
from localstack.services.plugins import Service

# Services look into each other (a subnet asks who has interfaces in it), so they share one lock. Nothing
# under it waits for anything; Python would run these operations one after the other anyway. What LocalStack asks of itself
# (whether the bucket of flow logs is there) it asks from under the lock in another thread: those calls go without.
world = threading.RLock()


def fault(code: str, message: str, status: int = 400) -> CommonServiceException:
    return CommonServiceException(code, message, status_code=status, sender_fault=status < 500)


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def hex_id(digits: int) -> str:
    return uuid.uuid4().hex[:digits]


class Call:
    """One request: what was asked, by whom, and how to get the answer this package would replace."""

    def __init__(self, context: RequestContext, request: dict, stock: Callable):
        self.context = context
        self.request = request
        self._stock = stock

    @property
    def account(self) -> str:
        return self.context.account_id

    @property
    def region(self) -> str:
        return self.context.region

    def __getitem__(self, name: str) -> Any:
        return self.request[name]

    def get(self, name: str, default: Any = None) -> Any:
        value = self.request.get(name)
        return default if value is None else value

    def stock(self) -> dict:
        """The answer of what is underneath, to the request as it came."""
        return self._stock(self.context, self.request) or {}

    def moto(self, request: dict) -> dict:
        """moto's answer to another request for the same operation."""
        return call_moto_with_request(self.context, request) or {}

    def arn(self, service: str, resource: str) -> str:
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"


def on_behalf_of(account: str, region: str, service: str, operation: str, request: dict) -> Call:
    """A request that one service makes to another for an account, as the other's operations take it."""
    context = create_aws_request_context(service, operation, parameters=request, region=region)
    context.account_id = account
    # moto takes account and region from here.
    context.request.headers["x-moto-account-id"] = account
    scope = f"{account}/20160623/{region}/{service}/aws4_request"
    context.request.headers["Authorization"] = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=1234"
    return Call(context, request, _proxy_moto)


class Store:
    """State for each account and region, made when first asked for. A restart empties it."""

    def __init__(self, make: Callable[[], Any]):
        self._make = make
        self._places: dict[tuple[str, str], Any] = {}

    def at(self, account: str, region: str) -> Any:
        with world:
            key = (account, region)
            if key not in self._places:
                self._places[key] = self._make()
            return self._places[key]

    def of(self, call: Call) -> Any:
        return self.at(call.account, call.region)

    def places(self) -> list[tuple[tuple[str, str], Any]]:
        """Every account and region that was asked for, with its state."""
        return list(self._places.items())


class Operations:
    def __init__(self, api: str, locked: bool = True):
        self.api = api
        self._locked = locked  # not where bodies are long and nothing of other services is looked at
        self._handlers: dict[str, Callable[[Call], dict | None]] = {}
        self._before_all: list[Callable[[Call], None]] = []

    def on(self, *names: str):
        def register(handler):
            for name in names:
                self._handlers[name] = handler
            return handler

        return register

    def before_all(self, check):
        """Runs before every operation of the service, written here or not."""
        self._before_all.append(check)
        return check

    def _dispatch(self, name: str, stock: Callable):
        handler = self._handlers.get(name)
        if handler is None and not self._before_all:
            return stock

        def run(context: RequestContext, request: dict):
            with world if self._locked and not context.is_internal_call else contextlib.nullcontext():
                call = Call(context, request or {}, stock)
                for check in self._before_all:
                    check(call)
                return handler(call) if handler else stock(context, request)

        return run

    def moto_service(self) -> Service:
        model = load_service(self.api)
        table = {name: self._dispatch(name, _proxy_moto) for name in model.operation_names}
        return Service(name=self.api, skeleton=Skeleton(model, table))

    def around(self, stock: Service) -> Service:
        """LocalStack's own service, with our operations in front of its."""
        table = stock.skeleton.dispatch_table
        for name in load_service(self.api).operation_names:
            if name in table or name in self._handlers:
                table[name] = self._dispatch(name, table.get(name, _proxy_moto))
        return stock


class Tokens:
    """Client tokens: the same token and request again is the same object, another request is refused."""

    def __init__(self, refusal: Callable[[str], CommonServiceException]):
        self._refusal = refusal
        self._seen: dict[tuple[str, str], tuple[dict, str]] = {}

    def known(self, operation: str, request: dict, field: str) -> str | None:
        token = request.get(field)
        if not token or (operation, token) not in self._seen:
            return None
        asked, made = self._seen[operation, token]
        if asked != _without(request, field):
            raise self._refusal(token)
        return made

    def remember(self, operation: str, request: dict, field: str, made: str) -> None:
        if token := request.get(field):
            self._seen[operation, token] = (_without(request, field), made)


def _without(request: dict, field: str) -> dict:
    return {name: value for name, value in request.items() if name != field and value is not None}


def pairs(tags, key: str = "Key", value: str = "Value") -> dict[str, str]:
    """AWS's list of key-value pairs as a dictionary."""
    return {tag[key]: tag.get(value, "") for tag in tags or []}


def listed(tags: dict[str, str], key: str = "Key", value: str = "Value") -> list[dict[str, str]]:
    return [{key: name, value: text} for name, text in tags.items()]


def page(items: list, token: str | None, size: int | None, most: int) -> tuple[list, str | None]:
    """One page of a list; the token is simply where the next one starts."""
    start = int(token) if token and token.isdigit() else 0
    end = start + min(size or most, most)
    return items[start:end], str(end) if end < len(items) else None
