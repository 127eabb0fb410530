// Command picture draws docs/truncated.svg: a terminal in which two programs that differ by one import read a mapped
// file while it is truncated. It types the commands below into a shell, and draws what they print.
package main

import (
	"fmt"
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

var commands = []string{
	"diff theirs/main.go ours/main.go | tail -n 4",
	"truncate -s 64K data.bin; (sleep 0.2; truncate -s 0 data.bin) &",
	"theirs/read data.bin 2>&1 | head -n 4",
	"truncate -s 64K data.bin; (sleep 0.2; truncate -s 0 data.bin) &",
	"ours/read data.bin 2>&1 | head -n 4",
}

func main() {
	if err := draw("../docs/truncated.svg"); err != nil {
		fmt.Fprintln(os.Stderr, "picture:", err)
		os.Exit(1)
	}
}

func draw(path string) error {
	lines, err := session()
	if err != nil {
		return err
	}
	return os.WriteFile(path, []byte(svg(lines)), 0o644)
}

// A line of the terminal is a command or a line of output.
type line struct {
	text    string
	command bool
}

// session types the commands in a folder with both programs and their sources.
func session() ([]line, error) {
	folder, err := os.MkdirTemp("", "picture-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	for _, program := range []string{"theirs", "ours"} {
		if err := os.CopyFS(filepath.Join(folder, program), os.DirFS("picture/"+program)); err != nil {
			return nil, err
		}
		build := exec.Command("go", "build", "-o", filepath.Join(folder, program, "read"), "./picture/"+program)
		if output, err := build.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("%w\n%s", err, output)
		}
	}
	var lines []line
	for _, command := range commands {
		lines = append(lines, line{command, true})
		shell := exec.Command("sh", "-c", command)
		shell.Dir = folder
		if strings.HasSuffix(command, "&") { // Its output is nobody's, and nobody waits for it.
			if err := shell.Run(); err != nil {
				return nil, err
			}
			continue
		}
		output, err := shell.CombinedOutput()
		if err != nil {
			return nil, fmt.Errorf("%s: %w\n%s", command, err, output)
		}
		for _, text := range strings.Split(strings.TrimRight(string(output), "\n"), "\n") {
			if text != "" {
				lines = append(lines, line{text, false})
			}
		}
	}
	return lines, nil
}

const (
	fontSize   = 14
	lineHeight = 20
	charWidth  = 8.45
	margin     = 16
)

// svg has colors for pages that are light and for those that are dark.
func svg(lines []line) string {
	longest := 0
	for _, l := range lines {
		longest = max(longest, len([]rune(l.text))+2)
	}
	width, height := int(float64(longest)*charWidth)+2*margin, len(lines)*lineHeight+2*margin
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img">`+"\n", width, height, width, height)
	b.WriteString(`<title>Two programs read a file that is truncated: one dies by SIGBUS, one gets an error</title>
<style>
rect { fill: #f6f8fa; stroke: #d0d7de }
text { font: 14px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #24292f; white-space: pre }
.command { fill: #0550ae; font-weight: bold }
.bad { fill: #b3261e }
@media (prefers-color-scheme: dark) {
rect { fill: #0d1117; stroke: #30363d }
text { fill: #e6edf3 }
.command { fill: #79c0ff }
.bad { fill: #ff8d85 }
}
</style>
`)
	fmt.Fprintf(&b, `<rect x="0.5" y="0.5" width="%d" height="%d" rx="6"/>`+"\n", width-1, height-1)
	for i, l := range lines {
		class, text := "", l.text
		switch {
		case l.command:
			class, text = ` class="command"`, "$ "+text
		case strings.Contains(text, "SIGBUS") || strings.HasPrefix(text, "fatal error"):
			class = ` class="bad"`
		}
		fmt.Fprintf(&b, `<text x="%d" y="%d"%s>%s</text>`+"\n", margin, margin+fontSize+i*lineHeight, class,
			html.EscapeString(strings.ReplaceAll(text, "\t", "    ")))
	}
	b.WriteString("</svg>\n")
	return b.String()
}
