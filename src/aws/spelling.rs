//! What AWS spells differently from users: brought into AWS's own spelling, or refused where AWS certainly refuses it. A value
//! that is stored in one spelling and desired in another would always be a difference.

use serde_json::{Map, Value};

/// How a field is spelled.
#[derive(Clone, Copy, Debug)]
pub enum How {
    /// A network, without the bits beyond its prefix
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVpc.html>: "we modify it to its canonical form").
    Network,
    /// A protocol by its name, or by its number if it has none
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_IpPermission.html>).
    Protocol,
    /// One of AWS's values, as AWS writes it.
    Word(&'static [&'static str]),
    /// Text that AWS keeps in lower case.
    Lower,
    /// A domain, in lower case and without a dot at the end.
    Domain,
    /// CPU of a task: `1 vCPU` is 1024
    /// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html>).
    Cpu,
    /// Memory of a task: `2GB` is 2048. As above.
    Memory,
    /// A map whose keys AWS keeps in lower case.
    Keys,
    /// A text without a slash at the end.
    NoSlash,
    /// A text that can be empty, which means the same as leaving it out.
    Empty,
}

use How::{Cpu, Domain, Empty, Keys, Lower, Memory, Network, NoSlash, Protocol, Word};

/// A field and how it is spelled. `*` stands for any key or index.
pub type Spelling = (&'static str, How);

/// A field with a value that AWS does not accept: its path and why.
pub type Wrong = (String, String);

/// Brings the fields of an object of the file into AWS's spelling, and adds those that have none to `wrong`.
pub(super) fn spell(spelling: &[Spelling], object: &mut Value, wrong: &mut Vec<Wrong>) {
    for (field, how) in spelling {
        let path: Vec<&str> = field.split('.').collect();
        at(object, &path, String::new(), *how, wrong);
    }
}

fn at(value: &mut Value, path: &[&str], shown: String, how: How, wrong: &mut Vec<Wrong>) {
    let Some((step, rest)) = path.split_first() else { return one(value, shown, how, wrong) };
    let dotted = |key: &str| if shown.is_empty() { key.to_owned() } else { format!("{shown}.{key}") };
    match value {
        Value::Array(items) if *step == "*" => {
            items.iter_mut().enumerate().for_each(|(n, item)| at(item, rest, format!("{shown}[{n}]"), how, wrong));
        }
        Value::Object(map) if *step == "*" => {
            map.iter_mut().for_each(|(key, item)| at(item, rest, dotted(key), how, wrong));
        }
        Value::Object(map) if rest.is_empty() && matches!(how, Empty) && map.get(*step).and_then(Value::as_str) == Some("") => {
            map.remove(*step);
        }
        Value::Object(map) => {
            if let Some(item) = map.get_mut(*step) {
                at(item, rest, dotted(step), how, wrong);
            }
        }
        _ => {}
    }
}

fn one(value: &mut Value, path: String, how: How, wrong: &mut Vec<Wrong>) {
    let result = match (value, how) {
        (Value::Object(map), Keys) => keys(map),
        (Value::String(text), _) if !text.contains("${") => spelled(text, how).map(|new| *text = new),
        _ => Ok(()),
    };
    wrong.extend(result.err().map(|why| (path, why)));
}

fn spelled(text: &str, how: How) -> Result<String, String> {
    match how {
        Network => network(text),
        Protocol => protocol(text),
        Word(words) => word(text, words),
        Lower => Ok(text.to_ascii_lowercase()),
        Domain => Ok(text.trim_end_matches('.').to_ascii_lowercase()),
        Cpu => amount(text, &["vcpu"]),
        Memory => amount(text, &["gb"]),
        NoSlash => Ok(text.trim_end_matches('/').to_owned()),
        Keys | Empty => Ok(text.to_owned()),
    }
}

fn network(text: &str) -> Result<String, String> {
    match text.parse::<ipnet::IpNet>() {
        Ok(net) => Ok(net.trunc().to_string()),
        Err(_) => Err(match text.parse::<std::net::IpAddr>() {
            Ok(std::net::IpAddr::V4(_)) => format!("`{text}` is an address, not a network: write `{text}/32`"),
            Ok(std::net::IpAddr::V6(_)) => format!("`{text}` is an address, not a network: write `{text}/128`"),
            Err(_) => format!("`{text}` is not a network: write it like `10.0.0.0/16`"),
        }),
    }
}

fn protocol(text: &str) -> Result<String, String> {
    let lower = text.to_ascii_lowercase();
    Ok(match lower.as_str() {
        "tcp" | "6" => "tcp".into(),
        "udp" | "17" => "udp".into(),
        "icmp" | "1" => "icmp".into(),
        "icmpv6" | "58" => "icmpv6".into(),
        "-1" | "all" | "any" => "-1".into(),
        number if number.parse::<u8>().is_ok_and(|n| n.to_string() == number) => lower,
        _ => {
            return Err(format!("`{text}` is not a protocol: use `tcp`, `udp`, `icmp`, `icmpv6`, `-1` for all, or a number"));
        }
    })
}

pub(super) fn word(text: &str, words: &[&str]) -> Result<String, String> {
    let plain = |text: &str| text.to_ascii_lowercase().replace(['-', '_'], "");
    if let Some(word) = words.iter().find(|word| plain(word) == plain(text)) {
        return Ok((*word).to_owned());
    }
    let all = words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    Err(format!("`{text}` is not a value that AWS accepts: use one of {all}"))
}

/// Returns `1 vCPU`, `.5 vcpu`, `2 GB` in CPU units and MiB, as AWS stores them.
fn amount(text: &str, units: &[&str]) -> Result<String, String> {
    let lower = text.trim().to_ascii_lowercase();
    let counted = units.iter().find_map(|unit| lower.strip_suffix(unit)).map(str::trim);
    let number = match counted {
        Some(whole) => whole.parse::<f64>().ok().map(|n| n * 1024.0),
        None => lower.parse::<u32>().ok().map(f64::from),
    };
    match number.filter(|n| *n >= 1.0 && n.fract() == 0.0 && *n < 1e9) {
        Some(n) => Ok(format!("{n:.0}")),
        None => Err(format!("`{text}` is not an amount: write a number, as in `1024`")),
    }
}

fn keys(map: &mut Map<String, Value>) -> Result<(), String> {
    let mut out = Map::new();
    for (key, value) in map.iter() {
        if out.insert(key.to_ascii_lowercase(), value.clone()).is_some() {
            return Err(format!("`{}` is given twice, in upper and lower case", key.to_ascii_lowercase()));
        }
    }
    *map = out;
    Ok(())
}

/// Refuses IPv6, which is not supported there yet.
pub(super) fn without_ipv6(object: &Value, field: &str, what: &str, wrong: &mut Vec<Wrong>) {
    if object.get(field).and_then(Value::as_str).is_some_and(|text| !text.contains("${") && text.contains(':')) {
        wrong.push((field.into(), format!("{what} for IPv6 are not supported yet")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_of_ipv6_are_spelled_too() {
        for text in ["2001:DB8::/32", "2001:0db8:0::1/32", "2001:db8::/32"] {
            assert_eq!(network(text), Ok("2001:db8::/32".into()));
        }
    }
}
