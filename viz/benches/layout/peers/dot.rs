//! The peer `dot`: run as a process with a time limit, and its JSON read back.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use std::{fs, thread};

use raftlens_viz::{Placed, PlacedArrow, Point, Rect, Size, SizedArrow, SizedGraph};
use serde_json::Value;

use crate::corpus::Chart;

/// How long it may take.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);
/// Points in an inch, the unit of `width` and `height`.
const INCH: f64 = 72.0;
/// Straight pieces that stand for one piece of a curve.
const CURVE_STEPS: usize = 8;

/// What a run of it took.
pub(crate) struct Run {
    /// What it printed; `None` when it failed or was stopped.
    pub(crate) output: Option<Vec<u8>>,
    pub(crate) took: Duration,
    /// Whether it was stopped.
    pub(crate) late: bool,
    /// Most memory that it held, if that was asked for.
    pub(crate) peak_kb: Option<u64>,
}

/// Runs `dot` on a file. With `watch`, its memory is looked at every 20 ms.
pub(crate) fn run(file: &Path, format: &str, watch: bool) -> Run {
    let start = Instant::now();
    let spawned = Command::new("dot")
        .arg(format!("-T{format}"))
        .arg(file)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut child) = spawned else {
        return Run { output: None, took: start.elapsed(), late: false, peak_kb: None };
    };
    let (sender, receiver) = mpsc::channel();
    let mut pipe = child.stdout.take();
    thread::spawn(move || {
        let mut output = Vec::new();
        let read = pipe.as_mut().map(|pipe| pipe.read_to_end(&mut output));
        let _ = sender.send((read, output));
    });
    let mut peak_kb = None;
    let step = if watch { Duration::from_millis(20) } else { LIMIT };
    let output = loop {
        match receiver.recv_timeout(step) {
            Ok((_, output)) => break Some(output),
            Err(_) if start.elapsed() >= LIMIT => break None,
            Err(_) => peak_kb = high_water(&child).max(peak_kb),
        }
    };
    let took = start.elapsed();
    let late = output.is_none();
    if late {
        let _ = child.kill();
    }
    let succeeded = child.wait().is_ok_and(|status| status.success());
    Run { output: output.filter(|_| succeeded), took, late, peak_kb }
}

fn high_water(child: &Child) -> Option<u64> {
    peak_kb(&fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?)
}

/// The peak of resident memory out of the status of a process.
pub(crate) fn peak_kb(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches("kB").trim().parse().ok()
}

/// Writes `text` where `dot` can read it.
pub(crate) fn file(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(format!("{name}.dot"));
    fs::write(&path, text).expect("room for a file in the temporary folder");
    path
}

/// Reads the answer for a chart: the graph as `dot` understood it, with its arrows in the order of
/// the answer, and their places. Arrows that it lost have no points.
pub(crate) fn read(
    chart: &Chart,
    graph: &SizedGraph,
    output: &[u8],
) -> Option<(SizedGraph, Placed)> {
    let answer: Value = serde_json::from_str(&String::from_utf8_lossy(output)).ok()?;
    let frame = numbers(answer.get("bb")?.as_str()?);
    let (width, top) = (*frame.get(2)?, *frame.get(3)?);
    let mut boxes = vec![None; chart.boxes.len()];
    let mut clusters = vec![None; chart.clusters.len()];
    let mut names = Vec::new();
    for object in list(&answer, "objects") {
        let name = object.get("name")?.as_str()?;
        let index = |prefix: &str| name.strip_prefix(prefix)?.parse::<usize>().ok();
        if let Some(index) = index("cluster_") {
            let corners = numbers(object.get("bb")?.as_str()?);
            let [left, low, right, high] = corners[..] else { return None };
            let rect = Rect { x: left, y: top - high, width: right - left, height: high - low };
            *clusters.get_mut(index)? = Some(rect);
        } else if let Some(index) = index("n") {
            let at = numbers(object.get("pos")?.as_str()?);
            let side = |key: &str| Some(object.get(key)?.as_str()?.parse::<f64>().ok()? * INCH);
            let (width, height) = (side("width")?, side("height")?);
            let (x, y) = (at.first()? - width / 2.0, top - at.get(1)? - height / 2.0);
            *boxes.get_mut(index)? = Some(Rect { x, y, width, height });
            let id = object.get("_gvid")?.as_u64()? as usize;
            names.resize(names.len().max(id + 1), None);
            names[id] = Some(index);
        }
    }
    let mut understood = SizedGraph { arrows: Vec::new(), ..graph.clone() };
    let mut arrows = Vec::new();
    for edge in list(&answer, "edges") {
        let end = |key: &str| *names.get(edge.get(key)?.as_u64()? as usize)?;
        let (from, to) = (end("tail")?, end("head")?);
        understood.arrows.push(SizedArrow { from, to, ..SizedArrow::default() });
        arrows.push(PlacedArrow { points: points(edge, top), label: None });
    }
    let placed = Placed {
        size: Size { width, height: top },
        boxes: boxes.into_iter().collect::<Option<_>>()?,
        clusters: clusters.into_iter().collect::<Option<_>>()?,
        arrows,
    };
    Some((understood, placed))
}

/// The way of an arrow out of what would be drawn, its curves in straight pieces.
fn points(edge: &Value, top: f64) -> Vec<Point> {
    let mut points = Vec::new();
    for operation in list(edge, "_draw_") {
        let is_curve = operation.get("op").and_then(Value::as_str).is_some_and(|it| it == "b");
        if !is_curve {
            continue;
        }
        let number = |at: &Value, index| at.get(index).and_then(Value::as_f64).unwrap_or(f64::NAN);
        let curve = list(operation, "points").iter();
        let curve: Vec<Point> =
            curve.map(|at| Point { x: number(at, 0), y: top - number(at, 1) }).collect();
        points.extend(curve.first());
        for piece in curve.windows(4).step_by(3) {
            points.extend((1..=CURVE_STEPS).map(|step| on_curve(piece, step)));
        }
    }
    points
}

/// The point of a cubic curve after so many steps (Bernstein's form).
fn on_curve(piece: &[Point], step: usize) -> Point {
    let (t, u) = (step as f64 / CURVE_STEPS as f64, 1.0 - step as f64 / CURVE_STEPS as f64);
    let shares = [u * u * u, 3.0 * u * u * t, 3.0 * u * t * t, t * t * t];
    let sum =
        |of: fn(&Point) -> f64| piece.iter().zip(shares).map(|(at, share)| of(at) * share).sum();
    Point { x: sum(|at| at.x), y: sum(|at| at.y) }
}

fn numbers(text: &str) -> Vec<f64> {
    text.split(',').filter_map(|part| part.trim().parse().ok()).collect()
}

fn list<'a>(of: &'a Value, key: &str) -> &'a [Value] {
    of.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
