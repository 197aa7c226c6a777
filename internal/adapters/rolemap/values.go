package rolemap

import (
	"errors"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"user-sync-service/internal/domain"
)

// members returns the values of a mapping by their keys. A key that it may not have, one
// that occurs twice and one that it must have are faults.
func (p *parsing) members(mapping *ast.MappingNode, allowed []string, required ...string) map[string]ast.Node {
	values := make(map[string]ast.Node)
	for _, member := range mapping.Values {
		key, isText := member.Key.(*ast.StringNode)
		switch {
		case !isText || !slices.Contains(allowed, key.Value):
			p.wrong(member.Key, "unknown key %q, the keys here are %s", member.Key.GetToken().Value, strings.Join(allowed, ", "))
			continue
		case values[key.Value] != nil:
			p.wrong(member.Key, "the key %s occurs twice", key.Value)
			continue
		}
		values[key.Value] = member.Value
	}
	for _, key := range required {
		if values[key] == nil {
			p.wrong(mapping, "the key %s is missing", key)
		}
	}
	return values
}

// mapping returns the node as a mapping, or nil.
func (p *parsing) mapping(node ast.Node, what string) *ast.MappingNode {
	mapping, ok := node.(*ast.MappingNode)
	if !ok {
		p.wrong(node, "%s must be a mapping such as {fineract: [Cashier], role: teller}", what)
		return nil
	}
	return mapping
}

// items returns the entries of a list, of which there must be one. A missing list is told
// by members.
func (p *parsing) items(node ast.Node, key string) []ast.Node {
	if node == nil {
		return nil
	}
	list, ok := node.(*ast.SequenceNode)
	switch {
	case !ok:
		p.wrong(node, "%s must be a list", key)
		return nil
	case len(list.Values) == 0:
		p.wrong(node, "%s must not be empty", key)
	}
	return list.Values
}

// names returns the names in a list. Blanks around Fineract roles do not count.
func (p *parsing) names(list ast.Node, key string) (names []name) {
	for _, item := range p.items(list, key) {
		text, ok := p.text(item, key)
		if key == keyFineract {
			text = strings.TrimSpace(text)
		}
		if ok && p.isName(item, key, text) {
			names = append(names, name{text, item})
		}
	}
	return names
}

// exactName returns a name, if there is one.
func (p *parsing) exactName(node ast.Node, key string) (string, bool) {
	if node == nil {
		return "", false
	}
	text, ok := p.text(node, key)
	return text, ok && p.isName(node, key, text)
}

// text returns a node's text.
func (p *parsing) text(node ast.Node, key string) (string, bool) {
	switch node := node.(type) {
	case *ast.StringNode:
		return node.Value, true
	case *ast.LiteralNode:
		return node.Value.Value, true
	case *ast.NullNode:
		p.wrong(node, "%s must not be empty", key)
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode:
		p.wrong(node, "%s must be a name: anchors, aliases and tags have no meaning here", key)
	case *ast.SequenceNode, *ast.MappingNode:
		p.wrong(node, "%s must be one name", key)
	default: // YAML takes it for a number or a truth value.
		p.wrong(node, "%s must be a name; put %s into quotes", key, node.GetToken().Value)
	}
	return "", false
}

// isName reports whether the text can be the name of a role or a group.
func (p *parsing) isName(node ast.Node, key, text string) bool {
	var wrong *domain.Error
	switch {
	case strings.TrimSpace(text) == "":
		p.wrong(node, "%s must not be empty", key)
	case text != strings.TrimSpace(text):
		p.wrong(node, "%s must not have blanks around it", key)
	case errors.As(domain.CheckText(key, text), &wrong):
		p.wrong(node, "%s %s", key, wrong.Fields[key])
	default:
		return true
	}
	return false
}
