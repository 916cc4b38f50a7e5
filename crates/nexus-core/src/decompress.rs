//! Content encodings of request bodies, undone within a limit.

use flate2::{Decompress, FlushDecompress, Status};
use std::fmt;
use std::io::Read;

/// An encoding of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// As it is.
    Identity,
    /// gzip, of one or more members.
    Gzip,
    /// zlib, or bare deflate as some senders have it.
    Deflate,
    /// Zstandard, of one or more frames.
    Zstd,
    /// Snappy: a block, or frames when the body begins with their stream identifier.
    Snappy,
}

impl Encoding {
    /// By its name in `Content-Encoding` or `grpc-encoding`, without case.
    pub fn from_name(name: &str) -> Option<Self> {
        let name = name.trim();
        [
            ("", Self::Identity),
            ("identity", Self::Identity),
            ("gzip", Self::Gzip),
            ("x-gzip", Self::Gzip),
            ("deflate", Self::Deflate),
            ("zstd", Self::Zstd),
            ("snappy", Self::Snappy),
        ]
        .into_iter()
        .find_map(|(known, encoding)| known.eq_ignore_ascii_case(name).then_some(encoding))
    }
}

/// Why a body was not decompressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DecompressError {
    /// It is not what its encoding says, it is truncated, or something follows it.
    BadEncoding(String),
    /// It is larger than this many bytes.
    TooLarge(usize),
}

impl fmt::Display for DecompressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadEncoding(message) => f.write_str(message),
            Self::TooLarge(limit) => write!(f, "the body is larger than {limit} bytes after decompression"),
        }
    }
}

impl std::error::Error for DecompressError {}

type Result<T> = std::result::Result<T, DecompressError>;

const SNAPPY_STREAM: &[u8] = b"\xff\x06\x00\x00sNaPpY";
/// More than snappy can win: 64 bytes out of 3.
const SNAPPY_MAX_RATIO: usize = 22;
const ZSTD_MIN_WINDOW_LOG: u32 = 23;
const ZSTD_MAX_WINDOW_LOG: u32 = 27;
const FIRST_CHUNK: usize = 64 << 10;

/// The body without its encoding, of at most `limit` bytes. Memory stays below twice that.
pub fn decompress(body: &[u8], encoding: Encoding, limit: usize) -> Result<Vec<u8>> {
    let output = match encoding {
        Encoding::Identity if body.len() > limit => return Err(DecompressError::TooLarge(limit)),
        Encoding::Identity => body.to_vec(),
        _ if body.is_empty() => return Err(bad(encoding, "the body is empty")),
        Encoding::Gzip => read(encoding, flate2::bufread::MultiGzDecoder::new(body), body.len(), limit)?,
        Encoding::Deflate => deflate(body, limit)?,
        Encoding::Zstd => zstd(body, limit)?,
        Encoding::Snappy if body.starts_with(SNAPPY_STREAM) => {
            read(encoding, snap::read::FrameDecoder::new(body), body.len(), limit)?
        }
        Encoding::Snappy => snappy_block(body, limit)?,
    };
    Ok(output)
}

fn bad(encoding: Encoding, cause: impl fmt::Display) -> DecompressError {
    let name = match encoding {
        Encoding::Identity => "identity",
        Encoding::Gzip => "gzip",
        Encoding::Deflate => "deflate",
        Encoding::Zstd => "zstd",
        Encoding::Snappy => "snappy",
    };
    DecompressError::BadEncoding(format!("the body is not valid {name}: {cause}"))
}

/// Output that grows as it is filled, up to one byte more than the limit.
struct Output {
    bytes: Vec<u8>,
    filled: usize,
    limit: usize,
}

impl Output {
    fn new(input: usize, limit: usize) -> Self {
        let first = input.saturating_mul(4).max(FIRST_CHUNK).min(limit.saturating_add(1));
        Self { bytes: vec![0; first], filled: 0, limit }
    }

    /// Room for more, at least one byte. An error when the limit is exceeded.
    fn room(&mut self) -> Result<&mut [u8]> {
        if self.filled > self.limit {
            return Err(DecompressError::TooLarge(self.limit));
        }
        if self.filled == self.bytes.len() {
            let larger = self.bytes.len().saturating_mul(2).min(self.limit.saturating_add(1));
            self.bytes.resize(larger, 0);
        }
        Ok(&mut self.bytes[self.filled..])
    }

    fn finish(mut self) -> Result<Vec<u8>> {
        if self.filled > self.limit {
            return Err(DecompressError::TooLarge(self.limit));
        }
        self.bytes.truncate(self.filled);
        Ok(self.bytes)
    }
}

fn read(encoding: Encoding, mut reader: impl Read, input: usize, limit: usize) -> Result<Vec<u8>> {
    let mut output = Output::new(input, limit);
    loop {
        match reader.read(output.room()?) {
            Ok(0) => return output.finish(),
            Ok(count) => output.filled += count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(bad(encoding, error)),
        }
    }
}

fn zstd(body: &[u8], limit: usize) -> Result<Vec<u8>> {
    let encoding = Encoding::Zstd;
    let mut decoder = zstd::stream::read::Decoder::with_buffer(body).map_err(|error| bad(encoding, error))?;
    let window = usize::BITS - limit.leading_zeros();
    decoder
        .window_log_max(window.clamp(ZSTD_MIN_WINDOW_LOG, ZSTD_MAX_WINDOW_LOG))
        .map_err(|error| bad(encoding, error))?;
    read(encoding, decoder, body.len(), limit)
}

fn deflate(body: &[u8], limit: usize) -> Result<Vec<u8>> {
    let zlib_header =
        body.len() >= 2 && body[0] & 15 == 8 && (usize::from(body[0]) << 8 | usize::from(body[1])) % 31 == 0;
    match inflate(body, zlib_header, limit) {
        // Bare deflate may look like a zlib header by chance.
        Err(DecompressError::BadEncoding(message)) if zlib_header => {
            inflate(body, false, limit).map_err(|_| DecompressError::BadEncoding(message))
        }
        result => result,
    }
}

fn inflate(body: &[u8], zlib_header: bool, limit: usize) -> Result<Vec<u8>> {
    let encoding = Encoding::Deflate;
    let mut inflater = Decompress::new(zlib_header);
    let mut output = Output::new(body.len(), limit);
    loop {
        let (read, written) = (inflater.total_in(), inflater.total_out());
        let status = inflater
            .decompress(&body[read as usize..], output.room()?, FlushDecompress::None)
            .map_err(|error| bad(encoding, error))?;
        output.filled = inflater.total_out() as usize;
        match status {
            Status::StreamEnd if inflater.total_in() < body.len() as u64 => {
                return Err(bad(encoding, "something follows the end of the stream"));
            }
            Status::StreamEnd => return output.finish(),
            _ if inflater.total_in() == read && inflater.total_out() == written => {
                return Err(bad(encoding, "it is truncated"));
            }
            _ => {}
        }
    }
}

fn snappy_block(body: &[u8], limit: usize) -> Result<Vec<u8>> {
    let encoding = Encoding::Snappy;
    let length = snap::raw::decompress_len(body).map_err(|error| bad(encoding, error))?;
    if length > body.len().saturating_mul(SNAPPY_MAX_RATIO) {
        return Err(bad(encoding, format_args!("{} bytes cannot hold the {length} announced", body.len())));
    }
    if length > limit {
        return Err(DecompressError::TooLarge(limit));
    }
    snap::raw::Decoder::new().decompress_vec(body).map_err(|error| bad(encoding, error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use std::io::Write;

    const ALL: [Encoding; 5] =
        [Encoding::Identity, Encoding::Gzip, Encoding::Deflate, Encoding::Zstd, Encoding::Snappy];

    fn text(length: usize) -> Vec<u8> {
        (0..length).map(|i| (i * i / 7 % 61) as u8 + b'0').collect()
    }

    /// Every way to encode `data`.
    fn encoded(data: &[u8]) -> Vec<(Encoding, Vec<u8>)> {
        let level = flate2::Compression::fast();
        let mut gzip = GzEncoder::new(Vec::new(), level);
        gzip.write_all(data).unwrap();
        let mut zlib = ZlibEncoder::new(Vec::new(), level);
        zlib.write_all(data).unwrap();
        let mut bare = DeflateEncoder::new(Vec::new(), level);
        bare.write_all(data).unwrap();
        let mut frames = snap::write::FrameEncoder::new(Vec::new());
        frames.write_all(data).unwrap();
        vec![
            (Encoding::Gzip, gzip.finish().unwrap()),
            (Encoding::Deflate, zlib.finish().unwrap()),
            (Encoding::Deflate, bare.finish().unwrap()),
            (Encoding::Zstd, zstd::encode_all(data, 1).unwrap()),
            (Encoding::Snappy, snap::raw::Encoder::new().compress_vec(data).unwrap()),
            (Encoding::Snappy, frames.into_inner().unwrap()),
        ]
    }

    #[test]
    fn round_trips_within_the_limit() {
        for length in [1, 1000, 300_000] {
            let data = text(length);
            for (encoding, body) in encoded(&data) {
                assert_eq!(decompress(&body, encoding, length).as_ref(), Ok(&data), "{encoding:?}");
                let result = decompress(&body, encoding, length - 1);
                assert_eq!(result, Err(DecompressError::TooLarge(length - 1)), "{encoding:?}");
            }
        }
    }

    #[test]
    fn truncated_and_trailing_bytes_are_refused() {
        let data = text(100_000);
        for (number, (encoding, body)) in encoded(&data).into_iter().enumerate() {
            let cut = decompress(&body[..body.len() - 3], encoding, 1 << 20);
            assert!(
                matches!(cut, Err(DecompressError::BadEncoding(_))),
                "{number} {encoding:?} cut: {:?}",
                cut.map(|d| d.len())
            );
            let more = [&body[..], b"garbage"].concat();
            let result = decompress(&more, encoding, 1 << 20);
            assert!(matches!(result, Err(DecompressError::BadEncoding(_))), "{number} {encoding:?} more");
        }
    }

    #[test]
    fn members_and_frames_follow_one_another() {
        for (encoding, body) in encoded(&text(1000)) {
            if matches!(encoding, Encoding::Gzip | Encoding::Zstd) {
                let both = decompress(&[&body[..], &body[..]].concat(), encoding, 1 << 20).unwrap();
                assert_eq!(both, [text(1000), text(1000)].concat());
            }
        }
    }

    #[test]
    fn garbage_and_nothing_are_refused() {
        for encoding in &ALL[1..] {
            for body in [&b""[..], b"{\"a\":1}", b"\x01", b"\xff\xff\xff\xff\xff\xff"] {
                let result = decompress(body, *encoding, 1 << 20);
                assert!(matches!(result, Err(DecompressError::BadEncoding(_))), "{encoding:?} {body:?} {result:?}");
            }
        }
        assert_eq!(decompress(b"", Encoding::Identity, 0), Ok(Vec::new()));
        assert_eq!(decompress(b"a", Encoding::Identity, 0), Err(DecompressError::TooLarge(0)));
    }

    #[test]
    fn bombs_stop_at_the_limit() {
        let zeros = vec![0; 50 << 20];
        for (encoding, body) in encoded(&zeros) {
            assert_eq!(decompress(&body, encoding, 1 << 20), Err(DecompressError::TooLarge(1 << 20)), "{encoding:?}");
        }
    }

    #[test]
    fn names() {
        assert_eq!(Encoding::from_name("GZip "), Some(Encoding::Gzip));
        assert_eq!(Encoding::from_name("br"), None);
    }
}
