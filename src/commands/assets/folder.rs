//! The files of the folder, and how each is served: its key, type, cache time and turn.

use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::commands::stop::{Result, Stop};

/// For files whose names change with what is in them.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// For all others: after a minute a cache asks again.
const FOR_A_MINUTE: &str = "public, max-age=60, must-revalidate";
/// The largest object that S3 takes in one call.
const LARGEST: u64 = 5 << 30;
/// The shortest text that counts as a digest.
const DIGEST: usize = 8;

/// The order of uploads: what others refer to is uploaded before them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Turn {
    /// Named by a digest of its content; only what refers to it asks for it.
    Hashed,
    /// Anything else.
    Other,
    /// What refers to all of them.
    Html,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its path on this machine.
    pub path: PathBuf,
    /// Its key in the bucket.
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// When it is uploaded.
    pub turn: Turn,
    /// `text/html; charset=utf-8`.
    pub content_type: String,
    /// Which caches may keep it for how long.
    pub cache_control: &'static str,
}

/// Returns the files of a folder, and the number of hidden ones that were left out.
pub fn read(folder: &Path, prefix: &str, immutable: &[String]) -> Result<(Vec<File>, usize)> {
    let unread = |e: &dyn std::fmt::Display| {
        Stop::message(format!("`{}` cannot be read: {e}", folder.display()), "name the folder to upload")
    };
    let root = folder.canonicalize().map_err(|e| unread(&e))?;
    if !root.is_dir() {
        return Err(unread(&"it is not a folder"));
    }
    let mut files = Vec::new();
    let mut hidden = 0;
    let mut entries = WalkDir::new(&root).sort_by_file_name().min_depth(1).into_iter();
    while let Some(entry) = entries.next() {
        let entry = entry.map_err(|e| unread(&e))?;
        let Some(name) = entry.file_name().to_str() else {
            let what = format!("the name of `{}` is not UTF-8", entry.path().display());
            return Err(Stop::message(what, "rename it"));
        };
        if name.starts_with('.') && name != ".well-known" {
            hidden += 1;
            if entry.file_type().is_dir() {
                entries.skip_current_dir();
            }
            continue;
        }
        if entry.file_type().is_dir() {
            continue;
        }
        let path = within(&root, entry.path(), entry.path_is_symlink())?;
        let there = std::fs::metadata(&path)?;
        // Reading a pipe or a device may never end.
        if !there.is_file() {
            let what = format!("`{}` is a pipe, a socket or a device", entry.path().display());
            return Err(Stop::message(what, "remove it from the folder: only files can be served"));
        }
        let size = there.len();
        if size > LARGEST {
            let what = format!("`{}` is larger than the 5 GiB that S3 takes in one call", entry.path().display());
            return Err(Stop::message(what, "upload it by other means"));
        }
        let relative = entry.path().strip_prefix(&root).map_err(|e| unread(&e))?;
        let relative: Vec<&str> = relative.iter().filter_map(|part| part.to_str()).collect();
        let relative = relative.join("/");
        let hashed = digest(name).is_some() || immutable.iter().any(|pattern| fits(pattern, &relative));
        let content_type = content_type(name);
        let turn = match (hashed, content_type.starts_with("text/html")) {
            (true, false) => Turn::Hashed,
            (_, true) => Turn::Html,
            _ => Turn::Other,
        };
        let cache_control = if turn == Turn::Hashed { FOR_EVER } else { FOR_A_MINUTE };
        files.push(File { path, key: format!("{prefix}{relative}"), size, turn, content_type, cache_control });
    }
    Ok((files, hidden))
}

/// Checks whether a file of this name is unlikely to be meant for the public: keys, dumps, settings with passwords.
pub fn is_confidential(key: &str) -> bool {
    let name = key.rsplit('/').next().unwrap_or(key).to_ascii_lowercase();
    let ends = [
        ".pem",
        ".key",
        ".p12",
        ".pfx",
        ".jks",
        ".keystore",
        ".kdbx",
        ".ppk",
        ".sql",
        ".sql.gz",
        ".dump",
        ".bak",
        ".sqlite",
        ".sqlite3",
        ".env",
        ".tfstate",
        ".tfvars",
        ".htpasswd",
        ".pgpass",
        ".netrc",
    ];
    let begins = ["id_rsa", "id_dsa", "id_ecdsa", "id_ed25519"];
    let whole = ["credentials", "credentials.json", "secrets.yaml", "secrets.yml", "secrets.json", "wp-config.php", "htpasswd"];
    let key = begins.iter().any(|begin| name.starts_with(begin)) && !name.ends_with(".pub");
    key || ends.iter().any(|end| name.ends_with(end)) || whole.contains(&name.as_str())
}

/// Returns the file itself. A link must not lead out of the folder: what is there was not meant to be public.
fn within(root: &Path, path: &Path, link: bool) -> Result<PathBuf> {
    if !link {
        return Ok(path.to_owned());
    }
    let refuse =
        |why: String| Stop::message(format!("`{}` {why}", path.display()), "put the file itself there, or remove the link");
    let target = path.canonicalize().map_err(|e| refuse(format!("is a broken link: {e}")))?;
    if !target.starts_with(root) {
        return Err(refuse(format!("is a link out of the folder, to `{}`", target.display())));
    }
    if !target.is_file() {
        return Err(refuse("is a link to a folder".into()));
    }
    Ok(target)
}

/// Returns the content type of a file.
fn content_type(name: &str) -> String {
    let guess = mime_guess::from_path(name).first_or_octet_stream();
    let plain = guess.essence_str();
    if is_text(plain) { format!("{plain}; charset=utf-8") } else { plain.to_owned() }
}

/// Checks whether files of this type can refer to others.
pub fn is_text(content_type: &str) -> bool {
    let plain = content_type.split(';').next().unwrap_or_default().trim();
    plain.starts_with("text/")
        || plain.ends_with("+xml")
        || plain.ends_with("+json")
        || matches!(plain, "application/javascript" | "application/json" | "application/xml" | "application/x-javascript")
}

/// Checks whether an object with this key can refer to others.
pub fn is_text_key(key: &str) -> bool {
    is_text(&content_type(key.rsplit('/').next().unwrap_or(key)))
}

/// Returns the digest in a file's name: `app.3f2a9c1b.js`, `chunk-5T6XKZ2F.js`. It is in hexadecimal or in capitals and digits,
/// and has both letters and digits, so that a date or a word is not taken for one.
pub fn digest(name: &str) -> Option<&str> {
    name.split(['.', '-', '_']).enumerate().find_map(|(n, part)| {
        // As the first part, only a long one is certain.
        let long = part.len() >= if n == 0 { 2 * DIGEST } else { DIGEST };
        let hexadecimal = part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        let capitals = part.bytes().all(|b| b.is_ascii_uppercase() || (b'2'..=b'7').contains(&b));
        let both = part.bytes().any(|b| b.is_ascii_digit()) && part.bytes().any(|b| b.is_ascii_alphabetic());
        (long && both && (hexadecimal || capitals)).then_some(part)
    })
}

/// Checks whether a path matches a pattern, in which `*` is any text and `?` any character.
pub fn fits(pattern: &str, path: &str) -> bool {
    let (pattern, path) = (pattern.as_bytes(), path.as_bytes());
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < path.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == b'?' || *c == path[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                // The star takes one more.
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    p = at + 1;
                    t = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn confidential_files_are_known_by_their_names() {
        for name in
            ["id_rsa", "a/id_ed25519", "tls/server.pem", "server.KEY", "backup.sql", "dump.sql.gz", "prod.env", "a/credentials"]
        {
            assert!(is_confidential(name), "{name}");
        }
        for name in
            ["index.html", "id_rsa.pub", "keys.html", "app.3f2a9c1b.js", "monkey.png", "environment.json", "sql/index.html"]
        {
            assert!(!is_confidential(name), "{name}");
        }
    }

    #[test]
    fn a_pipe_is_refused_and_not_read() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("index.html"), "x").unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let Err(Stop::Message(_, what, _)) = read(folder.path(), "", &[]) else { panic!("it was accepted") };
        assert!(what.contains("pipe` is a pipe, a socket or a device"), "{what}");
    }

    #[test]
    fn digests_in_names() {
        for name in
            ["app.3f2a9c1b.js", "app-3f2a9c1b4d.css", "chunk-5T6XKZ2F.js", "0f1e2d3c4b5a6978.woff2", "a.min.1a2b3c4d5e.js.map"]
        {
            assert!(digest(name).is_some(), "{name}");
        }
        for name in
            ["index.html", "report-20240101.pdf", "photo-iPhone15.png", "deadbeef.js", "a1b2c3d4.js", "accessed-defaced.js"]
        {
            assert_eq!(digest(name), None, "{name}");
        }
    }

    #[test]
    fn types_have_their_encoding() {
        let types = ["a.html", "a.js", "a.css", "a.svg", "a.json", "a.png", "a.woff2", "a.webmanifest", "a.unheard-of", "a"];
        insta::assert_snapshot!(types.map(|name| format!("{name}: {}", content_type(name))).join("\n"), @"
        a.html: text/html; charset=utf-8
        a.js: text/javascript; charset=utf-8
        a.css: text/css; charset=utf-8
        a.svg: image/svg+xml; charset=utf-8
        a.json: application/json; charset=utf-8
        a.png: image/png
        a.woff2: font/woff2
        a.webmanifest: application/manifest+json; charset=utf-8
        a.unheard-of: application/octet-stream
        a: application/octet-stream
        ");
    }

    #[test]
    fn patterns() {
        for (pattern, path, fit) in [
            ("/static/*", "/static/a/b.js", true),
            ("/static/*", "/stat/a", false),
            ("*.js", "a/b.js", true),
            ("*.js", "a/b.jsx", false),
            ("assets/?.js", "assets/a.js", true),
            ("assets/?.js", "assets/ab.js", false),
            ("*a*b*", "xxaxxbxx", true),
            ("*", "", true),
            ("", "a", false),
        ] {
            assert_eq!(fits(pattern, path), fit, "{pattern} {path}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn links_stay_inside() {
        let folder = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("secret"), "x").unwrap();
        std::fs::write(folder.path().join("a.txt"), "x").unwrap();
        std::os::unix::fs::symlink("a.txt", folder.path().join("b.txt")).unwrap();
        std::fs::create_dir(folder.path().join(".git")).unwrap();
        let (files, hidden) = read(folder.path(), "p/", &[]).unwrap();
        assert_eq!(files.iter().map(|f| f.key.as_str()).collect::<Vec<_>>(), ["p/a.txt", "p/b.txt"]);
        assert_eq!(hidden, 1);
        for target in [outside.path().join("secret"), outside.path().to_owned(), "nowhere".into()] {
            let link = folder.path().join("link");
            std::os::unix::fs::symlink(&target, &link).unwrap();
            assert!(read(folder.path(), "", &[]).is_err(), "{}", target.display());
            std::fs::remove_file(link).unwrap();
        }
    }
}
