//! The signal handlers that were there before ours, and what they are owed: every fault that isn't ours, as
//! the kernel would have given it.
//!
//! Ours may be put in front again when others were installed since. They have found ours, and go back to it or call it for
//! what they don't handle. That must not come back to them: so each time another function of ours goes in front, and each
//! passes on to the one handler that it found ([`Order`]).

use crate::os::errno::system;
use crate::signals::order::Order;
use crate::signals::stack::{self, Arguments};
use crate::status::{Error, Result};
use crate::threads::fork;
use libc::{c_int, c_void, sigaction, siginfo_t};
use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Held by the thread that installs a handler, which is within a [change](fork::hold_off): so no fork finds it held.
static INSTALLING: Mutex<()> = Mutex::new(());

/// A handler as SA_SIGINFO has it.
pub type Handler = extern "C" fn(c_int, *mut siginfo_t, *mut c_void);

/// How often a handler of ours may be put in front of others.
pub const FRONTS: usize = 64;

/// The functions that are one handler of ours. Each is in front of one other handler for good, so that who goes back
/// to a function that it has found, or calls it, gets to those that were there before, and not to itself.
pub type Fronts = [Handler; FRONTS];

/// The fronts of a handler that takes its number as a constant.
macro_rules! fronts {
    ($handler:ident) => {
        fronts!($handler:
            0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31
            32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63)
    };
    ($handler:ident: $($number:literal)*) => {
        [$($handler::<$number>),*]
    };
}
pub(crate) use fronts;

/// A signal that is handled here first.
pub struct Signal {
    number: c_int,
    ours: Fronts,
    fronts: [Front; FRONTS],
    /// Read and written by the thread that holds [`INSTALLING`].
    order: UnsafeCell<Order<FRONTS>>,
}

/// One of our functions, and the handler that it was put in front of.
struct Front {
    /// Written once, before the function can run.
    before: UnsafeCell<MaybeUninit<sigaction>>,
    /// Whether `before` is to be taken for SIG_DFL: it asked to be called once (SA_RESETHAND).
    spent: AtomicBool,
    /// The front whose `before` gets what isn't ours; [`FRONTS`] for SIG_DFL.
    heir: AtomicUsize,
}

// SAFETY: `before` is written before anyone reads it, and `order` is touched only under INSTALLING.
unsafe impl Sync for Signal {}

impl Signal {
    /// A signal that nothing was done with so far.
    pub const fn new(number: c_int, ours: Fronts) -> Signal {
        Signal {
            number,
            ours,
            fronts: [const {
                Front {
                    before: UnsafeCell::new(MaybeUninit::uninit()),
                    spent: AtomicBool::new(false),
                    heir: AtomicUsize::new(FRONTS),
                }
            }; FRONTS],
            order: UnsafeCell::new(Order::new()),
        }
    }

    /// Whether the signal comes to a function of ours first.
    pub fn is_ours(&self) -> Result<bool> {
        self.look().map(|now| self.front_of(&now).is_some())
    }

    /// Puts a function of ours in front of what is there, unless one is. [`Error::Limit`] when that was done too often.
    pub fn install(&self) -> Result<()> {
        // A child that finds the handler there, and not noted, would take it for the one before.
        let _change = fork::hold_off();
        let _one_at_a_time = INSTALLING.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.look()?;
        // SAFETY: only who holds INSTALLING touches it.
        let order = unsafe { &mut *self.order.get() };
        if let Some(front) = self.front_of(&now) {
            order.is_back(front);
            self.set_heirs(order);
            return Ok(());
        }
        // SAFETY: every front in the order has been written.
        let same = |front: usize| unsafe { self.before(front) }.sa_sigaction == now.sa_sigaction;
        let front = order.next(same).ok_or(Error::Limit)?;
        // SAFETY: its function has never been installed, so that nobody reads this.
        unsafe { (*self.fronts[front].before.get()).write(now) };
        // Relaxed: the system call below comes afterwards for every thread that the function runs in.
        self.fronts[front].heir.store(front, Ordering::Relaxed);
        // Before it goes in front: what it passes on comes to handlers that have found those which are passed over by now.
        self.set_heirs(order);
        let ours = self.action(front, &now);
        // SAFETY: the handler is one that may run at any time.
        system(|| unsafe { libc::sigaction(self.number, &ours, ptr::null_mut()) })?;
        order.put();
        Ok(())
    }

    fn set_heirs(&self, order: &Order<FRONTS>) {
        for (number, heir) in order.heirs() {
            // Relaxed: as in `install`.
            self.fronts[number].heir.store(heir, Ordering::Relaxed);
        }
    }

    fn look(&self) -> Result<sigaction> {
        let mut now = MaybeUninit::uninit();
        // SAFETY: there is room for the struct that it fills.
        system(|| unsafe { libc::sigaction(self.number, ptr::null(), now.as_mut_ptr()) })?;
        // SAFETY: sigaction has filled it.
        Ok(unsafe { now.assume_init() })
    }

    fn front_of(&self, action: &sigaction) -> Option<usize> {
        let is = |ours: &Handler| *ours as usize == action.sa_sigaction;
        self.ours.iter().position(is)
    }

    /// What the front of that number is installed as.
    fn action(&self, number: usize, before: &sigaction) -> sigaction {
        // Who is interrupted in a system call goes on with it, unless the handler before us wanted it
        // to end (EINTR).
        let restart = match before.sa_sigaction {
            libc::SIG_DFL | libc::SIG_IGN => libc::SA_RESTART,
            _ => before.sa_flags & libc::SA_RESTART,
        };
        let mut ours = MaybeUninit::<sigaction>::zeroed();
        // SAFETY: zero is a valid sigaction, and sigfillset takes any set.
        unsafe {
            // All signals wait meanwhile, so that nothing gets in the way of a repair.
            libc::sigfillset(&raw mut (*ours.as_mut_ptr()).sa_mask);
            let mut ours = ours.assume_init();
            ours.sa_sigaction = self.ours[number] as usize;
            ours.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | restart;
            ours
        }
    }

    /// What was there when the front was put before it.
    ///
    /// # Safety
    ///
    /// It has been.
    unsafe fn before(&self, front: usize) -> &sigaction {
        // SAFETY: it has been written, and is not written again.
        unsafe { (*self.fronts[front].before.get()).assume_init_ref() }
    }

    /// Gives a signal that isn't ours to who was there before, as the kernel would have.
    ///
    /// # Safety
    ///
    /// The arguments are those of a running handler of ours, the front of that number, whose last act this is.
    pub unsafe fn forward(&self, front: usize, info: *mut siginfo_t, context: *mut c_void) {
        // SAFETY: the kernel's.
        let raised_by_fault = is_fault(unsafe { (*info).si_code });
        // Relaxed: as in `install`.
        let front = self.fronts[front].heir.load(Ordering::Relaxed);
        if front == FRONTS {
            return self.die(info, raised_by_fault);
        }
        // SAFETY: only fronts that were installed are heirs.
        let before = unsafe { self.before(front) };
        match before.sa_sigaction {
            libc::SIG_DFL => self.die(info, raised_by_fault),
            // A fault cannot be ignored: the kernel takes it for SIG_DFL (signal(7), force_sig).
            libc::SIG_IGN if raised_by_fault => self.die(info, raised_by_fault),
            libc::SIG_IGN => {}
            _ if self.spends(front, before) => self.die(info, raised_by_fault),
            handler => {
                // SAFETY: the arguments are those of a running handler.
                unsafe {
                    self.set_mask_for(before, context);
                    self.call(handler, before.sa_flags, info, context);
                }
            }
        }
    }

    /// Whether the handler asked to be called once (SA_RESETHAND) and was, also by another thread just now.
    fn spends(&self, front: usize, before: &sigaction) -> bool {
        let spent = &self.fronts[front].spent;
        // Relaxed: of all that ask one gets false, and that is all that it orders.
        before.sa_flags & libc::SA_RESETHAND != 0 && spent.swap(true, Ordering::Relaxed)
    }

    /// Does what SIG_DFL does: this process ends by the signal.
    fn die(&self, info: *mut siginfo_t, raised_by_fault: bool) {
        let default = MaybeUninit::<sigaction>::zeroed();
        // SAFETY: all zero is SIG_DFL with no flags.
        unsafe { libc::sigaction(self.number, default.as_ptr(), ptr::null_mut()) };
        if raised_by_fault {
            return; // The instruction runs again, and this time the kernel handles the fault.
        }
        // What was sent is sent again; it is delivered when the handler has returned.
        // SAFETY: a thread may queue any signal for itself (rt_tgsigqueueinfo(2)).
        unsafe {
            let (process, thread) = (libc::getpid(), libc::gettid());
            libc::syscall(
                libc::SYS_rt_tgsigqueueinfo,
                process,
                thread,
                self.number,
                info,
            );
        }
    }

    /// Calls the earlier handler on the stack that it asked for.
    ///
    /// # Safety
    ///
    /// It was given to sigaction with these flags; the arguments are those of a running handler.
    unsafe fn call(
        &self,
        handler: usize,
        flags: c_int,
        info: *mut siginfo_t,
        context: *mut c_void,
    ) {
        let number = self.number;
        let mut call = |arguments: Arguments| {
            // SAFETY: the handler was given to sigaction with these flags.
            unsafe { call(handler, flags, number, arguments.info, arguments.context) }
        };
        let arguments = Arguments { info, context };
        match flags & libc::SA_ONSTACK {
            // SAFETY: the arguments are those of a running handler.
            0 => unsafe { stack::on_interrupted(arguments, &mut call) },
            _ => call(arguments),
        }
    }

    /// Blocks what is blocked while the earlier handler runs: what was blocked before the signal, and
    /// what that handler asked for.
    ///
    /// # Safety
    ///
    /// The context is that of a running handler.
    unsafe fn set_mask_for(&self, before: &sigaction, context: *mut c_void) {
        let mut mask = before.sa_mask;
        // SAFETY: the context is the kernel's; of its mask the kernel fills as many bits as there are
        // signals, which are the first eight bytes (sigreturn(2)).
        unsafe {
            let interrupted = &raw const (*context.cast::<libc::ucontext_t>()).uc_sigmask;
            let bits = interrupted.cast::<u64>().read_unaligned();
            let own = (&raw mut mask).cast::<u64>();
            own.write_unaligned(own.read_unaligned() | bits);
            if before.sa_flags & libc::SA_NODEFER == 0 {
                libc::sigaddset(&mut mask, self.number);
            }
            libc::pthread_sigmask(libc::SIG_SETMASK, &mask, ptr::null_mut());
        }
    }
}

/// Whether the signal was caused by what the thread has just done, and not sent by someone.
pub fn is_fault(code: c_int) -> bool {
    const BUS_MCEERR_AO: c_int = 5; // Memory went bad that nobody was touching.
    code > 0 && code != BUS_MCEERR_AO
}

/// # Safety
///
/// `handler` was given to sigaction with these flags.
unsafe fn call(
    handler: usize,
    flags: c_int,
    signal: c_int,
    info: *mut siginfo_t,
    context: *mut c_void,
) {
    // SAFETY: with SA_SIGINFO it is of the one type, without it of the other (sigaction(2)).
    unsafe {
        match flags & libc::SA_SIGINFO {
            0 => std::mem::transmute::<usize, extern "C" fn(c_int)>(handler)(signal),
            _ => std::mem::transmute::<usize, Handler>(handler)(signal, info, context),
        }
    }
}
