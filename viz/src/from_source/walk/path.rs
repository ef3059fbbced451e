//! Paths in expressions: what they name, and functions that are named without being called.

use std::rc::Rc;

use syn::ExprPath;

use super::{At, Walker, path_line};
use crate::from_source::CallKind;
use crate::from_source::lookup::Found;
use crate::from_source::lower::segments;
use crate::from_source::tables::{Def, Space};
use crate::from_source::ty::{Known, Signature, Ty};

/// What a path names.
pub(super) enum Named {
    /// A variable of this type.
    Variable(Ty),
    /// A free function.
    Function(usize),
    /// A function, constant or associated type of a type: `Peer::new`.
    Member(Ty, String),
    /// A member of a trait: `Engine::snapshot`.
    OfTrait(usize, String),
    /// A tuple struct or unit struct.
    Struct(usize),
    /// A variant.
    Variant(usize, Rc<str>),
    Constant(usize),
    /// Something from outside: the name of its type, if it has one, and its own.
    Outside(Option<String>, String),
    /// A path into the source that leads to nothing.
    Nothing,
}

impl Walker<'_, '_> {
    /// What a path in an expression names.
    pub(super) fn named(&self, expr: &ExprPath) -> Named {
        let names = segments(&expr.path);
        let Some(last) = names.last().cloned() else { return Named::Nothing };
        if let Some(of) = &expr.qself {
            let ty = self.tables.lower(&of.ty, self.scope());
            // `<T as Trait>::f`: of a type that is not known the trait says what may run.
            let above: Vec<String> = names[..names.len() - 1].to_vec();
            if let Some((Def::Trait(index), [])) =
                self.tables.resolve(self.module, &above, Space::Type)
                && !matches!(self.tables.method(&ty, &last), Found::Function(..))
            {
                return Named::OfTrait(index, last);
            }
            return Named::Member(ty, last);
        }
        if let [name] = names.as_slice()
            && let Some(ty) = self.variable(name)
        {
            return Named::Variable(ty.clone());
        }
        let generic = self.generics.iter().rev().find(|(known, _)| *known == names[0]);
        let base = match (&self.self_ty, generic) {
            (Some(self_ty), _) if names[0] == "Self" => Some(self_ty.clone()),
            (_, Some((_, index))) => Some(Ty::Param(*index)),
            _ => None,
        };
        if let Some(base) = base {
            return self.member_of(base, &names[1..]);
        }
        match self.tables.resolve(self.module, &names, Space::Value) {
            Some((Def::Function(index), [])) => Named::Function(index),
            Some((Def::Constant(index), [])) => Named::Constant(index),
            Some((Def::Variant(of, variant), [])) => Named::Variant(of, variant),
            Some((Def::Type(index), rest)) => {
                let at = expr.path.segments.len().saturating_sub(rest.len() + 1);
                let args = expr
                    .path
                    .segments
                    .get(at)
                    .map(|segment| self.tables.arguments(&segment.arguments, self.scope(), 0));
                let ty = self.tables.type_of(index, &args.unwrap_or_default());
                match (rest, &ty) {
                    ([], Ty::Local(index, _)) => Named::Struct(*index),
                    ([], _) => Named::Nothing,
                    _ => self.member_of(ty, rest),
                }
            }
            Some((Def::Trait(index), [name])) => Named::OfTrait(index, name.clone()),
            Some((Def::Foreign(name), rest)) => match rest {
                [] => Named::Outside(None, name.to_string()),
                [.., last] => Named::Outside(Some(name.to_string()), last.clone()),
            },
            _ => {
                let is_inside = matches!(names[0].as_str(), "crate" | "self" | "super");
                let above = names.len().checked_sub(2).map(|at| names[at].clone());
                let is_type = |name: &String| name.starts_with(char::is_uppercase);
                match is_inside && above.as_ref().is_none_or(|it| !is_type(it)) {
                    true => Named::Nothing,
                    // A primitive type has functions too: `u64::from_le_bytes`.
                    false => Named::Outside(above, last),
                }
            }
        }
    }

    fn member_of(&self, base: Ty, rest: &[String]) -> Named {
        match (rest, &base) {
            ([], Ty::Local(index, _)) => Named::Struct(*index),
            ([], _) => Named::Nothing,
            ([name], Ty::Local(index, _))
                if self.tables.types[*index].variants.contains_key(name.as_str()) =>
            {
                Named::Variant(*index, name.as_str().into())
            }
            ([name], _) => Named::Member(base, name.clone()),
            ([assoc, rest @ ..], _) => {
                let inner = self.tables.assoc(&base, assoc, 0);
                self.member_of(inner, rest)
            }
        }
    }

    /// A path that is not called: a function that it names is kept, or handed over.
    pub(super) fn path_value(&mut self, expr: &ExprPath, kind: CallKind) -> Ty {
        let at = At { line: path_line(&expr.path), kind };
        match self.named(expr) {
            Named::Variable(ty) => ty,
            Named::Function(index) => {
                self.edge(index, at, None, false);
                self.function_value(index, &Known::new())
            }
            Named::Member(ty, name) => match self.tables.method(&ty, &name) {
                Found::Function(index, _) => {
                    self.edge(index, at, None, false);
                    let known = self.known_of(index, &ty);
                    self.function_value(index, &known)
                }
                Found::Trait(declared, _) => {
                    self.dispatch(declared, at);
                    self.function_value(declared, &self.known_of(declared, &ty))
                }
                Found::Outside(_) | Found::Unknown => match self.tables.assoc(&ty, &name, 0) {
                    Ty::Assoc(..) if ty.is_opaque() => Ty::opaque(),
                    Ty::Assoc(..) => Ty::Unknown,
                    known => known,
                },
            },
            Named::OfTrait(of, name) => match self.tables.declared(of, &name) {
                Some(declared) => {
                    self.dispatch(declared, at);
                    self.function_value(declared, &Known::new())
                }
                None => Ty::Unknown,
            },
            Named::Struct(index) => {
                self.mention(index, "", at.line);
                let of = &self.tables.types[index];
                let made = self.tables.type_of(index, &[]);
                match of.fields.first() {
                    // A tuple struct is the function that makes it.
                    Some((first, _)) if &**first == "0" => {
                        let inputs = of.fields.iter().map(|(_, ty)| ty.clone()).collect();
                        let signature = Signature { inputs, output: made, is_known: true };
                        Ty::Function(Rc::new(signature))
                    }
                    _ => made,
                }
            }
            Named::Variant(of, variant) => {
                self.mention(of, &variant, at.line);
                let made = self.tables.type_of(of, &[]);
                match self.tables.types[of].variants.get(&variant) {
                    Some(fields) if !fields.is_empty() => {
                        let inputs = fields.iter().map(|(_, ty)| ty.clone()).collect();
                        let signature = Signature { inputs, output: made, is_known: true };
                        Ty::Function(Rc::new(signature))
                    }
                    _ => made,
                }
            }
            Named::Constant(index) => {
                let (_, _, ty, name) = &self.tables.constants[index];
                let mention = super::Mention { from: self.function, to: *name, line: at.line };
                self.noted.mentions.push(mention);
                ty.clone()
            }
            Named::Outside(None, name) if name == "None" => Ty::option(Ty::Unknown),
            Named::Outside(above, name) => {
                // `Some` and `Vec::new` as values are functions.
                let output = match (&above, name.as_str()) {
                    (None, "Some") => Ty::option(Ty::Unknown),
                    (Some(above), "new" | "default") => Ty::foreign(above, [Ty::Unknown]),
                    _ => return Ty::opaque(),
                };
                Ty::Function(Rc::new(Signature { inputs: Vec::new(), output, is_known: true }))
            }
            Named::Nothing => Ty::Unknown,
        }
    }

    /// A function as a value.
    fn function_value(&self, index: usize, known: &Known) -> Ty {
        let this = &self.tables.functions[index];
        Ty::Function(Rc::new(Signature {
            inputs: this.inputs.iter().map(|ty| ty.with(known)).collect(),
            output: self.tables.normal(&this.output.with(known)),
            is_known: true,
        }))
    }
}
