package main

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
)

// mostSlips is how many letters a misspelt name may have too much, too few or wrong.
const mostSlips = 2

// misspelt returns a fault for each name in the environment that is one of ours misspelt.
// What it was meant to set would be left at its default without a word.
func misspelt(environment []string) (faults []string) {
	for _, variable := range environment {
		name, value, _ := strings.Cut(variable, "=")
		if meant := meantBy(name, value); meant != "" {
			faults = append(faults, fmt.Sprintf("%s: there is no such variable, %s is meant", name, meant))
		}
	}
	slices.Sort(faults)
	return faults
}

// meantBy returns the variable of ours that the name is a misspelling of, empty for none.
func meantBy(name, value string) (meant string) {
	ours := variableNames()
	if slices.Contains(ours, name) || isInjected(name, value) {
		return ""
	}
	nearest := mostSlips + 1
	for _, our := range ours {
		slips := levenshtein.ComputeDistance(strings.ToUpper(name), our)
		if len(our) <= longestShort && !isSlip(name, our) {
			continue
		}
		if slips < nearest {
			meant, nearest = our, slips
		}
	}
	return meant
}

// longestShort is the length of the longest names that are a few letters away from
// words and from other programs' variables, such as PORT0 and PORTS.
const longestShort = 5

// isSlip reports whether the name, of about so many letters, is a short one of ours with a
// letter missing or doubled, or two swapped.
func isSlip(name, our string) bool {
	letters := func(text string) string { return string(slices.Sorted(slices.Values([]rune(text)))) }
	switch len(name) - len(our) {
	case -1:
		return levenshtein.ComputeDistance(name, our) == 1
	case 0:
		return levenshtein.ComputeDistance(name, our) == 2 && letters(name) == letters(our)
	case 1:
		return string(slices.Compact([]rune(name))) == string(slices.Compact([]rune(our)))
	}
	return false
}

// injected are the names that Kubernetes, and Docker before it, make up for a service.
var injected = regexp.MustCompile(`_SERVICE_HOST$|_SERVICE_PORT(_.*)?$|_PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$`)

// isInjected reports whether the variable is made up for a service of any name: one named
// "listen" brings LISTEN_PORT.
func isInjected(name, value string) bool {
	return injected.MatchString(name) || strings.HasSuffix(name, "_PORT") && strings.Contains(value, "://")
}

// variableNames returns the names that Config has.
func variableNames() (names []string) {
	for _, field := range reflect.VisibleFields(reflect.TypeFor[Config]()) {
		if name := field.Tag.Get("envconfig"); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// lineInDotEnv returns the number of the line in ".env" that sets the variable; 0: none
// that can be told.
func lineInDotEnv(name string) int {
	text, err := os.ReadFile(".env")
	if err != nil {
		return 0
	}
	sets := regexp.MustCompile(`^\s*(export\s+)?` + regexp.QuoteMeta(name) + `\s*[=:]`)
	return 1 + slices.IndexFunc(strings.Split(string(text), "\n"), sets.MatchString)
}
