//! Answers of the Prometheus HTTP API as charts draw them: the largest series, each with a value a step or, where there are
//! more steps than pixels, the first, least, greatest and last value of every pixel; and figures over all steps.

use crate::heatmap::{self, Heatmap};
use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt;
use std::io::Write;

/// What is drawn.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// First step, ms.
    pub start: i64,
    /// Distance of steps, ms; at least 1.
    pub step: i64,
    /// Number of steps.
    pub steps: usize,
    /// Pixels; more steps are reduced.
    pub points: usize,
    /// Most series.
    pub top: usize,
    /// Series stay in their order; else those with the greatest mean of absolute values come first.
    pub ordered: bool,
    /// Series with a label `le` are buckets of a histogram and become a heatmap. Native histograms do so anyway.
    pub heatmap: bool,
}

/// Pixels of a column of a heatmap, at least.
const COLUMN: usize = 3;

/// A value that is written as text.
struct Written(f64);

struct Histogram {
    count: f64,
    sum: f64,
    buckets: Vec<(f64, f64, f64)>,
}

#[derive(Deserialize)]
struct Item {
    metric: Labels,
    value: Option<(f64, Written)>,
    #[serde(default)]
    values: Vec<(f64, Written)>,
    histogram: Option<(f64, Histogram)>,
    #[serde(default)]
    histograms: Vec<(f64, Histogram)>,
}

#[derive(Deserialize)]
struct Data<T> {
    result: T,
}

/// Labels in the order of the answer.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Labels(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Labels;
            fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
                formatter.write_str("labels")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Labels, A::Error> {
                let mut found = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    found.push(pair);
                }
                Ok(Labels(found))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Written;
            fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
                formatter.write_str("a number as text")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Written, E> {
                text.parse().map(Written).map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Text)
    }
}

impl<'de> Deserialize<'de> for Histogram {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Parts {
            count: Written,
            sum: Written,
            #[serde(default)]
            buckets: Vec<Bucket>,
        }
        struct Bucket(f64, f64, f64);
        impl<'de> Deserialize<'de> for Bucket {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Four;
                impl<'de> Visitor<'de> for Four {
                    type Value = Bucket;
                    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
                        formatter.write_str("a bucket")
                    }
                    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Bucket, A::Error> {
                        seq.next_element::<IgnoredAny>()?;
                        let mut next = || seq.next_element::<Written>().map(|one| one.map_or(f64::NAN, |one| one.0));
                        Ok(Bucket(next()?, next()?, next()?))
                    }
                }
                deserializer.deserialize_seq(Four)
            }
        }
        let parts = Parts::deserialize(deserializer)?;
        let buckets = parts.buckets.into_iter().map(|one| (one.0, one.1, one.2)).collect();
        Ok(Self { count: parts.count.0, sum: parts.sum.0, buckets })
    }
}

/// Figures of a series over all its steps: last, least, greatest and mean finite value, and the mean of absolute ones.
#[derive(Clone, Copy)]
struct Figures {
    last: f64,
    min: f64,
    max: f64,
    mean: f64,
    weight: f64,
}

/// The chart of an answer's `data`: a JSON object with `type`, `points`, `total`, `text`, `series` and `heatmap`.
///
/// The error is a sentence about what is no answer.
pub fn chart(data: &[u8], wanted: &Wanted) -> Result<Vec<u8>, String> {
    let head = String::from_utf8_lossy(&data[..data.len().min(64)]).into_owned();
    let kind = head.split('"').nth(3).unwrap_or_default();
    let mut items: Vec<Item> = match kind {
        "scalar" => {
            let value: Data<(f64, Written)> = read(data)?;
            let metric = Labels(Vec::new());
            vec![Item { metric, value: Some(value.result), values: vec![], histogram: None, histograms: vec![] }]
        }
        "string" => {
            let text: Data<(f64, String)> = read(data)?;
            let text = serde_json::to_string(&text.result.1).unwrap_or_default();
            return Ok(format!(r#"{{"type":"string","points":0,"total":0,"text":{text},"series":[],"heatmap":null}}"#)
                .into_bytes());
        }
        "vector" | "matrix" => read::<Data<Vec<Item>>>(data)?.result,
        _ => return Err("the answer has no type that a chart knows".to_owned()),
    };
    for item in &mut items {
        item.values.extend(item.value.take());
    }
    let over_time = kind == "matrix" && wanted.steps > 1;
    let heatmap = if over_time { heatmap_of(&mut items, wanted) } else { None };
    let figures: Vec<Figures> = items.iter().map(|item| figures(&item.values)).collect();
    let mut order: Vec<usize> = (0..items.len()).collect();
    if !wanted.ordered {
        order.sort_by(|&left, &right| {
            let heavier = figures[right].weight.partial_cmp(&figures[left].weight).unwrap_or(Ordering::Equal);
            heavier.then_with(|| items[left].metric.cmp(&items[right].metric))
        });
    }
    // Samples as they were stored have times of their own.
    let raw = items.iter().any(|item| item.values.iter().any(|&(time, _)| step_of(ms(time), wanted).is_none()));
    let reduced = raw || wanted.steps > wanted.points;
    let mut out = Vec::with_capacity(4096);
    let _ = write!(
        out,
        r#"{{"type":"{kind}","points":{},"total":{},"text":"","series":["#,
        wanted.steps.min(wanted.points),
        items.len()
    );
    for (place, &index) in order.iter().take(wanted.top).enumerate() {
        if place > 0 {
            out.push(b',');
        }
        series(&mut out, &items[index], &figures[index], wanted, reduced, raw, kind == "vector");
    }
    out.extend_from_slice(b"],\"heatmap\":");
    match heatmap {
        Some((series, found)) => write_heatmap(&mut out, &found, series, wanted),
        None => out.extend_from_slice(b"null"),
    }
    out.push(b'}');
    Ok(out)
}

/// Takes what a heatmap shows out of the series: how many of them it adds up, and the heatmap.
fn heatmap_of(items: &mut Vec<Item>, wanted: &Wanted) -> Option<(usize, Heatmap)> {
    let most = (wanted.points / COLUMN).max(1);
    let bound = |item: &Item| {
        let le = item.metric.0.iter().find(|(name, _)| name == "le")?.1.parse::<f64>().ok()?;
        (wanted.heatmap && !le.is_nan()).then_some(le)
    };
    let step = |time: f64| step_of(ms(time), wanted);
    let others = |item: &Item| {
        let labels = item.metric.0.iter().filter(|(name, _)| name != "le");
        bound(item).map(|_| labels.cloned().collect::<Vec<_>>())
    };
    let counted = items.iter().filter_map(others).collect::<BTreeSet<_>>().len();
    if counted > 0 {
        let series = items.iter().filter_map(|item| {
            Some((bound(item)?, item.values.iter().filter_map(|(time, value)| Some((step(*time)?, value.0)))))
        });
        let found = heatmap::classic(series, wanted.steps, most);
        items.retain(|item| bound(item).is_none());
        return Some((counted, found));
    }
    let native = items.iter().filter(|item| !item.histograms.is_empty()).count();
    if native == 0 {
        return None;
    }
    let all = items.iter().flat_map(|item| &item.histograms);
    let histograms = all.filter_map(|(time, one)| Some((step(*time)?, one.buckets.as_slice())));
    let found = heatmap::native(histograms, wanted.steps, most);
    for item in items.iter_mut() {
        item.histograms.clear();
    }
    items.retain(|item| !item.values.is_empty());
    Some((native, found))
}

fn write_heatmap(out: &mut Vec<u8>, found: &Heatmap, series: usize, wanted: &Wanted) {
    let per = found.per as i64;
    let start = wanted.start + (per - 1) * wanted.step / 2;
    let _ = write!(out, r#"{{"series":{series},"start":{start},"step":{}"#, per * wanted.step);
    list(out, "bounds", found.rows.iter(), |out, &(lower, upper)| {
        out.push(b'[');
        number(out, lower);
        out.push(b',');
        number(out, upper);
        out.push(b']');
    });
    list(out, "columns", found.columns.iter(), |out, column| {
        out.push(b'[');
        for (place, &count) in column.iter().flatten().enumerate() {
            if place > 0 {
                out.push(b',');
            }
            // Seven digits are more than a colour tells.
            if count == 0.0 {
                out.push(b'0');
            } else {
                out.extend_from_slice(
                    zmij::Buffer::new().format_finite(count.min(f64::from(f32::MAX)) as f32).as_bytes(),
                );
            }
        }
        out.push(b']');
    });
    out.push(b'}');
}

fn read<'a, T: Deserialize<'a>>(data: &'a [u8]) -> Result<T, String> {
    serde_json::from_slice(data).map_err(|error| format!("the answer cannot be read: {error}"))
}

fn ms(seconds: f64) -> i64 {
    (seconds * 1000.0).round() as i64
}

/// The step that a time is, if it is one.
fn step_of(time: i64, wanted: &Wanted) -> Option<usize> {
    let since = time - wanted.start;
    let step = usize::try_from(since / wanted.step).ok()?;
    (since >= 0 && since % wanted.step == 0 && step < wanted.steps).then_some(step)
}

fn figures(values: &[(f64, Written)]) -> Figures {
    let mut found = Figures { last: f64::NAN, min: f64::NAN, max: f64::NAN, mean: f64::NAN, weight: -1.0 };
    let (mut count, mut sum, mut weight) = (0.0, 0.0, 0.0);
    for value in values.iter().map(|(_, value)| value.0).filter(|value| value.is_finite()) {
        count += 1.0;
        found.last = value;
        found.min = found.min.min(value);
        found.max = found.max.max(value);
        // Sums of values may not fit where their mean does.
        sum += (value - sum) / count;
        weight += (value.abs() - weight) / count;
    }
    if count > 0.0 {
        (found.mean, found.weight) = (sum, weight);
    }
    found
}

fn series(out: &mut Vec<u8>, item: &Item, figures: &Figures, wanted: &Wanted, reduced: bool, raw: bool, instant: bool) {
    out.extend_from_slice(br#"{"labels":{"#);
    for (place, (name, value)) in item.metric.0.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        let _ = serde_json::to_writer(&mut *out, name);
        out.push(b':');
        let _ = serde_json::to_writer(&mut *out, value);
    }
    out.push(b'}');
    if reduced {
        let kept = if raw && item.values.len() <= wanted.points {
            item.values.iter().map(|(time, value)| (ms(*time), Some(value.0))).collect()
        } else {
            reduce(&item.values, wanted)
        };
        list(out, "times", kept.iter().map(|one| one.0), |out, time| {
            let _ = write!(out, "{time}");
        });
        list(out, "values", kept.iter().map(|one| one.1), optional);
    } else {
        let mut grid = vec![None; wanted.steps];
        for (time, value) in &item.values {
            if let Some(step) = step_of(ms(*time), wanted) {
                grid[step] = Some(value.0);
            }
        }
        list(out, "values", grid.into_iter(), optional);
    }
    let histograms: Vec<&(f64, Histogram)> = item.histogram.iter().chain(&item.histograms).collect();
    if !histograms.is_empty() {
        list(out, "histograms", histograms.iter(), |out, (time, one)| {
            let _ = write!(out, "[{},", ms(*time));
            number(out, one.count);
            out.push(b',');
            number(out, one.sum);
            out.push(b']');
        });
        if instant {
            list(out, "buckets", histograms[0].1.buckets.iter(), |out, &(lower, upper, count)| {
                out.push(b'[');
                number(out, lower);
                out.push(b',');
                number(out, upper);
                out.push(b',');
                number(out, count);
                out.push(b']');
            });
        }
    }
    for (name, value) in [("last", figures.last), ("min", figures.min), ("max", figures.max), ("mean", figures.mean)] {
        let _ = write!(out, r#","{name}":"#);
        optional(out, value.is_finite().then_some(value));
    }
    out.push(b'}');
}

/// First, least, greatest and last finite value of every pixel, in time order; a pixel without any is a gap.
fn reduce(values: &[(f64, Written)], wanted: &Wanted) -> Vec<(i64, Option<f64>)> {
    let pixels = wanted.points.max(1);
    let (from, to) = match (values.first(), values.last()) {
        // Samples that are not of steps span what they span.
        (Some(first), Some(last)) => {
            (wanted.start.min(ms(first.0)), (wanted.start + wanted.step * wanted.steps as i64).max(ms(last.0) + 1))
        }
        _ => return Vec::new(),
    };
    let span = i128::from((to - from).max(1));
    let pixel = |time: i64| (i128::from(time - from) * pixels as i128 / span) as usize;
    let mut kept = Vec::new();
    let mut at = 0;
    for current in 0..pixels {
        let begin = at;
        while at < values.len() && pixel(ms(values[at].0)) <= current {
            at += 1;
        }
        let mut chosen: [Option<usize>; 4] = [None; 4];
        for (index, (_, value)) in values.iter().enumerate().take(at).skip(begin).filter(|(_, one)| one.1.0.is_finite())
        {
            let [first, least, greatest, last] = &mut chosen;
            first.get_or_insert(index);
            if least.is_none_or(|other| value.0 < values[other].1.0) {
                *least = Some(index);
            }
            if greatest.is_none_or(|other| value.0 > values[other].1.0) {
                *greatest = Some(index);
            }
            *last = Some(index);
        }
        let mut indexes: Vec<usize> = chosen.into_iter().flatten().collect();
        indexes.sort_unstable();
        indexes.dedup();
        if indexes.is_empty() {
            kept.push((from + (span * current as i128 / pixels as i128) as i64, None));
        }
        kept.extend(indexes.into_iter().map(|index| (ms(values[index].0), Some(values[index].1.0))));
    }
    kept
}

fn list<T>(out: &mut Vec<u8>, name: &str, items: impl Iterator<Item = T>, mut one: impl FnMut(&mut Vec<u8>, T)) {
    let _ = write!(out, r#","{name}":["#);
    for (place, item) in items.enumerate() {
        if place > 0 {
            out.push(b',');
        }
        one(out, item);
    }
    out.push(b']');
}

fn optional(out: &mut Vec<u8>, value: Option<f64>) {
    match value {
        Some(value) => number(out, value),
        None => out.extend_from_slice(b"null"),
    }
}

fn number(out: &mut Vec<u8>, value: f64) {
    if value.is_nan() {
        out.extend_from_slice(br#""NaN""#);
    } else if value.is_infinite() {
        out.extend_from_slice(if value > 0.0 { br#""+Inf""# } else { br#""-Inf""# });
    } else {
        out.extend_from_slice(zmij::Buffer::new().format_finite(value).as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const WANTED: Wanted =
        Wanted { start: 1000, step: 1000, steps: 4, points: 10, top: 10, ordered: false, heatmap: false };

    fn drawn(data: &Value, wanted: &Wanted) -> Value {
        let text = serde_json::to_string(data).unwrap();
        // The type comes first, as it does in answers.
        let kind = data["resultType"].as_str().unwrap();
        let result = serde_json::to_string(&data["result"]).unwrap();
        assert!(text.contains(kind));
        let ordered = format!(r#"{{"resultType":"{kind}","result":{result}}}"#);
        serde_json::from_slice(&chart(ordered.as_bytes(), wanted).unwrap()).unwrap()
    }

    #[test]
    fn steps_without_a_value_are_gaps_and_figures_know_finite_values_only() {
        let data = json!({"resultType": "matrix", "result": [
            {"metric": {"a": "b"}, "values": [[1, "1"], [3.0, "NaN"], [4, "-7.5"]]},
        ]});
        let found = drawn(&data, &WANTED);
        assert_eq!(found["series"][0]["values"], json!([1.0, null, "NaN", -7.5]));
        assert_eq!(found["series"][0]["mean"], json!(-3.25));
        assert_eq!(found["series"][0]["last"], json!(-7.5));
        assert_eq!(found["points"], json!(4));
        let none = json!({"resultType": "matrix", "result": [{"metric": {}, "values": [[1, "+Inf"]]}]});
        assert_eq!(drawn(&none, &WANTED)["series"][0]["max"], json!(null));
    }

    #[test]
    fn the_largest_series_come_first_and_the_others_are_counted() {
        let one = |name: &str, value: &str| json!({"metric": {"n": name}, "values": [[1, value]]});
        let data = json!({"resultType": "matrix", "result": [
            one("a", "1"), one("c", "-9"), one("b", "NaN"), one("d", "1"), one("e", "5"),
        ]});
        let found = drawn(&data, &Wanted { top: 4, ..WANTED });
        let names: Vec<_> = found["series"].as_array().unwrap().iter().map(|one| one["labels"]["n"].clone()).collect();
        assert_eq!(names, ["c", "e", "a", "d"]);
        assert_eq!(found["total"], json!(5));
        let kept = drawn(&data, &Wanted { top: 2, ordered: true, ..WANTED });
        assert_eq!(kept["series"][1]["labels"]["n"], json!("c"));
    }

    #[test]
    fn pixels_keep_their_extremes() {
        let values: Vec<_> =
            (0..1000).map(|n| json!([1 + n, if n == 503 { "99".into() } else { (n % 7).to_string() }])).collect();
        let data = json!({"resultType": "matrix", "result": [{"metric": {}, "values": values}]});
        let found = drawn(&data, &Wanted { steps: 1000, points: 20, ..WANTED });
        let (times, kept) =
            (found["series"][0]["times"].as_array().unwrap(), found["series"][0]["values"].as_array().unwrap());
        assert_eq!(times.len(), kept.len());
        assert!(kept.len() <= 80 && kept.len() >= 40, "{}", kept.len());
        assert!(kept.contains(&json!(99.0)));
        assert!(times.windows(2).all(|pair| pair[0].as_i64() < pair[1].as_i64()));
        assert_eq!((times[0].as_i64(), times.last().unwrap().as_i64()), (Some(1000), Some(1_000_000)));
    }

    #[test]
    fn other_types() {
        let scalar = drawn(&json!({"resultType": "scalar", "result": [1, "5"]}), &Wanted { steps: 1, ..WANTED });
        assert_eq!(scalar["series"][0]["values"], json!([5.0]));
        let text = drawn(&json!({"resultType": "string", "result": [1, "a\"b"]}), &WANTED);
        assert_eq!((&text["type"], &text["text"]), (&json!("string"), &json!("a\"b")));
        let histogram = json!({"count": "3", "sum": "2.5", "buckets": [[0, "0.5", "1", "3"]]});
        let vector = json!({"resultType": "vector", "result": [{"metric": {}, "histogram": [1, histogram]}]});
        let found = drawn(&vector, &Wanted { steps: 1, ..WANTED });
        assert_eq!(found["series"][0]["histograms"], json!([[1000, 3.0, 2.5]]));
        assert_eq!(found["series"][0]["buckets"], json!([[0.5, 1.0, 3.0]]));
        assert!(chart(b"{}", &WANTED).is_err());
        assert!(chart(br#"{"resultType":"matrix","result":[{"metric":{},"values":[[1,"x"]]}]}"#, &WANTED).is_err());
    }

    #[test]
    fn native_histograms_over_time_become_a_heatmap() {
        let one = json!({"count": "3", "sum": "2.5", "buckets": [[0, "0.5", "1", "3"]]});
        let data = json!({"resultType": "matrix", "result": [
            {"metric": {"a": "1"}, "histograms": [[1, one], [3, one]]},
            {"metric": {"a": "2"}, "histograms": [[3, one]], "values": [[4, "7"]]},
        ]});
        let found = drawn(&data, &Wanted { points: 20, ..WANTED });
        let heat = json!({"series": 2, "start": 1000, "step": 1000, "bounds": [[0.5, 1.0]], "columns": [[3.0], [], [6.0], []]});
        assert_eq!(found["heatmap"], heat);
        assert_eq!(found["total"], json!(1));
        assert_eq!(found["series"][0]["values"], json!([null, null, null, 7.0]));
        assert_eq!(drawn(&data, &Wanted { points: 6, ..WANTED })["heatmap"]["start"], json!(1500));
    }

    #[test]
    fn classic_buckets_become_a_heatmap_when_asked_for() {
        let one = |le: &str, value: &str| json!({"metric": {"le": le}, "values": [[1, value]]});
        let data = json!({"resultType": "matrix", "result": [one("+Inf", "3"), one("0.1", "1"), one("x", "5")]});
        assert_eq!(drawn(&data, &WANTED)["heatmap"], json!(null));
        let found = drawn(&data, &Wanted { heatmap: true, points: 20, ..WANTED });
        assert_eq!(found["heatmap"]["series"], json!(1));
        assert_eq!(found["heatmap"]["bounds"], json!([[0.0, 0.1], [0.1, "+Inf"]]));
        assert_eq!(found["heatmap"]["columns"], json!([[1.0, 2.0], [], [], []]));
        assert_eq!(found["series"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn raw_samples_have_their_own_times() {
        let data = json!({"resultType": "matrix", "result": [{"metric": {}, "values": [[1.5, "1"], [2.25, "2"]]}]});
        let found = drawn(&data, &Wanted { steps: 1, ..WANTED });
        assert_eq!(found["series"][0]["times"], json!([1500, 2250]));
    }
}
