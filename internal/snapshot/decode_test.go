package snapshot

import (
	"archive/zip"
	"bytes"
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/fault"
)

func TestABodyThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ body, want string }{
		"an empty body":                        {"", "the body is empty; it must be a JSON object"},
		"blanks only":                          {" \n", "the body is empty; it must be a JSON object"},
		"a body that is not JSON":              {`x-secret`, "the body is not JSON (at byte 0)"},
		"a body that ends too early":           {`{"files":{"a.json":{`, "the body is not JSON (at byte 20)"},
		"a list":                               {`[]`, "the body is not the JSON object that this call takes"},
		"null":                                 {`null`, "the body is not the JSON object that this call takes"},
		"something behind the object":          {`{"files":{}} {}`, "the body is not the JSON object that this call takes"},
		"garbage behind the object":            {`{"files":{}} x-secret`, "the body is not JSON (at byte 13)"},
		"files that are a list":                {`{"files":["x-secret"]}`, "files must be an object of files by path"},
		"excludes that are a string":           {`{"excludes":"x-secret"}`, "excludes must be a list of strings"},
		"inputSecrets that are a list":         {`{"inputSecrets":["x-secret"]}`, "inputSecrets must hold lists of {id, name, type, value}"},
		"strict that is a word":                {`{"strict":"x-secret"}`, "strict must be true or false"},
		"the same member twice":                {`{"excludes":[],"excludes":["x-secret"]}`, `the body has the member "excludes" twice`},
		"more files than are allowed":          {`{"files":{"a.json":{},"b.json":{},"c.json":{},"d.json":{}}}`, "the snapshot has more than 3 files"},
		"a file that nests 100,000 deep":       {`{"files":{"a.json":{"a":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `}}}`, "the body is nested too deeply"},
		"an unknown member of 100,000 deep":    {`{"later":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `}`, "the body is nested too deeply"},
		"a body that ends inside of a string":  {`{"files":{"a.json":{"a":"x-sec`, "the body is not JSON (at byte 30)"},
		"an escape that is none, in some text": {`{"message":"\x"}`, "the body is not JSON (at byte 12)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			up, err := Decode(strings.NewReader(tt.body), 3)
			var f *fault.Error
			if !errors.As(err, &f) || up != nil {
				t.Fatalf("got %v, %v, want a fault", up, err)
			}
			if f.Message != tt.want {
				t.Errorf("message %q, want %q", f.Message, tt.want)
			}
		})
	}
}

func TestFilesThatAreRefused(t *testing.T) {
	t.Parallel()
	file := func(path, value string) string { return `{"files":{"` + path + `":` + value + `}}` }
	for name, tt := range map[string]struct {
		body string
		want []string
	}{
		"a document that is a list":            {file("a.json", `["x-secret"]`), []string{`error file_type a.json: a .json file must be a JSON object, this is a list`}},
		"a document that is a string":          {file("a.json", `"x-secret"`), []string{`error file_type a.json: a .json file must be a JSON object, this is a string`}},
		"a document that is null":              {file("a.json", `null`), []string{`error file_type a.json: a .json file must be a JSON object, this is null`}},
		"a text that is an object":             {file("a.txt", `{"a":"x-secret"}`), []string{`error file_type a.txt: the file must be a string, this is an object (only .json files hold objects)`}},
		"a text that is a number":              {file("a.html", `17`), []string{`error file_type a.html: the file must be a string, this is a number (only .json files hold objects)`}},
		"a member twice in a file":             {file("a.json", `{"b":{"x-a":1,"x-a":2}}`), []string{`error duplicate_member a.json#/b/x-a: the member is there twice (remove one of the two)`}},
		"the same path twice":                  {`{"files":{"a.json":{"a":1},"\u0061.json":{"a":2}}}`, []string{`error file_twice a.json: the file is there twice (remove one of the two)`}},
		"a path that climbs":                   {file("a/../../b.json", `{}`), []string{`error path a/../../b.json: the path climbs with ".."`}},
		"a path that is absolute":              {file("/etc/passwd", `""`), []string{`error path /etc/passwd: the path is absolute; paths are relative to the root of the snapshot`}},
		"a path with a backslash":              {file(`a\\b.json`, `{}`), []string{`error path a\b.json: the path has a backslash; paths use "/"`}},
		"a path with a NUL":                    {file(`a\u0000.json`, `{}`), []string{"error path a\uFFFD.json: the path has a control character"}},
		"a path with an empty segment":         {file("a//b.json", `{}`), []string{`error path a//b.json: the path has an empty segment`}},
		"a path that ends with a slash":        {file("a/", `""`), []string{`error path a/: the path has an empty segment`}},
		"a path with a dot alone":              {file("./a.json", `{}`), []string{`error path ./a.json: the path has an empty segment`}},
		"an empty path":                        {file("", `{}`), []string{`error path the path is empty`}},
		"a path that is too long":              {file(strings.Repeat("a/", 600)+"b.json", `{}`), []string{`error path ` + strings.Repeat("a/", 60) + `…: the path is too long`}},
		"a segment that is too long":           {file(strings.Repeat("a", 256), `""`), []string{`error path ` + strings.Repeat("a", 120) + `…: the path has a segment that is too long`}},
		"paths that differ in case only":       {`{"files":{"A.json":{},"a.json":{}}}`, []string{`error path_case a.json: the path differs from "A.json" in case only (rename one of the two)`}},
		"paths that a file system folds":       {`{"files":{"k.json":{},"\u212a.json":{}}}`, []string{"error path_case \u212a.json: the path differs from \"k.json\" in case only (rename one of the two)"}},
		"a file that is a folder too":          {`{"files":{"a.json":{},"a.json/b.json":{}}}`, []string{`error path a.json/b.json: the path goes through "a.json", which is a file`}},
		"a file that is a folder in capitals":  {`{"files":{"a.json":{},"A.JSON/b.json":{}}}`, []string{`error path A.JSON/b.json: the path goes through "a.json", which is a file`}},
		"invalid UTF-8 in a path":              {file("a\xff.json", `{}`), []string{"error path a\uFFFD.json: the path is not valid UTF-8"}},
		"invalid UTF-8 in a key":               {file("a.json", "{\"x\xff\":1}"), []string{`error utf8 a.json: the text is not valid UTF-8`}},
		"invalid UTF-8 in a value":             {file("a.json", "{\"b\":\"x\xff\"}"), []string{`error utf8 a.json#/b: the text is not valid UTF-8`}},
		"invalid UTF-8 in a text":              {file("a.txt", "\"x\xff\""), []string{`error utf8 a.txt: the text is not valid UTF-8`}},
		"half of a surrogate pair":             {file("a.json", `{"b":"\ud800"}`), []string{`error utf8 a.json#/b: the text is not valid UTF-8`}},
		"an integer beyond 2^53":               {file("a.json", `{"b":[9007199254740993]}`), []string{tooLarge("/b/0")}},
		"an integer beyond 2^53 as a fraction": {file("a.json", `{"b":9007199254740993.0}`), []string{tooLarge("/b")}},
		"an integer beyond 2^53 by exponent":   {file("a.json", `{"b":1e20}`), []string{tooLarge("/b")}},
		"a number beyond all":                  {file("a.json", `{"b":-1e999}`), []string{tooLarge("/b")}},
		"a name of 1,001 bytes":                {file("a.json", `{"a":{"`+strings.Repeat("n", 1001)+`" :1}}`), []string{`error length a.json: the document has a name of 1001 bytes, and 1000 are the most`}},
		"a document that nests too deep":       {file("a.json", `{"a":`+strings.Repeat("[", 500)+strings.Repeat("]", 500)+`}`), []string{`error json a.json: the document is nested too deeply (at most 500 levels)`}},
		"an image that is not base64":          {file("a.png", `"x-secret"`), []string{`error base64 a.png: the file is not base64 (images travel as standard base64 with padding)`}},
		"an image with a line break":           {file("a.png", `"eA\n=="`), []string{`error base64 a.png: the file is not base64 (images travel as standard base64 with padding)`}},
		"an image that ends in loose bits":     {file("a.png", `"eB=="`), []string{`error base64 a.png: the file is not base64 (images travel as standard base64 with padding)`}},
		"the largest numbers":                  {file("a.json", `{"b":[9007199254740991,-9007199254740991,0.1,1e-7]}`), nil},
		"null instead of files":                {`{"files":null,"excludes":null,"inputSecrets":null,"strict":null,"later":[1]}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			up, err := Decode(strings.NewReader(tt.body), 10)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, lines(up.Problems)); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

func tooLarge(pointer string) string {
	return `error number a.json#` + pointer + `: the number is beyond what every JSON reader keeps (2^53 - 1) (write it as a string, or with fewer digits)`
}

func TestABodyThatIsRead(t *testing.T) {
	t.Parallel()
	up, err := Decode(strings.NewReader(`{"files":{"b.json":{"z":1.0,"a":"\u003c"},"a.txt":"t","i.png":"eA=="},"excludes":["flows"],
		"inputSecrets":{"connectors":[{"id":"CI1","name":"N","type":"password","value":"x-secret"}]},"strict":true,"allowMovedSecrets":true,"message":"m"}`), 3)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Files{"b.json": []byte(`{"a":"<","z":1}`), "a.txt": []byte("t"), "i.png": []byte("x")}, up.Files); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if len(up.Secrets) != 1 || up.Secrets[0].Value.Reveal() != "x-secret" || up.Secrets[0].Group != "connectors" {
		t.Errorf("secrets %+v", up.Secrets)
	}
	if !up.Strict || !up.AllowMoved || up.Message != "m" || !cmp.Equal(up.Excludes, []string{"flows"}) || up.Problems != nil {
		t.Errorf("got %+v", up)
	}
}

// A document that is known from another upload is looked at for what stands in it for
// something else, like any other, and so is one that is likely to be there.
func TestWhatIsKnownStandsForSomethingElse(t *testing.T) {
	t.Parallel()
	body := `{"files":{"snapshot.json":{"version":5},"roles.json":{"roles":[{"description":"asset:long.txt","name":"${environment.role}","permissions":[]}]},
		"assets/long.txt":"a long text","environments/staging.json":{"role":"Judge"}},"environment":"staging"}`
	cache, likely := &Cache{}, Tree(nil)
	for _, when := range []string{"it is new", "it is known", "it is likely"} {
		up, err := cache.Decode(strings.NewReader(body), 10, likely)
		if err != nil {
			t.Fatal(err)
		}
		likely = map[string]Tree{"it is new": nil, "it is known": {"roles.json": Sum(up.Files["roles.json"])}}[when]
		out, err := Check(up, Base{}, cache)
		if err != nil || out.Failed() {
			t.Fatalf("where %s: %v %v", when, err, out.Problems)
		}
		if got := string(out.Fresh[out.Tree["roles.json"]]); !strings.Contains(got, "a long text") || !strings.Contains(got, "Judge") {
			t.Errorf("where %s, it becomes %s", when, got)
		}
	}
}

// pack writes a zip archive of "path=content"; a content of "->x" is a link.
func pack(t testing.TB, entries ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, entry := range entries {
		path, content, _ := strings.Cut(entry, "=")
		h := &zip.FileHeader{Name: path, Method: zip.Deflate}
		if strings.HasPrefix(content, "->") {
			h.SetMode(fs.ModeSymlink | 0o777)
		}
		f, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(strings.TrimPrefix(content, "->"))); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestArchives(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		archive  []byte
		want     []string // paths
		problems []string
		err      string
	}{
		"files at the root": {pack(t, `snapshot.json={"version":5}`, "auth/=", `auth/otp.json={}`), []string{"auth/otp.json", "snapshot.json"}, nil, ""},
		"a folder at the root, with something beside it": {
			pack(t, `shop/snapshot.json={"version":5}`, `shop/auth/otp.json={}`, `readme.txt=x`, `other/snapshot.json={}`), []string{"auth/otp.json", "snapshot.json"}, nil, "",
		},
		"what a Mac leaves behind": {
			pack(t, `snapshot.json={}`, `__MACOSX/snapshot.json=x`, `.DS_Store=x`, `.git/config.json=x`, `notes.md=x`), []string{"snapshot.json"}, nil, "",
		},
		"the same name twice":       {pack(t, `a.json={}`, `a.json={}`), []string{"a.json"}, []string{`error file_twice a.json: the file is there twice (remove one of the two)`}, ""},
		"a link":                    {pack(t, `a.json=->/etc/passwd`), nil, []string{`error path a.json: the archive has a link or a special file here (put the file itself into the archive)`}, ""},
		"a path that climbs":        {pack(t, `../a.json={}`), nil, []string{`error path ../a.json: the path climbs with ".."`}, ""},
		"a path that is absolute":   {pack(t, `/a.json={}`), nil, []string{`error path /a.json: the path is absolute; paths are relative to the root of the snapshot`}, ""},
		"a path with a backslash":   {pack(t, `a\..\b.json={}`), nil, []string{`error path a\..\b.json: the path has a backslash; paths use "/"`}, ""},
		"a document that is none":   {pack(t, `a.json=x-secret`), nil, []string{`error file_type a.json: a .json file must be a JSON object`}, ""},
		"something behind a object": {pack(t, `a.json={} {}`), nil, []string{`error json a.json: something follows the end of the document (keep one document in the file)`}, ""},
		"a text that is not UTF-8":  {pack(t, "a.txt=\xff"), nil, []string{`error utf8 a.txt: the text is not valid UTF-8`}, ""},
		"a bomb":                    {pack(t, `a.txt=`+strings.Repeat("a", 1_000_000)), nil, nil, "the archive is too large when unpacked"},
		"a bomb in parts":           {pack(t, `a.txt=`+strings.Repeat("a", 600), `b.txt=`+strings.Repeat("b", 600)), nil, nil, "the archive is too large when unpacked"},
		"too many files":            {pack(t, `a.json={}`, `b.json={}`, `c.json={}`, `d.json={}`, `e.json={}`, `f.json={}`, `g.json={}`), nil, nil, "the archive has more than 6 files"},
		"nothing of a snapshot":     {pack(t, `notes.md=x`), nil, nil, "the archive holds no snapshot: it has no .json file"},
		"no archive":                {[]byte("x-secret"), nil, nil, "the archive is not a zip file, or is damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files, found, err := readZip(bytes.NewReader(tt.archive), int64(len(tt.archive)), 1000, 6)
			var f *fault.Error
			if tt.err != "" {
				if !errors.As(err, &f) || f.Message != tt.err {
					t.Errorf("error %v, want a fault %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, append([]string(nil), files.Paths()...)); diff != "" {
				t.Errorf("paths (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.problems, lines(found)); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}
