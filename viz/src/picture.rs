//! PNG and PDF: a finished SVG becomes pixels or a page, in Rust alone.
//!
//! Behind the features `png` and `pdf`. Both read the SVG that [`draw`](crate::draw) wrote, so that
//! every format shows the same picture; PDF keeps text as text, and loses tooltips and links.

mod fonts;

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{self, Tree};
use thiserror::Error;

pub use fonts::PictureFonts;

/// Most pixels of a PNG: at four bytes each, 256 MB while it is made.
const MOST_PIXELS: f64 = 64.0e6;
/// Longest side of a PNG in pixels; many programs open none that is longer.
const LONGEST_SIDE: f64 = 32_000.0;
/// Longest side of a page in points, by the PDF reference (version 1.7, annex C).
#[cfg(feature = "pdf")]
const LONGEST_PAGE: f64 = 14_400.0;
/// A picture in smaller pixels than this shows no text any more, so none is made.
const LEAST_SCALE: f64 = 0.1;
/// Pixels for each point of the SVG, if nothing else is asked for: sharp on dense screens.
const DEFAULT_SCALE: f64 = 2.0;

/// How a picture is made of an SVG.
#[derive(Clone, Debug, Default)]
pub struct PictureOptions {
    /// Pixels for each point of the SVG (PNG, 2 without it), or the size of the page as a multiple
    /// of the SVG's (PDF, 1 without it).
    pub scale: Option<f64>,
    /// Where letters come from.
    pub fonts: PictureFonts,
}

/// A finished picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// The file.
    pub bytes: Vec<u8>,
    /// What is not as it was asked for, in sentences for whoever asked.
    pub notes: Vec<String>,
}

/// Why a picture could not be made.
#[derive(Debug, Error)]
pub enum PictureError {
    /// A scale that is no positive number.
    #[error("the scale {0} is none: give a number from 0.1 to 100, such as 2")]
    BadScale(f64),
    /// The picture would be unreadable at any size that can be made.
    #[error(
        "the picture is {width:.0} x {height:.0} points, too large for {format}: draw a part of it, \
         or write SVG"
    )]
    TooLarge {
        /// `PNG` or `PDF`.
        format: &'static str,
        /// Width of the SVG.
        width: f64,
        /// Height of the SVG.
        height: f64,
    },
    /// The input is no SVG.
    #[error("the SVG could not be read: {0}")]
    BadSvg(String),
    /// The picture was drawn, but the file could not be written.
    #[error("the {format} could not be written: {reason}")]
    NotWritten {
        /// `PNG` or `PDF`.
        format: &'static str,
        /// What its writer said.
        reason: String,
    },
}

/// `svg` as a PNG, on its own ground, in light colours.
///
/// A picture that would take more than 64 million pixels is made smaller, and a note says so.
///
/// # Errors
/// When the scale is no positive number, when the picture is so large that it would be unreadable,
/// or when `svg` is none.
pub fn png(svg: &str, options: &PictureOptions) -> Result<Picture, PictureError> {
    let asked = checked_scale(options.scale.unwrap_or(DEFAULT_SCALE))?;
    let tree = parse(svg, options)?;
    let (width, height) = size_of(&tree);
    let by_side = LONGEST_SIDE / width.max(height);
    let by_area = (MOST_PIXELS / (width * height)).sqrt();
    let (scale, notes) = fitted(asked, by_side.min(by_area), ("PNG", width, height))?;
    let pixels = |side: f64| (side * scale).round().max(1.0) as u32;
    let too_large = || PictureError::TooLarge { format: "PNG", width, height };
    let mut pixmap = Pixmap::new(pixels(width), pixels(height)).ok_or_else(too_large)?;
    let transform = Transform::from_scale(scale as f32, scale as f32);
    resvg::render(&tree, transform, &mut pixmap.as_mut());
    let written = pixmap.encode_png();
    let not_written = |error: &dyn ToString| PictureError::NotWritten {
        format: "PNG",
        reason: error.to_string(),
    };
    Ok(Picture { bytes: written.map_err(|error| not_written(&error))?, notes })
}

/// `svg` as one page of a PDF, with text that can be selected and searched.
///
/// A page can be 14,400 points wide or high; a larger picture is made smaller, and a note says so.
///
/// # Errors
/// As [`png`].
#[cfg(feature = "pdf")]
pub fn pdf(svg: &str, options: &PictureOptions) -> Result<Picture, PictureError> {
    let asked = checked_scale(options.scale.unwrap_or(1.0))?;
    let tree = parse(svg, options)?;
    let (width, height) = size_of(&tree);
    let most = LONGEST_PAGE / width.max(height);
    let (scale, notes) = fitted(asked, most, ("PDF", width, height))?;
    // 72 points to the inch: more dots to the inch make a smaller page.
    let page = svg2pdf::PageOptions { dpi: (72.0 / scale) as f32 };
    let bytes = svg2pdf::to_pdf(&tree, svg2pdf::ConversionOptions::default(), page)
        .map_err(|error| PictureError::NotWritten { format: "PDF", reason: error.to_string() })?;
    Ok(Picture { bytes, notes })
}

fn checked_scale(scale: f64) -> Result<f64, PictureError> {
    if (LEAST_SCALE..=100.0).contains(&scale) {
        Ok(scale)
    } else {
        Err(PictureError::BadScale(scale))
    }
}

fn parse(svg: &str, options: &PictureOptions) -> Result<Tree, PictureError> {
    let mut reading =
        usvg::Options { fontdb: options.fonts.database(), ..usvg::Options::default() };
    reading.font_resolver.select_font = options.fonts.selector();
    // A picture of ours refers to nothing outside itself; one of somebody else's must not.
    reading.image_href_resolver.resolve_string = Box::new(|_, _| None);
    Tree::from_str(svg, &reading).map_err(|error| PictureError::BadSvg(error.to_string()))
}

fn size_of(tree: &Tree) -> (f64, f64) {
    let size = tree.size();
    (f64::from(size.width()).max(1.0), f64::from(size.height()).max(1.0))
}

/// The scale that is asked for, or the largest there is room for, with a note that says so.
fn fitted(
    asked: f64,
    most: f64,
    (format, width, height): (&'static str, f64, f64),
) -> Result<(f64, Vec<String>), PictureError> {
    if asked <= most {
        return Ok((asked, Vec::new()));
    }
    if most < LEAST_SCALE {
        return Err(PictureError::TooLarge { format, width, height });
    }
    let note = format!(
        "the picture is {width:.0} x {height:.0} points, so the {format} is made at scale {most:.2} \
         instead of {asked}"
    );
    Ok((most, vec![note]))
}
