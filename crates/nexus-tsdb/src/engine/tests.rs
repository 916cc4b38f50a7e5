use super::*;
use crate::answers::Selection;
use crate::answers::catalog::Order;
use crate::chunk::tests::{Dice, some_histogram};
use crate::engine::rows::{take_array, take_number, take_string};
use crate::head::Value;
use crate::view::{ChunkRows, View};
use nexus_promql::source::{Samples, Source};
use nexus_series::batch::{BatchSeries, Exemplar, Metadata, MetricBatch, MetricKind};
use nexus_series::labels::pack;
use nexus_series::matcher::{Matcher, MatcherSpec, Op};
use nexus_series::policy::Sight;
use std::collections::BTreeSet;
use std::fs;

const NOW: i64 = 1_780_315_200_000;
const ALL: std::ops::RangeInclusive<i64> = i64::MIN..=i64::MAX;
const OPTIONS: Options = Options {
    head_bytes: 1 << 30,
    log_bytes: 1 << 30,
    shape: Shape { chunk_ms: 600_000, chunk_samples: 60 },
    active_ms: 3_600_000,
};

/// A directory that goes when it is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("nexus-tsdb-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[derive(Default)]
struct Building(MetricBatch);

impl Building {
    fn series(&mut self, labels: &[(&str, &str)], samples: &[(i64, Value)]) -> &mut Self {
        let batch = &mut self.0;
        let start = batch.labels.len();
        batch.labels.extend(pack(labels.iter().copied()));
        let (floats, histograms) = (batch.values.len(), batch.histograms.len());
        for (time, value) in samples {
            match value {
                Value::Float(value) => {
                    batch.timestamps.push(*time);
                    batch.values.push(*value);
                }
                Value::Histogram(one) => batch.histograms.push((*time, (**one).clone())),
            }
        }
        batch.series.push(BatchSeries {
            labels: start..batch.labels.len(),
            floats: floats..batch.values.len(),
            histograms: histograms..batch.histograms.len(),
            exemplars: 0..0,
            position: batch.series.len(),
        });
        self
    }

    /// Start times of the samples of the last series.
    fn starts(&mut self, samples: &[(i64, Value)], starts: &[i64]) {
        let batch = &mut self.0;
        let series = batch.series.last().unwrap();
        let (mut float, mut histogram) = (series.floats.start, series.histograms.start);
        for ((_, value), &start) in samples.iter().zip(starts) {
            match value {
                Value::Float(_) => {
                    batch.starts.set(float, start);
                    float += 1;
                }
                Value::Histogram(_) => {
                    batch.histogram_starts.set(histogram, start);
                    histogram += 1;
                }
            }
        }
    }

    fn floats(&mut self, labels: &[(&str, &str)], samples: &[(i64, f64)]) -> &mut Self {
        let samples: Vec<_> = samples.iter().map(|&(time, value)| (time, Value::Float(value))).collect();
        self.series(labels, &samples)
    }
}

fn append(engine: &Engine, batch: &MetricBatch, limits: &Limits) -> Appended {
    engine.append("t", batch, limits, NOW, ALL).unwrap()
}

/// The tables, as far as the engine knows them.
#[derive(Default, Clone)]
struct Tables {
    tokens: BTreeSet<(u64, i64)>,
    /// series, times, values.
    rows: Vec<u8>,
    series: BTreeMap<Vec<u8>, BTreeSet<u16>>,
}

impl Tables {
    fn insert(&mut self, sealed: &Sealed, deduplicates: bool) -> usize {
        let rows = sealed.rows();
        for (day, count, bytes) in &rows.chunks {
            if !self.tokens.insert((sealed.number, *day)) && deduplicates {
                continue;
            }
            let mut rest = &bytes[..];
            let mut found = 0;
            while !rest.is_empty() {
                take_string(&mut rest).unwrap();
                take_string(&mut rest).unwrap();
                let id: [u8; 16] = take_number(&mut rest).unwrap();
                let row_day = u16::from_le_bytes(take_number(&mut rest).unwrap());
                assert_eq!(i64::from(row_day), *day);
                take_number::<22>(&mut rest).unwrap();
                self.rows.extend_from_slice(&id);
                let columns = rest;
                for _ in 0..2 {
                    for _ in 0..take_array(&mut rest).unwrap() {
                        take_string(&mut rest).unwrap();
                    }
                }
                self.rows.extend_from_slice(&columns[..columns.len() - rest.len()]);
                found += 1;
            }
            assert_eq!(found, *count);
        }
        let mut rest = &rows.series.1[..];
        while !rest.is_empty() {
            take_string(&mut rest).unwrap();
            take_string(&mut rest).unwrap();
            take_number::<16>(&mut rest).unwrap();
            let labels = take_string(&mut rest).unwrap().to_vec();
            let day = u16::from_le_bytes(take_number(&mut rest).unwrap());
            take_number::<2>(&mut rest).unwrap();
            self.series.entry(labels).or_default().insert(day);
        }
        rows.samples
    }

    fn load(&self, engine: &Engine) {
        let mut out = Vec::new();
        for (labels, days) in &self.series {
            rows::string(&mut out, b"t");
            rows::string(&mut out, labels);
            rows::array(&mut out, days.len());
            for day in days {
                out.extend_from_slice(&day.to_le_bytes());
            }
        }
        assert_eq!(engine.load_series(&out, NOW).unwrap(), self.series.len());
    }
}

/// Everything that is there: by labels and time.
type Contents = BTreeMap<(String, i64), String>;

fn shown(value: &Value, start: i64) -> String {
    match value {
        Value::Float(value) => format!("{:x} from {start}", value.to_bits()),
        Value::Histogram(one) => format!("{one:?} from {start}"),
    }
}

fn read_all(engine: &Arc<Engine>, tables: Option<&Tables>) -> Contents {
    let view = View::new(engine, "t", &[(Vec::new(), i64::MIN, i64::MAX)], &Sight::default());
    if let Some(tables) = tables
        && !view.needs().is_empty()
    {
        view.feed(Arc::new(ChunkRows::read(&tables.rows).unwrap()), 0);
    }
    contents(&view)
}

fn contents(view: &View) -> Contents {
    let mut all = Contents::new();
    let mut samples = Samples::default();
    for (number, labels) in view.series(0).iter().enumerate() {
        let name: Vec<&str> = labels.iter().map(|(_, value)| view.symbols().text(*value)).collect();
        view.read(0, number, i64::MIN, i64::MAX, &mut samples).unwrap();
        assert!(samples.timestamps.windows(2).all(|pair| pair[0] < pair[1]));
        for (at, (time, value)) in samples.timestamps.iter().zip(&samples.values).enumerate() {
            all.insert((name.join(","), *time), shown(&Value::Float(*value), samples.starts.at(at)));
        }
        for (at, (time, one)) in samples.histograms.iter().enumerate() {
            let text = shown(&Value::Histogram(one.clone()), samples.histogram_starts.at(at));
            assert!(all.insert((name.join(","), *time), text).is_none());
        }
    }
    all
}

/// A random batch; what it changes is noted.
fn some_batch(dice: &mut Dice, clock: &mut i64, wanted: &mut Contents) -> MetricBatch {
    let mut building = Building::default();
    *clock += 15_000 * (1 + i64::from(dice.below(30) == 0) * 60);
    for _ in 0..=dice.below(6) {
        let (name, host) = (format!("m{}", dice.below(3)), format!("h{}", dice.below(5)));
        let mut samples: Vec<(i64, Value)> = Vec::new();
        let mut starts: Vec<i64> = Vec::new();
        let started = dice.below(2) == 0;
        for _ in 0..=dice.below(4) {
            let time = match dice.below(8) {
                0 => *clock - 15_000 * dice.below(4000) as i64,
                1 => *clock,
                _ => *clock - dice.below(15_000) as i64,
            };
            // A batch says nothing about the order of floats and histograms.
            if samples.iter().any(|(other, _)| *other == time) {
                continue;
            }
            let value = match dice.below(9) {
                0 => Value::Histogram(Arc::new(Histogram { sum: 1.5, ..some_histogram(dice, dice.0 % 6) })),
                1 => Value::Float(f64::from_bits(dice.next())),
                _ => Value::Float(dice.below(1000) as f64),
            };
            let start = match dice.below(4) {
                _ if !started => 0,
                0 => NOW - 1_000_000,
                1 => time - 15_000,
                2 => dice.next() as i64,
                _ => 0,
            };
            wanted.insert((format!("{name},{host}"), time), shown(&value, start));
            samples.push((time, value));
            starts.push(start);
        }
        building.series(&[("__name__", &name), ("host", &host)], &samples).starts(&samples, &starts);
    }
    building.0
}

use nexus_series::histogram::Histogram;

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

#[test]
fn nothing_is_lost_or_doubled_whatever_happens() {
    for round in 0..12 {
        let mut dice = Dice(100 + round);
        let folder = Folder::new(&format!("chaos-{round}"));
        let mut engine = Engine::open(&folder.0, OPTIONS).unwrap();
        let (mut wanted, mut tables, mut clock) = (Contents::new(), Tables::default(), NOW);
        let deduplicates = round % 2 == 0;
        for step in 0..220 {
            match dice.below(20) {
                0 => {
                    drop(engine);
                    engine = Engine::open(&folder.0, OPTIONS).unwrap();
                    tables.load(&engine);
                }
                1 | 2 => {
                    let all = dice.below(2) == 0;
                    let taken = engine.take_sealed(clock + 900_000, all, 1 + dice.below(500) as usize).unwrap();
                    if let Some(sealed) = taken {
                        match dice.below(4) {
                            0 => drop(sealed),
                            1 => {
                                // Stored, but nobody heard of it.
                                tables.insert(&sealed, deduplicates);
                            }
                            _ => {
                                tables.insert(&sealed, deduplicates);
                                sealed.done().unwrap();
                            }
                        }
                    }
                }
                3 => engine.checkpoint().unwrap(),
                _ => {
                    let batch = some_batch(&mut dice, &mut clock, &mut wanted);
                    let answer = append(&engine, &batch, &Limits::default());
                    assert_eq!(answer.samples + answer.histograms, batch.num_samples());
                    assert!(answer.refusals.is_empty(), "{answer:?}");
                }
            }
            if step % 20 == 19 {
                let different = differences(&read_all(&engine, Some(&tables)), &wanted);
                assert!(different.is_empty(), "round {round}, step {step}: {different:?}");
            }
        }
        while let Some(sealed) = engine.take_sealed(clock, true, 100_000).unwrap() {
            tables.insert(&sealed, deduplicates);
            sealed.done().unwrap();
        }
        assert_eq!(differences(&read_all(&engine, Some(&tables)), &wanted), [""; 0]);
        assert_eq!(engine.head_bytes.load(Ordering::Relaxed), heads(&engine), "the account of bytes is right");
        drop(engine);
        // Without the log, the tables have it all.
        let empty = Folder::new(&format!("chaos-{round}-empty"));
        let engine = Engine::open(&empty.0, OPTIONS).unwrap();
        tables.load(&engine);
        assert_eq!(differences(&read_all(&engine, Some(&tables)), &wanted), [""; 0]);
    }
}

/// Records of so many series are replayed on all cores: samples of a series must stay in their order.
#[test]
fn many_series_are_replayed_as_they_were() {
    let folder = Folder::new("many");
    let mut engine = Engine::open(&folder.0, OPTIONS).unwrap();
    let mut dice = Dice(7);
    for round in 0..8 {
        let mut building = Building::default();
        let at = NOW + round * 15_000;
        for number in 0..3000 {
            let number = number.to_string();
            let labels = [("__name__", "m"), ("n", number.as_str())];
            let value = Value::Float(dice.below(1000) as f64);
            // The same time again, something late, and the series once more further down.
            let samples = [(at, value.clone()), (at, Value::Float(7.0)), (at - 20_000, value)];
            building.series(&labels, &samples[..=dice.below(3) as usize]);
            if dice.below(10) == 0 {
                let one = Arc::new(some_histogram(&mut dice, 3));
                building.series(&labels, &[(at + 5, Value::Histogram(one)), (at + 6, Value::Float(1.0))]);
            }
        }
        append(&engine, &building.0, &Limits::default());
        let before = read_all(&engine, None);
        if round == 4 {
            engine.checkpoint().unwrap();
        }
        if round % 2 == 0 {
            drop(engine);
            engine = Engine::open(&folder.0, OPTIONS).unwrap();
        }
        assert_eq!(differences(&read_all(&engine, None), &before), [""; 0], "round {round}");
        assert_eq!(engine.head_bytes.load(Ordering::Relaxed), heads(&engine));
        assert_eq!(engine.tenant("t").unwrap().index.len(), 3000);
    }
    assert!(engine.replayed.0 >= 8 * 3000);
}

/// What of two contents differs, the first few.
fn differences(found: &Contents, wanted: &Contents) -> Vec<String> {
    let keys: BTreeSet<_> = found.keys().chain(wanted.keys()).collect();
    let all = keys.into_iter().filter(|key| found.get(key) != wanted.get(key));
    all.take(5).map(|key| format!("{key:?}: {:?}, wanted {:?}", found.get(key), wanted.get(key))).collect()
}

fn heads(engine: &Engine) -> i64 {
    let Some(tenant) = engine.tenant("t") else { return 0 };
    (0..tenant.index.len()).map(|number| tenant.index.series(number).head().bytes() as i64).sum()
}

/// A folder with these files, opened: what is in it.
fn opened(name: &str, files: &[(&str, &str)]) -> Contents {
    let folder = Folder::new(name);
    for (file, digits) in files {
        fs::write(folder.0.join(file), crate::chunk::tests::bytes(digits)).unwrap();
    }
    read_all(&Engine::open(&folder.0, OPTIONS).unwrap(), None)
}

#[test]
fn logs_from_before_start_times_are_read() {
    let segment = "4e584d4c4f47303109000000ee332de301882a3a64246106002c000000cb9bfbaa02892a3a64246106000174c0e8f5d00601000b085f\
        5f6e616d655f5f016101000180d0e1e1a0cf01020000001f0000001c89205c028a2a3a64246106000174c0e8f5d00600010001e0a4e5e1a0cf01\
        0400000026000000d49fb0cd028b2a3a64246106000174c0e8f5d00600010001a1efe1e1a0cf01000000000000f83f000000";
    let checkpoint = "4e584d4c4f47303153000000e54b6e040ab41acc64246106000174000b085f5f6e616d655f5f0161b0b5b0a6c6a49803c0e8\
        f5d006b0d2f2b0d0670215001a0e839e010000000000000000f03f00c1a907020100d0f7f0b0d067000000000000f83f000d0000007b56e0dd0b\
        b41acc64246106000174000009000000bae73d000c0000000000000000";
    let wanted: Contents = [(0, 1.0), (1000, 1.5), (15_000, 2.0)]
        .map(|(after, value)| (("a".to_owned(), NOW + after), shown(&Value::Float(value), 0)))
        .into();
    assert_eq!(opened("old-log", &[("segment-0000000000000001.log", segment)]), wanted);
    let files = [("checkpoint-0000000000000002.log", checkpoint), ("segment-0000000000000002.log", "4e584d4c4f473031")];
    assert_eq!(opened("old-checkpoint", &files), wanted);
}

#[test]
fn a_log_cut_anywhere_gives_what_was_acknowledged_before() {
    let mut dice = Dice(7);
    let folder = Folder::new("cut");
    let engine = Engine::open(&folder.0, OPTIONS).unwrap();
    let path = folder.0.join("segment-0000000000000001.log");
    let (mut wanted, mut clock) = (Contents::new(), NOW);
    let mut states = vec![(fs::metadata(&path).unwrap().len(), wanted.clone())];
    for step in 0..60 {
        let batch = some_batch(&mut dice, &mut clock, &mut wanted);
        append(&engine, &batch, &Limits::default());
        states.push((fs::metadata(&path).unwrap().len(), wanted.clone()));
        if step % 20 == 19 {
            drop(engine.take_sealed(clock, true, 10_000).unwrap());
        }
    }
    let total = states.last().unwrap().0;
    for round in 0..120 {
        let length = if round == 0 { total } else { dice.below(total + 1) };
        let other = Folder::new("cut-copy");
        copy(&folder.0, &other.0);
        let cut = other.0.join("segment-0000000000000001.log");
        let file = fs::OpenOptions::new().write(true).open(&cut).unwrap();
        file.set_len(length).unwrap();
        if round % 3 == 1 && length > 40 {
            // Not cut, but with a byte that is wrong: what stands before it counts.
            use std::os::unix::fs::FileExt;
            file.write_all_at(&[0xff, 0xfe, 0xfd], length - 3).unwrap();
        }
        let safe = if round % 3 == 1 { length.saturating_sub(3) } else { length };
        let state = states.iter().rev().find(|(bytes, _)| *bytes <= safe);
        let expected = state.map(|(_, wanted)| wanted.clone()).unwrap_or_default();
        let reopened = Engine::open(&other.0, OPTIONS).unwrap();
        let different = differences(&read_all(&reopened, None), &expected);
        assert!(different.is_empty(), "cut at {length} of {total}: {different:?}");
        // And it goes on from there.
        let mut more = Building::default();
        more.floats(&[("__name__", "m9"), ("host", "h9")], &[(clock + 1, 4.0)]);
        append(&reopened, &more.0, &Limits::default());
        drop(reopened);
        let again = read_all(&Engine::open(&other.0, OPTIONS).unwrap(), None);
        assert_eq!(again.len(), expected.len() + 1);
    }
}

#[test]
fn a_batch_has_the_same_number_and_contents_after_a_restart() {
    let mut dice = Dice(9);
    let folder = Folder::new("again");
    let engine = Engine::open(&folder.0, OPTIONS).unwrap();
    let (mut wanted, mut clock) = (Contents::new(), NOW);
    for _ in 0..100 {
        let batch = some_batch(&mut dice, &mut clock, &mut wanted);
        append(&engine, &batch, &Limits::default());
    }
    let first = engine.take_sealed(clock, true, 1_000_000).unwrap().unwrap();
    let (number, rows) = (first.number, first.rows());
    assert!(engine.take_sealed(clock, true, 1_000_000).unwrap().is_none(), "it is on its way");
    drop(first);
    for kind in 0..3 {
        if kind == 1 {
            engine.checkpoint().unwrap();
        }
        let engine = if kind == 2 { engine.clone() } else { Engine::open(&folder.0, OPTIONS).unwrap() };
        let again = engine.take_sealed(clock, false, 1).unwrap().unwrap();
        assert_eq!(again.number, number);
        assert_eq!(again.rows().chunks, rows.chunks);
        assert_eq!(again.rows().series, rows.series);
    }
}

#[test]
fn what_a_query_began_to_read_stays_although_it_was_stored() {
    let folder = Folder::new("runs");
    let engine = Engine::open(&folder.0, OPTIONS).unwrap();
    let mut building = Building::default();
    building.floats(&[("__name__", "m")], &[(NOW, 1.0), (NOW + 1, 2.0)]);
    append(&engine, &building.0, &Limits::default());
    let view = View::new(&engine, "t", &[(Vec::new(), 0, i64::MAX)], &Sight::default());
    assert!(view.needs().is_empty());
    let sealed = engine.take_sealed(NOW, true, 1000).unwrap().unwrap();
    sealed.done().unwrap();
    assert_eq!(contents(&view).len(), 2);
    let later = View::new(&engine, "t", &[(Vec::new(), 0, i64::MAX)], &Sight::default());
    assert_eq!(later.needs().len(), 1);
    assert!(heads(&engine) > 0);
    drop(view);
    drop(later);
    assert_eq!((heads(&engine), engine.stats().head_bytes), (0, 0));
}

#[test]
fn limits_refuse_series_by_name_and_keep_totals() {
    let folder = Folder::new("limits");
    let engine = Engine::open(&folder.0, OPTIONS).unwrap();
    let limits = Limits { values_per_label: 3, ..Limits::default() };
    for turn in 0..2 {
        let mut building = Building::default();
        for user in 0..5 {
            let labels = [("__name__", "hits"), ("job", "web"), ("instance", "a:1"), ("user", &*format!("u{user}"))];
            building.floats(&labels, &[(NOW + turn * 15_000, f64::from(user + 1))]);
        }
        let answer = append(&engine, &building.0, &limits);
        assert_eq!(answer.samples, 3);
        let refusal = &answer.refusals["label_values_limit"];
        assert_eq!((refusal.samples, refusal.retryable), (2, true));
        assert_eq!(
            refusal.message,
            "label \"user\" of metric \"hits\" has 3 values, the limit of a label is 3: value \"u3\" is not taken"
        );
    }
    let all = read_all(&engine, None);
    let total: f64 = all
        .iter()
        .filter(|((_, time), _)| *time == NOW)
        .map(|(_, text)| f64::from_bits(u64::from_str_radix(text.split_once(" from ").unwrap().0, 16).unwrap()))
        .sum();
    assert_eq!(total.to_bits(), 15f64.to_bits(), "{all:?}");
    assert!(all.keys().any(|(name, _)| name == "hits,a:1,web,true"), "{all:?}");
    // A second part of the same scrape adds to the sum.
    let mut building = Building::default();
    building
        .floats(&[("__name__", "hits"), ("job", "web"), ("instance", "a:1"), ("user", "u9")], &[(NOW + 15_000, 10.0)]);
    append(&engine, &building.0, &limits);
    let sum = &read_all(&engine, None)[&("hits,a:1,web,true".to_owned(), NOW + 15_000)];
    assert_eq!(*sum, shown(&Value::Float(19.0), 0));

    let named = |limits: Limits, labels: &[(&str, &str)]| {
        let mut building = Building::default();
        building.floats(labels, &[(NOW, 1.0)]);
        let answer = append(&engine, &building.0, &limits);
        answer.refusals.into_iter().next().map(|(reason, one)| (reason, one.message))
    };
    let none = Limits::default();
    let of_metric = named(Limits { series_per_metric: 3, ..none }, &[("__name__", "hits"), ("user", "x")]).unwrap();
    assert_eq!(of_metric.0, "metric_series_limit");
    assert_eq!(
        of_metric.1,
        "metric \"hits\" has 3 active series, the limit of a metric is 3 (its label \"user\" has 3 values)"
    );
    let of_all = named(Limits { series: 3, ..none }, &[("__name__", "other")]).unwrap();
    assert_eq!(of_all.1, "the tenant has 3 active series, its limit is 3: no new series of metric \"other\" is taken");
    assert_eq!(
        named(Limits { labels_per_series: 1, ..none }, &[("__name__", "a"), ("b", "c")]).unwrap().1,
        "a series of metric \"a\" has 2 labels, at most 1 are taken"
    );
    assert_eq!(
        named(Limits { value_bytes: 4, ..none }, &[("__name__", "a"), ("b", "12345")]).unwrap().0,
        "label_value_too_long"
    );
    assert_eq!(
        named(Limits { name_bytes: 8, ..none }, &[("__name__", "a"), ("long_name", "1")]).unwrap().0,
        "label_name_too_long"
    );
    assert_eq!(named(none, &[]).unwrap().0, "invalid_labels");
    // Series that ended make room.
    let later = NOW + 2 * OPTIONS.active_ms;
    let mut building = Building::default();
    building.floats(&[("__name__", "other")], &[(later, 1.0)]);
    let answer = engine.append("t", &building.0, &Limits { series: 3, ..none }, later, ALL).unwrap();
    assert_eq!((answer.samples, answer.refusals.len()), (1, 0));
}

#[test]
fn samples_out_of_bounds_and_broken_histograms_are_named() {
    let folder = Folder::new("bounds");
    let engine = Engine::open(&folder.0, OPTIONS).unwrap();
    let mut building = Building::default();
    building.floats(&[("__name__", "m")], &[(5, 1.0), (50, 2.0), (500, 3.0)]);
    let broken = Histogram { positive: vec![1.0], ..Histogram::default() };
    building.series(&[("__name__", "h")], &[(50, Value::Histogram(Arc::new(broken)))]);
    let answer = engine.append("t", &building.0, &Limits::default(), NOW, 10..=100).unwrap();
    assert_eq!(answer.samples + answer.histograms, 1);
    let reasons: Vec<_> = answer.refusals.iter().map(|(reason, one)| (*reason, one.samples, one.retryable)).collect();
    assert_eq!(reasons, [("invalid_histogram", 1, false), ("too_new", 1, false), ("too_old", 1, false)]);
    assert_eq!(answer.refusals["too_old"].message, "a sample of metric \"m\" is of 5 ms, the oldest taken is 10 ms");
    assert_eq!(read_all(&engine, None).len(), 1);
}

#[test]
fn a_full_head_and_a_closed_engine_say_so() {
    let folder = Folder::new("full");
    let engine = Engine::open(&folder.0, Options { head_bytes: 500, ..OPTIONS }).unwrap();
    let mut building = Building::default();
    for host in 0..20 {
        building.floats(&[("__name__", "m"), ("host", &host.to_string())], &[(NOW, 1.5), (NOW + 1, 2.25)]);
    }
    append(&engine, &building.0, &Limits::default());
    let refused = engine.append("t", &building.0, &Limits::default(), NOW, ALL);
    assert!(matches!(refused, Err(EngineError::HeadFull(_))), "{refused:?}");
    // Memory is short: it is due at once.
    engine.take_sealed(NOW, false, 1000).unwrap().unwrap().done().unwrap();
    append(&engine, &building.0, &Limits::default());
    engine.close().unwrap();
    engine.close().unwrap();
    assert!(matches!(engine.append("t", &building.0, &Limits::default(), NOW, ALL), Err(EngineError::Closed)));
    assert!(matches!(engine.take_sealed(NOW, true, 1), Err(EngineError::Closed)));
}

#[test]
fn erased_samples_and_forgotten_tenants_stay_away() {
    let folder = Folder::new("erase");
    let engine = Engine::open(&folder.0, OPTIONS).unwrap();
    let mut building = Building::default();
    for host in ["a", "b"] {
        let samples: Vec<(i64, f64)> = (0..100).map(|at| (NOW + at * 15_000, at as f64)).collect();
        building.floats(&[("__name__", "m"), ("host", host)], &samples);
    }
    append(&engine, &building.0, &Limits::default());
    engine.append("other", &building.0, &Limits::default(), NOW, ALL).unwrap();
    let tenant = engine.tenant("t").unwrap();
    let matcher = Matcher::new(&MatcherSpec { name: "host".into(), op: Op::Equal, value: "a".into() }).unwrap();
    let numbers = tenant.index.select(&[vec![matcher]], &Sight::default(), i64::MIN, i64::MAX);
    engine.erase(&tenant, &numbers, NOW + 15_000, NOW + 98 * 15_000).unwrap();
    assert_eq!(read_all(&engine, None).len(), 102);
    engine.erase(&tenant, &numbers, NOW, NOW).unwrap();
    engine.erase(&tenant, &[1], i64::MIN, i64::MAX).unwrap();
    assert_eq!(read_all(&engine, None).len(), 1);
    engine.forget_tenant("other").unwrap();
    drop(engine);
    let engine = Engine::open(&folder.0, OPTIONS).unwrap();
    assert_eq!(read_all(&engine, None).len(), 1);
    assert!(engine.tenant("other").is_none_or(|tenant| tenant.index.is_empty()));
    let mut building = Building::default();
    building.floats(&[("__name__", "m"), ("host", "b")], &[(NOW, 7.0)]);
    append(&engine, &building.0, &Limits::default());
    assert_eq!(read_all(&engine, None).len(), 2);
}

/// Ten days for all, for ever for what has `keep`.
fn ten_days() -> Retention {
    let rules =
        r#"{"t": {"days": 10, "rules": [{"matchers": [{"name": "keep", "op": "!=", "value": ""}], "days": 0}]}}"#;
    Retention::parse(rules.as_bytes()).unwrap()
}

#[test]
fn expired_series_leave_the_index_and_the_limits() {
    const DAY: i64 = 86_400_000;
    let folder = Folder::new("expire");
    let engine = Engine::open(&folder.0, OPTIONS).unwrap();
    engine.set_retention(ten_days());
    let limits = Limits { series_per_metric: 40, ..Limits::default() };
    let mut building = Building::default();
    for number in 0..30 {
        let keep = if number % 3 == 0 { "y" } else { "" };
        let last = if number % 3 == 1 { NOW + 5 * DAY } else { NOW };
        building.floats(&[("__name__", "m"), ("n", &number.to_string()), ("keep", keep)], &[(NOW, 1.0), (last, 2.0)]);
    }
    append(&engine, &building.0, &limits);
    let tenant = engine.tenant("t").unwrap();
    let mut tables = Tables::default();
    // What is not in the tables stays, however old it is.
    assert_eq!(engine.expire(NOW + 100 * DAY).unwrap(), 0);
    while let Some(sealed) = engine.take_sealed(NOW, true, 1_000_000).unwrap() {
        assert_eq!(engine.expire(NOW + 100 * DAY).unwrap(), 0);
        tables.insert(&sealed, true);
        sealed.done().unwrap();
    }
    let active = || engine.tenant_stats(&tenant).active_series;
    assert_eq!((engine.expire(NOW + 10 * DAY).unwrap(), active()), (0, 30));
    assert_eq!((engine.expire(NOW + 11 * DAY).unwrap(), engine.stats().series, active()), (10, 20, 0));
    assert_eq!((engine.expire(NOW + 11 * DAY).unwrap(), engine.stats().series), (0, 20));
    assert_eq!((engine.expire(NOW + 16 * DAY).unwrap(), engine.stats().series), (10, 10));
    assert_eq!(tenant.index.select(&[], &Sight::default(), i64::MIN, i64::MAX).len(), 10);
    // They come back, as new ones, now and after a restart.
    let later = NOW + 16 * DAY;
    let mut building = Building::default();
    for number in 0..40 {
        let keep = if number % 3 == 0 { "y" } else { "" };
        building.floats(&[("__name__", "m"), ("n", &number.to_string()), ("keep", keep)], &[(later, 3.0)]);
    }
    let answer = engine.append("t", &building.0, &limits, later, ALL).unwrap();
    assert_eq!((answer.samples, answer.new_series), (40, 30));
    let before = read_all(&engine, None);
    assert_eq!(before.len(), 40);
    drop(engine);
    let engine = Engine::open(&folder.0, OPTIONS).unwrap();
    engine.set_retention(ten_days());
    assert_eq!((read_all(&engine, None), engine.stats().series), (before, 40));
    tables.load(&engine);
    assert_eq!((engine.expire(later).unwrap(), engine.stats().series), (0, 40));
    assert_eq!(engine.head_bytes.load(Ordering::Relaxed), heads(&engine));
    engine.close().unwrap();
    assert!(matches!(engine.expire(later), Err(EngineError::Closed)));
}

#[test]
fn exemplars_and_metadata_live_through_restarts() {
    let folder = Folder::new("extras");
    let engine = Engine::open(&folder.0, OPTIONS).unwrap();
    let mut building = Building::default();
    building.floats(&[("__name__", "hits_total"), ("job", "web")], &[(NOW, 1.0)]);
    let mut batch = std::mem::take(&mut building.0);
    let labels = pack([("trace_id", "abc")]);
    batch.exemplars.push(Exemplar { labels: labels.clone(), timestamp: NOW + 5, value: 0.25 });
    batch.series[0].exemplars = 0..1;
    let help = "Requests to the shop.";
    batch.metadata.push(Metadata {
        name: "hits".into(),
        kind: MetricKind::Counter,
        help: help.into(),
        unit: String::new(),
    });
    let limits = Limits { exemplars: 10, metadata: 10, ..Limits::default() };
    let answer = append(&engine, &batch, &limits);
    assert_eq!((answer.exemplars, answer.metadata), (1, 1));
    let check = |engine: &Arc<Engine>| {
        let all = || Selection::new(engine, "t", Vec::new(), Sight::default(), NOW - 60_000, NOW + 60_000);
        let exemplars = String::from_utf8(all().exemplars_json(&[]).unwrap()).unwrap();
        assert_eq!(
            exemplars,
            "[{\"seriesLabels\":{\"__name__\":\"hits_total\",\"job\":\"web\"},\"exemplars\":[{\"labels\":{\"trace_id\":\
             \"abc\"},\"value\":\"0.25\",\"timestamp\":1780315200.005}]}]"
        );
        let metadata = String::from_utf8(all().metadata_json("", 0, 0)).unwrap();
        assert_eq!(metadata, format!("{{\"hits\":[{{\"type\":\"counter\",\"help\":\"{help}\",\"unit\":\"\"}}]}}"));
        let catalog = String::from_utf8(all().catalog_json("shop HITS", Order::Name, 9, 0)).unwrap();
        assert_eq!(
            catalog,
            format!(
                "{{\"metrics\":[{{\"name\":\"hits_total\",\"kind\":\"counter\",\"unit\":\"\",\"help\":\"{help}\",\
                 \"series\":1,\"last\":{NOW},\"parts\":[]}}],\"total\":1}}"
            )
        );
    };
    check(&engine);
    drop(engine);
    let engine = Engine::open(&folder.0, OPTIONS).unwrap();
    check(&engine);
    engine.checkpoint().unwrap();
    drop(engine);
    let engine = Engine::open(&folder.0, OPTIONS).unwrap();
    check(&engine);
    let sealed = engine.take_sealed(NOW, true, 1000).unwrap().unwrap();
    let rows = sealed.rows();
    assert_eq!((rows.exemplars.len(), rows.metadata.0), (1, 1));
    sealed.done().unwrap();
    assert!(engine.take_sealed(NOW, true, 1000).unwrap().is_none());
}

#[test]
fn the_catalog_lists_families() {
    let folder = Folder::new("families");
    let engine = Engine::open(&folder.0, OPTIONS).unwrap();
    let mut building = Building::default();
    let names = [
        ("told_bucket", "histogram"),
        ("told_count", ""),
        ("told_sum", ""),
        ("told_created", ""),
        ("guessed_bucket", ""),
        ("guessed_count", ""),
        ("guessed_sum", ""),
        ("waits", ""),
        ("waits_sum", ""),
        ("waits_count", ""),
        ("hits_total", "counter"),
        ("hits_created", ""),
        ("lonely_count", ""),
        ("own_count", "gauge"),
        ("own_sum", ""),
        ("native", "histogram"),
    ];
    for (name, _) in names {
        building.floats(&[("__name__", name)], &[(NOW, 1.0)]);
    }
    let mut batch = building.0;
    for (name, kind) in [
        ("told", MetricKind::Histogram),
        ("hits", MetricKind::Counter),
        ("own_count", MetricKind::Gauge),
        ("native", MetricKind::Histogram),
    ] {
        batch.metadata.push(Metadata {
            name: name.into(),
            kind,
            help: format!("Help of {name}."),
            unit: String::new(),
        });
    }
    append(&engine, &batch, &Limits { metadata: 10, ..Limits::default() });
    let catalog = |search: &str, order| -> Vec<(String, String, u64, usize)> {
        let all = Selection::new(&engine, "t", Vec::new(), Sight::default(), NOW, NOW);
        let found: serde_json::Value = serde_json::from_slice(&all.catalog_json(search, order, 100, 0)).unwrap();
        let text = |one: &serde_json::Value| one.as_str().unwrap().to_owned();
        let metrics = found["metrics"].as_array().unwrap().iter();
        metrics
            .map(|one| {
                let parts = one["parts"].as_array().unwrap().len();
                (text(&one["name"]), text(&one["kind"]), one["series"].as_u64().unwrap(), parts)
            })
            .collect()
    };
    let one = |name: &str, kind: &str, series, parts| (name.to_owned(), kind.to_owned(), series, parts);
    assert_eq!(
        catalog("", Order::Name),
        [
            one("guessed", "histogram", 3, 3),
            one("hits_total", "counter", 2, 2),
            one("lonely_count", "unknown", 1, 0),
            one("native", "histogram", 1, 0),
            one("own_count", "gauge", 1, 0),
            one("own_sum", "unknown", 1, 0),
            one("told", "histogram", 4, 4),
            one("waits", "summary", 3, 3),
        ]
    );
    assert_eq!(catalog("TOLD_buck", Order::Name), [one("told", "histogram", 4, 4)]);
    assert_eq!(catalog("", Order::Series)[0].0, "told");
}

#[test]
fn answers_about_series() {
    let folder = Folder::new("answers");
    let engine = Engine::open(&folder.0, OPTIONS).unwrap();
    let mut building = Building::default();
    for (name, host) in [("up", "b"), ("up", "a"), ("down", "a")] {
        building.floats(&[("__name__", name), ("host", host)], &[(NOW, 1.0)]);
    }
    append(&engine, &building.0, &Limits::default());
    let all = || Selection::new(&engine, "t", Vec::new(), Sight::default(), NOW, NOW);
    let text = |json: (Vec<u8>, bool)| (String::from_utf8(json.0).unwrap(), json.1);
    let series = "[{\"__name__\":\"down\",\"host\":\"a\"},{\"__name__\":\"up\",\"host\":\"a\"}";
    assert_eq!(text(all().series_json(2)), (format!("{series}]"), true));
    assert_eq!(text(all().series_json(0)), (format!("{series},{{\"__name__\":\"up\",\"host\":\"b\"}}]"), false));
    assert_eq!(text(all().label_names_json(0)), ("[\"__name__\",\"host\"]".into(), false));
    assert_eq!(text(all().label_values_json("host", 1)), ("[\"a\"]".into(), true));
    assert_eq!(text(all().label_values_json("nothing", 1)), ("[]".into(), false));
    let status: serde_json::Value = serde_json::from_slice(&all().cardinality_json(1, "host")).unwrap();
    assert_eq!(status["headStats"]["numSeries"], 3);
    assert_eq!(status["seriesCountByMetricName"], serde_json::json!([{"name": "up", "value": 2}]));
    assert_eq!(status["seriesCountByFocusLabelValue"], serde_json::json!([{"name": "a", "value": 2}]));
    assert_eq!(Selection::new(&engine, "t", Vec::new(), Sight::default(), NOW + 1, NOW + 2).count(), 0);
    let mut reading = crate::view::Reading::new(all().view(), crate::export::Encoding::Text);
    let mut out = Vec::new();
    while let Some(piece) = reading.next(1).unwrap() {
        out.extend(piece);
    }
    let lines = String::from_utf8(out).unwrap();
    assert_eq!(lines.lines().filter(|line| !line.starts_with('#')).count(), 3, "{lines}");
}

#[test]
fn writers_readers_and_sealing_at_once() {
    let folder = Folder::new("threads");
    let engine = Engine::open(&folder.0, OPTIONS).unwrap();
    let tables = Mutex::new(Tables::default());
    std::thread::scope(|scope| {
        for writer in 0..3 {
            let engine = &engine;
            scope.spawn(move || {
                for at in 0..300 {
                    let mut building = Building::default();
                    for host in 0..4 {
                        let labels = [("__name__", "m"), ("host", &*format!("{writer}-{host}"))];
                        building.floats(&labels, &[(NOW + at * 15_000, at as f64)]);
                    }
                    append(engine, &building.0, &Limits::default());
                }
            });
        }
        scope.spawn(|| {
            for at in 0..60 {
                if let Some(sealed) = engine.take_sealed(NOW + at * 75_000, at % 7 == 0, 300).unwrap() {
                    // Locked until it is done: a reader sees the rows of what is gone from the head.
                    let mut tables = tables.lock().unwrap();
                    tables.insert(&sealed, true);
                    sealed.done().unwrap();
                }
                if at % 20 == 10 {
                    engine.checkpoint().unwrap();
                }
            }
        });
        scope.spawn(|| {
            let mut before = 0;
            for _ in 0..60 {
                let view = View::new(&engine, "t", &[(Vec::new(), i64::MIN, i64::MAX)], &Sight::default());
                // As a query does it: the heads stay as they were, the tables are asked afterwards.
                if !view.needs().is_empty() {
                    view.feed(Arc::new(ChunkRows::read(&tables.lock().unwrap().rows).unwrap()), 0);
                }
                let now = contents(&view).len();
                assert!(now >= before, "{now} samples are less than {before}");
                before = now;
            }
        });
    });
    let tables = tables.into_inner().unwrap();
    assert_eq!(read_all(&engine, Some(&tables)).len(), 3 * 4 * 300);
    drop(engine);
    let engine = Engine::open(&folder.0, OPTIONS).unwrap();
    tables.load(&engine);
    assert_eq!(read_all(&engine, Some(&tables)).len(), 3 * 4 * 300);
}
