//! In which order functions of one handler were put in front of others, and which of them are passed over.
//!
//! A function passes on to the handler that it was put in front of. When that handler was installed a second time,
//! and another function put in front of it again, the older one passes on to what comes below itself instead: it may
//! be what the handler has found, and goes back to. For the same reason none is ever put in front a second time.

/// The functions by number, of which there are `N`, from the oldest to the newest.
#[derive(Clone)]
pub struct Order<const N: usize> {
    len: usize,
    passed_over: [bool; N],
}

impl<const N: usize> Order<N> {
    /// None is in front of anything.
    pub const fn new() -> Order<N> {
        Order {
            len: 0,
            passed_over: [false; N],
        }
    }

    /// The number of the one that goes in front of a handler, which is the `same` as that of some. None when all are in use.
    pub fn next(&mut self, same: impl Fn(usize) -> bool) -> Option<usize> {
        for number in 0..self.len {
            self.passed_over[number] |= same(number);
        }
        (self.len < N).then_some(self.len)
    }

    /// It is there.
    pub fn put(&mut self) {
        self.len += 1;
    }

    /// That one is in front again: the handlers that those above it were put in front of have taken themselves away.
    pub fn is_back(&mut self, number: usize) {
        self.passed_over[number + 1..self.len].fill(true);
    }

    /// All that are there, with their [heirs](Order::heir_of).
    pub fn heirs(&self) -> impl Iterator<Item = (usize, usize)> {
        (0..self.len).map(|number| (number, self.heir_of(number)))
    }

    /// The one whose handler gets what comes to that number: itself, or the next below that isn't passed over; `N` for none.
    pub fn heir_of(&self, number: usize) -> usize {
        let mut below = (0..=number).rev();
        below.find(|below| !self.passed_over[*below]).unwrap_or(N)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OTHERS: usize = 3;

    /// Whom a signal comes to.
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Action {
        Default,
        /// A handler of somebody else.
        Other(usize),
        /// One of our functions.
        Ours(usize),
    }

    /// What can happen.
    #[derive(Clone, Copy, Debug)]
    enum Event {
        /// It is installed, and ours is put in front.
        Installs(usize),
        /// It puts back what it has found, who was installed since.
        Goes(usize),
        /// Ours is asked for again.
        Looks,
    }

    #[derive(Clone)]
    struct Process {
        now: Action,
        /// What each of the others has found, if it is installed.
        found: [Option<Action>; OTHERS],
        before: Vec<Action>,
        order: Order<8>,
    }

    impl Process {
        fn new() -> Process {
            let mut process = Process {
                now: Action::Default,
                found: [None; OTHERS],
                before: Vec::new(),
                order: Order::new(),
            };
            process.look();
            process
        }

        fn look(&mut self) {
            let now = self.now;
            if let Action::Ours(number) = now {
                self.order.is_back(number);
            } else {
                let next = self.order.next(|number| self.before[number] == now);
                self.now = Action::Ours(next.expect("there are few"));
                self.before.push(now);
                self.order.put();
            }
        }

        fn meet(&mut self, event: Event) {
            match event {
                Event::Installs(other) => {
                    self.found[other] = Some(self.now);
                    self.now = Action::Other(other);
                    self.look();
                }
                Event::Goes(other) => {
                    if let Some(found) = self.found[other] {
                        self.now = found;
                    }
                }
                Event::Looks => self.look(),
            }
        }

        /// Has a signal go from handler to handler; false if it comes to one twice.
        fn ends(&self) -> bool {
            let mut met = [false; OTHERS];
            let mut at = self.now;
            loop {
                match at {
                    Action::Default => return true,
                    Action::Other(other) if met[other] => return false,
                    Action::Other(other) => {
                        met[other] = true;
                        at = self.found[other].expect("it was installed");
                    }
                    Action::Ours(number) => {
                        let heir = self.before.get(self.order.heir_of(number));
                        at = heir.copied().unwrap_or(Action::Default);
                    }
                }
            }
        }
    }

    fn follow(process: &Process, depth: u32, past: &mut Vec<Event>) {
        if depth == 0 {
            return;
        }
        let others = (0..OTHERS).flat_map(|other| [Event::Installs(other), Event::Goes(other)]);
        for event in others.chain([Event::Looks]) {
            let mut process = process.clone();
            process.meet(event);
            past.push(event);
            assert!(process.ends(), "{past:?}");
            follow(&process, depth - 1, past);
            past.pop();
        }
    }

    #[test]
    fn whatever_happens_a_signal_comes_to_each_handler_once_at_the_most() {
        follow(&Process::new(), 6, &mut Vec::new());
    }

    #[test]
    fn one_that_could_not_be_put_there_is_the_next_again_and_there_are_no_more_than_there_are() {
        let mut order = Order::<2>::new();
        let no = |_: usize| false;
        assert_eq!((order.next(no), order.next(no)), (Some(0), Some(0)));
        order.put();
        assert_eq!((order.heir_of(0), order.next(no)), (0, Some(1)));
        order.put();
        assert_eq!(order.heirs().collect::<Vec<_>>(), [(0, 0), (1, 1)]);
        order.is_back(1);
        assert_eq!(order.heir_of(1), 1);
        assert_eq!(order.next(|number| number == 1), None);
        assert_eq!((order.heir_of(0), order.heir_of(1)), (0, 0));
        assert_eq!(order.next(|number| number == 0), None);
        assert_eq!((order.heir_of(0), order.heir_of(1)), (2, 2));
    }
}
