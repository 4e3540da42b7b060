package infra_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"postern/internal/infra"
	"postern/internal/snapshot"
	"postern/internal/testkit"
)

// What anybody sends is translated or refused, and what is refused is placed.
func FuzzWrite(f *testing.F) {
	var current []snapshot.Files
	for _, s := range []testkit.Sample{testkit.Shop(f), {Files: snapshot.Files{}}} {
		files := s.Files
		if out, err := snapshot.Check(s.Upload(), snapshot.Base{}, &snapshot.Cache{}); err == nil && !out.Failed() {
			files = snapshot.Files{} // as they are stored: with their assets inside
			for path, digest := range out.Tree {
				files[path] = out.Fresh[digest]
			}
		}
		current = append(current, files)
		data, err := json.Marshal(infra.Read(files), json.Deterministic(true))
		if err != nil {
			f.Fatal(err)
		}
		if len(data) < 64<<10 {
			f.Add(data)
		}
	}
	for _, seed := range []string{
		`{"settings":{"inviteEmailTemplates":[{"name":"a"}],"inviteEmailProviderId":"ref:connector:1"},"connectors":{"smtp":[{"id":"ref:connector:1","name":"Connectors","configuration":null}]}}`,
		`{"flows":{"a":{"metadata":{},"contents":{"tasks":{"1":{"screenId":"SC1"}}},"screens":[{"screenId":"SC1"},{},{"screenId":""}]}},"widgets":{"w":{"metadata":{"flowsIds":[1]},"flows":[{"flowId":"x"}],"screens":null}}}`,
		`{"applications":{"oidc":[{"name":"A","oidc":{},"roles":[{"name":"r","permissions":null}]},null],"saml":[{"saml":[]}]},"jwtTemplates":{"userTemplates":[{"id":"ref:jwttemplate:1"},{"id":"ref:jwttemplate:1"}]}}`,
		`{"styles":{"data":{"styles":{"../x":{},"a":1}}},"authorization":{"fga":1},"adminportal":{"config":null},"lists":[{"data":{}}],"tags":[1],"name":2}`,
		`{"authentication":{"oauth":{"providerSettings":{"apple":[],"x":{"userDataClaimsMapping":{"email":"e"}}}},"otp":{"emailTemplates":[1],"textTemplates":{}}}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, files := range current {
			req, err := infra.Write(jsontext.Value(data), files)
			if err != nil {
				continue
			}
			out, err := snapshot.Check(req.Upload, snapshot.Base{}, &snapshot.Cache{})
			if err != nil {
				t.Fatal(err)
			}
			text := infra.Text(req.Place(out.Problems), 20)
			if out.Failed() && strings.TrimSpace(text) == "" {
				t.Errorf("refused without a word: %v", out.Problems)
			}
		}
	})
}

// A file that the table names must be one that snapshots have.
func TestAreasNameFilesOfTheTable(t *testing.T) {
	t.Parallel()
	shop := testkit.Shop(t)
	req, err := infra.Write(jsontext.Value(must(t, infra.Read(shop.Files))), shop.Files)
	if err != nil {
		t.Fatal(err)
	}
	for path := range req.Upload.Files {
		if _, there := shop.Files[path]; !there && filepath.Dir(path) != "assets" {
			t.Errorf("%s is no file of the shop", path)
		}
	}
}

func must(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
