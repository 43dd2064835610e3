//! Pure: the headers of a tar archive (POSIX.1-1988 ustar): files of known sizes, one after the other.

/// All parts of an archive are multiples of this.
pub const BLOCK: u64 = 512;

/// What ends an archive.
pub const END: [u8; 1024] = [0; 1024];

/// The header of a file of `bytes` bytes; `name` has at most 100 ASCII characters, `folder` at most 155.
pub fn header(folder: &str, name: &str, bytes: u64, modified_s: i64) -> [u8; 512] {
    let mut header = [0; 512];
    let mut put = |at: usize, text: &[u8]| header[at..at + text.len()].copy_from_slice(text);
    put(0, &name.as_bytes()[..name.len().min(100)]);
    put(100, b"0000644\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{bytes:011o}\0").as_bytes());
    put(136, format!("{:011o}\0", modified_s.max(0)).as_bytes());
    put(148, b"        ");
    put(156, b"0");
    put(257, b"ustar\x0000");
    put(345, &folder.as_bytes()[..folder.len().min(155)]);
    let sum: u32 = header.iter().map(|b| u32::from(*b)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}

/// How many zeros follow a file of `bytes` bytes.
pub fn padding(bytes: u64) -> u64 {
    bytes.next_multiple_of(BLOCK) - bytes
}

/// What a file of `bytes` bytes takes in the archive.
pub fn size(bytes: u64) -> u64 {
    BLOCK + bytes + padding(bytes)
}
