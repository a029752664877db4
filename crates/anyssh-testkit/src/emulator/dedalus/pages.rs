//! Lists, page by page.

use serde_json::{Map, Value};

/// How a list is cut into pages. All but [`Pages::Plain`] are what clients have stumbled over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pages {
    /// Items, and `next_cursor` as long as there are more.
    Plain,
    /// Each other page is empty and has a cursor, the first one too.
    Empty,
    /// The same with `items: null` instead of `[]`; so has a list without items.
    Null,
    /// The last page says `next_cursor: null`.
    NullCursorAtTheEnd,
    /// The last page says `next_cursor: ""`.
    EmptyCursorAtTheEnd,
    /// The second page and all after it say the cursor that led to them.
    RepeatingCursor,
}

/// What a request asks of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Query {
    pub(super) limit: usize,
    pub(super) cursor: Option<String>,
}

impl Pages {
    /// The page that is asked for, or `None` if nobody gave that cursor out.
    pub(super) fn page(self, items: &[Value], query: &Query) -> Option<Value> {
        let (start, was_empty) = match &query.cursor {
            None => (0, false),
            Some(cursor) => parse(cursor)?,
        };
        let items = items.get(start..)?;
        let is_empty = matches!(self, Self::Empty | Self::Null) && !was_empty && !items.is_empty();
        let count = if is_empty { 0 } else { query.limit.min(items.len()) };
        let mut page = Map::new();
        let shown = match (self, count) {
            (Self::Null, 0) => Value::Null,
            _ => items[..count].to_vec().into(),
        };
        page.insert("items".into(), shown);
        if let Some(cursor) = self.next(query, start + count, is_empty, count < items.len()) {
            page.insert("next_cursor".into(), cursor);
        }
        Some(Value::Object(page))
    }

    fn next(self, query: &Query, start: usize, is_empty: bool, has_more: bool) -> Option<Value> {
        match self {
            Self::RepeatingCursor if query.cursor.is_some() => query.cursor.clone().map(Value::from),
            _ if has_more => Some(format!("from-{start}-{}", if is_empty { "again" } else { "on" }).into()),
            Self::NullCursorAtTheEnd => Some(Value::Null),
            Self::EmptyCursorAtTheEnd => Some("".into()),
            _ => None,
        }
    }
}

/// Where a page starts, and whether the one before it was empty.
fn parse(cursor: &str) -> Option<(usize, bool)> {
    let (start, word) = cursor.strip_prefix("from-")?.split_once('-')?;
    let was_empty = match word {
        "again" => true,
        "on" => false,
        _ => return None,
    };
    Some((start.parse().ok()?, was_empty))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The first pages, as many as there are or six.
    fn pages(pages: Pages, count: i32) -> Vec<Value> {
        let items: Vec<Value> = (0..count).map(Value::from).collect();
        let (mut found, mut query) = (Vec::new(), Query { limit: 2, cursor: None });
        while found.len() < 6 {
            let page = pages.page(&items, &query).unwrap();
            query.cursor = page["next_cursor"].as_str().filter(|cursor| !cursor.is_empty()).map(str::to_owned);
            found.push(page);
            if query.cursor.is_none() {
                break;
            }
        }
        found
    }

    #[test]
    fn plain_pages_hold_all_items_and_end_without_a_cursor() {
        let found = pages(Pages::Plain, 3);
        assert_eq!(found, [json!({"items": [0, 1], "next_cursor": "from-2-on"}), json!({"items": [2]})]);
        assert_eq!(pages(Pages::Plain, 0), [json!({"items": []})]);
    }

    #[test]
    fn empty_pages_stand_between_the_items() {
        let items = |kind| pages(kind, 3).iter().map(|page| page["items"].clone()).collect::<Vec<_>>();
        assert_eq!(items(Pages::Empty), [json!([]), json!([0, 1]), json!([]), json!([2])]);
        assert_eq!(items(Pages::Null), [Value::Null, json!([0, 1]), Value::Null, json!([2])]);
        assert_eq!(pages(Pages::Null, 0), [json!({"items": null})]);
    }

    #[test]
    fn the_end_is_told_in_three_ways_or_never() {
        assert_eq!(pages(Pages::NullCursorAtTheEnd, 1), [json!({"items": [0], "next_cursor": null})]);
        assert_eq!(pages(Pages::EmptyCursorAtTheEnd, 1), [json!({"items": [0], "next_cursor": ""})]);
        let endless = pages(Pages::RepeatingCursor, 3);
        assert_eq!((endless.len(), &endless[1]), (6, &endless[5]));
        assert_eq!(endless[5], json!({"items": [2], "next_cursor": "from-2-on"}));
    }

    #[test]
    fn a_cursor_that_nobody_gave_out_has_no_page() {
        for cursor in ["", "from-9-on", "from-x-on", "from-0-off", "2"] {
            let query = Query { limit: 2, cursor: Some(cursor.into()) };
            assert_eq!(Pages::Plain.page(&[Value::Null], &query), None, "{cursor}");
        }
    }
}
