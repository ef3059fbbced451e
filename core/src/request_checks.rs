//! The checks that the reader's thread and the raft thread share.

use crate::command::{Body, RaftCmdRequest, RequestHeader};
use crate::error::Error;
use crate::region::Region;

/// Only flashback requests pass a region that is being flashed back, and only there.
#[inline]
pub(crate) fn check_flashback(request: &RaftCmdRequest, region: &Region) -> Result<(), Error> {
    let is_preparing = matches!(request.body, Body::Admin(_));
    match (region.is_in_flashback, request.header.flashback) {
        (true, false) if !is_preparing => Err(Error::FlashbackInProgress(region.region_id())),
        (false, true) if !is_preparing => Err(Error::FlashbackNotPrepared(region.region_id())),
        _ => Ok(()),
    }
}

/// Refuses a request whose term is more than one behind (rule T8): two elections have passed since
/// the caller read what it builds on.
#[inline]
pub(crate) fn check_term(header: &RequestHeader, term: u64) -> Result<(), Error> {
    if header.term == 0 || term <= header.term + 1 {
        return Ok(());
    }
    let reason = "the term in its header is more than one behind";
    Err(Error::StaleCommand { region: header.region_id, reason })
}

/// Refuses a request for another version of the region (rule M5: the version alone).
#[inline]
pub(crate) fn check_region_epoch(header: &RequestHeader, region: &Region) -> Result<(), Error> {
    if header.epoch.version == region.epoch.version {
        return Ok(());
    }
    Err(Error::EpochNotMatch {
        region: region.region_id(),
        requested: header.epoch,
        current: region.epoch,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin_command::AdminCommand;
    use crate::command::ReadCommand;

    #[test]
    fn a_term_may_be_one_behind() {
        let header = |term| RequestHeader { term, ..RequestHeader::default() };
        for (asked, current, passes) in [(0, 9, true), (5, 5, true), (5, 6, true), (5, 7, false)] {
            assert_eq!(check_term(&header(asked), current).is_ok(), passes, "{asked} {current}");
        }
    }

    #[test]
    fn flashback_requests_and_regions_must_agree() {
        let request = |flashback, body| RaftCmdRequest {
            header: RequestHeader { flashback, ..RequestHeader::default() },
            body,
        };
        let read = || Body::Read(ReadCommand::Snap);
        let region = |is_in_flashback| Region { is_in_flashback, ..Region::default() };
        assert!(check_flashback(&request(false, read()), &region(false)).is_ok());
        assert!(check_flashback(&request(true, read()), &region(true)).is_ok());
        assert!(matches!(
            check_flashback(&request(false, read()), &region(true)),
            Err(Error::FlashbackInProgress(_))
        ));
        assert!(matches!(
            check_flashback(&request(true, read()), &region(false)),
            Err(Error::FlashbackNotPrepared(_))
        ));
        let end = Body::Admin(AdminCommand::SetFlashback(false));
        assert!(check_flashback(&request(false, end), &region(true)).is_ok());
    }
}
