//! What only a file can suffer: kill -9, a full disk, a folder without rights, a second server, foreign and damaged
//! files, copies. Some need another process: the test starts itself again as one of the `child_…` functions.

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use muster_store::{Priority, Seq, Store, StoreConfig, StoreError, admin};
use muster_testkit::unprivileged_command;
use serde_json::json;

use crate::world::{World, change, changed, id, node, put, raw, record, touch};

/// Names the data folder for a child.
const FOLDER: &str = "MUSTER_STORE_TEST_FOLDER";

/// One write that touches three tables; all of it or nothing must be found.
async fn write(store: &Store, number: u16) -> Result<(), StoreError> {
    let mut tx = store.begin(Priority::Interactive).await?;
    tx.project_put(&[record(number, &format!("p{number}"))]).await?;
    tx.setting_put("written", &json!(number)).await?;
    tx.record(change(&id(number).to_string()));
    tx.commit().await.map(drop)
}

/// How many writes are there; panics if one is there in part.
async fn written(store: &Store) -> u16 {
    let setting = store.setting("written").await.unwrap();
    let written = setting.map_or(0, |value| u16::try_from(value.as_u64().unwrap()).unwrap());
    let expected: Vec<_> = (1..=written).map(|number| id(number).to_string()).collect();
    assert_eq!(changed(store).await, expected);
    assert_eq!(store.project_index(node()).await.unwrap().len(), usize::from(written));
    assert_eq!(store.change_head().await.unwrap(), Seq::new(i64::from(written)));
    written
}

fn child(program: Command, name: &str, folder: &Path) -> Command {
    let mut child = program;
    child.args(["--exact", &format!("sqlite::{name}"), "--ignored", "--nocapture"]);
    child.env(FOLDER, folder).current_dir("/");
    child
}

fn child_folder() -> PathBuf {
    std::env::var_os(FOLDER).unwrap().into()
}

#[tokio::test]
#[ignore = "run by the test of kill -9"]
#[expect(clippy::print_stdout, reason = "this is how it speaks to its parent")]
async fn child_writes_until_it_is_killed() {
    let mut world = World::new(None);
    world.config = StoreConfig::new(child_folder());
    let store = world.open().await;
    for number in written(&store).await + 1.. {
        write(&store, number).await.unwrap();
        println!("committed {number}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_committed_survives_kill_9() {
    let world = World::new(None);
    let mut least = 0;
    for round in 1..=4 {
        let program = Command::new(std::env::current_exe().unwrap());
        let mut child = child(program, "child_writes_until_it_is_killed", &world.config.data_dir)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let numbers = lines.filter_map(|line| line.split("committed ").nth(1)?.parse::<u16>().ok());
        // At another place of its loop each time, as the pipe and the scheduler please.
        for number in numbers {
            least = number;
            if number >= round * 25 {
                break;
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // The lock died with its holder.
        let store = world.open().await;
        let written = written(&store).await;
        assert!(written >= least, "acknowledged {least}, found {written}");
        store.close().await;
    }
}

/// A small file system of its own, gone when dropped.
struct SmallDisk {
    folder: PathBuf,
}

impl SmallDisk {
    fn mount(folder: &Path) -> Result<Self, String> {
        fs::create_dir_all(folder).unwrap();
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "none"]).arg(folder).output();
        match mount {
            Ok(output) if output.status.success() => Ok(Self { folder: folder.to_owned() }),
            Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    fn grow(&self) {
        let remount = Command::new("mount").args(["-o", "remount,size=64m"]).arg(&self.folder).status();
        assert!(remount.unwrap().success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: the store may still have its files open when a test panics.
        let _unmounted = Command::new("umount").arg("--lazy").arg(&self.folder).status();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
async fn a_full_disk_is_named_loses_nothing_and_heals() {
    let world = World::new(None);
    let disk = match SmallDisk::mount(&world.config.data_dir) {
        Ok(disk) => disk,
        Err(reason) => {
            eprintln!("skipped: a file system cannot be mounted here ({reason})");
            return;
        }
    };
    let store = world.open().await;
    let mut number = 0;
    let error = loop {
        if let Err(error) = write(&store, number + 1).await {
            break error;
        }
        number += 1;
    };
    assert!(matches!(error, StoreError::Full { .. }), "{error:?}");
    assert!(error.to_string().contains("muster.db"), "{error}");
    assert!(number > 10);
    assert_eq!(written(&store).await, number);
    // A second try fails in the same way, and keeps nobody out.
    let error = write(&store, number + 1).await.unwrap_err();
    assert!(matches!(error, StoreError::Full { .. }), "{error:?}");
    disk.grow();
    write(&store, number + 1).await.unwrap();
    let mut dropped = store.begin(Priority::Interactive).await.unwrap();
    dropped.setting_put("written", &json!(0)).await.unwrap();
    drop(dropped);
    write(&store, number + 2).await.unwrap();
    assert_eq!(written(&store).await, number + 2);
    store.close().await;
    let store = world.open().await;
    assert_eq!(written(&store).await, number + 2);
    store.close().await;
}

#[tokio::test]
#[ignore = "run by the test of folders without rights"]
#[expect(clippy::print_stdout, reason = "this is how it speaks to its parent")]
async fn child_opens_and_says_how_it_went() {
    let mut world = World::new(None);
    world.config = StoreConfig::new(child_folder());
    match world.try_open().await {
        Ok(_) => println!("opened"),
        Err(error) => println!("{error:?}: {error}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_without_rights_is_read_only() {
    let world = World::new(None);
    let outer = world.folder.path();
    fs::set_permissions(outer, fs::Permissions::from_mode(0o755)).unwrap();
    // The build folder may be out of reach for somebody without rights.
    let program = outer.join("tests");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let check = |folder: &Path| {
        let program = unprivileged_command(&program);
        let output = child(program, "child_opens_and_says_how_it_went", folder).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(said.contains("ReadOnly") && said.contains("cannot be written"), "{said}");
        assert!(said.contains(folder.to_str().unwrap()), "{said}");
    };
    let empty = outer.join("empty");
    fs::create_dir(&empty).unwrap();
    fs::set_permissions(&empty, fs::Permissions::from_mode(0o555)).unwrap();
    check(&empty);
    check(&empty.join("below"));
    // One that holds a database which may be read.
    world.open().await.close().await;
    for entry in fs::read_dir(&world.config.data_dir).unwrap() {
        fs::set_permissions(entry.unwrap().path(), fs::Permissions::from_mode(0o444)).unwrap();
    }
    fs::set_permissions(&world.config.data_dir, fs::Permissions::from_mode(0o555)).unwrap();
    check(&world.config.data_dir);
}

#[tokio::test]
async fn files_are_for_their_owner_alone() {
    let world = World::new(None);
    let store = world.open().await;
    touch(&store, "a").await;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&world.config.data_dir), 0o700);
    let mut names = Vec::new();
    for entry in fs::read_dir(&world.config.data_dir).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
        names.push(path.file_name().unwrap().to_str().unwrap().to_owned());
    }
    names.sort();
    assert_eq!(names, ["muster.db", "muster.db-shm", "muster.db-wal", "muster.lock"]);
}

#[tokio::test]
async fn a_second_server_is_told_who_holds_the_folder() {
    let world = World::new(None);
    let store = world.open().await;
    let error = world.try_open().await.err().unwrap();
    assert!(
        matches!(&error, StoreError::Locked { pid: Some(pid), .. } if *pid == std::process::id()),
        "{error:?}"
    );
    assert!(error.to_string().contains("muster.lock"), "{error}");
    // Another file does not make another folder.
    let mut other = World::new(None);
    other.config.data_dir.clone_from(&world.config.data_dir);
    other.config.url = Some(format!("sqlite:{}", world.folder.path().join("other.db").display()));
    assert!(matches!(other.try_open().await.err(), Some(StoreError::Locked { .. })));
    // Nor does another folder make another file.
    let mut other = World::new(None);
    other.config.url = Some(format!("sqlite://{}", world.file().display()));
    assert!(matches!(other.try_open().await.err(), Some(StoreError::Locked { .. })));
    store.close().await;
    other.open().await.close().await;
}

#[tokio::test]
async fn what_is_no_database_of_ours_is_refused_and_left_alone() {
    let world = World::new(None);
    fs::create_dir_all(&world.config.data_dir).unwrap();
    let text = "This is no database.\n".repeat(300);
    fs::write(world.file(), &text).unwrap();
    let error = world.try_open().await.err().unwrap();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
    assert_eq!(fs::read_to_string(world.file()).unwrap(), text);
    let error = admin::status(&world.config).await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");

    fs::remove_file(world.file()).unwrap();
    fs::write(world.file(), "").unwrap();
    raw(&world, "CREATE TABLE theirs (a)").await;
    let error = world.try_open().await.err().unwrap();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
}

#[test]
fn addresses_are_checked_without_repeating_them() {
    for url in [
        "",
        "mysql://u:secret@h/d",
        "sqlite:",
        "sqlite::memory:",
        "sqlite:a?mode=ro",
        "postgres://u:secret@h:port/d",
    ] {
        let mut config = StoreConfig::new("data");
        config.url = Some(url.into());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let error = runtime.block_on(admin::status(&config)).unwrap_err();
        assert!(matches!(error, StoreError::InvalidUrl { .. }), "{url}: {error:?}");
        assert!(!format!("{error} {error:?} {config:?}").contains("secret"), "{error:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copies_made_while_writing_are_whole_and_can_be_put_back() {
    let world = World::new(None);
    let store = world.open().await;
    let is_over = Arc::new(AtomicBool::new(false));
    let writer = {
        let (store, is_over) = (store.clone(), Arc::clone(&is_over));
        tokio::spawn(async move {
            let mut number = 0;
            while !is_over.load(Ordering::Relaxed) {
                number += 1;
                write(&store, number).await.unwrap();
            }
            number
        })
    };
    let mut copies = Vec::new();
    for number in 0..3 {
        let before = store.change_head().await.unwrap();
        let copy = world.folder.path().join(format!("copy {number}"));
        admin::backup(&world.config, &copy).await.unwrap();
        assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
        copies.push((copy, before));
    }
    let error = admin::backup(&world.config, &copies[0].0).await.unwrap_err();
    assert!(matches!(error, StoreError::Exists { .. }), "{error}");
    is_over.store(true, Ordering::Relaxed);
    let last = writer.await.unwrap();

    let error = admin::restore(&world.config, &copies[0].0).await.unwrap_err();
    assert!(matches!(error, StoreError::Locked { .. }), "{error}");
    store.close().await;
    for (copy, before) in &copies {
        let kept = admin::restore(&world.config, copy).await.unwrap().unwrap();
        assert!(kept.exists());
        let store = world.open().await;
        assert!(i64::from(written(&store).await) >= before.number());
        store.close().await;
    }
    // What was there before the first restore is all there.
    admin::restore(&world.config, &world.file().with_extension("db.before-restore")).await.unwrap();
    let store = world.open().await;
    assert_eq!(written(&store).await, last);
    store.close().await;
}

#[tokio::test]
async fn a_damaged_copy_is_refused_and_changes_nothing() {
    let world = World::new(None);
    let store = world.open().await;
    for number in 1..=200 {
        write(&store, number).await.unwrap();
    }
    store.close().await;
    let copy = world.folder.path().join("copy");
    admin::backup(&world.config, &copy).await.unwrap();
    let mut bytes = fs::read(&copy).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 8192].fill(0x5a);
    fs::write(&copy, bytes).unwrap();
    let error = admin::restore(&world.config, &copy).await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
    let missing = admin::restore(&world.config, &world.folder.path().join("missing")).await.unwrap_err();
    assert!(matches!(missing, StoreError::Corrupt { .. }), "{missing:?}");
    let store = world.open().await;
    assert_eq!(written(&store).await, 200);
    put(&store, &[record(201, "p201")]).await;
}
