//! Cuts DOT text into tokens by the rules of Graphviz' scanner.
//!
//! Tokens borrow the text wherever it stands as it is meant; positions are byte offsets.

use std::borrow::Cow;

use super::error::DotFault;

/// A fault and the byte where it is.
pub(super) type Fault = (usize, DotFault);

/// One token.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token<'a> {
    /// A name or number without quotes; may be a keyword.
    Word(&'a str),
    /// A quoted string, joined over `+`. Backslashes stay: labels have their own rules for them.
    Quoted(Cow<'a, str>),
    /// An HTML label without its outer angle brackets.
    Html(&'a str),
    /// `->` or `--`.
    Arrow(&'static str),
    /// One of `{}[]=;,:@`.
    Mark(u8),
    End,
}

pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Lexer<'a> {
        let at = if text.starts_with('\u{feff}') { 3 } else { 0 };
        Lexer { text, at }
    }

    /// The next token with the byte that it begins at.
    pub(super) fn next(&mut self) -> Result<(usize, Token<'a>), Fault> {
        self.skip_blank()?;
        let start = self.at;
        let bytes = self.text.as_bytes();
        let Some(first) = bytes.get(start).copied() else { return Ok((start, Token::End)) };
        let token = match first {
            b'{' | b'}' | b'[' | b']' | b'=' | b';' | b',' | b':' | b'@' => {
                self.at += 1;
                Token::Mark(first)
            }
            b'"' | b'<' => self.joined()?,
            b'-' => match bytes.get(start + 1) {
                Some(b'>') => self.arrow("->"),
                Some(b'-') => self.arrow("--"),
                Some(b'0'..=b'9' | b'.') => self.word(start)?,
                _ => return Err((start, DotFault::Character { character: '-' })),
            },
            _ => self.word(start)?,
        };
        Ok((start, token))
    }

    fn arrow(&mut self, sign: &'static str) -> Token<'a> {
        self.at += 2;
        Token::Arrow(sign)
    }

    /// Blanks and comments.
    fn skip_blank(&mut self) -> Result<(), Fault> {
        let bytes = self.text.as_bytes();
        loop {
            let rest = &bytes[self.at..];
            match rest {
                // Graphviz passes over what follows `#`, wherever in a line it stands.
                [b'#', ..] | [b'/', b'/', ..] => self.skip_line(),
                [b'/', b'*', ..] => {
                    let end = self.text[self.at + 2..].find("*/").ok_or((
                        self.at,
                        DotFault::Unterminated { what: "a comment", close: "`*/`" },
                    ))?;
                    self.at += end + 4;
                }
                [b' ' | b'\t' | b'\r' | b'\n' | 0x0b | 0x0c, ..] => self.at += 1,
                // Marks of byte order, left by tools that join files.
                [0xef, 0xbb, 0xbf, ..] => self.at += 3,
                _ => return Ok(()),
            }
        }
    }

    fn skip_line(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.find('\n').unwrap_or(rest.len());
    }

    /// A name, or a number, which ends where its digits end.
    fn word(&mut self, start: usize) -> Result<Token<'a>, Fault> {
        let bytes = self.text.as_bytes();
        let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || *byte >= 0x80;
        let first = bytes[start];
        let length = if first.is_ascii_digit() || first == b'-' || first == b'.' {
            number_length(&bytes[start..])
        } else {
            bytes[start..].iter().take_while(|byte| is_name(byte)).count()
        };
        if length == 0 {
            let character = self.text[start..].chars().next().unwrap_or_default();
            return Err((start, DotFault::Character { character }));
        }
        self.at = start + length;
        Ok(Token::Word(&self.text[start..self.at]))
    }

    /// A string or an HTML label, and those joined to it by `+`.
    fn joined(&mut self) -> Result<Token<'a>, Fault> {
        let first = self.one_piece()?;
        let mut whole = match first {
            Token::Quoted(text) => text,
            Token::Html(text) => Cow::Borrowed(text),
            other => return Ok(other),
        };
        let mut is_html = self.text.as_bytes()[self.at - 1] == b'>';
        loop {
            let behind = self.at;
            self.skip_blank()?;
            if !self.text[self.at..].starts_with('+') {
                self.at = behind;
                return Ok(match (is_html, whole) {
                    (true, Cow::Borrowed(text)) => Token::Html(text),
                    (_, text) => Token::Quoted(text),
                });
            }
            self.at += 1;
            self.skip_blank()?;
            is_html = false;
            match self.one_piece()? {
                Token::Quoted(more) => whole.to_mut().push_str(&more),
                Token::Html(more) => whole.to_mut().push_str(more),
                _ => {
                    let found = self.text[self.at..].chars().next();
                    let found =
                        found.map_or("the end of the file".to_owned(), |c| format!("`{c}`"));
                    let expected = "the next piece of the string, in quotes,";
                    return Err((self.at, DotFault::Unexpected { found, expected }));
                }
            }
        }
    }

    /// One string or HTML label; [`Token::End`] stands for anything else.
    fn one_piece(&mut self) -> Result<Token<'a>, Fault> {
        match self.text.as_bytes().get(self.at) {
            Some(b'"') => Ok(Token::Quoted(self.one_string()?)),
            Some(b'<') => self.html(),
            _ => Ok(Token::End),
        }
    }

    /// From quote to quote: `\"` is a quote, and a backslash before a line end joins the lines.
    fn one_string(&mut self) -> Result<Cow<'a, str>, Fault> {
        let (text, start) = (self.text, self.at + 1);
        let bytes = text.as_bytes();
        let mut whole = Cow::Borrowed("");
        let (mut at, mut copied) = (start, start);
        let piece = |whole: &mut Cow<'a, str>, from: usize, to: usize| match whole.is_empty() {
            true => *whole = Cow::Borrowed(&text[from..to]),
            false => whole.to_mut().push_str(&text[from..to]),
        };
        loop {
            match &bytes[at.min(bytes.len())..] {
                [] => {
                    let fault = DotFault::Unterminated { what: "a string", close: "`\"`" };
                    return Err((start - 1, fault));
                }
                [b'"', ..] => {
                    piece(&mut whole, copied, at);
                    self.at = at + 1;
                    return Ok(whole);
                }
                [b'\\', b'"', ..] => {
                    piece(&mut whole, copied, at);
                    (at, copied) = (at + 2, at + 1);
                }
                [b'\\', b'\r', b'\n', ..] => {
                    piece(&mut whole, copied, at);
                    (at, copied) = (at + 3, at + 3);
                }
                [b'\\', b'\n', ..] => {
                    piece(&mut whole, copied, at);
                    (at, copied) = (at + 2, at + 2);
                }
                [b'\\', b'\\', ..] => at += 2,
                _ => at += 1,
            }
        }
    }

    /// From `<` to the `>` that matches it, in comments and quotes too, as Graphviz counts them.
    fn html(&mut self) -> Result<Token<'a>, Fault> {
        let start = self.at + 1;
        let bytes = self.text.as_bytes();
        let (mut at, mut depth) = (start, 1usize);
        loop {
            match bytes.get(at) {
                None => {
                    let fault = DotFault::Unterminated { what: "an HTML label", close: "`>`" };
                    return Err((start - 1, fault));
                }
                Some(b'<') => depth += 1,
                Some(b'>') if depth == 1 => {
                    self.at = at + 1;
                    return Ok(Token::Html(&self.text[start..at]));
                }
                Some(b'>') => depth -= 1,
                Some(_) => {}
            }
            at += 1;
        }
    }
}

/// Length of `-?(d+(.d*)?|.d+)`; zero if the bytes begin otherwise.
fn number_length(bytes: &[u8]) -> usize {
    let digits =
        |from: usize| bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let sign = usize::from(bytes[0] == b'-');
    let whole = digits(sign);
    let mut at = sign + whole;
    if bytes.get(at) == Some(&b'.') {
        let part = digits(at + 1);
        if whole + part == 0 {
            return 0;
        }
        at += 1 + part;
    }
    if at == sign { 0 } else { at }
}
