//! The loop: choose an input, change it, run it, look at what it took.

use crate::alloc;
use crate::coverage::Coverage;
use crate::mutate::{Random, mutate, mutate_protobuf};
use crate::targets::Target;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Longest input that mutation makes.
const MAX_INPUT: usize = 1 << 20;
/// Live memory that an input of n bytes may take: this times n, plus `Target::floor`.
const BYTES_PER_BYTE: usize = 64;
/// Longest time for one input, plus [`TIME_PER_BYTE`].
const TIME_PER_INPUT: Duration = Duration::from_secs(1);
/// A megabyte in a second.
const TIME_PER_BYTE: Duration = Duration::from_micros(1);
/// Bytes of all inputs kept.
const MAX_CORPUS: usize = 256 << 20;
/// Stop a target after so many findings.
const MAX_FINDINGS: usize = 10;

/// What the last panic said. One that a decoder catches itself is none of ours.
static LAST_PANIC: Mutex<String> = Mutex::new(String::new());

/// How to fuzz.
#[derive(Debug, Clone)]
pub struct Options {
    /// CPU time for the target.
    pub time: Duration,
    /// Seed of all random choices.
    pub seed: u64,
    /// Where findings, and the input being run, are written.
    pub artifacts: PathBuf,
    /// Where inputs that reach new code are read from and written to.
    pub corpus: Option<PathBuf>,
}

/// What a target went through.
#[derive(Debug, Default)]
pub struct Report {
    /// Inputs run.
    pub executions: u64,
    /// CPU time of it all.
    pub time: Duration,
    /// Edges taken; 0 when the binary counts none.
    pub edges: usize,
    /// Inputs kept.
    pub corpus: usize,
    /// Longest time of one input, and its length.
    pub slowest: (Duration, usize),
    /// Most live memory of one input, and its length.
    pub largest: (usize, usize),
    /// Inputs that panicked, took too long or too much memory.
    pub findings: Vec<PathBuf>,
}

/// File that holds the input being run, for when the process dies of it.
pub fn current_input(artifacts: &Path, target: &str) -> PathBuf {
    artifacts.join(format!("{target}-current"))
}

/// Fuzz one target.
pub fn fuzz(target: &Target, options: &Options) -> std::io::Result<Report> {
    std::fs::create_dir_all(&options.artifacts)?;
    let current = File::create(current_input(&options.artifacts, target.name))?;
    let mut fuzzer = Fuzzer {
        target,
        options,
        current,
        coverage: Coverage::new(),
        corpus: Vec::new(),
        corpus_bytes: 0,
        report: Report::default(),
    };
    std::panic::set_hook(Box::new(|panic| {
        if let Ok(mut last) = LAST_PANIC.lock() {
            *last = panic.to_string();
        }
    }));
    fuzzer.start()?;
    fuzzer.run()?;
    drop(std::fs::remove_file(current_input(&options.artifacts, target.name)));
    Ok(fuzzer.report)
}

struct Fuzzer<'a> {
    target: &'a Target,
    options: &'a Options,
    current: File,
    coverage: Coverage,
    corpus: Vec<Vec<u8>>,
    corpus_bytes: usize,
    report: Report,
}

impl Fuzzer<'_> {
    /// Run what is there already: heavy inputs, samples, the corpus of earlier runs.
    fn start(&mut self) -> std::io::Result<()> {
        for input in (self.target.heavy)() {
            self.execute(&input)?;
        }
        for input in (self.target.samples)() {
            self.execute(&input)?;
            self.keep(input);
        }
        if let Some(folder) = self.corpus_folder() {
            std::fs::create_dir_all(&folder)?;
            let mut files: Vec<_> =
                std::fs::read_dir(&folder)?.filter_map(Result::ok).map(|entry| entry.path()).collect();
            files.sort();
            for file in files {
                let input = std::fs::read(file)?;
                if self.execute(&input)? {
                    self.keep(input);
                }
            }
        }
        Ok(())
    }

    fn run(&mut self) -> std::io::Result<()> {
        let name_hash =
            self.target.name.bytes().fold(self.options.seed, |hash, byte| hash.wrapping_mul(31) + u64::from(byte));
        let mut random = Random::new(name_hash);
        let start = cpu_time();
        loop {
            self.report.time = cpu_time().saturating_sub(start);
            if self.report.time >= self.options.time || self.report.findings.len() >= MAX_FINDINGS {
                break;
            }
            for _ in 0..256 {
                self.step(&mut random)?;
            }
        }
        self.report.edges = self.coverage.edges;
        self.report.corpus = self.corpus.len();
        Ok(())
    }

    fn step(&mut self, random: &mut Random) -> std::io::Result<()> {
        let mut input = self.corpus[self.choose(random)].clone();
        let other = &self.corpus[self.choose(random)];
        if self.target.protobuf {
            mutate_protobuf(&mut input, other, self.target.tokens, random);
        } else {
            mutate(&mut input, other, self.target.tokens, random);
        }
        input.truncate(MAX_INPUT);
        if self.execute(&input)? && self.corpus_bytes + input.len() <= MAX_CORPUS {
            if let Some(folder) = self.corpus_folder() {
                std::fs::write(folder.join(name_of(&input)), &input)?;
            }
            self.keep(input);
        }
        Ok(())
    }

    /// Any input, half of the time one of the newest, rather a short one.
    fn choose(&self, random: &mut Random) -> usize {
        let newest = self.corpus.len().saturating_sub(64) * random.below(2);
        let pick = |random: &mut Random| newest + random.below(self.corpus.len() - newest);
        let (a, b) = (pick(random), pick(random));
        if self.corpus[a].len() <= self.corpus[b].len() || random.one_in(8) { a } else { b }
    }

    fn keep(&mut self, input: Vec<u8>) {
        self.corpus_bytes += input.len();
        self.corpus.push(input);
    }

    fn corpus_folder(&self) -> Option<PathBuf> {
        self.options.corpus.as_ref().map(|corpus| corpus.join(self.target.name))
    }

    /// Run an input; true when it took a new path.
    fn execute(&mut self, input: &[u8]) -> std::io::Result<bool> {
        self.current.set_len(0)?;
        self.current.write_all_at(input, 0)?;
        self.coverage.reset();
        let start = Instant::now();
        let (result, bytes) = alloc::peak_of(|| catch_unwind(AssertUnwindSafe(|| (self.target.run)(input))));
        let mut time = start.elapsed();
        let allowed_time = TIME_PER_INPUT + TIME_PER_BYTE * input.len() as u32;
        if time > allowed_time && result.is_ok() {
            // Perhaps the machine was busy with something else: what counts is the processor's time.
            let start = cpu_time();
            drop(catch_unwind(AssertUnwindSafe(|| (self.target.run)(input))));
            time = time.min(cpu_time().saturating_sub(start));
        }
        let result = result.and_then(|check| match check {
            Some(check) if input.len() <= MAX_INPUT => catch_unwind(AssertUnwindSafe(check)),
            _ => Ok(()),
        });
        let new = self.coverage.add();
        self.report.executions += 1;
        self.report.slowest = self.report.slowest.max((time, input.len()));
        self.report.largest = self.report.largest.max((bytes, input.len()));
        let allowed_bytes = self.target.floor() + BYTES_PER_BYTE * input.len();
        if result.is_err() {
            let message = LAST_PANIC.lock().map(|last| last.clone()).unwrap_or_default();
            self.find(input, "panic", &message)?;
        } else if time > allowed_time {
            self.find(input, "slow", &format!("it took {time:?}, more than {allowed_time:?}"))?;
        } else if bytes > allowed_bytes {
            self.find(input, "memory", &format!("it took {bytes} bytes of memory, more than {allowed_bytes}"))?;
        }
        Ok(new)
    }

    fn find(&mut self, input: &[u8], kind: &str, message: &str) -> std::io::Result<()> {
        let path = self.options.artifacts.join(format!("{}-{kind}-{}", self.target.name, name_of(input)));
        std::fs::write(&path, input)?;
        eprintln!("{}: input of {} bytes: {message}: {}", self.target.name, input.len(), path.display());
        self.report.findings.push(path);
        Ok(())
    }
}

/// A name for an input: a hash of it (FNV-1a).
fn name_of(input: &[u8]) -> String {
    let hash = input
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    format!("{hash:016x}")
}

/// CPU time of this process so far; where the system does not say, time of the clock.
fn cpu_time() -> Duration {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    let start = START.get_or_init(Instant::now);
    cpu_time_of("self").unwrap_or_else(|| start.elapsed())
}

/// CPU time of a process (a number, or `self`) so far, where the system says it.
pub fn cpu_time_of(process: &str) -> Option<Duration> {
    let text = std::fs::read_to_string(format!("/proc/{process}/schedstat")).ok()?;
    text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}
