"""AWS's own rule groups: what they are called, what they need of a web ACL, and which rules they have.

https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-list.html
"""

import re
from dataclasses import dataclass, field

from localstack.aws.api import CommonServiceException

from stack_local import states
from stack_local.core import Call, Store, fault
from stack_local.wafv2.state import listed_by_name, nonexistent, operations, state_of


@dataclass(frozen=True)
class Group:
    capacity: int
    label: str
    about: str
    rules: tuple[str, ...]
    others: dict[str, str] = field(default_factory=dict)  # actions that are not to block
    versioned: bool = True
    configured: bool = False  # it cannot do without its member of ManagedRuleGroupConfigs


def _each(name: str, *parts: str) -> tuple[str, ...]:
    return tuple(f"{name}_{part}" for part in parts)


# The one version that is listed here; AWS has others of each group, and moves the default.
_DEFAULT = "Version_1.0"

# Versions that are set to expired, by account: `AWSManagedRulesCommonRuleSet/Version_1.0`.
_expired = Store(set)

_GRADES = ("Low", "Medium", "High")
_TARGETED = (
    "VolumetricIpTokenAbsent",
    "TokenAbsent",
    "VolumetricSession",
    "VolumetricSessionMaximum",
    "SignalAutomatedBrowser",
    "SignalBrowserAutomationExtension",
    "SignalBrowserInconsistency",
)
# https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-bot.html
_TARGETED_ACTIONS = {
    "TGT_VolumetricIpTokenAbsent": "Challenge",
    "TGT_TokenAbsent": "Count",
    "TGT_VolumetricSession": "Captcha",
    "TGT_SignalAutomatedBrowser": "Captcha",
    "TGT_SignalBrowserAutomationExtension": "Captcha",
    "TGT_SignalBrowserInconsistency": "Captcha",
    **{f"TGT_TokenReuse{what}{how}": "Count" for what in ("Ip", "Asn", "Country") for how in _GRADES},
    **{f"TGT_ML_CoordinatedActivity{how}": "Count" for how in _GRADES},
}

GROUPS: dict[str, Group] = {
    "AWSManagedRulesCommonRuleSet": Group(
        700,
        "core-rule-set",
        "Contains rules that are generally applicable to web applications.",
        (
            "NoUserAgent_HEADER",
            "UserAgent_BadBots_HEADER",
            *_each("SizeRestrictions", "QUERYSTRING", "Cookie_HEADER", "BODY", "URIPATH"),
            *_each("EC2MetaDataSSRF", "BODY", "COOKIE", "URIPATH", "QUERYARGUMENTS"),
            *_each("GenericLFI", "QUERYARGUMENTS", "URIPATH", "BODY"),
            *_each("RestrictedExtensions", "URIPATH", "QUERYARGUMENTS"),
            *_each("GenericRFI", "QUERYARGUMENTS", "BODY", "URIPATH"),
            *_each("CrossSiteScripting", "COOKIE", "QUERYARGUMENTS", "BODY", "URIPATH"),
        ),
    ),
    "AWSManagedRulesAdminProtectionRuleSet": Group(
        100,
        "admin-protection",
        "Contains rules that block external access to exposed admin pages.",
        ("AdminProtection_URIPATH",),
    ),
    "AWSManagedRulesKnownBadInputsRuleSet": Group(
        200,
        "known-bad-inputs",
        "Contains rules that block request patterns that are known to be invalid.",
        (
            *_each("JavaDeserializationRCE", "BODY", "URIPATH", "QUERYSTRING", "HEADER"),
            "Host_localhost_HEADER",
            "PROPFIND_METHOD",
            "ExploitablePaths_URIPATH",
            *_each("Log4JRCE", "HEADER", "QUERYSTRING", "BODY", "URIPATH"),
            "ReactJSRCE_BODY",
        ),
    ),
    "AWSManagedRulesSQLiRuleSet": Group(
        200,
        "sql-database",
        "Contains rules that block request patterns of SQL injection.",
        (
            "SQLi_QUERYARGUMENTS",
            "SQLiExtendedPatterns_QUERYARGUMENTS",
            "SQLi_BODY",
            "SQLiExtendedPatterns_BODY",
            "SQLi_COOKIE",
        ),
    ),
    "AWSManagedRulesLinuxRuleSet": Group(
        200,
        "linux-os",
        "Contains rules that block request patterns of vulnerabilities specific to Linux.",
        _each("LFI", "URIPATH", "QUERYSTRING", "HEADER"),
    ),
    "AWSManagedRulesUnixRuleSet": Group(
        100,
        "posix-os",
        "Contains rules that block request patterns of vulnerabilities specific to POSIX systems.",
        _each("UNIXShellCommandsVariables", "QUERYSTRING", "BODY", "HEADER"),
    ),
    "AWSManagedRulesWindowsRuleSet": Group(
        200,
        "windows-os",
        "Contains rules that block request patterns of vulnerabilities specific to Windows.",
        (
            *_each("WindowsShellCommands", "COOKIE", "QUERYARGUMENTS", "BODY"),
            *_each("PowerShellCommands", "COOKIE", "QUERYARGUMENTS", "BODY"),
        ),
    ),
    "AWSManagedRulesPHPRuleSet": Group(
        100,
        "php-app",
        "Contains rules that block request patterns of vulnerabilities specific to PHP.",
        _each("PHPHighRiskMethodsVariables", "HEADER", "QUERYSTRING", "BODY"),
    ),
    "AWSManagedRulesWordPressRuleSet": Group(
        100,
        "wordpress-app",
        "Contains rules that block request patterns of vulnerabilities specific to WordPress.",
        ("WordPressExploitableCommands_QUERYSTRING", "WordPressExploitablePaths_URIPATH"),
    ),
    "AWSManagedRulesAmazonIpReputationList": Group(
        25,
        "amazon-ip-list",
        "Contains rules that are based on Amazon threat intelligence.",
        ("AWSManagedIPReputationList", "AWSManagedReconnaissanceList", "AWSManagedIPDDoSList"),
        {"AWSManagedIPDDoSList": "Count"},
        versioned=False,
    ),
    "AWSManagedRulesAnonymousIpList": Group(
        50,
        "anonymous-ip-list",
        "Contains rules that block requests from services that hide who asks.",
        ("AnonymousIPList", "HostingProviderIPList"),
        versioned=False,
    ),
    "AWSManagedRulesBotControlRuleSet": Group(
        50,
        "bot-control",
        "Contains rules that tell and manage requests of bots.",
        (
            *(
                f"Category{name}"
                for name in (
                    "Advertising",
                    "Archiver",
                    "ContentFetcher",
                    "EmailClient",
                    "HttpLibrary",
                    "LinkChecker",
                    "Miscellaneous",
                    "Monitoring",
                    "ScrapingFramework",
                    "SearchEngine",
                    "Security",
                    "Seo",
                    "SocialMedia",
                    "AI",
                )
            ),
            *("SignalAutomatedBrowser", "SignalKnownBotDataCenter", "SignalNonBrowserUserAgent"),
            *_each("TGT", *_TARGETED),
            *(f"TGT_TokenReuse{what}{how}" for what in ("Ip", "Asn", "Country") for how in _GRADES),
            *(f"TGT_ML_CoordinatedActivity{how}" for how in _GRADES),
        ),
        _TARGETED_ACTIONS,
    ),
    "AWSManagedRulesATPRuleSet": Group(
        50,
        "atp",
        "Contains rules that tell attempts to take over accounts.",
        (
            "UnsupportedCognitoIDP",
            "VolumetricIpHigh",
            "VolumetricSession",
            "AttributeCompromisedCredentials",
            "AttributeUsernameTraversal",
            "AttributePasswordTraversal",
            "AttributeLongSession",
            "TokenRejected",
            "SignalMissingCredential",
        ),
        configured=True,
    ),
    "AWSManagedRulesACFPRuleSet": Group(
        50,
        "acfp",
        "Contains rules that tell attempts to make accounts by fraud.",
        (
            "UnsupportedCognitoIDP",
            "AllRequests",
            "RiskScoreHigh",
            "SignalCredentialCompromised",
            "SignalClientHumanInteractivityAbsentLow",
            "AutomatedBrowser",
            "BrowserInconsistency",
            "VolumetricIpHigh",
            "VolumetricSessionHigh",
            "AttributeUsernameTraversalHigh",
            "VolumetricPhoneNumberHigh",
            "VolumetricAddressHigh",
            "VolumetricAddressLow",
            "VolumetricIPSuccessfulResponse",
            "VolumetricSessionSuccessfulResponse",
            "VolumetricSessionTokenReuseIp",
        ),
        {"AllRequests": "Challenge"},
        configured=True,
    ),
    "AWSManagedRulesAntiDDoSRuleSet": Group(
        50,
        "anti-ddos",
        "Contains rules that tell and manage requests of a denial of service.",
        ("ChallengeAllDuringEvent", "ChallengeDDoSRequests", "DDoSRequests"),
        {"ChallengeAllDuringEvent": "Challenge", "ChallengeDDoSRequests": "Challenge"},
        configured=True,
    ),
}


def group(vendor: str | None, name: str | None) -> Group | None:
    return GROUPS.get(name or "") if vendor == "AWS" else None


def has_version(found: Group, version: str) -> bool:
    """Which ones AWS still has is not known here: any that is called like one."""
    return found.versioned and re.fullmatch(r"Version_\d+\.\d+", version) is not None


@states.of("wafv2.managed")
def _say_state(account: str, _region: str, name: str, status: str) -> None:
    """`AWSManagedRulesCommonRuleSet/Version_1.0` is `expired`, or `available` again."""
    title, _, version = name.partition("/")
    if title not in GROUPS or not has_version(GROUPS[title], version):
        raise ValueError(f"there is no managed group {name}: it is called as in AWSManagedRulesCommonRuleSet/Version_1.0")
    if status not in ("expired", "available"):
        raise ValueError(f"a version is expired or available, not {status!r}")
    known = _expired.at(account, "")
    known.discard(name)
    if status == "expired":
        known.add(name)


def check_version(call: Call, name: str, version: str) -> None:
    """https://docs.aws.amazon.com/waf/latest/APIReference/API_UpdateWebACL.html, WAFExpiredManagedRuleGroupVersionException."""
    if not has_version(GROUPS[name], version):
        raise nonexistent()
    if f"{name}/{version}" in _expired.at(call.account, ""):
        raise fault(
            "WAFExpiredManagedRuleGroupVersionException",
            "The operation failed because the specified version for the managed rule group has expired. You can retrieve the available versions for the managed rule group by calling ListAvailableManagedRuleGroupVersions.",
        )


def unknown(vendor: str | None, name: str | None) -> CommonServiceException:
    """trussworks/terraform-aws-wafv2#23"""
    return fault(
        "WAFNonexistentItemException",
        f"ManagedRules with name {name} by vendor {vendor} does not exist. Please check your inputs",
    )


def _asked(call: Call) -> Group:
    state_of(call)
    found = group(call.get("VendorName"), call.get("Name"))
    version = call.get("VersionName")
    if found is None:
        raise unknown(call.get("VendorName"), call.get("Name"))
    if version is not None:
        check_version(call, call["Name"], version)
    return found


@operations.on("ListAvailableManagedRuleGroups")
def list_available_managed_rule_groups(call: Call) -> dict:
    state_of(call)
    items = [
        {"VendorName": "AWS", "Name": name, "VersioningSupported": one.versioned, "Description": one.about}
        for name, one in GROUPS.items()
    ]
    return listed_by_name(call, "ManagedRuleGroups", items)


@operations.on("ListAvailableManagedRuleGroupVersions")
def list_available_managed_rule_group_versions(call: Call) -> dict:
    found = _asked(call)
    answer = listed_by_name(call, "Versions", [{"Name": _DEFAULT}] if found.versioned else [])
    return answer | ({"CurrentDefaultVersion": _DEFAULT} if found.versioned else {})


@operations.on("DescribeManagedRuleGroup")
def describe_managed_rule_group(call: Call) -> dict:
    found = _asked(call)
    answer = {
        "Capacity": found.capacity,
        "Rules": [{"Name": name, "Action": {found.others.get(name, "Block"): {}}} for name in found.rules],
        "LabelNamespace": f"awswaf:managed:aws:{found.label}:",
    }
    return answer | ({"VersionName": call.get("VersionName", _DEFAULT)} if found.versioned else {})
