//! Functions by name: which kind each is, and the code of those that work on whole vectors.

use crate::annotations::{Notes, Position};
use crate::control::{Budget, Control, Fault};
use crate::labels::Names;
use crate::value::{Grid, Row, Value};
use crate::window::RangeFunction;

/// What a function on vectors, scalars and texts gets. `arguments` are values over the grid; it may take them.
pub struct Call<'a> {
    /// Texts of labels.
    pub names: &'a Names<'a>,
    /// Steps.
    pub grid: Grid,
    /// Where it writes warnings and infos.
    pub notes: &'a Notes,
    /// Deadline and cancellation.
    pub control: &'a Control,
    /// Samples in memory.
    pub budget: &'a Budget,
    /// Place of the call.
    pub position: Position,
    /// Places of the arguments.
    pub positions: Vec<Position>,
    /// Arguments.
    pub arguments: Vec<Value>,
}

impl Call<'_> {
    /// Takes an argument that is a vector.
    pub fn vector(&mut self, index: usize) -> Vec<Row> {
        match self.arguments.get_mut(index) {
            Some(Value::Vector(rows)) => std::mem::take(rows),
            _ => Vec::new(),
        }
    }

    /// Takes an argument that is a scalar: one number for each step.
    pub fn scalar(&mut self, index: usize) -> Option<Vec<f64>> {
        match self.arguments.get_mut(index) {
            Some(Value::Scalar(values)) => Some(std::mem::take(values)),
            _ => None,
        }
    }

    /// An argument that is a text.
    pub fn text(&self, index: usize) -> &str {
        match self.arguments.get(index) {
            Some(Value::String(text)) => text,
            _ => "",
        }
    }
}

/// A function on whole vectors.
pub type VectorFunction = fn(&mut Call) -> Result<Value, Fault>;

/// What a name stands for.
#[derive(Clone, Copy)]
pub enum Function {
    /// On the windows of a range vector, series by series.
    Range(RangeFunction),
    /// On values.
    Vector(VectorFunction),
}
