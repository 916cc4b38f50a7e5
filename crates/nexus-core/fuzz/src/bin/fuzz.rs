//! Fuzzes every decoder for a while and says what it found; see `--help`.
//!
//! Each target runs in a process of its own, so that one that dies of an input does not end the others.

use nexus_fuzz::alloc::Counting;
use nexus_fuzz::fuzzer::{Options, Report, cpu_time_of, current_input, fuzz};
use nexus_fuzz::targets::{TARGETS, Target};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant, SystemTime};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const HELP: &str = "\
Fuzz the decoders: no input may make one panic, hang, or take memory out of proportion.

usage: fuzz [--seconds N] [--jobs N] [--seed N] [--corpus DIR] [--artifacts DIR] [TARGET...]
       fuzz --replay FILE TARGET

  --seconds N      CPU seconds for each target (10)
  --jobs N         targets at a time (the number of processors)
  --seed N         seed of the random choices (1)
  --corpus DIR     read and write inputs that reach new code (none)
  --artifacts DIR  where inputs with findings are written (artifacts)
  --replay FILE    run this input only
  --list           names of the targets
Exit code 1 when something was found.";

/// A target that works on one input for so much CPU time, or for so long, hangs: no input may take more than a second a
/// megabyte.
const SILENCE: Duration = Duration::from_secs(60);
const LONG_SILENCE: Duration = Duration::from_secs(1800);

struct Arguments {
    options: Options,
    jobs: usize,
    replay: Option<PathBuf>,
    child: bool,
    targets: Vec<&'static Target>,
}

fn parse() -> Result<Arguments, String> {
    let mut arguments = Arguments {
        options: Options { time: Duration::from_secs(10), seed: 1, artifacts: "artifacts".into(), corpus: None },
        jobs: std::thread::available_parallelism().map_or(1, usize::from),
        replay: None,
        child: false,
        targets: Vec::new(),
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} needs a value"));
        let number = |text: String| text.parse::<u64>().map_err(|_| format!("{text} is not a number"));
        match word.as_str() {
            "--seconds" => arguments.options.time = Duration::from_secs(number(value()?)?),
            "--jobs" => arguments.jobs = number(value()?)?.max(1) as usize,
            "--seed" => arguments.options.seed = number(value()?)?,
            "--corpus" => arguments.options.corpus = Some(value()?.into()),
            "--artifacts" => arguments.options.artifacts = value()?.into(),
            "--replay" => arguments.replay = Some(value()?.into()),
            "--child" => arguments.child = true,
            name => arguments.targets.push(target(name)?),
        }
    }
    if arguments.targets.is_empty() {
        arguments.targets = TARGETS.iter().collect();
    }
    Ok(arguments)
}

fn target(name: &str) -> Result<&'static Target, String> {
    TARGETS.iter().find(|target| target.name == name).ok_or_else(|| {
        let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
        format!("no target is named {name}; there are {}", names.join(", "))
    })
}

fn main() -> ExitCode {
    if std::env::args().any(|word| word == "--help") {
        println!("{HELP}");
        return ExitCode::SUCCESS;
    }
    if std::env::args().any(|word| word == "--list") {
        TARGETS.iter().for_each(|target| println!("{}", target.name));
        return ExitCode::SUCCESS;
    }
    let result = parse().and_then(|arguments| match &arguments.replay {
        Some(file) => replay(&arguments, file),
        None if arguments.child => child(&arguments),
        None => all(&arguments),
    });
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(message) => {
            eprintln!("fuzz: {message}");
            ExitCode::from(2)
        }
    }
}

/// Run one input, the process with it.
fn replay(arguments: &Arguments, file: &Path) -> Result<bool, String> {
    let [target] = arguments.targets[..] else { return Err("--replay needs one target".to_owned()) };
    let input = std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let start = Instant::now();
    let (check, bytes) = nexus_fuzz::alloc::peak_of(|| (target.run)(&input));
    println!("{}: {} bytes: {:?}, {bytes} bytes of memory", target.name, input.len(), start.elapsed());
    if let Some(check) = check {
        check();
    }
    Ok(true)
}

/// Fuzz one target in this process.
fn child(arguments: &Arguments) -> Result<bool, String> {
    let [target] = arguments.targets[..] else { return Err("--child needs one target".to_owned()) };
    let report = fuzz(target, &arguments.options).map_err(|error| error.to_string())?;
    println!("{}", line(target, &report));
    Ok(report.findings.is_empty())
}

fn line(target: &Target, report: &Report) -> String {
    let megabytes = |bytes: usize| bytes as f64 / f64::from(1 << 20);
    format!(
        "{:14} {:9} runs in {:4.0} CPU s, {:6.0} /s, {:6} edges, {:5} inputs kept, slowest {:7.1} ms ({} bytes), \
         most memory {:6.1} MiB ({} bytes), {} findings",
        target.name,
        report.executions,
        report.time.as_secs_f64(),
        report.executions as f64 / report.time.as_secs_f64().max(0.001),
        report.edges,
        report.corpus,
        report.slowest.0.as_secs_f64() * 1e3,
        report.slowest.1,
        megabytes(report.largest.0),
        report.largest.1,
        report.findings.len(),
    )
}

/// Fuzz all targets, a process each.
fn all(arguments: &Arguments) -> Result<bool, String> {
    let mut waiting = arguments.targets.iter().rev().copied().collect::<Vec<_>>();
    let mut running: Vec<Running> = Vec::new();
    let mut clean = true;
    while !(waiting.is_empty() && running.is_empty()) {
        while running.len() < arguments.jobs
            && let Some(target) = waiting.pop()
        {
            running.push(Running { target, process: spawn(arguments, target)?, input: None });
        }
        std::thread::sleep(Duration::from_millis(100));
        let mut index = 0;
        while index < running.len() {
            let one = &mut running[index];
            let Running { target, process, .. } = one;
            if let Some(status) = process.try_wait().map_err(|error| error.to_string())? {
                clean &= status.success();
                if !status.success() && status.code() != Some(1) {
                    println!("{:14} died ({status})", target.name);
                    keep_current(arguments, target, "crash");
                }
                running.swap_remove(index);
            } else if one.hangs(arguments) {
                clean = false;
                println!("{:14} hangs", one.target.name);
                keep_current(arguments, one.target, "hang");
                drop(one.process.kill());
                drop(one.process.wait());
                running.swap_remove(index);
            } else {
                index += 1;
            }
        }
    }
    Ok(clean)
}

fn spawn(arguments: &Arguments, target: &Target) -> Result<Child, String> {
    let options = &arguments.options;
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut command = Command::new(program);
    command.arg("--child").arg(target.name).stdin(Stdio::null());
    command.args(["--seconds", &options.time.as_secs().to_string(), "--seed", &options.seed.to_string()]);
    command.arg("--artifacts").arg(&options.artifacts);
    if let Some(corpus) = &options.corpus {
        command.arg("--corpus").arg(corpus);
    }
    command.spawn().map_err(|error| error.to_string())
}

/// A target's process, and since when it works on its input: (written at, CPU time then).
struct Running {
    target: &'static Target,
    process: Child,
    input: Option<(SystemTime, Duration)>,
}

impl Running {
    /// Has it been at one input for too long? It writes each input down before it runs it.
    fn hangs(&mut self, arguments: &Arguments) -> bool {
        let current = current_input(&arguments.options.artifacts, self.target.name);
        let Ok(written) = std::fs::metadata(current).and_then(|metadata| metadata.modified()) else { return false };
        let used = cpu_time_of(&self.process.id().to_string()).unwrap_or_default();
        match self.input {
            Some((since, before)) if since == written => {
                used.saturating_sub(before) > SILENCE || since.elapsed().is_ok_and(|silence| silence > LONG_SILENCE)
            }
            _ => {
                self.input = Some((written, used));
                false
            }
        }
    }
}

fn keep_current(arguments: &Arguments, target: &Target, kind: &str) {
    let artifacts = &arguments.options.artifacts;
    let kept = artifacts.join(format!("{}-{kind}", target.name));
    match std::fs::rename(current_input(artifacts, target.name), &kept) {
        Ok(()) => println!("{:14} its input: {}", target.name, kept.display()),
        Err(error) => println!("{:14} its input is lost: {error}", target.name),
    }
}
