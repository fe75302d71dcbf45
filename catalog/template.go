package catalog

import (
	"fmt"
	"slices"
	"strings"
)

// template is a topic name or record key with fields, such as candle/{period}/{contract}/closed: parts between slashes, each a literal or one field.
type template []part

type part struct {
	field bool
	text  string // the field's name, or the literal
}

func parseTemplate(s string) (template, error) {
	if s == "" {
		return nil, nil
	}
	var t template
	for _, p := range strings.Split(s, "/") {
		name, isField := strings.CutPrefix(p, "{")
		if isField {
			name, isField = strings.CutSuffix(name, "}")
		}
		if name == "" || strings.ContainsAny(name, "{}+#$ ") {
			return nil, fmt.Errorf("%q: each part between slashes must be a word or one {field}", s)
		}
		t = append(t, part{field: isField, text: name})
	}
	return t, nil
}

func (t template) String() string {
	parts := make([]string, len(t))
	for i, p := range t {
		parts[i] = p.text
		if p.field {
			parts[i] = "{" + p.text + "}"
		}
	}
	return strings.Join(parts, "/")
}

// names returns the fields in their order.
func (t template) names() []string {
	var ns []string
	for _, p := range t {
		if p.field {
			ns = append(ns, p.text)
		}
	}
	return ns
}

// parse returns the fields' values in their order. A field is one part, not empty, without a wildcard.
func (t template) parse(s string) (values []string, ok bool) {
	for i, p := range t {
		head, rest, more := strings.Cut(s, "/")
		if more != (i < len(t)-1) {
			return nil, false
		}
		switch {
		case !p.field:
			if head != p.text {
				return nil, false
			}
		case head == "" || strings.ContainsAny(head, "+#"):
			return nil, false
		default:
			values = append(values, head)
		}
		s = rest
	}
	return values, len(t) > 0
}

// build fills the template from named values; Load has checked that each field has one.
func (t template) build(names, values []string) string {
	var b strings.Builder
	for i, p := range t {
		if i > 0 {
			b.WriteByte('/')
		}
		if !p.field {
			b.WriteString(p.text)
			continue
		}
		for j, n := range names {
			if n == p.text {
				b.WriteString(values[j])
			}
		}
	}
	return b.String()
}

// overlaps says whether some name matches both templates.
func (t template) overlaps(o template) bool {
	if len(t) != len(o) {
		return false
	}
	for i := range t {
		if !t[i].field && !o[i].field && t[i].text != o[i].text {
			return false
		}
	}
	return true
}

// fills says whether the template has exactly the other's fields, in any order.
func (t template) fills(o template) bool {
	mine, theirs := t.names(), o.names()
	slices.Sort(mine)
	slices.Sort(theirs)
	return slices.Equal(mine, theirs)
}
