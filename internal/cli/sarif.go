package cli

import (
	"net/url"
	"path/filepath"
	"strings"

	"postern/internal/server"
	"postern/internal/snapshot"
)

// What follows is as much of SARIF 2.1.0 (OASIS) as problems need: one run,
// its rules, and a result for each problem.

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

// sarifOf writes problems as a SARIF log. Every code is a rule, whether it was
// met or not, so that the rules of all runs are the same.
func sarifOf(from *local, list []snapshot.Problem) sarifLog {
	driver := sarifDriver{Name: "postern", Version: server.Version(), Rules: []sarifRule{}}
	index := map[snapshot.Code]int{}
	for i, c := range snapshot.Codes {
		index[c.Code] = i
		driver.Rules = append(driver.Rules, sarifRule{ID: string(c.Code), Text: sarifText{strings.ReplaceAll(c.Doc, "`", "")}})
	}
	run := sarifRun{Tool: sarifTool{driver}, ColumnKind: "unicodeCodePoints", Results: []sarifResult{}}
	pages := map[string]*page{}
	for _, p := range list {
		text := p.Message
		if p.Hint != "" {
			text += " (" + p.Hint + ")"
		}
		r := sarifResult{RuleID: string(p.Code), RuleIndex: index[p.Code], Level: string(p.Level), Message: sarifText{text}}
		if p.File != "" {
			r.Locations = []sarifLocation{{Physical: sarifPhysical{
				Artifact: sarifArtifact{uriOf(from.name(p.File))}, Region: regionOf(from.page(p.File, pages), p),
			}}}
			if p.Pointer != "" {
				r.Locations[0].Logical = []sarifLogical{{Name: p.File + "#" + p.Pointer, Kind: "member"}}
			}
		}
		run.Results = append(run.Results, r)
	}
	return sarifLog{Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0", Runs: []sarifRun{run}}
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
