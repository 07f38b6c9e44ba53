//! No-op jobs per second. Not a test: run it by name, on an idle machine, in a release build.

use std::time::Instant;

use muster_jobs::QueueConfig;
use muster_model::job::JobState;
use muster_store::job::{Loudness, NewJob};
use muster_testkit::Postgres;
use serde_json::json;

use crate::world::{World, kind, new_id};

const JOBS: u32 = 5000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures"]
async fn sqlite() {
    measure("SQLite", None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures"]
async fn postgres() {
    let server = Postgres::start();
    measure("PostgreSQL", Some(&server)).await;
}

async fn measure(name: &str, server: Option<&Postgres>) {
    for (loudness, ahead) in
        [(Loudness::Told, 64), (Loudness::Quiet, 64), (Loudness::Told, 0), (Loudness::Quiet, 0)]
    {
        let mut world = World::new(server.map(Postgres::fresh_database)).await;
        world.config = muster_jobs::RunnerConfig {
            queues: vec![QueueConfig::new("work", 4)],
            ahead,
            ..muster_jobs::RunnerConfig::default()
        };
        let jobs: Vec<NewJob> = (0..JOBS)
            .map(|number| NewJob { loudness, ..NewJob::new(new_id(), "noop", "work", json!(number)) })
            .collect();
        let begun = Instant::now();
        for jobs in jobs.chunks(100) {
            world.enqueue_all(jobs).await;
        }
        let enqueued = begun.elapsed();
        let begun = Instant::now();
        let running = world.start(vec![kind("noop", |_| Box::pin(async { Ok(()) }))]);
        while running.runner.stats().completed < u64::from(JOBS) {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        let per_second = f64::from(JOBS) / begun.elapsed().as_secs_f64();
        let enqueued = f64::from(JOBS) / enqueued.as_secs_f64();
        let longest = world.store.stats().transaction_longest;
        running.stop().await;
        assert_eq!(world.store.job_counts().await.unwrap()[0].state, JobState::Completed);
        // Seen with `--no-capture`; printing is banned.
        let line = format!(
            "{name} {loudness:?} ahead {ahead}: {per_second:.0} jobs/s, enqueued {enqueued:.0}/s, longest transaction {longest:?}\n"
        );
        std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes()).unwrap();
    }
}
