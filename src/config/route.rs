//! Routes: the requests that the load balancer sends to a service.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize};

use super::values::Wrong;

/// The requests for a service, by path, by host, or by both. In the file it is a text such as `/api/*` or `api.example.com/v1/*`,
/// or a map.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Route {
    /// The path, with `*` and `?` as wildcards; `/*` is every path.
    pub path: String,
    /// The host name, with `*` and `?` as wildcards. None: every host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The priority of the rule, 1 first. None: more specific routes come before less specific ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<u16>,
}

/// A route as a map.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RouteMap")]
struct Fields {
    /// The path, with `*` and `?` as wildcards.
    #[serde(default = "every_path")]
    #[schemars(extend("format" = "stack-route-path", "pattern" = "^/", "examples" = ["/api/*"], "patternErrorMessage" = "a path starts with a slash: `/api/*`"))]
    path: String,
    /// The host name, with `*` and `?` as wildcards. Default: every host.
    #[schemars(extend("format" = "stack-route-host", "pattern" = r"^[A-Za-z0-9.*?-]*\.[A-Za-z0-9.*?-]*$", "examples" = ["api.example.com"]))]
    host: Option<String>,
    /// The priority of the rule, 1 first. Default: more specific routes come before less specific ones.
    #[schemars(range(min = 1, max = 50000))]
    priority: Option<u16>,
}

fn every_path() -> String {
    "/*".into()
}

impl Route {
    /// Checks whether both match exactly the same requests.
    pub fn same(&self, other: &Route) -> bool {
        self.path == other.path && self.host == other.host
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.host.as_deref().unwrap_or_default(), self.path)
    }
}

/// Checks a path against the characters that a path condition may have.
pub(super) fn path(text: &str) -> Result<(), Wrong> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "_-.$/~\"'@:+&*?".contains(c);
    if !text.starts_with('/') {
        return Err(Wrong::new(
            format!("the path `{}` does not start with a slash", super::diagnostic::short(text)),
            format!("write `/{text}`"),
        ));
    }
    if text.len() > 128 {
        let over = text.len() - 128;
        return Err(Wrong::new(
            format!("the path has {} characters, {over} too many", text.len()),
            "a path has at most 128 characters",
        ));
    }
    match text.chars().find(|c| !fits(*c)) {
        Some(c) => Err(Wrong::new(
            format!("a path cannot contain the character `{c}`"),
            "a path consists of letters, digits, `_ - . $ / ~ \" ' @ : + &` and the wildcards `*` and `?`",
        )),
        None => Ok(()),
    }
}

/// Checks a host name against the characters that a host condition may have.
pub(super) fn host(text: &str) -> Result<(), Wrong> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-.*?".contains(c);
    if text.is_empty() || text.len() > 128 || !text.chars().all(fits) || !text.contains('.') {
        return Err(Wrong::new(
            format!("`{}` is not a host name", super::diagnostic::short(text)),
            "a host name looks like `api.example.com` or `*.example.com`; a path starts with a slash: `/api/*`",
        ));
    }
    Ok(())
}

impl FromStr for Route {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Self, Wrong> {
        if let Some((scheme, rest)) = text.split_once("://") {
            return Err(Wrong::new(
                format!("a route has no scheme, but `{}` starts with `{scheme}://`", super::diagnostic::short(text)),
                format!("write `{rest}`"),
            ));
        }
        let slash = text.find('/').unwrap_or(text.len());
        let (host_part, path_part) = text.split_at(slash);
        if host_part.is_empty() && path_part.is_empty() {
            return Err(Wrong::new("the route is empty", "for all requests write `/*`"));
        }
        if !host_part.is_empty() {
            if !host_part.contains(['.', ' ']) {
                return Err(Wrong::new(
                    format!("`{}` is neither a path nor a host name", super::diagnostic::short(text)),
                    format!("did you mean `/{text}`? A path starts with a slash"),
                ));
            }
            host(host_part)?;
        }
        if !path_part.is_empty() {
            path(path_part)?;
        }
        let path = if path_part.is_empty() { every_path() } else { path_part.to_owned() };
        Ok(Route { path, host: (!host_part.is_empty()).then(|| host_part.to_owned()), priority: None })
    }
}

impl<'de> Deserialize<'de> for Route {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextOrMap;

        impl<'de> Visitor<'de> for TextOrMap {
            type Value = Route;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a route: text or a map")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Route, E> {
                text.parse().map_err(E::custom)
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Route, A::Error> {
                let Fields { path, host, priority } = Fields::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Route { path, host, priority })
            }
        }

        deserializer.deserialize_any(TextOrMap)
    }
}

impl JsonSchema for Route {
    fn schema_name() -> Cow<'static, str> {
        "Route".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "The requests that go to the service: `/api/*`, `api.example.com`, `api.example.com/v1/*`, or a map.",
            "anyOf": [
                {"type": "string", "format": "stack-route", "pattern": r"^(/\S*|[A-Za-z0-9*?-]*\.[A-Za-z0-9.*?-]*(/\S*)?)$", "patternErrorMessage": "write a path like `/api/*`, or a host name like `api.example.com`, or both: `api.example.com/v1/*`", "examples": ["/*", "/api/*", "api.example.com/*"]},
                generator.subschema_for::<Fields>(),
            ],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_maps_say_the_same() {
        let route = |v: serde_json::Value| serde_json::from_value::<Route>(v).unwrap();
        let of = |path: &str, host: Option<&str>| Route { path: path.into(), host: host.map(Into::into), priority: None };
        assert_eq!(route("/api/*".into()), of("/api/*", None));
        assert_eq!(route("a.example.com".into()), of("/*", Some("a.example.com")));
        assert_eq!(route("*.example.com/x/y".into()), of("/x/y", Some("*.example.com")));
        assert_eq!(route(serde_json::json!({"host": "a.b"})), of("/*", Some("a.b")));
        assert_eq!(route(serde_json::json!({"path": "/a", "priority": 7})), Route { priority: Some(7), ..of("/a", None) });
        assert_eq!(of("/x", Some("a.b")).to_string(), "a.b/x");
    }

    #[test]
    fn what_is_not_a_route() {
        let wrong: String = ["", "api", "https://a.b/c", "a b.c", "/a b", "-/x"]
            .iter()
            .map(|t| format!("{}\n", t.parse::<Route>().unwrap_err()))
            .collect();
        insta::assert_snapshot!(wrong, @r#"
        the route is empty: for all requests write `/*`
        `api` is neither a path nor a host name: did you mean `/api`? A path starts with a slash
        a route has no scheme, but `https://a.b/c` starts with `https://`: write `a.b/c`
        `a b.c` is not a host name: a host name looks like `api.example.com` or `*.example.com`; a path starts with a slash: `/api/*`
        a path cannot contain the character ` `: a path consists of letters, digits, `_ - . $ / ~ " ' @ : + &` and the wildcards `*` and `?`
        `-/x` is neither a path nor a host name: did you mean `/-/x`? A path starts with a slash
        "#);
    }
}
