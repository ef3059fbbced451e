//! Everything that a source declares, in tables that refer to each other by index.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::ty::{TraitRef, Ty};
use super::{Function, Name};

/// What a name in a module stands for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Def {
    Module(usize),
    Type(usize),
    Trait(usize),
    Function(usize),
    /// A variant: its type, and its own name.
    Variant(usize, Rc<str>),
    Constant(usize),
    Macro(usize),
    /// Brought in by `use`: the path, still to be followed.
    Use(Rc<[String]>),
    /// Something from outside, by its last name.
    Foreign(Rc<str>),
}

/// In which of Rust's name spaces a name is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Space {
    Type,
    Value,
    Macro,
}

impl Def {
    pub(super) fn is_in(&self, space: Space) -> bool {
        match self {
            Def::Module(_) | Def::Trait(_) => space == Space::Type,
            // A tuple struct is a function as well.
            Def::Type(_) | Def::Variant(..) => space != Space::Macro,
            Def::Function(_) | Def::Constant(_) => space == Space::Value,
            Def::Macro(_) => space == Space::Macro,
            Def::Use(_) | Def::Foreign(_) => true,
        }
    }
}

/// A module, or the items inside of a function.
#[derive(Debug, Default)]
pub(super) struct Module {
    pub(super) parent: Option<usize>,
    pub(super) root: usize,
    /// From the crate: `shop::cart`.
    pub(super) path: String,
    /// Names outside of it are seen from inside.
    pub(super) is_block: bool,
    pub(super) names: HashMap<Rc<str>, Vec<Def>>,
    pub(super) globs: Vec<Rc<[String]>>,
}

/// Type parameters that can be named at some place.
pub(super) type Generics = Vec<(String, usize)>;

/// A struct, enum, union or alias.
pub(super) struct TypeDef<'a> {
    pub(super) module: usize,
    pub(super) name: Rc<str>,
    pub(super) syntax: TypeSyntax<'a>,
    pub(super) params: Vec<usize>,
    /// Of a struct; those of a tuple struct are `0`, `1`.
    pub(super) fields: Fields,
    pub(super) variants: HashMap<Rc<str>, Fields>,
    pub(super) alias: Option<Ty>,
    /// Index of each name in what is handed out: the type itself, `.field`, `Variant`.
    pub(super) names: HashMap<Rc<str>, usize>,
}

/// Fields with their types.
pub(super) type Fields = Vec<(Rc<str>, Ty)>;

#[derive(Clone, Copy)]
pub(super) enum TypeSyntax<'a> {
    Struct(&'a syn::ItemStruct),
    Enum(&'a syn::ItemEnum),
    Union(&'a syn::ItemUnion),
    Alias(&'a syn::ItemType),
}

/// A trait.
pub(super) struct TraitDef<'a> {
    pub(super) module: usize,
    pub(super) name: Rc<str>,
    pub(super) syntax: &'a syn::ItemTrait,
    /// The parameter that `Self` is in it.
    pub(super) self_param: usize,
    pub(super) generics: Generics,
    pub(super) methods: HashMap<Rc<str>, usize>,
    pub(super) assoc: HashMap<Rc<str>, Rc<[TraitRef]>>,
    /// Itself, and the traits of the source above it, nearest first.
    pub(super) with_supers: Vec<usize>,
    /// Indices of its implementations.
    pub(super) impls: Vec<usize>,
}

/// An `impl`.
pub(super) struct ImplDef<'a> {
    pub(super) module: usize,
    pub(super) syntax: &'a syn::ItemImpl,
    pub(super) generics: Generics,
    pub(super) self_ty: Ty,
    pub(super) of_trait: Option<usize>,
    pub(super) methods: HashMap<Rc<str>, usize>,
    /// Associated types, and the types of associated constants.
    pub(super) assoc: HashMap<Rc<str>, Ty>,
}

/// A generic parameter.
#[derive(Debug, Default)]
pub(super) struct ParamDef {
    pub(super) bounds: Rc<[TraitRef]>,
}

/// Where a function stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    Module,
    Impl(usize),
    Trait(usize),
}

/// A function.
pub(super) struct FnDef<'a> {
    pub(super) module: usize,
    pub(super) owner: Owner,
    pub(super) signature: &'a syn::Signature,
    pub(super) body: Option<&'a syn::Block>,
    pub(super) generics: Generics,
    pub(super) has_self: bool,
    /// Types of its arguments, without `self`.
    pub(super) inputs: Vec<Ty>,
    pub(super) output: Ty,
}

/// What the methods of a type are found by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Key {
    Local(usize),
    Foreign(Rc<str>),
    /// A parameter: for every type that has its bounds.
    Any,
}

/// A macro by example: the paths that it calls, and the macros that it uses.
#[derive(Debug, Default)]
pub(super) struct MacroDef {
    pub(super) module: usize,
    pub(super) calls: Vec<Vec<String>>,
    pub(super) macros: Vec<Vec<String>>,
}

/// A path in a module.
pub(super) type PathKey = (usize, Vec<String>, Space);

/// All tables.
#[derive(Default)]
pub(super) struct Tables<'a> {
    pub(super) modules: Vec<Module>,
    pub(super) crates: HashMap<String, usize>,
    pub(super) types: Vec<TypeDef<'a>>,
    pub(super) traits: Vec<TraitDef<'a>>,
    pub(super) impls: Vec<ImplDef<'a>>,
    pub(super) params: Vec<ParamDef>,
    pub(super) functions: Vec<FnDef<'a>>,
    pub(super) macros: Vec<MacroDef>,
    pub(super) constants: Vec<(usize, &'a syn::Type, Ty, usize)>,
    pub(super) methods: HashMap<Key, HashMap<Rc<str>, Vec<usize>>>,
    pub(super) impls_of: HashMap<Key, Vec<usize>>,
    /// All methods of a name, those that take `self`.
    pub(super) by_name: HashMap<Rc<str>, Vec<usize>>,
    /// The items inside of a function's block.
    pub(super) blocks: HashMap<usize, usize>,
    /// Paths that were followed, with how many of their names are left.
    pub(super) resolved: RefCell<HashMap<PathKey, Option<(Def, usize)>>>,
    /// What the path that is being followed has come by.
    pub(super) visited: RefCell<HashSet<(usize, Rc<str>, Space)>>,
    pub(super) names: Vec<Name>,
    /// What is handed out of each function, by its index.
    pub(super) shown: Vec<Function>,
}
