package memmap

import (
	"bytes"
	"errors"
	"iter"
	"math/rand/v2"
	"strings"
	"testing"
)

// ofBytes gives the pieces of a sequence their offsets.
func ofBytes(pieces iter.Seq[[]byte]) iter.Seq2[int64, []byte] {
	return func(yield func(int64, []byte) bool) {
		at := int64(0)
		for piece := range pieces {
			if !yield(at, piece) {
				return
			}
			at += int64(len(piece))
		}
	}
}

type found struct {
	at   int64
	text string
}

func all(pieces iter.Seq2[int64, []byte]) (list []found) {
	for at, piece := range pieces {
		list = append(list, found{at, string(piece)})
	}
	return list
}

func same(t *testing.T, what string, p *Pieces, want []found) {
	t.Helper()
	for range 2 { // A second loop begins anew.
		got := all(p.All())
		if len(got) != len(want) || p.Err() != nil {
			t.Fatalf("%s: %d pieces, wanted %d; %v", what, len(got), len(want), p.Err())
		}
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("%s: piece %d is %v, wanted %v", what, i, got[i], want[i])
			}
		}
	}
}

func TestLinesAreThoseOfBytesLines(t *testing.T) {
	for _, text := range []string{"", "\n", "\n\n", "a", "a\n", "a\nb", "a\r\nb\n\nc", strings.Repeat("x", 3*nearby) + "\nend"} {
		m := open(t, newFile(t, text), nil)
		same(t, text, m.Lines(0, ToEnd), all(ofBytes(bytes.Lines([]byte(text)))))
	}
	random := rand.New(rand.NewPCG(5, 6))
	for range 50 {
		text := make([]byte, random.IntN(5*nearby))
		often := 1 + random.IntN(5000)
		for i := range text {
			text[i] = 'x'
			if random.IntN(often) == 0 {
				text[i] = '\n'
			}
		}
		same(t, "random", filled(t, text).Lines(0, ToEnd), all(ofBytes(bytes.Lines(text))))
	}
	m := open(t, newFile(t, "one\ntwo\nthree"), nil)
	same(t, "a part", m.Lines(1, 9), []found{{1, "ne\n"}, {4, "two\n"}, {8, "t"}})
}

func TestMatchesAreWhatANaiveSearchFinds(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	for range 100 {
		text := randomText(random, 1+random.IntN(2*nearby))
		m := filled(t, text)
		needle := randomNeedle(random, text)
		from, to := random.Int64N(int64(len(text)+1)), random.Int64N(int64(len(text)+1))
		var want []found
		for at := from; ; {
			at = naiveFirst(text, needle, at, to)
			if at < 0 {
				break
			}
			want = append(want, found{at, string(needle)})
			at += max(int64(len(needle)), 1)
		}
		same(t, string(needle), m.Matches(needle, from, to), want)
		m.Close()
	}
}

func TestABreakEndsTheView(t *testing.T) {
	path := newFile(t, "one\ntwo\nthree")
	m := open(t, path, writable)
	lines := m.Lines(0, ToEnd)
	for range lines.All() {
		if info, err := m.Info(); info.Views != 1 || err != nil {
			t.Errorf("%d views, %v", info.Views, err)
		}
		wants(t, "Resize in the loop", m.Resize(1), ErrBusy)
		break
	}
	succeeds(t, "Err after a break", lines.Err())
	func() {
		defer func() { recover() }()
		for range lines.All() {
			panic("mine")
		}
	}()
	next, stop := iter.Pull2(lines.All())
	if at, line, ok := next(); at != 0 || string(line) != "one\n" || !ok {
		t.Errorf("%d, %q, %v", at, line, ok)
	}
	stop()
	if info, err := m.Info(); info.Views != 0 || err != nil {
		t.Errorf("%d views are left, %v", info.Views, err)
	}
	succeeds(t, "Resize", m.Resize(1))
}

func TestALoopGoesOnThoughTheMapIsClosedInIt(t *testing.T) {
	path := newFile(t, "one\ntwo\nthree")
	m := open(t, path, nil)
	lines := m.Lines(0, ToEnd)
	n := 0
	for range lines.All() {
		n++
		m.Close()
	}
	if n != 3 || lines.Err() != nil || mappings(t, path) != 0 {
		t.Errorf("%d lines, %v, %d mappings are left", n, lines.Err(), mappings(t, path))
	}
	for _, pieces := range []*Pieces{lines, m.Matches(nil, 0, ToEnd)} {
		for range pieces.All() {
			t.Error("a piece of a closed Map")
		}
		wants(t, "closed", pieces.Err(), ErrClosed)
	}
}

// The slice of a piece can't be made longer into its neighbour.
func TestAPieceIsClippedToItself(t *testing.T) {
	for _, line := range filled(t, []byte("one\ntwo\n")).Lines(0, ToEnd).All() {
		if cap(line) != 4 {
			t.Errorf("%q has room for %d bytes", line, cap(line))
		}
	}
}

func TestALostPageEndsALoopAndIsTold(t *testing.T) {
	survives(t, func(t *testing.T) {
		path, m := paged(t, 4, writable)
		for _, at := range []int64{page / 2, 2*page - 1, 3 * page} {
			succeeds(t, "Fill", m.Fill(at, 1, '\n'))
		}
		setSize(t, path, 2*page)
		lines := m.Lines(0, ToEnd)
		if n := len(all(lines.All())); n != 2 {
			t.Errorf("%d lines are whole", n)
		}
		wantsLost(t, "Lines", lines.Err(), FaultError{2 * page, 2 * page, CauseTruncated})
		matches := m.Matches([]byte("\n"), 0, ToEnd)
		if n := len(all(matches.All())); n != 2 {
			t.Errorf("%d newlines are there", n)
		}
		wants(t, "Matches", matches.Err(), ErrFault)

		same(t, "what is whole", m.Lines(page/2+1, 2*page-1), []found{{page/2 + 1, strings.Repeat("x", int(page*3/2-2))}})
	})
}

// It was whole when it was found, and isn't when the body reads it: also when the body breaks then, and when
// it was recovered before anybody asked.
func TestAPieceThatIsLostInTheBodyIsTold(t *testing.T) {
	survives(t, func(t *testing.T) {
		path, m := paged(t, 2, writable)
		succeeds(t, "Fill", m.Fill(2*page-1, 1, '\n'))
		lose := func(line []byte) (sum int) {
			setSize(t, path, page)
			for _, b := range line {
				sum += int(b)
			}
			return sum
		}
		lines := m.Lines(0, ToEnd)
		for _, line := range lines.All() {
			lose(line)
			break
		}
		wants(t, "break", lines.Err(), ErrFault)
		setSize(t, path, 2*page)
		succeeds(t, "Recover", m.Recover())
		for _, line := range lines.All() {
			lose(line)
			setSize(t, path, 2*page)
			succeeds(t, "Recover in the loop", m.Recover())
		}
		wants(t, "recovered meanwhile", lines.Err(), ErrFault)
		if all(lines.All()); lines.Err() != nil {
			t.Errorf("afterwards: %v", errors.Unwrap(lines.Err()))
		}
	})
}
