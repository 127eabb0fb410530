package memmap

import (
	"sync"
	"testing"
)

func TestWhatHoldsForOneWordHoldsForLanes(t *testing.T) {
	inLanes = true
	defer func() { inLanes = false }()
	for name, test := range map[string]func(*testing.T){
		"closed":     TestEveryMethodOfAClosedMapIsErrClosed,
		"in a view":  TestClosingInAViewUnmapsWhenItEnds,
		"panics":     TestAViewThatPanicsOrExitsEndsToo,
		"many close": TestClosingFromManyGoroutinesSucceedsOnce,
		"gate":       TestAnOperationWaitsForTheGate,
		"busy":       TestWhatWouldMoveOrCutAViewIsBusy,
		"capacity":   TestWithinTheCapacityAViewIsNoObstacle,
		"at once":    TestUsingResizingAndClosingAtOnce,
		"waiting":    TestAResizeThatWaitsComesThroughViewsThatOverlap,
		"in turn":    TestAViewThatComesAfterAResizeThatWaitsIsServedAfterIt,
		"nested":     TestAViewInAViewComesThroughWhileAResizeWaits,
		"gives up":   TestWhoGivesUpWaitingKeepsNobodyElseWaiting,
		"close all":  TestClosingEndsAllWaiting,
	} {
		t.Run(name, test)
	}
}

// With lanes that come while everybody is at work.
func TestGoroutinesThatKeepMeetingGetLanes(t *testing.T) {
	path := newFile(t, zeros(4096))
	m := open(t, path, writable)
	var all sync.WaitGroup
	for worker := range 4 {
		all.Add(1)
		go func() {
			defer all.Done()
			for m.lanes.Load() == nil {
				// Each inside the next one's, however few processors there are.
				succeeds(t, "View", m.View(func([]byte) error { return disturb(m, 2+worker%2, 1) }))
			}
		}()
	}
	all.Wait()
	if n := m.underWay(); n != 0 {
		t.Errorf("%#x are under way", n)
	}
	succeeds(t, "Resize", m.Resize(8192))
	succeeds(t, "Close", m.Close())
	if n := mappings(t, path); n != 0 {
		t.Errorf("%d mappings are left", n)
	}
}

func TestAnOperationMeetsOthersAndNotItsOwnView(t *testing.T) {
	m := anonymous(t, 1, nil)
	read := func() {
		if _, err := m.At(0); err != nil {
			t.Error(err)
		}
	}
	read()
	m.View(func([]byte) error { read(); return nil })
	if n := m.meetings.count.Load(); n != 0 {
		t.Errorf("%d meetings of one goroutine", n)
	}
	m.enter(operation)
	read()
	m.leave(operation)
	if n := m.meetings.count.Load(); n != 1 {
		t.Errorf("%d meetings, wanted 1", n)
	}
}

func TestWhoEnteredBeforeThereWereLanesIsCounted(t *testing.T) {
	path := newFile(t, "Hello")
	for _, unit := range []uint64{operation, view} {
		m := open(t, path, writable)
		m.enter(unit)
		m.lanes.Store(new(lanes))
		if n := m.underWay(); n != unit {
			t.Errorf("%#x are under way, wanted %#x", n, unit)
		}
		succeeds(t, "Close", m.Close())
		if mappings(t, path) != 1 {
			t.Error("unmapped while in use")
		}
		m.leave(unit)
		if n := mappings(t, path); n != 0 {
			t.Errorf("%d mappings are left", n)
		}
	}
}

func TestAGoroutineMayLeaveInAnotherLane(t *testing.T) {
	m := anonymous(t, 1, nil)
	l := new(lanes)
	m.lanes.Store(l)
	for lane := range l {
		l[lane].entered.Add(view + operation)
		l[(lane*7+3)%laneCount].left.Add(view + operation)
	}
	if n := m.underWay(); n != 0 {
		t.Errorf("%#x are under way", n)
	}
	m.enter(view)
	wants(t, "Resize", m.Resize(1<<20), ErrBusy)
	l[laneCount-1].left.Add(view)
	succeeds(t, "Resize", m.Resize(1<<20))
}

func TestALaneIsTheSameFromCallToCallAndMostlyNobodyElses(t *testing.T) {
	const goroutines = 16
	l := new(lanes)
	taken := make(chan *lane)
	stay := make(chan bool)
	for range goroutines {
		go func() {
			first := l.own()
			for range 10 {
				if l.own() != first {
					first = nil
				}
			}
			taken <- first
			<-stay
		}()
	}
	different := map[*lane]bool{}
	for range goroutines {
		different[<-taken] = true
	}
	close(stay)
	if different[nil] || len(different) < goroutines/2 {
		t.Errorf("%d lanes for %d goroutines", len(different), goroutines)
	}
}

func TestMeetingsAreACrowdWhenTheyAreManyInAShortTime(t *testing.T) {
	var m meetings
	var now int64
	meet := func(times int) (crowd bool) {
		for range times {
			crowd = m.add(func() int64 { return now })
		}
		return crowd
	}
	now = clock()
	if meet(tooMany) {
		t.Error("the first that ever met")
	}
	now += tooSoon
	if meet(tooMany) {
		t.Error("too seldom")
	}
	now += tooSoon - 1
	if meet(tooMany - 1) {
		t.Error("too few")
	}
	if !meet(1) {
		t.Error("no crowd")
	}
}
