package main

import (
	"os"
	"regexp"
	"testing"
)

// The picture in docs is what the programs print now, but for addresses.
func TestThePictureIsOfWhatTheProgramsPrint(t *testing.T) {
	t.Chdir("..")
	lines, err := session()
	if err != nil {
		t.Fatal(err)
	}
	kept, err := os.ReadFile("../docs/truncated.svg")
	if err != nil {
		t.Fatal(err)
	}
	address := regexp.MustCompile(`0x[0-9a-f]+`)
	want, got := address.ReplaceAllString(svg(lines), "0x"), address.ReplaceAllString(string(kept), "0x")
	width := regexp.MustCompile(`(width|viewBox)="[^"]*"`)
	if width.ReplaceAllString(want, "") != width.ReplaceAllString(got, "") {
		t.Errorf("run make picture: the programs print now\n%s", want)
	}
}
