"""AWS's own rule groups: what they are called, what they need of a web ACL, and which rules they have.

https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-list.html
"""

from dataclasses import dataclass, field

from stack_local.core import Call
from stack_local.wafv2.state import listed_by_name, nonexistent, operations, state_of


@dataclass(frozen=True)
class Group:
    capacity: int
    label: str
    about: str
    rules: tuple[str, ...]
    others: dict[str, str] = field(default_factory=dict)  # actions that are not to block
    versions: tuple[str, ...] = ("Version_1.0",)  # none where AWS says that it is not versioned
    config: str = ""  # the member of ManagedRuleGroupConfigs that it cannot do without


def _each(name: str, *parts: str) -> tuple[str, ...]:
    return tuple(f"{name}_{part}" for part in parts)


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
        versions=("Version_1.0", "Version_1.5", "Version_1.16"),
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
        ),
        versions=("Version_1.1", "Version_1.22"),
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
        versions=("Version_1.1", "Version_2.0"),
    ),
    "AWSManagedRulesLinuxRuleSet": Group(
        200,
        "linux-os",
        "Contains rules that block request patterns of vulnerabilities specific to Linux.",
        _each("LFI", "URIPATH", "QUERYSTRING", "HEADER"),
        versions=("Version_1.1", "Version_2.2"),
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
        versions=(),
    ),
    "AWSManagedRulesAnonymousIpList": Group(
        50,
        "anonymous-ip-list",
        "Contains rules that block requests from services that hide who asks.",
        ("AnonymousIPList", "HostingProviderIPList"),
        versions=(),
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
        ),
        versions=("Version_1.0", "Version_3.1"),
        config="AWSManagedRulesBotControlRuleSet",
    ),
    "AWSManagedRulesATPRuleSet": Group(
        50,
        "atp",
        "Contains rules that tell attempts to take over accounts.",
        (
            "VolumetricIpHigh",
            "VolumetricSession",
            "AttributeCompromisedCredentials",
            "AttributeUsernameTraversal",
            "AttributePasswordTraversal",
            "AttributeLongSession",
            "TokenRejected",
            "SignalMissingCredential",
        ),
        config="AWSManagedRulesATPRuleSet",
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
        ),
        {"AllRequests": "Challenge"},
        config="AWSManagedRulesACFPRuleSet",
    ),
    "AWSManagedRulesAntiDDoSRuleSet": Group(
        50,
        "anti-ddos",
        "Contains rules that tell and manage requests of a denial of service.",
        ("ChallengeAllDuringEvent", "ChallengeDDoSRequests", "DDoSRequests"),
        {"ChallengeAllDuringEvent": "Challenge", "ChallengeDDoSRequests": "Challenge"},
        config="AWSManagedRulesAntiDDoSRuleSet",
    ),
}


def group(vendor: str | None, name: str | None) -> Group | None:
    return GROUPS.get(name or "") if vendor == "AWS" else None


def _asked(call: Call) -> Group:
    state_of(call)
    found = group(call.get("VendorName"), call.get("Name"))
    if found is None:
        raise nonexistent()
    return found


@operations.on("ListAvailableManagedRuleGroups")
def list_available_managed_rule_groups(call: Call) -> dict:
    state_of(call)
    items = [
        {"VendorName": "AWS", "Name": name, "VersioningSupported": bool(one.versions), "Description": one.about}
        for name, one in GROUPS.items()
    ]
    return listed_by_name(call, "ManagedRuleGroups", items)


@operations.on("ListAvailableManagedRuleGroupVersions")
def list_available_managed_rule_group_versions(call: Call) -> dict:
    found = _asked(call)
    answer = listed_by_name(call, "Versions", [{"Name": version} for version in found.versions])
    return answer | ({"CurrentDefaultVersion": found.versions[-1]} if found.versions else {})


@operations.on("DescribeManagedRuleGroup")
def describe_managed_rule_group(call: Call) -> dict:
    found = _asked(call)
    version = call.get("VersionName")
    if version is not None and version not in found.versions:
        raise nonexistent()
    namespace = f"awswaf:managed:aws:{found.label}:"
    labels = [{"Name": f"{namespace}{name}"} for name in found.rules]
    answer = {
        "Capacity": found.capacity,
        "Rules": [{"Name": name, "Action": {found.others.get(name, "Block"): {}}} for name in found.rules],
        "LabelNamespace": namespace,
        "AvailableLabels": labels,
    }
    if found.versions:
        answer["VersionName"] = version or found.versions[-1]
    return answer
