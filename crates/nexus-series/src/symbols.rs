//! Texts by number: label names and values, each stored once. Grows only; reading takes no lock.

use hashbrown::HashTable;
use std::sync::RwLock;

/// A text of a `SymbolTable`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sym(pub u32);

/// A label: name and value.
pub type Label = (Sym, Sym);

/// See the module text. The empty text is always `Sym(0)`.
pub struct SymbolTable {
    texts: boxcar::Vec<Box<str>>,
    numbers: RwLock<HashTable<u32>>,
    hasher: foldhash::fast::RandomState,
}

impl Default for SymbolTable {
    fn default() -> Self {
        let table = Self {
            texts: boxcar::Vec::new(),
            numbers: RwLock::new(HashTable::new()),
            hasher: foldhash::fast::RandomState::default(),
        };
        table.intern("");
        table
    }
}

impl SymbolTable {
    /// The text of a symbol of this table.
    #[inline]
    pub fn text(&self, sym: Sym) -> &str {
        &self.texts[sym.0 as usize]
    }

    /// The symbol of a text, if it is there.
    pub fn get(&self, text: &str) -> Option<Sym> {
        use std::hash::BuildHasher;
        let hash = self.hasher.hash_one(text);
        let numbers = self.numbers.read().expect("no panic while locked");
        numbers.find(hash, |&number| &*self.texts[number as usize] == text).map(|&number| Sym(number))
    }

    /// The symbol of a text, which is added when it is not there.
    pub fn intern(&self, text: &str) -> Sym {
        use std::hash::BuildHasher;
        if let Some(found) = self.get(text) {
            return found;
        }
        let hash = self.hasher.hash_one(text);
        let mut numbers = self.numbers.write().expect("no panic while locked");
        if let Some(&number) = numbers.find(hash, |&number| &*self.texts[number as usize] == text) {
            return Sym(number);
        }
        let number = self.texts.push(text.into()) as u32;
        numbers.insert_unique(hash, number, |&number| self.hasher.hash_one(&*self.texts[number as usize]));
        Sym(number)
    }

    /// Number of texts.
    pub fn len(&self) -> usize {
        self.texts.count()
    }

    /// Is it without texts? Never: the empty text is there.
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_stored_once() {
        let table = SymbolTable::default();
        assert_eq!(table.intern(""), Sym(0));
        let job = table.intern("job");
        assert_eq!(table.intern("job"), job);
        assert_eq!(table.get("job"), Some(job));
        assert_eq!(table.get("instance"), None);
        assert_eq!(table.text(job), "job");
        assert_eq!(table.len(), 2);
    }
}
