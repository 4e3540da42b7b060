package bench

import (
	"bytes"
	"fmt"
	"maps"
	"strings"

	"github.com/go-json-experiment/json"

	"postern/internal/snapshot"
)

// A size is one of the inputs that the goals name.
type size struct {
	name  string
	files int
	bytes int // of the documents, about
}

var sizes = []size{
	{"95 files", 95, 400 << 10},
	{"300 files", 300, 5400 << 10},
	{"3000 files", 3000, 54 << 20},
}

// project makes a valid project of flows with screens: what large projects
// consist of. salt changes the content, in the given share of the files.
func project(s size, salt string, changed int) snapshot.Files {
	const perFlow = 6 // metadata, contents and four screens
	flows := (s.files - 3) / perFlow
	each := s.bytes / (flows * (perFlow - 1))
	files := snapshot.Files{
		"snapshot.json": []byte(`{"version":5}`),
		"project.json":  []byte(`{"rotateJwt":true,"sessionTokenExpiration":10,"sessionTokenExpirationUnit":"minutes"}`),
	}
	var ids []string
	for i := range flows {
		id := fmt.Sprintf("flow-%04d", i)
		ids = append(ids, id)
		mark := ""
		if i < changed {
			mark = salt
		}
		addFlow(files, id, mark, each)
	}
	files["flows/flows.json"] = document(map[string]any{"flows": ids})
	return files
}

// edited is a project of which a few flows have changed since, in a way that how
// tells from others.
func edited(s size, salt, how string, changed int) snapshot.Files {
	files := project(s, salt, (s.files-3)/6)
	maps.Copy(files, flowsOf(project(s, salt+how, changed), changed))
	return files
}

// flowsOf returns the files of the first flows of a project.
func flowsOf(files snapshot.Files, n int) snapshot.Files {
	out := snapshot.Files{}
	for i := range n {
		for path, content := range files {
			if strings.HasPrefix(path, fmt.Sprintf("flows/flow-%04d/", i)) {
				out[path] = content
			}
		}
	}
	return out
}

func addFlow(files snapshot.Files, id, mark string, each int) {
	var slugs []string
	tasks := map[string]any{"start": map[string]any{"id": "start", "name": "Start", "next": map[string]any{"rules": []any{}}, "view": view(0)}}
	for n := range 4 {
		slug := fmt.Sprintf("step-%d", n)
		screen := fmt.Sprintf("SC%s%d", strings.ReplaceAll(id, "-", ""), n)
		slugs = append(slugs, slug)
		files["flows/"+id+"/screen-"+slug+".json"] = document(map[string]any{"screenId": screen, "contents": nodes(each, mark)})
		tasks[fmt.Sprint(n)] = map[string]any{
			"id": fmt.Sprint(n), "name": fmt.Sprintf("Step %d", n), "type": "screen", "screenId": screen,
			"next": map[string]any{"rules": []any{map[string]any{"interactionId": "submit", "taskId": fmt.Sprint(n + 1)}}}, "view": view(n),
		}
	}
	for n := 4; length(tasks) < each; n += 40 {
		for k := n; k < n+40; k++ {
			tasks[fmt.Sprint(k)] = map[string]any{
				"id": fmt.Sprint(k), "name": fmt.Sprintf("Check %d", k), "type": "condition",
				"conditions": []any{map[string]any{"name": "Else", "interactionId": "ELSE"}},
				"next":       map[string]any{"rules": []any{map[string]any{"interactionId": "ELSE", "taskId": "0"}}}, "view": view(k),
			}
		}
	}
	files["flows/"+id+"/metadata.json"] = document(map[string]any{
		"name": "Flow " + id, "description": "", "componentsVersion": "2.0.500", "disabled": false, "fingerprint": false, "screens": slugs,
	})
	files["flows/"+id+"/contents.json"] = document(map[string]any{"startTask": "start", "tasks": tasks})
}

func view(n int) map[string]any { return map[string]any{"x": n * 240, "y": 120 + n%7*96} }

// nodes makes the tree of a screen of about n bytes.
func nodes(n int, mark string) map[string]any {
	out := map[string]any{"ROOT": map[string]any{"displayName": "Container " + mark, "isCanvas": true, "nodes": []any{}, "props": map[string]any{"direction": "column"}}}
	for i := 0; i*420 < n; i++ {
		out[fmt.Sprintf("node%05d", i)] = map[string]any{
			"custom": map[string]any{}, "displayName": fmt.Sprintf("Text %d", i), "hidden": false, "isCanvas": false, "linkedNodes": map[string]any{},
			"nodes": []any{}, "parent": "ROOT", "type": map[string]any{"resolvedName": "Text"},
			"props": map[string]any{
				"children": fmt.Sprintf("Sentence number %d of a screen, long enough to look like one that somebody wrote.", i),
				"size":     "md", "color": "primary", "italic": i%3 == 0, "lineHeight": 1.5, "data-editor-index": i,
			},
		}
	}
	return out
}

func length(v any) int { return len(document(v)) }

func document(v any) []byte {
	b, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		panic(err)
	}
	return b
}

// body writes an import of files as the wire has it.
func body(files snapshot.Files) []byte {
	var b bytes.Buffer
	if err := snapshot.WriteBody(&b, files, nil); err != nil {
		panic(err)
	}
	return b.Bytes()
}
