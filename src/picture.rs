//! A picture as the command writes it: the options that all verbs that draw share, and the file.

use std::io::IsTerminal as _;
use std::path::Path;

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use raftlens_viz::{
    DrawOptions, Engine, FlowGraph, Format, Heat, Picture, PictureOptions, Previous, draw, pdf, png,
};

use crate::cmd::Usage;
use crate::output;

/// Where a picture goes, and how it looks.
#[derive(Debug, Args)]
pub(crate) struct PictureArgs {
    /// Where to write; `-` for standard output. The ending decides the format.
    #[arg(short, long, default_value = "-")]
    pub(crate) output: String,
    /// The format, if the ending of the output does not say it.
    #[arg(short, long)]
    format: Option<FormatArg>,
    /// What places the boxes.
    #[arg(long, default_value = "embedded")]
    layout: LayoutArg,
    /// Width over height that the picture should have, as far as its parts allow: 16:9, or 1.78.
    #[arg(long, value_name = "W:H|RATIO", value_parser = parse_aspect)]
    aspect: Option<f64>,
    /// The title above the picture.
    #[arg(long)]
    pub(crate) title: Option<String>,
    /// Where links to the code lead, with {file} and {line}.
    #[arg(long, value_name = "TEMPLATE")]
    source_url: Option<String>,
    /// How large a PNG or PDF gets: 2 is twice as wide and high as the SVG (PNG 2, PDF 1).
    #[arg(long, value_name = "FACTOR")]
    scale: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FormatArg {
    Svg,
    Png,
    Pdf,
    Dot,
    Mermaid,
    LayoutJson,
}

/// What places the boxes of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LayoutArg {
    /// Built in.
    Embedded,
    /// Graphviz, which must be installed.
    Dot,
}

impl From<LayoutArg> for Engine {
    fn from(layout: LayoutArg) -> Engine {
        match layout {
            LayoutArg::Embedded => Engine::Embedded,
            LayoutArg::Dot => Engine::Dot,
        }
    }
}

impl PictureArgs {
    /// Stops what cannot be meant before any file is read.
    pub(crate) fn check(&self, has_previous: bool) -> Result<()> {
        let format = self.picture_format()?;
        if format.is_binary() && self.output == "-" && std::io::stdout().is_terminal() {
            bail!(Usage(
                "a picture in bytes makes no sense on a terminal: name a file with -o".into()
            ));
        }
        if let Some(scale) = self.scale {
            if !format.is_binary() {
                bail!(Usage("--scale is for PNG and PDF: say -f png, or -o FILE.png".into()));
            }
            if !(0.1..=100.0).contains(&scale) {
                bail!(Usage(format!("--scale {scale}: give a number from 0.1 to 100, such as 2")));
            }
        }
        let wishes = [("--previous", has_previous), ("--aspect", self.aspect.is_some())];
        let Some((option, _)) = wishes.iter().find(|(_, is_given)| *is_given) else {
            return Ok(());
        };
        // Wishes that nothing would look at.
        let reason = match (format.text(), self.layout) {
            (Format::Dot | Format::Mermaid, _) => "a DOT or Mermaid file says nothing of places",
            (_, LayoutArg::Dot) => "only `--layout embedded` looks at it",
            (Format::Svg | Format::LayoutJson, LayoutArg::Embedded) => return Ok(()),
        };
        Err(Usage(format!("{option}: {reason}")).into())
    }

    /// Draws `graph` and writes it in the format that was asked for.
    pub(crate) fn write(
        &self,
        graph: &FlowGraph,
        heat: Heat,
        previous: Option<Previous>,
    ) -> Result<()> {
        let format = self.picture_format()?;
        let options = DrawOptions {
            format: format.text(),
            engine: self.layout.into(),
            source_url: self.source_url.clone(),
            heat,
            previous,
            aspect: self.aspect,
        };
        let text = draw(graph, &options)?;
        let picture = PictureOptions { scale: self.scale, ..PictureOptions::default() };
        let drawn = match format {
            FormatArg::Png => png(&text, &picture)?,
            FormatArg::Pdf => pdf(&text, &picture)?,
            FormatArg::Svg | FormatArg::Dot | FormatArg::Mermaid | FormatArg::LayoutJson => {
                Picture { bytes: text.into_bytes(), notes: Vec::new() }
            }
        };
        for note in &drawn.notes {
            eprintln!("raftlens: {note}");
        }
        output::write(&self.output, &drawn.bytes)
    }

    fn picture_format(&self) -> Result<FormatArg> {
        let ending = Path::new(&self.output).extension().and_then(|ending| ending.to_str());
        Ok(match (self.format, ending) {
            (Some(format), _) => format,
            (None, Some("svg")) => FormatArg::Svg,
            (None, Some("png")) => FormatArg::Png,
            (None, Some("pdf")) => FormatArg::Pdf,
            (None, Some("dot" | "gv")) => FormatArg::Dot,
            (None, Some("mmd" | "mermaid")) => FormatArg::Mermaid,
            (None, _) if self.output == "-" => FormatArg::Svg,
            (None, _) => {
                let message = format!(
                    "-o {}: the ending says no format: use .svg, .png, .pdf, .dot or .mmd, or say -f",
                    self.output
                );
                return Err(Usage(message).into());
            }
        })
    }
}

impl FormatArg {
    /// What is drawn first; PNG and PDF are made of an SVG.
    fn text(self) -> Format {
        match self {
            FormatArg::Svg | FormatArg::Png | FormatArg::Pdf => Format::Svg,
            FormatArg::Dot => Format::Dot,
            FormatArg::Mermaid => Format::Mermaid,
            FormatArg::LayoutJson => Format::LayoutJson,
        }
    }

    /// Whether the file is bytes for programs and not text for people.
    fn is_binary(self) -> bool {
        matches!(self, FormatArg::Png | FormatArg::Pdf)
    }
}

/// `W:H` or the ratio itself; beyond a thousand to one nothing could be told apart.
fn parse_aspect(text: &str) -> Result<f64, String> {
    let number = |text: &str| text.trim().parse::<f64>().ok().filter(|it| *it > 0.0);
    let ratio = match text.split_once(':') {
        Some((width, height)) => number(width).zip(number(height)).map(|(w, h)| w / h),
        None => number(text),
    };
    let ratio = ratio.filter(|ratio| (0.001..=1000.0).contains(ratio));
    ratio.ok_or_else(|| "width and height as 16:9, or one number from 0.001 to 1000".to_owned())
}
