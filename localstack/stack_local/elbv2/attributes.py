"""Attributes of balancers, target groups and listeners: the whole set is answered, whatever was set."""

from stack_local.core import Call, fault, listed, pairs
from stack_local.elbv2 import access_logs
from stack_local.elbv2.state import find, invalid, no_balancer, no_group, no_listener, operations, store

BALANCER_ATTRIBUTES = {
    "application": {
        "access_logs.s3.enabled": "false",
        "access_logs.s3.bucket": "",
        "access_logs.s3.prefix": "",
        "client_keep_alive.seconds": "3600",
        "connection_logs.s3.enabled": "false",
        "connection_logs.s3.bucket": "",
        "connection_logs.s3.prefix": "",
        "deletion_protection.enabled": "false",
        "health_check_logs.s3.enabled": "false",
        "health_check_logs.s3.bucket": "",
        "health_check_logs.s3.prefix": "",
        "idle_timeout.timeout_seconds": "60",
        "ipv6.deny_all_igw_traffic": "false",
        "load_balancing.cross_zone.enabled": "true",
        "routing.http.desync_mitigation_mode": "defensive",
        "routing.http.drop_invalid_header_fields.enabled": "false",
        "routing.http.preserve_host_header.enabled": "false",
        "routing.http.x_amzn_tls_version_and_cipher_suite.enabled": "false",
        "routing.http.xff_client_port.enabled": "false",
        "routing.http.xff_header_processing.mode": "append",
        "routing.http2.enabled": "true",
        "waf.fail_open.enabled": "false",
        "zonal_shift.config.enabled": "false",
    },
    "network": {
        "access_logs.s3.enabled": "false",
        "access_logs.s3.bucket": "",
        "access_logs.s3.prefix": "",
        "deletion_protection.enabled": "false",
        "dns_record.client_routing_policy": "any_availability_zone",
        "ipv6.deny_all_igw_traffic": "false",
        "load_balancing.cross_zone.enabled": "false",
        "zonal_shift.config.enabled": "false",
    },
}
GROUP_ATTRIBUTES = {
    "deregistration_delay.timeout_seconds": "300",
    "load_balancing.cross_zone.enabled": "use_load_balancer_configuration",
    "stickiness.enabled": "false",
    "target_group_health.dns_failover.minimum_healthy_targets.count": "1",
    "target_group_health.dns_failover.minimum_healthy_targets.percentage": "off",
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count": "1",
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage": "off",
}
HTTP_GROUP_ATTRIBUTES = GROUP_ATTRIBUTES | {
    "load_balancing.algorithm.anomaly_mitigation": "off",
    "load_balancing.algorithm.type": "round_robin",
    "slow_start.duration_seconds": "0",
    "stickiness.app_cookie.cookie_name": "",
    "stickiness.app_cookie.duration_seconds": "86400",
    "stickiness.lb_cookie.duration_seconds": "86400",
    "stickiness.type": "lb_cookie",
}
TCP_GROUP_ATTRIBUTES = GROUP_ATTRIBUTES | {
    "deregistration_delay.connection_termination.enabled": "false",
    "preserve_client_ip.enabled": "false",
    "proxy_protocol_v2.enabled": "false",
    "stickiness.type": "source_ip",
    "target_health_state.unhealthy.connection_termination.enabled": "true",
    "target_health_state.unhealthy.draining_interval_seconds": "0",
}
LISTENER_ATTRIBUTES = {"HTTP": {"routing.http.response.server.enabled": "true"}, "TCP": {"tcp.idle_timeout.seconds": "350"}}
# Headers that a listener can set or rename: known keys without a value until one is set.
LISTENER_HEADERS = [
    "routing.http.response.strict_transport_security.header_value",
    "routing.http.response.access_control_allow_origin.header_value",
    "routing.http.response.access_control_allow_methods.header_value",
    "routing.http.response.access_control_allow_headers.header_value",
    "routing.http.response.access_control_allow_credentials.header_value",
    "routing.http.response.access_control_expose_headers.header_value",
    "routing.http.response.access_control_max_age.header_value",
    "routing.http.response.content_security_policy.header_value",
    "routing.http.response.x_content_type_options.header_value",
    "routing.http.response.x_frame_options.header_value",
]
MTLS_HEADERS = [
    "routing.http.request.x_amzn_mtls_clientcert_serial_number.header_name",
    "routing.http.request.x_amzn_mtls_clientcert_issuer.header_name",
    "routing.http.request.x_amzn_mtls_clientcert_subject.header_name",
    "routing.http.request.x_amzn_mtls_clientcert_validity.header_name",
    "routing.http.request.x_amzn_mtls_clientcert_leaf.header_name",
    "routing.http.request.x_amzn_mtls_clientcert.header_name",
    "routing.http.request.x_amzn_tls_version.header_name",
    "routing.http.request.x_amzn_tls_cipher_suite.header_name",
]


def _attributes(call: Call, kept: dict, arn: str, missing) -> dict[str, str]:
    find(kept, arn, missing)
    return store.of(call).attributes[arn]


def _change(attributes: dict[str, str], wanted: list[dict], what: str) -> dict:
    for attribute in wanted:
        if attribute["Key"] not in attributes:
            raise invalid(f"{what} attribute key '{attribute['Key']}' is not recognized")
    attributes.update(pairs(wanted))
    return {"Attributes": listed(attributes)}


@operations.on("DescribeLoadBalancerAttributes")
def describe_load_balancer_attributes(call: Call) -> dict:
    return {"Attributes": listed(_attributes(call, store.of(call).balancers, call["LoadBalancerArn"], no_balancer))}


@operations.on("ModifyLoadBalancerAttributes")
def modify_load_balancer_attributes(call: Call) -> dict:
    attributes = _attributes(call, store.of(call).balancers, call["LoadBalancerArn"], no_balancer)
    wanted = pairs(call["Attributes"])
    if wanted.get("access_logs.s3.enabled") == "true" and not (
        wanted.get("access_logs.s3.bucket") or attributes["access_logs.s3.bucket"]
    ):
        raise fault("InvalidConfigurationRequest", "The value of 'access_logs.s3.bucket' cannot be empty")
    after = attributes | wanted
    if after["access_logs.s3.enabled"] == "true" and any(key.startswith("access_logs.s3.") for key in wanted):
        access_logs.turn_on(call, call["LoadBalancerArn"], after["access_logs.s3.bucket"], after["access_logs.s3.prefix"])
    return _change(attributes, call["Attributes"], "Load balancer")


@operations.on("DescribeTargetGroupAttributes")
def describe_target_group_attributes(call: Call) -> dict:
    return {"Attributes": listed(_attributes(call, store.of(call).groups, call["TargetGroupArn"], no_group))}


@operations.on("ModifyTargetGroupAttributes")
def modify_target_group_attributes(call: Call) -> dict:
    attributes = _attributes(call, store.of(call).groups, call["TargetGroupArn"], no_group)
    delay = pairs(call["Attributes"]).get("deregistration_delay.timeout_seconds", "0")
    if not delay.isdigit() or int(delay) > 3600:
        raise invalid(f"'deregistration_delay.timeout_seconds' value '{delay}' must be between '0-3600' inclusive")
    return _change(attributes, call["Attributes"], "Target group")


@operations.on("DescribeListenerAttributes")
def describe_listener_attributes(call: Call) -> dict:
    return {"Attributes": listed(_attributes(call, store.of(call).listeners, call["ListenerArn"], no_listener))}


@operations.on("ModifyListenerAttributes")
def modify_listener_attributes(call: Call) -> dict:
    attributes = _attributes(call, store.of(call).listeners, call["ListenerArn"], no_listener)
    return _change(attributes, call["Attributes"], "Listener")
