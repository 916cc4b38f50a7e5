use super::{Limits, Program, SetMatch, SpansetError, Told, TraceMatch, evaluate, matching};

/// A span: id, parent, start, leaves, values, keys.
type Span<'a> = (u64, u64, i64, u64, &'a [Option<f64>], &'a [Option<&'a str>]);

const LIMITS: Limits = Limits { traces: 100, spans: 10, sets: 100, newest_first: true };

fn rows(trace: u8, spans: &[Span<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    for &(id, parent, start, leaves, values, keys) in spans {
        out.extend_from_slice(&[trace; 16]);
        out.extend_from_slice(&id.to_be_bytes());
        out.extend_from_slice(&parent.to_be_bytes());
        out.extend_from_slice(&start.to_le_bytes());
        out.extend_from_slice(&7_u64.to_le_bytes());
        out.extend_from_slice(&leaves.to_le_bytes());
        out.push(values.len() as u8);
        for value in values {
            out.push(u8::from(value.is_none()));
            out.extend(value.iter().flat_map(|value| value.to_le_bytes()));
        }
        out.push(keys.len() as u8);
        for key in keys {
            out.push(u8::from(key.is_none()));
            if let Some(key) = key {
                out.push(key.len() as u8);
                out.extend_from_slice(key.as_bytes());
            }
        }
    }
    out
}

fn program(text: &str) -> Program {
    Program::parse(text.as_bytes()).unwrap()
}

/// Ids of matching spans.
fn ids(spans: &[Span<'_>], text: &str) -> Vec<u64> {
    let found = matching(&rows(1, spans), &program(text)).unwrap();
    found.chunks_exact(24).map(|chunk| u64::from_be_bytes(*chunk[16..].first_chunk().unwrap())).collect()
}

fn set(op: &str) -> String {
    format!(r#"["program",0,0,false,["set","{op}",["leaf",0],["leaf",1]]]"#)
}

/// 1 over 2 and 3, 2 over 4, 4 over 5; leaf 0: 1, 2; leaf 1: 2 to 5; 6 is another root with leaf 1.
const TREE: &[Span<'static>] = &[
    (5, 4, 50, 2, &[], &[]),
    (1, 0, 10, 1, &[], &[]),
    (2, 1, 20, 3, &[], &[]),
    (3, 1, 30, 2, &[], &[]),
    (4, 2, 40, 2, &[], &[]),
    (6, 0, 60, 2, &[], &[]),
];

#[test]
fn structural_operators() {
    for (op, wanted) in [
        (">", vec![2, 3, 4]),
        (">>", vec![5, 2, 3, 4]),
        ("~", vec![3]),
        ("!>", vec![5, 6]),
        ("!>>", vec![6]),
        ("!~", vec![5, 2, 4, 6]),
        ("&>", vec![1, 2, 3, 4]),
        ("&>>", vec![5, 1, 2, 3, 4]),
        ("&~", vec![2, 3]),
        ("&&", vec![5, 1, 2, 3, 4, 6]),
        ("||", vec![5, 1, 2, 3, 4, 6]),
    ] {
        assert_eq!(ids(TREE, &set(op)), wanted, "{op}");
    }
    let turned = |op: &str| format!(r#"["program",0,0,false,["set","{op}",["leaf",1],["leaf",0]]]"#);
    assert_eq!(ids(TREE, &turned("<")), [1, 2]);
    assert_eq!(ids(TREE, &turned("<<")), [1, 2]);
    assert_eq!(ids(TREE, &turned("!<")), [0; 0]);
    assert_eq!(ids(TREE, &turned("&<")), [1, 2, 3, 4]);
    assert_eq!(ids(TREE, &turned("&<<")), [5, 1, 2, 3, 4]);
}

#[test]
fn broken_traces() {
    // 9 is not stored: its children are siblings. 7 and 8 are each other's parent, and 7 is earlier. 4 names itself.
    let spans: &[Span<'_>] = &[
        (1, 9, 1, 1, &[], &[]),
        (2, 9, 2, 2, &[], &[]),
        (7, 8, 3, 3, &[], &[]),
        (8, 7, 4, 3, &[], &[]),
        (4, 4, 5, 3, &[], &[]),
    ];
    assert_eq!(ids(spans, &set("~")), [2]);
    assert_eq!(ids(spans, &set(">")), [8]);
    assert_eq!(ids(spans, &set(">>")), [8]);
    // Two spans with one id are both parents of those that name it.
    let spans: &[Span<'_>] =
        &[(1, 0, 1, 1, &[], &[]), (2, 1, 2, 0, &[], &[]), (2, 1, 3, 4, &[], &[]), (3, 2, 4, 2, &[], &[])];
    assert_eq!(ids(spans, r#"["program",0,0,false,["set",">",["leaf",2],["leaf",1]]]"#), [3]);
    assert_eq!(ids(spans, &set(">>")), [3]);
}

#[test]
fn parents_in_conditions() {
    let of = |absent: bool| format!(r#"["program",0,0,false,["where",["and",["leaf",1],["parent",0,{absent}]]]]"#);
    assert_eq!(ids(TREE, &of(false)), [2, 3, 4]);
    assert_eq!(ids(TREE, &of(true)), [2, 3, 4, 6]);
}

#[test]
fn groups_and_aggregates() {
    let spans: &[Span<'_>] = &[
        (1, 0, 3, 1, &[Some(5.0)], &[Some("sa")]),
        (2, 1, 2, 1, &[None], &[Some("sa")]),
        (3, 1, 1, 1, &[Some(1.0)], &[None]),
        (4, 1, 4, 0, &[Some(100.0)], &[Some("sa")]),
    ];
    let by = r#"["program",1,1,false,["pipeline",["leaf",0],["by",0,0],["scalar",">=",["avg",0,1],["number",0]]]]"#;
    let found = evaluate(&rows(1, spans), &program(by), LIMITS).unwrap();
    let span_ids = |ids: &[u64]| ids.iter().flat_map(|id| id.to_be_bytes()).collect::<Vec<u8>>();
    let set = |ids: &[u64], key: Option<&str>, number| SetMatch {
        matched: ids.len(),
        span_ids: span_ids(ids),
        numbering: Vec::new(),
        told: vec![(0, Told::Key(key.map(|key| key.as_bytes().to_vec()))), (1, Told::Number(number))],
    };
    let sets = vec![set(&[2, 1], Some("sa"), 5.0), set(&[3], None, 1.0)];
    assert_eq!(found, [TraceMatch { trace_id: [1; 16], newest: 3, total_sets: 2, sets }]);
    let one = r#"["program",1,1,false,["pipeline",["leaf",0],["by",0,0],["coalesce"],["scalar","=",["+",["count",1],["number",1]],["number",4]]]]"#;
    let found = evaluate(&rows(1, spans), &program(one), LIMITS).unwrap();
    assert_eq!(found[0].sets[0].matched, 3);
    assert_eq!(found[0].sets[0].told, [(1, Told::Number(3.0))]);
}

#[test]
fn limits_keep_the_newest_traces_and_the_first_spans() {
    let mut bytes = Vec::new();
    for trace in 1..=200 {
        let spans: Vec<Span<'_>> =
            (1..=5).map(|id| (id, 0, i64::from(trace) * 10 - id as i64, 1, &[][..], &[][..])).collect();
        bytes.extend(rows(trace, &spans));
    }
    let limits = Limits { traces: 3, spans: 2, ..LIMITS };
    let found = evaluate(&bytes, &Program::parse(b"").unwrap(), limits).unwrap();
    assert_eq!(found.iter().map(|hit| hit.trace_id[0]).collect::<Vec<_>>(), [200, 199, 198]);
    assert_eq!(found[0].sets[0].matched, 5);
    assert_eq!(found[0].sets[0].span_ids, [0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 4]);
    let found = evaluate(&bytes, &Program::parse(b"").unwrap(), Limits { newest_first: false, ..limits }).unwrap();
    assert_eq!(found.iter().map(|hit| hit.trace_id[0]).collect::<Vec<_>>(), [1, 2, 3]);
}

#[test]
fn nested_sets() {
    let text = r#"["program",0,0,true,["leaf",1]]"#;
    let found = evaluate(&rows(1, TREE), &program(text), LIMITS).unwrap();
    let numbers: Vec<i32> = found[0].sets[0]
        .numbering
        .chunks_exact(4)
        .map(|bytes| i32::from_le_bytes(*bytes.first_chunk().unwrap()))
        .collect();
    // By start: 2, 3, 4, 5, 6.
    assert_eq!(numbers, [1, 2, 7, 1, 8, 9, 2, 3, 6, 3, 4, 5, -1, 11, 12]);
}

#[test]
fn what_is_not_understood() {
    for (text, wanted) in [
        (&b"[1]"[..], "expected a text"),
        (br#"["program",0,0,false]"#, "too few parts"),
        (br#"["program",0,0,false,["leaf",64]]"#, "out of range"),
        (br#"["program",0,0,false,["by",0,0]]"#, "out of range"),
        (br#"["program",0,0,false,["leaf",0,1]]"#, "too many parts"),
        (br#"["program",0,0,false,["set","?",["leaf",0],["leaf",0]]]"#, "unknown operator"),
        (br#"["program",0,0,false,["leaf",0]] 1"#, "more than one program"),
    ] {
        let Err(SpansetError(message)) = Program::parse(text) else { panic!("accepted") };
        assert!(message.contains(wanted), "{message}");
    }
    let deep = format!(r#"["program",0,0,false,{}"#, r#"["pipeline","#.repeat(1000));
    assert!(Program::parse(deep.as_bytes()).is_err());
    let whole = rows(1, TREE);
    let any = Program::parse(b"").unwrap();
    for end in 1..whole.len() {
        if end % 58 != 0 {
            assert!(evaluate(&whole[..end], &any, LIMITS).is_err(), "{end}");
        }
    }
    assert!(evaluate(&whole, &program(r#"["program",1,0,false,["leaf",0]]"#), LIMITS).is_err());
}

#[test]
fn a_trace_of_200_000_spans() {
    // A chain, which is the worst that recursion could meet.
    let spans: Vec<Span<'_>> =
        (1..=200_000_u64).map(|id| (id, id - 1, id as i64, 1 + 2 * (id % 2), &[][..], &[][..])).collect();
    let bytes = rows(1, &spans);
    let begin = std::time::Instant::now();
    let found = evaluate(&bytes, &program(&set(">>")), LIMITS).unwrap();
    assert_eq!(found[0].sets[0].matched, 99_999);
    println!("{:?}", begin.elapsed());
}
