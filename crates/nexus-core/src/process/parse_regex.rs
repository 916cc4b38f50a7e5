//! Take a text apart with a regular expression: each named group becomes the field of its name.

use crate::process::extract::{As, Extract, Writer};
use crate::process::field::Field;
use crate::process::rows::Rows;
use crate::process::spec::{Options, SpecError, regex};
use crate::process::{Change, Context, Processor, State, writable};
use regex::bytes::{CaptureLocations, Regex};

/// An expression and where its groups go.
#[derive(Debug)]
pub struct Groups {
    regex: Regex,
    /// (number of the group, field, type).
    targets: Vec<(usize, Field, As)>,
}

impl Groups {
    /// Compile; `named` says for each group's name what field and type it is.
    pub fn new(
        option: &str,
        pattern: &str,
        mut named: impl FnMut(&str) -> Result<(Field, As), SpecError>,
    ) -> Result<Self, SpecError> {
        let regex = regex(option, pattern)?;
        let mut targets = Vec::new();
        for (number, name) in regex.capture_names().enumerate() {
            if let Some(name) = name {
                let (field, read) = named(name)?;
                targets.push((number, field, read));
            }
        }
        if targets.is_empty() {
            return Err(SpecError::new(option, "has no named group: write (?P<name>...)"));
        }
        Ok(Self { regex, targets })
    }

    /// A place for the groups of one match.
    pub fn locations(&self) -> CaptureLocations {
        self.regex.capture_locations()
    }

    /// Match and write; None when it does not match.
    pub fn apply(
        &self,
        writer: &mut Writer<'_, '_>,
        text: &[u8],
        locations: &mut CaptureLocations,
    ) -> Option<Result<(), &'static str>> {
        self.regex.captures_read(locations, text)?;
        for (number, field, read) in &self.targets {
            let Some((start, end)) = locations.get(*number) else { continue };
            // Expressions match characters, unless they say (?-u); what is no text is left out.
            if std::str::from_utf8(&text[start..end]).is_err() {
                return Some(Err("a group is not UTF-8"));
            }
            if !writer.field(field, read.read(&text[start..end])) {
                return Some(Err("a value does not fit its field"));
            }
        }
        Some(Ok(()))
    }
}

/// See the module text.
#[derive(Debug)]
pub struct ParseRegex {
    extract: Extract,
    groups: Groups,
}

impl ParseRegex {
    /// From options: those of [`Extract`], `pattern`, `types`.
    pub fn new(options: &Options<'_>) -> Result<Self, SpecError> {
        let types = options.text_map("types")?;
        for (name, kind) in &types {
            if As::parse(kind).is_none() {
                return Err(SpecError::new(
                    "types",
                    format!("gives {name} the type {kind:?}: use text, int, float or bool"),
                ));
            }
        }
        let groups = Groups::new("pattern", options.required_text("pattern")?, |name| {
            let read = types.iter().find(|(of, _)| *of == name).and_then(|(_, kind)| As::parse(kind));
            Ok((writable("pattern", name)?, read.unwrap_or(As::Text)))
        })?;
        Ok(Self { extract: Extract::new(options)?, groups })
    }
}

impl Processor for ParseRegex {
    fn process(&self, rows: &mut Rows, _: &mut State, _: &Context) -> Change {
        let mut locations = self.groups.locations();
        self.extract.each(rows, |writer, text| {
            self.groups.apply(writer, text, &mut locations).unwrap_or(Err("the pattern does not match"))
        });
        Change::None
    }
}
