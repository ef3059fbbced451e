//! Starts the cluster and drives reads through every mode, then through every condition.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use raftlens_core::{
    Client, Cluster, ClusterConfig, Config, Error, ReadFrom, RegionId, StoreId, Tracer,
};

use crate::demo::{Progress, conditions};
use crate::propagation::OtelPropagator;

/// How long a condition may take to come about before the demonstration gives up.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running cluster that the conditions work on.
pub(crate) struct Drive {
    pub(crate) cluster: Cluster,
    pub(crate) client: Client,
    pub(crate) config: Config,
}

/// The key that most reads ask for; it lies in region 1.
pub(crate) const KEY: &[u8] = b"key-007";
/// A key of region 2.
pub(crate) const OTHER_KEY: &[u8] = b"user-007";
/// The region of [`KEY`].
pub(crate) const REGION: RegionId = RegionId(1);

impl Drive {
    /// Runs the whole demonstration in `data`.
    pub(crate) async fn run(data: PathBuf, seed: u64, progress: &Progress) -> Result<()> {
        progress.step("starting three stores");
        let mut config = ClusterConfig::new(data, vec![b"m".to_vec(), b"t".to_vec()]);
        config.config = Config::fast();
        config.tracer = Tracer::new(OtelPropagator);
        config.seed = seed;
        let fast = config.config.clone();
        let cluster = Cluster::start(config).await.context("the cluster did not start")?;
        let client = cluster.client();
        let mut drive = Drive { cluster, client, config: fast };
        let driven = drive.drive(progress).await;
        // Also after a failure: nothing may go on in the folder.
        drive.cluster.stop().await;
        driven
    }

    async fn drive(&mut self, progress: &Progress) -> Result<()> {
        self.cluster.wait_for_leaders(PATIENCE).await.context("no leaders were elected")?;
        progress.step("writing");
        self.write_keys().await?;
        progress.step("reading in every mode");
        conditions::modes::lease(self).await?;
        conditions::modes::shared_snapshot(self).await?;
        conditions::modes::quorum(self).await?;
        conditions::modes::read_index_only(self).await?;
        conditions::modes::replica(self).await?;
        progress.step("reading while the lease cannot be renewed");
        conditions::lease::expired(self).await?;
        conditions::lease::suspect(self).await?;
        progress.step("reading while the apply loop lags");
        conditions::lag::leader_behind(self).await?;
        conditions::lag::replica_behind(self).await?;
        progress.step("reading while leaders change");
        conditions::leader::before_its_no_op(self).await?;
        conditions::leader::none_known(self).await?;
        progress.step("asking for what cannot be had");
        conditions::refused::wrong_addressee(self).await?;
        conditions::refused::flashback(self).await?;
        Ok(())
    }

    async fn write_keys(&self) -> Result<()> {
        for number in 0..40 {
            for prefix in ["key", "user"] {
                let key = format!("{prefix}-{number:03}");
                let value = format!("value of {key}").into_bytes();
                self.client.write(key.as_bytes(), Some(value)).await.context(key)?;
            }
        }
        self.client.write(b"key-039", None).await.context("deleting")?;
        Ok(())
    }

    /// Reads [`KEY`] until the answer comes.
    pub(crate) async fn read(&self, from: ReadFrom) -> Result<()> {
        let answer = self.client.read(KEY, from).await?;
        if answer.value.is_none() {
            bail!("a read of {} from {from:?} lost its value", KEY.escape_ascii());
        }
        Ok(())
    }

    /// The store that leads [`REGION`], once one does.
    pub(crate) async fn leader(&self) -> Result<StoreId> {
        self.until("a leader", || async {
            let (_, leader) = self.cluster.pd().region(REGION)?;
            let leader = leader?.store();
            // The table may be behind: only a leader can read under its lease.
            self.client.read_once(KEY, ReadFrom::Leader).await.ok().map(|_| leader)
        })
        .await
    }

    /// A store that does not lead [`REGION`].
    pub(crate) async fn follower(&self) -> Result<StoreId> {
        let leader = self.leader().await?;
        Ok(StoreId(leader.0 % 3 + 1))
    }

    /// Tries until `attempt` gives something.
    pub(crate) async fn until<T, F>(&self, what: &str, mut attempt: impl FnMut() -> F) -> Result<T>
    where
        F: Future<Output = Option<T>>,
    {
        let tries = async {
            loop {
                if let Some(found) = attempt().await {
                    return found;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, tries)
            .await
            .with_context(|| format!("{what} did not come about in {PATIENCE:?}"))
    }
}

/// Fails unless `result` is an error that `expected` recognises.
pub(crate) fn expect_error<T>(
    what: &str,
    result: Result<T, Error>,
    expected: impl FnOnce(&Error) -> bool,
) -> Result<()> {
    match result {
        Err(error) if expected(&error) => Ok(()),
        Err(error) => bail!("{what} was refused for another reason: {error}"),
        Ok(_) => bail!("{what} was answered"),
    }
}
