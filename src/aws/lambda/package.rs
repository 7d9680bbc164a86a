//! The package of a function: a zip archive with `index.py` and perhaps a program. The same files always give the same archive, byte by
//! byte, so its digest says whether Lambda has them.

use std::io::{Cursor, Read, Write};
use std::path::Path;

use aws_smithy_types::base64;
use sha2::{Digest, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use crate::engine::{Class, Error, Result};

/// The text.
const TEXT: &str = "index.py";
/// The program, beside it.
const PROGRAM: &str = "program";
/// The largest archive that a call can carry, in bytes
/// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).
const LARGEST: usize = 50 << 20;
/// The largest program that is read, in bytes: what a function can have unpacked.
const UNPACKED: u64 = 250 << 20;

/// Returns the archive of a text and the program at a path.
///
/// # Errors
/// When the program cannot be read, or is too large for a function.
pub(super) fn package(text: &str, program: Option<&Path>) -> Result<Vec<u8>> {
    let Some(path) = program else { return archive(text, None) };
    let shown = path.display();
    let unreadable = |e: std::io::Error| Error::new(Class::Invalid, format!("the program `{shown}` cannot be read: {e}"));
    let mut bytes = Vec::new();
    std::fs::File::open(path).and_then(|file| file.take(UNPACKED + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
    let packed = if bytes.len() as u64 > UNPACKED { None } else { Some(archive(text, Some(&bytes))?) };
    packed.filter(|packed| packed.len() <= LARGEST).ok_or_else(|| {
        let size = bytes.len() >> 20;
        Error::new(
            Class::Invalid,
            format!("the program `{shown}` ({size} MiB) is too large for a function: its package may have 50 MiB"),
        )
    })
}

fn archive(text: &str, program: Option<&[u8]>) -> Result<Vec<u8>> {
    let write = || {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        // 1 January 1980, the first day of the format: the archive has no time of its own.
        let options = SimpleFileOptions::default().last_modified_time(DateTime::default());
        let options = options.compression_method(CompressionMethod::Deflated);
        zip.start_file(TEXT, options.unix_permissions(0o644))?;
        zip.write_all(text.as_bytes())?;
        if let Some(program) = program {
            zip.start_file(PROGRAM, options.unix_permissions(0o755))?;
            zip.write_all(program)?;
        }
        Ok(zip.finish()?.into_inner())
    };
    write().map_err(|e: zip::result::ZipError| Error::internal(format!("a package cannot be made: {e}")))
}

/// Returns the archive's digest, as Lambda writes it.
///
/// # Errors
/// As those of the archive.
pub fn digest(text: &str, program: Option<&Path>) -> Result<String> {
    Ok(base64::encode(Sha256::digest(package(text, program)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_has_its_files_and_nothing_else() {
        let packed = archive("print(1)\n", Some(b"#!/bin/sh\n")).unwrap();
        let mut zip = zip::ZipArchive::new(Cursor::new(packed)).unwrap();
        let names: Vec<_> = zip.file_names().map(|name| name.unwrap().into_owned()).collect();
        assert_eq!(names, ["index.py", "program"]);
        let mut text = String::new();
        zip.by_name(TEXT).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "print(1)\n");
        let modes = ["index.py", "program"].map(|name| zip.by_name(name).unwrap().unix_mode().unwrap() & 0o777);
        assert_eq!(modes, [0o644, 0o755]);
    }

    #[test]
    fn the_same_files_have_the_same_digest() {
        let of = |text| digest(text, None).unwrap();
        assert_eq!(of("a"), of("a"));
        assert_ne!(of("a"), of("b"));
        let program = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
        assert_eq!(digest("a", Some(program)).unwrap(), digest("a", Some(program)).unwrap());
        assert_ne!(digest("a", Some(program)).unwrap(), of("a"));
        let missing = digest("a", Some(Path::new("no/such"))).unwrap_err().to_string();
        assert!(missing.starts_with("the program `no/such` cannot be read: "), "{missing}");
    }
}
