//! The wish of the user, or the system, that the program end.

/// What an interruption is waited for with.
pub(crate) struct Interrupt {
    #[cfg(unix)]
    signals: [tokio::signal::unix::Signal; 2],
}

impl Interrupt {
    /// From here on an interruption no longer ends the program by itself.
    pub(crate) fn listen() -> std::io::Result<Self> {
        Ok(Interrupt {
            #[cfg(unix)]
            signals: {
                use tokio::signal::unix::{SignalKind, signal};
                [signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?]
            },
        })
    }

    /// Comes back when the program is to end.
    #[cfg(unix)]
    pub(crate) async fn come(mut self) {
        let [interrupt, terminate] = &mut self.signals;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    }

    /// Comes back when the program is to end.
    #[cfg(not(unix))]
    pub(crate) async fn come(self) {
        // Without signals there is nothing to wait for.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
