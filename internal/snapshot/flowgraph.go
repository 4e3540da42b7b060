package snapshot

import (
	"cmp"
	"path"
	"reflect"
	"slices"
	"strings"
)

// flowSchema is what the files with the steps of flows have in the table.
const flowSchema = "flow-contents"

// A Flow is the steps of a flow and the ways between them, as people draw it.
type Flow struct {
	Folder string // the path of its files: "flows/sign-in"
	Name   string
	Action Action // what happens to it between two configurations; blank is nothing
	Steps  []Step // the start first, then by key
}

// A Step is one step of a flow.
type Step struct {
	Key    string
	Name   string
	Kind   string // "screen", "automated", "condition" or "flow", where it has one
	Does   string // the action of an automated step
	Action Action // blank where it stays as it is
	Ways   []Way
}

// A Way leads from one step to another.
type Way struct {
	To     string // the key of a step
	On     string // what has to happen, as people know it; blank is always
	Action Action // created, removed, or blank
}

// Flows returns the flows of a configuration that it is changed to, with those
// that are gone, and what became of each step of them: a step that shows a screen
// which changed has changed. Where nothing is compared both are the same.
func Flows(from, to Files) []Flow {
	var out []Flow
	for _, p := range union(from, to) {
		if at, known := locate(p); !known || at.File.Schema != flowSchema {
			continue
		}
		folder := path.Dir(p)
		was, now := flowIn(from, folder), flowIn(to, folder)
		f := Flow{Folder: folder, Name: cmp.Or(now.name, was.name, path.Base(folder))}
		f.Steps = joinSteps(was, now)
		switch {
		case was.steps == nil || now.steps == nil:
			f.Action = actionOf(was.steps != nil, now.steps != nil)
		case was.name != now.name || slices.ContainsFunc(f.Steps, func(s Step) bool { return s.Action != "" }):
			f.Action = Changed
		}
		out = append(out, f)
	}
	return out
}

// oneFlow is a flow on one side of a comparison.
type oneFlow struct {
	name    string
	start   string
	steps   map[string]any    // the documents of the steps by key; nil where there is no flow
	screens map[string]string // the files of the screens by their ids, as text
}

func flowIn(files Files, folder string) oneFlow {
	f := oneFlow{screens: map[string]string{}}
	contents, err := parseObject(files[folder+"/"+flowContents])
	if err != nil || contents == nil {
		return f
	}
	f.steps, _ = contents["tasks"].(map[string]any)
	if f.steps == nil {
		f.steps = map[string]any{}
	}
	f.start, _ = contents["startTask"].(string)
	if metadata, err := parseObject(files[folder+"/"+flowMetadata]); err == nil {
		f.name, _ = metadata["name"].(string)
	}
	for _, p := range files.Paths() {
		if !strings.HasPrefix(p, folder+"/"+screenPrefix) {
			continue
		}
		if screen, err := parseObject(files[p]); err == nil {
			id, _ := screen["screenId"].(string)
			f.screens[id] = string(files[p])
		}
	}
	return f
}

// joinSteps makes the steps of both sides, those that stayed once.
func joinSteps(was, now oneFlow) []Step {
	var out []Step
	for _, key := range union(was.steps, now.steps) {
		before, had := was.steps[key]
		after, has := now.steps[key]
		doc := pick(has, after, before)
		s := Step{Key: key}
		s.Name, _ = child(doc, "name").(string)
		s.Kind, _ = child(doc, "type").(string)
		s.Does, _ = child(doc, "action").(string)
		screen, _ := child(doc, "screenId").(string)
		switch {
		case !had || !has:
			s.Action = actionOf(had, has)
		case !reflect.DeepEqual(drawn(before), drawn(after)) || was.screens[screen] != now.screens[screen]:
			s.Action = Changed
		}
		s.Ways = joinWays(ways(before), ways(after), had, has)
		out = append(out, s)
	}
	start := cmp.Or(now.start, was.start)
	slices.SortStableFunc(out, func(a, b Step) int { return cmp.Compare(rankOfStep(a.Key, start), rankOfStep(b.Key, start)) })
	return out
}

// rankOfStep puts the entry of the editor first, then the step that it leads to.
func rankOfStep(key, start string) int {
	switch key {
	case "start":
		return 0
	case start:
		return 1
	}
	return 2
}

// drawn is a step without where the editor draws it, which no user notices.
func drawn(step any) any {
	doc, ok := step.(map[string]any)
	if !ok {
		return step
	}
	out := map[string]any{}
	for k, v := range doc {
		if k != "view" {
			out[k] = v
		}
	}
	return out
}

func ways(step any) []Way {
	names := map[string]string{}
	conditions, _ := child(step, "conditions").([]any)
	for _, c := range conditions {
		id, _ := child(c, "interactionId").(string)
		names[id], _ = child(c, "name").(string)
	}
	rules, _ := child(child(step, "next"), "rules").([]any)
	var out []Way
	for _, r := range rules {
		to, _ := child(r, "taskId").(string)
		on, _ := child(r, "interactionId").(string)
		if to != "" {
			out = append(out, Way{To: to, On: cmp.Or(names[on], on)})
		}
	}
	return out
}

// joinWays makes the ways of both sides of a step; those of one that is new or
// gone are marked by the step itself.
func joinWays(was, now []Way, had, has bool) []Way {
	if !had || !has {
		return append(was, now...)
	}
	var out []Way
	for _, w := range now {
		if !slices.Contains(was, w) {
			w.Action = Created
		}
		out = append(out, w)
	}
	for _, w := range was {
		if !slices.Contains(now, w) {
			w.Action = Removed
			out = append(out, w)
		}
	}
	return out
}

// FlowsStored is Flows for two stored configurations. It says only which flows
// differ, and loads no others.
func FlowsStored(from, to Base) ([]Flow, error) {
	folders := map[string]bool{}
	for _, ch := range Diff(from.Tree, to.Tree) {
		folders[path.Dir(ch.File)] = true
	}
	side := func(base Base) (Files, error) {
		paths := map[string]Digest{}
		for p, digest := range base.Tree {
			if folders[path.Dir(p)] {
				paths[p] = digest
			}
		}
		return load(base, paths)
	}
	was, err := side(from)
	if err != nil {
		return nil, err
	}
	now, err := side(to)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(Flows(was, now), func(f Flow) bool { return f.Action == "" }), nil
}
