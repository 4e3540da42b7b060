package snapshot

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// part cuts the stored files in two: what an exclude key leaves untouched, and
// the rest. It reads the table, so a new section or key is held to the same.
func part(t *testing.T, files Files, key string) (inside, outside map[string]string) {
	t.Helper()
	inside, outside = map[string]string{}, map[string]string{}
	for path, content := range files {
		at, ok := locate(path)
		if ok && at.Section.Name == key {
			inside[path] = string(content)
			continue
		}
		s := schemaOf(at.File)
		if s == nil {
			outside[path] = string(content)
			continue
		}
		v, err := parse(content)
		if err != nil {
			t.Fatal(err)
		}
		doc, _ := v.(map[string]any)
		kept := map[string]any{}
		for member, p := range s.Properties {
			if value, there := doc[member]; there && slices.Contains(keywordsOf(p).Exclude, key) {
				kept[member] = value
				delete(doc, member)
			}
		}
		if len(kept) > 0 {
			inside[path] = string(render(kept))
		}
		outside[path] = string(render(doc))
	}
	return inside, outside
}

func TestAnExcludedPartStaysAndTheRestIsImported(t *testing.T) {
	t.Parallel()
	whole := overShop(t, "")
	shop := shopWithNotes(t)
	for _, key := range ExcludeKeys() {
		t.Run(key, func(t *testing.T) {
			t.Parallel()
			g := overShop(t, key)
			was, _ := part(t, shop.files(), key)
			now, rest := part(t, g.files(), key)
			there, want := part(t, whole.files(), key)
			if key == "project.conformanceJwt" {
				was = nil // what it meant is no part any more
			} else if cmp.Equal(was, there) {
				t.Errorf("edge and shop do not differ in it, so this proves nothing: %s", strings.Join(slices.Sorted(maps.Keys(was)), " "))
			}
			if diff := cmp.Diff(was, now); diff != "" && len(was)+len(now) > 0 {
				t.Errorf("the excluded part (-before +after):\n%s", diff)
			}
			if diff := cmp.Diff(want, rest); diff != "" {
				t.Errorf("the rest (-without the key +with it):\n%s", diff)
			}
		})
	}
}

// overShop imports edge over shop.
func overShop(t *testing.T, exclude string) *target {
	t.Helper()
	g := shopWithNotes(t)
	up := example(t, "edge")
	up.Files["assets/notes.txt"] = []byte("notes of the edge")
	if exclude != "" {
		up.Excludes = []string{exclude}
	}
	g.apply(t, up)
	return g
}

// shopWithNotes is the shop with an asset that no document holds.
func shopWithNotes(t *testing.T) *target {
	t.Helper()
	g := newTarget()
	up := example(t, "shop")
	up.Files["assets/notes.txt"] = []byte("notes of the shop")
	g.apply(t, up)
	return g
}

func TestSecretsOfAnExcludedPartStay(t *testing.T) {
	t.Parallel()
	of := func(g *target, kind string) []string {
		return slices.DeleteFunc(g.secrets(), func(s string) bool { return !strings.HasPrefix(s, kind+"/") })
	}
	for key, kind := range map[string]string{"connectors": "connector", "oauth": "oauthProvider", "outboundApps": "outboundApp"} {
		t.Run(key, func(t *testing.T) {
			t.Parallel()
			want := of(shopWithNotes(t), kind)
			if len(want) == 0 || cmp.Equal(want, of(overShop(t, ""), kind)) {
				t.Fatalf("an import without the key leaves %v as they are, so this proves nothing", want)
			}
			if diff := cmp.Diff(want, of(overShop(t, key), kind)); diff != "" {
				t.Errorf("secrets (-before +after):\n%s", diff)
			}
		})
	}
}

func TestAnUnknownExcludeKeyIsRefusedWithTheValidOnes(t *testing.T) {
	t.Parallel()
	g := docs{"project.json": `{"domain":"a.example"}`}.given(t)
	up := docs{"project.json": `{"domain":"b.example"}`}.upload(t)
	up.Excludes = []string{"lists", "Flows"}
	out := g.check(t, up)
	wantProblems(t, out, `error unknown_exclude #/excludes/1: the exclude key "Flows" does not exist (did you mean "flows"? valid keys: `+strings.Join(ExcludeKeys(), ", ")+`)`)
	if out.Tree != nil || out.Fresh != nil {
		t.Error("a refused import has an outcome")
	}
}

func TestExcludeKeysAreThoseOfTheWire(t *testing.T) {
	t.Parallel()
	want := strings.Fields(`project project.domain project.trustedDomains project.tokenResponseMethod project.rotateJwt
		project.selfProvisioning project.cookiepolicy project.refreshTokenExpiration project.stepupTokenExpiration
		project.sessionTokenExpiration project.keySessionTokenExpiration project.inviteUrl project.inviteMagicLink
		project.inviteEmail project.inviteSms project.conformanceJwt project.inactivity
		magicLink enchantedLink embeddedLink otp totp sso oauth webauthn password
		styles flows connectors authorization attributes ssoApps lists`)
	keys := ExcludeKeys()
	want = slices.DeleteFunc(want, func(k string) bool { return slices.Contains(keys, k) })
	if len(want) > 0 {
		t.Errorf("the wire has exclude keys that are refused: %v", want)
	}
}
