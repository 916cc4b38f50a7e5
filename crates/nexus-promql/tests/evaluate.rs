//! Queries over a source in memory, from the program to the JSON of the answer.

#![allow(clippy::float_cmp, reason = "answers are exact")]

mod support;

use nexus_promql::Control;
use serde_json::json;
use std::time::{Duration, Instant};
use support::{Memory, Query, aggregate, binary, call, matched, node, number, ranked, result, subquery, text};

const MINUTE: i64 = 60_000;

fn memory() -> Memory {
    let mut memory = Memory::default();
    memory.load(
        MINUTE,
        r#"
        requests_total{job="a",pod="1"} 0+60x20
        requests_total{job="a",pod="2"} 0+120x20
        requests_total{job="b",pod="3"} 0+30x9 0+30x10
        limit{job="a"} 100x20
        limit{job="b"} 5x20
        flaky 1 stale _ 3 NaN
        "#,
    );
    memory
}

#[test]
fn selectors_look_back_and_end_at_stale_markers() {
    let memory = memory();
    let at = |time| result(&memory.at(time, |query| query.vector("flaky")));
    assert_eq!(at(59_999), r#"[{"metric":{"__name__":"flaky"},"value":[59.999,"1"]}]"#);
    assert_eq!(at(MINUTE), "[]");
    assert_eq!(at(2 * MINUTE), "[]");
    assert_eq!(at(3 * MINUTE + 1), r#"[{"metric":{"__name__":"flaky"},"value":[180.001,"3"]}]"#);
    assert_eq!(at(4 * MINUTE), r#"[{"metric":{"__name__":"flaky"},"value":[240,"NaN"]}]"#);
    assert_eq!(at(9 * MINUTE - 1), r#"[{"metric":{"__name__":"flaky"},"value":[539.999,"NaN"]}]"#);
    assert_eq!(at(9 * MINUTE), "[]", "the lookback is open to the left");
}

#[test]
fn offset_and_at_move_the_time() {
    let memory = memory();
    let over =
        |offset, at| {
            result(&memory.over((0, 2 * MINUTE, MINUTE), |query| {
                aggregate("sum", &[], query.shifted("requests_total", offset, at))
            }))
        };
    assert_eq!(over(-MINUTE, None), r#"[{"metric":{},"values":[[0,"210"],[60,"420"],[120,"630"]]}]"#);
    assert_eq!(over(0, Some(10 * MINUTE)), r#"[{"metric":{},"values":[[0,"1800"],[60,"1800"],[120,"1800"]]}]"#);
    assert_eq!(over(MINUTE, None), r#"[{"metric":{},"values":[[60,"0"],[120,"210"]]}]"#);
}

#[test]
fn rates_are_summed_by_label() {
    let memory = memory();
    let answer = memory.over((5 * MINUTE, 6 * MINUTE, MINUTE), |query| {
        aggregate("sum", &["job"], call("rate", vec![query.range("requests_total", 5 * MINUTE)]))
    });
    let expected = r#"[{"metric":{"job":"a"},"values":[[300,"3"],[360,"3"]]},{"metric":{"job":"b"},"values":[[300,"0.5"],[360,"0.5"]]}]"#;
    assert_eq!(result(&answer), expected);
    let answer = answer.unwrap();
    assert!(answer.infos.is_empty());
    assert_eq!(answer.samples, 3 * (5 + 5), "every window has five samples");
    let answer = memory.at(MINUTE, |query| query.vector("requests_total")).unwrap();
    assert_eq!((answer.samples, answer.read, answer.peak), (3, 3, 3));
}

#[test]
fn names_are_dropped_in_the_end() {
    let memory = memory();
    let twice = memory
        .at(MINUTE, |query| call("abs", vec![binary("or", query.vector("requests_total"), query.vector("limit"))]));
    assert!(result(&twice).starts_with(r#"[{"metric":{"job":"a","pod":"1"}"#));
    let kept = memory.at(0, |query| {
        let rate = call("rate", vec![query.range("limit", 5 * MINUTE)]);
        call("label_replace", vec![rate, text("__name__"), text("limit:$1"), text("job"), text("(.*)")])
    });
    assert_eq!(result(&kept), "[]", "one sample has no rate");
    let kept = memory.at(5 * MINUTE, |query| {
        let rate = call("rate", vec![query.range("limit", 5 * MINUTE)]);
        call("label_replace", vec![rate, text("__name__"), text("limit:$1"), text("job"), text("(a)")])
    });
    let expected =
        r#"[{"metric":{"__name__":"limit:a","job":"a"},"value":[300,"0"]},{"metric":{"job":"b"},"value":[300,"0"]}]"#;
    assert_eq!(result(&kept), expected);
    let same = memory.at(MINUTE, |query| {
        call("label_replace", vec![query.vector("limit"), text("job"), text(""), text("job"), text(".*")])
    });
    assert_eq!(result(&same), "execution: vector cannot contain metrics with the same labelset");
}

#[test]
fn vectors_find_each_other() {
    let memory = memory();
    let share = |matching| {
        result(
            &memory
                .at(10 * MINUTE, |query| matched("/", query.vector("requests_total"), query.vector("limit"), matching)),
        )
    };
    assert_eq!(
        share(json!({"on": true, "labels": ["job"], "cardinality": "many-to-one"})),
        r#"[{"metric":{"job":"a","pod":"1"},"value":[600,"6"]},{"metric":{"job":"a","pod":"2"},"value":[600,"12"]},{"metric":{"job":"b","pod":"3"},"value":[600,"0"]}]"#
    );
    assert_eq!(
        share(json!({"on": true, "labels": ["job"]})),
        "execution: multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)"
    );
    assert_eq!(share(json!({})), "[]");
    let duplicates = memory.at(MINUTE, |query| {
        let matching = json!({"on": true, "labels": ["job"]});
        matched("+", query.vector("limit"), query.vector("requests_total"), matching)
    });
    assert_eq!(
        result(&duplicates),
        "execution: found duplicate series for the match group {job=\"a\"} on the right hand-side of the operation: \
         [{__name__=\"requests_total\", job=\"a\", pod=\"1\"}, {__name__=\"requests_total\", job=\"a\", pod=\"2\"}];\
         many-to-many matching not allowed: matching labels must be unique on one side"
    );
    let filled = memory.at(MINUTE, |query| {
        let left = query.labelled("limit", &[("job", "a")]);
        matched("+", left, query.vector("limit"), json!({"fill_left": "1000"}))
    });
    assert_eq!(
        result(&filled),
        r#"[{"metric":{"job":"a"},"value":[60,"200"]},{"metric":{"job":"b"},"value":[60,"1005"]}]"#
    );
}

#[test]
fn comparisons_filter_and_sets_combine() {
    let memory = memory();
    let over = |op: &'static str| {
        let answer = memory.over((0, 2 * MINUTE, MINUTE), |query| {
            let big = binary(">", query.vector("requests_total"), number(100.0));
            matched(op, query.vector("requests_total"), big, json!({"cardinality": "many-to-many"}))
        });
        let data: serde_json::Value = serde_json::from_slice(&answer.unwrap().data).unwrap();
        let rows = data["result"].as_array().unwrap().clone();
        rows.iter().map(|row| row["values"].as_array().unwrap().len()).collect::<Vec<_>>()
    };
    assert_eq!(over("and"), [1, 2]);
    assert_eq!(over("unless"), [2, 1, 3]);
    assert_eq!(over("or"), [3, 3, 3]);
}

#[test]
fn the_best_are_chosen_at_each_step() {
    let memory = memory();
    let answer = memory.at(2 * MINUTE, |query| ranked("topk", number(2.0), &[], query.vector("requests_total")));
    assert_eq!(
        result(&answer),
        r#"[{"metric":{"__name__":"requests_total","job":"a","pod":"2"},"value":[120,"240"]},{"metric":{"__name__":"requests_total","job":"a","pod":"1"},"value":[120,"120"]}]"#
    );
    let answer = memory.over((0, 2 * MINUTE, 2 * MINUTE), |query| {
        let steps = call("scalar", vec![call("vector", vec![binary("/", call("time", vec![]), number(120.0))])]);
        ranked("bottomk", steps, &["job"], query.vector("requests_total"))
    });
    assert_eq!(
        result(&answer),
        r#"[{"metric":{"__name__":"requests_total","job":"a","pod":"1"},"values":[[120,"120"]]},{"metric":{"__name__":"requests_total","job":"b","pod":"3"},"values":[[120,"60"]]}]"#
    );
    let answer = memory.at(0, |query| ranked("quantile", number(2.0), &[], query.vector("limit")));
    assert_eq!(result(&answer), r#"[{"metric":{},"value":[0,"+Inf"]}]"#);
    assert_eq!(answer.unwrap().warnings, ["PromQL warning: quantile value should be between 0 and 1, got 2 (1:1)"]);
}

#[test]
fn subqueries_stand_on_multiples_of_their_step() {
    let memory = memory();
    let points = memory
        .at(10 * MINUTE + 7, |query| subquery(query.labelled("requests_total", &[("pod", "1")]), 150_000, MINUTE));
    assert_eq!(
        result(&points),
        r#"[{"metric":{"__name__":"requests_total","job":"a","pod":"1"},"values":[[480,"480"],[540,"540"],[600,"600"]]}]"#
    );
    let most = memory.at(10 * MINUTE, |query| {
        let rates = call("rate", vec![query.range("requests_total", 2 * MINUTE)]);
        call("max_over_time", vec![subquery(aggregate("sum", &[], rates), 4 * MINUTE, MINUTE)])
    });
    assert_eq!(result(&most), r#"[{"metric":{},"value":[600,"3.5"]}]"#);
}

#[test]
fn ends_of_windows_are_anchored_or_smoothed() {
    let mut memory = Memory::default();
    memory.load(MINUTE, "c_total 0 10 20 30 40");
    let increase = |extension| {
        result(&memory.at(150_000, |query| call("increase", vec![query.extended("c_total", 90_000, extension)])))
    };
    assert_eq!(increase("anchored"), r#"[{"metric":{},"value":[150,"10"]}]"#);
    assert_eq!(increase("smoothed"), r#"[{"metric":{},"value":[150,"15"]}]"#);
    let refused = memory.at(0, |query| call("sum_over_time", vec![query.extended("c_total", MINUTE, "smoothed")]));
    let expected = "execution: smoothed modifier can only be used with: delta, increase, rate - not with sum_over_time";
    assert_eq!(result(&refused), expected);
}

#[test]
fn absence_has_the_labels_that_were_asked_for() {
    let memory = memory();
    let absent = memory.over((0, 30 * MINUTE, 10 * MINUTE), |query| {
        call("absent", vec![query.labelled("limit", &[("job", "a"), ("zone", "x"), ("zone", "y")])])
    });
    let expected = r#"[{"metric":{"job":"a"},"values":[[0,"1"],[600,"1"],[1200,"1"],[1800,"1"]]}]"#;
    assert_eq!(result(&absent), expected);
    let later = memory
        .over((0, 30 * MINUTE, 10 * MINUTE), |query| call("absent", vec![query.labelled("limit", &[("job", "a")])]));
    assert_eq!(result(&later), r#"[{"metric":{"job":"a"},"values":[[1800,"1"]]}]"#);
    let over_time = memory.at(26 * MINUTE, |query| call("absent_over_time", vec![query.range("limit", 5 * MINUTE)]));
    assert_eq!(result(&over_time), r#"[{"metric":{},"value":[1560,"1"]}]"#);
}

#[test]
fn scalars_and_texts_have_shapes_of_their_own() {
    let memory = Memory::default();
    let data =
        |answer: Result<nexus_promql::Answer, nexus_promql::Fault>| String::from_utf8(answer.unwrap().data).unwrap();
    assert_eq!(data(memory.at(1_500, |_| number(1e-7))), r#"{"resultType":"scalar","result":[1.500,"1e-07"]}"#);
    assert_eq!(data(memory.at(0, |_| text("a\"\n"))), r#"{"resultType":"string","result":[0,"a\"\n"]}"#);
    assert_eq!(
        data(memory.over((0, 1000, 1000), |_| binary("+", call("time", vec![]), number(1.0)))),
        r#"{"resultType":"matrix","result":[{"metric":{},"values":[[0,"1"],[1,"2"]]}]}"#
    );
    assert_eq!(
        data(memory.at(0, |_| node(json!({"negate": number(1.0)})))),
        r#"{"resultType":"scalar","result":[0,"-1"]}"#
    );
}

#[test]
fn queries_end_when_they_must() {
    let memory = memory();
    let sum = |query: &mut Query| aggregate("sum", &[], query.vector("requests_total"));
    let over = Control::with_deadline(Instant::now().checked_sub(Duration::from_millis(1)).unwrap());
    let timeout = memory.run(Query::new(0, 0, 0), sum, &over);
    assert_eq!(result(&timeout), "timeout: query timed out in expression evaluation");
    let control = Control::default();
    control.clone().cancel();
    let cancelled = memory.run(Query::new(0, 0, 0), sum, &control);
    assert_eq!(result(&cancelled), "canceled: query was canceled in expression evaluation");
    let mut query = Query::new(0, 10 * MINUTE, MINUTE);
    query.max_samples = 20;
    let many = memory.run(query, |query| query.vector("requests_total"), &Control::default());
    let unheld = memory.at(0, |query| binary("+", call("vector", vec![number(1.0)]), query.vector("nothing")));
    assert_eq!(result(&unheld), "[]", "what was never held is not let go");
    let expected = "too_many_samples: query processing would load too many samples into memory in query execution";
    assert_eq!(result(&many), expected);
}

type Build = fn(&mut Query) -> serde_json::Value;

#[test]
fn a_range_query_is_its_instant_queries() {
    let mut memory = Memory::default();
    memory.load(
        15_000,
        "x{a=\"1\"} 0+3x40 1+2x40\nx{a=\"2\"} 5x20 _x15 7-1x60 stale 3x9\ny{a=\"1\"} 1+1x120\ny{a=\"2\"} 2x60",
    );
    let builds: [Build; 8] = [
        |query| query.vector("x"),
        |query| call("rate", vec![query.range("x", MINUTE)]),
        |query| aggregate("avg", &[], call("max_over_time", vec![query.range("x", 2 * MINUTE)])),
        |query| binary("-", query.vector("x"), query.vector("y")),
        |query| binary(">", query.vector("x"), query.vector("y")),
        |query| aggregate("stddev", &[], query.vector("x")),
        |query| call("quantile_over_time", vec![number(0.3), query.range("x", 3 * MINUTE)]),
        |query| {
            call("sum_over_time", vec![subquery(call("delta", vec![query.range("x", MINUTE)]), 4 * MINUTE, 30_000)])
        },
    ];
    for (index, build) in builds.into_iter().enumerate() {
        let all = memory.over((0, 1_800_000, 37_000), build).unwrap();
        let all: serde_json::Value = serde_json::from_slice(&all.data).unwrap();
        let mut seen = 0;
        for time in (0..=1_800_000).step_by(37_000) {
            let one = memory.at(time, build).unwrap();
            let one: serde_json::Value = serde_json::from_slice(&one.data).unwrap();
            for row in one["result"].as_array().unwrap() {
                let rows = all["result"].as_array().unwrap();
                let same = rows.iter().find(|other| other["metric"] == row["metric"]).unwrap();
                assert!(same["values"].as_array().unwrap().contains(&row["value"]), "{index} at {time}");
                seen += 1;
            }
        }
        let rows = all["result"].as_array().unwrap();
        let values: usize = rows.iter().map(|row| row["values"].as_array().unwrap().len()).sum();
        assert_eq!(values, seen, "{index}");
        assert!(seen > 10, "{index}");
    }
}
