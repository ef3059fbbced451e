//! The fonts of PNG and PDF: an own one for most texts, and the system's for all other scripts.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use resvg::usvg::{FontFamily, FontResolver, FontSelectionFn, FontStyle, fontdb};

use crate::style::ASKED_FAMILY;

/// A part of Liberation Sans with the widths that texts are measured by: Latin, Greek, Cyrillic.
/// With it a picture has letters on machines without any font, and the same ones on all.
static OWN: &[u8] = include_bytes!("../../fonts/RaftlensSans.ttf");
/// Its name, which is not the original's, as its licence asks.
const OWN_FAMILY: &str = "Raftlens Sans";

/// Where letters come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PictureFonts {
    /// Whether the fonts of the system are looked at, for scripts that the built-in font lacks.
    pub system: bool,
    /// Folders with more fonts.
    pub folders: Vec<PathBuf>,
    /// A family that takes the place of the built-in one, e.g. `DejaVu Serif`.
    pub family: Option<String>,
}

impl Default for PictureFonts {
    fn default() -> Self {
        PictureFonts { system: true, folders: Vec::new(), family: None }
    }
}

impl PictureFonts {
    /// All fonts that may be used; never empty.
    pub(super) fn database(&self) -> Arc<fontdb::Database> {
        let mut fonts = fontdb::Database::new();
        fonts.load_font_data(OWN.to_vec());
        if self.system {
            fonts.load_system_fonts();
        }
        for folder in &self.folders {
            fonts.load_fonts_dir(folder);
        }
        drop_heavy(&mut fonts);
        // Asked for last by every element; the system's may name families that are not there.
        fonts.set_sans_serif_family(OWN_FAMILY);
        fonts.set_serif_family(OWN_FAMILY);
        Arc::new(fonts)
    }

    /// The rule by which an element gets its font.
    pub(super) fn selector(&self) -> FontSelectionFn<'static> {
        let family = self.family.clone();
        let usual = FontResolver::default_font_selector();
        Box::new(move |font, fonts| {
            let first = match font.families().first() {
                Some(FontFamily::Named(name)) => Some(name.as_str()),
                _ => None,
            };
            // Only what is upright and not bold is built in.
            let is_regular = font.style() == FontStyle::Normal && font.weight() < 600;
            let wanted = match &family {
                Some(family) => Some(family.as_str()),
                None if first == Some(ASKED_FAMILY) && is_regular => Some(OWN_FAMILY),
                None => None,
            };
            let found = wanted.and_then(|name| {
                let families = [fontdb::Family::Name(name)];
                fonts.query(&fontdb::Query { families: &families, ..fontdb::Query::default() })
            });
            found.or_else(|| usual(font, fonts))
        })
    }
}

/// Takes bold and slanted faces away where their family has an upright one.
///
/// A letter that the asked font lacks comes from the first face that has it, which may be bold; our
/// charts ask for upright letters only.
fn drop_heavy(fonts: &mut fontdb::Database) {
    let is_upright = |face: &fontdb::FaceInfo| {
        (face.weight, face.style) == (fontdb::Weight::NORMAL, fontdb::Style::Normal)
    };
    let family = |face: &fontdb::FaceInfo| face.families.first().map(|(name, _)| name.clone());
    let upright: HashSet<_> = fonts.faces().filter(|it| is_upright(it)).map(family).collect();
    let heavy: Vec<fontdb::ID> = fonts
        .faces()
        .filter(|face| !is_upright(face) && upright.contains(&family(face)))
        .map(|face| face.id)
        .collect();
    for id in heavy {
        fonts.remove_face(id);
    }
}
