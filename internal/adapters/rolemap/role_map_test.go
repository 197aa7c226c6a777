package rolemap_test

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/adapters/rolemap"
	"user-sync-service/internal/domain"
)

// The whole built-in map, in full: a change of it is a change of rights.
func TestDefault(t *testing.T) {
	roles := rolemap.Default()
	keys := []domain.RealmRole{"admin", "Super User", "Super user"}
	for fineract, want := range map[string]domain.Assignment{
		"Admin":                 {Role: "admin", Group: "head-office", Privileged: keys},
		"System Administrator":  {Role: "admin", Group: "head-office", Privileged: keys},
		"Super User":            {Role: "Super User", Group: "head-office", Privileged: keys},
		"Super user":            {Role: "Super User", Group: "head-office", Privileged: keys},
		"Loan Officer":          {Role: "loan-officer", Group: "loan-officers"},
		"Account Manager":       {Role: "account-manager", Group: "account-managers"},
		"Cashier":               {Role: "teller", Group: "tellers"},
		"Branch Manager":        {Role: "branch-manager", Group: "branch-managers"},
		"Accountant":            {Role: "accountant"},
		"Supervisor Accountant": {Role: "Supervisor Accountant"},
		"Manager":               {Role: "Manager"},
		"Viewer":                {Role: "Viewer"},
		"KYC Manager":           {Role: "KYC_MANAGER"},
		"Asset Manager":         {Role: "ASSET_MANAGER"},

		"  Cashier\t":        {Role: "teller", Group: "tellers"},
		"cASHIER":            {Role: "teller", Group: "tellers"},
		"SUPER USER":         {Role: "Super User", Group: "head-office", Privileged: keys},
		"admin":              {Role: "admin", Group: "head-office", Privileged: keys},
		"Administrator":      {Role: "staff"},
		"Admin Cashier":      {Role: "staff"},
		"Head of Tea":        {Role: "staff"},
		"":                   {Role: "staff"},
		"staff":              {Role: "staff"},
		"Account  Manager":   {Role: "staff"},
		"head-office":        {Role: "staff"},
		"Branch Manager\x00": {Role: "staff"},
	} {
		assignment, err := roles.Assign(fineract)
		require.NoError(t, err, "%q", fineract)
		assert.Equal(t, want, assignment, "%q", fineract)
	}
	assert.Len(t, roles.Assignments(), 14, "a rule that this table does not know")
}

// Whoever may hold a privileged role is an administrator, and nobody else is.
func TestDefault_OnlyAdministratorsMayHoldPrivilegedRoles(t *testing.T) {
	guard := domain.DefaultGuard()
	for _, assignment := range rolemap.Default().Assignments() {
		withGroup := domain.Rights{Roles: []domain.RealmRole{assignment.Role, "admin", "Super User"}}
		err := guard.CheckGrant(assignment, withGroup)
		// The Python service put unknown roles into head-office.
		if assignment.Group == "head-office" {
			assert.Contains(t, []domain.RealmRole{"admin", "Super User"}, assignment.Role)
			assert.NoError(t, err, "production's head-office carries both")
		} else {
			assert.ErrorIs(t, err, domain.PrivilegeEscalation, assignment.Role)
		}
		assert.NoError(t, guard.CheckGrant(assignment, domain.Rights{Roles: []domain.RealmRole{assignment.Role}}))
		assert.ErrorIs(t, guard.CheckGrant(assignment, domain.Rights{Roles: []domain.RealmRole{"realm-admin"}}), domain.PrivilegeEscalation, "nobody is mapped to that")
	}
}

// Whoever reads the README must know who gets what.
func TestREADME_HasTheBuiltInMap(t *testing.T) {
	readme, err := os.ReadFile("../../../README.md")
	require.NoError(t, err)
	_, section, found := strings.Cut(string(readme), "\n## Role map\n")
	require.True(t, found)
	section, _, _ = strings.Cut(section, "\n## ")
	var rules []domain.RoleRule
	var other domain.Assignment
	rows := regexp.MustCompile(`(?m)^\| ([A-Za-z].*?) +\| (.*?) +\| (.*?) +\|$`).FindAllStringSubmatch(section, -1)
	require.NotEmpty(t, rows)
	for _, row := range rows[1:] { // without the head
		assignment := domain.Assignment{Role: domain.RealmRole(strings.Trim(row[2], "`")), Group: domain.Group(strings.Trim(strings.TrimPrefix(row[3], "none"), "`"))}
		if row[1] == "anything else" {
			other = assignment
			continue
		}
		for fineract := range strings.SplitSeq(row[1], ", ") {
			rules = append(rules, domain.RoleRule{FineractRole: fineract, Assignment: assignment})
		}
	}
	built := rolemap.Default()
	require.Len(t, rules, len(built.Assignments())-1)
	for _, rule := range append(rules, domain.RoleRule{FineractRole: "anything else", Assignment: other}) {
		assignment, err := built.Assign(rule.FineractRole)
		require.NoError(t, err)
		assignment.Privileged = nil
		assert.Equal(t, rule.Assignment, assignment, rule.FineractRole)
	}
}

func TestParse_ReadsAMap(t *testing.T) {
	text := "\ufeff---\n# The bank's own.\nroles:\n  - fineract: [' Teller\t', \"Kassier\"]\n    role: cash/desk # a name\n    group: branches/north\n  - {fineract: [Chief], role: chief, privileged: [admin, Admin]}\nother: refuse\n"
	for name, text := range map[string]string{"as Unix writes it": text, "as Windows does": strings.ReplaceAll(text, "\n", "\r\n")} {
		roles, err := rolemap.Parse([]byte(text))
		require.NoError(t, err, name)
		for fineract, want := range map[string]domain.Assignment{
			"teller": {Role: "cash/desk", Group: "branches/north"}, "KASSIER ": {Role: "cash/desk", Group: "branches/north"},
			"Chief": {Role: "chief", Privileged: []domain.RealmRole{"admin", "Admin"}},
		} {
			assignment, err := roles.Assign(fineract)
			require.NoError(t, err, name)
			assert.Equal(t, want, assignment, name)
		}
		_, err = roles.Assign("Viewer")
		require.ErrorIs(t, err, domain.UnknownRole)
	}
	with, err := rolemap.Parse([]byte("roles: [{fineract: [A], role: a}]\nother: {role: staff, group: everybody}\n"))
	require.NoError(t, err)
	other, err := with.Assign("Viewer")
	require.NoError(t, err)
	assert.Equal(t, domain.Assignment{Role: "staff", Group: "everybody"}, other)
}

// An operator mends a map once, not fault by fault, and must see where each one is.
func TestParse_TellsEveryFaultAtOnce(t *testing.T) {
	_, err := rolemap.Parse([]byte(`roles:
  - fineract: [Teller, Cashier]
    role: teller
    grop: tellers
  - fineract: [Viewer, " tELLER "]
    role: ""
    group: /viewers
  - role: x
    role: y
roles: []
`))
	require.EqualError(t, err, `line 1, column 1: the key other is missing
      1 | roles:
line 4, column 5: unknown key "grop", the keys here are fineract, role, group, privileged
      4 |     grop: tellers
line 5, column 24: the Fineract role "tELLER" is mapped twice, first as "Teller" on line 2
      5 |   - fineract: [Viewer, " tELLER "]
line 6, column 11: role must not be empty
      6 |     role: ""
line 7, column 12: group "/viewers" must not begin with a slash
      7 |     group: /viewers
line 8, column 5: the key fineract is missing
      8 |   - role: x
line 9, column 5: the key role occurs twice
      9 |     role: y
line 10, column 1: the key roles occurs twice
      10 | roles: []`)
}

// Each is wrong once, at this place.
func TestParse_RefusesWhatIsNoMap(t *testing.T) {
	// with returns a map with one more line, the third, of its only entry.
	with := func(line string) string {
		return "roles:\n  - {fineract: [A], role: a}\n  - " + line + "\nother: {role: staff}\n"
	}
	long := strings.Repeat("x", 256)
	for text, want := range map[string]string{
		"":                           "1:1 the map is empty",
		"# nothing\n":                "1:1 the map is empty",
		"---\n":                      "1:1 the map is empty",
		"null\n":                     "1:1 the map is empty",
		"Teller\n":                   "1:1 must be a mapping",
		"- a\n":                      "1:1 must be a mapping",
		"other: {role: a}\n":         "1:1 the key roles is missing",
		"roles: []\nother: refuse":   "1:8 roles must not be empty",
		"roles:\nother: refuse":      "1:7 roles must be a list",
		"roles: {}\nother: refuse":   "1:8 roles must be a list",
		with("A") + "---\nb: c\n":    "5:1 a second document",
		"%YAML 1.1\n---\nroles: a\n": "1:1 directives have no meaning here",
		"roles:\n\t- a: b\n":         "2:1 found character",
		"roles: [a\n":                "1:8 sequence end token",
		"roles: '\n":                 "1:8 could not find end character",
		"roles: \xff\n":              "1:8 not UTF-8",
		"roles: \u0085\n":            "1:8 a control character",
		"a\x00b\x1b[2J: c\n":         "1:2 a control character",
		strings.Repeat("[", 100000):  "1:17 too many levels",
		strings.Repeat("- ", 50000):  "1:33 too many levels",
		strings.Repeat("{a: ", 900):  "1:65 too many levels",

		with("A"):                                            "3:5 an entry of roles must be a mapping",
		with(""):                                             "3:4 an entry of roles must be a mapping",
		with("{fineract: [B]}"):                              "3:5 the key role is missing",
		with("{fineract: B, role: b}"):                       "3:16 fineract must be a list",
		with("{fineract: [], role: b}"):                      "3:16 fineract must not be empty",
		with("{fineract: [B, ' '], role: b}"):                "3:20 fineract must not be empty",
		with("{fineract: [B, ~], role: b}"):                  "3:20 fineract must not be empty",
		with("{fineract: [[B]], role: b}"):                   "3:17 fineract must be one name",
		with("{fineract: [007], role: b}"):                   "3:17 fineract must be a name; put 007 into quotes",
		with("{fineract: [a], role: b}"):                     "3:17 the Fineract role \"a\" is mapped twice",
		with("{fineract: [B b, 'b  B'], role: b}"):           "3:22 the Fineract role \"b  B\" is mapped twice",
		with("{fineract: [K, \u212a], role: b}"):             "3:20 the Fineract role \"\u212a\" is mapped twice",
		with("{fineract: [\"B\\a\"], role: b}"):              "3:17 fineract must not contain control characters",
		with("{fineract: [B\u200b], role: b}"):               "3:17 fineract must not contain invisible",
		with("{fineract: [" + long + "], role: b}"):          "3:17 fineract must be at most 255 characters long",
		with("{fineract: [B], role: ' b'}"):                  "3:27 role must not have blanks around it",
		with("{fineract: [B], role: [b]}"):                   "3:27 role must be one name",
		with("{fineract: [B], role: true}"):                  "3:27 role must be a name; put true into quotes",
		with("{fineract: [B], role: }"):                      "3:26 role must not be empty",
		with("{fineract: [B], role: &x b}"):                  "3:27 role must be a name: anchors",
		with("{fineract: [B], role: *x}"):                    "3:27 role must be a name: anchors",
		with("{fineract: [B], role: !!str b}"):               "3:27 role must be a name: anchors",
		with("{fineract: &x [B], role: b}"):                  "3:16 fineract must be a list",
		with("{<<: {role: b}, fineract: [B], role: b}"):      "3:6 unknown key \"<<\"",
		with("{1: b, fineract: [B], role: b}"):               "3:6 unknown key \"1\"",
		with("{Role: b, fineract: [B], role: b}"):            "3:6 unknown key \"Role\"",
		with("{fineract: [B], role: b, group: }"):            "3:36 group must not be empty",
		with("{fineract: [B], role: b, group: b/}"):          "3:37 group \"b/\" must be a name",
		with("{fineract: [B], role: b, group: b//c}"):        "3:37 group \"b//c\" must be a name",
		with("{fineract: [B], role: b, group: b /c}"):        "3:37 group \"b /c\" must be a name",
		with("{fineract: [B], role: b, group: b/../c}"):      "3:37 group \"b/../c\" must be a name",
		with("{fineract: [B], role: b, group: /}"):           "3:37 group \"/\" must not begin with a slash",
		with("{fineract: [B], role: b, privileged: []}"):     "3:42 privileged must not be empty",
		with("{fineract: [B], role: b, privileged: ['']}"):   "3:43 privileged must not be empty",
		with("{fineract: [B], role: b, privileged: [c, c]}"): "3:46 privileged names \"c\" twice",

		"roles: [{fineract: [A], role: a}]\nother:\n":                            "2:8 other must be",
		"roles: [{fineract: [A], role: a}]\nother: Refuse\n":                     "2:8 other must be",
		"roles: [{fineract: [A], role: a}]\nother: {}\n":                         "2:8 the key role is missing",
		"roles: [{fineract: [A], role: a}]\nother: {role: b, x: c}\n":            "2:18 unknown key \"x\"",
		"roles: [{fineract: [A], role: a}]\nother: {role: b, privileged: [c]}\n": "2:18 unknown key \"privileged\"",
	} {
		_, err := rolemap.Parse([]byte(text))
		faults, ok := errors.AsType[rolemap.Faults](err)
		shown := text[:min(len(text), 90)]
		require.True(t, ok, "%q: %v", shown, err)
		require.Len(t, faults, 1, "%q: %v", shown, err)
		place, problem, _ := strings.Cut(want, " ")
		assert.Regexp(t, "^line "+strings.Replace(place, ":", ", column ", 1)+": "+regexp.QuoteMeta(problem), faults[0].String(), "%q", shown)
		assert.Regexp(t, `\A[[:print:]…\x{212a}]+\n[[:print:]…\x{212a}]+\z`, faults[0].String(), "nothing moves the cursor")
		assert.LessOrEqual(t, len(faults[0].String()), 500)
	}
}

func TestRead_NamesWhatCannotBeRead(t *testing.T) {
	directory := t.TempDir()
	large := filepath.Join(directory, "large.yaml")
	require.NoError(t, os.WriteFile(large, []byte(strings.Repeat("#", 1<<20+1)), 0o600))
	for path, want := range map[string]string{
		filepath.Join(directory, "none.yaml"): "no such file or directory",
		directory:                             "is a directory",
		large:                                 "larger than 1 MiB",
	} {
		_, _, err := rolemap.Read(path)
		assert.ErrorContains(t, err, want)
	}
	good := filepath.Join(directory, "good.yaml")
	require.NoError(t, os.WriteFile(good, rolemap.BuiltIn(), 0o600))
	roles, text, err := rolemap.Read(good)
	require.NoError(t, err)
	assert.Equal(t, rolemap.Default().Fingerprint(), roles.Fingerprint())
	assert.Equal(t, string(rolemap.BuiltIn()), string(text))
}
