//! The names of secrets, and their look.

use std::collections::BTreeMap;

use super::lists::{ABOUT, KEYS, NO_PASS, PERHAPS, PUBLIC, SECRETS, TOKENS, WEBHOOKS, WORDS};

/// The meaning of a variable's name for its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Called {
    /// A secret, by its last word.
    Secret,
    /// A word for a secret, with more words after it.
    Partly,
    /// A secret if it looks like one.
    Perhaps,
    Otherwise,
}

impl Called {
    pub(super) fn of(name: &str) -> Called {
        let words = words(name);
        // `DB_PASSWORD_2`, `API_KEY1`
        let mut rest = words.as_slice();
        while let [before @ .., last] = rest
            && (last.bytes().all(|b| b.is_ascii_digit())
                || ["OLD", "NEW", "CURRENT", "PREVIOUS", "NEXT"].contains(&last.as_str()))
        {
            rest = before;
        }
        let Some(last) = rest.last() else { return Called::Otherwise };
        if ABOUT.contains(&last.as_str()) && !PERHAPS.contains(&last.as_str())
            || rest.iter().any(|w| PUBLIC.contains(&w.as_str()))
        {
            return Called::Otherwise;
        }
        let strong = |word: &String| {
            SECRETS.iter().any(|secret| word.ends_with(secret)) || word.ends_with("PASS") && !NO_PASS.contains(&word.as_str())
        };
        let key = |pair: &[String]| KEYS.contains(&pair[0].as_str()) && pair[1] == "KEY";
        let joined = |word: &String| word.strip_suffix("KEY").is_some_and(|of| KEYS.contains(&of));
        if strong(last) || joined(last) || rest.len() > 1 && key(&rest[rest.len() - 2..]) {
            Called::Secret
        } else if rest.iter().any(|w| strong(w) && w != "PASS") || rest.windows(2).any(key) {
            Called::Partly
        } else if rest.iter().any(|w| PERHAPS.contains(&w.as_str())) {
            Called::Perhaps
        } else {
            Called::Otherwise
        }
    }
}

/// Returns the words of a name in capitals: `dbPassword`, `DB_PASSWORD` and `db-password` are the same.
fn words(name: &str) -> Vec<String> {
    let mut out: Vec<String> = vec![String::new()];
    let mut before = ' ';
    let mut letters = name.chars().peekable();
    while let Some(c) = letters.next() {
        // `dbPassword`, and `APIKey`: the last capital begins the next word.
        let begins = c.is_ascii_uppercase()
            && (before.is_ascii_lowercase()
                || before.is_ascii_uppercase() && letters.peek().is_some_and(char::is_ascii_lowercase));
        if !c.is_ascii_alphanumeric() || begins || c.is_ascii_digit() != before.is_ascii_digit() {
            out.push(String::new());
        }
        if let (true, Some(word)) = (c.is_ascii_alphanumeric(), out.last_mut()) {
            word.push(c.to_ascii_uppercase());
        }
        before = c;
    }
    out.retain(|word| !word.is_empty());
    out
}

/// Checks whether a variable or an option with this name and value holds a secret.
pub(super) fn is_called_one(name: &str, value: &str) -> bool {
    let value = value.trim();
    let number = value.bytes().all(|b| b.is_ascii_digit());
    let harmless = value.chars().count() < 3
        || value.starts_with("arn:")
        || is_placeholder(value)
        || WORDS.contains(&value.to_ascii_lowercase().as_str())
        || is_path(value)
        || is_address(value)
        || is_uuid(value) && !matches!(Called::of(name), Called::Secret);
    if harmless {
        return false;
    }
    // `BASIC_AUTH: admin:hunter2`
    let basic = words(name).windows(2).any(|pair| pair == ["BASIC", "AUTH"]);
    let login = value.split_once(':').is_some_and(|(user, password)| !user.is_empty() && !password.is_empty());
    if basic && login {
        return true;
    }
    match Called::of(name) {
        // A lifetime, most likely: `REFRESH_TOKEN: 3600`.
        Called::Secret => !number || value.len() >= 6 || words(name).last().is_some_and(|w| !w.ends_with("TOKEN")),
        Called::Partly => !number && value.chars().count() >= 6 && is_mixed(value),
        Called::Perhaps => is_random(value),
        Called::Otherwise => false,
    }
}

/// Checks whether a text as a whole is a placeholder: `${…}`, `$NAME`, `$(…`, `%NAME%`, `%(name)s`, `{name}`, `{{…}}`,
/// `<your password>`.
fn is_placeholder(text: &str) -> bool {
    let within = |begin: &str, end: &str| text.strip_prefix(begin).and_then(|rest| rest.strip_suffix(end));
    let made_of = |text: &str, fits: fn(u8) -> bool| !text.is_empty() && text.bytes().all(fits);
    let variable = |name: &str| {
        made_of(name, |b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
            || made_of(name, |b| b.is_ascii_lowercase() || b == b'_')
    };
    let words = |text: &str| made_of(text, |b| b.is_ascii_alphabetic() || b" _-.".contains(&b));
    text.starts_with("$(")
        || text.trim_start_matches('$').starts_with('{') && text.starts_with('$') && text.contains('}')
        || text.strip_prefix('$').is_some_and(variable)
        || within("{{", "}}").is_some()
        || within("{", "}").is_some_and(words)
        || within("%(", ")s").is_some_and(words)
        || within("%", "%").is_some_and(variable)
        || text == "%s"
        || text.strip_prefix('<').is_some_and(|rest| words(rest.strip_suffix('>').unwrap_or(rest)))
}

/// Checks whether a text has more than letters: digits, or characters that no word has.
fn is_mixed(text: &str) -> bool {
    let letters = text.bytes().any(|b| b.is_ascii_alphabetic());
    let digits = text.bytes().any(|b| b.is_ascii_digit());
    let odd = text.chars().any(|c| !c.is_ascii_alphanumeric() && !" .,-_/:@".contains(c));
    letters && (digits || odd) && !text.contains('@')
}

/// Checks whether a text looks like a secret.
pub(super) fn is_one(text: &str) -> bool {
    // Nothing of what follows is shorter, but for an address.
    if text.len() < 16 {
        return has_password(text);
    }
    let key = text.contains("-----BEGIN") && text.contains("PRIVATE KEY");
    let mut parts = text.split(|c: char| c.is_whitespace() || "\"'=,;()[]<>".contains(c));
    let token = |part: &str| {
        let known = |(begin, least): &(&str, usize)| {
            part.strip_prefix(begin).is_some_and(|rest| rest.len() >= *least && rest.bytes().all(is_token))
        };
        TOKENS.iter().any(known) || is_jwt(part) || has_access_key(part)
    };
    key || parts.any(token) || has_password(text) || WEBHOOKS.iter().any(|address| text.contains(address))
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_./+=".contains(&byte)
}

/// Checks whether a text is a JSON Web Token: three parts separated by dots, the first of which starts like `{"` in base 64.
fn is_jwt(text: &str) -> bool {
    let parts: Vec<&str> = text.split('.').collect();
    let part = |p: &&str| p.len() >= 8 && p.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    parts.len() == 3 && text.starts_with("eyJ") && parts.iter().all(part)
}

/// Checks whether a text is the id of an access key: `AKIA` or `ASIA`, and sixteen characters more.
fn has_access_key(text: &str) -> bool {
    text.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| {
        word.len() == 20
            && (word.starts_with("AKIA") || word.starts_with("ASIA"))
            && word.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
    })
}

/// Checks whether a variable's value looks like the secret part of an access key: forty characters of base 64, of all kinds.
pub(super) fn is_bare_key(text: &str) -> bool {
    let base64 = |b: u8| b.is_ascii_alphanumeric() || b == b'/' || b == b'+';
    let has = |what: fn(&u8) -> bool| text.as_bytes().iter().any(what);
    text.len() == 40
        && text.bytes().all(base64)
        && has(u8::is_ascii_digit)
        && has(u8::is_ascii_uppercase)
        && has(u8::is_ascii_lowercase)
        && !is_path(text)
        && entropy(text) >= 4.0
}

/// Checks whether a text is an address with a password: `postgres://anna:secret@host`.
fn has_password(text: &str) -> bool {
    text.match_indices("://").any(|(at, found)| {
        let rest = &text[at + found.len()..];
        let rest = rest.split(|c: char| c.is_whitespace() || c == '"').next().unwrap_or_default();
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let login = match authority.rsplit_once('@') {
            Some((login, _)) => Some(login),
            // `anna:se/cret@host`, which should be written `%2F`.
            None => rest.rsplit_once('@').map(|(login, _)| login).filter(|login| !is_host(login)),
        };
        login
            .and_then(|login| login.split_once(':'))
            .is_some_and(|(_, password)| !password.is_empty() && !is_placeholder(password))
    })
}

/// Checks whether a text starts with a host and possibly a port, and not with user and password: `example.com:8080/a`.
fn is_host(text: &str) -> bool {
    let Some((before, after)) = text.split_once(':') else { return true };
    let rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
    let port = rest.len() < after.len() && (rest.is_empty() || rest.starts_with(['/', '?', '#', ',', ';', '&']));
    port || before.starts_with('[') || before.contains(['/', '?', '#'])
}

/// Checks whether a value or a command contains `password=…`, in an option, a query or a connection string.
pub(super) fn has_assignment(text: &str) -> bool {
    text.split(|c: char| c.is_whitespace() || ";&?,\"'".contains(c)).any(|part| {
        part.split_once('=').is_some_and(|(name, value)| {
            let name = name.trim_start_matches('-');
            let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c));
            // What only may be a secret is one too often here: base 64 ends in `=`.
            is_name && Called::of(name) != Called::Perhaps && is_called_one(name, value)
        })
    })
}

/// Checks whether a text looks random: long enough, and not made of words.
pub(super) fn is_random(text: &str) -> bool {
    let length = text.chars().count();
    let has = |what: fn(&u8) -> bool| text.as_bytes().iter().any(what);
    let (digits, upper, lower) = (has(u8::is_ascii_digit), has(u8::is_ascii_uppercase), has(u8::is_ascii_lowercase));
    let kinds = usize::from(digits) + usize::from(upper) + usize::from(lower);
    if length < 16 || text.contains(char::is_whitespace) && !text.bytes().any(|b| b.is_ascii_punctuation()) || is_uuid(text) {
        return false;
    }
    let words = text.split(|c: char| "-_./:,{}".contains(c)).all(|part| {
        part.len() <= 3
            || part.bytes().all(|b| b.is_ascii_digit())
            || part.bytes().all(|b| b.is_ascii_alphabetic()) && entropy(part) < 3.6
    });
    !words && (kinds >= 2 || text.bytes().any(|b| b.is_ascii_punctuation())) && entropy(text) >= 3.0
}

/// Returns the entropy in bits per character.
fn entropy(text: &str) -> f64 {
    let mut count: BTreeMap<char, f64> = BTreeMap::new();
    text.chars().for_each(|c| *count.entry(c).or_default() += 1.0);
    let all = text.chars().count() as f64;
    count.values().map(|n| -(n / all) * (n / all).log2()).sum()
}

fn is_uuid(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    parts.iter().map(|p| p.len()).eq([8, 4, 4, 4, 12]) && text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
}

/// Checks whether a text is the path of a file, made of words. With one slash, or none at the start, it must have an extension: `.json`.
fn is_path(text: &str) -> bool {
    let begins = ["/", "./", "../", "~/"].iter().any(|begin| text.starts_with(begin));
    let part = |part: &str| {
        let plain = part.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
        let odd = part.bytes().any(|b| b.is_ascii_digit()) && part.bytes().any(|b| b.is_ascii_uppercase());
        plain && !odd && !is_random(part)
    };
    let ends = text.rsplit('/').next().and_then(|last| last.rsplit_once('.')).is_some_and(|(stem, end)| {
        !stem.is_empty() && (2..=8).contains(&end.len()) && end.bytes().all(|b| b.is_ascii_lowercase())
    });
    let slashes = text.matches('/').count();
    (begins && slashes >= 2 || ends && slashes >= 1) && text.split('/').all(part)
}

/// Checks whether a text is a web address. One with a password looks like a secret, and was found before.
fn is_address(text: &str) -> bool {
    ["http://", "https://", "s3://", "ssm://", "vault://", "secretsmanager://"].iter().any(|begin| text.starts_with(begin))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_refused(name: &str, value: &str) -> bool {
        is_called_one(name, value) || is_one(value) || is_bare_key(value) || has_assignment(value)
    }

    const RANDOM: &str = "0a1b2c3d4e5f60718293a4b5c6d7e8f9";

    /// The values are put together here, so that no scanner of repositories takes them for real ones.
    #[test]
    fn the_usual_forms_are_refused() {
        let jwt = ["eyJhbGciOiJIUzI1NiJ9", "eyJzdWIiOiIxMjM0NTY3ODkwIn0", "dozjgNryP4J3jVmNHl0w5N"].join(".");
        let with = |begin: &str| format!("{begin}{}", "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1dF3hJ5".repeat(2));
        let slack = ["https://hooks.slack.com/services/T0", "00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX"].concat();
        let laravel = format!("base64:{}=", "Kq3x".repeat(11));
        let aws = ["wJalrXUtnFEMI/K7MDENG", "/bPxRfiCYEXAMPLEKEY"].concat();
        let pem = ["-----BEGIN RSA ", "PRIVATE KEY-----\nMIIE"].concat();
        let akia = ["AKIA", "IOSFODNN7EXAMPLE"].concat();
        let table: Vec<(&str, String)> = [
            ("DB_PASSWORD", "hunter2"),
            ("apiKey", "correct-horse"),
            ("DJANGO_SECRET_KEY", "abcdefgh"),
            ("AWS_SECRET_ACCESS_KEY", "abcdefgh"),
            ("PGPASSWORD", "hunter2"),
            ("MYSQL_PWD", "hunter2"),
            ("DB_PASS", "hunter2"),
            ("dbPassword", "hunter2"),
            ("authToken", "abcdef"),
            ("SECRETKEY", "abcdefgh"),
            ("STRIPE_KEY", RANDOM),
            ("RAILS_MASTER_KEY", RANDOM),
            ("APP_KEY", RANDOM),
            ("SMTP_PASS", "letmein"),
            ("SESSION_KEY", RANDOM),
            ("COOKIE_KEYS", RANDOM),
            ("WP_AUTH_SALT", RANDOM),
            ("LICENSE_KEY", "A1B2C-D3E4F-G5H6I-J7K8L"),
            ("SLACK_WEBHOOK", RANDOM),
            ("DB_PASSWORD", "/aB3/xY9kLmQ2"),
            ("ACCESS_TOKEN", "123456789012"),
            ("DB_PASSWORD", "12345678"),
            ("SECRET_KEY_BASE", RANDOM),
            ("JWT_SECRET", "s3cr3t"),
            ("ENCRYPTION_KEY", "0123456789abcdef"),
            ("API_KEY", "0123456789abcdef"),
            ("redis-password", "changeme"),
            ("adminPasswd", "changeme"),
            ("KEY_PASSPHRASE", "open sesame"),
            ("APIKey", "abcdefgh12"),
            ("TOKEN_GITHUB", "abc123def456"),
            ("DB_PASSWORD_OLD", "hunter2"),
            ("ADMIN_PASSWORD_2", "hunter2"),
            ("SECRET_KEY_1", "abcdefgh"),
            ("WP_AUTH_KEY", "x|Y!7p%Q#tGe^R5w&Uz*K1m(S"),
            ("oauthClientSecret", "abcdef"),
            ("GITHUB_TOKEN", "abcdef"),
            ("DATABASE_URL", "postgres://app:hunter2@db:5432/shop"),
            ("REDIS_URL", "redis://:hunter2@cache:6379"),
            ("JDBC", "jdbc:mysql://db/shop?user=app&password=hunter2"),
            ("DSN", "host=db user=app password=hunter2 dbname=shop"),
            ("ODBC", "Server=db;Uid=app;Pwd=hunter2;"),
            ("X", "serve --password=hunter2"),
            ("X", "--api-key=abcdefgh123"),
            ("DB_PASSWORD", "$uperS3cret!"),
            ("API_TOKEN", "<hunter2hunter2>"),
            ("JWT_SECRET", "%aB3dE5gH7jK9"),
            ("DB_PASSWORD", "{{hunter2"),
            ("DB_PASSWORD", "$2b$12$KIXQaB3dE5gH7jK9mN1pQ"),
            ("DB_PW", "hunter2hunter2"),
            ("DB_PSWD", "hunter2"),
            ("BASIC_AUTH", "admin:hunter2"),
            ("DATABASE_URL", "postgres://app:p/ss@db/x"),
            ("DATABASE_URL", "postgres://app:p#ss@db:5432/x"),
            ("DATABASE_URL", "postgres://app:$uperS3cret!@db:5432/x"),
            ("DB_PASSWORD", "/hunter2"),
            ("DB_PASSWORD", "hunter2/hunter2"),
        ]
        .map(|(name, value)| (name, value.to_owned()))
        .into_iter()
        .chain([
            ("X", jwt),
            ("X", slack),
            ("X", laravel),
            ("X", aws),
            ("X", pem),
            ("X", akia),
            ("X", with("sk_live_")),
            ("X", with("sk_test_")),
            ("X", with("sk-proj-")),
            ("X", with("AIza")),
            ("X", with("npm_")),
            ("X", with("ghp_")),
            ("X", with("xoxb-")),
            ("X", with("glpat-")),
            ("X", with("SG.")),
            ("X", with("whsec_")),
        ])
        .collect();
        assert!(table.len() >= 40);
        let missed: Vec<_> = table.iter().filter(|(name, value)| !is_refused(name, value)).collect();
        assert!(missed.is_empty(), "{missed:#?}");
    }

    #[test]
    fn the_innocent_pass() {
        let table = [
            ("TOKEN_TTL", "3600"),
            ("TOKEN_TTL", "86400000"),
            ("PASSWORD_MIN_LENGTH", "12"),
            ("SECRET_NAME", "prod/database"),
            ("PASSWORD_FILE", "run/secrets/db"),
            ("DB_PASSWORD_FILE", "/run/secrets/db_password"),
            ("MONKEY", "0123456789"),
            ("KEYBOARD", "0123456789"),
            ("KEYCLOAK_URL", "https://login.example.com/realms/shop"),
            ("KEYCLOAK_REALM", "shop-production"),
            ("CACHE_KEY_PREFIX", "webapp:v2:sessions"),
            ("PUBLIC_KEY", RANDOM),
            ("NEXT_PUBLIC_MAPS_KEY", RANDOM),
            ("STRIPE_PUBLISHABLE_KEY", "pk_live_51H8s0a1b2c3d4e5f6"),
            ("KMS_KEY_ID", "1234abcd-12ab-34cd-56ef-1234567890ab"),
            ("KMS_KEY", "1234abcd-12ab-34cd-56ef-1234567890ab"),
            ("KMS_KEY_ARN", "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd"),
            ("DB_PASSWORD", "arn:aws:secretsmanager:us-east-1:1:secret:x"),
            ("GIT_SHA", "3f786850e387550fdab836ed7e6dc881de23001b"),
            ("IMAGE", "nginx@sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"),
            ("REQUEST_ID", "0b7e5c1e-8a4f-4a9e-9d1b-3f0a2b4c6d8e"),
            ("PARTITION_KEY", "customer_id"),
            ("SORT_KEY", "created_at"),
            ("COGNITO_CLIENT_ID", "3n4b5urk1ft4fl3mg5e62d9ado"),
            ("TOKEN_ENDPOINT", "https://login.example.com/oauth2/token"),
            ("JWT_ISSUER", "https://login.example.com"),
            ("AUTH_TOKEN_HEADER", "x-auth-token"),
            ("SESSION_COOKIE", "shop_session"),
            ("COOKIE_NAME", "shop-session-production"),
            ("BYPASS_CACHE", "sometimes"),
            ("COMPASS_HOST", "compass.example.com"),
            ("PASS_THROUGH_HEADERS", "x-request-id,x-trace"),
            ("PASSWORD_RESET_FROM", "noreply@example.com"),
            ("REFRESH_TOKEN", "3600"),
            ("SECRETARY_EMAIL", "office@example.com"),
            ("TOKENIZER_MODEL", "cl100k-base"),
            ("MAX_TOKENS", "4096"),
            ("SALT_ROUNDS", "10"),
            ("AUTH_MODE", "password"),
            ("SECRETS_BACKEND", "vault"),
            ("PASSWORD_POLICY", "at-least-12-characters"),
            ("API_KEY_HEADER", "x-api-key"),
            ("LICENSE", "Apache-2.0"),
            ("SENTRY_DSN", "https://sentry.example.com/42"),
            ("DATABASE_URL", "postgres://db:5432/shop"),
            ("DATABASE_URL", "postgres://app:${DB_PASSWORD}@db:5432/shop"),
            ("SITE", "https://anna@example.com:8080/a:b@c"),
            ("SSH_KEY_PATH", "/etc/ssh/id_ed25519"),
            ("PATH", "/usr/local/bin:/usr/bin:/bin"),
            ("ETAG", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"),
            ("COMMAND", "serve --token-ttl=3600 --keys=3"),
            ("FEATURE_FLAGS", "checkout-v2,search-v3,dark-mode"),
            ("USE_PASSWORD", "true"),
            ("API_KEY", "${ssm.parameter/key.arn}"),
            ("PASSWORD_HASHER", "argon2"),
            ("TOKEN_HASH", "sha256"),
            ("PASSWORD_ENCODER", "pbkdf2"),
            ("REFRESH_TOKEN_EXPIRES_IN", "30days"),
            ("ACCESS_TOKEN_EXPIRES_IN", "15 minutes"),
            ("GOOGLE_APPLICATION_CREDENTIALS", "/gcp.json"),
            ("AUTH_SERVER", "auth01.internal.example.com"),
            ("SSL_CERT", "certs/prod/server1.pem"),
            ("STATE_KEY", "terraform/prod1/state.tfstate"),
            ("SESSION_SERVERS", "redis1.prod.internal:6379"),
            ("CREDENTIALS_SOURCE", "Ec2InstanceMetadata"),
            ("SIGNATURE_ALG", "ecdsa-p256-sha256"),
            ("SECRET_ENGINE", "kv-v2/apps"),
            ("API_TOKEN_SOURCE", "header-x1"),
            ("PASSWORD_RULES", "min8,max64"),
            ("PASSWORD_REGEX", "^.{8,64}$"),
            ("REDIS_KEY", "session:v1:{userId}"),
            ("GITHUB_TOKEN_SCOPES", "repo,read:org2"),
            ("PASSWORD_RESET_TEMPLATE", "reset-v2"),
            ("EMAIL_PASSWORD_RESET_SUBJECT", "Reset your password!"),
            ("OAUTH_TOKEN_EXCHANGE", "rfc8693"),
            ("TOKEN_BUCKET_CAPACITY", "100req"),
            ("VAULT_TOKEN_PERIOD", "24h30m"),
            ("BASIC_AUTH", "enabled"),
            ("DB_PASSWORD", "$DB_PASSWORD"),
            ("DB_PASSWORD", "$${DB_PASSWORD}"),
            ("DB_PASSWORD", "%DB_PASSWORD%"),
            ("DB_PASSWORD", "<your password>"),
            ("DB_PASSWORD", "{{ .Values.db1.password }}"),
            ("DATABASE_URL", "postgres://app:%s@db:5432/shop"),
            ("X", "psql --password=$(cat /run/secrets/db)"),
            ("SITE", "https://example.com:8080/@anna/a:b@c"),
            ("SITE", "https://example.com/a:b@c"),
            ("IMAGE", "docker://docker.io/library/nginx:1.27@sha256:5891"),
            ("JSON", "{\"site\":\"http://web:8080\",\"mail\":\"anna@example.com\"}"),
        ];
        assert!(table.len() >= 40);
        let wrong: Vec<_> = table.iter().filter(|(name, value)| is_refused(name, value)).collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    #[test]
    fn names_are_cut_into_words() {
        for name in ["dbPassword", "DB_PASSWORD", "db-password", "DbPassword"] {
            assert_eq!(words(name), ["DB", "PASSWORD"], "{name}");
        }
        assert_eq!(words("APIKey2"), ["API", "KEY", "2"]);
        assert_eq!(words(""), Vec::<String>::new());
    }
}
