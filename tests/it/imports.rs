//! Which file of `src` imports which, read from their `use` lines and from the paths in their code: no circles.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::support::stacks::{root, sources};

/// A module: the path of its file below `src`, without what makes a file of it.
type Module = Vec<String>;

/// The modules of `src`, each with its text without comments and tests.
fn modules() -> BTreeMap<Module, String> {
    let src = root().join("src");
    let name = |path: &Path| {
        let below = path.strip_prefix(&src).unwrap().with_extension("");
        let mut parts: Module = below.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
        if parts.last().is_some_and(|last| last == "mod" || last == "lib") {
            parts.pop();
        }
        parts
    };
    let code = |path: &Path| {
        let text = std::fs::read_to_string(path).unwrap();
        bare(text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default())
    };
    sources(&src).iter().map(|path| (name(path), code(path))).collect()
}

/// The code of a text: without its comments, and with nothing in its literals.
fn bare(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let word = out.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let raw = rest.strip_prefix('r').filter(|_| !word).map(|after| (after, after.trim_start_matches('#')));
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if let Some((hashes, after)) = raw.filter(|(_, after)| after.starts_with('"')) {
            let end = format!("\"{}", &hashes[..hashes.len() - after.len()]);
            let ended = after[1..].find(&end).unwrap();
            rest.len() - after.len() + 1 + ended + end.len()
        } else if c == '"' {
            let mut escaped = false;
            let ended = rest[1..].find(|c| {
                let ends = c == '"' && !escaped;
                escaped = c == '\\' && !escaped;
                ends
            });
            ended.unwrap() + 2
        } else if ["'\"'", "'\\\"'", "'/'", "'\\''"].iter().any(|literal| rest.starts_with(literal)) {
            rest[1..].find('\'').unwrap() + 2
        } else {
            out.push(c);
            rest = &rest[c.len_utf8()..];
            continue;
        };
        rest = &rest[skipped..];
    }
    out
}

/// `a::{b, c::{d, e}}` as its paths.
fn paths(tree: &str) -> Vec<String> {
    let tree = tree.trim();
    let Some((before, rest)) = tree.split_once('{') else {
        return vec![tree.split(" as ").next().unwrap_or_default().trim().to_owned()];
    };
    let inner = rest.trim_end().strip_suffix('}').unwrap_or(rest);
    let (mut depth, mut parts) = (0, vec![String::new()]);
    for c in inner.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if c == ',' && depth == 0 {
            parts.push(String::new());
        } else {
            parts.last_mut().unwrap().push(c);
        }
    }
    let parts = parts.iter().filter(|part| !part.trim().is_empty());
    parts.flat_map(|part| paths(part)).map(|path| format!("{before}{path}")).collect()
}

/// The `use` trees of a text, each with whether it hands on what it names.
fn uses(text: &str) -> Vec<(bool, String)> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("use ") {
        let line = rest[..at].rsplit('\n').next().unwrap_or_default().trim();
        let Some(end) = rest[at..].find(';') else { break };
        if line.is_empty() || line.starts_with("pub") {
            out.push((line.starts_with("pub"), rest[at + 4..at + end].replace('\n', " ")));
        }
        rest = &rest[at + 4..];
    }
    out
}

/// The paths in code; not those of `use` lines and visibilities.
fn inline_paths(text: &str) -> Vec<String> {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    let mut out = Vec::new();
    let mut end = 0;
    for (at, _) in text.match_indices("::").filter(|(at, _)| text[..*at].ends_with(part)) {
        let start = text[..at].rfind(|c| !part(c)).map_or(0, |before| before + 1);
        let before = &text[..start];
        let statement = before.rsplit([';', '}']).next().unwrap_or_default();
        let imported = statement.split_whitespace().any(|word| word == "use");
        if start < end || before.ends_with(':') || before.ends_with("(in ") || imported {
            continue;
        }
        end = text[at..].find(|c| !part(c) && c != ':').map_or(text.len(), |after| at + after);
        let path = text[start..end].split("::").take_while(|part| !part.is_empty());
        out.push(path.collect::<Vec<_>>().join("::"));
    }
    out
}

/// The path from the root of the crate, when it is of this crate.
fn absolute(module: &Module, path: &str, known: &BTreeMap<Module, String>) -> Option<Module> {
    let mut parts: Vec<String> = path.split("::").map(|part| part.trim().to_owned()).collect();
    if parts.last().is_some_and(|last| last == "self") {
        parts.pop();
    }
    let mut base = module.clone();
    match parts.first()?.as_str() {
        // `engine` and `config` are crates of their own.
        "crate" => base.truncate(usize::from(matches!(module.first().map(String::as_str), Some("engine" | "config")))),
        "stack_engine" => base = vec!["engine".to_owned()],
        "stack_config" => base = vec!["config".to_owned()],
        "self" => {}
        "super" => {
            while parts.first().is_some_and(|part| part == "super") {
                base.pop();
                parts.remove(0);
            }
            return Some([base, parts].concat());
        }
        first => {
            base.push(first.to_owned());
            return known.contains_key(&base).then(|| [base, parts[1..].to_vec()].concat());
        }
    }
    Some([base, parts[1..].to_vec()].concat())
}

/// What each module imports, followed through what others hand on.
fn imports() -> BTreeMap<Module, BTreeSet<Module>> {
    let known = modules();
    let mut handed_on: BTreeMap<Module, Module> = BTreeMap::new();
    for (module, text) in &known {
        for (_, tree) in uses(text).into_iter().filter(|(on, _)| *on) {
            for path in paths(&tree).iter().filter_map(|path| absolute(module, path, &known)) {
                let name = path.last().cloned().unwrap_or_default();
                handed_on.insert([module.clone(), vec![name]].concat(), path);
            }
        }
    }
    let home = |path: &Module| {
        let mut path = path.clone();
        for _ in 0..8 {
            let Some(next) = (1..=path.len()).find_map(|n| Some((n, handed_on.get(&path[..n])?))) else { break };
            path = [next.1.clone(), path[next.0..].to_vec()].concat();
        }
        (0..=path.len()).rev().find_map(|n| known.get_key_value(&path[..n])).map(|(module, _)| module.clone())
    };
    let of = |module: &Module, text: &String| {
        let trees = uses(text).into_iter().filter(|(on, _)| !on).flat_map(|(_, tree)| paths(&tree));
        let mut used: Vec<Module> = trees.filter_map(|path| absolute(module, &path, &known)).collect();
        let named = used.iter().filter(|path| known.contains_key(*path)).filter_map(|path| Some((path.last()?, path)));
        let named: BTreeMap<String, Module> = named.map(|(name, path)| (name.clone(), path.clone())).collect();
        // What a module calls its own parts by is no arrow: it is above them.
        let inline = inline_paths(text).into_iter().filter_map(|path| match path.split_once("::")? {
            ("crate" | "super" | "stack_engine" | "stack_config", _) => absolute(module, &path, &known),
            (first, rest) => Some([named.get(first)?.clone(), rest.split("::").map(str::to_owned).collect()].concat()),
        });
        used.extend(inline.collect::<Vec<_>>());
        used.iter().filter_map(home).filter(|used| used != module).collect()
    };
    known.iter().map(|(module, text)| (module.clone(), of(module, text))).collect()
}

/// Groups of modules that import one another, each by the names of its members.
fn circles(imports: &BTreeMap<Module, BTreeSet<Module>>) -> Vec<Vec<String>> {
    let reached = |from: &Module| {
        let (mut seen, mut next) = (BTreeSet::new(), vec![from.clone()]);
        while let Some(module) = next.pop() {
            for used in &imports[&module] {
                if seen.insert(used.clone()) {
                    next.push(used.clone());
                }
            }
        }
        seen
    };
    let reach: BTreeMap<&Module, BTreeSet<Module>> = imports.keys().map(|module| (module, reached(module))).collect();
    let mut out: BTreeSet<Vec<String>> = BTreeSet::new();
    for (module, seen) in &reach {
        if seen.contains(*module) {
            let members = seen.iter().filter(|other| reach[*other].contains(*module));
            out.insert(members.map(|m| if m.is_empty() { "lib".to_owned() } else { m.join("/") }).collect());
        }
    }
    out.into_iter().collect()
}

#[test]
fn circles_are_found() {
    let module = |name: &str| vec![name.to_owned()];
    let of = |pairs: &[(&str, &[&str])]| {
        pairs.iter().map(|(from, to)| (module(from), to.iter().map(|name| module(name)).collect())).collect()
    };
    assert!(circles(&of(&[("a", &["b"]), ("b", &["c"]), ("c", &[])])).is_empty());
    assert_eq!(circles(&of(&[("a", &["b"]), ("b", &["c"]), ("c", &["b"])])), [["b", "c"]]);
    let paths = paths("super::{a::{B, self}, c as d}");
    assert_eq!(paths, ["super::a::B", "super::a::self", "super::c"]);
}

#[test]
fn paths_in_code_are_found() {
    let code = bare(
        r##"
use super::a::{b, crate::c};
pub(in crate::d) fn f() -> Result<crate::e::E> { // crate::comment
    use super::g;
    super::super::h::i::<super::j::K>("crate::text \" super::text", r#"" crate::raw"#, '"', stack_engine::l::M);
    $crate::n::o!(); p::q(r::S)
}
"##,
    );
    let found: BTreeSet<String> = inline_paths(&code).into_iter().collect();
    let expected = ["crate::e::E", "crate::n::o", "p::q", "r::S", "stack_engine::l::M", "super::j::K", "super::super::h::i"];
    assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), expected);
}

/// Every file can be read in an order in which what it imports comes before it.
#[test]
fn no_file_imports_what_imports_it() {
    let imports = imports();
    assert!(imports.len() > 200 && imports.values().map(BTreeSet::len).sum::<usize>() > 1000, "{}", imports.len());
    assert_eq!(circles(&imports), Vec::<Vec<String>>::new());
}

/// The layers of `src/aws`, lowest first. What is not listed is a service.
const LAYERS: [&[&str]; 7] = [
    &["call"],
    &["ownership"],
    &["runs"],
    &["billed", "control", "finding", "policy", "quotas", "spelling", "states", "wing"],
    &[],
    &["registry"],
    &["allowed", "bill", "existing", "guests", "host", "hours", "meaning", "measured", "preflight", "trail"],
];
const SERVICES: usize = 4;
/// What names a higher layer all the same, and why.
const UPWARDS: [(&str, &str, &str); 1] =
    [("runs/store", "s3/errors", "runs are kept in a bucket, and what S3's codes mean is said in S3's folder")];

/// Nothing in `src/aws` names what is above it.
#[test]
fn layers_of_aws_name_none_above_them() {
    let layer = |module: &Module| LAYERS.iter().position(|names| names.contains(&module[1].as_str())).unwrap_or(SERVICES);
    let (mut upwards, mut layers) = (Vec::new(), BTreeSet::new());
    for (module, used) in imports() {
        let inside = |module: &Module| module.len() > 1 && module[0] == "aws";
        if !inside(&module) || module.last().is_some_and(|last| last == "tests") {
            continue;
        }
        layers.insert(layer(&module));
        for higher in used.iter().filter(|used| inside(used) && layer(used) > layer(&module)) {
            upwards.push((module[1..].join("/"), higher[1..].join("/")));
        }
    }
    assert_eq!(layers.len(), LAYERS.len());
    let known: Vec<(String, String)> = UPWARDS.iter().map(|(from, to, _)| ((*from).to_owned(), (*to).to_owned())).collect();
    assert_eq!(upwards, known);
}
