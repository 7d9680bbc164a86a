//! A frozen file: a stack file that says what it is, and by a digest whether it is still as it was written.

use sha2::{Digest, Sha256};

/// The beginning of the line with the digest of everything below it.
const INTEGRITY: &str = "# integrity: sha256:";

/// Puts the digest of a text above it.
pub fn sealed(text: &str) -> String {
    format!("{INTEGRITY}{}\n{text}", digest(text))
}

/// Returns whether a text is as it was sealed; none when it never was.
pub fn is_whole(text: &str) -> Option<bool> {
    let (line, rest) = text.split_once('\n')?;
    let said = line.trim_end().strip_prefix(INTEGRITY)?;
    // An editor or git may have changed the ends of lines.
    Some(said == digest(&rest.replace("\r\n", "\n")))
}

fn digest(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_text_tells_whether_it_was_changed() {
        let text = sealed("stack: shop\nregion: us-east-1\n");
        assert!(text.starts_with("# integrity: sha256:"));
        assert_eq!(is_whole(&text), Some(true));
        assert_eq!(is_whole(&text.replace('\n', "\r\n")), Some(true));
        assert_eq!(is_whole(&text.replace("us-east-1", "us-west-2")), Some(false));
        assert_eq!(is_whole("stack: shop\n"), None);
        assert_eq!(is_whole(""), None);
    }
}
