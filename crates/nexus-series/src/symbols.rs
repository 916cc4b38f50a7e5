//! Texts by number: label names and values, each stored once. Grows only; reading takes no lock.

use hashbrown::HashTable;
use std::sync::RwLock;

/// A text of a `SymbolTable`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sym(pub u32);

/// A label: name and value.
pub type Label = (Sym, Sym);

/// A text's number, and bits of its hash: a table that grows need not look at the texts, which are all over the memory.
#[derive(Clone, Copy)]
struct Entry {
    hash: u32,
    number: u32,
}

impl Entry {
    #[inline]
    fn spread(hash: u32) -> u64 {
        u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

/// See the module text. The empty text is always `Sym(0)`.
pub struct SymbolTable {
    texts: boxcar::Vec<Box<str>>,
    numbers: RwLock<HashTable<Entry>>,
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
        self.find(&self.numbers.read().expect("no panic while locked"), self.hash(text), text)
    }

    #[inline]
    fn hash(&self, text: &str) -> u32 {
        use std::hash::BuildHasher;
        self.hasher.hash_one(text) as u32
    }

    #[inline]
    fn find(&self, numbers: &HashTable<Entry>, hash: u32, text: &str) -> Option<Sym> {
        let is_it = |entry: &Entry| entry.hash == hash && &*self.texts[entry.number as usize] == text;
        numbers.find(Entry::spread(hash), is_it).map(|entry| Sym(entry.number))
    }

    /// The symbol of a text, which is added when it is not there.
    pub fn intern(&self, text: &str) -> Sym {
        let hash = self.hash(text);
        if let Some(found) = self.find(&self.numbers.read().expect("no panic while locked"), hash, text) {
            return found;
        }
        self.insert(&mut self.numbers.write().expect("no panic while locked"), hash, text)
    }

    /// The symbols of many texts: who adds many does not hold up others at each of them.
    pub fn intern_all(&self, texts: &[&str]) -> Vec<Sym> {
        let hashes: Vec<u32> = texts.iter().map(|text| self.hash(text)).collect();
        let known: Vec<Option<Sym>> = {
            let numbers = self.numbers.read().expect("no panic while locked");
            texts.iter().zip(&hashes).map(|(text, hash)| self.find(&numbers, *hash, text)).collect()
        };
        if known.iter().all(Option::is_some) {
            return known.into_iter().flatten().collect();
        }
        let mut numbers = self.numbers.write().expect("no panic while locked");
        let all = known.into_iter().zip(texts.iter().zip(hashes));
        all.map(|(known, (text, hash))| known.unwrap_or_else(|| self.insert(&mut numbers, hash, text))).collect()
    }

    /// Adds a text, unless it came in the meantime.
    fn insert(&self, numbers: &mut HashTable<Entry>, hash: u32, text: &str) -> Sym {
        if let Some(found) = self.find(numbers, hash, text) {
            return found;
        }
        let number = self.texts.push(text.into()) as u32;
        numbers.insert_unique(Entry::spread(hash), Entry { hash, number }, |entry| Entry::spread(entry.hash));
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
        assert_eq!(table.intern_all(&["job", "b", "", "a", "b"]), [job, Sym(2), Sym(0), Sym(3), Sym(2)]);
        assert_eq!(table.intern_all(&["a", "job"]), [Sym(3), job]);
        let many: Vec<Sym> = (0..100_000).map(|number: u32| table.intern(&number.to_string())).collect();
        assert_eq!(table.len(), 100_004);
        assert!(many.iter().enumerate().all(|(number, sym)| table.get(&number.to_string()) == Some(*sym)));
    }
}
