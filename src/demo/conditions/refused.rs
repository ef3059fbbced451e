//! Reads that cannot be answered: each gets a typed error, and its trace says which check refused it.

use anyhow::Result;
use raftlens_core::{AdminCommand, Error, PeerId, ReadFrom, RegionId, SnapContext, StoreId};

use crate::demo::drive::{Drive, KEY, expect_error};

/// Requests that name the wrong store, replica, region, epoch, term or key.
pub(crate) async fn wrong_addressee(drive: &Drive) -> Result<()> {
    drive.leader().await?;
    let (kv, good) = drive.client.context(KEY, ReadFrom::Leader)?;
    type Spoil = fn(&mut SnapContext);
    type Expected = fn(&Error) -> bool;
    let cases: [(&str, Spoil, Expected); 6] = [
        (
            "a read for another store",
            |ctx| ctx.header.store_id = StoreId(99),
            |error| matches!(error, Error::StoreNotMatch { .. }),
        ),
        (
            "a read for another replica",
            |ctx| ctx.header.peer_id = PeerId(ctx.header.peer_id.0 + 1000),
            |error| matches!(error, Error::PeerNotMatch { .. }),
        ),
        (
            "a read for an unknown region",
            |ctx| ctx.header.region_id = RegionId(99),
            |error| matches!(error, Error::RegionNotFound(_)),
        ),
        (
            "a read for another epoch",
            |ctx| ctx.header.epoch.version += 1,
            |error| matches!(error, Error::EpochNotMatch { .. }),
        ),
        (
            "a read from an old term",
            |ctx| ctx.header.term = 1,
            |error| matches!(error, Error::StaleCommand { .. }),
        ),
        (
            "a read of the past",
            |ctx| ctx.header.stale_read_ts = Some(1),
            |error| matches!(error, Error::DataIsNotReady { .. }),
        ),
    ];
    for (what, spoil, expected) in cases {
        let mut ctx = good.clone();
        spoil(&mut ctx);
        expect_error(what, kv.async_snapshot(ctx).await, expected)?;
    }
    let outside = kv.get(good, b"zzz".to_vec()).await;
    expect_error("a read of a key outside its region", outside, |error| {
        matches!(error, Error::KeyNotInRegion { .. })
    })
}

/// A region that is being flashed back lets only flashback requests pass.
pub(crate) async fn flashback(drive: &Drive) -> Result<()> {
    drive.leader().await?;
    let (kv, ctx) = drive.client.context(KEY, ReadFrom::Leader)?;
    let mut flashback = ctx.clone();
    flashback.header.flashback = true;
    let early = kv.async_snapshot(flashback.clone()).await;
    expect_error("a flashback that was not prepared", early, |error| {
        matches!(error, Error::FlashbackNotPrepared(_))
    })?;
    kv.admin(ctx.clone(), AdminCommand::SetFlashback(true)).await?;
    let during = kv.async_snapshot(ctx.clone()).await;
    expect_error("a read during a flashback", during, |error| {
        matches!(error, Error::FlashbackInProgress(_))
    })?;
    kv.async_snapshot(flashback).await?;
    kv.admin(ctx, AdminCommand::SetFlashback(false)).await?;
    drive.read(ReadFrom::Leader).await
}
