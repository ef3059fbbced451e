//! Writes `viz/src/text/widths.rs`: the character widths that text is measured with.
//!
//! `cargo run -p raftlens-viz --example font_widths -- SANS.ttf OTHER.ttf... > viz/src/text/widths.rs`
//! The first font is the one that text is drawn with (Liberation Sans, as wide as Arial and
//! Helvetica); the others are those that viewers put in its place.

use std::error::Error;
use std::fmt::Write;

/// The code points that are measured; others are estimated by their class.
const RANGES: &[(u32, u32)] = &[
    (0x20, 0x7e),
    (0xa0, 0x17f),
    (0x384, 0x3ff),
    (0x400, 0x45f),
    (0x2010, 0x2044),
    (0x2190, 0x21ff),
    (0x2200, 0x22ff),
    (0x2500, 0x25ff),
];

fn main() -> Result<(), Box<dyn Error>> {
    let files: Vec<Vec<u8>> =
        std::env::args_os().skip(1).map(std::fs::read).collect::<Result<_, _>>()?;
    let fonts =
        files.iter().map(|data| ttf_parser::Face::parse(data, 0)).collect::<Result<Vec<_>, _>>()?;
    let sans = fonts.first().ok_or("usage: font_widths SANS.ttf OTHER.ttf...")?;
    let mut out = String::from(
        "//! Character widths in thousandths of the font size; written by `examples/font_widths.rs`.\n\
         //!\n\
         //! Measured from Liberation Sans 2 (SIL Open Font License 1.1; the metrics of Arial and\n\
         //! Helvetica) and, for the widest column, also Liberation Serif 2 and DejaVu Sans and Serif\n\
         //! (Bitstream Vera licence). Only numbers are taken over, no glyphs.\n\n\
         /// First code point, then a pair for each from there on: drawn width, widest width.\n\
         #[rustfmt::skip]\n\
         pub(super) static WIDTHS: &[(u32, &[(u16, u16)])] = &[\n",
    );
    for (first, last) in RANGES {
        writeln!(out, "    ({first:#x}, &[")?;
        let pairs: Vec<String> = (*first..=*last)
            .map(|code| {
                let widest = fonts.iter().map(|font| width(font, code)).max().unwrap_or(0);
                let drawn = Some(width(sans, code)).filter(|found| *found > 0).unwrap_or(widest);
                format!("({drawn},{widest})")
            })
            .collect();
        for row in pairs.chunks(8) {
            writeln!(out, "        {},", row.join(", "))?;
        }
        out.push_str("    ]),\n");
    }
    out.push_str("];\n");
    write_out(&out)
}

/// Advance of a code point in thousandths of the font size; zero where the font lacks it.
fn width(font: &ttf_parser::Face<'_>, code: u32) -> u32 {
    let glyph = char::from_u32(code).and_then(|character| font.glyph_index(character));
    let advance = glyph.and_then(|glyph| font.glyph_hor_advance(glyph)).unwrap_or(0);
    (u32::from(advance) * 1000).div_ceil(u32::from(font.units_per_em()))
}

fn write_out(text: &str) -> Result<(), Box<dyn Error>> {
    use std::io::Write;
    Ok(std::io::stdout().write_all(text.as_bytes())?)
}
