//! Runs code in a thread whose system calls another thread records, and makes fail if requested (seccomp_unotify(2)).

use std::io;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, OnceLock};
use std::thread;

/// A system call that is to fail: its index among those that are made, and its errno.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    pub place: usize,
    pub errno: i32,
}

/// Limits for the calls that a function makes, and for the failures of a test.
const MOST_CALLS: usize = 4096;
const MOST_FAILURES: usize = 2;
const NONE: usize = usize::MAX;

// The state that the two threads share. It needs no allocation and no lock, since the supervised thread may be stopped
// while it allocates or holds a lock.
static LISTENER: AtomicI32 = AtomicI32::new(-1);
static ARMED: AtomicBool = AtomicBool::new(false);
static COUNT: AtomicUsize = AtomicUsize::new(0);
static CALLS: [AtomicI32; MOST_CALLS] = [const { AtomicI32::new(0) }; MOST_CALLS];
static PLACES: [AtomicUsize; MOST_FAILURES] = [const { AtomicUsize::new(NONE) }; MOST_FAILURES];
static ERRNOS: [AtomicI32; MOST_FAILURES] = [const { AtomicI32::new(0) }; MOST_FAILURES];

/// The range of the last munmap(2) that was made to fail.
static LEFT: [AtomicUsize; 2] = [const { AtomicUsize::new(0) }; 2];

/// Unmaps the range of a munmap that was made to fail. The library no longer has its address.
pub fn unmap_what_is_left() {
    let (start, len) = (LEFT[0].swap(0, SeqCst), LEFT[1].swap(0, SeqCst));
    if len != 0 {
        // SAFETY: the range is mapped, and no pointer to it is left.
        unsafe { libc::munmap(start as *mut libc::c_void, len) };
    }
}

type Work = Box<dyn FnOnce() + Send>;

/// The work that is to be done by a thread without supervision.
static UNWATCHED: OnceLock<Mutex<Sender<Work>>> = OnceLock::new();

/// Runs `work` in a thread without supervision, in which system calls are faster, and returns its result.
pub fn unwatched<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> R {
    let (done, answer) = channel();
    let work = Box::new(move || done.send(work()).expect("somebody waits for it"));
    let queue = UNWATCHED.get().expect("it was made first");
    let sent = queue.lock().expect("nobody panics with it").send(work);
    sent.expect("the thread lives");
    answer.recv().expect("it has been done")
}

/// Runs `work` in a supervised thread. The error is the reason why there can be none.
pub fn watch(work: impl FnOnce() + Send) -> io::Result<()> {
    let (queue, works) = channel::<Work>();
    UNWATCHED.get_or_init(|| Mutex::new(queue));
    thread::spawn(move || works.into_iter().for_each(|work| work()));
    thread::scope(|scope| {
        let watched = scope.spawn(|| {
            install()?;
            work();
            Ok::<(), io::Error>(())
        });
        while LISTENER.load(SeqCst) < 0 && !watched.is_finished() {
            thread::yield_now();
        }
        if LISTENER.load(SeqCst) >= 0 {
            answer_all(LISTENER.load(SeqCst))?;
        }
        watched.join().expect("a case failed")
    })
}

/// Runs `act`, and returns its result and the numbers of its system calls, of which some may have failed.
pub fn observe<R>(failures: &[Failure], act: impl FnOnce() -> R) -> (R, Vec<i32>) {
    for at in 0..MOST_FAILURES {
        let failure = failures.get(at);
        PLACES[at].store(failure.map_or(NONE, |failure| failure.place), SeqCst);
        ERRNOS[at].store(failure.map_or(0, |failure| failure.errno), SeqCst);
    }
    COUNT.store(0, SeqCst);
    ARMED.store(true, SeqCst);
    let answer = act();
    ARMED.store(false, SeqCst);
    let made = COUNT.load(SeqCst).min(MOST_CALLS);
    let calls = CALLS[..made].iter().map(|call| call.load(SeqCst));
    (answer, calls.collect())
}

/// Installs a filter by which every system call of the calling thread waits for the supervisor.
fn install() -> io::Result<()> {
    let mut all = libc::sock_filter {
        code: (libc::BPF_RET | libc::BPF_K) as u16,
        jt: 0,
        jf: 0,
        k: libc::SECCOMP_RET_USER_NOTIF,
    };
    let program = libc::sock_fprog {
        len: 1,
        filter: &raw mut all,
    };
    // SAFETY: the pointer to the filter program is valid during the call; the other arguments are numbers.
    let listener = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            libc::SECCOMP_FILTER_FLAG_NEW_LISTENER,
            &raw const program,
        )
    };
    match listener {
        -1 => Err(io::Error::last_os_error()),
        listener => {
            LISTENER.store(listener as i32, SeqCst);
            Ok(())
        }
    }
}

/// Replies to every call until the supervised thread has ended.
fn answer_all(listener: RawFd) -> io::Result<()> {
    let receive = libc::_IOWR::<libc::seccomp_notif>(u32::from(b'!'), 0);
    let send = libc::_IOWR::<libc::seccomp_notif_resp>(u32::from(b'!'), 1);
    loop {
        let mut ready = libc::pollfd {
            fd: listener,
            events: libc::POLLIN,
            revents: 0,
        };
        // SAFETY: the array has one pollfd.
        unsafe { libc::poll(&mut ready, 1, -1) };
        if ready.revents & libc::POLLIN == 0 {
            return Ok(()); // The thread has ended.
        }
        // SAFETY: a zeroed struct is valid, and the kernel requires it.
        let mut asked: libc::seccomp_notif = unsafe { std::mem::zeroed() };
        // SAFETY: the pointer is valid during the call.
        if unsafe { libc::ioctl(listener, receive, &mut asked) } != 0 {
            continue; // The thread was killed in between.
        }
        let mut response = answer_to(&asked);
        // SAFETY: the pointer is valid during the call.
        unsafe { libc::ioctl(listener, send, &mut response) };
    }
}

fn answer_to(asked: &libc::seccomp_notif) -> libc::seccomp_notif_resp {
    let errno = match ARMED.load(SeqCst) {
        true => failure_of(asked),
        false => None,
    };
    libc::seccomp_notif_resp {
        id: asked.id,
        val: 0,
        error: -errno.unwrap_or(0),
        flags: match errno {
            None => libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32,
            Some(_) => 0,
        },
    }
}

/// Records a call. Returns the errno that it is to fail with, if any.
fn failure_of(asked: &libc::seccomp_notif) -> Option<i32> {
    let place = COUNT.fetch_add(1, SeqCst);
    if let Some(call) = CALLS.get(place) {
        call.store(asked.data.nr, SeqCst);
    }
    let planned = (0..MOST_FAILURES).find(|at| PLACES[*at].load(SeqCst) == place)?;
    if i64::from(asked.data.nr) == libc::SYS_munmap {
        LEFT[0].store(asked.data.args[0] as usize, SeqCst);
        LEFT[1].store(asked.data.args[1] as usize, SeqCst);
    }
    if i64::from(asked.data.nr) == libc::SYS_close {
        // A close that fails has still closed the descriptor (close(2), NOTES).
        // SAFETY: close accepts any number.
        unsafe { libc::close(asked.data.args[0] as i32) };
    }
    Some(ERRNOS[planned].load(SeqCst))
}
