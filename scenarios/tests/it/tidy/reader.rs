//! Reads a source file into the modules that stand in it: the file's own, and those written within it. What is
//! compiled for unit tests alone is passed over.

use super::module::{Import, Module, Modules, Segments};
use super::tokens::{Token, tokens};

const DEFINING: [&str; 8] = ["struct", "enum", "union", "trait", "type", "fn", "const", "static"];

/// The modules of a file, by their path from the crate's root.
pub(crate) fn read_file(file: &str, path: &[String], source: &str) -> Modules {
    let tokens = tokens(source);
    let mut reader = Reader { tokens: &tokens, at: 0, file, modules: Modules::new() };
    reader.module(path.to_vec());
    reader.modules
}

struct Reader<'a> {
    tokens: &'a [Token],
    at: usize,
    file: &'a str,
    modules: Modules,
}

/// What stands before an item and is said of it.
#[derive(Default)]
struct Said {
    public: bool,
    for_tests: bool,
    path: Option<String>,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Option<&'a Token> {
        let token = self.tokens.get(self.at);
        self.at += 1;
        token
    }

    fn peek(&self, ahead: usize) -> Option<&'a Token> {
        self.tokens.get(self.at + ahead)
    }

    fn next_is(&self, sign: char) -> bool {
        self.peek(0).is_some_and(|token| token.is_sign(sign))
    }

    fn word_at(&self, ahead: usize) -> Option<&'a str> {
        match self.peek(ahead) {
            Some(Token::Word(word)) => Some(word),
            _ => None,
        }
    }

    /// Reads a module's body, to its closing brace or the end of the file.
    fn module(&mut self, path: Segments) {
        let mut module = Module { file: self.file.to_owned(), ..Module::default() };
        let mut depth = 0_u32;
        let mut said = Said::default();
        while let Some(token) = self.next() {
            match token {
                Token::Sign('#') => {
                    self.attribute(&mut said);
                    continue;
                }
                Token::Word(word) if word == "pub" => {
                    said.public = true;
                    self.skip('(', ')');
                    continue;
                }
                Token::Sign('{') => depth += 1,
                Token::Sign('}') if depth == 0 => break,
                Token::Sign('}') => depth -= 1,
                Token::Word(word) => self.word(word, depth, &path, &mut module, &said),
                // The end of a path that begins with a type: its beginning was read.
                Token::PathSeparator if self.word_at(0).is_some() => self.at += 1,
                Token::PathSeparator | Token::Sign(_) | Token::Text(_) => {}
            }
            said = Said::default();
        }
        self.modules.insert(path, module);
    }

    fn word(&mut self, word: &str, depth: u32, path: &[String], module: &mut Module, said: &Said) {
        let name = self.word_at(0);
        match (word, name) {
            ("use", Some(_)) => self.import(module, said),
            ("mod", Some(name)) if depth == 0 => self.child(name, path, module, said),
            ("macro_rules", _) => {
                module.items.extend(self.word_at(1).map(str::to_owned));
            }
            (_, Some(name)) if depth == 0 && DEFINING.contains(&word) => {
                module.items.insert(name.to_owned());
            }
            _ => self.path(word, module),
        }
    }

    fn attribute(&mut self, said: &mut Said) {
        let from = self.at;
        if self.next_is('!') {
            self.at += 1;
        }
        self.skip('[', ']');
        match self.tokens.get(from..self.at.min(self.tokens.len())).unwrap_or_default() {
            [_, Token::Word(cfg), _, Token::Word(test), ..] if cfg == "cfg" && test == "test" => {
                said.for_tests = true;
            }
            [_, Token::Word(path), _, Token::Text(file), ..] if path == "path" => {
                said.path = Some(file.clone());
            }
            _ => {}
        }
    }

    /// Passes over what stands in brackets, if it begins here.
    fn skip(&mut self, open: char, close: char) {
        if !self.next_is(open) {
            return;
        }
        let mut depth = 0_u32;
        while let Some(token) = self.next() {
            if token.is_sign(open) {
                depth += 1;
            } else if token.is_sign(close) {
                depth -= 1;
                if depth == 0 {
                    return;
                }
            }
        }
    }

    fn child(&mut self, name: &str, path: &[String], module: &mut Module, said: &Said) {
        self.at += 1;
        if !self.next_is('{') {
            module.declared.push((name.to_owned(), said.path.clone()));
        } else if said.for_tests {
            self.skip('{', '}');
        } else {
            self.at += 1;
            self.module([path, &[name.to_owned()]].concat());
        }
    }

    fn path(&mut self, first: &str, module: &mut Module) {
        let mut path = vec![first.to_owned()];
        while let (Some(Token::PathSeparator), Some(next)) = (self.peek(0), self.word_at(1)) {
            path.push(next.to_owned());
            self.at += 2;
        }
        module.words.insert(first.to_owned());
        if path.len() > 1 {
            module.paths.insert(path);
        }
    }

    fn import(&mut self, module: &mut Module, said: &Said) {
        let mut imports = Vec::new();
        self.tree(Segments::new(), said.public, &mut imports);
        if !said.for_tests {
            module.imports.extend(imports);
        }
    }

    /// Reads one branch of a `use`, up to the comma, brace or semicolon behind it.
    fn tree(&mut self, mut path: Segments, public: bool, imports: &mut Vec<Import>) {
        while let Some(token) = self.peek(0) {
            match token {
                Token::Word(word) if word == "as" => {
                    let name = self.word_at(1).map(str::to_owned);
                    self.at += 2;
                    imports.push(Import { path, name, public });
                    return;
                }
                Token::Word(word) => path.push(word.clone()),
                Token::Sign('*') => {
                    self.at += 1;
                    imports.push(Import { path, name: None, public });
                    return;
                }
                Token::Sign('{') => return self.branches(&path, public, imports),
                Token::Sign(',' | '}' | ';') => break,
                Token::PathSeparator | Token::Sign(_) | Token::Text(_) => {}
            }
            self.at += 1;
        }
        if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        if let Some(name) = path.last().cloned() {
            imports.push(Import { path, name: Some(name), public });
        }
    }

    fn branches(&mut self, path: &[String], public: bool, imports: &mut Vec<Import>) {
        self.at += 1;
        while !self.next_is('}') && self.peek(0).is_some() {
            self.tree(path.to_vec(), public, imports);
            if self.next_is(',') {
                self.at += 1;
            }
        }
        self.at += 1;
    }
}
