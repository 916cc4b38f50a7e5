//! Templates of `line_format` and `label_format`: Go's text/template, as far as LogQL documents it.
//!
//! Output and work are bounded: a template that asks for more is an error of the line.

use super::entry::Entry;
use super::functions::call;
use super::regex;
use std::collections::HashMap;
use std::sync::Mutex;

const MAX_OUTPUT: usize = 1 << 20;
const MAX_STEPS: usize = 100_000;
const MAX_DEPTH: usize = 50;
const MAX_REGEXES: usize = 256;

/// A value inside a template. A time is nanoseconds since the epoch and the offset of its zone in seconds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Val {
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Val>),
    Map(Vec<(String, Val)>),
    Time(i64, i64),
}

#[derive(Debug, Clone)]
enum Node {
    Text(String),
    Action(Pipe),
    If(Pipe, Vec<Node>, Vec<Node>),
    With(Pipe, Vec<Node>, Vec<Node>),
    Range(Pipe, Vec<Node>, Vec<Node>),
}

#[derive(Debug, Clone, Default)]
struct Pipe {
    declares: Vec<String>,
    assigns: bool,
    commands: Vec<Vec<Operand>>,
}

#[derive(Debug, Clone)]
enum Operand {
    Dot(Vec<String>),
    Variable(String, Vec<String>),
    Constant(Val),
    Function(String),
    Paren(Pipe, Vec<String>),
}

/// A parsed template.
#[derive(Debug)]
pub(crate) struct Template {
    nodes: Vec<Node>,
    regexes: Regexes,
}

/// Expressions that templates have used.
#[derive(Debug, Default)]
pub(crate) struct Regexes(Mutex<HashMap<String, ::regex::Regex>>);

impl Regexes {
    /// Compile, or take from before.
    pub fn get(&self, pattern: &str) -> Result<::regex::Regex, String> {
        let mut known = self.0.lock().map_err(|_| "poisoned".to_owned())?;
        if let Some(regex) = known.get(pattern) {
            return Ok(regex.clone());
        }
        if known.len() >= MAX_REGEXES {
            known.clear();
        }
        let regex = regex::compile(pattern, false)?;
        known.insert(pattern.to_owned(), regex.clone());
        Ok(regex)
    }
}

impl Template {
    /// Parse; the error says what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let pieces = pieces(text)?;
        let mut parser = Parser { pieces: &pieces, at: 0, depth: 0 };
        let nodes = parser.nodes()?;
        if parser.at < pieces.len() {
            return Err(format!("template: unexpected {{{{{}}}}}", parser.word()));
        }
        Ok(Self { nodes, regexes: Regexes::default() })
    }

    /// The text that the template makes of an entry.
    pub fn render(&self, entry: &Entry<'_>) -> Result<String, String> {
        let mut run = Run { entry, regexes: &self.regexes, variables: Vec::new(), out: String::new(), steps: 0 };
        run.nodes(&self.nodes, None)?;
        Ok(run.out)
    }
}

// --------------------------------------------------------------------------------------------------------------- parse

enum Piece {
    Text(String),
    Action(Vec<Tok>),
}

#[derive(Debug, Clone, PartialEq)]
enum Tok {
    Word(String),
    Field(String),
    Variable(String),
    Constant(Val),
    Open,
    Close,
    Bar,
    Comma,
    Declare,
    Assign,
    Space,
}

fn pieces(text: &str) -> Result<Vec<Piece>, String> {
    let mut found = Vec::new();
    let mut rest = text;
    let mut trim = false;
    loop {
        let start = rest.find("{{");
        let mut plain = &rest[..start.unwrap_or(rest.len())];
        if trim {
            plain = plain.trim_start();
        }
        let Some(start) = start else {
            if !plain.is_empty() {
                found.push(Piece::Text(plain.to_owned()));
            }
            return Ok(found);
        };
        let mut inner = &rest[start + 2..];
        if inner.starts_with("- ") || inner.starts_with("-\n") || inner.starts_with("-\t") {
            plain = plain.trim_end();
            inner = &inner[1..];
        }
        if !plain.is_empty() {
            found.push(Piece::Text(plain.to_owned()));
        }
        let trimmed = inner.trim_start();
        if let Some(comment) = trimmed.strip_prefix("/*") {
            let end = comment.find("*/").ok_or("template: unclosed comment")?;
            let after = comment[end + 2..].trim_start();
            trim = after.starts_with("-}}");
            rest = after
                .strip_prefix('-')
                .unwrap_or(after)
                .strip_prefix("}}")
                .ok_or("template: comment ends before closing delimiter")?;
            continue;
        }
        let (tokens, after, trims) = tokens(inner)?;
        trim = trims;
        rest = after;
        found.push(Piece::Action(tokens));
    }
}

/// Tokens up to `}}`, what follows, and whether white space there is to be trimmed.
fn tokens(text: &str) -> Result<(Vec<Tok>, &str, bool), String> {
    let mut found = Vec::new();
    let mut rest = text;
    loop {
        let Some(c) = rest.chars().next() else { return Err("template: unclosed action".to_owned()) };
        if let Some(after) = rest.strip_prefix("}}") {
            return Ok((found, after, false));
        }
        if c.is_whitespace() {
            let after = rest.trim_start();
            if let Some(after) = after.strip_prefix("-}}") {
                return Ok((found, after, true));
            }
            found.push(Tok::Space);
            rest = after;
            continue;
        }
        let name = |text: &str| text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
        match c {
            '(' | ')' | '|' | ',' | '=' => {
                found.push(match c {
                    '(' => Tok::Open,
                    ')' => Tok::Close,
                    '|' => Tok::Bar,
                    ',' => Tok::Comma,
                    _ => Tok::Assign,
                });
                rest = &rest[1..];
            }
            ':' if rest.starts_with(":=") => {
                found.push(Tok::Declare);
                rest = &rest[2..];
            }
            '"' | '`' => {
                let end = literal_end(rest, c).ok_or("template: unterminated quoted string")?;
                let inner = &rest[1..end];
                let value = if c == '`' { inner.to_owned() } else { unquote(inner)? };
                found.push(Tok::Constant(Val::Text(value)));
                rest = &rest[end + 1..];
            }
            '\'' => {
                let end = literal_end(rest, c).ok_or("template: unterminated character constant")?;
                let code = unquote(&rest[1..end])?.chars().next().map_or(0, |c| i64::from(u32::from(c)));
                found.push(Tok::Constant(Val::Int(code)));
                rest = &rest[end + 1..];
            }
            '.' if !rest[1..].starts_with(|c: char| c.is_ascii_digit()) => {
                let length = name(&rest[1..]);
                found.push(Tok::Field(rest[1..=length].to_owned()));
                rest = &rest[length + 1..];
            }
            '$' => {
                let length = name(&rest[1..]);
                found.push(Tok::Variable(rest[1..=length].to_owned()));
                rest = &rest[length + 1..];
            }
            '0'..='9' | '-' | '+' | '.' => {
                let length = rest[1..]
                    .find(|c: char| !c.is_ascii_alphanumeric() && c != '.' && c != '_')
                    .map_or(rest.len(), |at| at + 1);
                let raw = &rest[..length];
                let number = raw.parse().map(Val::Int).or_else(|_| raw.parse().map(Val::Float));
                found.push(Tok::Constant(number.map_err(|_| format!("template: bad number syntax: {raw:?}"))?));
                rest = &rest[length..];
            }
            _ if c.is_alphabetic() || c == '_' => {
                let length = name(rest);
                found.push(match &rest[..length] {
                    "true" => Tok::Constant(Val::Bool(true)),
                    "false" => Tok::Constant(Val::Bool(false)),
                    "nil" => Tok::Constant(Val::Nil),
                    word => Tok::Word(word.to_owned()),
                });
                rest = &rest[length..];
            }
            _ => return Err(format!("template: unexpected {c:?} in action")),
        }
    }
}

fn literal_end(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    text.char_indices().skip(1).find_map(|(at, c)| {
        if escaped {
            escaped = false;
        } else if c == '\\' && quote != '`' {
            escaped = true;
        } else if c == quote {
            return Some(at);
        }
        None
    })
}

/// Undo the escapes of a Go string.
fn unquote(text: &str) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        let kind = chars.next().ok_or("template: bad escape")?;
        match kind {
            'n' => out.push('\n'),
            't' => out.push('\t'),
            'r' => out.push('\r'),
            '\\' | '"' | '\'' => out.push(kind),
            'x' | 'u' | 'U' => {
                let length = match kind {
                    'x' => 2,
                    'u' => 4,
                    _ => 8,
                };
                let digits: String = chars.by_ref().take(length).collect();
                let code = u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32);
                out.push(code.ok_or("template: bad escape")?);
            }
            _ => return Err(format!("template: unknown escape \\{kind}")),
        }
    }
    Ok(out)
}

struct Parser<'p> {
    pieces: &'p [Piece],
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    /// The first word of the action that is next.
    fn word(&self) -> &str {
        match self.pieces.get(self.at) {
            Some(Piece::Action(tokens)) => match tokens.iter().find(|token| **token != Tok::Space) {
                Some(Tok::Word(word)) => word,
                _ => "",
            },
            _ => "",
        }
    }

    fn nodes(&mut self) -> Result<Vec<Node>, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err("template: nested too deeply".to_owned());
        }
        let mut nodes = Vec::new();
        while let Some(piece) = self.pieces.get(self.at) {
            let word = self.word().to_owned();
            match piece {
                Piece::Text(text) => {
                    nodes.push(Node::Text(text.clone()));
                    self.at += 1;
                }
                Piece::Action(_) if word == "end" || word == "else" => break,
                Piece::Action(tokens) => {
                    self.at += 1;
                    if matches!(word.as_str(), "if" | "with" | "range") {
                        nodes.push(self.block(&word, tokens)?);
                    } else {
                        nodes.push(Node::Action(pipe(tokens)?));
                    }
                }
            }
        }
        self.depth -= 1;
        Ok(nodes)
    }

    fn block(&mut self, word: &str, tokens: &[Tok]) -> Result<Node, String> {
        let start = tokens.iter().position(|token| *token != Tok::Space).unwrap_or(0) + 1;
        let condition = pipe(&tokens[start..])?;
        let body = self.nodes()?;
        let mut otherwise = Vec::new();
        match (self.word(), self.pieces.get(self.at)) {
            ("else", Some(Piece::Action(tokens))) => {
                let rest: Vec<Tok> = tokens.iter().filter(|token| **token != Tok::Space).cloned().collect();
                self.at += 1;
                if let Some(Tok::Word(word)) = rest.get(1) {
                    let word = word.clone();
                    let spaced: Vec<Tok> = tokens.iter().skip_while(|token| **token != rest[1]).cloned().collect();
                    self.depth += 1;
                    if self.depth > MAX_DEPTH {
                        return Err("template: nested too deeply".to_owned());
                    }
                    otherwise.push(self.block(&word, &spaced)?);
                    self.depth -= 1;
                } else {
                    otherwise = self.nodes()?;
                    self.end()?;
                }
            }
            _ => self.end()?,
        }
        Ok(match word {
            "if" => Node::If(condition, body, otherwise),
            "with" => Node::With(condition, body, otherwise),
            _ => Node::Range(condition, body, otherwise),
        })
    }

    fn end(&mut self) -> Result<(), String> {
        if self.word() == "end" {
            self.at += 1;
            Ok(())
        } else {
            Err("template: unexpected EOF: an {{end}} is missing".to_owned())
        }
    }
}

fn pipe(tokens: &[Tok]) -> Result<Pipe, String> {
    let mut made = Pipe::default();
    let declares = tokens.iter().position(|token| matches!(token, Tok::Declare | Tok::Assign));
    let mut rest = tokens;
    if let Some(at) = declares {
        for token in &tokens[..at] {
            match token {
                Tok::Variable(name) => made.declares.push(name.clone()),
                Tok::Space | Tok::Comma => {}
                _ => return Err("template: a declaration names variables".to_owned()),
            }
        }
        made.assigns = tokens[at] == Tok::Assign;
        rest = &tokens[at + 1..];
    }
    let mut at = 0;
    made.commands = commands(rest, &mut at, 0)?;
    if at < rest.len() {
        return Err("template: unexpected right paren".to_owned());
    }
    Ok(made)
}

fn commands(tokens: &[Tok], at: &mut usize, depth: usize) -> Result<Vec<Vec<Operand>>, String> {
    if depth > MAX_DEPTH {
        return Err("template: nested too deeply".to_owned());
    }
    let mut all = Vec::new();
    let mut command: Vec<Operand> = Vec::new();
    while let Some(token) = tokens.get(*at) {
        if *token == Tok::Close {
            break;
        }
        *at += 1;
        match token {
            Tok::Space => {}
            Tok::Bar => {
                if command.is_empty() {
                    return Err("template: missing value for command".to_owned());
                }
                all.push(std::mem::take(&mut command));
            }
            Tok::Word(name) => {
                if !super::functions::known(name) {
                    return Err(format!("template: function {name:?} not defined"));
                }
                command.push(Operand::Function(name.clone()));
            }
            Tok::Constant(value) => command.push(Operand::Constant(value.clone())),
            Tok::Field(name) => {
                let joined = *at >= 2 && !matches!(tokens[*at - 2], Tok::Space | Tok::Open | Tok::Bar);
                match command.last_mut() {
                    Some(Operand::Dot(path) | Operand::Variable(_, path) | Operand::Paren(_, path)) if joined => {
                        path.push(name.clone());
                    }
                    _ => command.push(Operand::Dot(if name.is_empty() { Vec::new() } else { vec![name.clone()] })),
                }
            }
            Tok::Variable(name) => command.push(Operand::Variable(name.clone(), Vec::new())),
            Tok::Open => {
                let inner = commands(tokens, at, depth + 1)?;
                if tokens.get(*at) != Some(&Tok::Close) {
                    return Err("template: unclosed left paren".to_owned());
                }
                *at += 1;
                command.push(Operand::Paren(Pipe { commands: inner, ..Pipe::default() }, Vec::new()));
            }
            _ => return Err("template: unexpected token in operand".to_owned()),
        }
    }
    if command.is_empty() {
        return Err("template: missing value for command".to_owned());
    }
    all.push(command);
    Ok(all)
}

// ----------------------------------------------------------------------------------------------------------------- run

struct Run<'r, 'a> {
    entry: &'r Entry<'a>,
    regexes: &'r Regexes,
    variables: Vec<(String, Val)>,
    out: String,
    steps: usize,
}

impl Run<'_, '_> {
    fn nodes(&mut self, nodes: &[Node], dot: Option<&Val>) -> Result<(), String> {
        let known = self.variables.len();
        for node in nodes {
            self.steps += 1;
            if self.steps > MAX_STEPS {
                return Err("template: too many steps".to_owned());
            }
            match node {
                Node::Text(text) => self.out.push_str(text),
                Node::Action(pipe) => {
                    let value = self.pipe(pipe, dot)?;
                    if pipe.declares.is_empty() {
                        let text = show(&value);
                        self.out.push_str(&text);
                    }
                }
                Node::If(condition, body, otherwise) => {
                    let before = self.variables.len();
                    let holds = truth(&self.pipe(condition, dot)?);
                    self.nodes(if holds { body } else { otherwise }, dot)?;
                    self.variables.truncate(before);
                }
                Node::With(subject, body, otherwise) => {
                    let before = self.variables.len();
                    let value = self.pipe(subject, dot)?;
                    if truth(&value) {
                        self.nodes(body, Some(&value))?;
                    } else {
                        self.nodes(otherwise, dot)?;
                    }
                    self.variables.truncate(before);
                }
                Node::Range(subject, body, otherwise) => self.range(subject, body, otherwise, dot)?,
            }
            if self.out.len() > MAX_OUTPUT {
                return Err("template: the output is larger than 1 MiB".to_owned());
            }
        }
        self.variables.truncate(known);
        Ok(())
    }

    fn range(&mut self, subject: &Pipe, body: &[Node], otherwise: &[Node], dot: Option<&Val>) -> Result<(), String> {
        let before = self.variables.len();
        let plain = Pipe { declares: Vec::new(), ..subject.clone() };
        let items: Vec<(Val, Val)> = match self.pipe(&plain, dot)? {
            Val::List(items) => items.into_iter().enumerate().map(|(n, item)| (Val::Int(n as i64), item)).collect(),
            Val::Map(mut members) => {
                members.sort_by(|one, other| one.0.cmp(&other.0));
                members.into_iter().map(|(key, value)| (Val::Text(key), value)).collect()
            }
            Val::Int(count) => (0..count.clamp(0, MAX_STEPS as i64)).map(|n| (Val::Int(n), Val::Int(n))).collect(),
            Val::Nil => Vec::new(),
            other => return Err(format!("template: range can't iterate over {}", show(&other))),
        };
        if items.is_empty() {
            return self.nodes(otherwise, dot);
        }
        for (key, item) in items {
            match &subject.declares[..] {
                [] => {}
                [value] => self.variables.push((value.clone(), item.clone())),
                [index, value, ..] => {
                    self.variables.push((index.clone(), key));
                    self.variables.push((value.clone(), item.clone()));
                }
            }
            self.nodes(body, Some(&item))?;
            self.variables.truncate(before);
        }
        Ok(())
    }

    fn pipe(&mut self, pipe: &Pipe, dot: Option<&Val>) -> Result<Val, String> {
        let mut last: Option<Val> = None;
        for command in &pipe.commands {
            self.steps += 1;
            if self.steps > MAX_STEPS {
                return Err("template: too many steps".to_owned());
            }
            last = Some(self.command(command, dot, last)?);
        }
        let value = last.unwrap_or(Val::Nil);
        for name in &pipe.declares {
            if pipe.assigns {
                let known = self.variables.iter_mut().rev().find(|(known, _)| known == name);
                known.ok_or_else(|| format!("template: undefined variable ${name}"))?.1 = value.clone();
            } else {
                self.variables.push((name.clone(), value.clone()));
            }
        }
        Ok(value)
    }

    fn command(&mut self, command: &[Operand], dot: Option<&Val>, last: Option<Val>) -> Result<Val, String> {
        let Some((Operand::Function(name), rest)) = command.split_first() else {
            if command.len() > 1 || last.is_some() {
                return Err("template: can't give argument to non-function".to_owned());
            }
            return command.first().map_or(Ok(Val::Nil), |operand| self.operand(operand, dot));
        };
        // `and` and `or` stop where the answer is known.
        if matches!(name.as_str(), "and" | "or") {
            let mut value = Val::Nil;
            for operand in rest {
                value = self.operand(operand, dot)?;
                if truth(&value) == (name == "or") {
                    return Ok(value);
                }
            }
            return Ok(last.unwrap_or(value));
        }
        let mut arguments = Vec::with_capacity(rest.len() + 1);
        for operand in rest {
            arguments.push(self.operand(operand, dot)?);
        }
        arguments.extend(last);
        let value = call(name, &arguments, self.entry, self.regexes)?;
        if matches!(&value, Val::Text(text) if text.len() > MAX_OUTPUT) {
            return Err("template: a value is larger than 1 MiB".to_owned());
        }
        Ok(value)
    }

    fn operand(&mut self, operand: &Operand, dot: Option<&Val>) -> Result<Val, String> {
        let (base, path) = match operand {
            Operand::Constant(value) => return Ok(value.clone()),
            Operand::Function(name) => return call(name, &[], self.entry, self.regexes),
            Operand::Dot(path) => match dot {
                Some(value) => (value.clone(), &path[..]),
                None => match path.split_first() {
                    Some((name, rest)) => (Val::Text(self.entry.get(name).to_owned()), rest),
                    None => return Ok(self.labels()),
                },
            },
            Operand::Variable(name, path) if name.is_empty() => match path.split_first() {
                Some((label, rest)) => (Val::Text(self.entry.get(label).to_owned()), rest),
                None => return Ok(self.labels()),
            },
            Operand::Variable(name, path) => {
                let known = self.variables.iter().rev().find(|(known, _)| known == name);
                (known.ok_or_else(|| format!("template: undefined variable ${name}"))?.1.clone(), &path[..])
            }
            Operand::Paren(pipe, path) => (self.pipe(pipe, dot)?, &path[..]),
        };
        path.iter().try_fold(base, |value, name| match value {
            Val::Map(members) => {
                Ok(members.into_iter().find(|(key, _)| key == name).map_or(Val::Nil, |(_, value)| value))
            }
            Val::Nil => Ok(Val::Nil),
            _ => Err(format!("template: can't evaluate field {name}")),
        })
    }

    fn labels(&self) -> Val {
        let mut members: Vec<(String, Val)> =
            self.entry.labels.iter().map(|l| (l.name.to_string(), Val::Text(l.value.to_string()))).collect();
        members.sort_by(|one, other| one.0.cmp(&other.0));
        Val::Map(members)
    }
}

/// Is a value what Go's templates take for true?
pub(crate) fn truth(value: &Val) -> bool {
    match value {
        Val::Nil => false,
        Val::Bool(value) => *value,
        Val::Int(number) => *number != 0,
        Val::Float(number) => *number != 0.0,
        Val::Text(text) => !text.is_empty(),
        Val::List(items) => !items.is_empty(),
        Val::Map(members) => !members.is_empty(),
        Val::Time(..) => true,
    }
}

/// A value as Go prints it.
pub(crate) fn show(value: &Val) -> String {
    match value {
        Val::Nil => "<no value>".to_owned(),
        Val::Bool(value) => value.to_string(),
        Val::Int(number) => number.to_string(),
        Val::Float(number) => go_float(*number),
        Val::Text(text) => text.clone(),
        Val::List(items) => format!("[{}]", items.iter().map(show).collect::<Vec<_>>().join(" ")),
        Val::Map(members) => {
            let shown: Vec<String> = members.iter().map(|(key, value)| format!("{key}:{}", show(value))).collect();
            format!("map[{}]", shown.join(" "))
        }
        Val::Time(ns, offset) => super::layout::format(*ns, *offset, "2006-01-02 15:04:05.999999999 -0700 MST"),
    }
}

/// A float as Go's `%v` has it: an exponent below 1e-4 and from 1e21 on.
pub(crate) fn go_float(number: f64) -> String {
    let size = number.abs();
    if number.is_finite() && size != 0.0 && !(1e-4..1e21).contains(&size) {
        let text = format!("{number:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let exponent: i32 = exponent.parse().unwrap_or(0);
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{digits}e{sign}{:02}", exponent.abs());
    }
    super::units::format_float(number)
}
