package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"unicode"

	"user-sync-service/internal/app"
	"user-sync-service/internal/domain"
)

// printFindings is for persons.
func printFindings(stdout io.Writer, diagnosis app.Diagnosis, coloured bool) error {
	var text strings.Builder
	for _, finding := range diagnosis.Findings {
		severity := fmt.Sprintf("%-8s", finding.Severity)
		if coloured {
			severity = colour(finding.Severity) + severity + "\x1b[0m"
		}
		fmt.Fprintf(&text, "%s %s (%s)\n", severity, visible(finding.Subject), finding.ID)
		fmt.Fprintf(&text, "         %s\n         Breaks:  %s\n         Remedy:  %s\n\n",
			visible(finding.Problem), visible(finding.Breaks), visible(cmp.Or(finding.Remedy.Command, finding.Remedy.Step)))
	}
	if diagnosis.Token != nil {
		table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "token\thas\twanted\t")
		for _, fact := range diagnosis.Token {
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", fact.Name, visible(fact.Has), visible(fact.Wanted), map[bool]string{true: "ok", false: "NOT OK"}[fact.OK])
		}
		_ = table.Flush() // Into memory.
		text.WriteString("\n")
	}
	if len(diagnosis.Findings) == 0 {
		text.WriteString("All is set up.\n")
	} else {
		fmt.Fprintf(&text, "Faults: %d. Warnings: %d. Unknown: %d.\n", diagnosis.Count(domain.Fault), diagnosis.Count(domain.Warning), diagnosis.Count(domain.CannotTell))
	}
	_, err := io.WriteString(stdout, text.String())
	return err
}

// colour is how a terminal begins a colour.
func colour(severity domain.Severity) string {
	switch severity {
	case domain.Fault:
		return "\x1b[1;31m"
	case domain.Warning:
		return "\x1b[33m"
	case domain.CannotTell:
	}
	return "\x1b[36m"
}

// printCommands prints what a shell can mend, each command once.
func printCommands(stdout io.Writer, diagnosis app.Diagnosis) error {
	printed := make(map[string]bool)
	for _, finding := range diagnosis.Findings {
		command := finding.Remedy.Command
		if command == "" || printed[command] {
			continue
		}
		printed[command] = true
		if _, err := fmt.Fprintln(stdout, visible(command)); err != nil {
			return err
		}
	}
	return nil
}

// findingJSON and tokenFactJSON are the forms for machines.
type findingJSON struct {
	ID       string          `json:"id"`
	Severity domain.Severity `json:"severity"`
	Subject  string          `json:"subject"`
	Problem  string          `json:"problem"`
	Breaks   string          `json:"breaks"`
	Command  string          `json:"command,omitempty"`
	Step     string          `json:"step,omitempty"`
}

type tokenFactJSON struct {
	Name   string `json:"name"`
	Has    string `json:"has"`
	Wanted string `json:"wanted"`
	OK     bool   `json:"ok"`
}

// printJSON is for machines.
func printJSON(stdout io.Writer, diagnosis app.Diagnosis) error {
	report := struct {
		Faults   int             `json:"faults"`
		Warnings int             `json:"warnings"`
		Unknown  int             `json:"unknown"`
		Findings []findingJSON   `json:"findings"`
		Token    []tokenFactJSON `json:"token,omitempty"`
	}{diagnosis.Count(domain.Fault), diagnosis.Count(domain.Warning), diagnosis.Count(domain.CannotTell), []findingJSON{}, nil}
	for _, f := range diagnosis.Findings {
		report.Findings = append(report.Findings, findingJSON{f.ID, f.Severity, f.Subject, f.Problem, f.Breaks, f.Remedy.Command, f.Remedy.Step})
	}
	for _, fact := range diagnosis.Token {
		report.Token = append(report.Token, tokenFactJSON(fact))
	}
	encoder := json.NewEncoder(stdout)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false) // Commands are to be copied.
	return encoder.Encode(report)
}

// visible writes characters that cannot be seen, which may come from the realm or a token, so
// that they do nothing to a terminal.
func visible(text string) string {
	var shown strings.Builder
	for _, r := range text {
		if unicode.IsGraphic(r) {
			shown.WriteRune(r)
		} else {
			fmt.Fprintf(&shown, `\u%04x`, r)
		}
	}
	return shown.String()
}

// isTerminal reports whether a person reads along.
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
