//! How a program uses each of its selectors: what decides whether windows (see `rolled`) can stand for samples.

use crate::annotations::Position;
use crate::functions::{self, Function};
use crate::plan::{Expr, Extension, Node, Program, Shift};
use crate::rolled;

/// A selector's use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// Place of the selector.
    pub position: Position,
    /// The function over it, for messages; "" for an instant selector.
    pub function: String,
    /// Can its function be answered from windows at all?
    pub fits: bool,
    /// The answer is exact but for the rounding of sums.
    pub rounds: bool,
    /// All times and lengths are multiples of this, ms; 0: of everything.
    pub alignment: i64,
}

impl Use {
    /// Can it be answered from windows of a length, ms?
    pub fn allows(&self, length: i64) -> bool {
        self.fits && self.alignment % length == 0
    }
}

/// The use of each selector, by number.
pub fn uses(program: &Program) -> Vec<Use> {
    let unused = Use { position: (0, 0), function: String::new(), fits: false, rounds: false, alignment: 1 };
    let mut found = vec![unused; program.selectors.len()];
    let step = if program.end > program.start { program.step } else { 0 };
    walk(&program.root, gcd(program.start, step), &mut found);
    found
}

fn walk(node: &Node, times: i64, found: &mut [Use]) {
    match &node.expr {
        Expr::Number(_) | Expr::String(_) => {}
        Expr::Vector { selector, shift, extension } => {
            found[*selector] = Use {
                position: node.pos,
                function: String::new(),
                fits: *extension == Extension::None,
                rounds: false,
                alignment: shifted(times, *shift),
            };
        }
        Expr::Matrix { .. } => matrix(node, "", times, found),
        Expr::Subquery { inner, step, .. } => walk(inner, *step, found),
        Expr::Call { function, arguments, info } => {
            for argument in arguments {
                match argument.expr {
                    Expr::Matrix { .. } => matrix(argument, function, times, found),
                    _ => walk(argument, times, found),
                }
            }
            if let Some(info) = info {
                found[info.selector].position = node.pos;
                found[info.selector].function.clone_from(function);
            }
        }
        Expr::Aggregate { inner, parameter, .. } => {
            walk(inner, times, found);
            if let Some(parameter) = parameter {
                walk(parameter, times, found);
            }
        }
        Expr::Binary { left, right, .. } => {
            walk(left, times, found);
            walk(right, times, found);
        }
        Expr::Negate(inner) => walk(inner, times, found),
    }
}

fn matrix(node: &Node, function: &str, times: i64, found: &mut [Use]) {
    let Expr::Matrix { selector, range, shift, extension } = &node.expr else { return };
    let fits = match functions::lookup(function) {
        Some(Function::Range(function)) => rolled::columns_of(function).is_some(),
        _ => false,
    };
    found[*selector] = Use {
        position: node.pos,
        function: function.to_owned(),
        fits: fits && *extension == Extension::None,
        rounds: matches!(function, "sum_over_time" | "avg_over_time" | "rate" | "increase"),
        alignment: gcd(shifted(times, *shift), *range),
    };
}

fn shifted(times: i64, shift: Shift) -> i64 {
    gcd(shift.at.unwrap_or(times), shift.offset)
}

fn gcd(left: i64, right: i64) -> i64 {
    let (mut left, mut right) = (left.unsigned_abs(), right.unsigned_abs());
    while right > 0 {
        (left, right) = (right, left % right);
    }
    i64::try_from(left).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(root: &str, start: i64, end: i64, step: i64) -> Program {
        let selector = r#"{"matchers":[],"from":0,"to":0}"#;
        let json = format!(
            r#"{{"text":"","start":{start},"end":{end},"step":{step},"lookback":300000,"max_samples":1,
            "selectors":[{selector},{selector}],"root":{{"pos":[0,1],"expr":{root}}}}}"#
        );
        Program::read(json.as_bytes()).expect("a program")
    }

    fn call(function: &str, argument: &str) -> String {
        format!(r#"{{"call":{{"function":"{function}","arguments":[{{"pos":[1,2],"expr":{argument}}}]}}}}"#)
    }

    #[test]
    fn times_and_lengths_decide() {
        let matrix =
            |range: i64, shift: &str| format!(r#"{{"matrix":{{"selector":0,"range":{range},"shift":{shift}}}}}"#);
        let used = |root: &str, start, end, step| uses(&program(root, start, end, step))[0].clone();
        let rate = |range, shift| call("rate", &matrix(range, shift));
        let hours = used(&rate(7_200_000, "{}"), 3_600_000, 36_000_000, 3_600_000);
        assert!(hours.allows(3_600_000) && hours.allows(300_000) && hours.rounds && hours.function == "rate");
        assert!(!used(&rate(7_215_000, "{}"), 3_600_000, 36_000_000, 3_600_000).allows(300_000));
        let shifted = used(&rate(3_600_000, r#"{"offset":300000}"#), 0, 36_000_000, 3_600_000);
        assert!(shifted.allows(300_000) && !shifted.allows(3_600_000));
        // The step of an instant query, or of a range of one time, says nothing; of `@`, only that time counts.
        assert!(used(&rate(3_600_000, "{}"), 7_200_000, 7_200_000, 15_000).allows(3_600_000));
        assert!(used(&rate(3_600_000, r#"{"at":3600000}"#), 1, 9, 1).allows(3_600_000));
        assert!(!used(&call("deriv", &matrix(3_600_000, "{}")), 0, 0, 0).allows(300_000));
        assert!(!used(&matrix(3_600_000, "{}"), 0, 0, 0).allows(300_000));
    }

    #[test]
    fn subqueries_have_times_of_their_own() {
        let inner = r#"{"pos":[3,4],"expr":{"vector":{"selector":1}}}"#;
        let subquery = format!(r#"{{"subquery":{{"inner":{inner},"range":86400000,"step":300000}}}}"#);
        let found = uses(&program(&call("max_over_time", &subquery), 7, 7, 0));
        assert!(found[1].allows(300_000) && !found[1].allows(3_600_000) && found[1].position == (3, 4));
        assert!(!found[0].allows(300_000));
    }
}
