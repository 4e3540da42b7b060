package snapshot

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// exportedFlows are the flows of testdata, and those that were collected where
// they lie beside the checkout.
func exportedFlows(t testing.TB) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	for _, pattern := range []string{
		filepath.Join("..", "..", "testdata", "flows", "*.json"),
		filepath.Join("..", "..", "..", "shared", "snapshots", "flows", "*.json"),
	} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range found {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			out[file] = b
		}
	}
	if len(out) == 0 {
		t.Fatal("no flows in testdata")
	}
	return out
}

func TestFlowsComeBackWhole(t *testing.T) {
	t.Parallel()
	for file, b := range exportedFlows(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			id, files, problems := UnpackFlow(b)
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			if !IsFlow(b) || !IsFlowFolder(files) {
				t.Error("it is not known for a flow")
			}
			got, problems := PackFlow(id, files, nil)
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			want, _ := FileFromBytes("x.json", b)
			if !bytes.Equal(got, want) {
				t.Errorf("-want +got\n%s", cmp.Diff(string(want), string(got)))
			}
		})
	}
}

// Every folder of a flow, in the samples, comes back as it is.
func TestFlowFoldersComeBackWhole(t *testing.T) {
	t.Parallel()
	roots := []string{filepath.Join("..", "..", "examples", "shop"), filepath.Join("..", "..", "testdata", "projects", "edge")}
	real := filepath.Join("..", "..", "..", "shared", "snapshots", "full")
	if _, err := os.Stat(real); err == nil {
		roots = append(roots, real)
	}
	for _, root := range roots {
		all, found, err := ReadFolder(root)
		if err != nil || len(found) > 0 {
			t.Fatal(err, found)
		}
		inlineAssets(&Upload{Files: all}, &problems{})
		for path := range all {
			dir, ok := strings.CutSuffix(path, "/"+flowContents)
			if !ok {
				continue
			}
			files := Files{}
			for p, content := range all {
				if name, ok := strings.CutPrefix(p, dir+"/"); ok {
					files[name] = content
				}
			}
			doc, problems := PackFlow(filepath.Base(dir), files, nil)
			if len(problems) > 0 {
				t.Errorf("%s: %v", dir, problems)
				continue
			}
			id, back, problems := UnpackFlow(doc)
			if len(problems) > 0 || id != filepath.Base(dir) {
				t.Errorf("%s comes back as %q: %v", dir, id, problems)
			}
			if diff := cmp.Diff(texts(files), texts(back)); diff != "" {
				t.Errorf("%s: -want +got\n%s", dir, diff)
			}
			if bytes.Contains(doc, []byte(`"screens":["`)) {
				t.Logf("%s keeps the names of its files", dir)
			}
		}
	}
}

func TestPackedFlowHasItsAssets(t *testing.T) {
	t.Parallel()
	files := Files{
		flowMetadata: []byte(`{"name":"n","screens":["hi"]}`),
		flowContents: []byte(`{"startTask":"0","tasks":{}}`), "screen-hi.json": []byte(`{"contents":{"a":"asset:x.txt"},"screenId":"SCa"}`),
	}
	doc, problems := PackFlow("f", files, Files{"x.txt": []byte("long")})
	if len(problems) > 0 || !strings.Contains(string(doc), `"a":"long"`) {
		t.Errorf("%s %v", doc, problems)
	}
	if _, problems := PackFlow("f", files, nil); len(problems) != 1 || problems[0].Code != CodeAsset {
		t.Errorf("without the asset: %v", problems)
	}
}

func TestFlowsThatWouldLoseSomething(t *testing.T) {
	t.Parallel()
	const whole = `"metadata":{},"contents":{}`
	for name, test := range map[string]struct {
		doc     string
		pointer string
	}{
		"an id that climbs":                     {`{"flowId":"..",` + whole + `}`, "/flowId"},
		"an id with a folder":                   {`{"flowId":"a/b",` + whole + `}`, "/flowId"},
		"no id":                                 {`{` + whole + `}`, "/flowId"},
		"no contents":                           {`{"flowId":"f","metadata":{}}`, "/contents"},
		"no metadata":                           {`{"flowId":"f","contents":{},"screens":[{"screenId":"SC1"}]}`, "/metadata"},
		"a key that is not known":               {`{"flowId":"f",` + whole + `,"extra":1}`, "/extra"},
		"references twice":                      {`{"flowId":"f","metadata":{"references":{}},"contents":{},"references":{}}`, "/metadata/references"},
		"a screen without an id":                {`{"flowId":"f",` + whole + `,"screens":[{}]}`, "/screens/0"},
		"two screens of one id":                 {`{"flowId":"f",` + whole + `,"screens":[{"screenId":"SC1"},{"screenId":"SC1"}]}`, "/screens/1"},
		"screens that are no list":              {`{"flowId":"f",` + whole + `,"screens":{}}`, "/screens"},
		"a screen that climbs":                  {`{"flowId":"f",` + whole + `,"screens":[{"screenId":"a/../../b"}]}`, "/screens/0/screenId"},
		"fewer names than screens":              {`{"flowId":"f","metadata":{"screens":["a"]},"contents":{},"screens":[{"screenId":"SC1"},{"screenId":"SC2"}]}`, "/metadata/screens"},
		"names that one folder cannot hold":     {`{"flowId":"f","metadata":{"screens":["a","A"]},"contents":{},"screens":[{"screenId":"SC1"},{"screenId":"SC2"}]}`, "/metadata/screens"},
		"names of screens that are not there":   {`{"flowId":"f","metadata":{"screens":["a"]},"contents":{}}`, "/metadata/screens"},
		"a document that is none":               {`{"flowId":`, "/flowId"},
		"a list":                                {`[]`, ""},
		"two names of which one is there twice": {`{"flowId":"f","flowId":"f",` + whole + `}`, "/flowId"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, files, problems := UnpackFlow([]byte(test.doc))
			if files != nil || len(problems) != 1 || problems[0].Pointer != test.pointer {
				t.Errorf("got %v", problems)
			}
		})
	}
}

func TestSlugs(t *testing.T) {
	t.Parallel()
	got := screenSlugs(
		[]string{"SCaaaa1111", "SCbbbb2222", "SCcccc", "SCdddd", "SCx1111", "SCEEEE1111"},
		map[string]string{
			"SCaaaa1111": "Verify OTP", "SCbbbb2222": "verify - otp", "SCcccc": "New Screen",
			"SCx1111": "User Information / Phone", "SCEEEE1111": "Verify OTP!",
		})
	want := []string{"verify-otp-1111", "verify-otp-2222", "cccc", "dddd", "user-information-phone", "verify-otp-EEEE1111"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func FuzzFlow(f *testing.F) {
	for _, b := range exportedFlows(f) {
		if len(b) < 8<<10 { // the fuzzer takes long to shorten what is long
			f.Add(b)
		}
	}
	f.Add([]byte(`{"flowId":"f","metadata":{"screens":["b","a"]},"contents":{},"screens":[{"screenId":"SC1"},{"screenId":"SC2"}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		id, files, problems := UnpackFlow(b)
		if len(problems) > 0 {
			return
		}
		for path := range files {
			if fault := pathFault(path); fault != "" || strings.Contains(path, "/") {
				t.Fatalf("the path %q %s", path, fault)
			}
		}
		doc, problems := PackFlow(id, files, nil)
		if len(problems) > 0 {
			if problems[0].Code == CodeAsset {
				return // it mentions an asset that only a snapshot would have
			}
			t.Fatal(problems)
		}
		id2, again, problems := UnpackFlow(doc)
		if len(problems) > 0 || id2 != id {
			t.Fatal(id2, problems)
		}
		if diff := cmp.Diff(texts(files), texts(again)); diff != "" {
			t.Fatal(diff)
		}
	})
}
