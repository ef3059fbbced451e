//! Colours as DOT names them: `#rrggbb`, hue and saturation, names of X11, SVG and ColorBrewer, lists.

use crate::authored::Rgba;

/// The schemes of ColorBrewer: a name and its colours a line.
const BREWER: &str = include_str!("brewer.txt");

/// The first colour of a value that knows no scheme, as in a table.
pub(super) fn color(value: &str) -> Option<Rgba> {
    color_in(value, "")
}

/// The first colour of a value; `scheme` is where names without one are looked for. `None` for
/// `transparent` and for what no scheme has.
pub(super) fn color_in(value: &str, scheme: &str) -> Option<Rgba> {
    let first = first(value);
    if let Some(digits) = first.strip_prefix('#') {
        return hex(digits);
    }
    if let Some(found) = hsv(first) {
        return Some(found);
    }
    // `/scheme/name`, `//name` and `/name` of X11, and a name alone.
    let (scheme, name) = match first.strip_prefix('/') {
        Some(rest) => rest.split_once('/').unwrap_or(("", rest)),
        // These three are known in every scheme.
        None if matches!(first, "black" | "white" | "lightgrey") => ("", first),
        None => (scheme.trim(), first),
    };
    match scheme.to_ascii_lowercase().as_str() {
        "" | "x11" => named(name),
        "svg" => svg(name),
        scheme => brewer(scheme, name),
    }
}

/// Whether a value names a colour that is not known: what is drawn in ours, and should be said.
pub(super) fn is_unknown(value: &str, scheme: &str) -> bool {
    let first = first(value);
    !matches!(first, "" | "transparent" | "none") && color_in(value, scheme).is_none()
}

/// `red:blue` is a gradient or a double line, `red;0.5` a share of one.
fn first(value: &str) -> &str {
    value.split([':', ';']).next().unwrap_or("").trim()
}

/// Colour `number`, from 1, of a scheme of ColorBrewer.
fn brewer(scheme: &str, number: &str) -> Option<Rgba> {
    let number: usize = number.parse().ok()?;
    let lines = BREWER.lines().filter_map(|line| line.split_once(' '));
    let (_, colors) = lines.into_iter().find(|(known, _)| *known == scheme)?;
    hex(colors.split(' ').nth(number.checked_sub(1)?)?)
}

/// A name of SVG, where some differ from those of X11.
fn svg(name: &str) -> Option<Rgba> {
    match name.to_ascii_lowercase().as_str() {
        "gray" | "grey" => opaque([0x80; 3]),
        "green" => opaque([0, 0x80, 0]),
        "maroon" => opaque([0x80, 0, 0]),
        "purple" => opaque([0x80, 0, 0x80]),
        other => listed(other).and_then(opaque),
    }
}

fn opaque(rgb: [u8; 3]) -> Option<Rgba> {
    Some(Rgba { rgb, alpha: 255 })
}

fn hex(digits: &str) -> Option<Rgba> {
    let nibbles: Option<Vec<u8>> =
        digits.chars().map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    match nibbles?.as_slice() {
        [r, g, b] => opaque([r * 17, g * 17, b * 17]),
        [r, g, b, a] => Some(Rgba { rgb: [r * 17, g * 17, b * 17], alpha: a * 17 }),
        [r, s, g, h, b, c] => opaque([r * 16 + s, g * 16 + h, b * 16 + c]),
        [r, s, g, h, b, c, a, d] => {
            Some(Rgba { rgb: [r * 16 + s, g * 16 + h, b * 16 + c], alpha: a * 16 + d })
        }
        _ => None,
    }
}

/// Hue, saturation and value from 0 to 1, between blanks or commas.
fn hsv(text: &str) -> Option<Rgba> {
    let parts: Option<Vec<f64>> = text
        .split([' ', ',', '\t'])
        .filter(|part| !part.is_empty())
        .map(|part| part.parse::<f64>().ok().filter(|part| part.is_finite()))
        .collect();
    let [h, s, v] = parts?[..] else { return None };
    let [h, s, v] = [h, s, v].map(|part| part.clamp(0.0, 1.0));
    let channel = |shift: f64| {
        let k = (shift + h * 6.0) % 6.0;
        let level = v - v * s * k.min(4.0 - k).clamp(0.0, 1.0);
        (level * 255.0).round() as u8
    };
    opaque([channel(5.0), channel(3.0), channel(1.0)])
}

/// A name of X11, with the numbered shades that most of them have.
fn named(name: &str) -> Option<Rgba> {
    let name: String = name.to_ascii_lowercase().chars().filter(|c| *c != ' ').collect();
    if let Some(found) = listed(&name) {
        return opaque(found);
    }
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let number: u32 = name[stem.len()..].parse().ok()?;
    if matches!(stem, "gray" | "grey") && number <= 100 {
        let level = u8::try_from((number * 255 + 50) / 100).ok()?;
        return opaque([level; 3]);
    }
    let shade = [1.0, 0.932, 0.804, 0.545].get(usize::try_from(number).ok()?.checked_sub(1)?)?;
    let base = listed(stem)?;
    opaque(base.map(|level| (f64::from(level) * shade).round() as u8))
}

fn listed(name: &str) -> Option<[u8; 3]> {
    let mut words = NAMES.split_ascii_whitespace();
    while let (Some(known), Some(value)) = (words.next(), words.next()) {
        if known == name {
            let value = u32::from_str_radix(value, 16).ok()?;
            let [_, r, g, b] = value.to_be_bytes();
            return Some([r, g, b]);
        }
    }
    None
}

/// The names of X11, which differ from those of CSS for green, gray, maroon and purple.
const NAMES: &str = "\
aliceblue f0f8ff antiquewhite faebd7 aqua 00ffff aquamarine 7fffd4 azure f0ffff beige f5f5dc \
bisque ffe4c4 black 000000 blanchedalmond ffebcd blue 0000ff blueviolet 8a2be2 brown a52a2a \
burlywood deb887 cadetblue 5f9ea0 chartreuse 7fff00 chocolate d2691e coral ff7f50 \
cornflowerblue 6495ed cornsilk fff8dc crimson dc143c cyan 00ffff darkblue 00008b darkcyan 008b8b \
darkgoldenrod b8860b darkgray a9a9a9 darkgreen 006400 darkgrey a9a9a9 darkkhaki bdb76b \
darkmagenta 8b008b darkolivegreen 556b2f darkorange ff8c00 darkorchid 9932cc darkred 8b0000 \
darksalmon e9967a darkseagreen 8fbc8f darkslateblue 483d8b darkslategray 2f4f4f \
darkslategrey 2f4f4f darkturquoise 00ced1 darkviolet 9400d3 deeppink ff1493 deepskyblue 00bfff \
dimgray 696969 dimgrey 696969 dodgerblue 1e90ff firebrick b22222 floralwhite fffaf0 \
forestgreen 228b22 fuchsia ff00ff gainsboro dcdcdc ghostwhite f8f8ff gold ffd700 \
goldenrod daa520 gray c0c0c0 grey c0c0c0 green 00ff00 greenyellow adff2f honeydew f0fff0 \
hotpink ff69b4 indianred cd5c5c indigo 4b0082 ivory fffff0 khaki f0e68c lavender e6e6fa \
lavenderblush fff0f5 lawngreen 7cfc00 lemonchiffon fffacd lightblue add8e6 lightcoral f08080 \
lightcyan e0ffff lightgoldenrod eedd82 lightgoldenrodyellow fafad2 lightgray d3d3d3 \
lightgreen 90ee90 lightgrey d3d3d3 lightpink ffb6c1 lightsalmon ffa07a lightseagreen 20b2aa \
lightskyblue 87cefa lightslateblue 8470ff lightslategray 778899 lightslategrey 778899 \
lightsteelblue b0c4de lightyellow ffffe0 lime 00ff00 limegreen 32cd32 linen faf0e6 \
magenta ff00ff maroon b03060 mediumaquamarine 66cdaa mediumblue 0000cd mediumorchid ba55d3 \
mediumpurple 9370db mediumseagreen 3cb371 mediumslateblue 7b68ee mediumspringgreen 00fa9a \
mediumturquoise 48d1cc mediumvioletred c71585 midnightblue 191970 mintcream f5fffa \
mistyrose ffe4e1 moccasin ffe4b5 navajowhite ffdead navy 000080 navyblue 000080 oldlace fdf5e6 \
olive 808000 olivedrab 6b8e23 orange ffa500 orangered ff4500 orchid da70d6 palegoldenrod eee8aa \
palegreen 98fb98 paleturquoise afeeee palevioletred db7093 papayawhip ffefd5 peachpuff ffdab9 \
peru cd853f pink ffc0cb plum dda0dd powderblue b0e0e6 purple a020f0 rebeccapurple 663399 \
red ff0000 rosybrown bc8f8f royalblue 4169e1 saddlebrown 8b4513 salmon fa8072 sandybrown f4a460 \
seagreen 2e8b57 seashell fff5ee sienna a0522d silver c0c0c0 skyblue 87ceeb slateblue 6a5acd \
slategray 708090 slategrey 708090 snow fffafa springgreen 00ff7f steelblue 4682b4 tan d2b48c \
teal 008080 thistle d8bfd8 tomato ff6347 turquoise 40e0d0 violet ee82ee violetred d02090 \
wheat f5deb3 white ffffff whitesmoke f5f5f5 yellow ffff00 yellowgreen 9acd32";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_those_of_graphviz() {
        let table = [
            ("red", [255, 0, 0]),
            ("Green", [0, 255, 0]),
            ("/x11/light blue", [0xad, 0xd8, 0xe6]),
            ("gray80", [204, 204, 204]),
            ("red3", [205, 0, 0]),
            ("#0f8", [0, 255, 136]),
            ("#102030:blue", [16, 32, 48]),
            ("0.0 1.0 1.0", [255, 0, 0]),
            ("0.333333,1,1", [0, 255, 0]),
            ("0.666667 1 0.5", [0, 0, 128]),
        ];
        for (text, rgb) in table {
            assert_eq!(color(text).map(|of| of.rgb), Some(rgb), "{text}");
        }
        let schemes = [
            ("/blues9/9", "", [0x08, 0x30, 0x6b]),
            ("2", "Set312", [0xff, 0xff, 0xb3]),
            ("/svg/green", "blues9", [0, 128, 0]),
            ("//green", "blues9", [0, 255, 0]),
            ("/red", "blues9", [255, 0, 0]),
            ("black", "blues9", [0, 0, 0]),
            ("0.0 1.0 1.0", "blues9", [255, 0, 0]),
        ];
        for (text, scheme, rgb) in schemes {
            assert_eq!(color_in(text, scheme).map(|of| of.rgb), Some(rgb), "{text} in {scheme}");
            assert!(!is_unknown(text, scheme));
        }
        for (text, scheme) in [
            ("/blues9/10", ""),
            ("/blues9/0", ""),
            ("3", ""),
            ("red", "blues9"),
            ("1", "blues2"),
            ("/no/red", ""),
            ("/product/1", ""),
        ] {
            assert!(is_unknown(text, scheme), "{text} in {scheme}");
        }
        assert!(!is_unknown("transparent", "") && !is_unknown("", "blues9"));
        for text in ["transparent", "", "#12", "url(x)", "red\"/><script>", "9e999 1 1", "#é00000"]
        {
            assert_eq!(color(text), None, "{text}");
        }
        assert_eq!(color("#11223380").map(|of| of.alpha), Some(128));
    }
}
