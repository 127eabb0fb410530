package plain

import (
	"errors"
	"strings"
	"testing"
)

func TestNamesAreShownAsTheyAreOrQuoted(t *testing.T) {
	long := strings.Repeat("x", 5000)
	for name, want := range map[string]string{
		"plain":        "plain",
		"with a space": "with a space",
		"Grüße":        "Grüße",
		long:           long,
		"a\nb":         `"a\nb"`,
		"\x1b[2J":      `"\x1b[2J"`,
		"\xff":         `"\xff"`,
		"\u202egpj":    `"\u202egpj"`,
		"\u009b2J":     `"\u009b2J"`,
		`"a\nb"`:       `"\"a\\nb\""`,
	} {
		if got := Name(name); got != want {
			t.Errorf("%q is shown as %s", name, got)
		}
	}
}

func TestErrorsAreLines(t *testing.T) {
	one := errors.New("open a\nb\x1b\xff\ufffd: no such \"file\"")
	const want = `open a\nb\x1b\xff` + "\ufffd" + `: no such "file"`
	if got := Error(one); got != want {
		t.Error(got)
	}
	if got := Error(errors.Join(one, errors.Join(one, one))); got != want+"\n"+want+"\n"+want {
		t.Error(got)
	}
}
