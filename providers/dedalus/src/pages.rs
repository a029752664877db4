//! Lists, read to their end.

use std::collections::HashSet;

use anyssh_core::{Deadline, ProviderError};
use anyssh_http::HttpClient;
use serde::de::DeserializeOwned;

use crate::error::Error;
use crate::wire::Page;

/// No account has as many; a list that never ends must not fill the memory before the deadline.
const MOST_PAGES: usize = 1000;

/// All items behind a path. The end is a page without a cursor: an empty page may have one.
pub(crate) async fn all<T: DeserializeOwned>(
    http: &HttpClient,
    path: &[&str],
    deadline: Deadline,
) -> Result<Vec<T>, ProviderError> {
    let mut items = Vec::new();
    let mut seen = HashSet::new();
    let mut cursor: Option<String> = None;
    for _ in 0..MOST_PAGES {
        let mut call = http.get(path, deadline);
        if let Some(cursor) = &cursor {
            call = call.with_query("cursor", cursor);
        }
        let page: Page<T> = call.send(&[200]).await?.json()?;
        items.extend(page.items.unwrap_or_default());
        let Some(next) = page.next_cursor.filter(|next| !next.is_empty()) else { return Ok(items) };
        if !seen.insert(next.clone()) {
            return Err(Error::Pages { why: "it was given before, so the list would never end" }.into());
        }
        cursor = Some(next);
    }
    Err(Error::Pages { why: "the list has no end after 1000 pages" }.into())
}
