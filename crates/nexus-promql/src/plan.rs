//! The program: a checked PromQL expression in which nothing depends on the text any more but messages.
//!
//! `nexus.query.promql.lower` writes it as JSON. Durations are ms; duration expressions, `start()`, `end()`, `step()`,
//! `range()`, `@ start()` and `@ end()` are resolved to numbers there, because they depend on the query's range only.
//! Numbers are written as text ("NaN", "+Inf", "-Inf", or as Python's `repr` does) to be exact.

use nexus_series::matcher::MatcherSpec;
use serde::Deserialize;

/// A query to run.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// The query as written: positions in messages refer to it.
    pub text: String,
    /// First step, ms.
    pub start: i64,
    /// Last step (included), ms; of an instant query, `start`.
    pub end: i64,
    /// Distance of steps, ms; 0 for an instant query.
    pub step: i64,
    /// How far back an instant selector looks, ms.
    pub lookback: i64,
    /// Most samples that may be in memory at a time; more is an error that says so.
    pub max_samples: u64,
    /// Selectors of series, referred to by number.
    pub selectors: Vec<Selector>,
    /// The expression.
    pub root: Node,
}

impl Program {
    /// Reads a program. It is as deep as the parser lets a tree be, which is more than `serde_json` allows by itself. The
    /// error is a sentence.
    pub fn read(json: &[u8]) -> Result<Self, String> {
        let mut reader = serde_json::Deserializer::from_slice(json);
        reader.disable_recursion_limit();
        let program = Self::deserialize(&mut reader).map_err(|error| format!("the program cannot be read: {error}"))?;
        reader.end().map_err(|error| format!("the program cannot be read: {error}"))?;
        Ok(program)
    }
}

/// Which series and samples a selector needs.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Selector {
    /// All must match.
    pub matchers: Vec<MatcherSpec>,
    /// Earliest sample needed, ms (inclusive).
    pub from: i64,
    /// Latest sample needed, ms (inclusive).
    pub to: i64,
}

/// A node: an expression, and where it is in the text (start and end, in bytes).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// Start and end in the text, bytes.
    pub pos: (u32, u32),
    /// What it is.
    pub expr: Expr,
}

/// Shift of a selector or subquery in time.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shift {
    /// `offset`, ms; positive is into the past.
    #[serde(default)]
    pub offset: i64,
    /// `@`: evaluate at this time (ms) whatever the step.
    #[serde(default)]
    pub at: Option<i64>,
}

/// How a selector treats the ends of its window (experimental in 3.x).
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Extension {
    /// Samples within the left-open window, nothing else.
    #[default]
    None,
    /// The sample at or before the start of the window counts as at the start.
    Anchored,
    /// Values at both ends are interpolated.
    Smoothed,
}

/// Expressions.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Expr {
    /// A number.
    Number(String),
    /// A text.
    String(String),
    /// An instant vector selector. (`selector`, shift, extension)
    Vector {
        /// Number of the selector.
        selector: usize,
        /// Shift.
        #[serde(default)]
        shift: Shift,
        /// Only `smoothed` and `anchored` on instant vectors where Prometheus allows them.
        #[serde(default)]
        extension: Extension,
    },
    /// A range vector selector.
    Matrix {
        /// Number of the selector.
        selector: usize,
        /// Length of the window, ms.
        range: i64,
        /// Shift.
        #[serde(default)]
        shift: Shift,
        /// Ends of the window.
        #[serde(default)]
        extension: Extension,
    },
    /// A subquery.
    Subquery {
        /// Inner expression.
        inner: Box<Node>,
        /// Length of the window, ms.
        range: i64,
        /// Inner step, ms (the default is filled in).
        step: i64,
        /// Shift.
        #[serde(default)]
        shift: Shift,
    },
    /// A function.
    Call {
        /// Its name.
        function: String,
        /// Arguments; optional ones that were left out are not there.
        arguments: Vec<Node>,
        /// `info()` only: the selector of info series (its `__name__` matcher is filled in).
        #[serde(default)]
        info: Option<InfoSelector>,
    },
    /// An aggregation.
    Aggregate {
        /// `sum`, `avg`, `count`, `min`, `max`, `group`, `stddev`, `stdvar`, `topk`, `bottomk`, `quantile`,
        /// `count_values`, `limitk`, `limit_ratio`.
        op: String,
        /// What is aggregated.
        inner: Box<Node>,
        /// Parameter of those that have one.
        #[serde(default)]
        parameter: Option<Box<Node>>,
        /// Labels.
        #[serde(default)]
        labels: Vec<String>,
        /// `without` the labels, else `by` them.
        #[serde(default)]
        without: bool,
    },
    /// A binary operator.
    Binary {
        /// `+ - * / % ^ atan2 == != > < >= <= and or unless` and, on histograms, `</` and `>/` (trim).
        op: String,
        /// Left side.
        left: Box<Node>,
        /// Right side.
        right: Box<Node>,
        /// Comparison that answers 0 or 1.
        #[serde(default, rename = "bool")]
        return_bool: bool,
        /// Of vectors.
        #[serde(default)]
        matching: Option<Matching>,
    },
    /// Negation (`+x` is `x`).
    Negate(Box<Node>),
}

/// The series that `info()` joins.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InfoSelector {
    /// Number of the selector.
    pub selector: usize,
    /// Matchers on data labels, as written.
    pub matchers: Vec<MatcherSpec>,
}

/// Cardinality of a vector match.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Cardinality {
    /// One to one.
    #[default]
    OneToOne,
    /// `group_left`.
    ManyToOne,
    /// `group_right`.
    OneToMany,
    /// Set operators.
    ManyToMany,
}

/// How the sides of a binary operator find each other.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Matching {
    /// Cardinality.
    #[serde(default)]
    pub cardinality: Cardinality,
    /// Labels of `on` or `ignoring`.
    #[serde(default)]
    pub labels: Vec<String>,
    /// `on` the labels, else `ignoring` them.
    #[serde(default)]
    pub on: bool,
    /// Labels of `group_left(...)` or `group_right(...)`.
    #[serde(default)]
    pub include: Vec<String>,
    /// `fill` or `fill_left`: value of what is missing on the left side.
    #[serde(default)]
    pub fill_left: Option<String>,
    /// `fill` or `fill_right`.
    #[serde(default)]
    pub fill_right: Option<String>,
}
