package client

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/internal/secret"
	"postern/internal/snapshot"
)

const key = "Ks3cret"

// against returns a client of a server that answers with handle.
func against(t *testing.T, prefix string, change func(*Options), handle http.HandlerFunc) *Client {
	t.Helper()
	s := httptest.NewServer(handle)
	t.Cleanup(s.Close)
	options := Options{URL: s.URL + prefix, Project: "P1", Key: secret.New(key), UserAgent: "test"}
	if change != nil {
		change(&options)
	}
	c, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for name, options := range map[string]Options{
		"no URL":             {Key: secret.New(key)},
		"a host alone":       {URL: "localhost:8787", Key: secret.New(key)},
		"another scheme":     {URL: "ftp://example.com", Key: secret.New(key)},
		"a query":            {URL: "https://example.com?x=1", Key: secret.New(key)},
		"a name in the URL":  {URL: "https://me:pw@example.com", Key: secret.New(key)},
		"no key":             {URL: "https://example.com"},
		"a character in it ": {URL: "https://exa mple.com", Key: secret.New(key)},
	} {
		if _, err := New(options); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

func TestRequest(t *testing.T) {
	t.Parallel()
	for prefix, path := range map[string]string{"": "", "/": "", "/identity": "/identity", "/identity/": "/identity"} {
		c := against(t, prefix, nil, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != path+"/v1/mgmt/project/snapshot/export" {
				t.Errorf("%q: the path is %s", prefix, r.URL.Path)
			}
			for name, want := range map[string]string{"Authorization": "Bearer P1:" + key, "User-Agent": "test", "Content-Type": "application/json"} {
				if got := r.Header.Get(name); got != want {
					t.Errorf("%s is %q", name, got)
				}
			}
			w.Header().Set("ETag", `"abc"`)
			_, _ = io.WriteString(w, `{"files":{"a.json":{"b":1},"t.txt":"x"}}`)
		})
		got, err := c.Export(t.Context(), snapshot.FormatSplit, 0)
		if err != nil {
			t.Fatal(err)
		}
		want := &Export{Files: snapshot.Files{"a.json": []byte(`{"b":1}`), "t.txt": []byte("x")}, Digest: "abc"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	}
}

// importing is a request with something in every member.
func importing() *ImportRequest {
	return &ImportRequest{
		Files:    snapshot.Files{"snapshot.json": []byte(`{"version":5}`), "big.txt": bytes.Repeat([]byte("x"), 100_000)},
		Excludes: []string{"lists"}, Strict: true, AllowMoved: true, Keep: true, Message: "why <not>", IfMatch: "abc",
		Secrets: []snapshot.InputSecret{{Group: "connectors", ID: "CI1", Name: "Mail", Type: "password", Value: secret.New("pw")}},
	}
}

func TestImport(t *testing.T) {
	t.Parallel()
	for name, packed := range map[string]bool{"as it is": false, "with gzip": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var sent, total atomic.Int64
			c := against(t, "", func(o *Options) {
				o.Gzip = packed
				o.Progress = func(n, all int64) { sent.Store(n); total.Store(all) }
			}, func(w http.ResponseWriter, r *http.Request) {
				var body io.Reader = r.Body
				if packed {
					var err error
					if body, err = gzip.NewReader(r.Body); err != nil {
						t.Error(err)
						return
					}
				} else if r.ContentLength <= 100_000 {
					t.Errorf("the length of the body is given as %d", r.ContentLength)
				}
				up, err := snapshot.Decode(body, 10)
				if err != nil {
					t.Error(err)
					return
				}
				in := importing()
				if diff := cmp.Diff(in.Files, up.Files); diff != "" {
					t.Errorf("-sent +arrived\n%s", diff)
				}
				if len(up.Secrets) != 1 || up.Secrets[0].Value.Reveal() != "pw" || up.Secrets[0].ID != "CI1" ||
					!up.Strict || !up.AllowMoved || !up.Keep || up.Message != in.Message || len(up.Excludes) != 1 || r.Header.Get("If-Match") != `"abc"` {
					t.Errorf("arrived: %+v", up)
				}
				_, _ = io.WriteString(w, `{"revision":3,"digest":"d","changed":true,"changes":[{"section":"lists","file":"lists.json","action":"changed"}],"warnings":[],"new":1}`)
			})
			got, err := c.Import(t.Context(), importing())
			if err != nil {
				t.Fatal(err)
			}
			want := &ImportResult{Revision: 3, Digest: "d", Changed: true, Changes: []Change{{"lists", "lists.json", "changed"}}, Warnings: []snapshot.Problem{}}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			if sent.Load() != total.Load() || sent.Load() <= 100_000 {
				t.Errorf("progress says %d of %d", sent.Load(), total.Load())
			}
		})
	}
}

func TestEmptyAnswerIsSuccess(t *testing.T) {
	t.Parallel()
	c := against(t, "", nil, func(http.ResponseWriter, *http.Request) {})
	if got, err := c.Import(t.Context(), importing()); err != nil || got.Digest != "" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		status int
		header http.Header
		body   string
		want   Error // Status is filled in
		text   string
	}{
		{
			name: "with problems", status: 400,
			body: `{"errorCode":"E113007","errorDescription":"refused","errorMessage":"a","message":"b","details":[{"file":"a.json","code":"type","level":"error","message":"m"}],` +
				`"missingSecrets":{"connectors":[{"id":"1","name":"n","type":"t"}]}}`,
			want: Error{
				Code: "E113007", Description: "refused", Message: "a",
				Details: []snapshot.Problem{{File: "a.json", Code: "type", Level: "error", Message: "m"}},
				Missing: MissingSecrets{"connectors": {{"1", "n", "t"}}},
			},
			text: "a [E113007]",
		},
		{
			name: "of the hosted server", status: 404, body: `{"errorCode":"E011008","errorDescription":"Project not found","details":"text"}`,
			want: Error{Code: "E011008", Description: "Project not found"}, text: "Project not found [E011008]",
		},
		{
			name: "on their side", status: 500, header: http.Header{"X-Request-Id": {"R7"}}, body: `{"errorCode":"P50001","message":"broken"}`,
			want: Error{Code: "P50001", Message: "broken", RequestID: "R7"}, text: "broken [P50001], request R7",
		},
		{
			name: "too many", status: 429, header: http.Header{"Retry-After": {"7"}}, body: `{"errorCode":"E130429","message":"slow down"}`,
			want: Error{Code: "E130429", Message: "slow down", RetryAfter: 7 * time.Second}, text: "slow down [E130429]",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := against(t, "", nil, func(w http.ResponseWriter, _ *http.Request) {
				maps.Copy(w.Header(), test.header)
				w.WriteHeader(test.status)
				_, _ = io.WriteString(w, test.body)
			})
			_, err := c.Import(t.Context(), importing())
			got, ok := errors.AsType[*Error](err)
			if !ok {
				t.Fatalf("the error is %v", err)
			}
			test.want.Status = test.status
			if diff := cmp.Diff(&test.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			if got.Error() != test.text {
				t.Errorf("it reads %q", got.Error())
			}
		})
	}
}

func TestForeignServers(t *testing.T) {
	t.Parallel()
	for name, handle := range map[string]http.HandlerFunc{
		"a page":   func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") },
		"an error": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "nope", http.StatusNotFound) },
		"other JSON": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(400)
			_, _ = io.WriteString(w, `{"error":1}`)
		},
		"a redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://elsewhere.example/", http.StatusFound)
		},
		"a hung line": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := against(t, "", nil, handle)
			_, err := c.Projects(t.Context())
			if err == nil || !strings.Contains(err.Error(), "http://127.0.0.1") || strings.Contains(err.Error(), key) {
				t.Errorf("the error is %v", err)
			}
			if name == "a redirect" && !strings.Contains(err.Error(), "https://elsewhere.example/") {
				t.Errorf("the error does not say where to: %v", err)
			}
		})
	}
}

// carry answers requests without a network, so that time can stand still.
type carry func(*http.Request) (*http.Response, error)

func (c carry) RoundTrip(r *http.Request) (*http.Response, error) { return c(r) }

// Only what changes nothing is tried again.
func TestRetries(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		call func(context.Context, *Client) error
		want int
	}{
		"reading is tried three times": {func(ctx context.Context, c *Client) error { _, err := c.Keys(ctx); return err }, 3},
		"an import is tried once":      {func(ctx context.Context, c *Client) error { _, err := c.Import(ctx, importing()); return err }, 1},
		"deleting is tried once":       {func(ctx context.Context, c *Client) error { return c.Delete(ctx) }, 1},
	} {
		for kind, answer := range map[string]carry{
			"unavailable": func(*http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: 503, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(`{"errorCode":"P50301","message":"wait"}`))}, nil
			},
			"unreachable": func(*http.Request) (*http.Response, error) { return nil, errors.New("refused") },
		} {
			t.Run(fmt.Sprintf("%s, %s", name, kind), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					n := 0
					c, err := New(Options{URL: "http://server.example", Key: secret.New(key), Transport: carry(func(r *http.Request) (*http.Response, error) {
						n++
						if r.Body != nil {
							_, _ = io.Copy(io.Discard, r.Body)
						}
						return answer(r)
					})})
					if err != nil {
						t.Fatal(err)
					}
					if err := test.call(t.Context(), c); err == nil || n != test.want {
						t.Errorf("%d tries, and then %v", n, err)
					}
				})
			})
		}
	}
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, err := New(Options{URL: "http://server.example", Key: secret.New(key), Transport: carry(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		if _, err := c.Keys(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Minute {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
	})
}

func TestCompanyCallsNameNoProject(t *testing.T) {
	t.Parallel()
	c := against(t, "", func(o *Options) { o.Project = "" }, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+key {
			t.Errorf("Authorization is %q", r.Header.Get("Authorization"))
		}
		switch r.Method + " " + r.URL.Path {
		case "PUT /v1/mgmt/managementkey":
			b, _ := io.ReadAll(r.Body)
			if want := `{"name":"ci","expireTime":7,"reBac":{"projectRoles":[{"projectIds":["P1"],"roles":["import"]}]}}`; strings.TrimSpace(string(b)) != want {
				t.Errorf("the body is %s", b)
			}
			_, _ = io.WriteString(w, `{"cleartext":"Kclear","key":{"id":"K1","name":"ci"}}`)
		case "POST /v1/mgmt/managementkey/delete":
			_, _ = io.WriteString(w, `{"total":1}`)
		default:
			_, _ = io.WriteString(w, `{"projects":[{"id":"P1","name":"shop","environment":"","tags":["eu"]}]}`)
		}
	})
	k, clear, err := c.CreateKey(t.Context(), NewKey{Name: "ci", ExpireTime: 7, Access: Access{Projects: []ProjectRole{{[]string{"P1"}, []string{"import"}}}}})
	if err != nil || k.ID != "K1" || clear.Reveal() != "Kclear" {
		t.Errorf("%+v, %v", k, err)
	}
	if n, err := c.DeleteKeys(t.Context(), "K1"); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	projects, err := c.Projects(t.Context())
	if diff := cmp.Diff([]Project{{ID: "P1", Name: "shop", Tags: []string{"eu"}}}, projects); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
}
