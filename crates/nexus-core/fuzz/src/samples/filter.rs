//! Encoded predicates, each with records below it.

use super::HEAVY;

/// What predicates are made of.
pub const TOKENS: &[&[u8]] = &[
    b"[\"and\",",
    b"[\"or\",",
    b"[\"not\",",
    b"[\"all\"]",
    b"[\"word\",\"",
    b"[\"phrase\",\"",
    b"[\"compare\",\"",
    b"[\"wildcard\",\"",
    b"[\"regex\",\"",
    b"[\"exists\",\"",
    b"column\",\"body\"",
    b"column\",\"severity\"",
    b"column\",\"timestamp\"",
    b"column\",\"trace_id\"",
    b"attribute\",\"k\"",
    b"resource\",\"service.name\"",
    b"anywhere\",\"k\"",
    b"\\\\d",
    b"\\\\p{L}",
    b"[[:alpha:]]",
    b"(?i)",
    b"{2,5}",
    b"\\\\Q",
    b",null]",
    b",5]",
    b"\n",
];

const RECORDS: &str = r#"
{"_time":1780315200,"_msg":"took 5 ms, user42 payment failed","level":"warn","service":"a","k":"v","n":1,"f":0.5,"b":true,"j":[1],"trace_id":"0123456789abcdef0123456789ABCDEF"}
{"_time":"2026-06-02","_msg":"","severity_number":3,"app":"b","host":"h","k":5,"o":{"x":"\u0000"}}
{"_msg":"École -aa-aaa","k":"500"}
"#;

const PREDICATES: [&str; 13] = [
    r#"["all"]"#,
    r#"["word","payment"]"#,
    r#"["word","user42"]"#,
    r#"["phrase","-aa"]"#,
    r#"["and",["phrase","5 ms"],["not",["compare","column","severity","<","warn",null]]]"#,
    r#"["or",["compare","attribute","k",">=","5",5],["compare","resource","service.name","!=","a",null]]"#,
    r#"["compare","column","timestamp","<","1e18",1e18]"#,
    r#"["compare","column","trace_id","=","0123456789abcdef0123456789abcdef",null]"#,
    r#"["wildcard","column","body","","too","m",""]"#,
    r#"["wildcard","anywhere","k","5",""]"#,
    r#"["regex","column","body","(?i)[[:alpha:]\\d]+\\s{1,2}\\pL|\\Qa.b\\E\\x{e9}"]"#,
    r#"["regex","column","timestamp","^2026-(?P<m>\\d+)\\b"]"#,
    r#"["exists","attribute","j"]"#,
];

/// Every node over some records.
pub fn small() -> Vec<Vec<u8>> {
    PREDICATES.iter().map(|predicate| format!("{predicate}{RECORDS}").into_bytes()).collect()
}

/// Predicates that cost much over a long body.
pub fn heavy() -> Vec<Vec<u8>> {
    let almost = format!(r#"["phrase","{}-a"]"#, "-aa".repeat(2000));
    let words = format!(r#"["or"{}]"#, r#",["word","b1"]"#.repeat(30));
    let predicates =
        [&almost, &words, r#"["wildcard","column","body","a","a","a","b"]"#, r#"["regex","column","body","a.*-b"]"#];
    let body = "-aa".repeat(HEAVY / 3);
    predicates.iter().map(|predicate| format!("{predicate}\n{{\"_msg\":\"{body}\"}}").into_bytes()).collect()
}
