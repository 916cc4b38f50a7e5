//! Every processor through whole pipelines: records in as JSON lines, fields out.

use super::*;
use crate::json::fields::FieldMapping;
use crate::json::lines::decode_json_lines;
use crate::process::trace::fields_of;
use std::collections::BTreeMap;

const NOW: i64 = 1_780_315_200_000_000_000;

fn context(now_ns: i64, delivery: u64) -> Context {
    Context { now_ns, seed: 7, delivery }
}

fn decode(lines: &str) -> Arc<LogBatch> {
    let mapping = FieldMapping { stream_fields: vec!["host.name".to_owned()], ..FieldMapping::default() };
    let decoded = decode_json_lines(lines.as_bytes(), NOW, &mapping).unwrap();
    assert_eq!(decoded.rejections.count(), 0, "{:?}", decoded.rejections.first());
    Arc::new(decoded.batch)
}

fn steps(steps: &str) -> Pipelines {
    Pipelines::compile(format!(r#"[{{"name":"p","steps":[{steps}]}}]"#).as_bytes(), None).unwrap()
}

fn record(batch: &LogBatch, row: usize) -> BTreeMap<String, String> {
    fields_of(batch, row).into_iter().map(|(name, value)| (name, String::from_utf8(value).unwrap())).collect()
}

/// What one record becomes; its fields as JSON.
#[track_caller]
fn one(spec: &str, line: &str) -> BTreeMap<String, String> {
    let processed = steps(spec).run(decode(line), &context(NOW, 1));
    assert_eq!(processed.batch.num_rows(), 1);
    record(&processed.batch, 0)
}

fn bodies(batch: &LogBatch) -> Vec<&str> {
    (0..batch.num_rows()).map(|row| std::str::from_utf8(batch.bodies.get(row)).unwrap()).collect()
}

#[track_caller]
fn has(record: &BTreeMap<String, String>, expected: &[(&str, &str)]) {
    for (name, value) in expected {
        assert_eq!(record.get(*name).map(String::as_str), Some(*value), "{name} of {record:?}");
    }
}

fn line(body: &str) -> String {
    let mut out = br#"{"_msg":"#.to_vec();
    crate::json::writer::write_string(&mut out, body.as_bytes());
    out.push(b'}');
    String::from_utf8(out).unwrap()
}

#[test]
fn json_is_flattened_and_typed() {
    let found = one(
        r#"{"type":"parse_json","options":{"prefix":"p.","remove_source":true}}"#,
        &line(r#" {"a":{"b":1,"c":"x\n"},"d":[1,{"e":null}],"f":1.5,"g":true,"h":null,"body":"inner"} "#),
    );
    has(
        &found,
        &[
            ("attributes.p.a.b", "1"),
            ("attributes.p.a.c", r#""x\n""#),
            ("attributes.p.d", r#"[1,{"e":null}]"#),
            ("attributes.p.f", "1.5"),
            ("attributes.p.g", "true"),
            ("attributes.p.body", r#""inner""#),
        ],
    );
    assert!(!found.contains_key("body") && !found.contains_key("attributes.p.h"));
    let kept =
        one(r#"{"type":"parse_json","options":{"overwrite":false}}"#, r#"{"_msg":"{\"k\":1,\"l\":2}","k":"old"}"#);
    has(&kept, &[("attributes.k", r#""old""#), ("attributes.l", "2")]);
}

#[test]
fn a_text_that_does_not_parse_leaves_no_trace() {
    for text in ["no json", "[1]", r#"{"a":1"#, r#"{"a":1} x"#, r#"{"a":"#, r#"{"a":1,}"#] {
        let pipelines = steps(r#"{"type":"parse_json"}"#);
        let batch = decode(&line(text));
        let processed = pipelines.run(batch.clone(), &context(NOW, 1));
        assert_eq!(record(&processed.batch, 0), record(&batch, 0));
        assert_eq!((processed.counts[0].failed, processed.counts[0].records_out), (1, 1), "{text}");
        let tagged = one(r#"{"type":"parse_json","options":{"on_failure":"tag"}}"#, &line(text));
        assert!(tagged["attributes.nexus.pipeline_error"].starts_with(r#""parse_json: "#), "{tagged:?}");
        let dropped = steps(r#"{"type":"parse_json","options":{"on_failure":"drop"}}"#).run(batch, &context(NOW, 1));
        assert_eq!((dropped.batch.num_rows(), &dropped.counts[0].dropped[..]), (0, &[("failed", 1)][..]));
    }
}

#[test]
fn logfmt_and_pairs() {
    let found = one(
        r#"{"type":"parse_logfmt"}"#,
        &line(r#"at=info msg="said \"hi\"" n=5 f=0.5 ok=true flag empty= path=/x?a=b"#),
    );
    has(
        &found,
        &[
            ("attributes.at", r#""info""#),
            ("attributes.msg", r#""said \"hi\"""#),
            ("attributes.n", "5"),
            ("attributes.f", "0.5"),
            ("attributes.ok", "true"),
            ("attributes.flag", "true"),
            ("attributes.empty", r#""""#),
            ("attributes.path", r#""/x?a=b""#),
        ],
    );
    let found = one(
        r#"{"type":"parse_key_value","options":{"pair_separator":";","key_value_separator":":","convert":false}}"#,
        &line(r"a: 1; b: 'two' ;c;d:"),
    );
    has(&found, &[("attributes.a", r#""1""#), ("attributes.b", r#""two""#), ("attributes.d", r#""""#)]);
    assert!(!found.contains_key("attributes.c"));
}

#[test]
fn expressions_write_fields_of_every_kind() {
    let found = one(
        r#"{"type":"parse_regex","options":{"pattern":"^(?P<severity>\\w+) \\[(?P<service>[^\\]]+)\\] (?P<took>\\d+)ms (?P<resource.zone>\\S+) (?P<body>.*)$","types":{"took":"int"}}}"#,
        &line("WARN [cart] 15ms eu-1 the rest é"),
    );
    has(
        &found,
        &[
            ("severity", r#""warn""#),
            ("service", r#""cart""#),
            ("attributes.took", "15"),
            ("resource.zone", r#""eu-1""#),
            ("resource.service.name", r#""cart""#),
            ("body", r#""the rest é""#),
        ],
    );
    let found = one(
        r#"{"type":"parse_grok","options":{"patterns":["%{NOPENOTHERE:x}","%{COMBINEDAPACHELOG}"],"definitions":{"NOPENOTHERE":"zzz"}}}"#,
        &line(
            r#"127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /a.gif HTTP/1.0" 200 2326 "http://x/" "Mozilla/4""#,
        ),
    );
    has(
        &found,
        &[
            ("attributes.client.address", r#""127.0.0.1""#),
            ("attributes.http.request.method", r#""GET""#),
            ("attributes.http.response.status_code", "200"),
            ("attributes.http.response.body.size", "2326"),
            ("attributes.user_agent.original", r#""Mozilla/4""#),
            ("attributes.http.time", r#""10/Oct/2000:13:55:36 -0700""#),
        ],
    );
}

#[test]
fn times_and_severities() {
    let found = one(
        r#"{"type":"parse_timestamp","options":{"field":"t","formats":["%d/%b/%Y:%H:%M:%S %z"],"remove_source":true}},
           {"type":"parse_severity","options":{"field":"lvl","words":{"bad":"error"},"remove_source":true}}"#,
        r#"{"_msg":"x","t":"10/Oct/2000:13:55:36 -0700","lvl":"BAD"}"#,
    );
    has(&found, &[("timestamp", r#""971211336000000000""#), ("severity", r#""error""#), ("severity_number", "17")]);
    assert!(!found.contains_key("attributes.t") && !found.contains_key("attributes.lvl"));
    let found = one(
        r#"{"type":"parse_timestamp","options":{"field":"t","timezone":"+02:00"}},
           {"type":"parse_severity","options":{"field":"p","numbers":"syslog"}}"#,
        r#"{"_msg":"x","t":"2026-06-01T12:00:00","p":3}"#,
    );
    has(&found, &[("timestamp", r#""1780308000000000000""#), ("severity_number", "17")]);
}

#[test]
fn fields_are_renamed_set_and_dropped() {
    let found = one(
        r#"{"type":"rename","options":{"fields":{"msg":"body","n":"count","gone":"x"}}},
           {"type":"set","options":{"fields":{"text":"${count} of ${service}!","copy":"${count}","env":"prod","k":false,"resource.zone":"z"}}},
           {"type":"set","options":{"fields":{"env":"test","new":1.5},"overwrite":false}},
           {"type":"drop","options":{"fields":["count","host.name"]}}"#,
        r#"{"_msg":"old","msg":"new","n":7,"service":"cart","host.name":"h1"}"#,
    );
    has(
        &found,
        &[
            ("body", r#""new""#),
            ("attributes.text", r#""7 of cart!""#),
            ("attributes.copy", "7"),
            ("attributes.env", r#""prod""#),
            ("attributes.k", "false"),
            ("attributes.new", "1.5"),
            ("resource.zone", r#""z""#),
        ],
    );
    for gone in ["attributes.count", "attributes.n", "attributes.msg", "resource.host.name"] {
        assert!(!found.contains_key(gone), "{gone}");
    }
    let found = one(
        r#"{"type":"keep","options":{"attributes":["a","b.*"]}}"#,
        r#"{"_msg":"x","a":1,"b.c":"y","d":true,"e":[1]}"#,
    );
    let attributes: Vec<_> = found.keys().filter(|name| name.starts_with("attributes.")).collect();
    assert_eq!(attributes, ["attributes.a", "attributes.b.c"]);
}

#[test]
fn lines_of_one_stream_are_joined_and_order_stays() {
    let lines = [
        (r#"{"_msg":"E first","service":"a"}"#),
        (r#"{"_msg":"  at x","service":"a"}"#),
        (r#"{"_msg":"E other","service":"b"}"#),
        (r#"{"_msg":"  at y","service":"a"}"#),
        (r#"{"_msg":"  at z","service":"b"}"#),
        (r#"{"_msg":"E last","service":"a"}"#),
    ]
    .join("\n");
    for options in [r#"{"start":"^E "}"#, r#"{"continue":"^\\s"}"#] {
        let processed =
            steps(&format!(r#"{{"type":"multiline","options":{options}}}"#)).run(decode(&lines), &context(NOW, 1));
        assert_eq!(bodies(&processed.batch), ["E first\n  at x\n  at y", "E other\n  at z", "E last"]);
        assert_eq!(processed.counts[0].dropped, [("joined", 3)]);
    }
    let limited =
        steps(r#"{"type":"multiline","options":{"start":"^E ","max_lines":2}}"#).run(decode(&lines), &context(NOW, 1));
    assert_eq!(bodies(&limited.batch), ["E first\n  at x", "E other\n  at z", "  at y", "E last"]);
}

#[test]
fn samples_depend_on_the_field_alone() {
    let lines = repeated(0..2000, |n| format!("{{\"_msg\":\"m\",\"user\":\"u{}\"}}\n", n % 1000));
    let pipelines = steps(r#"{"type":"sample","options":{"ratio":0.25,"field":"user"}}"#);
    let processed = pipelines.run(decode(&lines), &context(NOW, 1));
    let kept = processed.batch.num_rows();
    assert!(kept.is_multiple_of(2) && (400..600).contains(&kept), "{kept}");
    assert_eq!(processed.counts[0].dropped, [("sampled", 2000 - kept as u64)]);
    let again = pipelines.run(decode(&lines), &Context { seed: 99, ..context(NOW, 2) });
    assert_eq!(again.batch.num_rows(), kept);
    let random = |seed| {
        let pipelines = steps(r#"{"type":"sample","options":{"ratio":0.5,"field":""}}"#);
        pipelines.run(decode(&lines), &Context { seed, ..context(NOW, 1) }).batch.num_rows()
    };
    assert_eq!(random(1), random(1));
    assert!((900..1100).contains(&random(1)));
    for (ratio, kept) in [("0", 0), ("1", 2000)] {
        let all = steps(&format!(r#"{{"type":"sample","options":{{"ratio":{ratio},"field":"user"}}}}"#));
        assert_eq!(all.run(decode(&lines), &context(NOW, 1)).batch.num_rows(), kept);
    }
}

#[test]
fn a_throttle_lets_through_its_rate_and_gives_back_what_was_not_stored() {
    let lines = "{\"_msg\":\"a\",\"service\":\"x\"}\n".repeat(10) + &"{\"_msg\":\"a\",\"service\":\"y\"}\n".repeat(3);
    let pipelines = steps(r#"{"type":"throttle","options":{"rate":2,"burst":4,"keys":["service"]}}"#);
    let run = |now: i64, stored: bool| {
        let mut processed = pipelines.run(decode(&lines), &context(now, 1));
        processed.settle(stored);
        processed.batch.num_rows()
    };
    assert_eq!(run(NOW, false), 4 + 3);
    assert_eq!(run(NOW, true), 4 + 3);
    assert_eq!(run(NOW, true), 1);
    assert_eq!(run(NOW + 1_000_000_000, true), 2 + 2);
    assert_eq!(run(NOW + 3_600_000_000_000, true), 4 + 3);
    // Beyond the cap keys share a bucket.
    let pipelines = steps(r#"{"type":"throttle","options":{"rate":1,"keys":["k"],"max_keys":2}}"#);
    let many = repeated(0..10, |n| format!("{{\"_msg\":\"a\",\"k\":{n}}}\n"));
    assert_eq!(pipelines.run(decode(&many), &context(NOW, 1)).batch.num_rows(), 3);
}

#[test]
fn duplicates_go_and_are_counted_on_the_next() {
    let pipelines = steps(r#"{"type":"dedupe","options":{"window":10,"keys":["body"]}}"#);
    let lines = format!("{0}\n{0}\n{1}\n{0}\n", line("again"), line("once"));
    let mut first = pipelines.run(decode(&lines), &context(NOW, 1));
    assert_eq!(bodies(&first.batch), ["again", "once"]);
    assert_eq!(first.counts[0].dropped, [("duplicate", 2)]);
    // Under way: others pass.
    let mut other = pipelines.run(decode(&line("again")), &context(NOW, 2));
    assert_eq!(other.batch.num_rows(), 1);
    other.settle(true);
    first.settle(true);
    let mut second = pipelines.run(decode(&line("again")), &context(NOW + 9_000_000_000, 3));
    assert_eq!(second.batch.num_rows(), 0);
    second.settle(true);
    let third = pipelines.run(decode(&line("again")), &context(NOW + 11_000_000_000, 4));
    has(&record(&third.batch, 0), &[("attributes.dedupe.count", "3")]);
}

#[test]
fn what_was_not_stored_is_no_duplicate() {
    let pipelines = steps(r#"{"type":"dedupe","options":{"keys":["body"],"max_keys":1}}"#);
    let lines = format!("{0}\n{0}\n", line("again"));
    for _ in 0..3 {
        let mut failed = pipelines.run(decode(&lines), &context(NOW, 1));
        assert_eq!(failed.batch.num_rows(), 1);
        failed.settle(false);
    }
    pipelines.run(decode(&lines), &context(NOW, 1)).settle(true);
    assert_eq!(pipelines.run(decode(&lines), &context(NOW, 2)).batch.num_rows(), 0);
    // No room to remember more: they pass.
    assert_eq!(pipelines.run(decode(&line("other")), &context(NOW, 3)).batch.num_rows(), 1);
}

#[test]
fn states_survive_a_reload_of_the_same_step_only() {
    let spec = |rate: u32, extra: &str| {
        format!(r#"[{{"name":"p","steps":[{{"type":"throttle","options":{{"rate":{rate},"burst":3}}}}{extra}]}}]"#)
    };
    let lines = "{\"_msg\":\"a\"}\n".repeat(3);
    let first = Pipelines::compile(spec(1, "").as_bytes(), None).unwrap();
    assert_eq!(first.run(decode(&lines), &context(NOW, 1)).batch.num_rows(), 3);
    let more = r#",{"type":"set","options":{"fields":{"a":1}}}"#;
    let same = Pipelines::compile(spec(1, more).as_bytes(), Some(&first)).unwrap();
    assert_eq!(same.run(decode(&lines), &context(NOW, 2)).batch.num_rows(), 0);
    assert_eq!(first.fork(None).run(decode(&lines), &context(NOW, 3)).batch.num_rows(), 3);
    assert_eq!(first.fork(Some(&same)).run(decode(&lines), &context(NOW, 3)).batch.num_rows(), 0);
    let other = Pipelines::compile(spec(2, "").as_bytes(), Some(&first)).unwrap();
    assert_eq!(other.run(decode(&lines), &context(NOW, 4)).batch.num_rows(), 3);
}

#[test]
fn routed_records_leave_at_once() {
    let processed = steps(
        r#"{"type":"route","options":{"retention":"short"}},{"type":"sample","options":{"ratio":0,"field":"drop"}},
           {"type":"route","options":{"tenant":"audit"}},{"type":"set","options":{"fields":{"late":1}}}"#,
    )
    .run(decode(&[r#"{"_msg":"a"}"#, r#"{"_msg":"b"}"#].join("\n")), &context(NOW, 1));
    assert_eq!(processed.batch.num_rows(), 0);
    assert!(processed.routed.is_empty());
    let processed = steps(r#"{"type":"route","options":{"tenant":"audit","retention":"long"}},{"type":"set","options":{"fields":{"late":1}}}"#)
        .run(decode(&[r#"{"_msg":"a"}"#, r#"{"_msg":"b"}"#].join("\n")), &context(NOW, 1));
    assert_eq!((processed.batch.num_rows(), processed.routed.len()), (0, 1));
    let (tenant, batch) = &processed.routed[0];
    assert_eq!((tenant.as_str(), bodies(batch)), ("audit", vec!["a", "b"]));
    has(&record(batch, 0), &[("attributes.nexus.retention", r#""long""#)]);
    assert!(!record(batch, 0).contains_key("attributes.late"));
    assert_eq!(
        (processed.counts[0].routed, processed.counts[0].records_out, processed.counts[1].records_in),
        (2, 0, 0)
    );
}

#[test]
fn redaction_reaches_every_place() {
    let pipelines = steps(r#"{"type":"redact"}"#);
    let text = r#"{"_msg":"card 4111111111111111","service":"x@example.com","n":4111111111111111,"t":"mail a@example.com","j":["a@example.com"],"password":"hunter2","host.name":"b@example.com","ok":"fine"}"#;
    let batch = pipelines.run(decode(text), &context(NOW, 1)).batch;
    has(
        &record(&batch, 0),
        &[
            ("body", r#""card [card]""#),
            ("service", r#""[email]""#),
            ("attributes.n", r#""[card]""#),
            ("attributes.t", r#""mail [email]""#),
            ("attributes.j", r#"["[email]"]"#),
            ("attributes.password", r#""[secret]""#),
            ("resource.host.name", r#""[email]""#),
            ("resource.service.name", r#""[email]""#),
            ("attributes.ok", r#""fine""#),
        ],
    );
    let fields =
        steps(r#"{"type":"redact","options":{"fields":["t"],"detect":["email"]}}"#).run(decode(text), &context(NOW, 1));
    has(&record(&fields.batch, 0), &[("attributes.t", r#""mail [email]""#), ("attributes.password", r#""hunter2""#)]);
}

#[test]
fn metrics_are_derived_when_stored() {
    let lines = repeated(0..10, |n| format!("{{\"_msg\":\"m\",\"took\":{n},\"path\":\"/{}\"}}\n", n % 5));
    let pipelines = steps(
        r#"{"type":"derive_metrics","options":{"name":"requests","labels":{"path":"path"},"max_series":3}},
           {"type":"derive_metrics","options":{"name":"took","kind":"histogram","field":"took","buckets":[1,5]}}"#,
    );
    let mut processed = pipelines.run(decode(&lines), &context(NOW, 1));
    assert_eq!(processed.batch.num_rows(), 10);
    let derived = processed.settle(true);
    let counts: Vec<_> = derived[0].series.iter().map(|one| (one.labels[0].1.as_str(), one.sum)).collect();
    assert_eq!(counts, [("/0", 2.0), ("/1", 2.0), ("/2", 2.0), ("other", 4.0)]);
    assert_eq!((derived[1].series[0].buckets.clone(), derived[1].series[0].sum), (vec![2, 4, 4], 45.0));
    assert!(pipelines.run(decode(&lines), &context(NOW, 1)).settle(false).is_empty());
}

#[test]
fn records_that_do_not_match_pass_by_in_order() {
    let lines = repeated(0..100, |n| format!("{{\"_msg\":\"m{n} {}\"}}\n", if n % 3 == 0 { "hit" } else { "miss" }));
    let spec = format!(
        r#"[{{"name":"p","when":"{0}","steps":[{{"type":"set","options":{{"fields":{{"a":1}}}}}},
            {{"type":"sample","options":{{"ratio":0.5,"field":"body"}}}}]}},
           {{"name":"q","steps":[{{"type":"set","when":"{0}","options":{{"fields":{{"b":1}}}}}}]}}]"#,
        hit()
    );
    let pipelines = Pipelines::compile(spec.as_bytes(), None).unwrap();
    let processed = pipelines.run(decode(&lines), &context(NOW, 1));
    let numbers: Vec<usize> =
        bodies(&processed.batch).iter().map(|body| body[1..].split(' ').next().unwrap().parse().unwrap()).collect();
    assert!(numbers.is_sorted());
    for (row, body) in bodies(&processed.batch).iter().enumerate() {
        let found = record(&processed.batch, row);
        for name in ["attributes.a", "attributes.b"] {
            assert_eq!(found.contains_key(name), body.ends_with("hit"), "{body}");
        }
    }
    for count in &processed.counts {
        let dropped: u64 = count.dropped.iter().map(|(_, number)| number).sum();
        assert_eq!(count.records_in, count.records_out + count.routed + dropped);
    }
    assert_eq!(processed.counts[0].records_in, 34);
    assert_eq!(100 - processed.batch.num_rows() as u64, processed.counts[1].dropped[0].1);
    assert_eq!(numbers.iter().filter(|number| *number % 3 != 0).count(), 66);
}

#[test]
fn a_trace_says_what_each_step_did() {
    let pipelines = steps(
        r#"{"type":"parse_json","options":{"on_failure":"tag"}},{"type":"drop","options":{"fields":["b"]}},
           {"type":"throttle","options":{"rate":1,"burst":2}},{"type":"route","options":{"tenant":"t"}}"#,
    );
    let lines = [line(r#"{"a":1,"b":2}"#), line("no"), line(r#"{"a":2}"#)].join("\n");
    let traced = pipelines.trace(decode(&lines), &context(NOW, 1));
    let found: Vec<_> = traced.changes.iter().map(|change| (change.row, change.step, change.outcome.name())).collect();
    assert_eq!(
        found,
        [
            (0, 0, "changed"),
            (1, 0, "failed"),
            (2, 0, "changed"),
            (0, 1, "changed"),
            (2, 2, "dropped"),
            (0, 3, "routed"),
            (1, 3, "routed")
        ]
    );
    assert_eq!(traced.changes[0].fields[0], ("attributes.a".to_owned(), None, Some(b"1".to_vec())));
    assert_eq!(traced.changes[3].fields, [("attributes.b".to_owned(), Some(b"2".to_vec()), None)]);
    assert_eq!(traced.changes[1].message, "the text is not a JSON object");
    assert_eq!(traced.changes[4].message, "throttled");
    assert_eq!((traced.origins.len(), &traced.routed_origins[..]), (0, &[vec![0, 1]][..]));
}

#[test]
fn errors_name_the_place() {
    for (spec, message) in [
        (r"{}", "pipelines are a list"),
        (
            r#"[{"name":"p","steps":[{"type":"nope"}]}]"#,
            "pipeline `p`, step 1: `type` is \"nope\", which is no processor",
        ),
        (
            r#"[{"name":"p","steps":[{"type":"set","options":{"fields":{"a":1}}},{"type":"sample"}]}]"#,
            "pipeline `p`, step 2: `ratio` is missing",
        ),
        (
            r#"[{"name":"p","steps":[{"type":"sample","options":{"ratio":2}}]}]"#,
            "pipeline `p`, step 1: `ratio` must lie between 0 and 1",
        ),
        (
            r#"[{"name":"p","steps":[{"type":"sample","options":{"ratio":1,"rate":2}}]}]"#,
            "pipeline `p`, step 1: `rate` is not an option here: there are field, on_failure, ratio",
        ),
        (
            r#"[{"name":"p","steps":[{"type":"parse_regex","options":{"pattern":"(?P<a>"}}]}]"#,
            "pipeline `p`, step 1: `pattern` is no expression: unclosed group",
        ),
    ] {
        assert_eq!(Pipelines::compile(spec.as_bytes(), None).unwrap_err().to_string(), message);
    }
    let disabled = r#"[{"name":"p","steps":[{"type":"nope","enabled":false}]},{"name":"q","enabled":false,"steps":[{"type":"x"}]}]"#;
    assert!(Pipelines::compile(disabled.as_bytes(), None).unwrap().is_empty());
}

/// The texts of some numbers, one after another.
fn repeated(numbers: std::ops::Range<usize>, text: impl Fn(usize) -> String) -> String {
    numbers.fold(String::new(), |whole, number| whole + &text(number))
}

/// The encoded predicate of the word `hit`, within a JSON string.
fn hit() -> &'static str {
    r#"[\"word\",\"hit\"]"#
}
