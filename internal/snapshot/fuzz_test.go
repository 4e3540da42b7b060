package snapshot

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"postern/internal/fault"
)

func FuzzDecode(f *testing.F) {
	f.Add(`{"files":{"snapshot.json":{"version":5},"a.txt":"x","b.png":"eA=="},"excludes":["flows"]}`)
	f.Add(`{"files":{"a.json":{"b":1,"b":2},"../x":"","A.json":{}}}`)
	f.Add(`{"inputSecrets":{"connectors":[{"id":"CI1","value":"x"}]},"strict":true}`)
	f.Add(`{"files":{"a.json":{"\\":"\"}","b":[{},"]",[]]},"b.txt":"\\"},"later":{"a":1}{}}`)
	f.Add(`{"files":{"a.json":{"b":[1,2}},"../c":[tru],"d.json":{"e":"\x"}}}`)
	f.Add(`{"files":{"a.json":{"b":1},"b.json":{"b":2}, "d.json": {"b":1},"a.json":{"b":1}}}`)
	f.Add(`{"files":{"a.json":{"b":1},"b.json":{"b":1}x}}`)
	f.Add(`{"files":{"a.json":{"b":{}},"b.json":{"b":{},"c":1},"d.json":{}}`)
	f.Add(`{"files":{"a.json":{"b":"asset:x"},"b.json":[{"b":"asset:x"}],"d.json":{"b"`)
	f.Fuzz(func(t *testing.T, body string) {
		up, err := Decode(strings.NewReader(body), 20)
		slow, slowErr := Decode(iotest.OneByteReader(strings.NewReader(body)), 20)
		if fmt.Sprint(err) != fmt.Sprint(slowErr) {
			t.Fatalf("error %v, and %v where it comes byte by byte", err, slowErr)
		}
		guess(t, body)
		var f *fault.Error
		said := errors.As(err, &f) && (strings.HasPrefix(f.Message, "the body is not JSON") || f.Message == errTooDeep.Message)
		if valid := jsontext.Value(body).IsValid(lax()...); !valid && err == nil || valid && said {
			t.Fatalf("error %v, and it is %v that it is JSON", err, valid)
		}
		if err != nil {
			return
		}
		if diff := cmp.Diff(up.Files, slow.Files); diff != "" {
			t.Errorf("files (-at once +byte by byte):\n%s", diff)
		}
		var b bytes.Buffer
		if err := WriteBody(&b, up.Files, nil); err != nil {
			t.Fatal(err)
		}
		again, err := Decode(&b, 20)
		if err != nil {
			t.Fatalf("what was read cannot be read again: %v", err)
		}
		if diff := cmp.Diff(up.Files, again.Files); diff != "" {
			t.Errorf("files (-first +second):\n%s", diff)
		}
		for path, content := range up.Files {
			if formOf(path) == formJSON {
				if !bytes.Equal(render(mustParse(t, content)), content) {
					t.Errorf("%s is not canonical: %s", path, content)
				}
			}
		}
	})
}

// guess decodes a body where it is likely that it has its own documents at its paths,
// and others of them, which must make no difference.
func guess(t *testing.T, body string) {
	t.Helper()
	cache := &Cache{}
	want, wantErr := cache.Decode(strings.NewReader(body), 20, nil)
	digests := slices.SortedFunc(maps.Keys(cache.canonical), func(a, b Digest) int { return bytes.Compare(a[:], b[:]) })
	for shift := range digests {
		likely := Tree{}
		for i, path := range []string{"a.json", "b.json", "d.json", "snapshot.json"} {
			likely[path] = digests[(i+shift)%len(digests)]
		}
		for _, r := range []io.Reader{strings.NewReader(body), iotest.OneByteReader(strings.NewReader(body))} {
			up, err := cache.Decode(r, 20, likely)
			if fmt.Sprint(err) != fmt.Sprint(wantErr) {
				t.Fatalf("error %v, and %v without a guess", err, wantErr)
			}
			if err != nil {
				continue
			}
			if diff := cmp.Diff([]any{want.Files, want.Problems}, []any{up.Files, up.Problems}); diff != "" {
				t.Errorf("files and problems (-without a guess +with one):\n%s", diff)
			}
			for path, doc := range up.sums {
				if up.Files[path] != nil && up.sum(path) != Sum(up.Files[path]) && up.sum(path) != (Digest{}) {
					t.Errorf("%s is taken for another document: %s", path, doc.content)
				}
			}
		}
	}
}

func FuzzCanonical(f *testing.F) {
	f.Add(`{"b":[1,2.50,-0,1e3,{"z":null,"a":"\u003c\u2028"}],"a":true}`)
	f.Add(`{"a":9007199254740991,"b":1e-400,"":0.1}`)
	f.Add(`{"é":1,"😀":2,"\ufb33":3}`)
	f.Add(`[{"a":1,"b":[01]},1.]`)
	f.Add(`{"a":[true,false,null,-1,1.5,0.000001,123456789012345,"é/<"],"b":{"":""}}`)
	f.Fuzz(func(t *testing.T, doc string) {
		value := jsontext.Value(doc)
		known := alreadyCanonical(value)
		c, ok := canonical("a.json", value, &problems{})
		if known && (!ok || string(c) != doc) {
			t.Fatalf("%s is taken for canonical, and is %s (%t)", doc, c, ok)
		}
		if !ok {
			return
		}
		c = bytes.Clone(c)
		twice, ok := canonical("a.json", bytes.Clone(c), &problems{})
		if !ok || !bytes.Equal(c, twice) {
			t.Fatalf("canonical form %s becomes %s", c, twice)
		}
		v := mustParse(t, c)
		if got := render(v); !bytes.Equal(got, c) {
			t.Errorf("canonical form %s is written as %s", c, got)
		}
		turned, ok := canonical("a.json", reversed(t, c), &problems{})
		if !ok || !bytes.Equal(turned, c) {
			t.Errorf("members in another order give %s, not %s", turned, c)
		}
	})
}

// reversed writes a document with the members of all objects in reverse.
func reversed(t *testing.T, doc jsontext.Value) jsontext.Value {
	t.Helper()
	dec := jsontext.NewDecoder(bytes.NewReader(doc))
	tok, err := dec.ReadToken()
	if err != nil {
		t.Fatal(err)
	}
	if tok.Kind() != '{' && tok.Kind() != '[' {
		return doc
	}
	object := tok.Kind() == '{'
	var parts []string
	for dec.PeekKind() != '}' && dec.PeekKind() != ']' {
		name := ""
		if object {
			v, err := dec.ReadValue()
			if err != nil {
				t.Fatal(err)
			}
			name = string(v) + ":"
		}
		v, err := dec.ReadValue()
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, name+string(reversed(t, v.Clone())))
	}
	if object {
		slices.Reverse(parts)
		return jsontext.Value("{ " + strings.Join(parts, " ,") + "}")
	}
	return jsontext.Value("[" + strings.Join(parts, ",\n") + "]")
}

func FuzzPath(f *testing.F) {
	for _, p := range []string{"flows/in/screen-a.json", "../x", "a//b", "widgets/flows/x/metadata.json", "assets/img-1.png", "/", "a\x00", "a\\b", "é/ü.json"} {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, p string) {
		_ = printablePath(p)
		if pathFault(p) != "" {
			return
		}
		root := "/root/"
		if joined := root + p; strings.Contains(joined, "/../") || strings.HasSuffix(joined, "/..") || strings.Contains(joined, "//") {
			t.Errorf("%q is taken", p)
		}
		at, ok := locate(p)
		if !ok {
			return
		}
		if back, ok := substitute(at.File.Pattern, at.Vars); !ok || back != p {
			t.Errorf("%q is read as %v of %s, which is %q", p, at.Vars, at.File.Pattern, back)
		}
	})
}

func FuzzZip(f *testing.F) {
	f.Add(pack(f, `snapshot.json={"version":5}`, `auth/otp.json={}`, `a.txt=x`))
	f.Add(pack(f, `x/snapshot.json={}`, `x/../a.json={}`))
	f.Fuzz(func(t *testing.T, archive []byte) {
		files, _, err := readZip(bytes.NewReader(archive), int64(len(archive)), 1<<16, 20)
		if err != nil {
			return
		}
		total := 0
		for path, content := range files {
			if fault := pathFault(path); fault != "" {
				t.Errorf("the path %q %s", path, fault)
			}
			total += len(content)
		}
		if total > 1<<17 || len(files) > 20 {
			t.Errorf("%d files of %d bytes came out", len(files), total)
		}
		var b bytes.Buffer
		if out, err := WriteZip(&b, maps.Clone(files)); err != nil || len(out) > 0 {
			t.Fatal(out, err)
		}
		if len(files) == 0 {
			return
		}
		again, found, err := readZip(bytes.NewReader(b.Bytes()), int64(b.Len()), 1<<20, 20)
		_, nested := files[versionFile]
		if err != nil || len(found) > 0 || nested && len(again) != len(files) {
			t.Errorf("what was written does not come back: %v %v", err, found)
		}
	})
}

func FuzzAssets(f *testing.F) {
	long := strings.Repeat("x", 600)
	f.Add("a", long, "logo.txt", "short")
	f.Add("B b", "<!DOCTYPE html>"+long, "body-"+hexSum("x")+".txt", "x\n")
	f.Add("k", "data:image/png;base64,eA==", "i.png", "y")
	f.Add("k", "data:image/svg+xml;base64,eB==", "i.svg", "z")
	f.Fuzz(func(t *testing.T, key, text, name, other string) {
		doc, ok := canonical("x.json", render(map[string]any{"l": []any{nil, strings.ToValidUTF8(text, "")}, strings.ToValidUTF8(key, "k"): strings.ToValidUTF8(other, "")}), &problems{})
		if !ok || strings.HasPrefix(text, assetPrefix) || strings.HasPrefix(other, assetPrefix) {
			return
		}
		files := Files{"x.json": bytes.Clone(doc)}
		extractAssets(files)
		ps := &problems{}
		inlineAssets(&Upload{Files: files}, ps)
		if diff := cmp.Diff(Files{"x.json": []byte(doc)}, files); diff != "" || len(ps.list) > 0 {
			t.Errorf("taken out and put back (-before +after):\n%s%v", diff, ps.list)
		}

		// The other way round, by a whole import: the names of an upload survive.
		if pathFault(assetsFolder+name) != "" || name == "assets.json" || formOf(name) != formText && formOf(name) != formImage {
			return
		}
		if holdsHash(name) {
			return // its own, whose newline of the command line goes, or of another text and not kept
		}
		content := []byte(strings.ToValidUTF8(other, ""))
		up := &Upload{Files: Files{
			"x.json":         render(map[string]any{"a": []any{"b", assetPrefix + name}}),
			"assets/" + name: content, assetsIndex: render(map[string]any{"mapping": map[string]any{"x.json": map[string]any{"a": []any{nil, name}}}}),
		}}
		want := maps.Clone(up.Files)
		want[versionFile] = []byte(`{"version":5}`)
		g := newTarget()
		g.apply(t, up)
		if diff := cmp.Diff(want, Render(g.files(), FormatSplit)); diff != "" {
			t.Errorf("put back and taken out (-before +after):\n%s", diff)
		}
	})
}

func FuzzManifest(f *testing.F) {
	f.Add([]byte{})
	f.Add(Tree{"a.json": Sum(nil), "b/c d.txt": Sum([]byte("x"))}.Manifest())
	f.Fuzz(func(t *testing.T, manifest []byte) {
		tree, ok := ParseManifest(manifest)
		if ok && !bytes.Equal(tree.Manifest(), manifest) {
			t.Errorf("%q is read as %q", manifest, tree.Manifest())
		}
	})
}

func FuzzFile(f *testing.F) {
	f.Add("a.json", []byte(`{"a":1}`))
	f.Add("a.png", []byte("x"))
	f.Add("a.txt", []byte("x"))
	f.Fuzz(func(t *testing.T, path string, content []byte) {
		portable, found := FileFromBytes(path, bytes.Clone(content))
		if len(found) > 0 {
			return
		}
		again, found := FileFromBytes(path, OnDisk(path, bytes.Clone(portable)))
		if len(found) > 0 || formOf(path) != formText && !bytes.Equal(again, portable) {
			t.Errorf("%q lies in a folder as %q and is read as %q", portable, OnDisk(path, portable), again)
		}
		if formOf(path) == formImage {
			text, ok := textFile(path, []byte(base64.StdEncoding.EncodeToString(portable)), &problems{})
			if !ok || !bytes.Equal(text, portable) {
				t.Errorf("%q does not come back from the wire", portable)
			}
		}
	})
}
