//! Lists, read to their end.

use std::collections::HashSet;

use anyssh_core::{Deadline, ProviderError};
use anyssh_http::HttpClient;

use crate::error::Error;
use crate::wire::{Page, Sandbox};

/// The largest page that the API gives.
const PAGE_SIZE: u64 = 100;

/// No account has as many; a list that never ends must not fill the memory before the deadline.
const MOST_PAGES: u64 = 1000;

/// All sandboxes. The end is an empty page, or one that reaches the total. A sandbox that moved to the next
/// page while the list was read is listed once.
pub(crate) async fn all(http: &HttpClient, deadline: Deadline) -> Result<Vec<Sandbox>, ProviderError> {
    let mut sandboxes = Vec::new();
    let mut seen = HashSet::new();
    for number in 1..=MOST_PAGES {
        let call = http.get(&["v1", "sandboxes"], deadline);
        let call = call.with_query("page", &number.to_string()).with_query("page-size", &PAGE_SIZE.to_string());
        let page: Page = call.send(&[200]).await?.json()?;
        let is_last = page.items.is_empty() || number * PAGE_SIZE >= page.total_items;
        sandboxes.extend(page.items.into_iter().filter(|sandbox| seen.insert(sandbox.id.clone())));
        if is_last {
            return Ok(sandboxes);
        }
    }
    Err(Error::Pages { why: "total_items: the list has no end after 1000 pages" }.into())
}
