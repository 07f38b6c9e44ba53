//! Taking times: all candidates once per round, in an order that rotates, so that neither a warm neighbour nor a slow
//! minute favours anyone. Wall clock, and CPU time (user and system) of the programs that were started.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::sys::resource::{UsageWho, getrusage};

use crate::candidates::Candidate;

/// One round of one candidate.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    pub(crate) wall: Duration,
    pub(crate) cpu: Duration,
}

/// Runs `rounds` rounds after one that is not counted; gives each candidate's samples, none if it is not installed.
pub(crate) fn interleaved(candidates: &[Candidate], rounds: usize) -> Result<Vec<Vec<Sample>>> {
    rotating(candidates.len(), rounds, |index| once(&candidates[index]))
}

/// The same for `count` candidates of another sort: `once` does one round of one of them, and gives nothing if it cannot.
pub(crate) fn rotating<T>(
    count: usize,
    rounds: usize,
    mut once: impl FnMut(usize) -> Result<Option<T>>,
) -> Result<Vec<Vec<T>>> {
    let mut samples: Vec<Vec<T>> = (0..count).map(|_| Vec::with_capacity(rounds)).collect();
    for round in 0..=rounds {
        for offset in 0..count {
            let index = (round + offset) % count;
            if let Some(sample) = once(index)?
                && round > 0
            {
                samples[index].push(sample);
            }
        }
    }
    Ok(samples)
}

/// What some work of this process cost, with the programs that it started and waited for.
pub(crate) fn cost<T>(work: impl FnOnce() -> Result<T>) -> Result<(T, Sample)> {
    let cpu = || anyhow::Ok(cpu_of(UsageWho::RUSAGE_SELF)? + cpu_of(UsageWho::RUSAGE_CHILDREN)?);
    let before = cpu()?;
    let start = Instant::now();
    let done = work()?;
    let wall = start.elapsed();
    Ok((done, Sample { wall, cpu: cpu()?.saturating_sub(before) }))
}

fn once(candidate: &Candidate) -> Result<Option<Sample>> {
    let Some(work) = &candidate.work else { return Ok(None) };
    let cpu = cpu_of(UsageWho::RUSAGE_CHILDREN)?;
    let start = Instant::now();
    work.run().with_context(|| candidate.name.to_owned())?;
    let wall = start.elapsed();
    Ok(Some(Sample { wall, cpu: cpu_of(UsageWho::RUSAGE_CHILDREN)?.saturating_sub(cpu) }))
}

/// CPU time of this process, or of all its children that ended and were waited for, and of theirs.
fn cpu_of(who: UsageWho) -> Result<Duration> {
    let usage = getrusage(who).context("getrusage")?;
    let micros = [usage.user_time(), usage.system_time()]
        .map(|time| time.tv_sec() * 1_000_000 + time.tv_usec())
        .iter()
        .sum::<i64>();
    Ok(Duration::from_micros(micros.unsigned_abs()))
}

/// The middle one, or the mean of the middle two.
pub(crate) fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    let middle = times.len() / 2;
    match times.len() {
        0 => Duration::ZERO,
        odd if odd % 2 == 1 => times[middle],
        _ => (times[middle - 1] + times[middle]) / 2,
    }
}

/// Load average over one minute, as the kernel prints it.
pub(crate) fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().filter(|load| !load.is_empty()).unwrap_or("unknown").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        let of =
            |times: &[u64]| median(times.iter().copied().map(Duration::from_millis).collect()).as_millis();
        assert_eq!([of(&[]), of(&[3]), of(&[9, 1, 5]), of(&[4, 2])], [0, 3, 5, 3]);
    }
}
