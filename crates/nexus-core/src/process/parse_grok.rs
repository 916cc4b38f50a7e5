//! Take a text apart with grok: expressions made of named patterns, `%{IP:client} %{NUMBER:bytes:int}`.

use crate::process::extract::{As, Extract};
use crate::process::grok;
use crate::process::parse_regex::Groups;
use crate::process::rows::Rows;
use crate::process::spec::{Options, SpecError};
use crate::process::{Change, Context, Processor, State, writable};

/// Patterns of one step.
const MAX_PATTERNS: usize = 20;

/// See the module text.
#[derive(Debug)]
pub struct ParseGrok {
    extract: Extract,
    patterns: Vec<Groups>,
}

impl ParseGrok {
    /// From options: those of [`Extract`], `patterns` (the first that matches counts), `definitions`.
    pub fn new(options: &Options<'_>) -> Result<Self, SpecError> {
        let definitions = options.text_map("definitions")?;
        let given = options.texts("patterns")?;
        if given.is_empty() {
            return Err(SpecError::new("patterns", "is missing"));
        }
        if given.len() > MAX_PATTERNS {
            return Err(SpecError::new("patterns", format!("has more than {MAX_PATTERNS}")));
        }
        let mut patterns = Vec::new();
        for pattern in given {
            let (regex, captures) =
                grok::expand(pattern, &definitions).map_err(|message| SpecError::new("patterns", message))?;
            patterns.push(Groups::new("patterns", &regex, |group| {
                let capture = group.strip_prefix("grok_").and_then(|number| number.parse::<usize>().ok());
                match capture.and_then(|number| captures.get(number)) {
                    Some((name, kind)) => {
                        let read = As::parse(kind).ok_or_else(|| {
                            SpecError::new(
                                "patterns",
                                format!("gives {name} the type {kind:?}: use text, int, float or bool"),
                            )
                        })?;
                        Ok((writable("patterns", name)?, read))
                    }
                    None => Ok((writable("patterns", group)?, As::Text)),
                }
            })?);
        }
        Ok(Self { extract: Extract::new(options)?, patterns })
    }
}

impl Processor for ParseGrok {
    fn process(&self, rows: &mut Rows, _: &mut State, _: &Context) -> Change {
        let mut locations: Vec<_> = self.patterns.iter().map(Groups::locations).collect();
        self.extract.each(rows, |writer, text| {
            for (groups, locations) in self.patterns.iter().zip(&mut locations) {
                if let Some(result) = groups.apply(writer, text, locations) {
                    return result;
                }
            }
            Err("no pattern matches")
        });
        Change::None
    }
}
