package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"postern/internal/client"
	"postern/internal/snapshot"
)

// The rules of changes that weaken nothing and are worth a look still.
const (
	ruleRemoved = "removed"
	ruleRenamed = "renamed"
	ruleTouches = "touches"
	ruleFollows = "secret_follows"
)

var changeRules = []sarifRule{
	{ruleRemoved, sarifText{"Something is removed, with everything in it."}},
	{ruleRenamed, sarifText{"Something is called otherwise, and stays the same."}},
	{ruleTouches, sarifText{"A change touches more than the files show."}},
	{ruleFollows, sarifText{"A stored secret is sent to another destination, by leave."}},
}

// planFindings are what is wrong with a plan, and what a person should look at
// before it is applied.
func planFindings(files snapshot.Files, plan *client.Plan) []finding {
	find := snapshot.NewFinder(files)
	out := problemFindings(slices.Concat(plan.Details, plan.Warnings))
	for _, e := range plan.Effects {
		out = append(out, finding{rule: ruleTouches, level: "warning", text: e.Message})
	}
	out = append(out, changeFindings(find, plan.Changes)...)
	for _, s := range plan.Secrets {
		if s.State != "follows" {
			continue
		}
		f := finding{rule: ruleFollows, level: "warning", text: secretText(s)}
		kind := snapshot.KindWords(s.Kind)
		if i := slices.IndexFunc(plan.Changes, func(d snapshot.Difference) bool { return d.Kind == kind && d.ID == s.ID }); i >= 0 {
			f.at.File, f.at.Pointer = find.Find(snapshot.Difference{File: plan.Changes[i].File, Kind: kind, ID: s.ID, Name: s.Name, Field: s.Field})
		}
		out = append(out, f)
	}
	return out
}

// changeFindings are the changes that weaken security or may do so, that remove
// or rename something, or that touch more than themselves: one for each change.
func changeFindings(find *snapshot.Finder, list []snapshot.Difference) []finding {
	var out []finding
	for _, d := range list {
		f := finding{level: "warning"}
		switch {
		case len(d.Risks) > 0:
			f.rule = string(d.Risks[0].Code)
			if weakens(d) {
				f.level = "error"
			}
		case d.Action == snapshot.Removed && d.Field == "":
			f.rule = ruleRemoved
		case d.Renames:
			f.rule, f.level = ruleRenamed, "note"
		case len(d.Effects) > 0:
			f.rule = ruleTouches
		default:
			continue
		}
		f.text = changeText(d)
		f.at.File, f.at.Pointer = find.Find(d)
		out = append(out, f)
	}
	return out
}

// changeText says all of a change on one line. A risk says itself how a value
// changes.
func changeText(d snapshot.Difference) string {
	text := subjectText(d)
	switch {
	case d.Field == "":
		text += fmt.Sprintf(" is %s", d.Action)
	case len(d.Risks) > 0:
		text += " › " + cmp.Or(d.Label, d.Field)
	default:
		text += " › " + fieldText(d)
	}
	var risks []string
	for _, r := range d.Risks {
		risks = append(risks, r.Message)
	}
	if len(risks) > 0 {
		text += ": " + strings.Join(risks, "; ")
	}
	sentences := []string{text + "."}
	for _, e := range d.Effects {
		sentences = append(sentences, e.Message)
	}
	return strings.Join(sentences, " ")
}

// missingFindings are the secrets that an import would need besides.
func missingFindings(find *snapshot.Finder, list []snapshot.MissingSecret) []finding {
	var out []finding
	for _, m := range list {
		f := finding{rule: string(snapshot.CodeSecretMissing), level: "warning", text: neededText(m)}
		f.at.File, f.at.Pointer = find.FindSecret(m)
		out = append(out, f)
	}
	return out
}
