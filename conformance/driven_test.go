package conformance

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/descope/go-sdk/descope/api"
	"github.com/descope/go-sdk/descope/client"
	"github.com/descope/go-sdk/descope/sdk"
)

// undrivenFile names the methods of the SDKs that no test drives, and says why.
const undrivenFile = "undriven.txt"

// A watcher is the HTTP client of the Go SDK. It looks up the stack which methods of the SDK make a call.
type watcher struct {
	http http.Client

	mu       sync.Mutex
	answered map[string]bool // the functions of the SDK that made a call which succeeded
}

var watch = &watcher{http: http.Client{Timeout: startWithin, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, answered: map[string]bool{}}

func (w *watcher) Do(req *http.Request) (*http.Response, error) {
	res, err := w.http.Do(req)
	if err != nil || res.StatusCode >= http.StatusMultipleChoices {
		return res, err
	}
	var callers [64]uintptr
	frames := runtime.CallersFrames(callers[:runtime.Callers(2, callers[:])])
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		frame, more := frames.Next()
		if strings.HasPrefix(frame.Function, "github.com/descope/go-sdk/") {
			w.answered[frame.Function] = true
		}
		if !more {
			return res, nil
		}
	}
}

// methods are those of an SDK, by name, and whether a test called each and it succeeded.
type methods map[string]bool

// What the check of a full run says of methods and reasons.
func TestDrivenIsChecked(t *testing.T) {
	t.Parallel()
	all := map[string]methods{"golang": {"User.Load": true, "User.Save": false, "Flow.Run": false}}
	for name, tt := range map[string]struct {
		reasons []reason
		wrong   string
	}{
		"a method without a reason":     {[]reason{{"golang", "Flow.*", "later"}}, "golang User.Save: no test drives it"},
		"reasons for all":               {[]reason{{"golang", "Flow.*", "later"}, {"golang", "User.Save", "later"}}, ""},
		"a reason for what is driven":   {[]reason{{"golang", "*", "later"}}, "golang User.Load: a test drives it"},
		"a reason for what there isn't": {[]reason{{"golang", "Flow.*", "later"}, {"golang", "User.*ve", ""}, {"golang", "User.Save", ""}}, "there is no golang User.*ve"},
		"a reason of another client":    {[]reason{{"golang", "Flow.*", "later"}, {"nodejs", "User.Save", "later"}}, "golang User.Save: no test drives it"},
	} {
		err := checkDriven(all, tt.reasons)
		if (err == nil) != (tt.wrong == "") || err != nil && !strings.Contains(err.Error(), tt.wrong) {
			t.Errorf("%s: %v, want %q", name, err, tt.wrong)
		}
	}
}

// count is how many methods there are and how many were driven, without the routes among them; blank where there are none.
func (m methods) count() (has, drove string) {
	n, yes := 0, 0
	for name, ok := range m {
		if strings.Contains(name, "/") {
			continue
		}
		n++
		if ok {
			yes++
		}
	}
	if n == 0 {
		return "", ""
	}
	return strconv.Itoa(n), strconv.Itoa(yes)
}

// goMethods walks through the interfaces of the Go SDK. A method may have many routes, one for each way that a message takes,
// so the routes that Postern has and the SDK knows count as methods, too.
func goMethods(served map[string]bool) (methods, error) {
	made, err := client.NewWithConfig(&client.Config{ProjectID: servers[0].project, DescopeBaseURL: servers[0].url})
	if err != nil {
		return nil, err
	}
	watch.mu.Lock()
	defer watch.mu.Unlock()
	out := methods{}
	var walk func(name string, is reflect.Type, value reflect.Value)
	walk = func(name string, is reflect.Type, value reflect.Value) {
		for m := range is.Methods() {
			if m.Type.NumIn() == 0 && m.Type.NumOut() == 1 && m.Type.Out(0).Kind() == reflect.Interface {
				walk(name+m.Name+".", m.Type.Out(0), value.MethodByName(m.Name).Call(nil)[0].Elem())
				continue
			}
			out[name+m.Name] = slices.ContainsFunc(functions(value.Type().Elem(), m.Name), func(f string) bool { return watch.answered[f] })
		}
	}
	walk("Auth.", reflect.TypeFor[sdk.Authentication](), reflect.ValueOf(made.Auth))
	walk("Management.", reflect.TypeFor[sdk.Management](), reflect.ValueOf(made.Management))
	for _, known := range reflect.ValueOf(&api.Routes).Methods() {
		if known.Type().NumIn() > 0 {
			continue
		}
		path := known.Call(nil)[0].String()
		for _, end := range []string{"", "/email", "/sms", "/voice", "/whatsapp"} {
			for _, verb := range []string{http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodPut, http.MethodDelete} {
				if route := verb + " " + path + end; served[route] {
					_, out[route] = record.drove("golang", route)
				}
			}
		}
	}
	return out, nil
}

// functions are the full names that a method may have: that of the type or of one that is embedded in it.
func functions(of reflect.Type, method string) []string {
	out := []string{fmt.Sprintf("%s.(*%s).%s", of.PkgPath(), of.Name(), method)}
	for f := range of.Fields() {
		if f.Anonymous && f.Type.Kind() == reflect.Struct {
			out = append(out, functions(f.Type, method)...)
		}
	}
	return out
}

// node keeps what the Node suite noted of its SDK.
var node = struct {
	sync.Mutex
	methods methods
}{methods: methods{}}

// readDriven reads what a run of the Node suite noted: "has METHOD" and "answered METHOD".
func readDriven(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	node.Lock()
	defer node.Unlock()
	for line := range strings.Lines(string(text)) {
		what, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		node.methods[name] = node.methods[name] || what == "answered"
	}
	return nil
}

// A reason says why no test drives the methods that a pattern names.
type reason struct{ client, pattern, text string }

func (r reason) covers(client, method string) bool {
	rest, open := strings.CutSuffix(r.pattern, "*")
	return r.client == client && (method == r.pattern || open && strings.HasPrefix(method, rest))
}

func readReasons() ([]reason, error) {
	text, err := os.ReadFile(undrivenFile)
	if err != nil {
		return nil, err
	}
	var out []reason
	why := ""
	for in := bufio.NewScanner(bytes.NewReader(text)); in.Scan(); {
		line := in.Text()
		if heading, ok := strings.CutPrefix(line, "## "); ok {
			why = heading
		} else if client, pattern, ok := strings.Cut(line, " "); ok && client != "#" {
			out = append(out, reason{client, pattern, why})
		}
	}
	return out, nil
}

// driven are the SDKs whose every method a test drives, or a reason says why not, by the name of their client.
func driven(served map[string]bool) (map[string]methods, error) {
	golang, err := goMethods(served)
	return map[string]methods{"golang": golang, "nodejs": node.methods}, err
}

// checkDriven finds methods that no test drives and nobody says why, and reasons that no longer hold.
func checkDriven(all map[string]methods, reasons []reason) error {
	var problems []error
	for client, methods := range all {
		for _, name := range slices.Sorted(maps.Keys(methods)) {
			given := slices.ContainsFunc(reasons, func(r reason) bool { return r.covers(client, name) })
			switch {
			case !methods[name] && !given:
				problems = append(problems, fmt.Errorf("%s %s: no test drives it, and %s does not say why", client, name, undrivenFile))
			case methods[name] && given:
				problems = append(problems, fmt.Errorf("%s %s: a test drives it, take it out of %s", client, name, undrivenFile))
			}
		}
	}
	for _, r := range reasons {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(all[r.client])), func(name string) bool { return r.covers(r.client, name) }) {
			problems = append(problems, fmt.Errorf("%s: there is no %s %s", undrivenFile, r.client, r.pattern))
		}
	}
	return errors.Join(problems...)
}
