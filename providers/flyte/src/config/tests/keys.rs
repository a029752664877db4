//! An API key beside files that may be about another control plane.

use super::*;

fn key(endpoint: &str, org: Option<&str>) -> String {
    let (client_id, client_secret) = ("ci".to_owned(), "hunter22".into());
    let org = org.map(str::to_owned);
    ApiKey { endpoint: endpoint.to_owned(), client_id, client_secret, org }.encode().expose_secret().to_owned()
}

const GATEWAY: &str =
    "proxyCommand: [gcloud, token], caCertFilePath: /ca.pem, scopes: [a], httpProxyURL: \"https://p\"";

/// K5: what a file says of one control plane, its gateway's token above all, is not for the one of a key.
#[test]
fn a_file_about_another_control_plane_says_nothing_about_the_keys() {
    let user = User::new();
    let task = "task: {project: p, domain: d}";
    user.file(HOME, &format!("admin: {{endpoint: a.hosted.example, insecure: true, {GATEWAY}}}\n{task}\n"));
    let config = user.read(&[("FLYTE_API_KEY", &key("b.hosted.example", None))]).unwrap();
    assert_eq!(config.endpoint.base_url.to_string(), "https://b.hosted.example");
    assert!(config.gateway.is_none() && config.endpoint.ca_file.is_none() && config.http_proxy.is_none());
    assert_eq!((config.project.as_str(), config.scopes.len()), ("p", 0));

    // One about the same, or about none, is meant; and variables always are.
    for endpoint in ["endpoint: \"dns:///B.hosted.example\", ", ""] {
        user.file(HOME, &format!("admin: {{{endpoint}{GATEWAY}}}\n{task}\n"));
        let config = user.read(&[("FLYTE_API_KEY", &key("b.hosted.example", None))]).unwrap();
        assert!(config.gateway.is_some() && config.endpoint.ca_file.is_some(), "{endpoint}");
    }
    user.file(HOME, &format!("admin: {{endpoint: a.hosted.example}}\n{task}\n"));
    let gateway = ("FLYTE_AUTH_PROXY_COMMAND", "gcloud token");
    assert!(user.read(&[("FLYTE_API_KEY", &key("b.hosted.example", None)), gateway]).unwrap().gateway.is_some());
}

#[test]
fn the_organisation_is_a_variables_then_the_keys_then_the_files() {
    let user = User::new();
    user.file(HOME, "task: {org: of-file, project: p, domain: d}\n");
    let org = |key: &str, more: &[(&str, &str)]| {
        user.read(&[&[("FLYTE_API_KEY", key)], more].concat()).map(|config| config.org)
    };
    let with_org = key("b.hosted.example", Some("of-key"));
    assert_eq!(org(&with_org, &[("FLYTE_TASK_ORG", "of-variable")]).unwrap(), "of-variable");
    assert_eq!(org(&with_org, &[]).unwrap(), "of-key");
    assert_eq!(org(&key("b.hosted.example", None), &[]).unwrap(), "of-file");
    let error = org(&key("b.hosted.example", Some("a/b")), &[]).unwrap_err();
    assert!(error.field() == Some("FLYTE_API_KEY") && !error.to_string().contains("hunter22"), "{error}");
}

/// As with Flyte's own client, the key of a task's pod gives way to a file that is named and to a way to log in.
#[test]
fn the_key_of_a_pod_gives_way_to_what_is_named() {
    let user = User::new();
    user.file("named.yaml", GOOD);
    let named = user.path("named.yaml");
    for eager in ["_UNION_EAGER_API_KEY", "EAGER_API_KEY"] {
        let pod = key("pod.hosted.example", None);
        let host = |more: &[(&str, &str)]| {
            let config = user.read(&with_task(&[&[(eager, pod.as_str())], more].concat())).unwrap();
            config.endpoint.base_url.host().to_owned()
        };
        assert_eq!(host(&[]), "pod.hosted.example");
        assert_eq!(host(&[("FLYTECTL_CONFIG", named.to_str().unwrap())]), "acme.hosted.example");
        let own = [("FLYTE_AUTH_TYPE", "Pkce"), ("FLYTE_ADMIN_ENDPOINT", "own.hosted.example")];
        assert_eq!(host(&own), "own.hosted.example");
        let key = key("key.hosted.example", None);
        assert_eq!(host(&[("FLYTE_API_KEY", &key), own[0], own[1]]), "key.hosted.example");
    }
}

/// A file nearby that is only about tasks hides the one at home, as with Flyte's own client: the error says which.
#[test]
fn a_file_that_names_no_endpoint_is_named_itself() {
    let user = User::new();
    user.file(HOME, GOOD).file("work/sub/config.yaml", "task: {project: p, domain: d}\n");
    let error = user.read(&[]).unwrap_err();
    assert!(error.to_string().contains("work/sub/config.yaml is read in their place"), "{error}");
}

/// K5: over plain http beyond loopback nothing secret goes, a gateway's token neither.
#[test]
fn no_gateway_is_opened_over_plain_http() {
    let gateway = ("FLYTE_AUTH_PROXY_COMMAND", "gcloud token");
    for (endpoint, has_gateway) in [("http://flyte.invalid", false), ("https://flyte.invalid", true)] {
        let insecure = ("FLYTE_ADMIN_INSECURE", "true");
        let variables = [("FLYTE_ADMIN_ENDPOINT", endpoint), ("FLYTE_TASK_ORG", "o"), insecure, gateway];
        assert_eq!(User::new().read(&with_task(&variables)).unwrap().gateway.is_some(), has_gateway, "{endpoint}");
    }
}
