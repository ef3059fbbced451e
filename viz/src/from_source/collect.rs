//! The first pass: every item gets its place in the tables, and its name in its module.

use std::collections::HashMap;
use std::rc::Rc;

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Ident, ImplItem, Item, TraitItem, UseTree};

use super::cfg;
use super::files::Files;
use super::tables::{
    Def, FnDef, Generics, ImplDef, MacroDef, Module, Owner, ParamDef, Tables, TraitDef, TypeDef,
    TypeSyntax,
};
use super::ty::{TraitRef, Ty};
use super::{Function, Name, NameKind, SourceLeftOut};

/// Where an item stands.
#[derive(Clone)]
struct Place {
    module: usize,
    /// Index of its file, and the inline modules around it there.
    file: usize,
    inside: Vec<String>,
}

/// The tables of a source, with names and nothing else.
pub(super) fn collect<'a>(files: &'a Files, left_out: &mut Vec<SourceLeftOut>) -> Tables<'a> {
    let mut collector = Collector { files, left_out, tables: Tables::default() };
    for (name, file) in &files.crates {
        let module = collector.module(None, name.clone());
        // A program of the same name uses the library by that name.
        collector.tables.crates.entry(name.clone()).or_insert(module);
        let place = Place { module, file: *file, inside: Vec::new() };
        collector.items(&files.files[*file].syntax.items, &place);
    }
    collector.tables
}

struct Collector<'a, 'l> {
    files: &'a Files,
    left_out: &'l mut Vec<SourceLeftOut>,
    tables: Tables<'a>,
}

pub(super) fn line(ident: &Ident) -> u32 {
    ident.span().start().line as u32
}

/// The name without the `r#` of a keyword.
pub(super) fn text(ident: &Ident) -> Rc<str> {
    let text = ident.to_string();
    text.strip_prefix("r#").unwrap_or(&text).into()
}

impl<'a> Collector<'a, '_> {
    fn module(&mut self, parent: Option<usize>, name: String) -> usize {
        let index = self.tables.modules.len();
        let root = parent.map_or(index, |parent| self.tables.modules[parent].root);
        let path = match parent {
            Some(parent) => format!("{}::{name}", self.tables.modules[parent].path),
            None => name,
        };
        self.tables.modules.push(Module { parent, root, path, ..Module::default() });
        index
    }

    fn define(&mut self, module: usize, name: Rc<str>, def: Def) {
        self.tables.modules[module].names.entry(name).or_default().push(def);
    }

    fn items(&mut self, items: &'a [Item], place: &Place) {
        for item in items {
            if !cfg::is_left_out(attributes(item)) {
                self.item(item, place);
            }
        }
    }

    fn item(&mut self, item: &'a Item, place: &Place) {
        match item {
            Item::Fn(item) => {
                let function = self.function(&item.sig, Some(&item.block), place, Owner::Module);
                self.define(place.module, text(&item.sig.ident), Def::Function(function));
            }
            Item::Struct(item) => self.type_def(&item.ident, TypeSyntax::Struct(item), place),
            Item::Enum(item) => self.type_def(&item.ident, TypeSyntax::Enum(item), place),
            Item::Union(item) => self.type_def(&item.ident, TypeSyntax::Union(item), place),
            Item::Type(item) => self.type_def(&item.ident, TypeSyntax::Alias(item), place),
            Item::Trait(item) => self.trait_def(item, place),
            Item::Impl(item) => self.impl_def(item, place),
            Item::Const(item) => self.constant(&item.ident, &item.ty, place),
            Item::Static(item) => self.constant(&item.ident, &item.ty, place),
            Item::Mod(item) => self.inner_module(item, place),
            Item::Use(item) => {
                let outside = item.leading_colon.is_some();
                let mut path = if outside { vec![String::new()] } else { Vec::new() };
                self.import(&item.tree, &mut path, place.module);
            }
            Item::ExternCrate(item) => {
                let path: Rc<[String]> = Rc::new([String::new(), item.ident.to_string()]);
                let name = item.rename.as_ref().map_or(&item.ident, |(_, name)| name);
                self.define(place.module, text(name), Def::Use(path));
            }
            Item::Macro(item) => self.macro_item(item, place),
            Item::ForeignMod(_) | Item::TraitAlias(_) | Item::Verbatim(_) => {}
            _ => {}
        }
    }

    fn inner_module(&mut self, item: &'a syn::ItemMod, place: &Place) {
        let name = item.ident.to_string();
        if let Some((_, items)) = &item.content {
            let module = self.module(Some(place.module), name.clone());
            self.define(place.module, text(&item.ident), Def::Module(module));
            let mut inner = Place { module, ..place.clone() };
            inner.inside.push(name);
            self.items(items, &inner);
            return;
        }
        let key = (place.file, place.inside.clone(), name.clone());
        if let Some(file) = self.files.modules.get(&key) {
            let module = self.module(Some(place.module), name);
            self.define(place.module, text(&item.ident), Def::Module(module));
            let inner = Place { module, file: *file, inside: Vec::new() };
            self.items(&self.files.files[*file].syntax.items, &inner);
        }
    }

    fn import(&mut self, tree: &UseTree, path: &mut Vec<String>, module: usize) {
        match tree {
            UseTree::Path(tree) => {
                path.push(tree.ident.to_string());
                self.import(&tree.tree, path, module);
                path.pop();
            }
            UseTree::Name(tree) if tree.ident == "self" => {
                let name: Rc<str> = path.last().map(String::as_str).unwrap_or_default().into();
                self.define(module, name, Def::Use(path.as_slice().into()));
            }
            UseTree::Name(tree) => {
                path.push(tree.ident.to_string());
                self.define(module, text(&tree.ident), Def::Use(path.as_slice().into()));
                path.pop();
            }
            UseTree::Rename(tree) => {
                if tree.ident != "self" {
                    path.push(tree.ident.to_string());
                }
                self.define(module, text(&tree.rename), Def::Use(path.as_slice().into()));
                if tree.ident != "self" {
                    path.pop();
                }
            }
            UseTree::Glob(_) => self.tables.modules[module].globs.push(path.as_slice().into()),
            UseTree::Group(tree) => {
                tree.items.iter().for_each(|item| self.import(item, path, module));
            }
        }
    }

    /// A name that is handed out.
    fn name(&mut self, name: String, kind: NameKind, ident: &Ident, place: &Place) -> usize {
        let file = self.files.files[place.file].path.clone();
        self.tables.names.push(Name { name, kind, file, line: line(ident) });
        self.tables.names.len() - 1
    }

    fn type_def(&mut self, ident: &'a Ident, syntax: TypeSyntax<'a>, place: &Place) {
        let index = self.tables.types.len();
        let name = text(ident);
        let mut names = HashMap::new();
        names.insert("".into(), self.name(name.to_string(), NameKind::Type, ident, place));
        let fields = match syntax {
            TypeSyntax::Struct(item) => Some(item.fields.iter()),
            TypeSyntax::Union(_) | TypeSyntax::Enum(_) | TypeSyntax::Alias(_) => None,
        };
        for field in fields.into_iter().flatten().filter_map(|field| field.ident.as_ref()) {
            let shown = format!("{name}::{}", text(field));
            let at = self.name(shown, NameKind::Field, field, place);
            names.insert(format!(".{}", text(field)).into(), at);
        }
        if let TypeSyntax::Enum(item) = syntax {
            for variant in item.variants.iter().filter(|it| !cfg::is_left_out(&it.attrs)) {
                let shown = format!("{name}::{}", text(&variant.ident));
                let at = self.name(shown, NameKind::Variant, &variant.ident, place);
                names.insert(text(&variant.ident), at);
            }
        }
        self.tables.types.push(TypeDef {
            module: place.module,
            name: name.clone(),
            syntax,
            params: Vec::new(),
            fields: Vec::new(),
            variants: HashMap::new(),
            alias: None,
            names,
        });
        self.define(place.module, name, Def::Type(index));
    }

    fn trait_def(&mut self, item: &'a syn::ItemTrait, place: &Place) {
        let index = self.tables.traits.len();
        self.name(item.ident.to_string(), NameKind::Type, &item.ident, place);
        let self_param = self.tables.params.len();
        let bounds = Rc::new([TraitRef::Local(index, Rc::new([]))]);
        self.tables.params.push(ParamDef { bounds });
        self.tables.traits.push(TraitDef {
            module: place.module,
            name: text(&item.ident),
            syntax: item,
            self_param,
            generics: Generics::new(),
            methods: HashMap::new(),
            assoc: HashMap::new(),
            with_supers: vec![index],
            impls: Vec::new(),
        });
        for inner in &item.items {
            if let TraitItem::Fn(inner) = inner
                && !cfg::is_left_out(&inner.attrs)
            {
                let owner = Owner::Trait(index);
                let function = self.function(&inner.sig, inner.default.as_ref(), place, owner);
                self.tables.traits[index].methods.insert(text(&inner.sig.ident), function);
            }
        }
        self.define(place.module, text(&item.ident), Def::Trait(index));
    }

    fn impl_def(&mut self, item: &'a syn::ItemImpl, place: &Place) {
        let index = self.tables.impls.len();
        self.tables.impls.push(ImplDef {
            module: place.module,
            syntax: item,
            generics: Generics::new(),
            self_ty: Ty::Unknown,
            of_trait: None,
            methods: HashMap::new(),
            assoc: HashMap::new(),
        });
        for inner in &item.items {
            if let ImplItem::Fn(inner) = inner
                && !cfg::is_left_out(&inner.attrs)
            {
                let owner = Owner::Impl(index);
                let function = self.function(&inner.sig, Some(&inner.block), place, owner);
                self.tables.impls[index].methods.insert(text(&inner.sig.ident), function);
            }
        }
    }

    fn constant(&mut self, ident: &'a Ident, ty: &'a syn::Type, place: &Place) {
        let index = self.tables.constants.len();
        let name = self.name(ident.to_string(), NameKind::Constant, ident, place);
        self.tables.constants.push((place.module, ty, Ty::Unknown, name));
        self.define(place.module, text(ident), Def::Constant(index));
    }

    fn function(
        &mut self,
        signature: &'a syn::Signature,
        body: Option<&'a syn::Block>,
        place: &Place,
        owner: Owner,
    ) -> usize {
        let index = self.tables.functions.len();
        self.tables.functions.push(FnDef {
            module: place.module,
            owner,
            signature,
            body,
            generics: Generics::new(),
            has_self: signature.receiver().is_some(),
            inputs: Vec::new(),
            output: Ty::Unknown,
        });
        self.tables.shown.push(Function {
            name: signature.ident.to_string(),
            owner: Vec::new(),
            module: String::new(),
            of_trait: None,
            has_body: body.is_some(),
            file: self.files.files[place.file].path.clone(),
            line: line(&signature.ident),
        });
        if let Some(body) = body {
            self.block(body, index, place);
        }
        index
    }

    /// The items that are local to a function: a module of their own that sees what is around it.
    fn block(&mut self, body: &'a syn::Block, function: usize, place: &Place) {
        let mut local = LocalItems { items: Vec::new() };
        local.visit_block(body);
        if local.items.is_empty() {
            return;
        }
        let name = self.tables.shown[function].name.clone();
        let module = self.module(Some(place.module), name);
        self.tables.modules[module].is_block = true;
        self.tables.blocks.insert(function, module);
        let inner = Place { module, ..place.clone() };
        for item in local.items {
            if !cfg::is_left_out(attributes(item)) {
                self.item(item, &inner);
            }
        }
    }

    fn macro_item(&mut self, item: &'a syn::ItemMacro, place: &Place) {
        if let Some(ident) = &item.ident {
            let mut made = MacroDef { module: place.module, ..MacroDef::default() };
            let mut arms = item.mac.tokens.clone().into_iter().filter_map(|token| match token {
                TokenTree::Group(group) => Some(group.stream()),
                _ => None,
            });
            // Patterns and what they become take turns.
            while let (Some(_), Some(body)) = (arms.next(), arms.next()) {
                macro_body(body, &mut made);
            }
            let index = self.tables.macros.len();
            self.tables.macros.push(made);
            // It is seen by its name in everything behind it, by its path in the crate's root.
            let root = self.tables.modules[place.module].root;
            self.define(place.module, text(ident), Def::Macro(index));
            if root != place.module {
                self.define(root, text(ident), Def::Macro(index));
            }
        } else if !item.mac.path.is_ident("thread_local") {
            let name = item.mac.path.segments.last().map(|it| it.ident.to_string());
            let first = item.mac.path.segments.first();
            let Some(start) = first.map(|it| it.ident.span().start()) else { return };
            self.left_out.push(SourceLeftOut {
                file: self.files.files[place.file].path.clone(),
                line: start.line as u32,
                column: start.column as u32 + 1,
                why: format!("items made by `{}!` are not read", name.unwrap_or_default()),
            });
        }
    }
}

/// Collects `$crate::a::b(` and `a::b!` from what a macro becomes.
fn macro_body(body: TokenStream, made: &mut MacroDef) {
    let mut open = vec![body];
    while let Some(tokens) = open.pop() {
        let mut path: Vec<String> = Vec::new();
        let mut is_method = false;
        let mut marks = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(word) => {
                    if marks != 2 {
                        path.clear();
                    }
                    path.push(word.to_string());
                    marks = 0;
                }
                TokenTree::Punct(mark) => match mark.as_char() {
                    ':' => marks += 1,
                    '$' => (marks, is_method) = (0, false),
                    '!' => {
                        if !path.is_empty() {
                            made.macros.push(std::mem::take(&mut path));
                        }
                    }
                    other => {
                        is_method = other == '.';
                        path.clear();
                        marks = 0;
                    }
                },
                TokenTree::Group(group) => {
                    let is_call = group.delimiter() == Delimiter::Parenthesis;
                    if is_call && path.len() > 1 && !is_method {
                        made.calls.push(std::mem::take(&mut path));
                    }
                    path.clear();
                    (marks, is_method) = (0, false);
                    open.push(group.stream());
                }
                TokenTree::Literal(_) => path.clear(),
            }
        }
    }
}

/// The items in a block and in the blocks inside of it, but not inside of other items.
struct LocalItems<'a> {
    items: Vec<&'a Item>,
}

impl<'a> Visit<'a> for LocalItems<'a> {
    fn visit_item(&mut self, item: &'a Item) {
        self.items.push(item);
    }

    fn visit_expr(&mut self, expr: &'a syn::Expr) {
        visit::visit_expr(self, expr);
    }
}

fn attributes(item: &Item) -> &[syn::Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::ForeignMod(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::TraitAlias(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}
