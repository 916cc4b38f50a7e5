//! Names of services and peers, each kept once.

use hashbrown::HashMap;

/// Stands for every name beyond the bound.
pub const OVERFLOW: &str = "nexus_overflow";

/// Ids of names, at most as many as told; the first is [`OVERFLOW`].
pub struct Names {
    ids: HashMap<Box<str>, u32, foldhash::fast::RandomState>,
    texts: Vec<Box<str>>,
    most: usize,
}

impl Names {
    /// None but the overflow.
    pub fn new(most: usize) -> Self {
        let mut names = Self { ids: HashMap::default(), texts: Vec::new(), most: most.max(1) };
        names.id(OVERFLOW);
        names
    }

    /// The id of a name.
    pub fn id(&mut self, name: &str) -> u32 {
        if let Some(id) = self.ids.get(name) {
            return *id;
        }
        if self.texts.len() >= self.most {
            return 0;
        }
        let id = self.texts.len() as u32;
        self.ids.insert(name.into(), id);
        self.texts.push(name.into());
        id
    }

    /// The name of an id.
    pub fn text(&self, id: u32) -> &str {
        &self.texts[id as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_bounded() {
        let mut names = Names::new(2);
        let first = names.id("a");
        assert_eq!((names.id("a"), names.text(first)), (first, "a"));
        let other = names.id("b");
        assert_eq!(names.text(other), OVERFLOW);
    }
}
