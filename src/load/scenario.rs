//! Which requests are sent, and in which order.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The longest body of a request, in bytes.
const LONGEST_BODY: usize = 1 << 20;
/// The most requests that a scenario has, and the highest weight of one.
const MOST: usize = 100;
const HEAVIEST: u32 = 10_000;
/// What decides where a request goes, or is written by the client.
const RESERVED: [&str; 6] = ["host", "content-length", "transfer-encoding", "connection", "upgrade", "expect"];

/// Several requests with their weights.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// The requests.
    pub requests: Vec<Request>,
}

/// A request.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Path and query: `/search?q=shoes`.
    pub path: String,
    /// `GET`, `POST` …
    #[serde(default = "get")]
    pub method: String,
    /// How often it is sent, in relation to the others.
    #[serde(default = "one")]
    pub weight: u32,
    /// Headers, by name.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The body, as text.
    #[serde(default)]
    pub body: Option<String>,
    /// The statuses that count as success. Empty: all below 400.
    #[serde(default)]
    pub expect: Vec<u16>,
}

fn get() -> String {
    "GET".to_owned()
}

fn one() -> u32 {
    1
}

impl Request {
    /// Checks whether an answer with this status is a success.
    pub fn is_expected(&self, status: u16) -> bool {
        if self.expect.is_empty() { status < 400 } else { self.expect.contains(&status) }
    }
}

impl Scenario {
    /// Returns the scenario of one request.
    pub fn of(path: &str) -> Scenario {
        let request =
            Request { path: path.to_owned(), method: get(), weight: 1, headers: BTreeMap::new(), body: None, expect: Vec::new() };
        Scenario { requests: vec![request] }
    }

    /// Reads a scenario from the tree of its file. `variable` returns the value of an environment variable, which `${NAME}` in headers
    /// and bodies stands for: secrets need not be in the file.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn read(tree: serde_json::Value, variable: &dyn Fn(&str) -> Option<String>) -> Result<Scenario, String> {
        let mut scenario: Scenario = serde_json::from_value(tree).map_err(|error| error.to_string())?;
        if scenario.requests.is_empty() || scenario.requests.len() > MOST {
            return Err(format!("`requests` has {} entries: write 1 to {MOST}", scenario.requests.len()));
        }
        for (at, request) in scenario.requests.iter_mut().enumerate() {
            request.complete(variable).map_err(|wrong| format!("`requests[{at}]`: {wrong}"))?;
        }
        Ok(scenario)
    }

    /// Returns which request is sent as each of the first ones, by weight and spread evenly; after those it begins again.
    pub fn order(&self) -> Vec<usize> {
        // As nginx chooses among servers: everyone gains its weight, the richest is sent and pays for it.
        let total: i64 = self.requests.iter().map(|request| i64::from(request.weight)).sum();
        let mut credit = vec![0_i64; self.requests.len()];
        let mut order = Vec::new();
        for _ in 0..total {
            for (credit, request) in credit.iter_mut().zip(&self.requests) {
                *credit += i64::from(request.weight);
            }
            let most = credit.iter().copied().max().unwrap_or_default();
            let Some(next) = credit.iter().position(|credit| *credit == most) else { break };
            if let Some(credit) = credit.get_mut(next) {
                *credit -= total;
            }
            order.push(next);
        }
        order
    }
}

impl Request {
    fn complete(&mut self, variable: &dyn Fn(&str) -> Option<String>) -> Result<(), String> {
        if !self.path.starts_with('/') || self.path.contains(|c: char| c.is_whitespace() || c.is_control() || c == '#') {
            return Err(format!("`{}` is no path: write one that begins with `/`, without spaces", self.path));
        }
        if self.method.is_empty() || !self.method.chars().all(|c| c.is_ascii_uppercase()) || self.method == "CONNECT" {
            return Err(format!(
                "`{}` is no method: write `GET`, `POST`, `PUT`, `PATCH`, `DELETE` or another in capitals",
                self.method
            ));
        }
        if self.weight == 0 || self.weight > HEAVIEST {
            return Err(format!("`weight` is {}: write 1 to {HEAVIEST}", self.weight));
        }
        if let Some(status) = self.expect.iter().find(|status| !(200..600).contains(*status)) {
            return Err(format!("`expect` has {status}, which is no status of an answer"));
        }
        for (name, value) in &mut self.headers {
            if RESERVED.contains(&name.to_ascii_lowercase().as_str()) {
                return Err(format!("`{name}` cannot be set: it decides where the request is sent"));
            }
            *value = filled(value, variable)?;
        }
        if let Some(body) = &mut self.body {
            *body = filled(body, variable)?;
            if body.len() > LONGEST_BODY {
                return Err("`body` is longer than 1 MiB".to_owned());
            }
        }
        Ok(())
    }
}

/// Returns a text with the values of environment variables in it.
fn filled(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (name, after) = after.split_once('}').ok_or("`${` without `}`")?;
        out += before;
        out += &variable(name).ok_or_else(|| format!("the environment variable `{name}` is not set"))?;
        rest = after;
    }
    Ok(out + rest)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(tree: Value) -> Result<Scenario, String> {
        Scenario::read(tree, &|name| (name == "TOKEN").then(|| "s3cret".to_owned()))
    }

    #[test]
    fn requests_are_spread_by_their_weights() {
        let scenario = read(json!({"requests": [{"path": "/", "weight": 5}, {"path": "/a"}, {"path": "/b"}]})).unwrap();
        assert_eq!(scenario.order(), [0, 0, 1, 0, 2, 0, 0]);
        assert_eq!(Scenario::of("/").order(), [0]);
    }

    #[test]
    fn a_request_is_read_with_its_secrets() {
        let request = json!({
            "path": "/orders?x=1", "method": "POST", "headers": {"Authorization": "Bearer ${TOKEN}!"}, "body": "{}", "expect": [201, 409]
        });
        let scenario = read(json!({"requests": [request]})).unwrap();
        let request = &scenario.requests[0];
        assert_eq!(request.headers["Authorization"], "Bearer s3cret!");
        assert!(request.is_expected(409) && !request.is_expected(200));
        let plain = Scenario::of("/");
        assert!(plain.requests[0].is_expected(302) && !plain.requests[0].is_expected(404));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let wrong = |request: Value| read(json!({"requests": [request]})).unwrap_err();
        assert!(wrong(json!({"path": "orders"})).contains("is no path"));
        assert!(wrong(json!({"path": "http://other.example/"})).contains("is no path"));
        assert!(wrong(json!({"path": "/", "method": "get"})).contains("is no method"));
        assert!(wrong(json!({"path": "/", "weight": 0})).contains("`weight` is 0"));
        assert!(wrong(json!({"path": "/", "headers": {"host": "other.example"}})).contains("where the request is sent"));
        assert!(wrong(json!({"path": "/", "body": "${NONE}"})).contains("`NONE` is not set"));
        assert!(wrong(json!({"path": "/", "body": "${TOKEN"})).contains("without `}`"));
        assert!(wrong(json!({"path": "/", "expect": [99]})).contains("no status"));
        assert!(wrong(json!({"path": "/", "wieght": 1})).contains("unknown field"));
        assert!(read(json!({"requests": []})).unwrap_err().contains("0 entries"));
    }
}
