//! The signal handler that was there before ours, and what it is owed: every fault that isn't ours, as
//! the kernel would have given it.

use crate::handles::table::Handle;
use crate::registry::turn::turn;
use crate::signals::stack;
use crate::status::{Result, system};
use crate::threads::fork;
use libc::{c_int, c_void, sigaction, siginfo_t};
use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

/// A handler as SA_SIGINFO has it.
pub type Handler = extern "C" fn(c_int, *mut siginfo_t, *mut c_void);

/// A signal that is handled here first.
pub struct Signal {
    number: c_int,
    /// What was there before; written once, before our handler can run.
    before: UnsafeCell<MaybeUninit<sigaction>>,
    installed: AtomicBool,
    /// Whether `before` is to be taken for SIG_DFL: it asked to be called once (SA_RESETHAND).
    spent: AtomicBool,
}

// SAFETY: `before` is written by `install`, which runs once and before anyone reads it.
unsafe impl Sync for Signal {}

impl Signal {
    /// A signal that nothing was done with so far.
    pub const fn new(number: c_int) -> Signal {
        Signal {
            number,
            before: UnsafeCell::new(MaybeUninit::uninit()),
            installed: AtomicBool::new(false),
            spent: AtomicBool::new(false),
        }
    }

    /// Puts `handler` in front of what is there, once: later calls do nothing.
    pub fn install(&self, handler: Handler) -> Result<()> {
        let _turn = turn(Handle(0)); // One at a time.
        // A child that finds the handler there, and not noted, would take it for the one before.
        let _change = fork::begin();
        // Relaxed, here and below: the turn orders those who install.
        if self.installed.load(Ordering::Relaxed) {
            return Ok(());
        }
        // Looked at first, since the handler may run before a sigaction that installs it has returned.
        // SAFETY: sigaction fills the struct when it answers 0; nobody else has it so far.
        system(|| unsafe { libc::sigaction(self.number, ptr::null(), self.before.get().cast()) })?;
        // SAFETY: it has just been filled.
        let before = unsafe { (*self.before.get()).assume_init_ref() };
        // Who is interrupted in a system call goes on with it, unless the handler before us wanted it
        // to end (EINTR).
        let restart = match before.sa_sigaction {
            libc::SIG_DFL | libc::SIG_IGN => libc::SA_RESTART,
            _ => before.sa_flags & libc::SA_RESTART,
        };
        let mut ours = MaybeUninit::<sigaction>::zeroed();
        // SAFETY: zero is a valid sigaction, and sigfillset takes any set.
        let ours = unsafe {
            // All signals wait meanwhile, so that nothing gets in the way of a repair.
            libc::sigfillset(&raw mut (*ours.as_mut_ptr()).sa_mask);
            let ours = ours.assume_init_mut();
            ours.sa_sigaction = handler as *const () as usize;
            ours.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | restart;
            ours
        };
        // SAFETY: the handler is one that may run at any time.
        system(|| unsafe { libc::sigaction(self.number, ours, ptr::null_mut()) })?;
        self.installed.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Gives a signal that isn't ours to who was there before, as the kernel would have.
    ///
    /// # Safety
    ///
    /// The arguments are those of a running handler of ours, whose last act this is.
    pub unsafe fn forward(&self, info: *mut siginfo_t, context: *mut c_void) {
        // SAFETY: our handler runs, so `install` has written it.
        let before = unsafe { (*self.before.get()).assume_init_ref() };
        // SAFETY: the kernel's.
        let raised_by_fault = is_fault(unsafe { (*info).si_code });
        match before.sa_sigaction {
            libc::SIG_DFL => self.die(info, raised_by_fault),
            // A fault cannot be ignored: the kernel takes it for SIG_DFL (signal(7), force_sig).
            libc::SIG_IGN if raised_by_fault => self.die(info, raised_by_fault),
            libc::SIG_IGN => {}
            _ if self.spends(before) => self.die(info, raised_by_fault),
            handler => {
                // SAFETY: the caller's.
                unsafe {
                    self.set_mask_for(before, context);
                    self.call(handler, before.sa_flags, info, context);
                }
            }
        }
    }

    /// Whether the handler asked to be called once (SA_RESETHAND) and was, also by another thread just now.
    fn spends(&self, before: &sigaction) -> bool {
        // Relaxed: of all that ask one gets false, and that is all that it orders.
        before.sa_flags & libc::SA_RESETHAND != 0 && self.spent.swap(true, Ordering::Relaxed)
    }

    /// Does what SIG_DFL does: this process ends by the signal.
    fn die(&self, info: *mut siginfo_t, raised_by_fault: bool) {
        let default = MaybeUninit::<sigaction>::zeroed();
        // SAFETY: all zero is SIG_DFL with no flags.
        unsafe { libc::sigaction(self.number, default.as_ptr(), ptr::null_mut()) };
        if raised_by_fault {
            return; // The instruction runs again, and this time the fault is the kernel's to answer.
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
    /// It was given to sigaction with these flags; the context is that of a running handler.
    unsafe fn call(
        &self,
        handler: usize,
        flags: c_int,
        info: *mut siginfo_t,
        context: *mut c_void,
    ) {
        // SAFETY: the caller's.
        let mut call = || unsafe { call(handler, flags, self.number, info, context) };
        match flags & libc::SA_ONSTACK {
            // SAFETY: the caller's.
            0 => unsafe { stack::on_interrupted(context, &mut call) },
            _ => call(),
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

/// Whether the signal is the answer to what the thread has just done, and not sent by someone.
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
