//! The checks of `buckets`, and of what services may do with them.

use super::archive;
use super::checks::Checks;
use crate::buckets::{BucketSection, Cors};
use crate::diagnostic::{Diagnostic, short};
use crate::suggest;

pub(super) fn buckets(checks: &mut Checks<'_>) {
    let stack = checks.stack;
    for (name, bucket) in &stack.buckets {
        let path = format!("buckets.{name}");
        times(checks, &path, bucket);
        if let Some(cors) = &bucket.cors {
            self::cors(checks, &format!("{path}.cors"), cors);
        }
        key(checks, &path, bucket.key.as_deref());
        let other = stack.archive.iter().any(|archive| archive.buckets.contains_key(name));
        if other && bucket.archive.is_some() {
            let message = format!("`{path}.archive` and `archive.buckets.{name}` both say when objects of this bucket move");
            let diagnostic = Diagnostic::error("archived-twice", message).help("keep one of the two");
            checks.at_key(&format!("{path}.archive"), "here", diagnostic);
            super::services::second_place(checks, &format!("archive.buckets.{name}"), "and here");
        }
    }
    for (name, service) in &stack.services {
        for bucket in service.buckets.keys().filter(|bucket| !stack.buckets.contains_key(*bucket)) {
            let known: Vec<&str> = stack.buckets.keys().map(|name| name.as_str()).collect();
            let help = suggest::help(bucket.as_str(), known, "the buckets are").unwrap_or_else(|| "add it to `buckets`".into());
            let message = format!("`services.{name}` uses the bucket `{}`, which does not exist", short(bucket.as_str()));
            let diagnostic = Diagnostic::error("unknown-reference", message).help(help);
            checks.at_key(&format!("services.{name}.buckets.{bucket}"), "not in this file", diagnostic);
        }
    }
}

/// Checks that times are whole days, and that an object moves before it is deleted.
fn times(checks: &mut Checks<'_>, path: &str, bucket: &BucketSection) {
    if let Some(expire) = bucket.expire {
        checks.days(&format!("{path}.expire"), expire, 1, archive::MOST);
    }
    let Some(archive) = &bucket.archive else { return };
    checks.days(&format!("{path}.archive.after"), archive.after, 0, archive::MOST);
    if let Some(deleted) = archive.delete_after {
        let at = format!("{path}.archive.delete_after");
        checks.days(&at, deleted, 1, archive::MOST);
        if deleted <= archive.after {
            let message = format!("objects are deleted after {deleted}, and move to the archive after {}", archive.after);
            let help = "an object moves before it is deleted: give `delete_after` more time";
            checks.at(&at, "not later than `after`", Diagnostic::error("out-of-range", message).help(help));
        }
        if let Some(expire) = bucket.expire.filter(|expire| *expire <= deleted) {
            let message = format!("`{path}` deletes every object after {expire}, so `delete_after` has no effect");
            let diagnostic = Diagnostic::warning("unused-deletion", message);
            checks.at(&at, "later than `expire`", diagnostic.help("remove one of the two"));
        }
    }
    if let Some(expire) = bucket.expire.filter(|expire| *expire <= archive.after) {
        let message = format!("objects are deleted after {expire}, and move to the archive after {}", archive.after);
        let help = "an object moves before it is deleted: give `expire` more time, or remove `archive`";
        let diagnostic = Diagnostic::error("out-of-range", message).help(help);
        checks.at(&format!("{path}.expire"), "not later than `archive.after`", diagnostic);
    }
}

/// The longest time for which browsers remember an answer: a day, as in Firefox.
const MOST: u64 = 86_400;

/// Checks what S3 and browsers accept (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/ManageCorsUsing.html>).
fn cors(checks: &mut Checks<'_>, path: &str, cors: &Cors) {
    for (at, origin) in cors.origins.iter().enumerate() {
        if let Some((why, help)) = wrong_origin(origin) {
            let message = format!("`{}` is not an origin: {why}", short(origin));
            checks.at(&format!("{path}.origins[{at}]"), "not an origin", Diagnostic::error("wrong-origin", message).help(help));
        } else if origin == "*" {
            let message = "`*` lets every web page use addresses that the application presigns";
            let help = "list the origins of the application's own pages";
            checks.at(&format!("{path}.origins[{at}]"), "every page", Diagnostic::warning("any-origin", message).help(help));
        }
    }
    for (at, header) in cors.headers.iter().enumerate() {
        if header.matches('*').count() > 1 || header.is_empty() {
            let message = format!("`{}` is not a header that S3 accepts in `headers`", short(header));
            let help = "write the name of a header, with one `*` at most: `x-amz-*`";
            checks.at(&format!("{path}.headers[{at}]"), "not a header", Diagnostic::error("invalid-value", message).help(help));
        }
    }
    for (at, header) in cors.expose.iter().enumerate() {
        if header.contains('*') || header.is_empty() {
            let message = format!("`{}` is not a header that S3 accepts in `expose`", short(header));
            let help = "write the name of a header, without `*`: `ETag`";
            checks.at(&format!("{path}.expose[{at}]"), "not a header", Diagnostic::error("invalid-value", message).help(help));
        }
    }
    for (at, method) in cors.methods.iter().enumerate().filter(|(at, method)| cors.methods[..*at].contains(method)) {
        let message = format!("`{}` is listed twice", method.as_str());
        checks.at(
            &format!("{path}.methods[{at}]"),
            "again",
            Diagnostic::error("duplicate-name", message).help("list each method once"),
        );
    }
    checks.within(&format!("{path}.max_age"), Some(cors.max_age), 0, MOST);
}

/// Returns why a text can be no origin of a page, and what to write.
fn wrong_origin(origin: &str) -> Option<(&'static str, &'static str)> {
    const LIKE: &str = "write scheme and host: `https://app.example.com`, or `https://*.example.com`";
    if origin == "*" {
        return None;
    }
    if origin.matches('*').count() > 1 {
        return Some(("S3 accepts one `*` in an origin", LIKE));
    }
    let Some((scheme, rest)) = origin.split_once("://") else { return Some(("it has no scheme", LIKE)) };
    if scheme.is_empty() || rest.is_empty() || origin.chars().any(char::is_whitespace) {
        return Some(("it has no host", LIKE));
    }
    if rest.contains(['/', '?', '#']) {
        return Some((
            "browsers send no path in it, so it would match no page",
            "remove everything after the host, the slash too",
        ));
    }
    (rest.bytes().any(|b| b.is_ascii_uppercase()) || scheme.bytes().any(|b| b.is_ascii_uppercase()))
        .then_some(("browsers send it in lower case, so it would match no page", "write it in lower case"))
}

fn key(checks: &mut Checks<'_>, path: &str, key: Option<&str>) {
    let Some(key) = key else { return };
    let keys: Vec<String> = checks.stack.keys.keys().map(|name| format!("keys.{name}")).collect();
    if crate::values::arn(key).is_some() || keys.iter().any(|known| known == key) {
        return;
    }
    let help = suggest::help(key, keys.iter().map(String::as_str), "the keys are")
        .unwrap_or_else(|| "add the key to `keys`, write the ARN of one, or leave out `key`".into());
    let message = format!("`{path}` is encrypted with `{}`, which does not exist", short(key));
    checks.at(&format!("{path}.key"), "not in this file", Diagnostic::error("unknown-reference", message).help(help));
}

#[cfg(test)]
mod tests {
    use super::wrong_origin;
    use crate::tests::{loaded, refused};

    /// Returns what is said about a file with these buckets.
    fn said(buckets: &str) -> String {
        let services = "services:\n  web:\n    image: i\n    public: true\n    buckets: { uploads: read }\n";
        refused(&format!("stack: a\nregion: us-east-1\n{services}{buckets}"), None)
    }

    #[test]
    fn what_cannot_be_is_refused_at_its_place() {
        for (bucket, code, place) in [
            ("other: {}", "unknown-reference", "uses the bucket `uploads`"),
            ("uploads: { key: keys.mine }", "unknown-reference", "encrypted with `keys.mine`"),
            ("uploads: { expire: 36h }", "out-of-range", "the nearest valid time is `2d`"),
            ("uploads: { versions: 0d }", "invalid-value", "`off` keeps none"),
            ("uploads: { expire: 90d, archive: { after: 90d, to: glacier } }", "out-of-range", "not later than `archive.after`"),
            ("uploads: { archive: { after: 90d, to: glacier, delete_after: 30d } }", "out-of-range", "not later than `after`"),
            ("uploads: { cors: { origins: [app.example.com] } }", "wrong-origin", "it has no scheme"),
            ("uploads: { cors: { origins: [\"https://a.example\"], max_age: 2d } }", "out-of-range", "86400s"),
            (
                "uploads: { cors: { origins: [\"https://a.example\"], methods: [GET, GET] } }",
                "duplicate-name",
                "`GET` is listed twice",
            ),
            ("uploads: { cors: { origins: [\"https://a.example\"], methods: [PATCH] } }", "not-a-choice", "PATCH"),
            ("uploads: { cors: { origins: [\"https://a.example\"], headers: [\"a*b*\"] } }", "invalid-value", "one `*` at most"),
            ("uploads: { cors: { origins: [] } }", "", "origins"),
            (
                "uploads: { archive: { after: 90d, to: glacier } }\narchive: { buckets: { uploads: { after: 30d, to: glacier } } }",
                "archived-twice",
                "both say when",
            ),
        ] {
            let found = said(&format!("buckets:\n  {bucket}\n"));
            assert!(found.contains(code) && found.contains(place), "{bucket}: {found}");
        }
    }

    #[test]
    fn an_environment_changes_a_bucket() {
        let text = "stack: a\nregion: us-east-1\nbuckets: { uploads: { expire: 30d }, tmp: {} }\nenvironments: { prod: { buckets: { uploads: { expire: 400d }, tmp: null } } }\n";
        let loaded = crate::load("s.yaml", text, Some("prod"), &crate::tests::schema()).unwrap();
        assert_eq!(loaded.stack.buckets.len(), 1);
        assert_eq!(loaded.stack.buckets["uploads"].expire.map(|time| time.to_string()).as_deref(), Some("400d"));
    }

    #[test]
    fn what_has_no_effect_or_is_open_is_warned_of() {
        let of = |bucket: &str| {
            let text = format!("stack: a\nregion: us-east-1\nbuckets: {{ uploads: {bucket} }}\n");
            loaded(&text).warnings.diagnostics.into_iter().map(|d| d.code).collect::<Vec<_>>()
        };
        assert_eq!(of("{ cors: { origins: [\"*\"] } }"), ["any-origin"]);
        assert_eq!(of("{ expire: 365d, archive: { after: 90d, to: glacier, delete_after: 2555d } }"), ["unused-deletion"]);
        assert_eq!(of("{ expire: 365d, archive: { after: 90d, to: glacier, delete_after: 300d } }"), [""; 0]);
    }

    #[test]
    fn an_origin_is_a_scheme_and_a_host() {
        for origin in ["*", "https://app.example.com", "https://*.example.com", "http://localhost:3000", "null://a"] {
            assert_eq!(wrong_origin(origin), None, "{origin}");
        }
        for origin in
            ["app.example.com", "https://", "https://a.example/", "https://*.*.example", "https://A.example", "https://a b"]
        {
            assert!(wrong_origin(origin).is_some(), "{origin}");
        }
    }
}
