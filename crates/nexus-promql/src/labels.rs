//! Labels while a query runs: symbols of the source, and of the query itself for texts that functions make.

use crate::annotations::quoted;
use crate::source::SeriesLabels;
use nexus_series::NAME;
use nexus_series::symbols::{Label, Sym, SymbolTable};
use std::cmp::Ordering;

/// Symbols with this bit are of the query.
const LOCAL: u32 = 1 << 31;

/// Texts of a query. The source's table never learns what a query makes up.
pub struct Names<'a> {
    source: &'a SymbolTable,
    /// Symbols the source had when the query began: what it learns later counts as unknown, or one text would have
    /// two symbols.
    known: u32,
    local: SymbolTable,
    /// Symbols of `__name__`, `__type__`, `__unit__` and `le`.
    pub name: Sym,
    /// See `name`.
    pub kind: Sym,
    /// See `name`.
    pub unit: Sym,
    /// See `name`.
    pub le: Sym,
}

impl<'a> Names<'a> {
    /// Names over a source's table.
    pub fn new(source: &'a SymbolTable) -> Self {
        let mut names = Self {
            source,
            known: source.len() as u32,
            local: SymbolTable::default(),
            name: Sym(0),
            kind: Sym(0),
            unit: Sym(0),
            le: Sym(0),
        };
        names.name = names.intern(NAME);
        names.kind = names.intern("__type__");
        names.unit = names.intern("__unit__");
        names.le = names.intern("le");
        names
    }

    /// The text of a symbol.
    #[inline]
    pub fn text(&self, sym: Sym) -> &str {
        if sym.0 & LOCAL == 0 { self.source.text(sym) } else { self.local.text(Sym(sym.0 & !LOCAL)) }
    }

    /// The symbol of a text; equal texts have equal symbols.
    pub fn intern(&self, text: &str) -> Sym {
        match self.source.get(text) {
            Some(sym) if sym.0 < self.known => sym,
            _ => Sym(self.local.intern(text).0 | LOCAL),
        }
    }

    /// The value of a label, "" when it is not there.
    pub fn value<'b>(&'b self, labels: &[Label], name: Sym) -> &'b str {
        find(labels, name).map_or("", |value| self.text(value))
    }

    /// The metric's name, "" when it is not there.
    pub fn metric<'b>(&'b self, labels: &[Label]) -> &'b str {
        self.value(labels, self.name)
    }

    /// Labels without the metric's name, and without its type and unit.
    pub fn without_name(&self, labels: &SeriesLabels) -> SeriesLabels {
        let dropped = |label: &Label| label.0 == self.name || label.0 == self.kind || label.0 == self.unit;
        if labels.iter().any(dropped) {
            labels.iter().filter(|label| !dropped(label)).copied().collect()
        } else {
            labels.clone()
        }
    }

    /// Sets a label in its place; an empty value removes it.
    pub fn set(&self, labels: &mut Vec<Label>, name: Sym, value: Sym) {
        match labels.iter().position(|label| label.0 == name) {
            Some(at) if value == Sym(0) => {
                labels.remove(at);
            }
            Some(at) => labels[at].1 = value,
            None if value == Sym(0) => {}
            None => {
                let text = self.text(name);
                let at = labels.partition_point(|label| self.text(label.0) < text);
                labels.insert(at, (name, value));
            }
        }
    }

    /// Order of label sets in answers: name by name, value by value, the shorter first.
    pub fn compare(&self, left: &[Label], right: &[Label]) -> Ordering {
        for (a, b) in left.iter().zip(right) {
            if a.0 != b.0 {
                return self.text(a.0).cmp(self.text(b.0));
            }
            if a.1 != b.1 {
                return self.text(a.1).cmp(self.text(b.1));
            }
        }
        left.len().cmp(&right.len())
    }

    /// Labels as Prometheus writes them in messages: `{__name__="a", b="c"}`.
    pub fn show(&self, labels: &[Label]) -> String {
        let legacy = |name: &str| {
            let plain = |(at, byte): (usize, u8)| {
                byte == b'_' || byte.is_ascii_alphabetic() || (at > 0 && byte.is_ascii_digit())
            };
            !name.is_empty() && name.bytes().enumerate().all(plain)
        };
        let one = |&(name, value): &Label| {
            let (name, value) = (self.text(name), quoted(self.text(value)));
            if legacy(name) { format!("{name}={value}") } else { format!("{}={value}", quoted(name)) }
        };
        format!("{{{}}}", labels.iter().map(one).collect::<Vec<_>>().join(", "))
    }

    /// Symbols of names.
    pub fn symbols(&self, names: &[String]) -> Vec<Sym> {
        names.iter().map(|name| self.intern(name)).collect()
    }
}

/// May a label be called so? Bytes of a query's text that are no UTF-8 have become replacement characters.
pub fn is_name(text: &str) -> bool {
    !text.is_empty() && !text.contains(char::REPLACEMENT_CHARACTER)
}

/// The value of a label by the symbol of its name.
#[inline]
pub fn find(labels: &[Label], name: Sym) -> Option<Sym> {
    labels.iter().find(|label| label.0 == name).map(|label| label.1)
}
