package snapshot

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func image(mediaType, content string) string {
	return "data:" + mediaType + ";base64," + base64.StdEncoding.EncodeToString([]byte(content))
}

func TestWhichStringsBecomeAssets(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", 256) // 512 bytes
	for name, tt := range map[string]struct {
		key, text, want string
		content         string
	}{
		"a text of 511 bytes stays":              {"body", long[:510] + "a", "", ""},
		"a text of 512 bytes goes":               {"body", long, "body-" + hexSum(long) + ".txt", long},
		"the name is of lower-case letters":      {"--Email_Body 2", long, "emailbody2-" + hexSum(long) + ".txt", long},
		"a page is a file of its own kind":       {"body", "<!DocType HTML>" + long, "body-" + hexSum("<!DocType HTML>"+long) + ".html", "<!DocType HTML>" + long},
		"an image goes however short":            {"logo", image("image/png", "x"), "img-" + hexSum("eA==") + ".png", "x"},
		"an image has the ending of its type":    {"logo", image("image/svg+xml", "<svg/>"), "img-" + hexSum("PHN2Zy8+") + ".svg", "<svg/>"},
		"an image of another type stays":         {"logo", image("image/gif", "x"), "", ""},
		"base64 that is not canonical stays":     {"logo", "data:image/png;base64,eB==", "", ""},
		"base64 with a line break stays":         {"logo", "data:image/png;base64,eA\n==", "", ""},
		"base64 without padding stays":           {"logo", "data:image/png;base64,eA", "", ""},
		"an image with a parameter stays":        {"logo", "data:image/png;charset=x;base64,eA==", "", ""},
		"an image goes beside a slash":           {"logo", image("image/png", "x///"), "img-" + hexSum("eC8vLw==") + ".png", "x///"},
		"a text of 512 bytes goes with a quote":  {"body", `a\"` + long, "body-" + hexSum(`a\"`+long) + ".txt", `a\"` + long},
		"a text of 512 bytes goes with a line":   {"body", "a\n" + long, "body-" + hexSum("a\n"+long) + ".txt", "a\n" + long},
		"a short text stays with a backslash":    {"body", `a\`, "", ""},
		"a long image that does not fit is text": {"logo", "data:image/gif;base64," + long, "logo-" + hexSum("data:image/gif;base64,"+long) + ".txt", "data:image/gif;base64," + long},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := Files{"later/x.json": render(map[string]any{"a": []any{map[string]any{tt.key: tt.text}}})}
			before := string(files["later/x.json"])
			extractAssets(files)
			if tt.want == "" {
				if len(files) != 1 || string(files["later/x.json"]) != before {
					t.Errorf("it became an asset: %v", files.Paths())
				}
				return
			}
			want := map[string]string{
				"later/x.json":       string(render(map[string]any{"a": []any{map[string]any{tt.key: "asset:" + tt.want}}})),
				"assets/" + tt.want:  tt.content,
				"assets/assets.json": string(render(map[string]any{"mapping": map[string]any{"later/x.json": map[string]any{"a": []any{map[string]any{tt.key: tt.want}}}}})),
			}
			got := map[string]string{}
			for path, content := range files {
				got[path] = string(content)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("files (-want +got):\n%s", diff)
			}
			inlineAssets(&Upload{Files: files}, &problems{})
			if diff := cmp.Diff(before, string(files["later/x.json"])); diff != "" || len(files) != 1 {
				t.Errorf("it does not come back (-before +after):\n%s%v", diff, files.Paths())
			}
		})
	}
}

func TestTheIndexHasNullWhereAnItemHasNoAsset(t *testing.T) {
	t.Parallel()
	files := Files{"x.json": []byte(`{"l":[{"a":"s"},{"b":"` + image("image/png", "x") + `","c":1},[]]}`)}
	extractAssets(files)
	want := `{"mapping":{"x.json":{"l":[null,{"b":"img-` + hexSum("eA==") + `.png"},null]}}}`
	if diff := cmp.Diff(want, string(files["assets/assets.json"])); diff != "" {
		t.Errorf("index (-want +got):\n%s", diff)
	}
}

func TestAssetsOfAnUpload(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		upload docs
		want   []string
	}{
		"an asset that is missing is an error with the nearest name": {
			docs{"styles/styles.json": `{"styles":["dark"]}`, "styles/dark.json": `{"globals":{"logo":"asset:lgo.txt"}}`, "assets/logo.txt": "x"},
			[]string{
				`error asset styles/dark.json#/globals/logo: the asset "lgo.txt" is not in the snapshot (did you mean "logo.txt"?)`,
				`warning asset assets/logo.txt: nothing refers to the asset; it is kept and exported again`,
			},
		},
		"an asset cannot refer to another": {
			docs{"styles/styles.json": `{"styles":["dark"]}`, "styles/dark.json": `{"globals":{"logo":"asset:a.txt"}}`, "assets/a.txt": "asset:b.txt"},
			[]string{`error asset assets/a.txt: the content of an asset must not be a reference to another`},
		},
		"the index is no asset": {
			docs{"styles/styles.json": `{"styles":["dark"]}`, "styles/dark.json": `{"globals":{"logo":"asset:assets.json"}}`, "assets/assets.json": `{}`},
			[]string{`error asset styles/dark.json#/globals/logo: the asset "assets.json" is not in the snapshot`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantProblems(t, newTarget().check(t, tt.upload.upload(t)), tt.want...)
		})
	}
}

func style(globals string) docs {
	return docs{"styles/styles.json": `{"styles":["dark"]}`, "styles/dark.json": `{"globals":` + globals + `}`}
}

func TestNamesOfAssets(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("long ", 200)
	derived := "logo-" + hexSum(long) + ".txt"
	index := func(globals string) string {
		return `{"mapping":{"styles/dark.json":{"globals":` + globals + `}}}`
	}
	for name, tt := range map[string]struct {
		uploads []docs
		want    map[string]string // of the export, besides the index of styles
	}{
		"a name of one's own survives": {
			[]docs{style(`{"logo":"asset:mine.txt"}`).with("assets/mine.txt", "short", "assets/assets.json", index(`{"logo":"mine.txt"}`))},
			map[string]string{"styles/dark.json": `{"globals":{"logo":"asset:mine.txt"}}`, "assets/mine.txt": "short", "assets/assets.json": index(`{"logo":"mine.txt"}`)},
		},
		"a name of one's own survives an import of the plain form": {
			[]docs{
				style(`{"logo":"asset:mine.txt"}`).with("assets/mine.txt", "short", "assets/assets.json", index(`{"logo":"mine.txt"}`)),
				style(`{"logo":"short"}`),
			},
			map[string]string{"styles/dark.json": `{"globals":{"logo":"asset:mine.txt"}}`, "assets/mine.txt": "short", "assets/assets.json": index(`{"logo":"mine.txt"}`)},
		},
		"the newline of the official command line is not part of a text": {
			[]docs{style(`{"logo":"asset:`+derived+`"}`).with("assets/"+derived, long+"\n", "assets/assets.json", index(`{"logo":"`+derived+`"}`))},
			map[string]string{"styles/dark.json": `{"globals":{"logo":"asset:` + derived + `"}}`, "assets/" + derived: long, "assets/assets.json": index(`{"logo":"` + derived + `"}`)},
		},
		"a text that changes gives its name up, so that no other text gets it": {
			[]docs{
				style(`{"logo":"asset:mine.txt","mark":"asset:mine.txt"}`).with("assets/mine.txt", "short", "assets/assets.json", index(`{"logo":"mine.txt","mark":"mine.txt"}`)),
				style(`{"logo":"another","mark":"short"}`),
			},
			map[string]string{"styles/dark.json": `{"globals":{"logo":"another","mark":"asset:mine.txt"}}`, "assets/mine.txt": "short", "assets/assets.json": index(`{"mark":"mine.txt"}`)},
		},
		"an upload with an index says all names anew": {
			[]docs{
				style(`{"logo":"asset:mine.txt"}`).with("assets/mine.txt", long, "assets/assets.json", index(`{"logo":"mine.txt"}`)),
				style(`{"logo":"asset:`+derived+`"}`).with("assets/"+derived, long, "assets/assets.json", index(`{"logo":"`+derived+`"}`)),
			},
			map[string]string{"styles/dark.json": `{"globals":{"logo":"asset:` + derived + `"}}`, "assets/" + derived: long, "assets/assets.json": index(`{"logo":"` + derived + `"}`)},
		},
		"an asset that an upload with an index no longer has is removed": {
			[]docs{
				style(`{}`).with("assets/left.txt", "over", "assets/assets.json", `{"mapping":{}}`),
				style(`{"a":1}`).with("assets/assets.json", `{"mapping":{}}`),
			},
			map[string]string{"styles/dark.json": `{"globals":{"a":1}}`, "assets/assets.json": `{"mapping":{}}`},
		},
		"an asset that nothing refers to stays when the upload has no assets": {
			[]docs{style(`{}`).with("assets/left.txt", "over"), style(`{"a":1}`)},
			map[string]string{"styles/dark.json": `{"globals":{"a":1}}`, "assets/left.txt": "over"},
		},
		"names of files that the upload does not have stay": {
			[]docs{
				style(`{"logo":"asset:mine.txt"}`).with("assets/mine.txt", "short", "assets/assets.json", index(`{"logo":"mine.txt"}`)),
				{"later.json": `{"x":"asset:other.txt"}`, "assets/other.txt": "other", "assets/assets.json": `{"mapping":{"later.json":{"x":"other.txt"}}}`},
			},
			map[string]string{
				"styles/dark.json": `{"globals":{"logo":"asset:mine.txt"}}`, "assets/mine.txt": "short", "later.json": `{"x":"asset:other.txt"}`, "assets/other.txt": "other",
				"assets/assets.json": `{"mapping":{"later.json":{"x":"other.txt"},"styles/dark.json":{"globals":{"logo":"mine.txt"}}}}`,
			},
		},
		"a secret takes its name with it": {
			[]docs{mail(`,"password":"asset:pw.txt"`).with("assets/pw.txt", "x-secret", "assets/assets.json", `{"mapping":{"connectors/mail.json":{"configuration":{"password":"pw.txt"}}}}`)},
			map[string]string{"assets/pw.txt": "", "assets/assets.json": ""},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newTarget()
			for _, d := range tt.uploads {
				g.apply(t, d.upload(t))
			}
			got := map[string]string{}
			for path, content := range Render(g.files(), FormatSplit) {
				if _, asked := tt.want[path]; asked || strings.HasPrefix(path, "assets/") {
					got[path] = string(content)
				}
			}
			for path, content := range tt.want {
				if content == "" && got[path] == "" {
					got[path] = ""
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("export (-want +got):\n%s", diff)
			}
			for _, format := range []Format{FormatSplit, FormatPlain} {
				if out := g.apply(t, again(g.files(), format)); len(out.Changes) > 0 {
					t.Errorf("importing its own export in format %q changes %v", format, out.Changes)
				}
			}
		})
	}
}

func TestAFolderHoldsTextsAsTheyAre(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("long ", 200)
	files := Files{"assets/body-" + hexSum(long) + ".txt": []byte(long), "assets/mine.txt": []byte("short"), "x.json": []byte(`{"a":"<b>"}`)}
	dir := t.TempDir()
	if out, err := WriteFolder(dir, files); err != nil || len(out) > 0 {
		t.Fatal(out, err)
	}
	back, found, err := ReadFolder(dir)
	if err != nil || len(found) > 0 {
		t.Fatal(err, found)
	}
	want := Files{"assets/body-" + hexSum(long) + ".txt": []byte(long + "\n"), "assets/mine.txt": []byte("short"), "x.json": []byte(`{"a":"<b>"}`)}
	if diff := cmp.Diff(want, back); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func TestAnotherTextDoesNotTakeTheNameOfAnAsset(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("long ", 200)
	name := "assets/logo-" + hexSum(long) + ".txt"
	files := Files{"x.json": render(map[string]any{"logo": long}), name: []byte("another text")}
	extractAssets(files)
	if string(files[name]) != "another text" || !slices.Contains([]string{long}, lookupPointer(mustParse(t, files["x.json"]), "/logo").(string)) {
		t.Errorf("an asset was overwritten: %s", files[name])
	}
}

func mustParse(t testing.TB, doc []byte) any {
	t.Helper()
	v, err := parse(doc)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// An asset that nothing refers to takes the name that the target gave to another
// text. An export cannot give it to both, so the index must not say it of both.
func TestALooseAssetTakesTheNameOfAText(t *testing.T) {
	t.Parallel()
	g := newTarget()
	g.apply(t, &Upload{Files: Files{
		"later/x.json": []byte(`{"body":"asset:mine.txt"}`), "assets/mine.txt": []byte(strings.Repeat("one ", 200)),
	}})
	g.apply(t, &Upload{Files: Files{"assets/mine.txt": []byte("two")}})
	for _, format := range []Format{FormatSplit, FormatPlain} {
		out := g.check(t, again(g.files(), format))
		if out.Failed() || len(out.Changes) > 0 {
			t.Errorf("importing its own export in format %q changes %v: %v", format, out.Changes, lines(out.Problems))
		}
	}
	files := Render(g.files(), FormatSplit)
	if got := string(files["assets/mine.txt"]); got != "two" {
		t.Errorf("the loose asset is %q", got)
	}
}
