//! From files to a [`SourceGraph`]: three passes over the syntax, on a thread with a stack that the
//! deepest file which is parsed does not fill.

use std::collections::HashMap;
use std::path::PathBuf;

use super::collect::collect;
use super::declare::declare;
use super::files::Files;
use super::tables::{Owner, Tables};
use super::ty::Ty;
use super::walk::{self, Noted};
use super::{SourceError, SourceGraph};

/// Only what is used of it is ever taken.
const STACK_BYTES: usize = 1 << 30;

pub(super) fn read(paths: &[PathBuf]) -> Result<SourceGraph, SourceError> {
    let paths = paths.to_vec();
    let first = paths.first().cloned().unwrap_or_default();
    let thread = std::thread::Builder::new().name("source".to_owned()).stack_size(STACK_BYTES);
    let running = thread.spawn(move || on_a_large_stack(&paths));
    match running.map(std::thread::JoinHandle::join) {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => {
            let error = std::io::Error::other("reading stopped at a fault of raftlens: report it");
            Err(SourceError::Io { path: first, error })
        }
        Err(error) => Err(SourceError::Io { path: first, error }),
    }
}

fn on_a_large_stack(paths: &[PathBuf]) -> Result<SourceGraph, SourceError> {
    let mut files = Files::read(paths)?;
    let mut left_out = std::mem::take(&mut files.left_out);
    let mut tables = collect(&files, &mut left_out);
    declare(&mut tables);
    name(&mut tables);
    let mut noted = Noted::default();
    for index in 0..tables.functions.len() {
        walk::function(&tables, index, &mut noted);
    }
    Ok(graph(tables, noted, (left_out, files.lines)))
}

/// Gives each function the name and the clusters that it is shown with.
fn name(tables: &mut Tables<'_>) {
    let mut types: HashMap<String, Vec<usize>> = HashMap::new();
    for of in &tables.types {
        let modules = types.entry(of.name.to_string()).or_default();
        modules.push(of.module);
    }
    let mut modules: HashMap<String, usize> = HashMap::new();
    for module in &tables.modules {
        *modules.entry(last(&module.path).to_owned()).or_default() += 1;
    }
    // The last names of a module's path, as many as tell it from others.
    let short = |path: &str| -> String {
        let name = last(path);
        match modules.get(name) {
            Some(1) | None => name.to_owned(),
            Some(_) => path.split_once("::").map_or(path, |(_, inner)| inner).to_owned(),
        }
    };
    for index in 0..tables.functions.len() {
        let this = &tables.functions[index];
        let own = this.signature.ident.to_string();
        let own = own.strip_prefix("r#").unwrap_or(&own).to_owned();
        let module = &tables.modules[this.module];
        let (of, of_trait, home) = match this.owner {
            Owner::Module => (None, None, this.module),
            Owner::Trait(of) => {
                let of = &tables.traits[of];
                (Some(of.name.to_string()), Some(of.name.to_string()), of.module)
            }
            Owner::Impl(of) => {
                let of = &tables.impls[of];
                let path = of.syntax.trait_.as_ref().and_then(|(path, _)| path.segments.last());
                let (name, home) = match &of.self_ty {
                    Ty::Local(index, _) => {
                        let of = &tables.types[*index];
                        (of.name.to_string(), of.module)
                    }
                    other => (written(&of.syntax.self_ty, other), of.module),
                };
                (Some(name), path.map(|segment| segment.ident.to_string()), home)
            }
        };
        let owner = match &of {
            Some(of) if types.get(of).is_some_and(|modules| modules.len() > 1) => {
                vec![format!("{}::{of}", short(&tables.modules[home].path))]
            }
            Some(of) => vec![of.clone()],
            None => vec![short(&module.path)],
        };
        let path = module.path.clone();
        let shown = &mut tables.shown[index];
        shown.name = of.map_or_else(|| own.clone(), |of| format!("{of}::{own}"));
        (shown.owner, shown.module, shown.of_trait) = (owner, path, of_trait);
    }
}

/// The name of a type that is not of the source, as an implementation writes it.
fn written(syntax: &syn::Type, ty: &Ty) -> String {
    match (syntax, ty) {
        (_, Ty::Foreign(name, _)) => name.to_string(),
        (syn::Type::Path(path), _) => {
            path.path.segments.last().map(|it| it.ident.to_string()).unwrap_or_default()
        }
        (syn::Type::Reference(inner), ty) => written(&inner.elem, ty),
        (_, Ty::Tuple(_)) => "(,)".to_owned(),
        (_, Ty::Function(_)) => "fn".to_owned(),
        _ => "_".to_owned(),
    }
}

fn last(path: &str) -> &str {
    path.rsplit("::").next().unwrap_or(path)
}

/// What is handed out: functions by file and line, each call once a line.
fn graph(
    mut tables: Tables<'_>,
    mut noted: Noted,
    (left_out, lines): (Vec<super::SourceLeftOut>, usize),
) -> SourceGraph {
    let shown = std::mem::take(&mut tables.shown);
    let mut order: Vec<usize> = (0..shown.len()).collect();
    order.sort_by(|a, b| {
        let key = |index: usize| (&shown[index].file, shown[index].line);
        key(*a).cmp(&key(*b))
    });
    let mut place = vec![0; shown.len()];
    order.iter().enumerate().for_each(|(at, index)| place[*index] = at);
    for call in &mut noted.calls {
        (call.from, call.to) = (place[call.from], place[call.to]);
        call.declared = call.declared.map(|declared| place[declared]);
    }
    noted.mentions.iter_mut().for_each(|mention| mention.from = place[mention.from]);
    noted.external.iter_mut().for_each(|external| external.from = place[external.from]);
    noted.unresolved.iter_mut().for_each(|unresolved| unresolved.from = place[unresolved.from]);
    let mut shown: Vec<Option<super::Function>> = shown.into_iter().map(Some).collect();
    let mut graph = SourceGraph {
        functions: order.iter().filter_map(|index| shown[*index].take()).collect(),
        names: tables.names,
        calls: noted.calls,
        mentions: noted.mentions,
        external: noted.external,
        unresolved: noted.unresolved,
        left_out,
        lines,
    };
    graph.put_in_order();
    graph
}

impl SourceGraph {
    /// By caller, in the order of the source, each call once a line.
    pub(super) fn put_in_order(&mut self) {
        self.calls.sort_by_key(|call| (call.from, call.line, call.to, call.kind, call.is_by_name));
        self.calls.dedup_by_key(|call| (call.from, call.line, call.to, call.kind));
        self.mentions.sort_by_key(|mention| (mention.from, mention.line, mention.to));
        self.mentions.dedup();
        self.external.sort_by(|a, b| (a.from, a.line, &a.name).cmp(&(b.from, b.line, &b.name)));
        self.external.dedup();
        self.unresolved.sort_by(|a, b| (a.from, a.line, &a.text).cmp(&(b.from, b.line, &b.text)));
    }
}
