//! Grok patterns: names for expressions that logs are made of, and their expansion.
//!
//! The library is our own; its names mean what people expect of them. Expressions are written for a matcher without
//! look-around.

use std::fmt::Write as _;

/// Expansions within expansions.
const MAX_DEPTH: usize = 20;
/// Bytes of an expanded expression.
const MAX_EXPANDED: usize = 64 << 10;

/// Name, expression.
pub const LIBRARY: &[(&str, &str)] = &[
    ("WORD", r"\b\w+\b"),
    ("NOTSPACE", r"\S+"),
    ("SPACE", r"\s*"),
    ("DATA", r".*?"),
    ("GREEDYDATA", r".*"),
    ("QUOTEDSTRING", r#"(?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')"#),
    ("QS", r"%{QUOTEDSTRING}"),
    ("INT", r"[+-]?\d+"),
    ("POSINT", r"[1-9]\d*"),
    ("NONNEGINT", r"\d+"),
    ("NUMBER", r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"),
    ("BASE10NUM", r"%{NUMBER}"),
    ("BASE16NUM", r"(?:0[xX])?[0-9a-fA-F]+"),
    ("BOOLEAN", r"(?i:true|false)"),
    ("UUID", r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"),
    ("MAC", r"[0-9a-fA-F]{2}(?:[:-][0-9a-fA-F]{2}){5}"),
    ("IPV4", r"(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)"),
    ("IPV6", r"(?:[0-9a-fA-F]{0,4}:){2,7}(?:%{IPV4}|[0-9a-fA-F]{0,4})(?:%\w+)?"),
    ("IP", r"(?:%{IPV6}|%{IPV4})"),
    ("HOSTNAME", r"[0-9A-Za-z](?:[0-9A-Za-z_-]{0,62})(?:\.[0-9A-Za-z_-]{1,63})*\.?"),
    ("IPORHOST", r"(?:%{IP}|%{HOSTNAME})"),
    ("HOSTPORT", r"%{IPORHOST}:%{POSINT}"),
    ("USERNAME", r"[a-zA-Z0-9._-]+"),
    ("USER", r"%{USERNAME}"),
    ("EMAILADDRESS", r"[0-9A-Za-z._%+-]+@[0-9A-Za-z.-]+\.[A-Za-z]{2,}"),
    ("UNIXPATH", r"(?:/[^/\s]*)+"),
    ("WINPATH", r"(?:[A-Za-z]:|\\)(?:\\[^\\?*\s]*)+"),
    ("PATH", r"(?:%{UNIXPATH}|%{WINPATH})"),
    ("URIPROTO", r"[A-Za-z][A-Za-z0-9+.-]*"),
    ("URIHOST", r"%{IPORHOST}(?::%{POSINT})?"),
    ("URIPATH", r"(?:/[^\s?#]*)+"),
    ("URIPARAM", r"\?[^\s#]*"),
    ("URIPATHPARAM", r"%{URIPATH}(?:%{URIPARAM})?"),
    ("URI", r"%{URIPROTO}://(?:%{USER}(?::[^@\s]*)?@)?(?:%{URIHOST})?(?:%{URIPATHPARAM})?"),
    ("YEAR", r"\d{4}"),
    (
        "MONTH",
        r"(?i:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sep(?:tember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)",
    ),
    ("MONTHNUM", r"(?:0?[1-9]|1[0-2])"),
    ("MONTHDAY", r"(?:0[1-9]|[12]\d|3[01]|[1-9])"),
    ("DAY", r"(?i:mon(?:day)?|tue(?:sday)?|wed(?:nesday)?|thu(?:rsday)?|fri(?:day)?|sat(?:urday)?|sun(?:day)?)"),
    ("HOUR", r"(?:2[0-3]|[01]?\d)"),
    ("MINUTE", r"[0-5]\d"),
    ("SECOND", r"(?:[0-5]?\d|60)(?:[.,]\d+)?"),
    ("TIME", r"%{HOUR}:%{MINUTE}(?::%{SECOND})?"),
    ("ISO8601_TIMEZONE", r"(?:Z|[+-]%{HOUR}(?::?%{MINUTE})?)"),
    (
        "TIMESTAMP_ISO8601",
        r"%{YEAR}-%{MONTHNUM}-%{MONTHDAY}[T ]%{HOUR}:?%{MINUTE}(?::?%{SECOND})?(?:\s?%{ISO8601_TIMEZONE})?",
    ),
    ("DATE_US", r"%{MONTHNUM}[/-]%{MONTHDAY}[/-]%{YEAR}"),
    ("DATE_EU", r"%{MONTHDAY}[./-]%{MONTHNUM}[./-]%{YEAR}"),
    ("HTTPDATE", r"%{MONTHDAY}/%{MONTH}/%{YEAR}:%{TIME} [+-]\d{4}"),
    ("SYSLOGTIMESTAMP", r"%{MONTH} +%{MONTHDAY} %{TIME}"),
    ("PROG", r"[!-Z\\^-~]+"),
    ("SYSLOGPROG", r"%{PROG:process.name}(?:\[%{POSINT:process.pid:int}\])?"),
    ("SYSLOGHOST", r"%{IPORHOST}"),
    (
        "SYSLOGLINE",
        r"%{SYSLOGTIMESTAMP:syslog.time} %{SYSLOGHOST:attributes.host.name} %{SYSLOGPROG}: %{GREEDYDATA:body}",
    ),
    (
        "LOGLEVEL",
        r"(?i:trace|debug|info(?:rmation)?|notice|warn(?:ing)?|err(?:or)?|crit(?:ical)?|fatal|severe|alert|emerg(?:ency)?|panic)",
    ),
    ("HTTPMETHOD", r"(?:GET|HEAD|POST|PUT|DELETE|CONNECT|OPTIONS|TRACE|PATCH)"),
    ("JAVACLASS", r"(?:[a-zA-Z$_][a-zA-Z$_0-9]*\.)*[a-zA-Z$_][a-zA-Z$_0-9]*"),
    ("JAVAFILE", r"[A-Za-z$_0-9. -]+"),
    (
        "COMMONAPACHELOG",
        concat!(
            r"%{IPORHOST:client.address} %{NOTSPACE:http.ident} %{NOTSPACE:http.auth} \[%{HTTPDATE:http.time}\] ",
            r#""(?:%{WORD:http.request.method} %{NOTSPACE:url.path}(?: HTTP/%{NUMBER:http.version})?|%{DATA:http.raw_request})" "#,
            r"%{NUMBER:http.response.status_code:int} (?:%{NONNEGINT:http.response.body.size:int}|-)",
        ),
    ),
    ("COMBINEDAPACHELOG", r#"%{COMMONAPACHELOG} "%{DATA:http.referrer}" "%{DATA:user_agent.original}""#),
];

/// Expand a pattern into an expression with groups `grok_0`, `grok_1` ..., and say for each what name and type it has.
///
/// `%{NAME}` is a pattern, `%{NAME:field}` captures it, `%{NAME:field:type}` as int, float or bool. Definitions go before
/// the library. The error is a sentence without its subject.
pub fn expand(pattern: &str, definitions: &[(&str, &str)]) -> Result<(String, Vec<(String, String)>), String> {
    let mut out = String::new();
    let mut captures = Vec::new();
    expand_into(pattern, definitions, 0, &mut out, &mut captures)?;
    Ok((out, captures))
}

fn expand_into(
    pattern: &str,
    definitions: &[(&str, &str)],
    depth: usize,
    out: &mut String,
    captures: &mut Vec<(String, String)>,
) -> Result<(), String> {
    if depth > MAX_DEPTH {
        return Err("names patterns that contain one another".to_owned());
    }
    let mut rest = pattern;
    while let Some((before, tail)) = rest.split_once("%{") {
        out.push_str(before);
        let Some((reference, tail)) = tail.split_once('}') else {
            return Err(format!("has %{{ without }} at {tail:?}"));
        };
        rest = tail;
        let mut parts = reference.splitn(3, ':');
        let name = parts.next().unwrap_or_default();
        let (field, kind) = (parts.next().unwrap_or_default(), parts.next().unwrap_or("text"));
        let known = definitions.iter().chain(LIBRARY).find(|(known, _)| *known == name);
        let Some((_, inner)) = known else { return Err(format!("names the pattern {name:?}, which there is not")) };
        if field.is_empty() {
            out.push_str("(?:");
        } else {
            let _ = write!(out, "(?P<grok_{}>", captures.len());
            captures.push((field.to_owned(), kind.to_owned()));
        }
        expand_into(inner, definitions, depth + 1, out, captures)?;
        out.push(')');
        if out.len() > MAX_EXPANDED {
            return Err("becomes too long an expression".to_owned());
        }
    }
    out.push_str(rest);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use regex::Regex;

    #[test]
    fn every_pattern_of_the_library_compiles() {
        for (name, _) in LIBRARY {
            let (regex, _) = expand(&format!("^%{{{name}}}$"), &[]).unwrap();
            assert!(Regex::new(&regex).is_ok(), "{name}: {regex}");
        }
    }

    #[test]
    fn patterns_match_what_they_are_named_after() {
        for (name, text, matches) in [
            ("IP", "10.0.0.255", true),
            ("IP", "10.0.0.256", false),
            ("IP", "fe80::1", true),
            ("IP", "2001:db8::ff00:42:8329", true),
            ("NUMBER", "-1.5e3", true),
            ("NUMBER", "1.2.3", false),
            ("UUID", "123e4567-e89b-12d3-a456-426614174000", true),
            ("TIMESTAMP_ISO8601", "2026-06-01T12:00:00.123+02:00", true),
            ("TIMESTAMP_ISO8601", "2026-06-01 12:00:00,123", true),
            ("TIMESTAMP_ISO8601", "2026-13-01T12:00:00", false),
            ("SYSLOGTIMESTAMP", "Jun  1 12:00:00", true),
            ("HTTPDATE", "10/Oct/2000:13:55:36 -0700", true),
            ("LOGLEVEL", "WARNING", true),
            ("LOGLEVEL", "hello", false),
            ("URI", "https://user:x@example.com:8080/a/b?c=d", true),
            ("EMAILADDRESS", "a.b+c@example.org", true),
            ("QS", r#""a \" b""#, true),
            ("HOSTPORT", "example.com:443", true),
            ("JAVACLASS", "org.example.Main$Inner", true),
            ("MAC", "00:1b:44:11:3a:b7", true),
            ("PATH", "/var/log/x.log", true),
            ("PATH", r"C:\logs\x.log", true),
        ] {
            let (regex, _) = expand(&format!("^%{{{name}}}$"), &[]).unwrap();
            assert_eq!(Regex::new(&regex).unwrap().is_match(text), matches, "{name} {text}");
        }
    }

    #[test]
    fn definitions_go_first_and_circles_are_found() {
        let (regex, captures) = expand("%{ORDER:order.id:int} %{WORD}", &[("ORDER", "o-%{INT:n}")]).unwrap();
        assert_eq!(regex, r"(?P<grok_0>o-(?P<grok_1>[+-]?\d+)) (?:\b\w+\b)");
        assert_eq!(captures[0], ("order.id".to_owned(), "int".to_owned()));
        assert!(expand("%{A}", &[("A", "%{B}"), ("B", "%{A}")]).unwrap_err().contains("one another"));
        assert!(expand("%{NOPE}", &[]).unwrap_err().contains("NOPE"));
        assert!(expand("%{WORD", &[]).is_err());
        assert!(expand("%{A}", &[("A", &"%{B}%{B}".repeat(10)), ("B", &"x".repeat(9000))]).is_err());
    }
}
