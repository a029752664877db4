//! Directories that are refused, files that are not read (requirements F1 to F4).
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};

use anyssh_private_dir::PrivateDir;

fn make(path: &Path, mode: u32) -> PathBuf {
    fs::DirBuilder::new().mode(0o700).create(path).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    path.to_owned()
}

fn refusal(path: &Path) -> String {
    PrivateDir::open(path).unwrap_err().to_string()
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// F1
#[test]
fn missing_directories_are_made_for_us_alone() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("a/b/c");
    PrivateDir::open(&path).unwrap();
    for made in [path.as_path(), path.parent().unwrap(), path.parent().unwrap().parent().unwrap()] {
        assert_eq!(fs::metadata(made).unwrap().permissions().mode() & 0o777, 0o700);
    }
    PrivateDir::open(&path).unwrap();
}

/// F1: each refusal names the path and says what is wrong with it.
#[test]
fn a_directory_that_is_not_ours_alone_is_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let at = |name: &str| scratch.path().join(name);
    for mode in [0o755, 0o750, 0o701, 0o777, 0o600] {
        let loose = make(&at(&format!("loose{mode:o}")), mode);
        // Without the right to search it an unprivileged user cannot even look; that is a refusal too.
        let why = refusal(&loose);
        assert!(why.contains(loose.to_str().unwrap()) && why.contains("chmod 700"), "{why}");
    }
    make(&at("real"), 0o700);
    symlink(at("real"), at("link")).unwrap();
    assert!(refusal(&at("link")).contains("symbolic link"));
    fs::File::create(at("file")).unwrap();
    assert!(refusal(&at("file")).contains("not a directory"));
    assert!(refusal(Path::new("relative/path")).contains("not absolute"));
    assert!(refusal(Path::new("/")).contains("no directory of our own"));
}

/// F1
#[test]
fn a_directory_of_somebody_else_is_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let theirs = if is_root() {
        let theirs = make(&scratch.path().join("theirs"), 0o700);
        chown(&theirs, Some(65534), None).unwrap();
        let below = refusal(&theirs.join("ours"));
        assert!(below.contains("belongs to uid 65534"), "{below}");
        theirs
    } else {
        PathBuf::from("/usr")
    };
    let why = refusal(&theirs);
    assert!(why.contains("belongs to uid"), "{why}");
}

/// F1: whoever can rename a parent can swap what is below it.
#[test]
fn a_parent_that_everybody_can_write_is_refused_unless_it_is_sticky() {
    let scratch = tempfile::tempdir().unwrap();
    let open = make(&scratch.path().join("open"), 0o777);
    let why = refusal(&open.join("ours"));
    assert!(why.contains(open.to_str().unwrap()) && why.contains("o-w"), "{why}");
    let sticky = make(&scratch.path().join("sticky"), 0o1777);
    PrivateDir::open(&sticky.join("ours")).unwrap();
    let group = make(&scratch.path().join("group"), 0o770);
    PrivateDir::open(&group.join("ours")).unwrap();
    symlink(&open, scratch.path().join("way")).unwrap();
    assert!(refusal(&scratch.path().join("way/ours")).contains("o-w"), "a link does not hide it");
}

/// F1: a link that a stranger left in a shared directory leads nowhere.
#[test]
fn a_parent_that_is_somebody_elses_link_is_refused() {
    if !is_root() {
        return; // Only root can make a link that belongs to somebody else.
    }
    let scratch = tempfile::tempdir().unwrap();
    let link = scratch.path().join("link");
    symlink(make(&scratch.path().join("real"), 0o700), &link).unwrap();
    PrivateDir::open(&link.join("ours")).unwrap();
    std::os::unix::fs::lchown(&link, Some(65534), None).unwrap();
    assert!(refusal(&link.join("ours")).contains("belongs to uid 65534"));
}

/// F2
#[test]
fn a_file_is_made_once_and_for_us_alone() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = PrivateDir::open(&scratch.path().join("d")).unwrap();
    dir.create_file("a", b"1").unwrap();
    assert_eq!(fs::metadata(dir.path().join("a")).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(dir.create_file("a", b"2").unwrap_err().kind(), std::io::ErrorKind::AlreadyExists);
    symlink(scratch.path().join("elsewhere"), dir.path().join("link")).unwrap();
    assert!(dir.create_file("link", b"3").is_err());
    assert!(!scratch.path().join("elsewhere").exists());
}

/// F3
#[test]
fn a_file_is_replaced_in_one_step_and_placed_only_where_there_is_none() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = PrivateDir::open(&scratch.path().join("d")).unwrap();
    dir.place_new_file("a", b"1").unwrap();
    assert_eq!(dir.place_new_file("a", b"2").unwrap_err().kind(), std::io::ErrorKind::AlreadyExists);
    assert_eq!(dir.read_file("a", 10).unwrap().unwrap(), b"1");
    dir.replace_file("a", b"3").unwrap();
    assert_eq!(dir.read_file("a", 10).unwrap().unwrap(), b"3");
    assert_eq!(fs::metadata(dir.path().join("a")).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no half-written file is left");
    dir.remove_file("a").unwrap();
    dir.remove_file("a").unwrap();
    assert_eq!(dir.read_file("a", 10).unwrap(), None);
}

/// F4: neither waits for a FIFO's writer nor reads a gigabyte.
#[test]
fn only_small_regular_files_are_read() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = PrivateDir::open(&scratch.path().join("d")).unwrap();
    let fifo = std::process::Command::new("mkfifo").arg(dir.path().join("fifo")).status().unwrap();
    assert!(fifo.success());
    symlink("/etc/passwd", dir.path().join("link")).unwrap();
    symlink("/dev/zero", dir.path().join("device")).unwrap();
    make(&dir.path().join("directory"), 0o700);
    dir.create_file("large", b"").unwrap().set_len(1 << 30).unwrap();
    for name in ["fifo", "link", "device", "directory", "large"] {
        let error = dir.read_file(name, 4096).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidData, "{name}: {error}");
        assert!(error.to_string().contains(name), "{error}");
    }
    assert_eq!(dir.read_file("fifo/x", 10).unwrap_err().kind(), std::io::ErrorKind::NotADirectory);
}
