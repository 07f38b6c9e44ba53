//! The table: medians and their ratios to each peer, and below it the numbers to reach with what was reached.

use std::time::Duration;

use crate::{
    candidates::{Candidate, GFOLD, GIT, GITA, STATE_ONLY},
    measure::{Sample, median},
};

/// Wall time of [`STATE_ONLY`] as a share of a peer's.
const REACH: &[(&str, f64)] = &[(GFOLD, 1.1), (GIT, 0.85), (GITA, 0.35)];

/// A candidate with what it took.
pub(crate) struct Row<'run> {
    name: &'static str,
    version: &'run str,
    /// Medians of wall and CPU time; `None` if it did not run.
    times: Option<(Duration, Duration)>,
}

/// Prints the report as Markdown.
#[expect(clippy::print_stdout, reason = "the report is this program's output")]
pub(crate) fn print(
    candidates: &[Candidate],
    samples: &[Vec<Sample>],
    repositories: usize,
    load_before: &str,
    load_after: &str,
) {
    let rows: Vec<Row<'_>> = candidates
        .iter()
        .zip(samples)
        .map(|(candidate, samples)| Row::new(candidate.name, &candidate.version, samples))
        .collect();
    let rounds = samples.iter().map(Vec::len).max().unwrap_or(0);
    println!("Scan of {repositories} warm repositories, median of {rounds} interleaved rounds,");
    println!("load {load_before} before and {load_after} after, {} CPUs.\n", cpus());
    print!("{}", table(&rows, &[(GFOLD, "gfold"), (GIT, "git"), (GITA, "gita")]));
    print!("{}", reached(&rows));
}

impl<'run> Row<'run> {
    pub(crate) fn new(name: &'static str, version: &'run str, samples: &[Sample]) -> Self {
        let wall = median(samples.iter().map(|sample| sample.wall).collect());
        let cpu = median(samples.iter().map(|sample| sample.cpu).collect());
        Self { name, version, times: (!samples.is_empty()).then_some((wall, cpu)) }
    }

    /// Wall and CPU time as shares of another's.
    pub(crate) fn shares(&self, of: &Self) -> Option<(f64, f64)> {
        let ((wall, cpu), (other_wall, other_cpu)) = (self.times?, of.times?);
        Some((ratio(Some(wall), Some(other_wall))?, ratio(Some(cpu), Some(other_cpu))?))
    }
}

/// All rows, with their ratios to those of `peers`, which are named in full and in short.
pub(crate) fn table(rows: &[Row<'_>], peers: &[(&str, &str)]) -> String {
    let mut text = "| candidate | version | wall ms | CPU ms |".to_owned();
    for (_, short) in peers {
        text = text + " wall / " + short + " | CPU / " + short + " |";
    }
    text = text + "\n|---|---|--:|--:|" + &"--:|--:|".repeat(peers.len()) + "\n";
    for row in rows {
        let cell =
            |time: Option<Duration>| time.map_or("-".to_owned(), |time| format!("{:.0}", millis(time)));
        let (wall, cpu) = row.times.unzip();
        text = text + "| " + row.name + " | " + row.version + " | " + &cell(wall) + " | " + &cell(cpu) + " |";
        for (peer, _) in peers {
            let (peer_wall, peer_cpu) = times_of(rows, peer).unzip();
            for (own, other) in [(wall, peer_wall), (cpu, peer_cpu)] {
                text = text
                    + " "
                    + &ratio(own, other).map_or("-".to_owned(), |ratio| format!("{ratio:.2}"))
                    + " |";
            }
        }
        text.push('\n');
    }
    text
}

fn reached(rows: &[Row<'_>]) -> String {
    let own = times_of(rows, STATE_ONLY).map(|(wall, _)| wall);
    let line = |(peer, reach): &(&str, f64)| {
        let peer_wall = times_of(rows, peer).map(|(wall, _)| wall);
        let verdict = match ratio(own, peer_wall) {
            Some(ratio) if ratio <= *reach => format!("{ratio:.2}: reached"),
            Some(ratio) => format!("{ratio:.2}: NOT reached"),
            None => "not measured".to_owned(),
        };
        format!("- `{STATE_ONLY}` at most {reach} × `{peer}` (wall): {verdict}\n")
    };
    let lines: Vec<String> = REACH.iter().map(line).collect();
    "\n".to_owned() + &lines.concat()
}

fn times_of(rows: &[Row<'_>], name: &str) -> Option<(Duration, Duration)> {
    rows.iter().find(|row| row.name == name)?.times
}

fn ratio(own: Option<Duration>, other: Option<Duration>) -> Option<f64> {
    let (own, other) = (own?, other?);
    (!other.is_zero()).then(|| own.as_secs_f64() / other.as_secs_f64())
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

pub(crate) fn cpus() -> usize {
    std::thread::available_parallelism().map_or(0, usize::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_peer_has_a_row_and_no_numbers() {
        let times = |wall, cpu| Some((Duration::from_millis(wall), Duration::from_millis(cpu)));
        let rows = [
            Row { name: STATE_ONLY, version: "1", times: times(100, 150) },
            Row { name: GFOLD, version: "2", times: times(200, 300) },
            Row { name: GITA, version: "not installed", times: None },
        ];
        let table = table(&rows, &[(GFOLD, "gfold"), (GITA, "gita")]);
        assert!(
            table.contains("| muster scan --state-only | 1 | 100 | 150 | 0.50 | 0.50 | - | - |"),
            "{table}"
        );
        assert!(table.contains("| gita ll | not installed | - | - | - | - | - | - |"), "{table}");
        let reached = reached(&rows);
        assert!(reached.contains("(wall): 0.50: reached") && reached.contains("not measured"), "{reached}");
    }
}
