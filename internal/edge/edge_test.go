package edge_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"postern/internal/edge"
	"postern/internal/fault"
	"postern/internal/limit"
	"postern/internal/mgmtkey"
	"postern/internal/project"
	"postern/internal/secret"
)

func TestAllow(t *testing.T) {
	t.Parallel()
	key := func(role mgmtkey.Role, projects ...string) *mgmtkey.Key {
		return &mgmtkey.Key{Grants: []mgmtkey.Grant{{Role: role, Projects: projects}}}
	}
	in := func(role mgmtkey.Role) edge.Need { return edge.Need{Scope: edge.Project, Role: role} }
	for _, tt := range []struct {
		name string
		need edge.Need
		key  *mgmtkey.Key
		id   string
		want error
	}{
		{"enough in the project", in(mgmtkey.Import), key(mgmtkey.Import, "P1"), "P1", nil},
		{"more in all projects", in(mgmtkey.Import), key(mgmtkey.Admin), "P1", nil},
		{"too little", in(mgmtkey.Import), key(mgmtkey.Plan, "P1"), "P1", mgmtkey.ErrTooWeak},
		{"another project", in(mgmtkey.Read), key(mgmtkey.Admin, "P2"), "P1", project.ErrNotFound},
		{"no project", in(mgmtkey.Read), key(mgmtkey.Admin), "", project.ErrNotFound},
		{"any key", edge.Need{Scope: edge.Company}, key(mgmtkey.Read, "P1"), "", nil},
		{"no key", edge.Need{Scope: edge.Company}, nil, "", mgmtkey.ErrNoToken},
		{"the zero value", edge.Need{}, key(mgmtkey.Admin), "P1", mgmtkey.ErrTooWeak},
		{"a role without a scope", edge.Need{Role: mgmtkey.Read}, key(mgmtkey.Admin), "P1", mgmtkey.ErrTooWeak},
		{"a scope without a role", in(mgmtkey.None), key(mgmtkey.Admin), "P1", mgmtkey.ErrTooWeak},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if err := tt.need.Allow(tt.key, tt.id); !errors.Is(err, tt.want) {
				t.Errorf("Allow = %v, want %v", err, tt.want)
			}
		})
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		err  error
		want string
	}{
		{"a limit says how long to wait", fmt.Errorf("sign in: %w", limit.ErrExceeded.With(limit.Wait{Seconds: 7})), "7"},
		{"one that does not know", limit.ErrExceeded, ""},
		{"other details", project.ErrNotFound.With(7), ""},
	} {
		h := http.Header{}
		edge.RetryAfter(h, fault.From(tt.err))
		if got := h.Get("Retry-After"); got != tt.want {
			t.Errorf("%s: Retry-After is %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	for kind := fault.Internal; kind <= fault.Unknown; kind++ {
		if got := edge.Status(fault.New(kind, "E1", "")); got < 400 {
			t.Errorf("%v has the status %d", kind, got)
		}
	}
	for code, want := range map[string]int{"P41201": http.StatusPreconditionFailed, "P00001": http.StatusConflict, "P9": http.StatusConflict} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			t.Parallel()
			if got := edge.Status(fault.New(fault.Conflict, code, "")); got != want {
				t.Errorf("Status = %d, want %d", got, want)
			}
		})
	}
}

// Of what a client calls itself as much is kept as is text, and no more than a client has
// reason to say.
func TestWhatAClientCallsItself(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]string{
		"curl/8": "curl/8", "Moz\xffilla": "Mozilla", strings.Repeat("x", 40_000): strings.Repeat("x", 512), strings.Repeat("é", 400): strings.Repeat("é", 256), "x" + strings.Repeat("é", 400): "x" + strings.Repeat("é", 255),
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil)
		r.Header.Set("User-Agent", said)
		if got := edge.NewPerson(r, &project.Config{}, secret.Text{}).Agent; got != want {
			t.Errorf("%.30q (%d bytes) is kept as %.30q (%d bytes)", said, len(said), got, len(got))
		}
	}
}

func TestCheckURL(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]error{
		"/a?b=c%20d": nil, "/%C3%A9?%C3%A9=%2500": nil, "/a%00": edge.ErrURL, "/%ff": edge.ErrURL, "/a?b=%00": edge.ErrURL, "/a?%ff=b": edge.ErrURL, "/a?b=%zz": nil,
	} {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := edge.CheckURL(u); !errors.Is(got, want) {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}
