//! Blocks of Prometheus' database for Python. Chunk files are read here, piece by piece.

use super::batch::DecodedMetrics;
use crate::error::detached;
use nexus_core::decode::DecodeError;
use nexus_core::metrics::Decoded;
use nexus_core::metrics::tsdb_block::{Block, ChunkFiles, is_chunk_file};
use pyo3::prelude::*;
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Mutex;

struct Directory {
    path: PathBuf,
    open: Option<(u32, File)>,
}

impl ChunkFiles for Directory {
    fn read(&mut self, number: u32, offset: u64, length: usize) -> Result<Vec<u8>, String> {
        if self.open.as_ref().is_none_or(|(open, _)| *open != number) {
            let path = self.path.join("chunks").join(format!("{number:06}"));
            let file = File::open(&path).map_err(|error| error.to_string())?;
            let mut head = [0; 8];
            file.read_exact_at(&mut head, 0).map_err(|error| error.to_string())?;
            if !is_chunk_file(&head) {
                return Err("the file is none of chunks".to_owned());
            }
            self.open = Some((number, file));
        }
        let Some((_, file)) = &self.open else { return Err("no file is open".to_owned()) };
        let mut bytes = vec![0; length];
        let mut filled = 0;
        while filled < length {
            match file.read_at(&mut bytes[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.to_string()),
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }
}

/// A block of Prometheus' database.
#[pyclass(frozen, module = "nexus._native")]
pub struct TsdbBlock {
    inner: Mutex<(Block, Directory)>,
}

#[pymethods]
impl TsdbBlock {
    /// Open the block in a directory.
    #[new]
    fn new(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let index = std::fs::read(path.join("index"))?;
        let tombstones = match std::fs::read(path.join("tombstones")) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        let block = detached(py, || Block::open(index, &tombstones))?;
        Ok(Self { inner: Mutex::new((block, Directory { path, open: None })) })
    }

    /// Bytes of the index read so far, and of all.
    #[getter]
    fn progress(&self) -> (usize, usize) {
        self.inner.lock().expect("no panic while locked").0.progress()
    }

    /// The next series.
    fn next(&self, py: Python<'_>, max_samples: usize) -> PyResult<Option<DecodedMetrics>> {
        let read = py.detach(|| {
            let mut inner = self.inner.lock().expect("no panic while locked");
            let (block, files) = &mut *inner;
            block.next(max_samples, files)
        });
        match read {
            None => Ok(None),
            Some(Decoded { batch, rejections }) => {
                DecodedMetrics::run(py, || Ok::<_, DecodeError>(Decoded { batch, rejections })).map(Some)
            }
        }
    }
}
