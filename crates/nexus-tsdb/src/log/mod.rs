//! The segment log: what was appended and is not in the tables yet, in append-only files. A record is in its file before
//! `append` returns, so that ending the process at any moment loses nothing; `sync` makes it last a power cut.
//!
//! A segment is a magic, then frames: length of the payload (u32), its CRC-32 (u32), payload: kind (a byte), sequence (u64),
//! body. Numbers are little endian. A frame that is cut off or damaged ends the segment: at the end of the last one it is what
//! was being written when the process ended, and is cut away.

pub mod record;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const MAGIC: &[u8; 8] = b"NXMLOG01";
const HEAD: usize = 17;
const MOST_PAYLOAD: usize = 1 << 30;
/// A segment of more bytes is followed by another.
const SEGMENT_BYTES: u64 = 64 << 20;

/// Kinds of records.
pub mod kind {
    /// A process begins to write: numbers of series mean nothing any more.
    pub const RESET: u8 = 1;
    /// Definitions of series, samples, exemplars, metadata.
    pub const SAMPLES: u8 = 2;
    /// The same, with start times.
    pub const SAMPLES_STARTED: u8 = 3;
    /// Open samples of series become a batch.
    pub const BATCH: u8 = 4;
    /// A batch is in the tables.
    pub const STORED: u8 = 5;
    /// Samples of series are removed.
    pub const ERASE: u8 = 6;
    /// A tenant is removed.
    pub const FORGET: u8 = 7;
    /// Of checkpoints: state of series.
    pub const STATE: u8 = 10;
    /// Of checkpoints: exemplars and metadata of a tenant.
    pub const EXTRAS: u8 = 11;
    /// Of checkpoints: it is complete.
    pub const END: u8 = 12;
}

/// A record being written: its body is appended to `bytes`.
pub struct Frame {
    /// Header, then the body.
    pub bytes: Vec<u8>,
}

impl Frame {
    /// Without a body yet.
    pub fn new() -> Self {
        Self { bytes: vec![0; HEAD] }
    }

    fn close(&mut self, kind: u8, sequence: u64) -> &[u8] {
        let payload = self.bytes.len() - 8;
        self.bytes[8] = kind;
        self.bytes[9..HEAD].copy_from_slice(&sequence.to_le_bytes());
        let checksum = crc32fast::hash(&self.bytes[8..]);
        self.bytes[..4].copy_from_slice(&(payload as u32).to_le_bytes());
        self.bytes[4..8].copy_from_slice(&checksum.to_le_bytes());
        &self.bytes
    }
}

impl Default for Frame {
    fn default() -> Self {
        Self::new()
    }
}

/// A file of records.
#[derive(Clone, Debug)]
pub struct Segment {
    /// Its number; files are in the order of numbers.
    pub number: u64,
    /// Bytes.
    pub bytes: u64,
}

/// See the module text.
pub struct Log {
    directory: PathBuf,
    file: Arc<File>,
    /// All segments; the last is being written.
    segments: Vec<Segment>,
    sequence: u64,
    /// Segments written to since the last `sync` of which nobody took the handle.
    unsynced: Vec<Arc<File>>,
    /// The last write failed and could not be taken back: another file is needed.
    broken: bool,
}

fn segment_path(directory: &Path, number: u64) -> PathBuf {
    directory.join(format!("segment-{number:016x}.log"))
}

fn checkpoint_path(directory: &Path, number: u64) -> PathBuf {
    directory.join(format!("checkpoint-{number:016x}.log"))
}

fn numbered(directory: &Path, prefix: &str) -> io::Result<Vec<(u64, u64)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix(prefix)?.strip_suffix(".log"));
        if let Some(number) = number.and_then(|number| u64::from_str_radix(number, 16).ok()) {
            found.push((number, entry.metadata()?.len()));
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// What there is to replay: a checkpoint, if there is one, and the segments after it.
pub struct Found {
    /// Path of the checkpoint.
    pub checkpoint: Option<PathBuf>,
    /// Paths, in order.
    pub segments: Vec<PathBuf>,
    known: Vec<Segment>,
}

/// Looks what a directory holds; it is made when it is not there. Files that a checkpoint stands for are removed.
pub fn find(directory: &Path) -> io::Result<Found> {
    fs::create_dir_all(directory)?;
    let mut checkpoints = numbered(directory, "checkpoint-")?;
    let latest = checkpoints.pop().map(|(number, _)| number);
    for (number, _) in checkpoints {
        fs::remove_file(checkpoint_path(directory, number))?;
    }
    let mut known = Vec::new();
    for (number, bytes) in numbered(directory, "segment-")? {
        if latest.is_some_and(|latest| number < latest) {
            fs::remove_file(segment_path(directory, number))?;
        } else {
            known.push(Segment { number, bytes });
        }
    }
    Ok(Found {
        checkpoint: latest.map(|number| checkpoint_path(directory, number)),
        segments: known.iter().map(|segment| segment_path(directory, segment.number)).collect(),
        known,
    })
}

/// What reading a file gave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadOutcome {
    /// Bytes up to the end of the last good record.
    pub good: u64,
    /// Bytes after that.
    pub bad: u64,
}

/// A record: kind, sequence, body.
pub type Record<'a> = (u8, u64, &'a [u8]);

/// Reads the records of a file, up to the first that is not whole. `take` answers whether it understood one.
pub fn read(path: &Path, mut take: impl FnMut(Record<'_>) -> bool) -> io::Result<ReadOutcome> {
    let mut file = io::BufReader::with_capacity(1 << 20, File::open(path)?);
    let total = fs::metadata(path)?.len();
    let mut magic = [0; 8];
    if total < 8 || file.read_exact(&mut magic).is_err() {
        return Ok(ReadOutcome { good: 0, bad: total });
    }
    if &magic != MAGIC {
        if magic.starts_with(&MAGIC[..6]) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("{}: format of a newer version", path.display()),
            ));
        }
        return Ok(ReadOutcome { good: 0, bad: total });
    }
    let mut good = 8;
    let mut payload = Vec::new();
    while total - good >= HEAD as u64 {
        let mut head = [0; 8];
        file.read_exact(&mut head)?;
        let word = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let (length, checksum) = (word(0) as usize, word(4));
        if !(9..=MOST_PAYLOAD).contains(&length) || length as u64 > total - good - 8 {
            break;
        }
        payload.resize(length, 0);
        file.read_exact(&mut payload)?;
        if crc32fast::hash(&payload) != checksum {
            break;
        }
        let sequence = u64::from_le_bytes(payload[1..9].try_into().expect("eight bytes"));
        if !take((payload[0], sequence, &payload[9..])) {
            break;
        }
        good += 8 + length as u64;
    }
    Ok(ReadOutcome { good, bad: total - good })
}

/// Cuts a file after its last good record.
pub fn cut(path: &Path, outcome: ReadOutcome) -> io::Result<()> {
    if outcome.bad > 0 {
        let file = OpenOptions::new().write(true).open(path)?;
        file.set_len(outcome.good)?;
        file.sync_all()?;
    }
    Ok(())
}

impl Log {
    /// Begins a new segment after those that were found. Sequences go on above `sequence`.
    pub fn begin(directory: &Path, found: &Found, sequence: u64) -> io::Result<Self> {
        let last = found.known.last().map_or(0, |segment| segment.number);
        let base = found
            .checkpoint
            .as_ref()
            .and_then(|path| u64::from_str_radix(path.file_stem()?.to_str()?.strip_prefix("checkpoint-")?, 16).ok());
        let number = last.max(base.unwrap_or(0)) + 1;
        let (file, segment) = create(directory, number)?;
        let mut segments: Vec<Segment> = found
            .known
            .iter()
            .map(|known| {
                let bytes = fs::metadata(segment_path(directory, known.number)).map_or(known.bytes, |meta| meta.len());
                Segment { number: known.number, bytes }
            })
            .collect();
        segments.push(segment);
        Ok(Self { directory: directory.into(), file, segments, sequence, unsynced: Vec::new(), broken: false })
    }

    /// Sequence of the last record.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Bytes of all segments.
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    /// Number of segments.
    pub fn num_segments(&self) -> usize {
        self.segments.len()
    }

    /// Sequence that the next record will have.
    pub fn next_sequence(&self) -> u64 {
        self.sequence + 1
    }

    /// Writes a record. When it fails, nothing of it stays.
    pub fn append(&mut self, kind: u8, frame: &mut Frame) -> io::Result<u64> {
        let last = self.segments.last().expect("there is always one");
        if self.broken || last.bytes >= SEGMENT_BYTES {
            self.rotate()?;
        }
        let sequence = self.sequence + 1;
        let bytes = frame.close(kind, sequence);
        if bytes.len() - 8 > MOST_PAYLOAD {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a batch of more than 1 GiB"));
        }
        let segment = self.segments.last_mut().expect("there is always one");
        if let Err(error) = (&*self.file).write_all(bytes) {
            self.broken = self.file.set_len(segment.bytes).is_err();
            return Err(error);
        }
        segment.bytes += bytes.len() as u64;
        self.sequence = sequence;
        Ok(sequence)
    }

    /// Goes on in a new segment; its number.
    pub fn rotate(&mut self) -> io::Result<u64> {
        let number = self.segments.last().expect("there is always one").number + 1;
        let (file, segment) = create(&self.directory, number)?;
        self.unsynced.push(std::mem::replace(&mut self.file, file));
        // Somebody who never syncs does not want handles kept open.
        if self.unsynced.len() > 16 {
            self.unsynced.remove(0);
        }
        self.segments.push(segment);
        self.broken = false;
        Ok(number)
    }

    /// Files to fsync for all that was appended so far.
    pub fn to_sync(&mut self) -> Vec<Arc<File>> {
        let mut files = std::mem::take(&mut self.unsynced);
        files.push(self.file.clone());
        files
    }

    /// Removes segments before a number. Their checkpoint is in place.
    pub fn drop_before(&mut self, number: u64) -> io::Result<()> {
        while self.segments.len() > 1 && self.segments[0].number < number {
            remove(&segment_path(&self.directory, self.segments[0].number))?;
            self.segments.remove(0);
        }
        for (old, _) in numbered(&self.directory, "checkpoint-")? {
            if old < number {
                remove(&checkpoint_path(&self.directory, old))?;
            }
        }
        Ok(())
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn create(directory: &Path, number: u64) -> io::Result<(Arc<File>, Segment)> {
    let path = segment_path(directory, number);
    let file = OpenOptions::new().create(true).append(true).open(&path)?;
    file.set_len(0)?;
    if let Err(error) = (&file).write_all(MAGIC) {
        let _ = fs::remove_file(&path);
        return Err(error);
    }
    Ok((Arc::new(file), Segment { number, bytes: MAGIC.len() as u64 }))
}

/// A checkpoint being written: it stands for all segments before `number` once it is finished.
pub struct Checkpoint {
    directory: PathBuf,
    number: u64,
    file: io::BufWriter<File>,
    /// Bytes so far.
    pub bytes: u64,
}

impl Checkpoint {
    /// Begins one.
    pub fn begin(directory: &Path, number: u64) -> io::Result<Self> {
        let mut file = io::BufWriter::with_capacity(1 << 20, File::create(directory.join("checkpoint.tmp"))?);
        file.write_all(MAGIC)?;
        Ok(Self { directory: directory.into(), number, file, bytes: 8 })
    }

    /// Writes a record; `sequence`: up to which record of the log it covers what it holds.
    pub fn append(&mut self, kind: u8, frame: &mut Frame, sequence: u64) -> io::Result<()> {
        let bytes = frame.close(kind, sequence);
        self.bytes += bytes.len() as u64;
        self.file.write_all(bytes)
    }

    /// Puts it in its place.
    pub fn finish(mut self) -> io::Result<u64> {
        self.append(kind::END, &mut Frame::new(), 0)?;
        let file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        fs::rename(self.directory.join("checkpoint.tmp"), checkpoint_path(&self.directory, self.number))?;
        File::open(&self.directory)?.sync_all()?;
        Ok(self.number)
    }
}
