//! Reads and unpacks the bodies of requests, within the limit of one and the memory of all.

use std::io::Read as _;
use std::time::Duration;

use flate2::read::MultiGzDecoder;
use http_body_util::BodyExt as _;
use hyper::body::{Bytes, Incoming};
use tokio::time::timeout;

use super::budget::Share;
use super::refusal::{Reason, Refusal};

/// How long the body of a request may take.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// How much is unpacked before more memory is asked for.
const UNPACKED_STEP: usize = 1 << 16;

/// How much of a refused body is read, and for how long, so that its sender gets the answer.
const MOST_DRAINED_BYTES: usize = 64 << 20;
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// Reads a body, with the length that its sender has stated, if any.
pub(super) async fn read_body(
    body: &mut Incoming,
    stated: Option<usize>,
    most: usize,
    share: &mut Share,
) -> Result<Vec<u8>, Refusal> {
    timeout(BODY_TIMEOUT, read_all(body, stated, most, share))
        .await
        .unwrap_or_else(|_| Err(Refusal::new(Reason::Incomplete, "the body did not come in time")))
}

/// Reads the rest of a body that nobody wants: whoever is still sending would otherwise see a broken
/// connection, and not why.
pub(super) async fn drain(body: Incoming) {
    let _ = timeout(DRAIN_TIMEOUT, read_away(body)).await;
}

async fn read_away(mut body: Incoming) {
    let mut left = MOST_DRAINED_BYTES;
    while let Some(Ok(frame)) = body.frame().await {
        let length = frame.data_ref().map_or(0, Bytes::len);
        match left.checked_sub(length) {
            Some(less) => left = less,
            None => return,
        }
    }
}

fn too_large(most: usize) -> Refusal {
    let message = format!("a request has at most {most} bytes, unpacked; send fewer spans at once");
    Refusal::new(Reason::TooLarge, message)
}

async fn read_all(
    body: &mut Incoming,
    stated: Option<usize>,
    most: usize,
    share: &mut Share,
) -> Result<Vec<u8>, Refusal> {
    if let Some(length) = stated {
        if length > most {
            return Err(too_large(most));
        }
        // At once, so that requests do not each hold a half of what they need.
        share.grow_to(length).await?;
    }
    // A vector that grows by itself may take twice what it holds.
    let mut bytes = Vec::with_capacity(stated.unwrap_or_default());
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Refusal::new(Reason::Incomplete, error.to_string()))?;
        let Some(data) = frame.data_ref() else { continue };
        if bytes.len() + data.len() > most {
            return Err(too_large(most));
        }
        share.grow_to(bytes.len() + data.len()).await?;
        bytes.extend_from_slice(data);
    }
    bytes.shrink_to_fit();
    Ok(bytes)
}

/// Unpacks gzip.
pub(super) async fn unpack(
    packed: &[u8],
    most: usize,
    share: &mut Share,
) -> Result<Vec<u8>, Refusal> {
    let mut bytes = Vec::new();
    let mut decoder = MultiGzDecoder::new(packed);
    loop {
        share.grow_by(UNPACKED_STEP).await?;
        let mut step = decoder.by_ref().take(UNPACKED_STEP as u64);
        let read = step
            .read_to_end(&mut bytes)
            .map_err(|error| Refusal::new(Reason::Malformed, format!("gzip: {error}")))?;
        if bytes.len() > most {
            return Err(too_large(most));
        }
        if read < UNPACKED_STEP {
            bytes.shrink_to_fit();
            return Ok(bytes);
        }
    }
}
