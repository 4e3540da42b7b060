package snapshot

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWhatIsBuiltInIsWhatTheSchemasSay(t *testing.T) {
	t.Parallel()
	if diff := cmp.Diff([]string{"Impersonate", "SSO Admin", "User Admin"}, BuiltIn("permission")); diff != "" {
		t.Errorf("permissions (-want +got):\n%s", diff)
	}
	if got := BuiltIn("role"); len(got) > 0 {
		t.Errorf("roles: %v", got)
	}
}
