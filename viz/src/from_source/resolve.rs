//! From a path to what it stands for: through modules, `use` and globs.

use std::rc::Rc;

use super::tables::{Def, Space, Tables};

/// Longest chain of `use` that is followed.
const DEEPEST: usize = 24;

impl Tables<'_> {
    /// What a path means in a module, and the names of it that are left: `Peer::new` leaves `new`.
    /// `None` when it leads out of the source.
    pub(super) fn resolve<'p>(
        &self,
        module: usize,
        path: &'p [String],
        space: Space,
    ) -> Option<(Def, &'p [String])> {
        let key = (module, path.to_vec(), space);
        let known = self.resolved.borrow().get(&key).cloned();
        let found = known.unwrap_or_else(|| {
            let found = self.follow(module, path, space, 0);
            self.visited.borrow_mut().clear();
            let found = found.map(|(def, rest)| (def, rest.len()));
            self.resolved.borrow_mut().insert(key, found.clone());
            found
        });
        found.map(|(def, rest)| (def, &path[path.len() - rest..]))
    }

    fn follow<'p>(
        &self,
        module: usize,
        path: &'p [String],
        space: Space,
        depth: usize,
    ) -> Option<(Def, &'p [String])> {
        let (first, mut rest) = path.split_first()?;
        if depth > DEEPEST {
            return None;
        }
        let wanted = if rest.is_empty() { space } else { Space::Type };
        let mut def = match first.as_str() {
            "crate" | "$crate" => Def::Module(self.modules[module].root),
            "self" => Def::Module(self.around(module)),
            "super" => Def::Module(self.modules[self.around(module)].parent?),
            // `::std` begins outside.
            "" => {
                let (name, behind) = rest.split_first()?;
                rest = behind;
                Def::Module(*self.crates.get(name.as_str())?)
            }
            name => self.lookup(module, name, wanted, depth + 1)?,
        };
        while let Def::Module(inner) = def {
            let Some((name, behind)) = rest.split_first() else { break };
            let wanted = if behind.is_empty() { space } else { Space::Type };
            rest = behind;
            def = match name.as_str() {
                "super" => Def::Module(self.modules[inner].parent?),
                "self" => Def::Module(inner),
                name => self.lookup_in(inner, name, wanted, depth + 1)?,
            };
        }
        // A variant is the second name of its type.
        if let (Def::Type(index), Some((name, behind))) = (&def, rest.split_first())
            && self.types[*index].names.contains_key(name.as_str())
        {
            return Some((Def::Variant(*index, name.as_str().into()), behind));
        }
        Some((def, rest))
    }

    /// The module itself, from inside a function's block.
    fn around(&self, module: usize) -> usize {
        let mut at = module;
        while let (true, Some(parent)) = (self.modules[at].is_block, self.modules[at].parent) {
            at = parent;
        }
        at
    }

    /// A name as it is seen from inside a module.
    fn lookup(&self, module: usize, name: &str, space: Space, depth: usize) -> Option<Def> {
        let mut at = Some(module);
        while let Some(index) = at {
            if let Some(found) = self.lookup_in(index, name, space, depth) {
                return Some(found);
            }
            at = self.modules[index].parent.filter(|_| self.modules[index].is_block);
        }
        // Macros are seen by their names behind their place, in inner modules too.
        if space == Space::Macro
            && let Some(parent) = self.modules[module].parent
        {
            return self.lookup(parent, name, space, depth);
        }
        self.crates.get(name).filter(|_| space == Space::Type).map(|root| Def::Module(*root))
    }

    /// A name that a module has: its own, or one that it brings in.
    fn lookup_in(&self, module: usize, name: &str, space: Space, depth: usize) -> Option<Def> {
        // Globs that lead to each other are gone through once for a name.
        let key = (module, Rc::from(name), space);
        if depth > DEEPEST || !self.visited.borrow_mut().insert(key.clone()) {
            return None;
        }
        let found = self.find_in(module, name, space, depth);
        if found.is_some() {
            self.visited.borrow_mut().remove(&key);
        }
        found
    }

    fn find_in(&self, module: usize, name: &str, space: Space, depth: usize) -> Option<Def> {
        let known = &self.modules[module];
        let own = known.names.get(name).into_iter().flatten();
        for def in own.filter(|def| def.is_in(space)) {
            match def {
                Def::Use(path) => {
                    // A name that brings in itself, from outside: `use tracing;`.
                    let is_itself = path.len() == 1 && path[0] == name;
                    let found = match is_itself {
                        true => self.crates.get(name).map(|root| Def::Module(*root)),
                        false => self
                            .follow(module, path, space, depth + 1)
                            .filter(|(_, rest)| rest.is_empty())
                            .map(|(def, _)| def),
                    };
                    match found {
                        Some(def) if def.is_in(space) => return Some(def),
                        // It may be in another name space of the same path.
                        Some(_) => {}
                        None if self.leads_out(module, path) => {
                            return path.last().map(|last| Def::Foreign(last.as_str().into()));
                        }
                        None => {}
                    }
                }
                other => return Some(other.clone()),
            }
        }
        known.globs.iter().find_map(|path| {
            match self.follow(module, path, Space::Type, depth + 1) {
                Some((Def::Module(inner), [])) if inner != module => {
                    self.lookup_in(inner, name, space, depth + 1)
                }
                Some((Def::Type(index), [])) => {
                    let name: Rc<str> = name.into();
                    self.types[index].names.contains_key(&name).then_some(Def::Variant(index, name))
                }
                _ => None,
            }
        })
    }

    /// Whether a path begins outside of the source.
    fn leads_out(&self, module: usize, path: &[String]) -> bool {
        match path.first().map(String::as_str) {
            None | Some("crate" | "self" | "super" | "$crate") => false,
            Some("") => path.get(1).is_none_or(|name| !self.crates.contains_key(name)),
            Some(first) => {
                let is_here = self.modules[module].names.get(first).is_some_and(|defs| {
                    defs.iter().any(|def| matches!(def, Def::Module(_) | Def::Type(_)))
                });
                !is_here && !self.crates.contains_key(first)
            }
        }
    }
}
