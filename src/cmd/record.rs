//! `raftlens record`: receives OTLP, and writes what came to a file that `raftlens draw` takes.

use std::future::pending;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Args;
use raftlens_tracer::parse_duration;
use raftlens_tracer::receiver::{Counts, Listen, Receiver, Settings};
use serde_json::{Value, json};

use crate::cmd::Usage;
use crate::interrupt::Interrupt;
use crate::output::say;

/// What `raftlens record` takes.
#[derive(Debug, Args)]
pub(crate) struct RecordArgs {
    /// Where to listen: for gRPC, and after a comma for HTTP; or grpc=HOST:PORT or http=HOST:PORT
    /// alone. Port 0 is any free one. Either port takes either protocol.
    #[arg(long, value_name = "ADDRESSES", default_value = "127.0.0.1:4317,4318")]
    listen: String,
    /// The file to write, as OTLP JSON lines. It ends in .part until it is complete.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// End after this time, e.g. 10s.
    #[arg(long = "for", value_name = "TIME")]
    time: Option<String>,
    /// End after so many spans, with the request that has the last of them.
    #[arg(long, value_name = "N")]
    spans: Option<u64>,
    /// Begin a new file when one has so many bytes. Files are numbered then.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    rotate_bytes: Option<u64>,
    /// Begin a new file so many seconds after the first span of one. Files are numbered then.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    rotate_seconds: Option<u64>,
    /// Keep only the last so many complete files.
    #[arg(long, value_name = "N")]
    keep: Option<usize>,
    /// Acknowledge a request only when it has reached the disk, so that it outlives a power cut.
    #[arg(long)]
    fsync: bool,
    /// The largest request that is taken, in bytes, unpacked.
    #[arg(long, value_name = "N", default_value_t = 16 << 20)]
    request_bytes: usize,
    /// The memory that waiting requests may take, in bytes.
    #[arg(long, value_name = "N", default_value_t = 64 << 20)]
    queue_bytes: usize,
    /// Print the counts at the end as JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &RecordArgs) -> Result<ExitCode> {
    let settings = settings(args)?;
    let time = args.time.as_deref().map(time).transpose()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("no threads can be had")?;
    let counts = runtime.block_on(receive(settings, time))?;
    if args.json {
        say!("{}", in_json(&counts));
    }
    eprint!("{}", in_words(&counts));
    Ok(ExitCode::SUCCESS)
}

fn settings(args: &RecordArgs) -> Result<Settings> {
    let listen: Listen = args.listen.parse().map_err(|error| Usage(format!("--listen {error}")))?;
    if args.keep.is_some() && args.rotate_bytes.is_none() && args.rotate_seconds.is_none() {
        let message =
            "--keep is for files that are rotated: say --rotate-bytes or --rotate-seconds";
        return Err(Usage(message.to_owned()).into());
    }
    let mut settings = Settings::new(listen, &args.output);
    settings.rotate_bytes = args.rotate_bytes;
    settings.rotate_after = args.rotate_seconds.map(Duration::from_secs);
    settings.most_files = args.keep;
    settings.is_synced = args.fsync;
    settings.most_spans = args.spans;
    settings.most_request_bytes = args.request_bytes;
    settings.most_waiting_bytes = args.queue_bytes;
    Ok(settings)
}

fn time(text: &str) -> Result<Duration> {
    let fault = || Usage(format!("--for {text}: expected a number with a unit, like 90s or 15m"));
    parse_duration(text).filter(|time| !time.is_zero()).ok_or_else(|| fault().into())
}

async fn receive(settings: Settings, time: Option<Duration>) -> Result<Counts> {
    let interrupt = Interrupt::listen().context("no signals")?;
    let receiver = Receiver::start(settings).await?;
    let places = [("gRPC", receiver.grpc()), ("HTTP", receiver.http())];
    let places = places
        .iter()
        .filter_map(|(name, address)| address.map(|address| format!("{name} on {address}")));
    eprintln!("raftlens: receiving {}", places.collect::<Vec<_>>().join(", "));
    let elapsed = async {
        match time {
            Some(time) => tokio::time::sleep(time).await,
            None => pending().await,
        }
    };
    tokio::select! {
        () = interrupt.come() => {}
        () = elapsed => {}
        () = receiver.finished() => {}
    }
    Ok(receiver.stop().await?)
}

fn in_words(counts: &Counts) -> String {
    let files: Vec<_> = counts.files.iter().map(|file| file.display().to_string()).collect();
    let into = if files.is_empty() { String::new() } else { format!(": {}", files.join(", ")) };
    let mut text = format!(
        "raftlens: {} spans in {} requests, {} bytes{into}\n",
        counts.spans, counts.requests, counts.bytes
    );
    if counts.rejected_spans > 0 {
        text += &format!("raftlens: {} spans without ids were left out\n", counts.rejected_spans);
    }
    if counts.refused_total() > 0 {
        let reasons = counts.refused.iter().map(|(reason, count)| format!("{count} {reason}"));
        text +=
            &format!("raftlens: requests refused: {}\n", reasons.collect::<Vec<_>>().join(", "));
    }
    if let Some(fault) = &counts.last_fault {
        text += &format!("raftlens: {fault}\n");
    }
    text
}

fn in_json(counts: &Counts) -> Value {
    let refused = counts.refused.iter();
    let refused = refused.map(|(reason, count)| (reason.name().to_owned(), json!(count)));
    json!({
        "spans": counts.spans,
        "requests": counts.requests,
        "bytes": counts.bytes,
        "rejected_spans": counts.rejected_spans,
        "refused": Value::Object(refused.collect()),
        "files": counts.files,
        "last_fault": counts.last_fault,
    })
}
