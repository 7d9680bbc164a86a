"""Lists one item a page, to test that a client asks for the next one.

A request with the header `X-Stack-Page-Items: 1` is answered with at most so many items and a token for the rest, in the
service's own words. What is a list, and what its tokens are called, is read from botocore's models of paginated operations,
so this holds for every service, whatever implements it here. An answer that is not the last one has `X-Stack-Page-More: yes`.
"""

import contextlib
import copy
import functools
import re

import botocore.exceptions
from botocore.session import get_session
from localstack.aws.forwarder import create_aws_request_context
from localstack.aws.skeleton import Skeleton

ITEMS, MORE = "X-Stack-Page-Items", "X-Stack-Page-More"

# These list what changes while it is listed, by the name of the last item: a number would skip some. They know sizes themselves.
_BY_NAME = ("s3", "route53")
# Two lists with one token, which knows sizes itself.
_BY_ITSELF = ("DescribeAlarms",)

# Of letters that every service's model allows in a token.
_TOKEN = re.compile(r"page/(\d+)/(.*)", re.DOTALL)


def _by_marker(member: str) -> dict:
    return {"result_key": member, "input_token": "NextMarker", "output_token": "NextMarker", "limit_key": "Limit"}


# What AWS answers in pages, though botocore has no model of it.
_OWN = {
    "wafv2": {
        "ListWebACLs": _by_marker("WebACLs"),
        "ListIPSets": _by_marker("IPSets"),
        "ListRuleGroups": _by_marker("RuleGroups"),
        "ListRegexPatternSets": _by_marker("RegexPatternSets"),
        "ListLoggingConfigurations": _by_marker("LoggingConfigurations"),
        "ListAvailableManagedRuleGroups": _by_marker("ManagedRuleGroups"),
        "ListAvailableManagedRuleGroupVersions": _by_marker("Versions"),
        "ListTagsForResource": _by_marker("TagInfoForResource.TagList"),
    }
}


@functools.cache
def _session():
    return get_session()


@functools.cache
def _paginators(service: str) -> dict:
    if service in _OWN:
        return _OWN[service]
    try:
        return _session().get_component("data_loader").load_service_model(service, "paginators-1")["pagination"]
    except botocore.exceptions.DataNotFoundError:
        return {}


def _inside(answer: dict, path: str) -> tuple[dict, str]:
    """The dictionary that holds what `path` names, and its name there."""
    *way, last = path.split(".")
    for part in way:
        answer = answer.get(part) or {}
    return answer, last


def _cut(answer: dict, page: dict, start: int, size: int, before: str) -> bool:
    """Leaves one page of `answer`; whether there is more."""
    holder, name = _inside(answer, page["result_key"])
    everything = holder.get(name) or []
    tokens, token = _inside(answer, page["output_token"])
    native = tokens.get(token) or ""
    holder[name] = everything[start : start + size]
    if "Quantity" in holder:
        holder["Quantity"] = len(holder[name])
    if start + size < len(everything):
        following = f"page/{start + size}/{before}"
    else:
        following = f"page/0/{native}" if native else ""
    if following:
        tokens[token] = following
    else:
        tokens.pop(token, None)
    if "more_results" in page:
        flags, flag = _inside(answer, page["more_results"])
        flags[flag] = bool(following)
    return bool(following)


def _simple(page: dict) -> bool:
    """One list and one token, both by their names; of more, or of an expression, nothing can be cut."""
    fields = (page.get("result_key"), page.get("input_token"), page.get("output_token"))
    return all(isinstance(field, str) and re.fullmatch(r"[\w.]+", field) for field in fields)


@contextlib.contextmanager
def _as_if_asked(context, request: dict):
    """moto reads the request as it came over the wire: here, as if it had been `request`."""
    made = create_aws_request_context(
        service_name=context.service.service_name,
        action=context.operation.name,
        parameters=request,
        region=context.region,
        protocol=context.protocol,
    )
    headers = copy.deepcopy(context.request.headers)
    headers.update(made.request.headers)
    made.request.headers = headers
    came, context.request = context.request, made.request
    try:
        yield
    finally:
        context.request = came


_whole = Skeleton.dispatch_request


def _dispatch(self, serializer, context, request):
    asked = context.request.headers.get(ITEMS, "")
    service, operation = self.service.service_name, context.operation.name
    page = _paginators(service).get(operation) if asked.isdigit() and int(asked) > 0 else None
    if page is None:
        return _whole(self, serializer, context, request)
    size, request, limit = int(asked), dict(request or {}), page.get("limit_key")
    more, asked_for = {"is": False}, dict(request)
    if service in _BY_NAME or operation in _BY_ITSELF:
        if limit:
            request[limit] = str(size) if isinstance(request.get(limit), str) or service == "route53" else size
        handler = self.dispatch_table[operation]

        def serve(context, request):
            answer = handler(context, request) or {}
            more["is"] = bool(answer.get(page.get("more_results", page["output_token"] if operation in _BY_ITSELF else "")))
            return answer
    elif not _simple(page):
        return _whole(self, serializer, context, request)
    else:
        came = _TOKEN.fullmatch(request.pop(page["input_token"], None) or "page/0/")
        start, native = (int(came[1]), came[2]) if came else (0, "")
        if native:
            request[page["input_token"]] = native
        if limit:
            request.pop(limit, None)
        handler = self.dispatch_table[operation]

        def serve(context, request):
            if request == asked_for:
                answer = handler(context, request) or {}
            else:
                with _as_if_asked(context, request):
                    answer = handler(context, request) or {}
            more["is"] = _cut(answer, page, start, size, native)
            return answer

    # The table belongs to all requests: this one's page must not be another's.
    table = _Page(self.service, {**self.dispatch_table, operation: serve})
    response = _whole(table, serializer, context, request)
    if more["is"]:
        response.headers[MORE] = "yes"
    return response


class _Page(Skeleton):
    """One request's own way of being answered."""


def serve_pages() -> None:
    """Has every service answer in pages to whom asks for them."""
    Skeleton.dispatch_request = _dispatch
