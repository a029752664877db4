//! Waiting for the way into a pod: first for the link, then for the route behind it.

use anyssh_core::{Deadline, Progress};
use tokio::time::timeout_at;

use crate::error::{DebugError, Stage, mismatch};
use crate::link::{self, DebugLink};
use crate::target::ActionName;
use crate::watch::ActionWatch;
use crate::wire::ActionDetails;

/// Waits until the control plane shows a link to the debug server.
///
/// # Errors
/// [`DebugError::Terminal`] as soon as the action is over; [`DebugError::TimedOut`] with the last phase.
pub(crate) async fn for_link(
    watch: &mut ActionWatch,
    deadline: Deadline,
    progress: &Progress,
) -> Result<DebugLink, DebugError> {
    let mut last = None;
    let searching = async {
        loop {
            let details = watch.next().await?;
            match look(&details, watch.action())? {
                Seen::Link(link) => return Ok(link),
                Seen::Pending(what) if last.as_ref() == Some(&what) => {}
                Seen::Pending(what) => {
                    progress.tell(&what);
                    last = Some(what);
                }
            }
        }
    };
    timeout_at(deadline.instant().into(), searching).await.unwrap_or_else(|_| {
        let last = last.take().unwrap_or_else(|| "nothing: the control plane did not answer".to_owned());
        Err(DebugError::TimedOut { stage: Stage::Link, last })
    })
}

/// What one state says about the way into the pod.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Link(DebugLink),
    /// Not there yet: what is being waited for.
    Pending(String),
}

/// Reads a state, which has to be one of this action (S8).
///
/// # Errors
/// [`DebugError::Terminal`] if the action is over, link or not.
pub(crate) fn look(details: &ActionDetails, action: &ActionName) -> Result<Seen, DebugError> {
    if let Some(id) = &details.id
        && (id.run.name != action.run || id.name != action.action)
    {
        let (asked, found) = (format!("{}/{}", action.run, action.action), format!("{}/{}", id.run.name, id.name));
        return Err(mismatch("details.id", &asked, &found).into());
    }
    let phase = &details.status.phase;
    if phase.is_terminal() {
        return Err(DebugError::terminal(action, phase, details.reason()));
    }
    match link::find(details) {
        Some(link) => Ok(Seen::Link(link)),
        None => Ok(Seen::Pending(format!("the run is {phase}"))),
    }
}
