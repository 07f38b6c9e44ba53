//! A process that is killed loses nothing that it had answered, and does nothing twice.

use std::{thread, time::Duration};

use super::*;

/// Repositories, commits of each, and how often the process is killed.
const REPOSITORIES: usize = 20;
const COMMITS: usize = 6;
const KILLS: usize = 30;
/// Of the repositories and kills, so many at a time: on a slow machine one job may be at work at each kill, and a job
/// that is lost more than twenty times is given up.
const ROUNDS: usize = 2;

#[test]
fn killed_at_any_moment_it_goes_on_and_nothing_is_missing_or_doubled() {
    let lab = Lab::new();
    let names: Vec<String> = (0..REPOSITORIES).map(|number| format!("ada/shop{number}")).collect();
    for name in &names {
        let repo = lab.repo(name);
        for number in 0..COMMITS {
            repo.commit_file(format!("file{number}"), name);
        }
    }
    let server = GitServer::http(&lab);
    // The portfolio of these folders is of no interest here.
    let nothing = lab.folder().join("nothing");
    std::fs::create_dir_all(&nothing).expect("a folder");
    let mut service = Service::start_over(&lab, &nothing, &SETTINGS);
    // Moments that are spread over the whole run; the same in every run of this test.
    let mut moments = (0..).map(|kill| Duration::from_millis(20 + (kill * 7919) % 230)).take(KILLS);
    for names in names.chunks(REPOSITORIES / ROUNDS) {
        for name in names {
            add(&service, &url(&server, name));
        }
        for moment in moments.by_ref().take(KILLS / ROUNDS) {
            thread::sleep(moment);
            service.kill();
            service = Service::start_over(&lab, &nothing, &SETTINGS);
        }
        for name in names {
            ready(&service, &name.replace('/', "%2F"));
        }
    }
    assert!(moments.next().is_none(), "all kills happened");
    for name in &names {
        let entry = ready(&service, &name.replace('/', "%2F"));
        let steps = entry["steps"].as_array().expect("steps");
        assert!(steps.iter().all(|step| step["state"] == "done"), "{entry}");
        let commits = commits(&service, &entry);
        assert_eq!(commits.len(), COMMITS, "{name}");
        assert_eq!(of_muster(&commits), of_git(&lab, &lab.root().join(name)), "{name}");
    }
    let doubled = service.get("/api/v1/jobs?state=discarded");
    assert_eq!(doubled["items"], json!([]), "no job was given up");
    service.stop();
    // One more start, which cleans up.
    let service = Service::start_over(&lab, &nothing, &SETTINGS);
    until("nothing temporary to be left", || {
        let names = lab.folder().join("data/mirrors").read_dir().expect("a folder");
        let is_left = names.flatten().any(|file| {
            let name = file.file_name().to_string_lossy().into_owned();
            name.contains(".new") || name.contains(".trash")
        });
        (!is_left).then_some(())
    });
    service.stop();
}
