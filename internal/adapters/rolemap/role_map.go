// Package rolemap reads the map from Fineract roles to realm roles and groups from a file,
// and has the built-in one, which is such a file too. It is the only package that knows YAML.
package rolemap

import (
	_ "embed" // for the built-in map
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"user-sync-service/internal/domain"
)

// maxFile is the largest file that is read, in bytes.
const maxFile = 1 << 20

//go:embed built_in.yaml
var builtIn []byte

// BuiltIn returns the built-in map as text.
func BuiltIn() []byte { return builtIn }

// Default returns the built-in map.
func Default() domain.RoleMap {
	roles, err := Parse(builtIn)
	if err != nil {
		panic(err) // A test would have failed.
	}
	return roles
}

// Read reads a file, and returns its text too. The error may be Faults.
func Read(path string) (domain.RoleMap, []byte, error) {
	file, err := os.Open(path) //nolint:gosec // The operator names it.
	if err != nil {
		return domain.RoleMap{}, nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil {
		return domain.RoleMap{}, nil, err
	}
	if len(text) > maxFile {
		return domain.RoleMap{}, nil, errors.New("the file is larger than 1 MiB")
	}
	roles, err := Parse(text)
	return roles, text, err
}

// Faults is all that is wrong with a map.
type Faults []Fault

// Error returns the faults, each with its place on two lines.
func (f Faults) Error() string {
	texts := make([]string, len(f))
	for i, fault := range f {
		texts[i] = fault.String()
	}
	return strings.Join(texts, "\n")
}

// Fault is one thing that is wrong, and where.
type Fault struct {
	Line, Column int // from 1 on; the column in characters
	Problem      string
	Text         string // the line itself, as it may be printed
}

// String returns the fault with the line itself below it.
func (f Fault) String() string {
	return fmt.Sprintf("line %d, column %d: %s\n      %d | %s", f.Line, f.Column, f.Problem, f.Line, f.Text)
}

// printable makes a line of a file fit for a terminal: short, and without what could move
// its cursor.
func printable(line string) string {
	const most = 120
	var b strings.Builder
	for i, r := range []rune(line) {
		switch {
		case i == most:
			b.WriteString("…")
			return b.String()
		case r == '\t':
			b.WriteString("\\t") // It is a fault, most likely.
		case r == utf8.RuneError || !unicode.IsPrint(r):
			fmt.Fprintf(&b, "\\u%04x", r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
