package snapshot

import "strings"

// riskCodes writes the codes of what weakens security.
func (r *reference) riskCodes() {
	r.heading(2, "Risk codes")
	r.line("What a difference means for security: the `code` of a risk, with the level `%s` or `%s`. The keys above say which change", Weakens, Ask)
	r.line("has which. From other facts follow %s, %s, %s and %s.",
		code(string(riskMoved)), code(string(riskAdded)), code(string(riskSealed)), code(string(riskUnknown)))
	r.line("")
	r.table("Code", "What it means")
	for _, c := range RiskCodes {
		r.row(code(string(c.Code)), strings.ToUpper(c.Says[:1])+c.Says[1:]+".")
	}
}

// riskFacts writes which changes of a value weaken security.
func riskFacts(w keywords) []string {
	if w.Weakens == nil {
		return nil
	}
	var out []string
	for _, r := range w.Weakens.rules {
		if r.Code == riskReview {
			return list("Look at every change.")
		}
		note := "Weaker"
		if r.level() == Ask {
			note = "Look"
		}
		if r.Order != nil {
			note += " the further on in " + orderWords(r.Order)
		} else {
			note += " when it " + whens[r.When].words
		}
		if r.Among != "" {
			note += " that is built in"
		}
		if r.While != nil {
			note += " while " + conditionWords(r.While)
		}
		out = append(out, note+": "+code(string(r.Code))+".")
	}
	return out
}

// orderWords writes an order, equals joined by "or".
func orderWords(order []any) string {
	var steps []string
	for _, step := range order {
		if equals, ok := step.([]any); ok {
			steps = append(steps, literals(equals, " or "))
		} else {
			steps = append(steps, literal(step))
		}
	}
	return strings.Join(steps, ", ")
}
