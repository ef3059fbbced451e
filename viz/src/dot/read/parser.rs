//! The grammar of DOT by recursive descent, one function a rule; it only recurses into groups.

use std::rc::Rc;

use super::document::{Attributes, Document, EdgeEnd, Kind, Value};
use super::error::DotFault;
use super::lexer::{Fault, Lexer, Token};

/// Deepest nesting of braces; hand-drawn charts have three or four.
pub(super) const DEEPEST: usize = 500;

/// Reads a whole file.
pub(super) fn parse(text: &str) -> Result<Document, Fault> {
    let mut lexer = Lexer::new(text);
    let (at, token) = lexer.next()?;
    let mut parser = Parser { lexer, at, token, depth: 0 };
    if parser.token == Token::End {
        return Err((parser.at, DotFault::NoGraph));
    }
    let mut first = parser.graph()?;
    while parser.token != Token::End {
        parser.graph()?;
        first.more_graphs += 1;
    }
    Ok(first)
}

/// One end of an arrow.
enum Group {
    Nodes(Vec<EdgeEnd>),
    Subgraph(usize),
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    at: usize,
    token: Token<'a>,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn advance(&mut self) -> Result<Token<'a>, Fault> {
        let (at, next) = self.lexer.next()?;
        self.at = at;
        Ok(std::mem::replace(&mut self.token, next))
    }

    fn is_mark(&self, mark: u8) -> bool {
        self.token == Token::Mark(mark)
    }

    /// Takes `mark` if it is there.
    fn take(&mut self, mark: u8) -> Result<bool, Fault> {
        let is_there = self.is_mark(mark);
        if is_there {
            self.advance()?;
        }
        Ok(is_there)
    }

    fn expect(&mut self, mark: u8, expected: &'static str) -> Result<(), Fault> {
        if self.take(mark)? { Ok(()) } else { Err(self.unexpected(expected)) }
    }

    fn unexpected(&self, expected: &'static str) -> Fault {
        let found = match &self.token {
            Token::Word(word) => format!("`{}`", short(word)),
            Token::Quoted(text) => format!("the string \"{}\"", short(text)),
            Token::Html(_) => "an HTML label".to_owned(),
            Token::Arrow(sign) => format!("`{sign}`"),
            Token::Mark(mark) => format!("`{}`", char::from(*mark)),
            Token::End => "the end of the file".to_owned(),
        };
        (self.at, DotFault::Unexpected { found, expected })
    }

    /// Whether the next token is this keyword, in any case.
    fn is_keyword(&self, keyword: &str) -> bool {
        matches!(self.token, Token::Word(word) if word.eq_ignore_ascii_case(keyword))
    }

    fn graph(&mut self) -> Result<Document, Fault> {
        const BEGINNING: &str = "`digraph` or `graph`";
        let is_strict = self.is_keyword("strict");
        if is_strict {
            self.advance()?;
        }
        let is_directed = self.is_keyword("digraph");
        if !is_directed && !self.is_keyword("graph") {
            return Err(self.unexpected(BEGINNING));
        }
        self.advance()?;
        let name = self.optional_atom()?.map(|value| value.text);
        let mut document = Document::new(is_strict, is_directed, name);
        self.expect(b'{', "`{`")?;
        self.statements(&mut document, 0)?;
        self.expect(b'}', "a statement or `}`")?;
        Ok(document)
    }

    fn statements(&mut self, document: &mut Document, scope: usize) -> Result<(), Fault> {
        while !self.is_mark(b'}') && self.token != Token::End {
            self.statement(document, scope)?;
            self.take(b';')?;
        }
        Ok(())
    }

    fn statement(&mut self, document: &mut Document, scope: usize) -> Result<(), Fault> {
        let kinds = [("graph", Kind::Graph), ("node", Kind::Node), ("edge", Kind::Edge)];
        for (keyword, kind) in kinds {
            if self.is_keyword(keyword) {
                let at = self.at;
                self.advance()?;
                if !self.is_mark(b'[') {
                    return Err(self.unexpected("`[` with defaults"));
                }
                let list = self.attributes()?;
                return document.set_defaults(scope, kind, &list).map_err(|fault| (at, fault));
            }
        }
        if self.is_mark(b'{') || self.is_keyword("subgraph") {
            let group = self.subgraph(document, scope)?;
            return self.compound(document, scope, Group::Subgraph(group));
        }
        let at = self.at;
        let Some(name) = self.optional_atom()? else {
            return Err(self.unexpected("a statement or `}`"));
        };
        if self.take(b'=')? {
            let value = self.atom("a value")?;
            let list = vec![(name.text, value)];
            return document.set_defaults(scope, Kind::Graph, &list).map_err(|fault| (at, fault));
        }
        let nodes = self.nodes(document, scope, name.text)?;
        self.compound(document, scope, Group::Nodes(nodes))
    }

    /// What follows the first end: further ends, then attributes for all of it.
    fn compound(
        &mut self,
        document: &mut Document,
        scope: usize,
        first: Group,
    ) -> Result<(), Fault> {
        let mut groups = vec![first];
        let at = self.at;
        while let Token::Arrow(found) = self.token {
            let expected = if document.is_directed { "->" } else { "--" };
            if found != expected {
                return Err((self.at, DotFault::WrongArrow { found, expected }));
            }
            self.advance()?;
            groups.push(self.group(document, scope)?);
        }
        let list = self.attributes()?;
        if let [Group::Nodes(nodes)] = groups.as_slice() {
            nodes.iter().for_each(|end| document.set_node(end.node, &list));
            return Ok(());
        }
        if groups.len() == 1 {
            return Ok(());
        }
        let ends: Vec<Vec<EdgeEnd>> = groups.into_iter().map(|of| ends(document, of)).collect();
        for pair in ends.windows(2) {
            document.edges(scope, (&pair[0], &pair[1]), &list).map_err(|fault| (at, fault))?;
        }
        Ok(())
    }

    fn group(&mut self, document: &mut Document, scope: usize) -> Result<Group, Fault> {
        if self.is_mark(b'{') || self.is_keyword("subgraph") {
            return Ok(Group::Subgraph(self.subgraph(document, scope)?));
        }
        let name = self.atom("the end of an arrow: a name or a group in braces")?;
        Ok(Group::Nodes(self.nodes(document, scope, name.text)?))
    }

    /// One or more nodes between commas, each with its port; `name` is already read.
    fn nodes(
        &mut self,
        document: &mut Document,
        scope: usize,
        name: Rc<str>,
    ) -> Result<Vec<EdgeEnd>, Fault> {
        let mut ends = Vec::new();
        let mut name = name;
        loop {
            let node = document.node(scope, name);
            document.check_room().map_err(|fault| (self.at, fault))?;
            let mut port: Option<Rc<str>> = None;
            if self.take(b':')? {
                let first = self.atom("a port")?.text;
                port = Some(match self.take(b':')? {
                    true => format!("{first}:{}", self.atom("a compass point")?.text).into(),
                    false => first,
                });
            }
            ends.push(EdgeEnd { node, port });
            if !self.take(b',')? {
                return Ok(ends);
            }
            name = self.atom("the name of a box")?.text;
        }
    }

    fn subgraph(&mut self, document: &mut Document, scope: usize) -> Result<usize, Fault> {
        let at = self.at;
        let mut name = None;
        if self.is_keyword("subgraph") {
            self.advance()?;
            name = self.optional_atom()?.map(|value| value.text);
        }
        self.depth += 1;
        document.check_room().map_err(|fault| (at, fault))?;
        if self.depth > DEEPEST {
            return Err((at, DotFault::TooDeep));
        }
        self.expect(b'{', "`{`")?;
        let index = document.subgraph(scope, name);
        self.statements(document, index)?;
        self.expect(b'}', "a statement or `}`")?;
        self.depth -= 1;
        Ok(index)
    }

    /// Any number of lists in brackets.
    fn attributes(&mut self) -> Result<Attributes, Fault> {
        let mut list = Attributes::new();
        while self.take(b'[')? {
            while !self.is_mark(b']') {
                let name = self.atom("an attribute or `]`")?.text;
                self.expect(b'=', "`=` and a value")?;
                list.push((name, self.atom("a value")?));
                if !self.take(b',')? {
                    self.take(b';')?;
                }
            }
            self.advance()?;
        }
        Ok(list)
    }

    fn atom(&mut self, expected: &'static str) -> Result<Value, Fault> {
        match self.optional_atom()? {
            Some(value) => Ok(value),
            None => Err(self.unexpected(expected)),
        }
    }

    /// A name, number, string or HTML label, if one is next; keywords are none without quotes.
    fn optional_atom(&mut self) -> Result<Option<Value>, Fault> {
        const KEYWORDS: [&str; 6] = ["strict", "graph", "digraph", "subgraph", "node", "edge"];
        match &self.token {
            Token::Word(word) if KEYWORDS.iter().any(|key| word.eq_ignore_ascii_case(key)) => {
                return Ok(None);
            }
            Token::Word(_) | Token::Quoted(_) | Token::Html(_) => {}
            Token::Arrow(_) | Token::Mark(_) | Token::End => return Ok(None),
        }
        Ok(match self.advance()? {
            Token::Word(text) | Token::Html(text) if text.is_empty() => {
                Some(Value { text: text.into(), is_html: true })
            }
            Token::Word(word) => Some(Value { text: word.into(), is_html: false }),
            Token::Quoted(text) => Some(Value { text: text.into(), is_html: false }),
            Token::Html(text) => Some(Value { text: text.into(), is_html: true }),
            Token::Arrow(_) | Token::Mark(_) | Token::End => None,
        })
    }
}

/// The nodes at one end of an arrow.
fn ends(document: &Document, group: Group) -> Vec<EdgeEnd> {
    match group {
        Group::Nodes(nodes) => nodes,
        Group::Subgraph(index) => {
            document.members(index).into_iter().map(|node| EdgeEnd { node, port: None }).collect()
        }
    }
}

/// The beginning of a text, for a message.
fn short(text: &str) -> String {
    const LONGEST: usize = 40;
    let line = text.lines().next().unwrap_or("");
    match line.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line.to_owned(),
    }
}
