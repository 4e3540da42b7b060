package project

import (
	"errors"
	"testing"
)

func TestUnknownApplicationsAreRefusedAtOnce(t *testing.T) {
	t.Parallel()
	c := &Config{Applications: []Application{{ID: "SA1"}, {ID: ""}}}
	for _, tt := range []struct {
		ids, kept []string
		want      string
	}{
		{nil, nil, ""},
		{[]string{"SA1", "descope-default-oidc"}, nil, ""},
		{[]string{"gone"}, []string{"gone"}, ""},
		{[]string{"SA1", "gone"}, nil, `Request is invalid: there is no SSO application "gone"`},
		{[]string{"b", "SA1", "a", "b", ""}, []string{"c"}, `Request is invalid: there are no SSO applications "b", "a", ""`},
	} {
		err := c.CheckApps(tt.ids, tt.kept)
		if tt.want == "" && err != nil || tt.want != "" && (!errors.Is(err, ErrApp) || err.Error() != tt.want) {
			t.Errorf("%q, kept %q: %v, want %s", tt.ids, tt.kept, err, tt.want)
		}
	}
}
