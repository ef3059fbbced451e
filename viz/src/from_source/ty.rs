//! What is known of a type: as much as decides which function a call means.
//!
//! References, lifetimes, mutability and numbers are not kept: a call looks through them.

use std::collections::HashMap;
use std::rc::Rc;

/// A type.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Ty {
    /// Anything; nothing tells.
    Unknown,
    /// A type of the source: its index and arguments.
    Local(usize, Rc<[Ty]>),
    /// A type from outside by its last name: `Vec`, `u64`. `?` is one whose name is not known.
    Foreign(Rc<str>, Rc<[Ty]>),
    /// A generic parameter, by its index in the tables.
    Param(usize),
    /// Anything that has these traits: `dyn Engine`, `impl Engine`.
    Bound(Rc<[TraitRef]>),
    /// `(A, B)`.
    Tuple(Rc<[Ty]>),
    /// A closure, a function pointer, or a function.
    Function(Rc<Signature>),
    /// `E::Snapshot` while `E` is not known.
    Assoc(Rc<Ty>, Rc<str>),
}

/// What goes into a function value and comes out.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Signature {
    pub(super) inputs: Vec<Ty>,
    pub(super) output: Ty,
    /// Its body is known: it is a closure or function that was named.
    pub(super) is_known: bool,
}

/// A trait as a bound.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum TraitRef {
    /// A trait of the source, and the associated types that the bound fixes.
    Local(usize, Rc<[(Rc<str>, Ty)]>),
    /// One from outside, with its arguments, those of associated types behind the others.
    Foreign(Rc<str>, Rc<[Ty]>),
    /// `Fn(A) -> B` and its kin.
    Call(Rc<Signature>),
}

/// What stands for which generic parameter.
pub(super) type Known = HashMap<usize, Ty>;

impl Ty {
    /// A type from outside that holds nothing of the source.
    pub(super) fn opaque() -> Ty {
        Ty::foreign("?", [])
    }

    pub(super) fn foreign<const N: usize>(name: &str, args: [Ty; N]) -> Ty {
        Ty::Foreign(name.into(), args.into())
    }

    pub(super) fn option(of: Ty) -> Ty {
        Ty::foreign("Option", [of])
    }

    pub(super) fn iterator(item: Ty) -> Ty {
        Ty::foreign("Iterator", [item])
    }

    /// The argument at `at` of a type from outside; of one without arguments nothing is known.
    pub(super) fn argument(&self, at: usize) -> Ty {
        match self {
            Ty::Foreign(_, args) => args.get(at).cloned().unwrap_or(Ty::Unknown),
            _ => Ty::Unknown,
        }
    }

    pub(super) fn is_unknown(&self) -> bool {
        *self == Ty::Unknown
    }

    /// Whether nothing of the source can come out of it.
    pub(super) fn is_opaque(&self) -> bool {
        match self {
            Ty::Foreign(_, args) => args.iter().all(Ty::is_opaque),
            Ty::Tuple(parts) => parts.iter().all(Ty::is_opaque),
            Ty::Unknown | Ty::Local(..) | Ty::Param(_) | Ty::Bound(_) | Ty::Assoc(..) => false,
            Ty::Function(_) => false,
        }
    }

    /// The type with parameters replaced by what is known of them.
    pub(super) fn with(&self, known: &Known) -> Ty {
        if known.is_empty() {
            return self.clone();
        }
        let all = |types: &[Ty]| -> Rc<[Ty]> { types.iter().map(|ty| ty.with(known)).collect() };
        match self {
            Ty::Param(index) => known.get(index).cloned().unwrap_or_else(|| self.clone()),
            Ty::Local(index, args) if !args.is_empty() => Ty::Local(*index, all(args)),
            Ty::Foreign(name, args) if !args.is_empty() => Ty::Foreign(name.clone(), all(args)),
            Ty::Tuple(parts) => Ty::Tuple(all(parts)),
            Ty::Function(signature) => Ty::Function(Rc::new(signature.with(known))),
            Ty::Assoc(base, name) => Ty::Assoc(Rc::new(base.with(known)), name.clone()),
            Ty::Bound(bounds) => Ty::Bound(bounds.iter().map(|bound| bound.with(known)).collect()),
            Ty::Unknown | Ty::Local(..) | Ty::Foreign(..) => self.clone(),
        }
    }
}

impl Signature {
    fn with(&self, known: &Known) -> Signature {
        Signature {
            inputs: self.inputs.iter().map(|ty| ty.with(known)).collect(),
            output: self.output.with(known),
            is_known: self.is_known,
        }
    }
}

impl TraitRef {
    fn with(&self, known: &Known) -> TraitRef {
        match self {
            TraitRef::Local(index, fixed) => {
                let fixed = fixed.iter().map(|(name, ty)| (name.clone(), ty.with(known)));
                TraitRef::Local(*index, fixed.collect())
            }
            TraitRef::Foreign(name, args) => {
                TraitRef::Foreign(name.clone(), args.iter().map(|ty| ty.with(known)).collect())
            }
            TraitRef::Call(signature) => TraitRef::Call(Rc::new(signature.with(known))),
        }
    }
}

/// Learns what the parameters in `pattern` stand for where it meets `actual`.
pub(super) fn unify(pattern: &Ty, actual: &Ty, known: &mut Known) {
    match (pattern, actual) {
        (_, Ty::Unknown) => {}
        (Ty::Param(index), _) => {
            known.entry(*index).or_insert_with(|| actual.clone());
        }
        (Ty::Local(a, left), Ty::Local(b, right)) if a == b => each(left, right, known),
        (Ty::Foreign(a, left), Ty::Foreign(b, right)) if a == b => each(left, right, known),
        // A wrapper is looked through where the callee wants what is in it.
        (Ty::Local(..), Ty::Foreign(_, args)) if args.len() == 1 => unify(pattern, &args[0], known),
        (Ty::Tuple(left), Ty::Tuple(right)) => each(left, right, known),
        (Ty::Function(left), Ty::Function(right)) => {
            each(&left.inputs, &right.inputs, known);
            unify(&left.output, &right.output, known);
        }
        (Ty::Bound(bounds), Ty::Function(right)) => {
            for bound in bounds.iter() {
                if let TraitRef::Call(left) = bound {
                    unify(&left.output, &right.output, known);
                }
            }
        }
        _ => {}
    }
}

fn each(left: &[Ty], right: &[Ty], known: &mut Known) {
    for (left, right) in left.iter().zip(right) {
        unify(left, right, known);
    }
}
