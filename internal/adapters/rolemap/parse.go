package rolemap

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"user-sync-service/internal/domain"
)

// The keys of the file.
const (
	keyRoles      = "roles"
	keyOther      = "other"
	keyFineract   = "fineract"
	keyRole       = "role"
	keyGroup      = "group"
	keyPrivileged = "privileged"
	refuse        = "refuse" // the value of other that is no mapping
)

// maxDepth is how deep lists and mappings may be in one another on one line, where the map
// needs three. The parser takes the square of it as time.
const maxDepth = 16

// Parse reads a map. It returns Faults: what is no YAML alone, else all at once.
func Parse(text []byte) (domain.RoleMap, error) {
	p := &parsing{seen: make(map[string]name)}
	text = bytes.TrimPrefix(text, []byte("\ufeff")) // as Windows marks UTF-8
	text = bytes.ReplaceAll(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")), []byte("\r"), []byte("\n"))
	p.lines = strings.Split(string(text), "\n")
	if p.checkCharacters(); len(p.faults) > 0 {
		return domain.RoleMap{}, p.faults
	}
	root := p.root(string(text))
	if root == nil {
		return domain.RoleMap{}, p.faults
	}
	roles := p.roleMap(root)
	if len(p.faults) > 0 {
		slices.SortStableFunc(p.faults, func(a, b Fault) int { return cmp.Or(a.Line-b.Line, a.Column-b.Column) })
		return domain.RoleMap{}, p.faults
	}
	return roles, nil
}

// parsing is a map that is being read.
type parsing struct {
	lines  []string
	faults Faults
	seen   map[string]name // Fineract roles, by what makes them one
}

// name is a text and where it stands.
type name struct {
	text string
	node ast.Node
}

func (p *parsing) fault(line, column int, format string, values ...any) {
	line = max(1, min(line, len(p.lines)))
	p.faults = append(p.faults, Fault{Line: line, Column: max(1, column), Problem: fmt.Sprintf(format, values...), Text: printable(p.lines[line-1])})
}

// wrong is fault for the place of a node.
func (p *parsing) wrong(node ast.Node, format string, values ...any) {
	at := begin(node).Position
	p.fault(at.Line, at.Column, format, values...)
}

// begin returns the first token of a node: that of a mapping is its first colon.
func begin(node ast.Node) *token.Token {
	switch node := node.(type) {
	case *ast.MappingNode:
		if !node.IsFlowStyle && len(node.Values) > 0 {
			return begin(node.Values[0])
		}
	case *ast.MappingValueNode:
		return begin(node.Key)
	}
	return node.GetToken()
}

func (p *parsing) checkCharacters() {
	for i, line := range p.lines {
		column := 0
		for rest := line; rest != ""; {
			r, size := utf8.DecodeRuneInString(rest)
			column, rest = column+1, rest[size:]
			switch {
			case r == utf8.RuneError && size == 1:
				p.fault(i+1, column, "not UTF-8")
			case unicode.IsControl(r) && r != '\t':
				p.fault(i+1, column, "a control character")
			default:
				continue
			}
			break // One a line is enough.
		}
	}
}

// root returns the file's one mapping, or nil.
func (p *parsing) root(text string) *ast.MappingNode {
	tokens := lexer.Tokenize(text)
	if !p.isFlat(tokens) {
		return nil
	}
	// A key that occurs twice is told with all other faults.
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if syntax, ok := errors.AsType[*yaml.SyntaxError](err); ok {
		p.fault(syntax.Token.Position.Line, syntax.Token.Position.Column, "%s", printable(syntax.Message))
		return nil
	}
	if err != nil {
		p.fault(1, 1, "not YAML")
		return nil
	}
	for i, document := range file.Docs {
		directive, isDirective := document.Body.(*ast.DirectiveNode)
		switch {
		case isDirective:
			p.wrong(directive, "directives have no meaning here")
			return nil
		case i > 0:
			p.fault(document.Start.Position.Line, document.Start.Position.Column, "a second document; there must be one")
			return nil
		}
	}
	if len(file.Docs) == 0 || file.Docs[0].Body == nil || file.Docs[0].Body.Type() == ast.NullType || file.Docs[0].Body.Type() == ast.CommentType {
		p.fault(1, 1, "the map is empty")
		return nil
	}
	root, ok := file.Docs[0].Body.(*ast.MappingNode)
	if !ok {
		p.wrong(file.Docs[0].Body, "must be a mapping with the keys roles and other")
		return nil
	}
	return root
}

// isFlat reports whether nothing is too deep.
func (p *parsing) isFlat(tokens token.Tokens) bool {
	depth, entries, line := 0, 0, 0
	for _, t := range tokens {
		if t.Position.Line != line {
			entries, line = 0, t.Position.Line
		}
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			depth++
		case token.SequenceEndType, token.MappingEndType:
			depth--
		case token.SequenceEntryType, token.MappingKeyType:
			entries++
		default:
		}
		if depth > maxDepth || entries > maxDepth {
			p.fault(t.Position.Line, t.Position.Column, "too many levels")
			return false
		}
	}
	return true
}

// roleMap reads the whole map.
func (p *parsing) roleMap(root *ast.MappingNode) domain.RoleMap {
	values := p.members(root, []string{keyRoles, keyOther}, keyRoles, keyOther)
	var rules []domain.RoleRule
	for _, entry := range p.items(values[keyRoles], keyRoles) {
		if mapping := p.mapping(entry, "an entry of roles"); mapping != nil {
			rules = append(rules, p.rules(mapping)...)
		}
	}
	return domain.NewRoleMap(rules, p.other(values[keyOther]))
}

// rules reads one entry: a rule for each of its Fineract roles.
func (p *parsing) rules(entry *ast.MappingNode) (rules []domain.RoleRule) {
	values := p.members(entry, []string{keyFineract, keyRole, keyGroup, keyPrivileged}, keyFineract, keyRole)
	assignment := p.assignment(values)
	for _, privileged := range p.names(values[keyPrivileged], keyPrivileged) {
		role := domain.RealmRole(privileged.text)
		if slices.Contains(assignment.Privileged, role) {
			p.wrong(privileged.node, "privileged names %q twice", role)
		}
		assignment.Privileged = append(assignment.Privileged, role)
	}
	for _, fineract := range p.names(values[keyFineract], keyFineract) {
		key := oneRole(fineract.text)
		if before, twice := p.seen[key]; twice {
			p.wrong(fineract.node, "the Fineract role %q is mapped twice, first as %q on line %d", fineract.text, before.text, begin(before.node).Position.Line)
			continue
		}
		p.seen[key] = fineract
		rules = append(rules, domain.RoleRule{FineractRole: fineract.text, Assignment: assignment})
	}
	return rules
}

// other reads what any other Fineract role stands for: empty if it is refused.
func (p *parsing) other(value ast.Node) domain.Assignment {
	if text, ok := value.(*ast.StringNode); value == nil || ok && text.Value == refuse {
		return domain.Assignment{}
	}
	mapping, ok := value.(*ast.MappingNode)
	if !ok {
		p.wrong(value, "other must be a mapping such as {role: staff}, or the word refuse")
		return domain.Assignment{}
	}
	return p.assignment(p.members(mapping, []string{keyRole, keyGroup}, keyRole))
}

// assignment reads the role and the group.
func (p *parsing) assignment(values map[string]ast.Node) (assignment domain.Assignment) {
	if role, ok := p.exactName(values[keyRole], keyRole); ok {
		assignment.Role = domain.RealmRole(role)
	}
	if group, ok := p.exactName(values[keyGroup], keyGroup); ok {
		p.checkGroup(values[keyGroup], group)
		assignment.Group = domain.Group(group)
	}
	return assignment
}

func (p *parsing) checkGroup(node ast.Node, group string) {
	if strings.HasPrefix(group, "/") {
		p.wrong(node, "group %q must not begin with a slash", group)
		return
	}
	for segment := range strings.SplitSeq(group, "/") {
		if segment != strings.TrimSpace(segment) || segment == "" || segment == "." || segment == ".." {
			p.wrong(node, "group %q must be a name, or names with one slash between each two", group)
			return
		}
	}
}

// oneRole returns the same text for names that nobody can tell apart: letter case and the
// number of blanks do not count, as with strings.EqualFold.
func oneRole(fineractRole string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
			least = min(least, other)
		}
		return least
	}, strings.Join(strings.Fields(fineractRole), " "))
}
