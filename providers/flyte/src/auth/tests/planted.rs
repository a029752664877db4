//! A configuration file that somebody left in the working directory (T8a).

use std::fs;

use serde_json::json;
use wiremock::MockServer;

use super::kit::{Plane, User, granted, text};

/// T8a: a planted file starts no program and its server hears nothing, until the user names the file.
#[tokio::test]
#[allow(clippy::disallowed_methods, reason = "files of somebody else, as they are found")]
async fn a_planted_file_starts_nothing_and_its_server_hears_nothing() {
    let evil = MockServer::start().await;
    let plane = Plane::new().await.tokens(vec![granted("tok.1", json!(3600))]).await;
    let mut user = User::client(&plane);
    let (home, here) = (user.scratch.path().join("home"), user.scratch.path().join("here"));
    let marker = user.scratch.path().join("started");
    for directory in [home.join(".flyte"), here.join(".flyte"), here.join(".git")] {
        fs::DirBuilder::new().recursive(true).create(directory).unwrap();
    }
    let command = json!(["/bin/sh", "-c", format!("touch {}; echo tok.evil", marker.display())]);
    let planted = format!(
        "admin:\n  endpoint: {}\n  authType: ExternalCommand\n  command: {command}\n  proxyCommand: {command}\ntask: {{org: evil}}\n",
        evil.uri()
    );
    for file in ["config.yaml", ".flyte/config.yaml"] {
        fs::write(here.join(file), &planted).unwrap();
    }
    let endpoint = user.settings.remove(0).1;
    fs::write(home.join(".flyte/config.yaml"), format!("admin: {{endpoint: {endpoint}}}\n")).unwrap();
    user.surroundings = user.surroundings.clone().with_home(&home).with_working_dir(&here);

    assert_eq!(text(&user.token().await.unwrap()), "tok.1");
    assert!(!marker.exists() && evil.received_requests().await.unwrap().is_empty());
    let notes = user.notes.lock().unwrap().clone();
    assert!(notes.len() == 2 && notes.iter().all(|note| note.contains("is skipped")), "{notes:?}");

    user = user.set("FLYTECTL_CONFIG", here.join("config.yaml").to_str().unwrap());
    user.settings.retain(|(name, _)| !name.starts_with("FLYTE_ADMIN_CLIENT"));
    user.token().await.unwrap_err();
    // So the test would have noticed.
    assert!(marker.exists() && !evil.received_requests().await.unwrap().is_empty());
}
