//! The package of a function with one file: a zip archive. The same text always gives the same archive, byte by byte, so its
//! digest says whether Lambda has this text.

use aws_smithy_types::base64;
use sha2::{Digest, Sha256};

/// The only file.
const FILE: &str = "index.py";
/// 1 January 1980, the first day of the format: the archive has no time of its own.
const DAY: u16 = 0x21;
/// A regular file that everyone may read, in Unix terms.
const MODE: u32 = 0o100_644 << 16;

/// Returns the archive.
pub(super) fn package(text: &str) -> Vec<u8> {
    let (crc, size) = (crc32(text.as_bytes()), u32::try_from(text.len()).unwrap_or(u32::MAX));
    let name = u16::try_from(FILE.len()).unwrap_or(u16::MAX);
    // What the file's own header and the directory's entry have in common: version, flags, not compressed, time, checksum, sizes.
    let mut common = Vec::new();
    for number in [20, 0, 0, 0, DAY] {
        common.extend(u16::to_le_bytes(number));
    }
    for number in [crc, size, size] {
        common.extend(u32::to_le_bytes(number));
    }
    common.extend(u16::to_le_bytes(name));
    common.extend(u16::to_le_bytes(0));
    let mut out = Vec::new();
    out.extend(0x0403_4b50_u32.to_le_bytes());
    out.extend(&common);
    out.extend(FILE.as_bytes());
    out.extend(text.as_bytes());
    let directory = u32::try_from(out.len()).unwrap_or(u32::MAX);
    out.extend(0x0201_4b50_u32.to_le_bytes());
    // Made by Unix, so that the mode counts.
    out.extend(u16::to_le_bytes(3 << 8 | 20));
    out.extend(&common);
    out.extend([0; 6]);
    out.extend(MODE.to_le_bytes());
    out.extend(0_u32.to_le_bytes());
    out.extend(FILE.as_bytes());
    let length = u32::try_from(out.len()).unwrap_or(u32::MAX) - directory;
    out.extend(0x0605_4b50_u32.to_le_bytes());
    for number in [0_u16, 0, 1, 1] {
        out.extend(number.to_le_bytes());
    }
    out.extend(length.to_le_bytes());
    out.extend(directory.to_le_bytes());
    out.extend(0_u16.to_le_bytes());
    out
}

/// Returns the archive's digest, as Lambda writes it.
pub fn digest(text: &str) -> String {
    base64::encode(Sha256::digest(package(text)))
}

/// Returns the checksum of the format.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_format() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn the_directory_is_where_the_end_says() {
        let zip = package("print(1)\n");
        let end = zip.len() - 22;
        let number = |at: usize| u32::from_le_bytes(zip[at..at + 4].try_into().unwrap()) as usize;
        assert_eq!(number(end), 0x0605_4b50);
        let (length, directory) = (number(end + 12), number(end + 16));
        assert_eq!((number(directory), directory + length), (0x0201_4b50, end));
        assert_eq!(&zip[30..30 + FILE.len()], FILE.as_bytes());
        assert_eq!(digest("a"), digest("a"));
        assert_ne!(digest("a"), digest("b"));
    }
}
