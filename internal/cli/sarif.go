package cli

import (
	"cmp"
	"net/url"
	"path/filepath"
	"strings"

	"postern/internal/server"
	"postern/internal/snapshot"
)

// What follows is as much of SARIF 2.1.0 (OASIS) as problems and changes need:
// one run, its rules, and a result for each.

type sarifLog struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool       sarifTool     `json:"tool"`
	ColumnKind string        `json:"columnKind"` // §3.14.17: what a column counts
	Results    []sarifResult `json:"results"`
}

type sarifTool struct {
	Driver sarifDriver `json:"driver"`
}

type sarifDriver struct {
	Name    string      `json:"name"`
	Version string      `json:"version,omitzero"`
	Rules   []sarifRule `json:"rules"`
}

type sarifRule struct {
	ID   string    `json:"id"`
	Text sarifText `json:"shortDescription"`
}

type sarifText struct {
	Text string `json:"text"`
}

type sarifResult struct {
	RuleID    string          `json:"ruleId"`
	RuleIndex int             `json:"ruleIndex"`
	Level     string          `json:"level"`
	Message   sarifText       `json:"message"`
	Locations []sarifLocation `json:"locations,omitzero"`
}

type sarifLocation struct {
	Physical sarifPhysical  `json:"physicalLocation"`
	Logical  []sarifLogical `json:"logicalLocations,omitzero"`
}

type sarifPhysical struct {
	Artifact sarifArtifact `json:"artifactLocation"`
	Region   *sarifRegion  `json:"region,omitzero"`
}

type sarifArtifact struct {
	URI string `json:"uri"`
}

type sarifRegion struct {
	StartLine   int `json:"startLine"`
	StartColumn int `json:"startColumn"`
	EndColumn   int `json:"endColumn"` // the character behind the last one
}

type sarifLogical struct {
	Name string `json:"fullyQualifiedName"`
	Kind string `json:"kind"`
}

// A finding is what a result is made of.
type finding struct {
	rule, level, text string
	at                snapshot.Problem // where, as a problem has it
}

// sarifOf writes findings as a SARIF log. Every rule is in it, whether it was met
// or not, so that the rules of all runs are the same. A forge refuses a result
// that is nowhere: what no file has is found in the whole.
func sarifOf(from *local, list []finding) sarifLog {
	driver := sarifDriver{Name: "postern", Version: server.Version(), Rules: sarifRules()}
	index := map[string]int{}
	for i, r := range driver.Rules {
		index[r.ID] = i
	}
	run := sarifRun{Tool: sarifTool{driver}, ColumnKind: "unicodeCodePoints", Results: []sarifResult{}}
	pages := map[string]*page{}
	for _, f := range list {
		r := sarifResult{RuleID: f.rule, RuleIndex: index[f.rule], Level: f.level, Message: sarifText{printable(f.text)}}
		where := sarifLocation{Physical: sarifPhysical{Artifact: sarifArtifact{uriOf(cmp.Or(from.name(f.at.File), "."))}}}
		if f.at.File != "" {
			where.Physical.Region = regionOf(from.page(f.at.File, pages), f.at)
		}
		if f.at.Pointer != "" {
			where.Logical = []sarifLogical{{Name: f.at.File + "#" + f.at.Pointer, Kind: "member"}}
		}
		r.Locations = []sarifLocation{where}
		run.Results = append(run.Results, r)
	}
	return sarifLog{Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0", Runs: []sarifRun{run}}
}

// sarifRules are the codes of problems, of risks and of what else is found in
// changes.
func sarifRules() []sarifRule {
	var out []sarifRule
	for _, c := range snapshot.Codes {
		out = append(out, sarifRule{ID: string(c.Code), Text: sarifText{strings.ReplaceAll(c.Doc, "`", "")}})
	}
	for _, c := range snapshot.RiskCodes {
		out = append(out, sarifRule{ID: string(c.Code), Text: sarifText{strings.ToUpper(c.Says[:1]) + c.Says[1:] + "."}})
	}
	return append(out, changeRules...)
}

// problemFindings are problems as they are.
func problemFindings(list []snapshot.Problem) []finding {
	var out []finding
	for _, p := range list {
		text := p.Message
		if p.Hint != "" {
			text += " (" + p.Hint + ")"
		}
		out = append(out, finding{string(p.Code), string(p.Level), text, p})
	}
	return out
}

// regionOf is the place of a problem in its document.
func regionOf(pg *page, p snapshot.Problem) *sarifRegion {
	if pg == nil || len(pg.doc) == 0 {
		return nil
	}
	at, ok := pg.target(p)
	if !ok {
		return nil
	}
	start, end := positionOf(pg.doc, at.from), positionOf(pg.doc, at.to)
	if end.Line != start.Line { // of a list or an object only its beginning is shown
		end.Column = start.Column + 1
	}
	return &sarifRegion{StartLine: start.Line, StartColumn: start.Column, EndColumn: end.Column}
}

// uriOf names a file as RFC 3986 has it, relative where the path is.
func uriOf(name string) string {
	u := url.URL{Path: filepath.ToSlash(name)}
	if filepath.IsAbs(name) {
		u.Scheme = "file"
	}
	return strings.TrimPrefix(u.String(), "./")
}
