package snapshot_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/snapshot"
)

func TestFlows(t *testing.T) {
	t.Parallel()
	from := snapshot.Files{
		"flows/in/metadata.json": []byte(`{"name":"Sign in"}`),
		"flows/in/contents.json": []byte(`{"startTask":"1","tasks":{
			"1":{"name":"Ask","type":"screen","screenId":"SC1","view":{"x":1},"next":{"rules":[{"interactionId":"ok","taskId":"2"},{"interactionId":"back","taskId":"3"}]}},
			"2":{"name":"Old?","type":"condition","conditions":[{"interactionId":"ELSE","name":"No"}],"next":{"rules":[{"interactionId":"ELSE","taskId":"3"}]}},
			"3":{"name":"Done","type":"automated","action":"logged-in"},
			"4":{"name":"Gone","type":"automated"}}}`),
		"flows/in/screen-ask.json": []byte(`{"screenId":"SC1","text":"Who?"}`),
		"flows/old/contents.json":  []byte(`{"tasks":{"1":{"name":"Only"}}}`),
	}
	to := snapshot.Files{
		"flows/in/metadata.json": []byte(`{"name":"Sign in"}`),
		"flows/in/contents.json": []byte(`{"startTask":"1","tasks":{
			"1":{"name":"Ask","type":"screen","screenId":"SC1","view":{"x":2},"next":{"rules":[{"interactionId":"ok","taskId":"2"},{"interactionId":"help","taskId":"5"}]}},
			"2":{"name":"Old?","type":"condition","conditions":[{"interactionId":"ELSE","name":"No"}],"next":{"rules":[{"interactionId":"ELSE","taskId":"3"}]},"view":{"x":9}},
			"3":{"name":"Done","type":"automated","action":"logged-in"},
			"5":{"name":"New","type":"automated"}}}`),
		"flows/in/screen-ask.json": []byte(`{"screenId":"SC1","text":"Who?"}`),
	}
	want := []snapshot.Flow{
		{Folder: "flows/in", Name: "Sign in", Action: snapshot.Changed, Steps: []snapshot.Step{
			{Key: "1", Name: "Ask", Kind: "screen", Action: snapshot.Changed, Ways: []snapshot.Way{
				{To: "2", On: "ok"}, {To: "5", On: "help", Action: snapshot.Created}, {To: "3", On: "back", Action: snapshot.Removed},
			}},
			{Key: "2", Name: "Old?", Kind: "condition", Ways: []snapshot.Way{{To: "3", On: "No"}}}, // only drawn elsewhere
			{Key: "3", Name: "Done", Kind: "automated", Does: "logged-in"},
			{Key: "4", Name: "Gone", Kind: "automated", Action: snapshot.Removed},
			{Key: "5", Name: "New", Kind: "automated", Action: snapshot.Created},
		}},
		{Folder: "flows/old", Name: "old", Action: snapshot.Removed, Steps: []snapshot.Step{{Key: "1", Name: "Only", Action: snapshot.Removed}}},
	}
	if diff := cmp.Diff(want, snapshot.Flows(from, to)); diff != "" {
		t.Errorf("Flows (-want +got):\n%s", diff)
	}

	to["flows/in/contents.json"] = from["flows/in/contents.json"]
	to["flows/in/screen-ask.json"] = []byte(`{"screenId":"SC1","text":"Who are you?"}`)
	if got := snapshot.Flows(from, to)[0]; got.Action != snapshot.Changed || got.Steps[0].Action != snapshot.Changed || got.Steps[1].Action != "" {
		t.Errorf("a screen that changed does not mark its step alone: %+v", got)
	}
	for _, f := range snapshot.Flows(from, from) {
		for _, s := range f.Steps {
			if f.Action != "" || s.Action != "" {
				t.Errorf("nothing is compared, and %s, step %s, is %q %q", f.Folder, s.Key, f.Action, s.Action)
			}
		}
	}
}
