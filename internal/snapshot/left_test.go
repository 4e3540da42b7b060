package snapshot

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWhatIsLeft(t *testing.T) {
	t.Parallel()
	target := Tree{"snapshot.json": {}, "auth/password.json": {}, "roles.json": {}, "flows/flows.json": {}, "flows/a/metadata.json": {}, "notes.txt": {}}
	for _, tt := range []struct {
		name string
		up   Upload
		want Left
	}{
		{"nothing", Upload{Files: Files{"snapshot.json": nil, "auth/password.json": nil, "roles.json": nil, "flows/flows.json": nil}}, Left{[]string{}, []string{}}},
		{"two sections", Upload{Files: Files{"snapshot.json": nil, "auth/password.json": nil}}, Left{[]string{"authorization", "flows"}, []string{}}},
		{"what the upload leaves out", Upload{Files: Files{"snapshot.json": nil, "auth/password.json": nil, "roles.json": nil, "flows/flows.json": nil}, Excludes: []string{"password"}}, Left{[]string{}, []string{"password"}}},
	} {
		if diff := cmp.Diff(tt.want, LeftBy(&tt.up, target)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}
