//! Binary operators on single values, and between a vector and a scalar.

use crate::annotations::{self, Notes, Position};
use crate::histogram;
use crate::value::{Cell, NOTHING, Row, is_nothing};

/// Operators on values; set operators are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinaryOp {
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `*`
    Mul,
    /// `/`
    Div,
    /// `%`
    Mod,
    /// `^`
    Pow,
    /// `atan2`
    Atan2,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `>`
    Greater,
    /// `<`
    Less,
    /// `>=`
    GreaterEqual,
    /// `<=`
    LessEqual,
    /// `</`: cut a histogram's upper buckets off.
    TrimUpper,
    /// `>/`: cut a histogram's lower buckets off.
    TrimLower,
}

impl BinaryOp {
    /// The operator of a text; none of `and`, `or`, `unless`.
    pub fn of(text: &str) -> Option<Self> {
        Some(match text {
            "+" => Self::Add,
            "-" => Self::Sub,
            "*" => Self::Mul,
            "/" => Self::Div,
            "%" => Self::Mod,
            "^" => Self::Pow,
            "atan2" => Self::Atan2,
            "==" => Self::Equal,
            "!=" => Self::NotEqual,
            ">" => Self::Greater,
            "<" => Self::Less,
            ">=" => Self::GreaterEqual,
            "<=" => Self::LessEqual,
            "</" => Self::TrimUpper,
            ">/" => Self::TrimLower,
            _ => return None,
        })
    }

    /// The text.
    pub fn text(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Mod => "%",
            Self::Pow => "^",
            Self::Atan2 => "atan2",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Greater => ">",
            Self::Less => "<",
            Self::GreaterEqual => ">=",
            Self::LessEqual => "<=",
            Self::TrimUpper => "</",
            Self::TrimLower => ">/",
        }
    }

    /// Does it filter (or, with `bool`, answer 0 or 1)?
    pub fn is_comparison(self) -> bool {
        use BinaryOp as O;
        matches!(self, O::Equal | O::NotEqual | O::Greater | O::Less | O::GreaterEqual | O::LessEqual)
    }

    /// Does the result mean something else than the operands, so that it loses its name?
    pub fn changes_meaning(self) -> bool {
        !self.is_comparison() && !matches!(self, Self::TrimUpper | Self::TrimLower)
    }

    /// Of two numbers; comparisons answer 0 or 1.
    #[inline]
    pub fn scalars(self, left: f64, right: f64) -> f64 {
        match self {
            Self::Add => left + right,
            Self::Sub => left - right,
            Self::Mul => left * right,
            Self::Div => left / right,
            Self::Mod => left % right,
            Self::Pow => left.powf(right),
            Self::Atan2 => left.atan2(right),
            Self::Equal => f64::from(left == right),
            Self::NotEqual => f64::from(left != right),
            Self::Greater => f64::from(left > right),
            Self::Less => f64::from(left < right),
            Self::GreaterEqual => f64::from(left >= right),
            Self::LessEqual => f64::from(left <= right),
            Self::TrimUpper | Self::TrimLower => f64::NAN,
        }
    }
}

/// An operator on two cells that hold something. `Nothing`: no result (filtered, or the types do not go together).
pub fn cells(op: BinaryOp, left: &Cell, right: &Cell, return_bool: bool, notes: &Notes, position: Position) -> Cell {
    match (left, right) {
        (Cell::Float(left), Cell::Float(right)) => {
            if matches!(op, BinaryOp::TrimUpper | BinaryOp::TrimLower) {
                annotations::incompatible_types(notes, position, "float", op.text(), "float");
                return Cell::Nothing;
            }
            let result = op.scalars(*left, *right);
            if !op.is_comparison() || return_bool {
                Cell::Float(result)
            } else if result == 1.0 {
                Cell::Float(*left)
            } else {
                Cell::Nothing
            }
        }
        (Cell::Nothing, _) | (_, Cell::Nothing) => Cell::Nothing,
        _ => histogram::binary::apply(op, left, right, return_bool, notes, position),
    }
}

/// Can a comparison say anything about two cells? Floats compare with floats; histograms are the same or not.
pub fn compares(op: BinaryOp, left: &Cell, right: &Cell) -> bool {
    match (left, right) {
        (Cell::Float(_), Cell::Float(_)) => true,
        (Cell::Histogram(_), Cell::Histogram(_)) => matches!(op, BinaryOp::Equal | BinaryOp::NotEqual),
        _ => false,
    }
}

/// An operator between a row and a scalar, in place. `swapped`: the scalar is on the left.
pub fn with_scalar(
    op: BinaryOp,
    return_bool: bool,
    swapped: bool,
    scalar: &[f64],
    row: &mut Row,
    notes: &Notes,
    position: Position,
) {
    if op.changes_meaning() || return_bool {
        row.drop_name = true;
    }
    let filter = op.is_comparison() && !return_bool;
    if row.histograms.is_empty() && !matches!(op, BinaryOp::TrimUpper | BinaryOp::TrimLower) {
        for (value, &scalar) in row.floats.iter_mut().zip(scalar) {
            if is_nothing(*value) {
                continue;
            }
            let (left, right) = if swapped { (scalar, *value) } else { (*value, scalar) };
            let result = op.scalars(left, right);
            *value = match (filter, result == 1.0) {
                (false, _) => result,
                (true, true) => *value,
                (true, false) => NOTHING,
            };
        }
        return;
    }
    for (step, &scalar) in scalar.iter().enumerate() {
        let cell = row.cell(step);
        if cell == Cell::Nothing {
            continue;
        }
        let number = Cell::Float(scalar);
        let result = if swapped {
            cells(op, &number, &cell, return_bool, notes, position)
        } else {
            cells(op, &cell, &number, return_bool, notes, position)
        };
        row.set(step, if filter && result != Cell::Nothing { cell } else { result });
    }
}
