package memmap

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

func TestEveryExportedNameIsDocumented(t *testing.T) {
	for _, file := range sources(t) {
		for _, declaration := range file.Decls {
			switch d := declaration.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil || exportedType(d.Recv.List[0].Type) {
					documented(t, d.Name, d.Doc)
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					specDocumented(t, d, spec)
				}
			}
		}
	}
}

func sources(t *testing.T) (files []*ast.File) {
	names, err := filepath.Glob("*.go")
	succeeds(t, "Glob", err)
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		succeeds(t, name, err)
		files = append(files, file)
	}
	return files
}

func exportedType(receiver ast.Expr) bool {
	if pointer, ok := receiver.(*ast.StarExpr); ok {
		receiver = pointer.X
	}
	return receiver.(*ast.Ident).IsExported()
}

func specDocumented(t *testing.T, d *ast.GenDecl, spec ast.Spec) {
	switch s := spec.(type) {
	case *ast.TypeSpec:
		documented(t, s.Name, s.Doc, d.Doc)
	case *ast.ValueSpec:
		doc := d.Doc
		if d.Lparen.IsValid() {
			doc = nil // The comment of a group is not that of its members.
		}
		for _, name := range s.Names {
			documented(t, name, s.Doc, doc)
		}
	}
}

func documented(t *testing.T, name *ast.Ident, docs ...*ast.CommentGroup) {
	begins := regexp.MustCompile(`^(An? )?` + name.Name + `\b`)
	for _, doc := range docs {
		if begins.MatchString(doc.Text()) {
			return
		}
	}
	if name.IsExported() {
		t.Errorf("%s has no comment that begins with its name", name)
	}
}

// The header is the truth; what it has more than this package is a line that is missing here.
func TestTheHeadersErrorsAndFlagsAreAllHere(t *testing.T) {
	header, err := os.ReadFile("../include/memmap.h")
	succeeds(t, "the header", err)
	statuses := regexp.MustCompile(`(?m)^#define (MEMMAP_ERR_\w+) (-\d+)$`).FindAllSubmatch(header, -1)
	if len(statuses) != len(reasons) {
		t.Errorf("the header has %d errors, the package %d", len(statuses), len(reasons))
	}
	for _, s := range statuses {
		status, _ := strconv.Atoi(string(s[2]))
		if reasons[int32(status)] == nil {
			t.Errorf("%s is missing", s[1])
		}
	}
	flags := regexp.MustCompile(`(?m)^#define (MEMMAP_\w+) \(1 << (\d+)\)$`).FindAllSubmatch(header, -1)
	if len(flags) == 0 {
		t.Error("the header has no flags")
	}
	for _, f := range flags {
		if !declares(t, "C."+string(f[1])) {
			t.Errorf("%s is missing", f[1])
		}
	}
}

func declares(t *testing.T, name string) bool {
	constant := regexp.MustCompile(` = ` + regexp.QuoteMeta(name) + `\n`)
	for _, file := range []string{"options.go", "fault.go", "seal.go"} {
		text, err := os.ReadFile(file)
		succeeds(t, file, err)
		if constant.Match(text) {
			return true
		}
	}
	return false
}

// Comments are in the language of godoc, whose functions return and report.
func TestCommentsUseTheWordsOfGodoc(t *testing.T) {
	foreign := regexp.MustCompile(`(?i)\b(answers?|answered|is told|whoever|by hand|somebody|nobody)\b`)
	for _, file := range sources(t) {
		for _, comment := range file.Comments {
			if word := foreign.FindString(comment.Text()); word != "" {
				t.Errorf("%s.go has %q in %q", file.Name, word, comment.Text())
			}
		}
	}
}

func TestAReasonIsOneShortLine(t *testing.T) {
	for status, reason := range reasons {
		if text := reason.Error(); len(text) > 60 || strings.ContainsAny(text, "\n.") {
			t.Errorf("%d: %q", status, text)
		}
	}
}

func TestAnErrorIsOneLineWithItsReason(t *testing.T) {
	_, err := Open("/nonexistent/file", nil)
	if err == nil || err.Error() != "memmap: open /nonexistent/file: no such file or directory" {
		t.Error(err)
	}
	_, err = Anonymous(-1, nil)
	if err == nil || err.Error() != "memmap: anonymous: invalid argument" {
		t.Error(err)
	}
	for _, own := range reasons {
		wrapped := error(&Error{"test", "", own})
		for _, other := range reasons {
			if errors.Is(wrapped, other) != (own == other) {
				t.Errorf("%v counts as %v", own, other)
			}
		}
	}
	if text := reasonOf(-99).Error(); !strings.Contains(text, "-99") {
		t.Error(text)
	}
}
