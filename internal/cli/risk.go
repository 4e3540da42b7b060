package cli

import (
	"fmt"
	"slices"
	"strings"

	"postern/internal/snapshot"
)

// risks writes what a difference means for security, below it.
func (p *paper) risks(d snapshot.Difference, indent string) {
	for _, r := range d.Risks {
		sign := p.paint(yellow, "look:")
		if r.Level == snapshot.Weakens {
			sign = p.paint(red, "weaker:")
		}
		p.line("%s%s %s %s", indent, sign, printable(r.Message), p.paint(faint, "["+string(r.Code)+"]"))
	}
}

// weakens reports whether a difference weakens security: it is shown however
// many there are.
func weakens(d snapshot.Difference) bool {
	return slices.ContainsFunc(d.Risks, func(r snapshot.Risk) bool { return r.Level == snapshot.Weakens })
}

// riskCounts says how many of the differences have a risk, or nothing where none
// has.
func riskCounts(list []snapshot.Difference) string {
	weaker, look := 0, 0
	for _, d := range list {
		switch {
		case weakens(d):
			weaker++
		case len(d.Risks) > 0:
			look++
		}
	}
	var parts []string
	if weaker > 0 {
		parts = append(parts, fmt.Sprintf("%d weaker", weaker))
	}
	if look > 0 {
		parts = append(parts, fmt.Sprintf("%d to look at", look))
	}
	if len(parts) == 0 {
		return ""
	}
	return ": " + strings.Join(parts, ", ")
}
