//! Ctrl-C and termination become a flag that everything long looks at. A second Ctrl-C ends the program at once.

use std::{
    io::Read,
    os::unix::net::UnixStream,
    sync::{Arc, atomic::AtomicBool},
    thread,
};

use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    flag,
    low_level::pipe,
};

use crate::exit::Exit;

const SIGNALS: [i32; 3] = [SIGINT, SIGTERM, SIGHUP];

/// The flag, set by the first signal.
pub(crate) fn interrupt_flag() -> std::io::Result<Arc<AtomicBool>> {
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in SIGNALS {
        // Order matters: the shutdown is armed by the flag that the same signal sets afterwards.
        flag::register_conditional_shutdown(
            signal,
            Exit::Interrupted.code().into(),
            Arc::clone(&interrupted),
        )?;
        flag::register(signal, Arc::clone(&interrupted))?;
    }
    Ok(interrupted)
}

/// The same for a program with something to do before the second signal ends it. A handler may do next to nothing, so
/// a thread counts the signals.
pub(crate) fn interrupt_flag_with_last_act(
    act: impl FnOnce() + Send + 'static,
) -> std::io::Result<Arc<AtomicBool>> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let (mut listener, teller) = UnixStream::pair()?;
    for signal in SIGNALS {
        flag::register(signal, Arc::clone(&interrupted))?;
        pipe::register(signal, teller.try_clone()?)?;
    }
    thread::spawn(move || {
        let mut two_signals = [0; 2];
        if listener.read_exact(&mut two_signals).is_ok() {
            act();
            std::process::exit(Exit::Interrupted.code().into());
        }
    });
    Ok(interrupted)
}
