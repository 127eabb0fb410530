package memmap

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// filled is anonymous memory that holds text.
func filled(t testing.TB, text []byte) *Map {
	t.Helper()
	m := anonymous(t, int64(len(text)), nil)
	if _, err := m.WriteAt(text, 0); err != nil {
		t.Fatal(err)
	}
	return m
}

// naiveFirst and naiveLast compare at every offset.
func naiveFirst(text, needle []byte, from, to int64) int64 {
	for at := from; at+int64(len(needle)) <= to; at++ {
		if string(text[at:at+int64(len(needle))]) == string(needle) {
			return at
		}
	}
	return -1
}

func naiveLast(text, needle []byte, from, to int64) int64 {
	for at := to - int64(len(needle)); at >= from; at-- {
		if string(text[at:at+int64(len(needle))]) == string(needle) {
			return at
		}
	}
	return -1
}

// randomText is of few letters, so that needles are found nearly and really, and in runs.
func randomText(random *rand.Rand, length int) []byte {
	text := make([]byte, length)
	letters := 1 + random.IntN(3)
	for i := range text {
		text[i] = byte('a' + random.IntN(letters))
	}
	return text
}

// randomNeedle is mostly a part of the text, and sometimes changed.
func randomNeedle(random *rand.Rand, text []byte) []byte {
	longest := []int{1, 2, 9, 80, nearbyBackward + 9, nearby + 9}[random.IntN(6)]
	length := random.IntN(min(longest, len(text)) + 1)
	at := random.IntN(len(text) - length + 1)
	needle := bytes.Clone(text[at : at+length])
	if length > 0 && random.IntN(3) == 0 {
		needle[random.IntN(length)] = 'x'
	}
	return needle
}

func TestFindAndFindLastAreWhatANaiveSearchFinds(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 60 {
		text := randomText(random, 1+random.IntN(3*nearby))
		if random.IntN(2) == 0 {
			copy(text[random.IntN(len(text)):], "x") // The only one.
		}
		m := filled(t, text)
		for range 40 {
			needle := randomNeedle(random, text)
			from, to := random.Int64N(int64(len(text)+1)), random.Int64N(int64(len(text)+1))
			if random.IntN(2) == 0 {
				from, to = 0, int64(len(text))
			}
			first, err := m.Find(needle, from, to)
			if want := naiveFirst(text, needle, from, to); first != want || err != nil {
				t.Fatalf("%q first between %d and %d: %d, %v, wanted %d", needle, from, to, first, err, want)
			}
			last, err := m.FindLast(needle, from, to)
			if want := naiveLast(text, needle, from, to); last != want || err != nil {
				t.Fatalf("%q last between %d and %d: %d, %v, wanted %d", needle, from, to, last, err, want)
			}
		}
		m.Close()
	}
}

// A needle at every offset around the places where the search goes over from Go to the library.
func TestFindLooksAcrossTheEndOfWhatGoSearches(t *testing.T) {
	for _, needle := range []string{"x", "xy", "xyz xyz xyz"} {
		for at := nearby - 15; at < nearby+5; at++ {
			text := bytes.Repeat([]byte{'.'}, 3*nearby)
			copy(text[at:], needle)
			if found, err := filled(t, text).Find([]byte(needle), 0, ToEnd); found != int64(at) || err != nil {
				t.Errorf("%q at %d: %d, %v", needle, at, found, err)
			}
		}
		for back := nearbyBackward - 5; back < nearbyBackward+15; back++ {
			text := bytes.Repeat([]byte{'.'}, nearby)
			at := len(text) - back
			copy(text[at:], needle)
			if found, err := filled(t, text).FindLast([]byte(needle), 0, ToEnd); found != int64(at) || err != nil {
				t.Errorf("%q at %d: %d, %v", needle, at, found, err)
			}
		}
	}
}

func TestNothingIsFoundAtTheEndsAsInPython(t *testing.T) {
	m := open(t, newFile(t, "abc"), nil)
	for _, c := range []struct{ from, to, first, last int64 }{
		{0, ToEnd, 0, 3}, {0, 3, 0, 3}, {1, 2, 1, 2}, {3, 3, 3, 3}, {3, ToEnd, 3, 3}, {2, 1, -1, -1},
	} {
		first, err := m.Find(nil, c.from, c.to)
		last, err2 := m.FindLast([]byte{}, c.from, c.to)
		if first != c.first || last != c.last || err != nil || err2 != nil {
			t.Errorf("%+v: %d, %d, %v, %v", c, first, last, err, err2)
		}
	}
	empty := open(t, newFile(t, ""), nil)
	for needle, want := range map[string]int64{"": 0, "a": -1} {
		first, err := empty.Find([]byte(needle), 0, ToEnd)
		last, err2 := empty.FindLast([]byte(needle), 0, 0)
		if first != want || last != want || err != nil || err2 != nil {
			t.Errorf("%q in nothing: %d, %d, %v, %v", needle, first, last, err, err2)
		}
	}
}

func TestFindStaysInside(t *testing.T) {
	m := open(t, newFile(t, "abc"), nil)
	for _, r := range [][2]int64{{-1, 1}, {4, ToEnd}, {4, 4}, {0, 4}, {0, -2}, {math.MinInt64, math.MaxInt64},
		{math.MaxInt64, math.MaxInt64}} {
		first, err := m.Find([]byte("a"), r[0], r[1])
		wants(t, fmt.Sprint("Find ", r), err, ErrRange)
		last, err := m.FindLast([]byte("a"), r[0], r[1])
		wants(t, fmt.Sprint("FindLast ", r), err, ErrRange)
		if first != -1 || last != -1 {
			t.Errorf("%d, %d with an error", first, last)
		}
		for what, pieces := range map[string]*Pieces{
			"Matches": m.Matches([]byte("a"), r[0], r[1]), "Lines": m.Lines(r[0], r[1]),
		} {
			for range pieces.All() {
				t.Error("a piece of what lies outside")
			}
			wants(t, fmt.Sprint(what, r), pieces.Err(), ErrRange)
		}
	}
}

// The needle is behind what is lost, or before it: nearby, and far away.
func TestASearchThatLooksAtALostPageIsErrFault(t *testing.T) {
	survives(t, func(t *testing.T) {
		const lostFrom, pages = 4, 8
		path, m := paged(t, pages, nil)
		setSize(t, path, lostFrom*page)
		for _, from := range []int64{0, lostFrom*page - nearby - 1, lostFrom*page - 2, lostFrom * page} {
			at, err := m.Find([]byte("y"), from, ToEnd)
			wants(t, fmt.Sprint("Find from ", from), err, ErrFault)
			if at != -1 {
				t.Errorf("found at %d", at)
			}
		}
		for _, to := range []int64{ToEnd, lostFrom*page + 1, lostFrom*page + nearbyBackward + 1} {
			at, err := m.FindLast([]byte("y"), 0, to)
			wants(t, fmt.Sprint("FindLast to ", to), err, ErrFault)
			if at != -1 {
				t.Errorf("found at %d", at)
			}
		}
		// What is found in a stand-in page is not in the file.
		for _, from := range []int64{0, lostFrom*page - 2} {
			_, err := m.Find([]byte{0}, from, ToEnd)
			wants(t, fmt.Sprint("Find a zero from ", from), err, ErrFault)
		}
		_, err := m.FindLast([]byte{0}, 0, ToEnd)
		wants(t, "FindLast a zero", err, ErrFault)
		// A loop that stops before the lost part has seen only intact bytes.
		if at, err := m.Find([]byte("xx"), 1, ToEnd); at != 1 || err != nil {
			t.Errorf("found at %d, %v", at, err)
		}
		if at, err := m.FindLast([]byte("xx"), 0, lostFrom*page); at != lostFrom*page-2 || err != nil {
			t.Errorf("found at %d, %v", at, err)
		}
	})
}

func TestASearchGoesOnInTheLibraryWithoutLosingASteadyNeedle(t *testing.T) {
	text := []byte(strings.Repeat("the quick brown fox jumps over the ", 100_000))
	m := filled(t, text)
	for _, needle := range []string{"lazy cat", "the quick brown fox jumps over the lazy dog, and 50"} {
		for _, at := range []int64{0, nearby, int64(len(text) / 2), int64(len(text) - 51)} {
			if _, err := m.WriteAt([]byte(needle), at); err != nil {
				t.Fatal(err)
			}
			first, err := m.Find([]byte(needle), 0, ToEnd)
			last, err2 := m.FindLast([]byte(needle), 0, ToEnd)
			if first != at || last != at || err != nil || err2 != nil {
				t.Errorf("%q at %d: %d, %d, %v, %v", needle, at, first, last, err, err2)
			}
			_, err = m.WriteAt(text[at:at+51], at)
			succeeds(t, "WriteAt", err)
		}
	}
}
